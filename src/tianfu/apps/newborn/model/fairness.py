"""Who comes first where places are few: the baby who was seen less.  The rule is data: fairness.json .

Rule: docs/rules/newborn-booking.md
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import orjson

from tianfu.kernel.instants import DAY, SECOND, Instant

HOUR = 3_600 * SECOND
WEEK = 7 * DAY
MONTH = 30 * DAY


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """How places are shared; `version` is told wherever the rule decided."""

    version: int
    kept_percent: int
    kept_until_hours: int
    many_in_7_days: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """How often a baby was visited, or is booked to be, in the 7 and 30 days before a slot."""

    in_7_days: int = 0
    in_30_days: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """That a family waits for a slot, since when."""

    id: str
    baby: str
    since: Instant


@cache
def rule() -> Rule:
    """The rule as the data say it."""
    data = orjson.loads(files("tianfu.apps.newborn.model").joinpath("fairness.json").read_bytes())
    return Rule(**{name: int(data[name]) for name in Rule.__slots__})


def seen_before(starts: Iterable[Instant], slot_start: Instant) -> Seen:
    """A baby's count, from the starts of its visits that were not cancelled."""
    before = [slot_start - each for each in starts if 0 < slot_start - each <= MONTH]
    return Seen(in_7_days=sum(each <= WEEK for each in before), in_30_days=len(before))


def is_kept(rule: Rule, seen: Seen, *, free: int, in_all: int, slot_start: Instant, now: Instant) -> bool:
    """Whether a baby who was seen often must leave a day's last free places, for the time being, to others."""
    kept = in_all * rule.kept_percent // 100
    return seen.in_7_days >= rule.many_in_7_days and free <= kept and slot_start - now > rule.kept_until_hours * HOUR


def in_order(wishes: Iterable[Wish], seen: Mapping[str, Seen]) -> tuple[Wish, ...]:
    """Who waits, in the order in which places are given."""

    def place(wish: Wish) -> tuple[int, int, Instant, str]:
        count = seen.get(wish.baby, Seen())
        return count.in_7_days, count.in_30_days, wish.since, wish.id

    return tuple(sorted(wishes, key=place))
