"""What somebody typed into the one field for finding a person, taken apart.

`沈清和 0428`, `wen 1991`, `sqh 1992-04-18`, a whole identity number: parts are told by their shape.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from datetime import date

from tianfu.apps.lifelong.model.when import When
from tianfu.kernel.refusal import Fault, Refusal
from tianfu.standards.china.identity_number import is_identity_number

NAME_CHARACTERS_MAX = 60
BIRTH_YEAR_MIN = 1900
"""Nobody alive was born before it: four digits beside a name are a birth year from here to this year, else a tail."""

YEAR_MIN = 1850
_TAIL = re.compile(r"\d{3}[\dXx]\Z", re.ASCII)
_DATE = re.compile(r"(\d{4})[-/.年](\d{1,2})(?:[-/.月](\d{1,2})日?)?\Z", re.ASCII)
_COMPACT_DATE = re.compile(r"(19|20)(\d{2})(\d{2})(\d{2})\Z", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """Whom to look for; every part that is given must fit.  `born` is a FHIR date, possibly partial."""

    name: str = ""
    identifier: str = ""
    tail: str = ""
    born: str = ""

    @property
    def birth(self) -> When | None:
        """The birth date, as exactly as it was asked for."""
        return When.read(self.born) if self.born else None

    @property
    def is_empty(self) -> bool:
        """Whether nothing was asked."""
        return not (self.name or self.identifier or self.tail or self.born)


def read_wish(text: str, *, today: date, year: str = "", month: str = "", day: str = "") -> Wish:
    """Read the field and the three fields of the birth date; refuses what cannot be meant, or could mean two things.

    Four characters that end an identifier are a tail, longer ones with a digit a whole identifier, dates
    are birth dates, the rest is a name.  Beside a name, four digits that can be a birth year are one.
    """
    words: list[str] = []
    found = {"identifier": "", "tail": "", "born": ""}
    for part in _narrow(text).split():
        sort, value = _read_part(part)
        if sort == "name":
            words.append(value)
        elif found[sort]:
            raise Refusal("search-not-understood", faults=(Fault("who", "two-of-one-sort"),))
        else:
            found[sort] = value
    name = " ".join(words)
    if len(name) > NAME_CHARACTERS_MAX:
        raise Refusal("search-not-understood", faults=(Fault("who", "name-too-long"),))
    if name and _is_birth_year(found["tail"], today):
        if found["born"]:
            raise Refusal("search-not-understood", faults=(Fault("who", "date-and-year"),))
        found["born"], found["tail"] = found["tail"], ""
    fields = _born_fields(_narrow(year), _narrow(month), _narrow(day), today)
    if fields and found["born"] and fields != found["born"]:
        raise Refusal("search-not-understood", faults=(Fault("year", "two-dates"),))
    return Wish(name=name, identifier=found["identifier"], tail=found["tail"], born=fields or found["born"])


def _narrow(text: str) -> str:
    """Full-width letters, digits and spaces as half-width ones (Unicode NFKC)."""
    return unicodedata.normalize("NFKC", text).strip()


def _is_birth_year(text: str, today: date) -> bool:
    return text.isdigit() and BIRTH_YEAR_MIN <= int(text) <= today.year


def _read_part(part: str) -> tuple[str, str]:
    if is_identity_number(part):
        return "identifier", part.upper()
    if written := _DATE.match(part):
        return "born", _fhir_date(*written.groups(), path="who")
    if compact := _COMPACT_DATE.match(part):
        century, year, month, day = compact.groups()
        return "born", _fhir_date(century + year, month, day, path="who")
    if _TAIL.match(part):
        return "tail", part.upper()
    if any(letter.isdigit() for letter in part):
        return "identifier", part
    return "name", part


def _born_fields(year: str, month: str, day: str, today: date) -> str:
    """The three native fields; a later one needs the earlier ones."""
    if not (year or month or day):
        return ""
    if not (year.isascii() and year.isdigit() and len(year) == 4):
        raise Refusal("search-not-understood", faults=(Fault("year", "year-needed"),))
    if not YEAR_MIN <= int(year) <= today.year:
        raise Refusal("search-not-understood", faults=(Fault("year", "no-such-year"),))
    if day and not month:
        raise Refusal("search-not-understood", faults=(Fault("month", "month-needed"),))
    return _fhir_date(year, month or None, day or None, path="day" if day else "month") if month else year


def _fhir_date(year: str, month: str | None, day: str | None, *, path: str) -> str:
    try:
        checked = date(int(year), int(month or 1), int(day or 1))
    except ValueError as error:
        raise Refusal("search-not-understood", faults=(Fault(path, "no-such-date"),)) from error
    return checked.isoformat() if day else f"{checked:%Y-%m}"
