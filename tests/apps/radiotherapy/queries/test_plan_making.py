"""A plan as DICOM carries it there and back, what rules say of it, and its dose computed from its own file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest

from tests.radiotherapy_plan import clinic_table, making, phantom_table, small_case, small_machine, small_wish
from tianfu.apps.radiotherapy.model.checking.rules import Severity, Verdict
from tianfu.apps.radiotherapy.model.planning.steps import traced_by
from tianfu.apps.radiotherapy.queries.plan_doses import Computing, computing, delivered_of, dose_of_plan, plan_named
from tianfu.apps.radiotherapy.queries.plan_making import LACKS_BY_DEFINITION, MadePlan, cut_short, made_plan
from tianfu.apps.radiotherapy.queries.planning import patient_of, plan_base_of
from tianfu.kernel.refusal import Refusal
from tianfu.standards.dicom.beams import Beam, ControlPoint, Technique, technique_of
from tianfu.standards.dicom.cases import Case
from tianfu.standards.dicom.doses import read_dose, write_dose
from tianfu.standards.dicom.encoding import decode
from tianfu.standards.dicom.plans import Plan, read_plan, write_plan
from tianfu.standards.dicom.structures import Structure

BYTES_MAX = 1 << 26


@cache
def made() -> MadePlan:
    return made_plan(
        small_case(), small_wish(), small_machine(), phantom_table(), kept=None, heard=lambda _: True, making=making()
    )


def read_again() -> Plan:
    reading = read_plan(decode(write_plan(made().objects.plan), bytes_max=BYTES_MAX))
    assert reading.findings == ()
    return reading.value


def test_the_plan_is_read_as_it_was_written_and_nothing_is_odd_about_it() -> None:
    assert read_again() == made().objects.plan


def test_the_dose_is_read_as_it_was_written_and_names_its_plan() -> None:
    written = made().objects.dose
    reading = read_dose(decode(write_dose(written), bytes_max=BYTES_MAX), voxels_max=1 << 24)
    assert reading.findings == ()
    dose = reading.value
    assert (dose.plan, dose.summation, dose.kind, dose.heterogeneity) == ("2.25.2", "PLAN", "PHYSICAL", ("IMAGE",))
    assert dose.volume.grid.is_same(written.volume.grid, within_mm=1e-9)
    # 31 bits of the largest dose
    np.testing.assert_allclose(dose.volume.values, written.volume.values, atol=1e-6)


def test_a_plan_is_for_research_unapproved_and_says_what_it_is_not_for() -> None:
    plan = made().objects.plan
    assert (plan.intent, plan.approval.status) == ("RESEARCH", "UNAPPROVED")
    assert "not for clinical use" in plan.description
    assert "not for clinical use" in made().objects.dose.comment
    assert plan.doses == ("2.25.4",)
    assert plan.structure_set == small_case().structure_sets[0].instance


def test_beams_are_step_and_shoot_with_two_control_points_for_each_segment_and_weights_in_monitor_units() -> None:
    plan, parts = made().objects.plan, made().planned.parts
    assert [beam.number for beam in plan.beams] == [1, 2, 3]
    for beam, part, given in zip(plan.beams, parts, plan.fraction_groups[0].beams, strict=True):
        assert technique_of(beam) is Technique.STEP_AND_SHOOT
        assert len(beam.control_points) == 2 * len(part.segments)
        assert beam.control_points[0].weight == 0
        assert beam.final_weight == beam.control_points[-1].weight == given.meterset
        assert given.meterset == pytest.approx(sum(segment.mu for segment in part.segments), abs=1e-6)
        assert beam.machine == "generic-6mv"


def test_beams_say_how_far_the_skin_is_on_their_axis() -> None:
    """From in front the ellipse is half its height from its middle: 0.38 of 28 rows of 6 mm (demo's phantoms)."""
    (front, *_) = made().objects.plan.beams
    place = front.control_points[0].isocentre_mm
    assert place is not None
    assert front.control_points[0].surface_mm == pytest.approx(1000 - 0.38 * 28 * 6 - place[1], abs=6.0)


def test_rules_say_stop_to_nothing_but_that_it_is_for_no_treatment() -> None:
    stops = {one.rule.id for one in made().outcomes if one.faults and one.rule.severity is Severity.STOP}
    assert stops == LACKS_BY_DEFINITION


@pytest.mark.slow  # compiles the second engine
def test_the_dose_of_a_second_engine_is_what_rules_hold_the_first_against() -> None:
    wish = small_wish(computation__second="collapsed-cone")
    twice = made_plan(
        small_case(), wish, small_machine(), phantom_table(), kept=None, heard=lambda _: True, making=making()
    )
    for plan, verdicts in ((twice, {Verdict.PASSED}), (made(), {Verdict.NOT_JUDGED})):
        said = [one for one in plan.outcomes if one.rule.id.endswith("-recomputed")]
        assert len(said) == 3
        assert {one.verdict for one in said} == verdicts


def test_what_a_department_adds_is_told_by_rules_as_notices() -> None:
    notices = {one.rule.id for one in made().outcomes if one.faults and one.rule.severity is Severity.NOTICE}
    assert {"setup-beams-missing", "beam-doses-missing", "organ-limits-missing"} <= notices


def test_the_same_inputs_and_names_give_the_same_bytes() -> None:
    again = made_plan(
        small_case(), small_wish(), small_machine(), phantom_table(), kept=None, heard=lambda _: True, making=making()
    )
    assert write_plan(again.objects.plan) == write_plan(made().objects.plan)
    assert write_dose(again.objects.dose) == write_dose(made().objects.dose)


def how() -> Computing:
    """As the small plan itself was computed."""
    return Computing(
        density_table=phantom_table(),
        spacing_mm=small_wish().computation.spacing_mm,
        settings=traced_by(small_wish().computation, small_machine()),
    )


def planned_case(plan: Plan | None = None) -> Case:
    return replace(small_case(), plans=(read_again() if plan is None else plan,))


def test_the_dose_of_the_plan_that_was_read_is_the_dose_that_was_written() -> None:
    case = planned_case()
    dose = dose_of_plan(
        case, case.plans[0], small_machine(), how=how(), engine="pencil-beam", counted=lambda *_: None
    ).volume
    np.testing.assert_allclose(dose.values, made().planned.dose.values, rtol=1e-5, atol=1e-5)


def test_twice_the_monitor_units_are_twice_the_dose() -> None:
    case = planned_case()
    (group,) = case.plans[0].fraction_groups
    doubled = tuple(replace(one, meterset=2 * (one.meterset or 0.0)) for one in group.beams)
    plan = replace(case.plans[0], fraction_groups=(replace(group, beams=doubled),))
    dose = dose_of_plan(case, plan, small_machine(), how=how(), engine="pencil-beam", counted=lambda *_: None).volume
    np.testing.assert_allclose(dose.values, 2 * made().planned.dose.values, rtol=1e-4, atol=1e-4)


def test_where_jaws_move_between_segments_each_segment_keeps_its_own() -> None:
    plan = read_again()
    beam = plan.beams[0]
    last = beam.control_points[-2:]

    def narrowed(point: ControlPoint) -> ControlPoint:
        opening, *others = point.stand.openings
        jaws = replace(opening, positions_mm=(-20.0, 20.0))
        return replace(point, stand=replace(point.stand, openings=(jaws, *others)))

    moved = replace(beam, control_points=(*beam.control_points[:-2], *map(narrowed, last)))
    found = delivered_of(replace(plan, beams=(moved, *plan.beams[1:])), small_machine())
    spans = [part.jaws_x_mm for part in found.parts if part.field == 0]
    assert spans == [(-30.0, 30.0), (-20.0, 20.0)]
    assert sum(part.mu for part in found.parts if part.field == 0) == pytest.approx(made().planned.parts[0].mu)


def with_beam(**changes: Any) -> Plan:
    plan = read_again()
    return replace(plan, beams=(replace(plan.beams[0], **changes), *plan.beams[1:]))


def with_points(edit: Callable[[Beam], Beam]) -> Plan:
    plan = read_again()
    return replace(plan, beams=(edit(plan.beams[0]), *plan.beams[1:]))


def turning(beam: Beam) -> Beam:
    points = tuple(
        replace(point, stand=replace(point.stand, gantry_degrees=float(number)))
        for number, point in enumerate(beam.control_points)
    )
    return replace(beam, control_points=points)


def of_energy(beam: Beam) -> Beam:
    points = tuple(replace(point, stand=replace(point.stand, energy_mv=10.0)) for point in beam.control_points)
    return replace(beam, control_points=points)


def with_other_leaves(beam: Beam) -> Beam:
    devices = tuple(replace(one, boundaries_mm=tuple(edge * 1.1 for edge in one.boundaries_mm)) for one in beam.devices)
    return replace(beam, devices=devices)


@pytest.mark.parametrize(
    ("edit", "code", "detail"),
    [
        (lambda: with_beam(machine="other"), "plan-not-for-machine", "machine"),
        (lambda: with_beam(radiation="ELECTRON"), "plan-not-for-machine", "radiation"),
        (lambda: with_beam(fluence="NON_STANDARD"), "plan-not-for-machine", "fluence"),
        (lambda: with_beam(axis_mm=900.0), "plan-not-for-machine", "axis_mm"),
        (lambda: with_beam(not_read=("wedges",)), "beam-not-whole", "wedges"),
        (lambda: with_points(of_energy), "plan-not-for-machine", "energy_mv"),
        (lambda: with_points(with_other_leaves), "plan-not-for-machine", "leaves"),
        (lambda: with_points(turning), "plan-technique-not-computed", "arc"),
        (lambda: replace(read_again(), fraction_groups=()), "plan-fractions-unclear", "0"),
        (lambda: replace(read_again(), beams=()), "plan-without-segments", ""),
    ],
)
def test_a_plan_that_the_machine_does_not_give_is_not_computed(
    edit: Callable[[], Plan], code: str, detail: str
) -> None:
    with pytest.raises(Refusal, match=code) as refused:
        delivered_of(edit(), small_machine())
    assert detail in " ".join(refused.value.details.values())


def with_structures(edit: Callable[[Structure], Structure | None]) -> Case:
    case = small_case()
    (drawn,) = case.structure_sets
    edited = tuple(one for each in drawn.structures if (one := edit(each)) is not None)
    return replace(case, structure_sets=(replace(drawn, structures=edited),))


def with_patient(**changes: str) -> Case:
    """Contours of a patient of whom something else is said than of the images'."""
    case = small_case()
    (drawn,) = case.structure_sets
    header = replace(drawn.header, patient=replace(drawn.header.patient, **changes))
    return replace(case, structure_sets=(replace(drawn, header=header),))


def without_cord(one: Structure) -> Structure | None:
    return None if one.name == "SpinalCord" else one


@pytest.mark.parametrize(
    ("case", "code"),
    [
        (Case(), "case-without-images"),
        (replace(small_case(), structure_sets=()), "case-without-structures"),
        (
            replace(small_case(), images=(replace(small_case().images[0], position="HFP"),)),
            "plan-position-not-supported",
        ),
        (with_patient(number="another"), "case-mixed-patients"),
        (with_patient(birth_date="1964-01-01"), "dicom-value-not-writable"),
        (with_structures(without_cord), "plan-structure-missing"),
        (with_structures(lambda one: replace(one, name="PTV_5000")), "plan-structure-missing"),
        (with_structures(lambda one: replace(one, interpreter="")), "structures-unreviewed"),
        (with_structures(lambda one: replace(one, rings=())), "structure-empty"),
    ],
)
def test_a_case_that_the_template_does_not_fit_is_refused(case: Case, code: str) -> None:
    with pytest.raises(Refusal, match=code):
        plan_base_of(case, small_wish(), phantom_table())


def test_no_dose_is_computed_for_a_plan_of_another_patient_or_position() -> None:
    plan = replace(read_again(), structure_set=small_case().structure_sets[0].instance)
    header = replace(plan.header, patient=replace(plan.header.patient, number="another"))
    prone = (replace(plan.setups[0], position="HFP"),)
    for other, code in (
        (replace(plan, header=header), "case-mixed-patients"),
        (replace(plan, setups=prone), "plan-position-not-supported"),
    ):
        with pytest.raises(Refusal, match=code):
            patient_of(small_case(), other, phantom_table(), spacing_mm=6.0)


def test_two_structures_of_one_name_are_not_guessed_between() -> None:
    doubled = with_structures(lambda one: replace(one, name="SpinalCord") if one.name == "PTV_5000" else one)
    with pytest.raises(Refusal, match="plan-structure-unclear"):
        plan_base_of(doubled, small_wish(prescription__structure="SpinalCord", targets=["SpinalCord"]), phantom_table())


def test_a_structure_is_meant_by_its_standard_name_too() -> None:
    renamed = with_structures(lambda one: replace(one, name="脊髓") if one.name == "SpinalCord" else one)
    base = plan_base_of(renamed, small_wish(), phantom_table())
    assert base.structures["SpinalCord"].name == "脊髓"


def test_neither_density_nor_grid_nor_plan_is_guessed() -> None:
    for table in (clinic_table(), clinic_table(name="TG-119 phantom", version=9)):
        with pytest.raises(Refusal, match="density-table-differs"):
            plan_base_of(small_case(), small_wish(), table)
    with pytest.raises(Refusal, match="dose-spacing-not-sound"):
        computing(small_machine(), phantom_table(), spacing_mm=0.1)
    with pytest.raises(Refusal, match="plan-unclear"):
        plan_named(replace(small_case(), plans=(read_again(), read_again())), None)


def test_what_was_cut_short_is_told_with_its_numbers() -> None:
    """Three beams are asked for; what is left out of the segments gives nothing."""
    planned, wish = made().planned, small_wish()
    whole = replace(planned, is_converged=True)
    assert cut_short(whole, wish) == ()
    (iterations,) = cut_short(replace(whole, is_converged=False), wish)
    assert iterations.code == "plan-fluence-cut-short"
    assert iterations.details == {"iterations": str(wish.optimisation.fluence.iterations_most)}
    (beams,) = cut_short(replace(whole, parts=planned.parts[:1]), wish)
    assert beams.code == "plan-beams-without-segments"
    assert beams.details == {"beams": "2, 3", "asked": "3", "made": "1"}
    assert made().told == (*made().base.told, *cut_short(planned, wish))
