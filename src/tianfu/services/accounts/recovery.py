"""Recovery codes: ten on paper, each once, for the day on which the telephone is lost (NIST SP 800-63B, 5.1.2)."""

from __future__ import annotations

import re
from secrets import choice

CODES = 10
LETTERS = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"
"""Without those that look alike on paper."""

LENGTH = 12
"""Twelve letters of thirty-one are 59 bits; what is kept is a keyed digest."""

_ASIDE = re.compile(r"[\s-]")
_CODE = re.compile(f"[{LETTERS}]{{{LENGTH}}}\\Z")
_TYPED_MAX = 64


def new_codes() -> tuple[str, ...]:
    """Ten codes as they are shown, once: `XXXX-XXXX-XXXX`."""
    return tuple("-".join("".join(choice(LETTERS) for _ in range(4)) for _ in range(LENGTH // 4)) for _ in range(CODES))


def plain_code(typed: str) -> str | None:
    """A code as its digest is made of, however it was typed; None for what can be none."""
    plain = _ASIDE.sub("", typed[:_TYPED_MAX]).upper()
    return plain if _CODE.match(plain) else None
