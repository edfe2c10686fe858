"""When something happened, as exactly as the record says and no more."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Self

from tianfu.kernel.instants import Instant, china_date, range_of

_LENGTHS = {4: "year", 7: "month", 10: "day"}


class Precision(StrEnum):
    """How exactly a moment is known."""

    YEAR = "year"
    MONTH = "month"
    DAY = "day"
    TIME = "time"


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class When:
    """A moment or a stretch; `low` and `high` are its first and last microsecond."""

    low: Instant
    high: Instant
    precision: Precision

    @classmethod
    def read(cls, text: str) -> Self:
        """Read a FHIR date, dateTime or instant; ValueError if it is none."""
        low, high = range_of(text)
        return cls(low=low, high=high, precision=Precision(_LENGTHS.get(len(text), "time")))

    @property
    def day(self) -> date:
        """The first day in China."""
        return china_date(self.low)
