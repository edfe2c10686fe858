"""Numbers that look right and belong to nobody: identity numbers, telephones, record numbers."""

from __future__ import annotations

from datetime import date
from hashlib import blake2b

from demo.dice import Dice
from demo.people import Home, Sex
from tianfu.standards.china.identity_number import compose_identity_number

SEQUENCE_FIRST = 900
"""Sequences from 900 are seldom given out, so that a demo number is unlikely to be a living person's."""

_BITS = 1 << 27


class UsedNumbers:
    """Which identity numbers are taken, in 16 MB however many there are.

    A number that merely looks taken is skipped, so a number is never given twice.
    """

    def __init__(self) -> None:
        self._bits = bytearray(_BITS // 8)

    def take(self, number: str) -> bool:
        """Mark a number as taken; False if it was, or looked, taken before."""
        place = int.from_bytes(blake2b(number.encode(), digest_size=8).digest(), "big") % _BITS
        mask = 1 << (place & 7)
        if self._bits[place >> 3] & mask:
            return False
        self._bits[place >> 3] |= mask
        return True


class Registry:
    """Gives out numbers that are unique within one demo province."""

    def __init__(self) -> None:
        self._used = UsedNumbers()
        self._units: dict[str, int] = {}

    def identity_number(self, dice: Dice, *, county: str, born: date, sex: Sex) -> str:
        """A number that nobody else has; beyond fifty people of one sex, county and day, of a lower sequence."""
        parity = 1 if sex == "male" else 0
        start = dice.randrange(0, 50)
        for step in range(499):
            in_order = (start + step) % 50 if step < 50 else 49 - step
            sequence = SEQUENCE_FIRST + 2 * in_order + parity
            number = compose_identity_number(area=county, born=born, sequence=sequence)
            if self._used.take(number):
                return number
        raise RuntimeError("a county and day with more births than sequences")

    def record_number(self, home: Home) -> str:
        """The next 17-digit record number of a home's committee."""
        unit = home.county + home.town_code + home.unit_code
        self._units[unit] = self._units.get(unit, 0) + 1
        return f"{unit}{self._units[unit] % 100_000:05}"


def telephone(dice: Dice) -> str:
    """Eleven digits that start with 100: no mobile number does."""
    return f"100{dice.randrange(10**8):08}"
