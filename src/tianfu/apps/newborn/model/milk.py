"""Whether a bottle of milk is this baby's and still good: two identifiers, both scanned, and a time by its kind.

Pure.  Rule: docs/rules/newborn-diary.md .  Every answer but `MAY_BE_FED` stops; no missing scan is made up for.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from enum import StrEnum
from functools import cache
from importlib.resources import files
from typing import Any

import orjson

from tianfu.kernel.instants import SECOND, Instant
from tianfu.kernel.refusal import Fault, Refusal

CODE_CHARACTERS_MAX = 128
HOUR = 3_600 * SECOND
CHINA = timezone(timedelta(hours=8))
KEPT_AT_MOST = 365 * 24 * HOUR
"""A time on a label further away than a year is a slip of the hand: a year typed short."""
AHEAD = 60 * SECOND
"""How far a clock on the wall may go ahead of ours."""


class Kind(StrEnum):
    """How the milk was kept; the time from which it counts is expressed, put in the fridge, or thawed."""

    FRESH = "fresh"
    FRIDGE = "fridge"
    THAWED = "thawed"


class Verdict(StrEnum):
    """What the check says; only the first lets the milk be fed."""

    MAY_BE_FED = "may-be-fed"
    NOT_AT_THIS_BED = "not-at-this-bed"
    OTHER_BABY = "other-baby"
    NAME_DIFFERS = "name-differs"
    TOO_OLD = "too-old"
    FROM_THE_FUTURE = "from-the-future"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scanned:
    """What was scanned: the band on the baby, and both identifiers of the bottle; and what its label says."""

    wristband: str
    bottle_number: str
    bottle_band: str
    kind: Kind
    since: Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class Wearer:
    """The baby at whose bed the check is made: the bands that it wears now, and the number of its stay."""

    wristbands: frozenset[str]
    number: str


@cache
def rules() -> Mapping[str, Any]:
    """How long milk is good, as data with its mark."""
    data: Mapping[str, Any] = orjson.loads(files("tianfu.apps.newborn.model").joinpath("milk.json").read_bytes())
    return data


def good_until(kind: Kind, since: Instant) -> Instant:
    """Until when milk is used."""
    return Instant(since + rules()["hours"][kind.value] * HOUR)


def read_scanned(form: Mapping[str, str], *, now: Instant) -> Scanned:
    """What was scanned and chosen; raises Refusal `milk-unusable` with a fault for each field that is missing.

    A time of which nobody can say when that was is missing.
    """
    faults = [
        Fault(name, "scan-missing")
        for name in ("wristband", "bottle_number", "bottle_band")
        if not 0 < len(form.get(name, "").strip()) <= CODE_CHARACTERS_MAX
    ]
    kind = form.get("kind", "")
    if kind not in {each.value for each in Kind}:
        faults.append(Fault("kind", "kind-needed"))
    since = _moment(form.get("since", "").strip())
    if since is None or abs(now - since) > KEPT_AT_MOST:
        since = None
        faults.append(Fault("since", "since-needed"))
    if faults or since is None:
        raise Refusal("milk-unusable", faults=tuple(faults))
    return Scanned(
        wristband=form["wristband"].strip(),
        bottle_number=form["bottle_number"].strip(),
        bottle_band=form["bottle_band"].strip(),
        kind=Kind(kind),
        since=since,
    )


def judged(scanned: Scanned, wearer: Wearer, *, now: Instant) -> Verdict:
    """Whether the milk may be fed; the first thing that is wrong decides, the wrong baby before anything else."""
    if not _is_among(scanned.wristband, wearer.wristbands):
        return Verdict.NOT_AT_THIS_BED
    if not wearer.number or not _same(scanned.bottle_number, wearer.number):
        return Verdict.OTHER_BABY
    if not _same(scanned.bottle_band, scanned.wristband):
        return Verdict.NAME_DIFFERS
    if scanned.since > now + AHEAD:
        return Verdict.FROM_THE_FUTURE
    if good_until(scanned.kind, scanned.since) <= now:
        return Verdict.TOO_OLD
    return Verdict.MAY_BE_FED


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode(), other.encode())


def _is_among(code: str, known: frozenset[str]) -> bool:
    return any([_same(code, each) for each in known])  # noqa: C419 - as long for a known code as for another


def _moment(text: str) -> Instant | None:
    """A moment of the wall clock in China, as a browser writes it (HTML, datetime-local)."""
    try:
        read = datetime.strptime(text, "%Y-%m-%dT%H:%M")  # noqa: DTZ007 - the zone is set in the next line
    except ValueError:
        return None
    return Instant(int(read.replace(tzinfo=CHINA).timestamp()) * SECOND)
