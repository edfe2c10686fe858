"""Which members of a resource are sealed at rest: identifiers, telecoms, addresses, and numbers that look like one.

The rules are data in `protected.json`.  Whether a member holds something protected is told from its text, without
parsing: a member that only looks so is sealed too, which costs a few bytes and harms nobody.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import msgspec

_DIGITS_AS_ZERO = bytes(ord("0") if ord("0") <= byte <= ord("9") else byte for byte in range(256))
_ELEVEN_DIGITS = b"0" * 11
_RUN = re.compile(rb"[0-9]+[Xx]?")
_PERSONAL_NUMBER = re.compile(
    rb"[1-9][0-9]{5}(?:18|19|20)[0-9]{2}(?:0[1-9]|1[0-2])(?:[0-2][0-9]|3[01])[0-9]{3}[0-9Xx]"  # resident number
    rb"|(?:86)?1[3-9][0-9]{9}"  # mobile telephone
)


class _Rules(msgspec.Struct, frozen=True):
    signs: tuple[str, ...]
    also: dict[str, frozenset[str]]
    public: frozenset[str]


@dataclass(frozen=True, slots=True)
class Protected:
    """The rules of one resource type."""

    signs: tuple[bytes, ...]
    also: frozenset[str]
    also_named: tuple[bytes, ...]
    is_public: bool

    def may_occur(self, stored: bytes) -> bool:
        """Whether anything in a stored form is protected; quick, and right when it says no."""
        return not self.is_public and (
            self._has_sign(stored) or any(name in stored for name in self.also_named) or holds_personal_number(stored)
        )

    def holds(self, name: str, raw: bytes, *, numbers: bool) -> bool:
        """Whether a member is protected; `raw` is its text with its name, `numbers` whether to look for numbers."""
        return name in self.also or self._has_sign(raw) or (numbers and holds_personal_number(raw))

    def _has_sign(self, text: bytes) -> bool:
        for sign in self.signs:  # noqa: SIM110 - a generator would double what this costs every record
            if sign in text:
                return True
        return False


def holds_personal_number(text: bytes) -> bool:
    """Whether a text holds what looks like a resident's number or a mobile telephone's."""
    digits = text.translate(_DIGITS_AS_ZERO)
    at = digits.find(_ELEVEN_DIGITS)
    while at >= 0:
        run = _RUN.match(text, at)
        if run is None or _PERSONAL_NUMBER.fullmatch(run[0]):
            return True
        if run[0][-1:] in b"Xx" and _PERSONAL_NUMBER.fullmatch(run[0][:-1]):
            return True
        at = digits.find(_ELEVEN_DIGITS, run.end())
    return False


@cache
def protected(resource_type: str) -> Protected:
    """The rules of a resource type."""
    rules = _rules()
    also: Mapping[str, frozenset[str]] = rules.also
    return Protected(
        signs=tuple(sign.encode() for sign in rules.signs),
        also=also.get(resource_type, frozenset()),
        also_named=tuple(b'"%s":' % name.encode() for name in sorted(also.get(resource_type, ()))),
        is_public=resource_type in rules.public,
    )


@cache
def _rules() -> _Rules:
    text = files("tianfu.records").joinpath("protected.json").read_bytes()
    return msgspec.json.decode(text, type=_Rules)
