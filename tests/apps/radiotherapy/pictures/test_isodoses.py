"""Isodose lines of doses that are formulas."""

from __future__ import annotations

import numpy as np
import pytest
from demo.radiotherapy.phantoms import LinearDose, RadialDose, closed_dose

from tests.apps.radiotherapy.pictures.sights import MIDDLE, ORIENTATIONS, grid_about
from tianfu.apps.radiotherapy.pictures.frames import PlaneKind, plane_frame
from tianfu.apps.radiotherapy.pictures.isodoses import isodoses_in
from tianfu.kernel.refusal import Refusal
from tianfu.standards.dicom.grids import Floats, Grid, Volume

FRAME = plane_frame(grid_about(np.eye(3)), PlaneKind.AXIAL, float(MIDDLE[2]))


def dose_grid(axes: Floats, *, side_mm: float = 60.0) -> Grid:
    """Coarser than the image and beside its voxels."""
    count = round(side_mm / 2.5) + 1
    origin = MIDDLE + 0.7 - (np.full(3, side_mm / 2)) @ axes
    return Grid(origin=origin, axes=axes, spacing=np.full(3, 2.5), shape=(count, count, count))


@pytest.mark.parametrize("axes", ORIENTATIONS.values(), ids=ORIENTATIONS.keys())
def test_the_isodose_of_a_gradient_lies_at_its_place(axes: Floats) -> None:
    """20 Gy + 0.5 Gy / mm times x is 50 % of 60 Gy at x = 20 mm, along all of the dose grid."""
    dose = closed_dose(LinearDose(middle_gy=20.0, gy_per_mm=(0.5, 0, 0)), dose_grid(axes))
    (isodose,) = isodoses_in(dose, FRAME, [50.0], reference_gy=60.0)
    (line,) = isodose.open_lines
    assert isodose.rings == ()
    np.testing.assert_allclose(FRAME.patient(line)[:, 0], 20.0, atol=1e-4)
    assert np.ptp(FRAME.patient(line)[:, 1]) == pytest.approx(60.0, abs=2 * FRAME.mm_per_px)


@pytest.mark.parametrize("kind", PlaneKind)
def test_the_isodose_of_a_bell_is_a_circle(kind: PlaneKind) -> None:
    """60 Gy exp(-r^2 / 2 s^2) is half of that at r = s sqrt(2 ln 2); trilinear at 2.5 mm loses 0.1 mm of it."""
    middle, spread = np.zeros(3), 20.0
    grid = Grid(origin=np.full(3, -40.0), axes=np.eye(3), spacing=np.full(3, 2.5), shape=(33, 33, 33))
    image = Grid(origin=np.full(3, -45.0), axes=np.eye(3), spacing=np.array([1.0, 1.0, 3.0]), shape=(31, 91, 91))
    frame = plane_frame(image, kind, 0.0)
    dose = closed_dose(RadialDose(peak_gy=60.0, spread_mm=spread), grid)
    (isodose,) = isodoses_in(dose, frame, [50.0], reference_gy=60.0)
    (ring,) = isodose.rings
    distances = np.linalg.norm(frame.patient(ring) - middle, axis=1)
    np.testing.assert_allclose(distances, spread * np.sqrt(2 * np.log(2)), atol=0.15)


def test_the_rim_of_the_dose_grid_is_no_isodose() -> None:
    """A dose above the level as far as it is known has no line at all."""
    dose = closed_dose(LinearDose(middle_gy=50.0, gy_per_mm=(0.01, 0, 0)), dose_grid(np.eye(3)))
    (isodose,) = isodoses_in(dose, FRAME, [50.0], reference_gy=60.0)
    assert isodose.rings == isodose.open_lines == ()


def test_a_level_that_is_not_reached_has_no_line_and_keeps_its_place() -> None:
    dose = closed_dose(LinearDose(middle_gy=20.0, gy_per_mm=(0.5, 0, 0)), dose_grid(np.eye(3)))
    found = isodoses_in(dose, FRAME, [105.0, 50.0], reference_gy=60.0)
    assert [each.percent for each in found] == [105.0, 50.0]
    assert found[0].open_lines == ()


def test_a_dose_beside_the_picture_has_no_lines() -> None:
    grid = Grid(origin=MIDDLE + 500, axes=np.eye(3), spacing=np.ones(3), shape=(3, 3, 3))
    (isodose,) = isodoses_in(Volume(grid=grid, values=np.ones((3, 3, 3))), FRAME, [50.0], reference_gy=1.0)
    assert isodose.rings == isodose.open_lines == ()


@pytest.mark.parametrize(
    ("percent", "reference_gy", "code"),
    [
        (50.0, 0.0, "isodose-reference-not-positive"),
        (50.0, np.nan, "isodose-reference-not-positive"),
        (0.0, 60.0, "isodose-level-out-of-range"),
        (np.inf, 60.0, "isodose-level-out-of-range"),
    ],
)
def test_a_level_of_nothing_is_refused(percent: float, reference_gy: float, code: str) -> None:
    dose = closed_dose(LinearDose(middle_gy=20.0, gy_per_mm=(0, 0, 0)), dose_grid(np.eye(3)))
    with pytest.raises(Refusal, match=code):
        isodoses_in(dose, FRAME, [percent], reference_gy=reference_gy)


def test_a_dose_of_one_plane_is_refused() -> None:
    grid = Grid(origin=MIDDLE - 5, axes=np.eye(3), spacing=np.ones(3), shape=(1, 9, 9))
    with pytest.raises(Refusal, match="dose-of-one-plane"):
        isodoses_in(Volume(grid=grid, values=np.ones((1, 9, 9))), FRAME, [50.0], reference_gy=1.0)
