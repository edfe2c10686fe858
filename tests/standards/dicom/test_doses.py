from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom import dcmread
from pydicom.dataset import Dataset

from tests.standards.dicom.made_objects import ORIENTATIONS, PYDICOMS, VOXELS_MAX, decoded, dose, grid
from tianfu.kernel.refusal import Refusal
from tianfu.standards.dicom.doses import Dose, plane_offsets, read_dose, write_dose
from tianfu.standards.dicom.encoding import Decoded
from tianfu.standards.dicom.grids import Volume


def written(value: Dose | None = None) -> Decoded:
    return decoded(write_dose(value or dose()))


def read(one: Decoded) -> Dose:
    return read_dose(one, voxels_max=VOXELS_MAX).value


def refusal_of(one: Decoded, voxels_max: int = VOXELS_MAX) -> str:
    with pytest.raises(Refusal) as refused:
        read_dose(one, voxels_max=voxels_max)
    return refused.value.code


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_a_dose_of_any_orientation_comes_back(orientation: str) -> None:
    value = dose(orientation)
    again = read(written(value))
    assert again.volume.grid.is_same(value.volume.grid, within_mm=1e-6)
    assert np.abs(again.volume.values - value.volume.values).max() < 1e-5
    assert replace(again, volume=value.volume) == value


@pytest.mark.slow  # a hundred files are written and read
@settings(deadline=None)
@given(
    largest=st.floats(1e-6, 200),
    spacing=st.tuples(*[st.floats(0.5, 6)] * 3),
    origin=st.tuples(*[st.floats(-999, 999)] * 3),
    seed=st.integers(0, 99),
)
def test_any_dose_comes_back_to_a_millionth(
    largest: float, spacing: tuple[float, float, float], origin: tuple[float, float, float], seed: int
) -> None:
    where = grid("oblique", spacing=spacing, origin=origin)
    values = (np.random.default_rng(seed).random(where.shape) * largest).astype(np.float32)
    again = read(written(replace(dose(), volume=Volume(grid=where, values=values))))
    assert again.volume.grid.is_same(where, within_mm=1e-6)
    assert np.abs(again.volume.values - values).max() <= 1e-6 * largest


def test_fraction_group_and_beams_come_back() -> None:
    value = replace(dose(), summation="BEAM", fraction_group=1, beams=(1, 2))
    again = read(written(value))
    assert (again.fraction_group, again.beams) == (1, (1, 2))


def test_a_dose_of_zero_comes_back() -> None:
    empty = replace(dose(), volume=Volume(grid=grid(), values=np.zeros(grid().shape, np.float32)))
    assert not read(written(empty)).volume.values.any()


@pytest.mark.parametrize("name", ["rtdose.dcm", "rtdose_expb.dcm", "rtdose_rle.dcm"])
def test_pydicoms_doses_have_the_values_that_pydicom_gives(name: str) -> None:
    """They state relative units; only for this test do they state gray."""
    one = decoded((PYDICOMS / name).read_bytes())
    assert refusal_of(one) == "dose-not-in-gray"
    one.dataset.DoseUnits = "GY"
    other = dcmread(PYDICOMS / "rtdose.dcm")
    values = other.pixel_array * float(other.DoseGridScaling)
    assert np.allclose(read(one).volume.values, values, rtol=1e-6)


def test_offsets_that_start_at_zero_are_relative() -> None:
    """PS3.3 C.8.8.3.2 a."""
    offsets = plane_offsets(np.array([0.0, 2, 4]), np.array([1.0, 2, -50]), np.eye(3))
    assert offsets.tolist() == [0, 2, 4]


@pytest.mark.parametrize(("direction", "expected"), [(1.0, [0, 2, 4]), (-1.0, [0, -2, -4])])
def test_offsets_that_start_at_the_first_planes_z_are_positions(direction: float, expected: list[float]) -> None:
    """PS3.3 C.8.8.3.2 b: patient z; along a normal to the feet they run the other way."""
    axes = np.diag([direction, 1.0, direction])
    assert plane_offsets(np.array([-50.0, -48, -46]), np.array([1.0, 2, -50]), axes).tolist() == expected


