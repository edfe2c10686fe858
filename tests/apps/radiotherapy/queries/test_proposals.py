"""Nobody stands for what a program drew until a named person accepts it, and DICOM carries that there and back."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from demo.radiotherapy.thorax import Thorax, thorax_grid

from tests.apps.radiotherapy.model.contouring.made import by_rules
from tianfu.apps.radiotherapy.model.contouring.reviews import accepted_by, is_unreviewed, refuse_unreviewed
from tianfu.apps.radiotherapy.queries.proposals import Fineness, Making, method_of, structure_set_of
from tianfu.kernel.refusal import Refusal
from tianfu.standards.dicom.encoding import decode
from tianfu.standards.dicom.headers import Header, Patient, Series, Study
from tianfu.standards.dicom.images import ImageSeries
from tianfu.standards.dicom.structure_sets import StructureSet, read_structure_set, write_structure_set

AT = datetime(2026, 3, 4, 10, 30, tzinfo=timezone(timedelta(hours=8)))
GRID = thorax_grid(spacing_mm=(6.0, 6.0, 6.0))


@pytest.fixture(scope="module")
def proposed() -> StructureSet:
    person = Patient(name="示例^病例", number="MADE-UP-1", birth_date="19600101", sex="O")
    images = ImageSeries(
        header=Header(patient=person, study=Study(uid="2.25.1"), series=Series(uid="2.25.2"), frame="2.25.3"),
        instances=tuple(f"2.25.4{number}" for number in range(GRID.shape[0])),
        volume=Thorax().ct(GRID, seed=20),
        position="HFS",
        thickness_mm=6.0,
    )
    made = structure_set_of(
        by_rules(images.volume),
        images,
        fineness=Fineness(softness_voxels=0.7, tolerance_mm=0.1),
        making=Making(series="2.25.5", instance="2.25.6", at=AT),
    )
    return read_structure_set(decode(write_structure_set(made), bytes_max=1 << 26)).value


def test_every_proposed_structure_comes_back_from_dicom_automatic_unreviewed_and_unapproved(
    proposed: StructureSet,
) -> None:
    assert [each.name for each in proposed.structures] == ["Body", "Lung_L", "Lung_R", "Lungs", "Bone"]
    assert {each.generation for each in proposed.structures} == {"AUTOMATIC"}
    assert all(is_unreviewed(each) for each in proposed.structures)
    assert {each.method for each in proposed.structures} == {"UNREVIEWED; tianfu-rules 1"}
    assert (proposed.approval.status, proposed.label) == ("UNAPPROVED", "UNREVIEWED")


def test_every_ring_names_the_slice_that_it_lies_on(proposed: StructureSet) -> None:
    for ring in (ring for each in proposed.structures for ring in each.rings):
        number = round((ring.points[0, 2] - GRID.origin[2]) / 6.0)
        assert ring.image == f"2.25.4{number}"


def test_acceptance_names_a_person_and_a_time_and_lasts_through_dicom(proposed: StructureSet) -> None:
    body, *others = proposed.structures
    accepted = replace(proposed, structures=(accepted_by(body, person="王^芳", at=AT), *others))
    again = read_structure_set(decode(write_structure_set(accepted), bytes_max=1 << 26)).value
    first, *rest = again.structures
    assert (first.interpreter, first.interpreted_at, first.generation) == ("王^芳", "20260304103000+0800", "AUTOMATIC")
    assert not is_unreviewed(first)
    assert all(is_unreviewed(each) for each in rest)


def test_what_a_person_drew_needs_no_acceptance(proposed: StructureSet) -> None:
    assert not is_unreviewed(replace(proposed.structures[0], generation="MANUAL"))


def test_unreviewed_structures_are_refused_by_name(proposed: StructureSet) -> None:
    body, lung, *_ = proposed.structures
    refuse_unreviewed([accepted_by(body, person="Wang^Fang", at=AT)])
    with pytest.raises(Refusal, match="structures-unreviewed") as refused:
        refuse_unreviewed([accepted_by(body, person="Wang^Fang", at=AT), lung])
    assert refused.value.details == {"structures": "Lung_L"}


@pytest.mark.parametrize("person", ["", "  ", "^^", " ^="])
def test_nobody_accepts_nothing(proposed: StructureSet, person: str) -> None:
    with pytest.raises(Refusal, match="review-without-name"):
        accepted_by(proposed.structures[0], person=person, at=AT)


def test_a_structure_without_contours_cannot_be_accepted(proposed: StructureSet) -> None:
    with pytest.raises(Refusal, match="review-of-nothing"):
        accepted_by(replace(proposed.structures[0], rings=()), person="Wang^Fang", at=datetime.now(UTC))


def test_a_long_provider_does_not_push_the_word_out_of_its_64_characters(proposed: StructureSet) -> None:
    contouring = by_rules(Thorax().ct(GRID, seed=21))
    drawn = replace(contouring.drawn[0], confidence=0.5)
    words = method_of(drawn, replace(contouring, provider="p" * 100))
    assert words.startswith("UNREVIEWED, confidence 0.50;")
    assert len(words) == 64
