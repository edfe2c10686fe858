"""Rules on what was given against what was planned, fraction by fraction (PS3.3 A.29; weekly review of TG-275)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from itertools import pairwise

import numpy as np

from tianfu.apps.radiotherapy.model.checking.books import TG_275, Book, dicom
from tianfu.apps.radiotherapy.model.checking.rules import NotJudgedError, Seen, Severity, Topic, seen
from tianfu.apps.radiotherapy.model.checking.subjects import Checked
from tianfu.standards.dicom.beams import SETUP, Beam
from tianfu.standards.dicom.control_points import LEAVES
from tianfu.standards.dicom.dates import day_of
from tianfu.standards.dicom.treatments import CONTINUATION, NORMAL, DeliveredBeam, DeliveredPoint, Treatment

BOOK = Book(Topic.RECORDS)

MU_WITHIN = 0.02
SPECIFIED_WITHIN = 0.001
SUM_WITHIN = 0.02
ANGLE_DEGREES, LEAF_MM = 1.0, 2.0
COUCH_MM = 20.0
BREAK_DAYS_MOST = 4
"""A weekend with a holiday beside it. [ours]"""


@BOOK.rule("record-beam-missing", Severity.WARNING, TG_275, "inferred")
def _beam_missing(checked: Checked) -> Iterator[Seen]:
    for fraction, beams in _by_fraction(checked).items():
        for number in sorted(set(checked.given) - {beam.number for beam in beams}):
            yield seen({"fraction": fraction, "beam": number})


@BOOK.rule("record-mu-differs", Severity.STOP, TG_275, "inferred")
def _mu(checked: Checked) -> Iterator[Seen]:
    """All that was given of a beam in a fraction, its continuation with it."""
    for fraction, beams in _by_fraction(checked).items():
        for number, planned in checked.given.items():
            given = [beam.given for beam in beams if beam.number == number]
            if given and planned.meterset and abs(sum(given) / planned.meterset - 1) > MU_WITHIN:
                where = {"fraction": fraction, "beam": number}
                yield seen(where, found=f"{sum(given):.1f} MU", expected=f"{planned.meterset:.1f} MU")


@BOOK.rule("record-specified-differs", Severity.STOP, TG_275, "inferred")
def _specified(checked: Checked) -> Iterator[Seen]:
    """The machine was told another meterset than the plan has: somebody changed one of them."""
    for record, beam, planned in _pairs(checked):
        wanted = checked.given[planned.number].meterset
        if beam.specified is None or not wanted or beam.delivery == CONTINUATION:
            continue
        if abs(beam.specified / wanted - 1) > SPECIFIED_WITHIN:
            yield seen(_at(record, beam), found=f"{beam.specified:.1f} MU", expected=f"{wanted:.1f} MU")


@BOOK.rule("fraction-missing", Severity.WARNING, TG_275, "inferred")
def _gap(checked: Checked) -> Iterator[Seen]:
    numbers = set(_by_fraction(checked))
    for missing in sorted(set(range(1, max(numbers))) - numbers):
        yield seen({"fraction": missing})


@BOOK.rule("fraction-twice", Severity.STOP, TG_275, "inferred")
def _twice(checked: Checked) -> Iterator[Seen]:
    for fraction, beams in _by_fraction(checked).items():
        whole = [beam.number for beam in beams if beam.delivery != CONTINUATION]
        for number in sorted({number for number in whole if number is not None and whole.count(number) > 1}):
            yield seen({"fraction": fraction, "beam": number}, found=whole.count(number), limit=1)


@BOOK.rule("fractions-beyond-plan", Severity.STOP, TG_275, "inferred")
def _beyond(checked: Checked) -> Iterator[Seen]:
    most = max(_by_fraction(checked))
    if most > checked.fractions:
        yield seen(found=most, limit=checked.fractions)


@BOOK.rule("record-fractions-differ", Severity.STOP, TG_275, "inferred")
def _planned(checked: Checked) -> Iterator[Seen]:
    for record in checked.records:
        if record.fractions is not None and record.fractions != checked.fractions:
            yield seen({"record": record.number}, found=record.fractions, expected=checked.fractions)


@BOOK.rule("given-beyond-prescription", Severity.STOP, TG_275, "inferred")
def _total(checked: Checked) -> Iterator[Seen]:
    """By monitor units: those of all beams that were given, as a part of those that are planned for the course."""
    planned = sum(one.meterset or 0.0 for one in checked.given.values()) * checked.fractions
    given = sum(
        beam.given for beams in _by_fraction(checked).values() for beam in beams if beam.number in checked.given
    )
    if not planned:
        raise NotJudgedError("not-said")
    if given > (1 + SUM_WITHIN) * planned:
        gy = checked.prescribed_gy
        yield seen(found=f"{gy * given / planned:.2f} Gy", limit=f"{gy:.2f} Gy")


@BOOK.rule("record-machine-differs", Severity.WARNING, TG_275, "inferred")
def _machine(checked: Checked) -> Iterator[Seen]:
    planned = {beam.machine for beam in checked.beams}
    for record in checked.records:
        if record.machine.name and record.machine.name not in planned:
            yield seen({"record": record.number}, found=record.machine.name, expected=", ".join(sorted(planned)))


@BOOK.rule("record-unit-differs", Severity.STOP, dicom("C.8.8.26"), "memory")
def _unit(checked: Checked) -> Iterator[Seen]:
    units = {beam.unit for beam in checked.beams}
    for record in checked.records:
        if record.unit and record.unit not in units:
            yield seen({"record": record.number}, found=record.unit, expected=", ".join(sorted(units)))


@BOOK.rule("record-gantry-differs", Severity.STOP, TG_275, "inferred")
def _gantry(checked: Checked) -> Iterator[Seen]:
    yield from _angles(checked, "gantry_degrees")


@BOOK.rule("record-collimator-differs", Severity.STOP, TG_275, "inferred")
def _collimator(checked: Checked) -> Iterator[Seen]:
    yield from _angles(checked, "collimator_degrees")


@BOOK.rule("record-couch-angle-differs", Severity.STOP, TG_275, "inferred")
def _couch(checked: Checked) -> Iterator[Seen]:
    yield from _angles(checked, "couch_degrees")


@BOOK.rule("record-energy-differs", Severity.STOP, TG_275, "inferred")
def _energy(checked: Checked) -> Iterator[Seen]:
    for record, beam, planned in _pairs(checked):
        wanted = {point.stand.energy_mv for point in planned.control_points} - {None}
        found = {point.stand.energy_mv for point in beam.points} - {None}
        if wanted and found - wanted:
            told = ", ".join(f"{one:g} MV" for one in found - wanted if one is not None)
            yield seen(
                _at(record, beam), found=told, expected=", ".join(f"{one:g} MV" for one in wanted if one is not None)
            )


@BOOK.rule("record-leaves-differ", Severity.STOP, TG_275, "inferred")
def _leaves(checked: Checked) -> Iterator[Seen]:
    for record, beam, planned in _pairs(checked):
        off = max((_leaf_difference(point, planned) for point in beam.points), default=0.0)
        if off > LEAF_MM:
            yield seen(_at(record, beam), found=f"{off:.1f} mm", limit=f"{LEAF_MM:g} mm")


@BOOK.rule("couch-moved", Severity.WARNING, TG_275, "ours")
def _couch_moved(checked: Checked) -> Iterator[Seen]:
    """The table's place in each record against the first one that says it."""
    told = [(record, place) for record in checked.records if (place := _table(record)) is not None]
    if len(told) < 2:
        raise NotJudgedError("not-said")
    for record, place in told[1:]:
        away = max(abs(one - first) for one, first in zip(place, told[0][1], strict=True))
        if away > COUCH_MM:
            yield seen({"record": record.number}, found=f"{away:.0f} mm", limit=f"{COUCH_MM:g} mm")


