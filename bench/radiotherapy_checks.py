"""Whether rules on plans find what is wrong and nothing else: sound cases and faults, all drawn afresh.

A fault is caught if a rule that names it rightly finds something that it does not find in the same case without the
fault.  A draw that changes nothing at all is no fault and is drawn again.
"""

from __future__ import annotations

import secrets
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

import numpy as np
from demo.dice import Dice
from demo.radiotherapy.blind_faults import BLIND_FAULTS
from demo.radiotherapy.drawn import drawn_case
from demo.radiotherapy.faults import apply, faults_of
from demo.radiotherapy.faults.fault import Fault, Layer
from demo.radiotherapy.objects import Objects, written
from demo.radiotherapy.sound import GENERIC
from scipy.ndimage import uniform_filter

from bench.radiotherapy_named import RIGHTLY
from tianfu.apps.radiotherapy.model.checking.rules import Outcome, Topic
from tianfu.apps.radiotherapy.model.checking.subjects import checked_of
from tianfu.apps.radiotherapy.model.checking.verdicts import RULES, outcomes_of
from tianfu.kernel.refusal import Refusal
from tianfu.standards.dicom.beams import SETUP
from tianfu.standards.dicom.cases import Case, read_case

Result = dict[str, object]

CLEAN_CASES = 10
"""How many sound cases are looked over; faults are planted in the first ones by turns."""

BYTES_MAX, VOXELS_MAX = 10**9, 10**8
DRAWS_MOST = 40

PICTURE_HU, PICTURE_MM2, PICTURE_VOXELS = 12.0, 400.0, 3
"""Two slices show the same anatomy if fewer square millimetres of them differ by so much, grain averaged out."""

Said = frozenset[tuple[str, str]]
"""What rules found, each with its place and its words."""


@dataclass(frozen=True, kw_only=True)
class Tried:
    """One fault that was planted, and the rules that found something new."""

    fault: str
    rules: frozenset[str]

    @property
    def rightly(self) -> frozenset[str]:
        """Those of the rules that name the fault."""
        return self.rules & RIGHTLY[self.fault]


def check_keys(seed: int | None = None, *, clean_cases: int = CLEAN_CASES) -> Result:
    """Counts of what is caught, of what is missed, and of false alarms; without a seed one is drawn and told."""
    began = time.perf_counter()
    drawn = secrets.randbelow(2**32) if seed is None else seed
    cases = [drawn_case(Dice("checks", drawn, number)) for number in range(clean_cases)]
    alarms = Counter(rule for case in cases for rule, _ in said_of(case))
    blind, seeded = list(blind_tried(drawn, cases)), list(seeded_tried(drawn, cases, faults_of(Layer.PLAN_CHECK)))
    tried = [*blind, *seeded]
    return {
        "check_seed": drawn,
        "rules": len(RULES),
        "clean_cases": len(cases),
        "false_alarms": alarms.total(),
        "false_alarm_rules": dict(alarms),
        "faults_planted": len(tried),
        "faults_caught": _caught(tried),
        "blind_planted": len(blind),
        "blind_caught": _caught(blind),
        "faults_missed": [one.fault for one in tried if not one.rightly],
        "faults_seen_only_in_records": [one.fault for one in tried if _is_seen_late(one)],
        "check_seconds": round(time.perf_counter() - began, 1),
    }


def said_of(case: Case) -> Said:
    """What rules find in a case, with a common machine's limits."""
    return frozenset(_said(outcomes_of(checked_of(case, plan=None, machine=GENERIC, protocol=None))))


def blind_tried(seed: int, cases: list[Case]) -> Iterator[Tried]:
    """Each blind fault in one of the cases."""
    before = [said_of(case) for case in cases]
    for number, fault in enumerate(BLIND_FAULTS.values()):
        place = number % len(cases)
        after = said_of(fault.plant(cases[place], Dice("blind", seed, fault.id)))
        yield _tried(fault.id, before[place], after)


def seeded_tried(seed: int, cases: list[Case], faults: Sequence[Fault]) -> Iterator[Tried]:
    """Each fault in the objects of one of the cases, written to files and read again."""
    files = [written(_without_pictures(case)) for case in cases]
    read = [_read(one) for one in files]
    before = [said_of(case) for case in read]
    for number, fault in enumerate(faults):
        place = number % len(cases)
        yield _tried(fault.id, before[place], said_of(_spoilt(fault, files[place], read[place], seed)))


def _spoilt(fault: Fault, files: Objects, before: Case, seed: int) -> Case:
    """The case with the fault; raises ValueError if no draw of many changes anything.

    What is refused when it is read never comes before a rule, and is drawn again too.
    """
    is_none = NO_FAULT.get(fault.id, _never)
    for draw in range(DRAWS_MOST):
        with suppress(Refusal):
            after = _read(apply(fault, files, Dice("seeded", seed, fault.id, draw)).objects)
            if not is_none(before, after):
                return after
    message = f"nothing comes of {fault.id}"
    raise ValueError(message)


def _read(objects: Objects) -> Case:
    return read_case(objects.contents(), bytes_max=BYTES_MAX, voxels_max=VOXELS_MAX).value


def _without_pictures(case: Case) -> Case:
    """The case without fields that only take pictures: a fault in one of them would hurt nobody."""
    (plan,) = case.plans
    (group,) = plan.fraction_groups
    beams = tuple(beam for beam in plan.beams if beam.delivery != SETUP)
    given = tuple(one for one in group.beams if one.meterset is not None)
    return replace(case, plans=(replace(plan, beams=beams, fraction_groups=(replace(group, beams=given),)),))


def _never(_before: Case, _after: Case) -> bool:
    return False


def _same_pictures(before: Case, after: Case) -> bool:
    """Every slice shows what it showed: the exchanged ones were alike but for their grain."""
    (one,), (other,) = before.images, after.images
    off = one.volume.values.astype(np.float32) - other.volume.values.astype(np.float32)
    smooth = np.abs(uniform_filter(off, size=(1, PICTURE_VOXELS, PICTURE_VOXELS)))
    pixel_mm2 = float(np.prod(one.volume.grid.spacing[:2]))
    return float((smooth > PICTURE_HU).sum(axis=(1, 2)).max()) * pixel_mm2 < PICTURE_MM2


NO_FAULT: Mapping[str, Callable[[Case, Case], bool]] = {
    "ct-pixels-exchanged": _same_pictures,
    "plan-metersets-exchanged": lambda before, after: before.plans == after.plans,
}
"""Faults of which some draws change nothing: slices alike, or monitor units alike."""


def _tried(fault: str, before: Said, after: Said) -> Tried:
    return Tried(fault=fault, rules=frozenset(rule for rule, _ in after - before))


def _said(outcomes: tuple[Outcome, ...]) -> Iterator[tuple[str, str]]:
    for outcome in outcomes:
        for fault in outcome.faults:
            yield outcome.rule.id, f"{_words(fault.where)}: {_words(fault.details)}"


def _words(told: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {value}" for name, value in sorted(told.items()))


def _caught(tried: list[Tried]) -> int:
    return sum(bool(one.rightly) for one in tried)


def _is_seen_late(one: Tried) -> bool:
    """Whether a fault of a plan is seen only because sessions were given before it came in."""
    return bool(one.rightly) and not RIGHTLY[one.fault] <= _OF_RECORDS and one.rightly <= _OF_RECORDS


_OF_RECORDS = frozenset(rule.id for rule in RULES if rule.topic is Topic.RECORDS)
