"""Whether rules on plans find what is wrong and nothing else: sound cases and faults, all drawn afresh.

The work is divided among processes, since most of it is reading files: `python -m bench.radiotherapy_checks SEED` gives
the same counts again.  A fault is caught if a rule that names it rightly finds something that it does not find in the
same case without the fault.  A draw that changes nothing at all is no fault and is drawn again.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np
from demo.dice import Dice
from demo.radiotherapy.blind_faults import BLIND_FAULTS
from demo.radiotherapy.blind_faults.blind import Blind
from demo.radiotherapy.drawn import drawn_case
from demo.radiotherapy.faults import apply, faults_of
from demo.radiotherapy.faults.fault import Fault, Layer
from demo.radiotherapy.objects import Kind, Objects, written
from demo.radiotherapy.sound import GENERIC
from scipy.ndimage import uniform_filter

from bench.radiotherapy_named import RIGHTLY
from bench.radiotherapy_shares import PROCESSES, Shares
from tianfu.apps.radiotherapy.model.checking.rules import Outcome, Topic
from tianfu.apps.radiotherapy.model.checking.subjects import Found, checked_of
from tianfu.apps.radiotherapy.model.checking.verdicts import RULES, outcomes_of
from tianfu.apps.radiotherapy.model.rings import moments_of
from tianfu.kernel.refusal import Refusal
from tianfu.standards.dicom.beams import SETUP
from tianfu.standards.dicom.cases import Case, read_case

Result = dict[str, object]

CLEAN_CASES = 10
"""How many sound cases are looked over."""

PLANTED_IN = 2
"""In so many of its sound cases each process plants faults, by turns."""

BYTES_MAX, VOXELS_MAX = 10**9, 10**8
DRAWS_MOST = 40

PICTURE_HU, PICTURE_MM2, PICTURE_VOXELS = 12.0, 400.0, 3
"""Two slices show the same anatomy if fewer square millimetres of them differ by so much, grain averaged out."""

TIP_PIXELS = 4
"""Two by two: with less than that nobody tells a tip from grain."""

PARTS = {
    Kind.CT: "images",
    Kind.STRUCTURES: "structure_sets",
    Kind.PLAN: "plans",
    Kind.DOSE: "doses",
    Kind.RECORD: "treatments",
}
"""Where a case has its objects of a kind."""

Planted = TypeVar("Planted", Blind, Fault)

Said = frozenset[tuple[str, str]]
"""What rules found, each with its place and its words."""


@dataclass(frozen=True, kw_only=True)
class Looked:
    """A case, what rules find in it, and what of its objects they computed for that."""

    case: Case
    said: Said
    found: Found


@dataclass(frozen=True, kw_only=True)
class Tried:
    """One fault that was planted, and the rules that found something new."""

    fault: str
    rules: frozenset[str]

    @property
    def rightly(self) -> frozenset[str]:
        """Those of the rules that name the fault."""
        return self.rules & RIGHTLY[self.fault]


@dataclass(frozen=True, kw_only=True)
class Share:
    """What one of several processes does: every `of`-th case and fault, from its own number on."""

    seed: int
    number: int
    of: int
    is_whole: bool

    def of_faults(self, faults: Sequence[Planted]) -> list[Planted]:
        """Its faults: every one for the whole, and else half of them, drawn by the seed."""
        drawn = np.random.default_rng(self.seed).permutation(len(faults))
        some = drawn if self.is_whole else drawn[: len(faults) // 2]
        return [faults[place] for place in sorted(some)][self.number :: self.of]

    def cases(self) -> list[Case]:
        """Its sound cases."""
        return [drawn_case(Dice("checks", self.seed, place)) for place in range(self.number, CLEAN_CASES, self.of)]


@dataclass(frozen=True, kw_only=True)
class Counted:
    """What came of a share."""

    clean_cases: int
    alarms: Mapping[str, int]
    blind: tuple[Tried, ...]
    seeded: tuple[Tried, ...]


def shares_keys(shares: Shares) -> Result:
    """Counts of what is caught, of what is missed, and of false alarms, once all shares are done."""
    return keys_of(shares.seed, [_counted_from(one) for one in shares.told()])


def keys_of(seed: int, parts: Sequence[Counted]) -> Result:
    """All shares together."""
    alarms: Counter[str] = Counter()
    for part in parts:
        alarms.update(part.alarms)
    blind, seeded = [one for part in parts for one in part.blind], [one for part in parts for one in part.seeded]
    tried = [*blind, *seeded]
    return {
        "check_seed": seed,
        "rules": len(RULES),
        "clean_cases": sum(part.clean_cases for part in parts),
        "false_alarms": alarms.total(),
        "false_alarm_rules": dict(alarms),
        "faults_known": len(BLIND_FAULTS) + len(faults_of(Layer.PLAN_CHECK)),
        "faults_planted": len(tried),
        "faults_caught": _caught(tried),
        "faults_missed": [one.fault for one in tried if not one.rightly],
        "blind_planted": len(blind),
        "blind_caught": _caught(blind),
        "faults_seen_only_in_records": [one.fault for one in tried if _is_seen_late(one)],
    }


def counted(share: Share) -> Counted:
    """Look over a share's sound cases, and plant its faults in the first ones of them."""
    cases = share.cases()
    planted = [looked_over(case) for case in cases[:PLANTED_IN]]
    said = [*(one.said for one in planted), *(said_of(case) for case in cases[PLANTED_IN:])]
    alarms = Counter(rule for each in said for rule, _ in each)
    blind = share.of_faults(list(BLIND_FAULTS.values()))
    seeded = share.of_faults(faults_of(Layer.PLAN_CHECK))
    return Counted(
        clean_cases=len(cases),
        alarms=alarms,
        blind=tuple(blind_tried(share.seed, planted, blind)),
        seeded=tuple(seeded_tried(share.seed, cases[:PLANTED_IN], seeded)),
    )


