"""What somebody typed into the one field for finding a person, taken apart.

`沈清和 0428`, `shen qinghe`, `sqh 1992-04-18`, a whole identity number: parts are told by their shape.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date

from tianfu.kernel.refusal import Fault, Refusal
from tianfu.standards.china.identity_number import is_identity_number

NAME_CHARACTERS_MAX = 60
_TAIL = re.compile(r"\d{3}[\dXx]\Z")
_DATE = re.compile(r"(\d{4})[-/.年](\d{1,2})(?:[-/.月](\d{1,2})日?)?\Z")
_COMPACT_DATE = re.compile(r"(19|20)(\d{2})(\d{2})(\d{2})\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """Whom to look for; every part that is given must fit.  `born` is a FHIR date, possibly partial."""

    name: str = ""
    identifier: str = ""
    tail: str = ""
    born: str = ""

    @property
    def is_empty(self) -> bool:
        """Whether nothing was asked."""
        return not (self.name or self.identifier or self.tail or self.born)


def read_wish(text: str, *, year: str = "", month: str = "", day: str = "") -> Wish:
    """Read the field and the three fields of the birth date; refuses what cannot be meant.

    Four characters that end an identifier are a tail, longer ones with a digit a whole identifier, dates
    are birth dates, the rest is a name.
    """
    words: list[str] = []
    found = {"identifier": "", "tail": "", "born": ""}
    for part in text.replace("\u3000", " ").split():
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
    born = _born_fields(year.strip(), month.strip(), day.strip()) or found["born"]
    return Wish(name=name, identifier=found["identifier"], tail=found["tail"], born=born)


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


def _born_fields(year: str, month: str, day: str) -> str:
    """The three native fields; a later one needs the earlier ones."""
    if not (year or month or day):
        return ""
    if not year.isdigit() or len(year) != 4:
        raise Refusal("search-not-understood", faults=(Fault("year", "year-needed"),))
    if day and not month:
        raise Refusal("search-not-understood", faults=(Fault("month", "month-needed"),))
    return _fhir_date(year, month or None, day or None, path="day" if day else "month") if month else year


def _fhir_date(year: str, month: str | None, day: str | None, *, path: str) -> str:
    try:
        checked = date(int(year), int(month or 1), int(day or 1))
    except ValueError as error:
        raise Refusal("search-not-understood", faults=(Fault(path, "no-such-date"),)) from error
    return checked.isoformat() if day else f"{checked:%Y-%m}"
