"""Measures that belong to one pregnancy, so that no line may run from one pregnancy to the next."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from tianfu.apps.lifelong.model.phases import Pregnancy
from tianfu.apps.lifelong.model.wording import Concept

DAYS_APART_MAX = 294
"""42 weeks: two values further apart cannot be of the same pregnancy."""

LOINC = "http://loinc.org"
CODES = frozenset({"11881-0", "55283-6", "11820-8", "11963-6", "11979-2", "11727-5", "11948-7", "11984-2"})
"""Fundal height, fetal heart rate, and the fetal sizes and weights that ultrasound tells."""

WORDS = ("胎", "宫高", "宫底", "fetal", "foetal", "fetus", "fundal")
"""How such a measure is called where it has a code of its writer only."""


def is_of_a_pregnancy(name: Concept) -> bool:
    """Whether a measure has a meaning only within one pregnancy."""
    said = " ".join([name.text, *(coding.display for coding in name.codings)]).lower()
    return name.has(LOINC, CODES) or any(word in said for word in WORDS)


def are_of_two_pregnancies(
    earlier: date, later: date, pregnancies: Sequence[Pregnancy], first_days: Sequence[date]
) -> bool:
    """Whether two days of such a measure lie too far apart, on two sides of a last period, or in two pregnancies."""
    if (later - earlier).days > DAYS_APART_MAX or any(earlier < day < later for day in first_days):
        return True
    within = [_place(day, pregnancies) for day in (earlier, later)]
    return None not in within and within[0] != within[1]


def _place(day: date, pregnancies: Sequence[Pregnancy]) -> int | None:
    covering = [place for place, one in enumerate(pregnancies) if one.since <= day and (one.until or date.max) > day]
    return covering[-1] if covering else None
