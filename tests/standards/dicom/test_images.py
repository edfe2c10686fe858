from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom import dcmread
from pydicom.dataset import Dataset

from tests.standards.dicom.made_objects import BYTES_MAX, ORIENTATIONS, PYDICOMS, VOXELS_MAX, decoded, grid, images
from tianfu.kernel.refusal import Refusal
from tianfu.standards.dicom.encoding import Decoded, decode
from tianfu.standards.dicom.grids import Volume
from tianfu.standards.dicom.images import ImageSeries, read_images, write_images

Change = Callable[[list[Dataset]], object]


def slices(series: ImageSeries | None = None) -> list[Decoded]:
    return [decoded(content) for content in write_images(series or images())]


def read(objects: list[Decoded]) -> ImageSeries:
    return read_images(objects, voxels_max=VOXELS_MAX).value


def refusal_of(objects: list[Decoded], voxels_max: int = VOXELS_MAX) -> Refusal:
    with pytest.raises(Refusal) as refused:
        read_images(objects, voxels_max=voxels_max)
    return refused.value


def changed(change: Change) -> list[Decoded]:
    objects = slices()
    change([one.dataset for one in objects])
    return objects


def move(dataset: Dataset, x: float, y: float, z: float) -> None:
    position = [float(value) for value in dataset.ImagePositionPatient]
    dataset.ImagePositionPatient = [a + b for a, b in zip(position, (x, y, z), strict=True)]


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_a_series_of_any_orientation_and_order_comes_back(orientation: str) -> None:
    series = images(orientation)
    objects = slices(series)
    again = read([objects[place] for place in (2, 0, 3, 1)])
    assert again.volume.grid.is_same(series.volume.grid, within_mm=1e-6)
    assert again.volume.values.dtype == np.int16
    assert np.array_equal(again.volume.values, series.volume.values)
    assert replace(again, volume=series.volume) == series


@pytest.mark.slow  # a hundred files are written and read
@settings(deadline=None)
@given(
    intercept=st.integers(-3000, 3000),
    spacing=st.tuples(*[st.floats(0.2, 6)] * 3),
    origin=st.tuples(*[st.floats(-999, 999)] * 3),
    seed=st.integers(0, 99),
)
def test_any_series_comes_back(
    intercept: int, spacing: tuple[float, float, float], origin: tuple[float, float, float], seed: int
) -> None:
    where = grid("oblique", spacing=spacing, origin=origin, shape=(3, 2, 4))
    values = np.random.default_rng(seed).integers(-1000, 3000, where.shape).astype(np.float32) + intercept / 7
    series = replace(
        images(), volume=Volume(grid=where, values=values.astype(np.float32)), instances=("2.1", "2.2", "2.3")
    )
    again = read(slices(series))
    assert again.volume.grid.is_same(where, within_mm=1e-6)
    # Written with 16 bits: an error of half a step of a 65534th of the range.
    step = float(values.max() - values.min()) / 65534
    assert np.abs(again.volume.values - series.volume.values).max() <= step / 2 + 1e-3


def test_values_are_rescaled_slice_by_slice() -> None:
    objects = changed(lambda all_: all_[1].update({"RescaleSlope": "0.5", "RescaleIntercept": "10"}))
    expected = images().volume.values.astype(np.float32)
    expected[1] = expected[1] * 0.5 + 10
    assert np.allclose(read(objects).volume.values, expected)


def test_twelve_bits_that_are_signed_are_read_without_the_others() -> None:
    """PS3.5 8.1.1: 0xF801 with 12 stored bits is 0x801, which is -2047."""

    def store(all_: list[Dataset]) -> None:
        for one in all_:
            one.BitsStored, one.HighBit = 12, 11
            one.PixelData = np.full((5, 6), 0xF801, "<u2").tobytes()

    assert set(np.unique(read(changed(store)).volume.values)) == {-2047}


def test_pydicoms_slice_is_read_with_the_values_that_pydicom_gives() -> None:
    one = decode((PYDICOMS / "CT_small.dcm").read_bytes(), bytes_max=BYTES_MAX)
    reading = read_images([one], voxels_max=VOXELS_MAX)
    assert np.array_equal(reading.value.volume.values[0], dcmread(PYDICOMS / "CT_small.dcm").pixel_array - 1024)
    assert "images-single" in reading.codes()
    assert tuple(reading.value.volume.grid.spacing[:2]) == (0.661468, 0.661468)


def test_columns_and_rows_have_their_own_spacing() -> None:
    """Pixel Spacing says first how far rows are apart, then columns (PS3.3 10.7.1.3)."""
    dataset = slices()[0].dataset
    assert [float(value) for value in dataset.PixelSpacing] == [1.1, 0.9]


