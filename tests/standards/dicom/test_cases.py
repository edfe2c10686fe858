from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.standards.dicom.made_objects import (
    BYTES_MAX,
    VOXELS_MAX,
    dose,
    images,
    plan,
    square,
    structure_set,
    treatment,
)
from tianfu.kernel.refusal import Refusal
from tianfu.standards.dicom.cases import Case, broken_links, read_case
from tianfu.standards.dicom.doses import write_dose
from tianfu.standards.dicom.findings import Reading
from tianfu.standards.dicom.headers import Header
from tianfu.standards.dicom.images import write_images
from tianfu.standards.dicom.plans import write_plan
from tianfu.standards.dicom.structure_sets import StructureSet, write_structure_set
from tianfu.standards.dicom.structures import Ring, RingKind
from tianfu.standards.dicom.treatments import write_treatment


def case() -> Case:
    return Case(
        images=(images(),),
        structure_sets=(structure_set(),),
        plans=(plan(),),
        doses=(dose(),),
        treatments=(treatment(),),
    )


def files() -> list[bytes]:
    return [
        write_treatment(treatment()),
        write_dose(dose()),
        *write_images(images()),
        write_plan(plan()),
        write_structure_set(structure_set()),
    ]


def read(contents: list[bytes]) -> Reading[Case]:
    return read_case(contents, bytes_max=BYTES_MAX, voxels_max=VOXELS_MAX)


def other_header(**changes: object) -> Header:
    return replace(dose().header, **changes)  # type: ignore[arg-type]


def test_a_whole_case_has_no_broken_link() -> None:
    assert broken_links(case()) == ()


def test_a_whole_case_is_read_from_its_files() -> None:
    reading = read(files())
    assert reading.codes() == {"treatment-overridden"}
    assert [len(kind) for kind in vars(reading.value).values()] == [1, 1, 1, 1, 1]


def test_a_file_that_comes_twice_is_read_once() -> None:
    assert len(read([*files(), write_plan(plan())]).value.plans) == 1


def test_two_files_of_one_uid_that_differ_are_refused() -> None:
    with pytest.raises(Refusal, match="case-instance-differs"):
        read([*files(), write_plan(replace(plan(), label="PLAN B"))])


def with_ring(ring: Ring) -> StructureSet:
    first, *others = structure_set().structures
    return replace(structure_set(), structures=(replace(first, rings=(*first.rings, ring)), *others))


BROKEN: dict[str, Callable[[Case], Case]] = {
    "case-mixed-patients": lambda one: replace(
        one, doses=(replace(dose(), header=other_header(patient=replace(dose().header.patient, number="B18"))),)
    ),
    "case-mixed-names": lambda one: replace(
        one, doses=(replace(dose(), header=other_header(patient=replace(dose().header.patient, name="Li^Si"))),)
    ),
    "case-mixed-studies": lambda one: replace(
        one, doses=(replace(dose(), header=other_header(study=replace(dose().header.study, uid="2.25.99"))),)
    ),
    "case-mixed-frames": lambda one: replace(one, doses=(replace(dose(), header=other_header(frame="2.25.99")),)),
    "case-same-instance": lambda one: replace(one, doses=(replace(dose(), instance="2.25.3000"),)),
    "case-structures-of-other-images": lambda one: replace(
        one,
        images=(replace(images(), header=replace(images().header, series=replace(images().header.series, uid="2.9"))),),
    ),
    "case-images-missing": lambda one: replace(one, images=(replace(images(), instances=images().instances[1:]),)),
    "case-ring-of-other-image": lambda one: replace(one, images=(replace(images(), instances=images().instances[1:]),)),
    "case-images-not-referenced": lambda one: replace(
        one, images=(replace(images(), instances=(*images().instances, "2.25.1009")),)
    ),
    "case-plan-of-other-structures": lambda one: replace(one, structure_sets=()),
    "case-prescription-of-no-structure": lambda one: replace(
        one, structure_sets=(replace(structure_set(), structures=structure_set().structures[1:]),)
    ),
    "case-plan-of-other-doses": lambda one: replace(one, plans=(replace(plan(), doses=("2.25.99",)),)),
    "case-ring-of-another-slice": lambda one: replace(
        one, structure_sets=(with_ring(Ring(points=square(-27.0, 9.0), image="2.25.1000")),)
    ),
    "case-ring-off-slices": lambda one: replace(
        one, structure_sets=(with_ring(Ring(points=square(-28.7, 9.0), image="2.25.1000")),)
    ),
    "case-dose-of-other-plan": lambda one: replace(one, plans=()),
    "case-dose-of-no-beam": lambda one: replace(one, doses=(replace(dose(), fraction_group=1, beams=(9,)),)),
    "case-treatment-of-other-plan": lambda one: replace(one, plans=()),
    "case-treatment-of-no-group": lambda one: replace(one, treatments=(replace(treatment(), fraction_group=9),)),
    "case-treatment-of-no-beam": lambda one: replace(
        one, treatments=(replace(treatment(), beams=(replace(treatment().beams[0], number=9),)),)
    ),
}


@pytest.mark.parametrize(("code", "broken"), BROKEN.items())
def test_a_broken_link_is_told(code: str, broken: Callable[[Case], Case]) -> None:
    assert code in {finding.code for finding in broken_links(broken(case()))}


@pytest.mark.parametrize(
    ("ring", "codes"),
    [
        (Ring(points=square(-29.1, 9.0)), set()),
        (Ring(points=square(-15.0, 9.0)[:1], kind=RingKind.POINT), set()),
        (Ring(points=square(-28.5, 9.0), image="2.25.1000"), {"case-ring-off-slices"}),
        (Ring(points=square(-28.5, 9.0), image="2.25.1001"), {"case-ring-off-slices"}),
        (Ring(points=square(-31.2, 9.0)), {"case-ring-off-slices"}),
        (Ring(points=square(-24.0, 9.0), image="2.25.1003"), {"case-ring-of-another-slice"}),
    ],
)
def test_a_contour_is_held_against_the_slices(ring: Ring, codes: set[str]) -> None:
    """Slices lie at -30, -27, -24 and -21 mm; midway between two a contour may name either."""
    broken = broken_links(replace(case(), structure_sets=(with_ring(ring),)))
    assert {finding.code for finding in broken} == codes


def test_contours_are_held_against_the_series_that_their_set_names() -> None:
    """A second series with other slices, a cone beam's perhaps, is none of theirs."""
    other = replace(images(), header=replace(images().header, series=replace(images().header.series, uid="2.25.19")))
    shifted = replace(other, instances=("2.9.0", "2.9.1", "2.9.2", "2.9.3"))
    assert broken_links(replace(case(), images=(shifted, images()))) == ()
