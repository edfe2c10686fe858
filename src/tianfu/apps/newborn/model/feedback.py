"""What a family is asked after a visit, and what the ward makes of many answers: counts by month.

Rule: docs/rules/newborn-watching.md
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date

from tianfu.kernel.instants import Instant, china_date

QUESTIONS = ("picture", "care")
ANSWERS = ("good", "middling", "bad")

MONTHS = 6
"""So many months are counted, this one among them. [ours]"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Month:
    """How often families said what in a month, given by its first day; `counts` by question and answer."""

    first: date
    all: int
    counts: Mapping[tuple[str, str], int]


def months_until(today: date) -> tuple[date, ...]:
    """The first days of the months that are counted, this month's first."""
    whole = today.year * 12 + today.month - 1
    return tuple(date((whole - each) // 12, (whole - each) % 12 + 1, 1) for each in range(MONTHS))


def by_month(said: Iterable[tuple[Instant, Mapping[str, str]]], today: date) -> tuple[Month, ...]:
    """When families answered what, counted for each month; a month in which nobody did is there, too."""
    found = [(china_date(at).replace(day=1), answers) for at, answers in said]
    return tuple(
        Month(
            first=first,
            all=sum(month == first for month, _ in found),
            counts=Counter(pair for month, answers in found if month == first for pair in answers.items()),
        )
        for first in months_until(today)
    )
