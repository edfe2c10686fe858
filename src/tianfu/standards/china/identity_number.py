"""Resident identity numbers: parse, check, and lengthen the old 15-digit form.  GB 11643-1999."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from typing import Literal

from tianfu.kernel.refusal import Refusal

Sex = Literal["male", "female"]

_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CHECK_CHARACTERS = "10X98765432"
_EIGHTEEN = re.compile(r"[0-9]{17}[0-9X]\Z")
_FIFTEEN = re.compile(r"[0-9]{15}\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityNumber:
    """A valid number; `text` is the 18-character form with an upper-case X.

    `area` is the county of first registration and may be a code that was retired since.
    """

    text: str
    area: str
    born: date
    sequence: int
    sex: Sex


def check_character(first_seventeen: str) -> str:
    """The eighteenth character that belongs to the first seventeen digits."""
    total = sum(int(digit) * weight for digit, weight in zip(first_seventeen, _WEIGHTS, strict=True))
    return _CHECK_CHARACTERS[total % 11]


def lengthened(fifteen: str) -> str:
    """The 18-character form of a 15-digit number; such numbers were given to people born from 1900 to 1999."""
    if not _FIFTEEN.match(fifteen):
        raise _refusal("identity-number-form")
    seventeen = f"{fifteen[:6]}19{fifteen[6:]}"
    return seventeen + check_character(seventeen)


def shortened(eighteen: str) -> str:
    """The 15-digit form that was in use until 1999; refuses a number of somebody born later."""
    number = parse_identity_number(eighteen).text
    if number[6:8] != "19":
        raise _refusal("identity-number-form")
    return number[:6] + number[8:17]


def parse_identity_number(text: str) -> IdentityNumber:
    """Read a number of 15 or 18 characters; a lower-case x and surrounding spaces are accepted.

    Refuses with `identity-number-form`, `identity-number-date` or `identity-number-check`.  An unknown
    area is not refused: codes retire, numbers stay.
    """
    number = text.strip().upper()
    if _FIFTEEN.match(number):
        number = lengthened(number)
    if not _EIGHTEEN.match(number):
        raise _refusal("identity-number-form")
    born = _birth_date(number[6:14])
    if check_character(number[:17]) != number[17]:
        raise _refusal("identity-number-check")
    sequence = int(number[14:17])
    return IdentityNumber(
        text=number, area=number[:6], born=born, sequence=sequence, sex="male" if sequence % 2 else "female"
    )


def is_identity_number(text: str) -> bool:
    """Whether `text` is a valid number in either form."""
    try:
        parse_identity_number(text)
    except Refusal:
        return False
    return True


def compose_identity_number(*, area: str, born: date, sequence: int) -> str:
    """The number for a county, a birth date and a sequence from 1 to 999 (odd for males, even for females)."""
    if not 1 <= sequence <= 999:
        raise _refusal("identity-number-form")
    seventeen = f"{area}{born:%Y%m%d}{sequence:03}"
    return seventeen + check_character(seventeen)


def _birth_date(digits: str) -> date:
    try:
        return date(int(digits[:4]), int(digits[4:6]), int(digits[6:]))
    except ValueError as error:
        raise _refusal("identity-number-date") from error


def _refusal(code: str) -> Refusal:
    return Refusal(code)