MIXTURES: dict[str, Change] = {
    "images-mixed-patients": lambda all_: setattr(all_[2], "PatientID", "B18"),
    "images-mixed-studies": lambda all_: setattr(all_[2], "StudyInstanceUID", "2.25.77"),
    "images-mixed-series": lambda all_: setattr(all_[2], "SeriesInstanceUID", "2.25.77"),
    "images-mixed-frames": lambda all_: setattr(all_[2], "FrameOfReferenceUID", "2.25.77"),
    "images-mixed-orientations": lambda all_: setattr(all_[2], "ImageOrientationPatient", [1, 0, 0, 0, -1, 0]),
    "images-mixed-sizes": lambda all_: setattr(all_[2], "Rows", 4),
    "images-mixed-spacings": lambda all_: setattr(all_[2], "PixelSpacing", [1, 1]),
    "images-not-ct": lambda all_: setattr(all_[2], "SOPClassUID", "1.2.840.10008.5.1.4.1.1.4"),
}


@pytest.mark.parametrize(("code", "change"), MIXTURES.items())
def test_a_mixture_is_refused_with_the_number_of_its_slice(code: str, change: Change) -> None:
    refusal = refusal_of(changed(change))
    assert refusal.code == code
    assert "3" in {refusal.details.get("slices"), refusal.details.get("slice")}


def test_patients_of_one_number_and_two_names_are_refused() -> None:
    assert refusal_of(changed(lambda all_: setattr(all_[1], "PatientName", "Li^Si"))).code == "images-mixed-patients"


def test_the_same_slice_twice_is_refused() -> None:
    objects = slices()
    refusal = refusal_of([*objects, objects[1]])
    assert (refusal.code, refusal.details["slices"]) == ("images-duplicate-instance", "2, 2")


def test_two_slices_at_one_position_are_refused() -> None:
    refusal = refusal_of(changed(lambda all_: move(all_[2], 0, 0, -3)))
    assert (refusal.code, refusal.details["slices"]) == ("images-duplicate-position", "2, 3")


def test_a_missing_slice_is_refused_with_its_neighbours() -> None:
    objects = slices()
    refusal = refusal_of([*objects[:2], objects[3]])
    assert refusal.code == "images-missing-slice"
    assert refusal.details["slices"] == "2, 4"
    assert (refusal.details["from_mm"], refusal.details["to_mm"]) == ("-27.00", "-21.00")
    assert refusal.details["missing"] == "1"


def test_uneven_slices_are_refused() -> None:
    refusal = refusal_of(changed(lambda all_: move(all_[2], 0, 0, 0.4)))
    assert (refusal.code, refusal.details["slice"]) == ("images-uneven-spacing", "3")


def test_steps_that_are_rounded_are_even() -> None:
    assert read(changed(lambda all_: move(all_[2], 0, 0, 0.05))).volume.grid.spacing[2] == pytest.approx(3.0)


def test_a_tilted_gantry_is_refused_with_its_angle() -> None:
    """Slices that shift sideways by tan 15° of their way along the normal: the gantry was tilted by 15°."""

    def tilt(all_: list[Dataset]) -> None:
        for number, one in enumerate(all_):
            move(one, 0, number * 3.0 * np.tan(np.radians(15)), 0)

    refusal = refusal_of(changed(tilt))
    assert (refusal.code, refusal.details["degrees"]) == ("images-tilted", "15.0")


def test_axes_that_are_not_at_right_angles_are_refused() -> None:
    refusal = refusal_of(changed(lambda all_: setattr(all_[0], "ImageOrientationPatient", [1, 0, 0, 0.1, 0.995, 0])))
    assert refusal.code == "image-axes-not-orthogonal"


@pytest.mark.parametrize(
    "keyword",
    [
        "ImagePositionPatient",
        "ImageOrientationPatient",
        "PixelSpacing",
        "RescaleSlope",
        "RescaleIntercept",
        "PixelData",
        "Rows",
        "BitsAllocated",
        "StudyInstanceUID",
    ],
)
def test_what_lacks_an_attribute_is_refused_in_its_name(keyword: str) -> None:
    refusal = refusal_of(changed(lambda all_: delattr(all_[1], keyword)))
    assert (refusal.code, refusal.details["attribute"]) == ("dicom-attribute-missing", keyword)


@pytest.mark.parametrize("spacing", [[0, 1], [-1, 1]])
def test_a_spacing_that_is_no_length_is_refused(spacing: list[float]) -> None:
    refusal = refusal_of(changed(lambda all_: [setattr(one, "PixelSpacing", spacing) for one in all_]))
    assert refusal.code == "dicom-attribute-invalid"


def test_a_header_that_claims_four_gigabytes_is_refused_before_anything_is_allocated() -> None:
    def claim(all_: list[Dataset]) -> None:
        for one in all_:
            one.Rows = one.Columns = 65535

    assert refusal_of(changed(claim)).code == "dicom-too-many-voxels"
    assert refusal_of(changed(claim), voxels_max=2**40).code == "dicom-pixels-short"


def test_no_slices_are_no_series() -> None:
    assert refusal_of([]).code == "images-none"


def test_a_slice_alone_has_the_thickness_it_states() -> None:
    series = read(slices()[:1])
    assert (series.volume.grid.spacing[2], len(series.instances)) == (3.0, 1)
