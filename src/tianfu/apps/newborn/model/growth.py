"""How a preterm baby's weight lies among others of its postmenstrual age and sex.  Rule: docs/rules/newborn-diary.md

The standard is data (growth_standard.json) with its source.  Nothing here is cleared for clinical decisions.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import cache
from importlib.resources import files
from statistics import NormalDist
from typing import Any

import orjson

from tianfu.kernel.refusal import Fault, Refusal

WEEK_DAYS = 7
GESTATION_DAYS = (22 * WEEK_DAYS, 44 * WEEK_DAYS)
"""A birth before or after this many days of pregnancy is a slip of the hand. [inferred]"""


class Sex(StrEnum):
    """The sexes that the standard has."""

    GIRL = "female"
    BOY = "male"


@dataclass(frozen=True, slots=True, kw_only=True)
class Weighed:
    """A weight of one day."""

    day: date
    grams: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Born:
    """What the place of a baby among others hangs on; `gestation_days` is None where nobody wrote it down."""

    day: date
    gestation_days: int | None
    sex: Sex | None

    def age_weeks(self, day: date) -> float | None:
        """The postmenstrual age in exact weeks; None if the length of the pregnancy is not known."""
        if self.gestation_days is None:
            return None
        return (self.gestation_days + (day - self.day).days) / WEEK_DAYS


@cache
def standard() -> Mapping[str, Any]:
    """The standard as data, with its source and version."""
    data: Mapping[str, Any] = orjson.loads(
        files("tianfu.apps.newborn.model").joinpath("growth_standard.json").read_bytes()
    )
    return data


def centiles() -> tuple[int, ...]:
    """The centiles that a chart shows, lowest first."""
    return tuple(standard()["centiles"])


def is_covered(weeks: float) -> bool:
    """Whether the standard says anything of a postmenstrual age."""
    first, last = standard()["weeks"]
    return bool(first <= weeks <= last)


def kilograms_at(weeks: float, sex: Sex, score: float) -> float:
    """The weight in kg that lies `score` standard deviations from the median; raises ValueError outside the weeks."""
    mean, deviation = _logarithm(weeks, sex)
    return math.exp(mean + score * deviation)


def kilograms_of_centile(weeks: float, sex: Sex, centile: float) -> float:
    """The weight in kg below which `centile` of a hundred babies lie; raises ValueError outside the weeks."""
    return kilograms_at(weeks, sex, NormalDist().inv_cdf(centile / 100))


def score_of(weeks: float, sex: Sex, kilograms: float) -> float:
    """How many standard deviations a weight in kg lies from the median; raises ValueError outside the weeks."""
    mean, deviation = _logarithm(weeks, sex)
    return (math.log(kilograms) - mean) / deviation


def places_of(weights: Iterable[Weighed], born: Born) -> tuple[tuple[float, Weighed], ...]:
    """The weights of which the postmenstrual age is known, earliest first."""
    aged = [(born.age_weeks(each.day), each) for each in sorted(weights, key=lambda one: one.day)]
    return tuple((weeks, each) for weeks, each in aged if weeks is not None)


def curve(sex: Sex, centile: int, first: float, last: float) -> tuple[tuple[float, float], ...]:
    """A centile from week to week as far as the standard goes: weeks and grams; empty where it says nothing."""
    lowest, highest = standard()["weeks"]
    begin, end = max(first, lowest), min(last, highest)
    if begin > end:
        return ()
    inner = range(math.floor(begin) + 1, math.ceil(end))
    return tuple(
        (weeks, 1000 * kilograms_of_centile(weeks, sex, centile)) for weeks in dict.fromkeys((begin, *inner, end))
    )


def read_gestation(form: Mapping[str, str]) -> int:
    """Days of pregnancy from weeks and days, both asked for; raises Refusal `gestation-unusable`."""
    weeks, days = form.get("weeks", "").strip(), form.get("days", "").strip()
    if not (_is_short_number(weeks) and _is_short_number(days)) or int(days) >= WEEK_DAYS:
        raise Refusal("gestation-unusable", faults=(Fault("weeks", "gestation-range"),))
    total = int(weeks) * WEEK_DAYS + int(days)
    if not GESTATION_DAYS[0] <= total < GESTATION_DAYS[1]:
        raise Refusal("gestation-unusable", faults=(Fault("weeks", "gestation-range"),))
    return total


def _is_short_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 2


def _logarithm(weeks: float, sex: Sex) -> tuple[float, float]:
    """Mean and standard deviation of the logarithm of the weight in kg."""
    if not is_covered(weeks):
        raise ValueError("weeks-outside-standard")
    mean, spread = standard()["mean"], standard()["deviation"]
    square = weeks * weeks
    middle = mean["intercept"] + mean["root"] * math.sqrt(weeks) + mean["inverse_square"] / square
    if sex is Sex.BOY:
        middle += mean["male"]
    width = spread["intercept"] + (spread["inverse_square"] + spread["logarithm"] * math.log(weeks)) / square
    return middle, width
