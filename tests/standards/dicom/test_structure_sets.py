from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tests.standards.dicom.made_objects import PYDICOMS, decoded, structure_set
from tianfu.kernel.refusal import Refusal
from tianfu.standards.dicom.encoding import Decoded
from tianfu.standards.dicom.findings import Reading
from tianfu.standards.dicom.structure_sets import StructureSet, read_structure_set, write_structure_set
from tianfu.standards.dicom.structures import Ring, RingKind, Structure

ROUND_TRIP_MM = 0.0001
"""Points are written with four decimals; a tenth of a millimetre is asked for."""


def written(value: StructureSet | None = None) -> Decoded:
    return decoded(write_structure_set(value or structure_set()))


def with_rings(*rings: Ring) -> StructureSet:
    one = Structure(number=1, name="A", kind="ORGAN", colour=None, generation="", rings=rings)
    return replace(structure_set(), structures=(one,), properties=())


def read_with(change: dict[str, object], *rings: Ring) -> Reading[StructureSet]:
    """What is read if the first contour says something else."""
    one = written(with_rings(*rings))
    for keyword, value in change.items():
        setattr(one.dataset.ROIContourSequence[0].ContourSequence[0], keyword, value)
    return read_structure_set(one)


def same(one: StructureSet, other: StructureSet) -> None:
    plain = [replace(structure, rings=()) for structure in one.structures]
    assert plain == [replace(structure, rings=()) for structure in other.structures]
    assert replace(one, structures=()) == replace(other, structures=())
    for first, second in zip(one.structures, other.structures, strict=True):
        for ring, again in zip(first.rings, second.rings, strict=True):
            assert (ring.kind, ring.image) == (again.kind, again.image)
            assert ring.points.shape == again.points.shape
            assert np.abs(ring.points - again.points).max() <= ROUND_TRIP_MM


TRIANGLE = Ring(points=np.array([(0.0, 0, 0), (10, 0, 0), (0, 10, 0)]))


def test_a_structure_set_comes_back_with_holes_keyholes_points_and_approval() -> None:
    reading = read_structure_set(written())
    same(reading.value, structure_set())
    assert reading.findings == ()


@pytest.mark.slow  # a hundred files are written and read
@settings(deadline=None)
@given(
    points=arrays(np.float64, (7, 3), elements=st.floats(-2000, 2000), unique=True),
    kind=st.sampled_from(RingKind),
    name=st.text(
        st.characters(codec="utf-8", exclude_characters="\\", exclude_categories=["C", "Z"]), min_size=1, max_size=60
    ),
    colour=st.tuples(*[st.integers(0, 255)] * 3),
)
def test_any_ring_comes_back(points: np.ndarray, kind: RingKind, name: str, colour: tuple[int, int, int]) -> None:
    value = with_rings(Ring(points=points, kind=kind))
    value = replace(value, structures=(replace(value.structures[0], name=name, colour=colour),))
    same(read_structure_set(written(value)).value, value)


def test_a_ring_of_more_than_64_kilobytes_comes_back() -> None:
    """In explicit syntax the length of a Decimal String has 16 bits: a longer one goes out as UN (PS3.5 6.2.2)."""
    angle = np.linspace(0, 2 * np.pi, 9000, endpoint=False)
    points = np.stack([200 * np.cos(angle), 150 * np.sin(angle), np.full_like(angle, -12.5)], axis=1)
    value = with_rings(Ring(points=points))
    same(read_structure_set(written(value)).value, value)


def test_pydicoms_structure_set_is_read_and_written_again() -> None:
    first = read_structure_set(decoded((PYDICOMS / "rtstruct.dcm").read_bytes())).value
    assert [structure.name for structure in first.structures] == ["patient", "Isocenter 1", "Isocenter 2"]
    assert first.structures[1].rings[0].kind is RingKind.POINT
    # It names a series without images, which the standard does not allow to be written.
    same(read_structure_set(written(first)).value, replace(first, images=()))


def test_a_closed_ring_that_repeats_its_first_point_loses_it() -> None:
    reading = read_with({"ContourData": [0, 0, 0, 10, 0, 0, 0, 10, 0, 0, 0, 0], "NumberOfContourPoints": 4}, TRIANGLE)
    assert reading.value.structures[0].rings[0].points.tolist() == TRIANGLE.points.tolist()
    assert reading.codes() == {"ring-closed-twice"}


@pytest.mark.parametrize("data", [[0, 0, 0], [0, 0, 0, 1, 0, 0], [0, 0, 0, 1, 0, 0, 0, 0, 0]])
def test_a_closed_ring_of_fewer_than_three_points_is_dropped_and_told(data: list[float]) -> None:
    reading = read_with({"ContourData": data, "NumberOfContourPoints": len(data) // 3}, TRIANGLE, TRIANGLE)
    assert len(reading.value.structures[0].rings) == 1
    assert "ring-too-few-points" in reading.codes()
    assert "structure-empty" not in reading.codes()


def test_a_structure_that_loses_its_only_ring_is_told() -> None:
    assert {"ring-too-few-points", "structure-empty"} <= read_with({"ContourData": [0, 0, 0]}, TRIANGLE).codes()


def test_a_contour_that_is_not_planar_is_dropped_and_told() -> None:
    assert "ring-not-planar" in read_with({"ContourGeometricType": "OPEN_NONPLANAR"}, TRIANGLE).codes()


def test_a_stated_count_that_differs_is_told() -> None:
    assert read_with({"NumberOfContourPoints": 5}, TRIANGLE).codes() == {"ring-count-differs"}


@pytest.mark.parametrize("data", [[0, 0], [0, 0, 0, 1], [0, 0, 1e9, 0, 1, 0, 1, 1, 0]])
def test_numbers_that_are_no_points_are_refused(data: list[float]) -> None:
    with pytest.raises(Refusal, match="contour-broken"):
        read_with({"ContourData": data}, TRIANGLE)


def test_two_kinds_of_closed_rings_in_a_structure_are_told() -> None:
    reading = read_structure_set(written(with_rings(TRIANGLE, replace(TRIANGLE, kind=RingKind.CLOSED_XOR))))
    assert reading.codes() == {"rings-of-two-kinds"}


def test_structures_of_two_frames_are_refused() -> None:
    one = written()
    one.dataset.StructureSetROISequence[1].ReferencedFrameOfReferenceUID = "2.25.99"
    with pytest.raises(Refusal) as refused:
        read_structure_set(one)
    assert (refused.value.code, refused.value.details["structures"]) == ("structures-mixed-frames", "肝脏")


def test_two_structures_of_one_number_are_refused() -> None:
    one = written()
    one.dataset.StructureSetROISequence[1].ROINumber = 1
    with pytest.raises(Refusal, match="structures-same-number"):
        read_structure_set(one)


def test_two_structures_of_one_name_are_told() -> None:
    one = written()
    one.dataset.StructureSetROISequence[1].ROIName = "PTV_5000"
    assert "structures-same-name" in read_structure_set(one).codes()


def test_a_label_too_long_for_dicom_is_refused() -> None:
    with pytest.raises(Refusal, match="dicom-value-not-writable"):
        write_structure_set(replace(structure_set(), label="a label of more than sixteen characters"))
