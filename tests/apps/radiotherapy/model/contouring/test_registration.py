"""One made chest fitted onto another: their bodies are ellipses of known half axes, so the stretch is known."""

from __future__ import annotations

import numpy as np
import pytest
from demo.radiotherapy.thorax import Thorax, thorax_grid

from tests.apps.radiotherapy.model.contouring.made import CORONAL, dice
from tianfu.apps.radiotherapy.model.contouring.levels import ADULT
from tianfu.apps.radiotherapy.model.contouring.orders import patient_order
from tianfu.apps.radiotherapy.model.contouring.registration import affine, fitted, prepared, sitk, warped
from tianfu.kernel.refusal import Refusal
from tianfu.standards.dicom.grids import Volume

GRID = thorax_grid(spacing_mm=(8.0, 8.0, 8.0))


@pytest.fixture(autouse=True)
def _registration() -> None:
    pytest.importorskip("SimpleITK")


@pytest.mark.parametrize(
    "other",
    [
        Thorax(half_x_mm=150, lungs_apart_mm=145),
        Thorax(half_x_mm=170, lungs_apart_mm=155),
        Thorax(half_x_mm=130, half_y_mm=130, lungs_mm=(45, 60, 70), lungs_apart_mm=120),
    ],
)
def test_a_stretched_chest_is_stretched_back(other: Thorax) -> None:
    """The matrix has the ratios of the half axes, but for a tenth: lungs and spine are stretched otherwise."""
    fixed, moving = (prepared(each.ct(GRID, seed=1), working_mm=6.0, levels=ADULT) for each in (Thorax(), other))
    matrix = np.array(affine(fixed, moving).GetParameters()[:9]).reshape(3, 3)
    assert np.diag(matrix)[:2] == pytest.approx([other.half_x_mm / 160, other.half_y_mm / 105], abs=0.1)
    body = warped(moving.body, fixed.image, fitted(fixed, moving)) >= 0.5
    assert dice(body, sitk().GetArrayFromImage(fixed.body) >= 0.5) >= 0.98


def test_a_chest_on_coronal_slices_lies_where_it_lies_on_transverse_ones() -> None:
    turned = thorax_grid(spacing_mm=(8.0, 8.0, 8.0), axes=CORONAL)
    fixed, moving = (prepared(Thorax().ct(grid, seed=2), working_mm=6.0, levels=ADULT) for grid in (GRID, turned))
    body = warped(moving.body, fixed.image, sitk().Transform()) >= 0.5
    assert patient_order(turned).axes != patient_order(GRID).axes
    assert dice(body, sitk().GetArrayFromImage(fixed.body) >= 0.5) >= 0.98


def test_nobody_on_a_ct_cannot_be_fitted() -> None:
    with pytest.raises(Refusal, match="contouring-no-body"):
        prepared(Volume(grid=GRID, values=np.full(GRID.shape, -1000, np.int16)), working_mm=6.0, levels=ADULT)