def test_offsets_that_are_neither_are_refused() -> None:
    one = written()
    one.dataset.GridFrameOffsetVector = [7, 9.5, 12, 14.5]
    assert refusal_of(one) == "dose-offsets-unclear"


@pytest.mark.parametrize("orientation", ["sagittal", "coronal"])
def test_positions_along_z_are_refused_for_planes_that_are_not_transverse(orientation: str) -> None:
    one = written(dose(orientation))
    z = float(one.dataset.ImagePositionPatient[2])
    one.dataset.GridFrameOffsetVector = [z, z + 2.5, z + 5, z + 7.5]
    assert refusal_of(one) == "dose-offsets-unclear"


@pytest.mark.parametrize("is_absolute", [True, False])
def test_planes_in_falling_order_are_turned_round(is_absolute: bool) -> None:
    value = dose()
    one = written(value)
    top = value.volume.grid.origin + value.volume.grid.axes[2] * 7.5
    first = top[2] if is_absolute else 0.0
    one.dataset.ImagePositionPatient = top.tolist()
    one.dataset.GridFrameOffsetVector = [first, first - 2.5, first - 5, first - 7.5]
    frames = np.frombuffer(one.dataset.PixelData, "<u4").reshape(value.volume.grid.shape)
    one.dataset.PixelData = frames[::-1].tobytes()
    again = read(one)
    assert again.volume.grid.is_same(value.volume.grid, within_mm=1e-6)
    assert np.abs(again.volume.values - value.volume.values).max() < 1e-5


def test_uneven_planes_are_refused() -> None:
    one = written()
    one.dataset.GridFrameOffsetVector = [0, 2.5, 5.1, 7.5]
    assert refusal_of(one) == "dose-offsets-uneven"


def test_planes_at_one_place_are_refused() -> None:
    one = written()
    one.dataset.GridFrameOffsetVector = [0, 0, 0, 0]
    assert refusal_of(one) == "dose-offsets-uneven"


def test_fewer_offsets_than_planes_are_refused() -> None:
    one = written()
    one.dataset.GridFrameOffsetVector = [0, 2.5]
    assert refusal_of(one) == "dicom-attribute-invalid"


@pytest.mark.parametrize("scaling", [0, -1])
def test_a_scaling_that_makes_no_dose_is_refused(scaling: float) -> None:
    one = written()
    one.dataset.DoseGridScaling = scaling
    assert refusal_of(one) == "dose-scaling"


def test_a_dose_too_large_is_refused() -> None:
    assert refusal_of(written(), voxels_max=119) == "dicom-too-many-voxels"


def test_a_dvh_in_the_object_is_told_and_not_read() -> None:
    one = written()
    one.dataset.DVHSequence = [Dataset()]
    assert "dose-holds-dvh" in read_dose(one, voxels_max=VOXELS_MAX).codes()


def test_negative_dose_is_written_for_an_error_only() -> None:
    negative = replace(dose(), volume=Volume(grid=grid(), values=np.full(grid().shape, -1.5, np.float32)))
    with pytest.raises(Refusal, match="dose-negative"):
        write_dose(negative)
    again = read_dose(written(replace(negative, kind="ERROR")), voxels_max=VOXELS_MAX)
    assert np.allclose(again.value.volume.values, -1.5)
    assert {"dose-not-physical", "dose-has-negative"} <= again.codes()


def test_a_reference_without_a_uid_names_no_plan() -> None:
    """So plastimatch writes a dose of which it knows no plan."""
    one = written()
    one.dataset.ReferencedRTPlanSequence[0].ReferencedSOPInstanceUID = ""
    reading = read_dose(one, voxels_max=VOXELS_MAX)
    assert reading.value.plan is None
    assert "dose-without-plan" in reading.codes()
