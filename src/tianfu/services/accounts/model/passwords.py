"""What makes a password good enough: length, and that nobody would guess it; no rule asks for kinds of characters.

NIST SP 800-63B, section 5.1.1.2 (https://pages.nist.gov/800-63-3/sp800-63b.html).  Rule: docs/rules/sign-in.md
"""

from __future__ import annotations

import unicodedata
from functools import cache
from importlib.resources import files
from itertools import pairwise

import orjson

from tianfu.kernel.refusal import Refusal

LENGTH_MIN = 12
LENGTH_MAX = 128
"""Code points, after normalisation."""

OTHER_MIN = 6
"""So many characters must be left of a password when the person's own number and name are taken away."""

PERIOD_MAX = 4
_ROWS = ("01234567890", "09876543210", "abcdefghijklmnopqrstuvwxyz", "qwertyuiop", "asdfghjkl", "zxcvbnm")


def normal_password(text: str) -> str:
    """The same password however a keyboard composes its letters (NFKC)."""
    return unicodedata.normalize("NFKC", text)


def refuse_unless_good(password: str, *, number: str, name: str) -> None:
    """Whether somebody with this number and name may take this password.

    Raises Refusal `password-too-short`, `password-too-long`, `password-of-yourself` or `password-common`.
    """
    if len(password) > LENGTH_MAX:
        raise Refusal("password-too-long", details={"most": str(LENGTH_MAX)})
    text = normal_password(password)
    if len(text) < LENGTH_MIN:
        raise Refusal("password-too-short", details={"least": str(LENGTH_MIN)})
    if len(text) > LENGTH_MAX:
        raise Refusal("password-too-long", details={"most": str(LENGTH_MAX)})
    folded = text.casefold()
    if len(_without(folded, (number, name))) < OTHER_MIN:
        raise Refusal("password-of-yourself")
    if _is_common(folded):
        raise Refusal("password-common")


def _without(folded: str, own: tuple[str, ...]) -> str:
    for each in own:
        if part := normal_password(each).casefold().strip():
            folded = folded.replace(part, "")
    return folded


def _is_common(folded: str) -> bool:
    plain = "".join(character for character in folded if character.isalnum())
    # Signs around a common password do not make it rare; a password that is mostly signs is judged as it stands.
    looked_at = (folded, plain) if len(plain) * 4 >= len(folded) * 3 else (folded,)
    return any(each in _commonest() or _is_repeated(each) or _is_run(each) for each in looked_at)


def _is_repeated(text: str) -> bool:
    """Whether it is one short part again and again: `abababababab`."""
    return any(text == (text[:size] * len(text))[: len(text)] for size in range(1, PERIOD_MAX + 1))


def _is_run(text: str) -> bool:
    """Whether each character is beside the one before, in the alphabet or on the keyboard, with two jumps at most."""
    jumps = sum(not any(pair in row or pair in row[::-1] for row in _ROWS) for pair in map("".join, pairwise(text)))
    return jumps <= 2


@cache
def _commonest() -> frozenset[str]:
    data = orjson.loads(files(__package__).joinpath("commonest.json").read_bytes())
    return frozenset(data["passwords"])
