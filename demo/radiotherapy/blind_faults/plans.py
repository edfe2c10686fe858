"""Plans that ask for another course than was meant."""

from __future__ import annotations

from dataclasses import replace

from demo.dice import Dice
from demo.radiotherapy.blind_faults.blind import blind
from demo.radiotherapy.blind_faults.changing import beams_given, of_kind, some_beam, with_beam, with_group, with_plan
from tianfu.standards.dicom.cases import Case


@blind(
    wrong="The number of fractions was mistyped, and the monitor units of a fraction were not changed.",
    harm="The course gives another dose than was prescribed.",
    counts="A fifth of the fractions, up or down.",
)
def fractions_mistyped(case: Case, dice: Dice) -> Case:
    planned = case.plans[0].fraction_groups[0].fractions or 0
    return with_group(case, fractions=planned + dice.pick((-1, 1)) * max(2, round(planned * dice.uniform(0.2, 0.6))))


@blind(
    wrong="The prescription holds the dose of one fraction where that of the course belongs.",
    harm="Whoever takes the prescription for the course plans or gives a wrong dose.",
    counts="The course divided by its fractions.",
)
def prescription_of_one_fraction(case: Case, dice: Dice) -> Case:
    fractions = case.plans[0].fraction_groups[0].fractions or 1
    references = tuple(
        replace(one, prescribed_gy=one.prescribed_gy / fractions) if one.prescribed_gy else one
        for one in case.plans[0].dose_references
    )
    return with_plan(case, dose_references=references)


@blind(
    wrong="The prescription points at an organ at risk, not at the target.",
    harm="Dose is normalised to, and judged in, the wrong volume.",
    counts="Any organ.",
)
def prescription_to_an_organ(case: Case, dice: Dice) -> Case:
    organ = dice.pick(of_kind(case, "ORGAN"))
    references = tuple(
        replace(one, structure=organ.number) if one.kind == "TARGET" else one for one in case.plans[0].dose_references
    )
    return with_plan(case, dose_references=references)


@blind(
    wrong="A field is in no fraction group: it will never be offered for treatment.",
    harm="The target lacks that field's dose in every fraction.",
    counts="One field.",
)
def field_is_never_given(case: Case, dice: Dice) -> Case:
    lost = some_beam(case, dice).number
    return with_group(case, beams=tuple(one for one in case.plans[0].fraction_groups[0].beams if one.beam != lost))


@blind(
    wrong="The monitor units of a field were typed with a digit too many, or several times too high.",
    harm="A gross overdose from one side.",
    counts="Three times or more.",
)
def monitor_units_mistyped(case: Case, dice: Dice) -> Case:
    number, factor = some_beam(case, dice).number, dice.pick((3.0, 5.0, 10.0))
    beams = tuple(
        replace(one, meterset=round((one.meterset or 0.0) * factor, 1)) if one.beam == number else one
        for one in case.plans[0].fraction_groups[0].beams
    )
    return with_group(case, beams=beams)


@blind(
    wrong="The plan says feet first, the images say head first.",
    harm="The couch and the gantry's sides are mirrored: the wrong end of the patient is treated.",
    counts="The other position.",
)
def patient_lies_the_other_way(case: Case, dice: Dice) -> Case:
    position = dice.pick(("FFS", "HFP", "FFP"))
    return with_plan(case, setups=tuple(replace(one, position=position) for one in case.plans[0].setups))


@blind(
    wrong="The table of tolerances lets the machine stand almost anywhere.",
    harm="Record and verify no longer stops a patient who lies centimetres off, or a wrong angle.",
    counts="Tens of degrees, or six centimetres.",
)
def tolerances_are_no_bounds(case: Case, dice: Dice) -> Case:
    degrees, length = dice.uniform(20, 90), dice.uniform(60, 200)
    tables = tuple(
        replace(
            one,
            gantry_degrees=degrees,
            couch_degrees=degrees,
            vertical_mm=length,
            longitudinal_mm=length,
            lateral_mm=length,
        )
        for one in case.plans[0].tolerances
    )
    return with_plan(case, tolerances=tables)


@blind(
    wrong="One field goes over a bolus that the others do not have.",
    harm="Skin dose and depth differ field by field; the bolus is laid on for all or for none.",
    counts="One field.",
)
def bolus_over_one_field(case: Case, dice: Dice) -> Case:
    return with_beam(case, replace(some_beam(case, dice), not_read=("boli",)))


@blind(
    wrong="One field is for another machine.",
    harm="Its output, energy and leaves differ: the dose is not the computed one.",
    counts="Another name.",
)
def field_of_another_machine(case: Case, dice: Dice) -> Case:
    beam = dice.pick(beams_given(case.plans[0]))
    return with_beam(case, replace(beam, machine=f"{beam.machine} {dice.randrange(2, 9)}"))


@blind(
    wrong="A field of the plan refers to no way of lying that the plan has.",
    harm="The couch shift of another plan is applied.",
    counts="An unknown number.",
)
def field_without_setup(case: Case, dice: Dice) -> Case:
    return with_beam(case, replace(some_beam(case, dice), setup=dice.randrange(5, 99)))