@BOOK.rule("fractions-same-day", Severity.WARNING, TG_275, "ours")
def _same_day(checked: Checked) -> Iterator[Seen]:
    for (one, day), (other, next_day) in pairwise(_days(checked)):
        if day == next_day:
            yield seen({"fraction": other}, other=one)


@BOOK.rule("fractions-out-of-order", Severity.WARNING, TG_275, "ours")
def _order(checked: Checked) -> Iterator[Seen]:
    for (one, day), (other, next_day) in pairwise(_days(checked)):
        if next_day < day:
            yield seen({"fraction": other}, other=one)


@BOOK.rule("treatment-interrupted", Severity.NOTICE, TG_275, "ours")
def _interrupted(checked: Checked) -> Iterator[Seen]:
    for (_, day), (other, next_day) in pairwise(_days(checked)):
        if (next_day - day).days > BREAK_DAYS_MOST:
            yield seen({"fraction": other}, found=f"{(next_day - day).days} d", limit=f"{BREAK_DAYS_MOST} d")


@BOOK.rule("treated-before-plan", Severity.STOP, TG_275, "inferred")
def _before(checked: Checked) -> Iterator[Seen]:
    planned = day_of(checked.plan.date)
    if planned is None:
        raise NotJudgedError("not-said")
    for fraction, day in _days(checked):
        if day < planned:
            yield seen({"fraction": fraction}, found=day.isoformat(), limit=planned.isoformat())


@BOOK.rule("treated-without-approval", Severity.STOP, TG_275, "inferred")
def _approval(checked: Checked) -> Iterator[Seen]:
    if checked.records and checked.plan.approval.status != "APPROVED":
        yield seen(found=checked.plan.approval.status or "?", expected="APPROVED")


@BOOK.rule("operator-missing", Severity.NOTICE, TG_275, "ours")
def _operator(checked: Checked) -> Iterator[Seen]:
    for record in checked.records:
        if not record.operator:
            yield seen({"record": record.number})


