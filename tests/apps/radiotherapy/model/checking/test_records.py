"""What was given otherwise than planned, each found by its rule and by no other."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pytest

from tests.apps.radiotherapy.model.checking.plants import (
    Plant,
    Planted,
    case,
    delivered,
    delivered_points,
    found,
    planted,
    record,
    sound_checked,
    with_plan,
)
from tianfu.apps.radiotherapy.model.checking.subjects import Checked
from tianfu.standards.dicom.control_points import LEAVES
from tianfu.standards.dicom.treatments import CONTINUATION, DeliveredPoint, Treatment


def _stood(**changes: Any) -> Plant:
    return delivered_points(lambda point: replace(point, stand=replace(point.stand, **changes)))


def _leaves_off(point: DeliveredPoint) -> DeliveredPoint:
    openings = tuple(
        replace(each, positions_mm=tuple((np.array(each.positions_mm) + 3).tolist())) if each.device in LEAVES else each
        for each in point.stand.openings
    )
    return replace(point, stand=replace(point.stand, openings=openings))


def _later(days: int) -> Any:
    def edit(one: Treatment) -> Treatment:
        day = datetime.strptime(f"{one.date}+0000", "%Y%m%d%z") + timedelta(days=days)
        return replace(one, date=day.strftime("%Y%m%d"))

    return edit


def _without_second(checked: Checked) -> Checked:
    return case(treatments=tuple(one for one in checked.case.treatments if one.number != 2))(checked)


def _table(number: int, longitudinal_mm: float) -> Plant:
    def edit(one: Treatment) -> Treatment:
        first, *rest = one.beams
        stood = {"table_vertical_mm": 0.0, "table_longitudinal_mm": longitudinal_mm, "table_lateral_mm": 0.0}
        points = tuple(replace(point, stand=replace(point.stand, **stood)) for point in first.points)
        return replace(one, beams=(replace(first, points=points), *rest))

    return record(number, edit)


def _halves(kind: str) -> Plant:
    """The first beam given in two parts of one half each."""

    def edit(one: Treatment) -> Treatment:
        first, *rest = one.beams
        half = replace(first, delivered=first.given / 2)
        return replace(one, beams=(half, replace(half, delivery=kind), *rest))

    return record(1, edit)


def _fraction(number: int) -> Plant:
    return record(3, lambda one: replace(one, beams=tuple(replace(beam, fraction=number) for beam in one.beams)))


def _of_somebody_else(one: Treatment) -> Treatment:
    return replace(one, header=replace(one.header, patient=replace(one.header.patient, number="DEMO-99999")))


UNAPPROVED = with_plan(lambda one: replace(one, approval=replace(one.approval, status="UNAPPROVED")))

FAULTS = [
    planted("record-beam-missing", record(1, lambda one: replace(one, beams=one.beams[1:]))),
    planted("record-mu-differs", delivered(lambda one: replace(one, delivered=one.given * 1.05))),
    planted("record-specified-differs", delivered(lambda one: replace(one, specified=(one.specified or 0) * 1.01))),
    planted("fraction-missing", _without_second),
    planted("fraction-twice", _halves("TREATMENT")),
    planted("fractions-beyond-plan", _fraction(26), also=["fraction-missing"]),
    planted("record-fractions-differ", record(2, lambda one: replace(one, fractions=20))),
    planted(
        "given-beyond-prescription", delivered(lambda one: replace(one, delivered=20000.0)), also=["record-mu-differs"]
    ),
    planted(
        "record-machine-differs", record(2, lambda one: replace(one, machine=replace(one.machine, name="another")))
    ),
    planted("record-unit-differs", record(2, lambda one: replace(one, unit="MINUTE"))),
    planted("record-gantry-differs", _stood(gantry_degrees=2.0)),
    planted("record-collimator-differs", _stood(collimator_degrees=8.0)),
    planted("record-couch-angle-differs", _stood(couch_degrees=358.0)),
    planted("record-energy-differs", _stood(energy_mv=10.0)),
    planted("record-leaves-differ", delivered_points(_leaves_off)),
    planted("couch-moved", _table(1, 0.0), _table(2, 30.0)),
    planted("fractions-same-day", record(2, _later(-1))),
    planted("fractions-out-of-order", record(2, _later(-2))),
    planted("treatment-interrupted", record(3, _later(10))),
    planted("treated-before-plan", record(None, _later(-6))),
    planted("treated-without-approval", UNAPPROVED, also=["plan-not-approved"]),
    planted("record-of-another-patient", record(2, _of_somebody_else)),
    planted("record-of-another-plan", record(3, lambda one: replace(one, plan="2.25.77"))),
    planted("record-overridden", delivered(lambda one: replace(one, verification="VERIFIED_OVR"))),
    planted("record-ended-early", delivered(lambda one: replace(one, termination="OPERATOR"))),
    planted("operator-missing", record(2, lambda one: replace(one, operator=""))),
]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.rule)
def test_a_fault_is_found_by_its_rule_alone(fault: Planted) -> None:
    assert found(fault.plant(sound_checked())) == {fault.rule} | fault.also


def test_a_beam_that_was_broken_off_and_continued_is_no_fault() -> None:
    assert found(_halves(CONTINUATION)(sound_checked())) == set()