def said_of(case: Case, found: Found | None = None) -> Said:
    """What rules find in a case, with a common machine's limits; `found` is of a case that has some of its objects."""
    return frozenset(_said(outcomes_of(checked_of(case, plan=None, machine=GENERIC, protocol=None, found=found))))


def looked_over(case: Case) -> Looked:
    """A case as it is before a fault is planted."""
    checked = checked_of(case, plan=None, machine=GENERIC, protocol=None)
    return Looked(case=case, said=frozenset(_said(outcomes_of(checked))), found=checked.found)


def blind_tried(seed: int, cases: Sequence[Looked], faults: Sequence[Blind]) -> Iterator[Tried]:
    """Each blind fault in one of the cases."""
    for number, fault in enumerate(faults):
        before = cases[number % len(cases)]
        after = said_of(fault.plant(before.case, Dice("blind", seed, fault.id)), before.found)
        yield _tried(fault.id, before.said, after)


def seeded_tried(seed: int, cases: list[Case], faults: Sequence[Fault]) -> Iterator[Tried]:
    """Each fault in the objects of one of the cases, written to files and read again."""
    files = [written(_without_pictures(case)) for case in cases]
    read = [looked_over(_read(one)) for one in files]
    for number, fault in enumerate(faults):
        place = number % len(cases)
        before = read[place]
        after = said_of(_spoilt(fault, files[place], before.case, seed), before.found)
        yield _tried(fault.id, before.said, after)


def _spoilt(fault: Fault, files: Objects, before: Case, seed: int) -> Case:
    """The case with the fault; raises ValueError if no draw of many changes anything.

    What is refused when it is read never comes before a rule, and is drawn again too.
    """
    is_none = NO_FAULT.get(fault.id, _never)
    for draw in range(DRAWS_MOST):
        with suppress(Refusal):
            after = read_again(before, files, apply(fault, files, Dice("seeded", seed, fault.id, draw)).objects)
            if not is_none(before, after):
                return after
    message = f"nothing comes of {fault.id}"
    raise ValueError(message)


def read_again(before: Case, files: Objects, changed: Objects) -> Case:
    """What `changed` is read as, if `before` is what `files` are: each kind is read by itself, and the same twice."""
    kinds = [kind for kind in Kind if changed.of(kind) != files.of(kind)]
    read = _read(Objects(files={kind: changed.of(kind) for kind in kinds}))
    return replace(before, **{PARTS[kind]: getattr(read, PARTS[kind]) for kind in kinds})


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


def _same_but_for_a_tip(before: Case, after: Case) -> bool:
    """No ring that was lost is as large as `TIP_PIXELS` of the image: nobody would have seen it there to draw it."""
    grid = before.images[0].volume.grid
    left = {ring.points.tobytes() for one in after.structure_sets[0].structures for ring in one.rings}
    lost = [
        float(moments_of(np.ascontiguousarray(grid.local(ring.points)[:, :2]))[0])
        for one in before.structure_sets[0].structures
        for ring in one.rings
        if ring.points.tobytes() not in left
    ]
    return max(lost, default=0.0) < TIP_PIXELS * float(np.prod(grid.spacing[:2]))


NO_FAULT: Mapping[str, Callable[[Case, Case], bool]] = {
    "ct-pixels-exchanged": _same_pictures,
    "structures-end-not-drawn": _same_but_for_a_tip,
    "plan-metersets-exchanged": lambda before, after: before.plans == after.plans,
}
"""Faults of which some draws change nothing: slices alike, monitor units alike, or a tip narrower than pixels."""


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


def _counted_from(told: Mapping[str, Any]) -> Counted:
    blind, seeded = (
        tuple(Tried(fault=fault, rules=frozenset(rules)) for fault, rules in told[kind]) for kind in ("blind", "seeded")
    )
    return Counted(clean_cases=told["clean_cases"], alarms=told["alarms"], blind=blind, seeded=seeded)


def _told(found: Counted) -> Mapping[str, Any]:
    kinds = {"blind": found.blind, "seeded": found.seeded}
    return {
        "clean_cases": found.clean_cases,
        "alarms": found.alarms,
        **{kind: [[one.fault, sorted(one.rules)] for one in tried] for kind, tried in kinds.items()},
    }


def main() -> None:
    """Try the rules by a seed, or one process's share of it."""
    parser = argparse.ArgumentParser(prog="python -m bench.radiotherapy_checks", description=__doc__)
    parser.add_argument("seed", type=int)
    parser.add_argument("--share", type=int)
    parser.add_argument("--whole", action="store_true", help="all faults, not a half that the seed draws")
    asked = parser.parse_args()
    if asked.share is None:
        with Shares(asked.seed, is_whole=asked.whole) as shares:
            print(json.dumps(shares_keys(shares)))
    else:
        share = Share(seed=asked.seed, number=asked.share, of=PROCESSES, is_whole=asked.whole)
        print(json.dumps(_told(counted(share))))


if __name__ == "__main__":
    main()