@BOOK.rule("record-of-another-patient", Severity.STOP, TG_275, "inferred")
def _other_patient(checked: Checked) -> Iterator[Seen]:
    """Of all records in the case, those of other plans too; who it is stays out of reports."""
    patient = checked.plan.header.patient
    for record in _every(checked):
        other = record.header.patient
        if (other.number, other.name.rstrip("^")) != (patient.number, patient.name.rstrip("^")):
            yield seen({"record": record.number})


@BOOK.rule("record-of-another-plan", Severity.STOP, TG_275, "inferred")
def _other_plan(checked: Checked) -> Iterator[Seen]:
    """A session that names a plan which nobody can look over with it."""
    known = {plan.instance for plan in checked.case.plans}
    for record in _every(checked):
        if record.plan not in known:
            yield seen({"record": record.number})


@BOOK.rule("record-overridden", Severity.WARNING, TG_275, "inferred")
def _overridden(checked: Checked) -> Iterator[Seen]:
    for record, beam, _ in _pairs(checked):
        count = sum(len(point.overrides) for point in beam.points)
        if count or beam.verification == "VERIFIED_OVR":
            yield seen(_at(record, beam), found=max(1, count), limit=0)


@BOOK.rule("record-ended-early", Severity.WARNING, TG_275, "inferred")
def _ended_early(checked: Checked) -> Iterator[Seen]:
    """A field that was broken off, whether or not the rest came later."""
    for record, beam, _ in _pairs(checked):
        if beam.termination not in {"", NORMAL}:
            yield seen(_at(record, beam), found=beam.termination, expected=NORMAL)


def _every(checked: Checked) -> tuple[Treatment, ...]:
    if not checked.case.treatments:
        raise NotJudgedError("no-records")
    return checked.case.treatments


def _by_fraction(checked: Checked) -> dict[int, list[DeliveredBeam]]:
    """What was given, without pictures; raises NotJudgedError if no beam says its fraction."""
    found: dict[int, list[DeliveredBeam]] = {}
    for record in checked.records:
        for beam in record.beams:
            if beam.fraction is not None and beam.delivery != SETUP:
                found.setdefault(beam.fraction, []).append(beam)
    if not found:
        raise NotJudgedError("not-said")
    return found


def _pairs(checked: Checked) -> Iterator[tuple[Treatment, DeliveredBeam, Beam]]:
    """Each delivered beam with the planned one."""
    planned = {beam.number: beam for beam in checked.beams}
    for record in checked.records:
        for beam in record.beams:
            if beam.number in checked.given and beam.number in planned:
                yield record, beam, planned[beam.number]


def _at(record: Treatment, beam: DeliveredBeam) -> dict[str, object]:
    return {"record": record.number, "beam": beam.number}


def _angles(checked: Checked, name: str) -> Iterator[Seen]:
    for record, beam, planned in _pairs(checked):
        wanted = [angle for point in planned.control_points if (angle := getattr(point.stand, name)) is not None]
        found = [angle for point in beam.points if (angle := getattr(point.stand, name)) is not None]
        if len(set(wanted)) != 1 or not found:
            # What turns while it gives is compared by its log, not by its record.
            continue
        off = max(abs((angle - wanted[0] + 180) % 360 - 180) for angle in found)
        if off > ANGLE_DEGREES:
            yield seen(_at(record, beam), found=f"{off:.1f}°", limit=f"{ANGLE_DEGREES:g}°")


def _leaf_difference(point: DeliveredPoint, planned: Beam) -> float:
    if point.index is None or not 0 <= point.index < len(planned.control_points):
        return 0.0
    found, wanted = point.stand.opening(LEAVES), planned.control_points[point.index].stand.opening(LEAVES)
    if found is None or wanted is None:
        return 0.0
    if len(found.positions_mm) != len(wanted.positions_mm):
        raise NotJudgedError("no-leaves")
    return float(np.abs(np.array(found.positions_mm) - np.array(wanted.positions_mm)).max())


def _table(record: Treatment) -> tuple[float, float, float] | None:
    for beam in record.beams:
        for point in beam.points:
            stand = point.stand
            if None not in (stand.table_vertical_mm, stand.table_longitudinal_mm, stand.table_lateral_mm):
                return stand.table_vertical_mm or 0.0, stand.table_longitudinal_mm or 0.0, stand.table_lateral_mm or 0.0
    return None


def _days(checked: Checked) -> list[tuple[int, date]]:
    """The day of each fraction, by its number; of one in several sessions the first."""
    days: dict[int, date] = {}
    for record in checked.records:
        day = day_of(record.date)
        for fraction in {beam.fraction for beam in record.beams}:
            if fraction is not None and day is not None:
                days.setdefault(fraction, day)
    if not days:
        raise NotJudgedError("not-said")
    return sorted(days.items())
