"""Whether rules on plans find what is wrong and nothing else: sound cases and faults, all drawn afresh.

A fault is caught if a rule finds something that it does not find in the same case without the fault.  What is told or
refused already when a case is read is counted apart: no rule needs to find it again.
"""

from __future__ import annotations

import secrets
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

from demo.dice import Dice
from demo.radiotherapy.blind_faults import BLIND_FAULTS
from demo.radiotherapy.drawn import drawn_case
from demo.radiotherapy.faults import apply, faults_of
from demo.radiotherapy.faults.fault import Layer
from demo.radiotherapy.objects import written
from demo.radiotherapy.sound import GENERIC

from tianfu.apps.radiotherapy.model.checking.rules import Outcome
from tianfu.apps.radiotherapy.model.checking.subjects import checked_of
from tianfu.apps.radiotherapy.model.checking.verdicts import RULES, outcomes_of
from tianfu.kernel.refusal import Refusal
from tianfu.standards.dicom.beams import SETUP
from tianfu.standards.dicom.cases import Case, broken_links, read_case
from tianfu.standards.dicom.findings import Finding

Result = dict[str, object]

CLEAN_CASES = 12
"""How many sound cases are looked over; faults are planted in the first ones by turns."""

BYTES_MAX, VOXELS_MAX = 10**9, 10**8

Said = frozenset[tuple[str, str]]
"""What rules found, each with its place and its words."""


@dataclass(frozen=True, kw_only=True)
class Look:
    """What is said of one case: by rules, and by what reads it."""

    rules: Said
    reading: frozenset[str]


@dataclass(frozen=True, kw_only=True)
class Tried:
    """One fault that was planted: the rules that found it, and whether reading told of it."""

    fault: str
    rules: tuple[str, ...]
    told_by_reading: tuple[str, ...]


def check_keys(seed: int | None = None, *, clean_cases: int = CLEAN_CASES) -> Result:
    """Counts of what is caught, of what is missed, and of false alarms; without a seed one is drawn and told."""
    began = time.perf_counter()
    drawn = secrets.randbelow(2**32) if seed is None else seed
    cases = [drawn_case(Dice("checks", drawn, number)) for number in range(clean_cases)]
    looks = [look(case) for case in cases]
    alarms = Counter(rule for one in looks for rule, _ in one.rules)
    blind = list(blind_tried(drawn, cases, looks))
    seeded = list(seeded_tried(drawn, cases))
    return {
        "seed": drawn,
        "rules": len(RULES),
        "clean_cases": len(cases),
        "false_alarms": alarms.total(),
        "false_alarm_rules": dict(alarms),
        "faults_planted": len(blind) + len(seeded),
        "faults_caught": _caught(blind) + _caught(seeded),
        "blind_planted": len(blind),
        "blind_caught": _caught(blind),
        "missed": [one.fault for one in (*blind, *seeded) if not one.rules],
        "missed_but_told_by_reading": [one.fault for one in (*blind, *seeded) if not one.rules and one.told_by_reading],
        "check_seconds": round(time.perf_counter() - began, 1),
    }


def look(case: Case, findings: frozenset[str] | None = None) -> Look:
    """The case as rules see it, with a common machine's limits."""
    outcomes = outcomes_of(checked_of(case, plan=None, machine=GENERIC, protocol=None))
    told = frozenset(_coded(broken_links(case))) if findings is None else findings
    return Look(rules=frozenset(_said(outcomes)), reading=told)


def blind_tried(seed: int, cases: list[Case], looks: list[Look]) -> Iterator[Tried]:
    """Each blind fault in one of the cases."""
    for number, fault in enumerate(BLIND_FAULTS.values()):
        case, before = cases[number % len(cases)], looks[number % len(cases)]
        yield _tried(fault.id, before, _of(fault.plant, case, Dice("blind", seed, fault.id)))


def seeded_tried(seed: int, cases: list[Case]) -> Iterator[Tried]:
    """Each fault of objects that only a rule can see, written and read again."""
    bare = [_without_pictures(case) for case in cases]
    looks = [look(case) for case in bare]
    for number, fault in enumerate(faults_of(Layer.PLAN_CHECK)):
        case, before = bare[number % len(bare)], looks[number % len(bare)]
        contents = apply(fault, written(case), Dice("seeded", seed, fault.id)).objects.contents()
        try:
            reading = read_case(contents, bytes_max=BYTES_MAX, voxels_max=VOXELS_MAX)
        except Refusal as refusal:
            yield Tried(fault=fault.id, rules=(), told_by_reading=(refusal.code,))
        else:
            yield _tried(fault.id, before, look(reading.value, frozenset(_coded(reading.findings))))


def _without_pictures(case: Case) -> Case:
    """The case without fields that only take pictures: a fault in one of them would hurt nobody."""
    (plan,) = case.plans
    (group,) = plan.fraction_groups
    beams = tuple(beam for beam in plan.beams if beam.delivery != SETUP)
    given = tuple(one for one in group.beams if one.meterset is not None)
    return replace(case, plans=(replace(plan, beams=beams, fraction_groups=(replace(group, beams=given),)),))


def _of(plant: Callable[[Case, Dice], Case], case: Case, dice: Dice) -> Look:
    return look(plant(case, dice))


def _tried(fault: str, before: Look, after: Look) -> Tried:
    rules = sorted({rule for rule, _ in after.rules - before.rules})
    return Tried(fault=fault, rules=tuple(rules), told_by_reading=tuple(sorted(after.reading - before.reading)))


def _said(outcomes: tuple[Outcome, ...]) -> Iterator[tuple[str, str]]:
    for outcome in outcomes:
        for fault in outcome.faults:
            yield outcome.rule.id, f"{_words(fault.where)}: {_words(fault.details)}"


def _words(told: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {value}" for name, value in sorted(told.items()))


def _coded(findings: tuple[Finding, ...]) -> Iterator[str]:
    return (finding.code for finding in findings)


def _caught(tried: list[Tried]) -> int:
    return sum(bool(one.rules) for one in tried)
