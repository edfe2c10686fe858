"""What is judged is what is meant: no structure, frame or name is guessed."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import msgspec
import pytest

from tests.radiotherapy_house import small_objects
from tianfu.apps.radiotherapy.model.protocols import Protocol
from tianfu.apps.radiotherapy.protocols import shipped_protocols
from tianfu.apps.radiotherapy.queries.evaluation import Evaluation, evaluate
from tianfu.kernel.refusal import Refusal
from tianfu.standards.dicom.cases import Case, read_case
from tianfu.standards.dicom.structures import Structure

pytestmark = pytest.mark.slow  # each computes with kernels that are loaded first

ELSEWHERE = "2.25.99"


@cache
def whole() -> Case:
    return read_case(small_objects().contents(), bytes_max=1 << 30, voxels_max=1 << 28).value


def with_structures(case: Case, *structures: Structure) -> Case:
    return replace(case, structure_sets=(replace(case.structure_sets[0], structures=structures),))


def judged(case: Case) -> Evaluation:
    return evaluate(case, dose=None, protocol=protocol_of("Bladder"), on_progress=lambda *_: None)


def protocol_of(structure: str) -> Protocol:
    """One goal of a shipped protocol, said of this structure."""
    shipped = next(iter(shipped_protocols().values()))
    goals = (msgspec.structs.replace(shipped.goals[0], structure=structure),)
    return msgspec.structs.replace(shipped, goals=goals)


@pytest.mark.parametrize("other", ["Bladder", "膀胱"])
def test_a_goal_of_a_name_that_two_structures_mean_is_not_judged(other: str) -> None:
    """Of two that are called so, or by an alias of it, either could be meant; neither order may decide."""
    one, two = whole().structure_sets[0].structures[:2]
    named = replace(one, name="Bladder"), replace(two, name=other)
    for structures in (named, named[::-1]):
        (line,) = judged(with_structures(whole(), *structures)).lines
        assert (line.verdict, line.reason, line.reached) == ("not-evaluable", "structure-ambiguous", None)
    (line,) = judged(with_structures(whole(), named[0], replace(two, name="Heart"))).lines
    assert line.reason != "structure-ambiguous"


def test_what_lies_in_another_frame_of_reference_is_not_judged() -> None:
    """PS3.3 C.7.4.1: positions mean the same only within one frame of reference."""
    case = whole()
    dose, structures = case.doses[0], case.structure_sets[0]
    for broken in (
        replace(case, doses=(replace(dose, header=replace(dose.header, frame=ELSEWHERE)),)),
        replace(case, structure_sets=(replace(structures, header=replace(structures.header, frame=ELSEWHERE)),)),
    ):
        with pytest.raises(Refusal, match="frames-differ"):
            judged(broken)


@pytest.mark.parametrize("summation", ["FRACTION", "BEAM"])
def test_the_dose_of_a_part_keeps_no_goal_of_a_whole_course(summation: str) -> None:
    """One of 25 fractions would keep every limit of an organ (Dose Summation Type, PS3.3 C.8.8.3)."""
    target = next(each for each in whole().structure_sets[0].structures if each.kind == "PTV")
    case = with_structures(whole(), replace(target, name="Bladder"))
    (line,) = judged(case).lines
    assert line.verdict in {"met", "missed", "within-variation"}
    part = replace(case, doses=(replace(case.doses[0], summation=summation),))
    (line,) = judged(part).lines
    assert (line.verdict, line.reason) == ("not-evaluable", "dose-of-a-part")


def test_a_plan_is_judged_by_no_other_contours_than_its_own() -> None:
    """The structure set that it names (Referenced Structure Set Sequence, PS3.3 C.8.8.9) is not in the case."""
    case = whole()
    broken = replace(case, plans=tuple(replace(plan, structure_set=ELSEWHERE) for plan in case.plans))
    with pytest.raises(Refusal, match="structures-of-plan-missing"):
        judged(broken)
