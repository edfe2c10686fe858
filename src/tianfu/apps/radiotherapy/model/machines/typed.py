"""JSON that people typed, read strictly: what is not expected, or said twice, is refused instead of passed over."""

from __future__ import annotations

import json
from typing import Any, TypeVar

import msgspec

from tianfu.kernel.refusal import Refusal

Value = TypeVar("Value")


class _SaidTwiceError(ValueError):
    pass


def read_typed(data: bytes, kind: type[Value], *, bytes_most: int, code: str) -> Value:
    """The value of these bytes.

    Raises Refusal with this `code` and the `problem`: too large, no JSON in UTF-8, not of this kind, or a name of an
    object said twice, of which JSON's readers take the last without a word (RFC 8259 4).
    """
    if len(data) > bytes_most:
        raise Refusal(code, details={"problem": f"> {bytes_most} bytes"})
    try:
        value = msgspec.json.decode(data, type=kind)
        json.loads(data, object_pairs_hook=_once)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise Refusal(code, details={"problem": plain(str(error))}) from error
    return value


def plain(text: str) -> str:
    """A text without what moves a terminal's cursor or turns what follows about: each such character as one mark."""
    return "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in text)


def _once(pairs: list[tuple[str, Any]]) -> None:
    names = [name for name, _ in pairs]
    for name in names:
        if names.count(name) > 1:
            raise _SaidTwiceError(f"{name!r} twice")
