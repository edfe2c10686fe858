"""Health-record numbers of 17 digits.  National Basic Public Health Service Specification, third edition (2017)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from tianfu.kernel.refusal import Refusal

UnitKind = Literal["residents-committee", "village-committee", "other-organisation", "unknown"]

_SEVENTEEN = re.compile(r"[0-9]{17}\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordNumber:
    """County (6 digits), town or street (3), village or committee (3), and the person's sequence there (5)."""

    county: str
    town: str
    unit: str
    sequence: str

    @property
    def text(self) -> str:
        """The 17 digits."""
        return self.county + self.town + self.unit + self.sequence

    @property
    def unit_kind(self) -> UnitKind:
        """What the third block says of the unit that the person belongs to."""
        number = int(self.unit)
        if 1 <= number <= 99:
            return "residents-committee"
        if 101 <= number <= 199:
            return "village-committee"
        if 901 <= number <= 999:
            return "other-organisation"
        return "unknown"


def parse_record_number(text: str) -> RecordNumber:
    """Read a 17-digit number; separators `-` and spaces are dropped.  Refuses with `record-number-form`."""
    digits = text.replace("-", "").replace(" ", "")
    if not _SEVENTEEN.match(digits):
        raise Refusal("record-number-form")
    return RecordNumber(county=digits[:6], town=digits[6:9], unit=digits[9:12], sequence=digits[12:])
