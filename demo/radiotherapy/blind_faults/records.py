"""Sessions that were not given as planned."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

from demo.dice import Dice
from demo.radiotherapy.blind_faults.blind import blind
from demo.radiotherapy.blind_faults.changing import with_treatment
from tianfu.standards.dicom.cases import Case
from tianfu.standards.dicom.treatments import Correction, DeliveredBeam, Override, Treatment


@blind(
    wrong="One fraction was given twice, on the same day.",
    harm="Double dose in a day.",
    counts="One session.",
)
def fraction_given_twice(case: Case, dice: Dice) -> Case:
    once = dice.pick(case.treatments)
    later = replace(once, instance=f"2.25.{dice.randrange(10**30)}", number=len(case.treatments) + 1, time="170000")
    return replace(case, treatments=(*case.treatments, later))


@blind(
    wrong="The machine broke a field off, and the rest was never given.",
    harm="The fraction lacks dose from that side.",
    counts="A fifth of the field.",
)
def field_broken_off(case: Case, dice: Dice) -> Case:
    at = dice.randrange(len(case.treatments))
    share = dice.uniform(0.2, 0.8)

    def broken(beam: DeliveredBeam) -> DeliveredBeam:
        given = round((beam.delivered or 0.0) * share, 3)
        points = tuple(replace(point, delivered=min(point.delivered, given)) for point in beam.points)
        return replace(beam, termination="MACHINE", delivered=given, points=points)

    return _with_one_beam(case, at, dice, broken)


@blind(
    wrong="A session lacks one of the fields.",
    harm="The fraction lacks dose from that side, and nobody notices for the session was closed.",
    counts="One field.",
)
def session_lacks_a_field(case: Case, dice: Dice) -> Case:
    at = dice.randrange(len(case.treatments))
    beams = list(case.treatments[at].beams)
    del beams[dice.randrange(len(beams))]
    return with_treatment(case, at, beams=tuple(beams))


@blind(
    wrong="In one session the couch stood centimetres from where it stood in the others.",
    harm="The isocentre lay elsewhere in the patient: a geometric miss.",
    counts="Three centimetres.",
)
def couch_elsewhere_in_one_session(case: Case, dice: Dice) -> Case:
    off = dice.randrange(len(case.treatments))
    by_mm = dice.pick((-1, 1)) * dice.uniform(30, 80)

    def placed(treatment: Treatment, number: int) -> Treatment:
        lateral = dice.uniform(-2, 2) + (by_mm if number == off else 0.0)

        def stood(beam: DeliveredBeam) -> DeliveredBeam:
            points = tuple(
                replace(
                    point,
                    stand=replace(
                        point.stand,
                        table_vertical_mm=-120.0,
                        table_longitudinal_mm=850.0,
                        table_lateral_mm=round(lateral, 1),
                    ),
                )
                for point in beam.points
            )
            return replace(beam, points=points)

        return replace(treatment, beams=tuple(map(stood, treatment.beams)))

    return replace(case, treatments=tuple(placed(one, number) for number, one in enumerate(case.treatments)))


@blind(
    wrong="A field was given from another gantry angle than planned, without an override.",
    harm="Another way through the patient, through organs that were spared.",
    counts="Five degrees.",
)
def field_given_from_another_angle(case: Case, dice: Dice) -> Case:
    by_degrees = dice.pick((-1, 1)) * dice.uniform(5, 40)

    def turned(beam: DeliveredBeam) -> DeliveredBeam:
        points = tuple(
            replace(
                point,
                stand=replace(point.stand, gantry_degrees=((point.stand.gantry_degrees or 0.0) + by_degrees) % 360),
            )
            for point in beam.points
        )
        return replace(beam, points=points)

    return _with_one_beam(case, dice.randrange(len(case.treatments)), dice, turned)


@blind(
    wrong="An interlock was overridden by hand to treat a field.",
    harm="What the interlock should stop, a wrong position or a wrong patient, is no longer stopped.",
    counts="One override.",
)
def interlock_overridden(case: Case, dice: Dice) -> Case:
    def overridden(beam: DeliveredBeam) -> DeliveredBeam:
        one = Override(parameter="300A0128", reason="", operator="示例^技师")
        first = replace(
            beam.points[0],
            overrides=(one,),
            corrections=(Correction(parameter="300A012A", value=round(dice.uniform(20, 60), 1)),),
        )
        return replace(beam, verification="VERIFIED_OVR", points=(first, *beam.points[1:]))

    return _with_one_beam(case, dice.randrange(len(case.treatments)), dice, overridden)


@blind(
    wrong="One session was given from another plan, a former version.",
    harm="A fraction with the wrong fields.",
    counts="One session.",
)
def former_plan_was_given(case: Case, dice: Dice) -> Case:
    return with_treatment(case, dice.randrange(len(case.treatments)), plan=f"2.25.{dice.randrange(10**30)}")


@blind(
    wrong="More sessions were given than were prescribed.",
    harm="The course is overdosed by a fraction for each.",
    counts="One session.",
)
def sessions_beyond_the_course(case: Case, dice: Dice) -> Case:
    planned = case.plans[0].fraction_groups[0].fractions or 0
    wanted = planned + dice.randrange(1, 4)
    last = case.treatments[-1]
    day = datetime.strptime(f"{last.date}+0000", "%Y%m%d%z")
    more = tuple(
        replace(
            last,
            instance=f"2.25.{dice.randrange(10**30)}",
            number=number,
            date=(day + timedelta(days=number - last.number)).strftime("%Y%m%d"),
            beams=tuple(replace(beam, fraction=number) for beam in last.beams),
        )
        for number in range(last.number + 1, wanted + 1)
    )
    return replace(case, treatments=(*case.treatments, *more))


@blind(
    wrong="A field was given with other leaf positions than planned in one session.",
    harm="The dose falls elsewhere than planned.",
    counts="Ten millimetres.",
)
def leaves_stood_elsewhere(case: Case, dice: Dice) -> Case:
    by_mm = dice.pick((-1, 1)) * round(dice.uniform(10, 30), 1)

    def moved(beam: DeliveredBeam) -> DeliveredBeam:
        points = tuple(
            replace(
                point,
                stand=replace(
                    point.stand,
                    openings=tuple(
                        replace(one, positions_mm=tuple(round(at + by_mm, 1) for at in one.positions_mm))
                        if one.device.startswith("MLC")
                        else one
                        for one in point.stand.openings
                    ),
                ),
            )
            for point in beam.points
        )
        return replace(beam, points=points)

    return _with_one_beam(case, dice.randrange(len(case.treatments)), dice, moved)


def _with_one_beam(case: Case, at: int, dice: Dice, change: Callable[[DeliveredBeam], DeliveredBeam]) -> Case:
    beams = list(case.treatments[at].beams)
    number = dice.randrange(len(beams))
    beams[number] = change(beams[number])
    return with_treatment(case, at, beams=tuple(beams))
