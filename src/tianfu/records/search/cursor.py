"""Sealed cursors: where a page ended and what was asked, readable by this server alone.

A cursor holds the whole search, so that a link to the next page is `Patient?_cursor=…` and repeats no name or
identifier in an address.  It is encrypted and bound to the resource type and the caller (ChaCha20-Poly1305,
RFC 8439): a cursor of somebody else, of another type, or changed in one character opens nothing.
"""

from __future__ import annotations

import base64
import binascii
import os
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from tianfu.kernel.refusal import Refusal
from tianfu.records.search.plan import Position, SearchPlan
from tianfu.records.search.refusals import too_large

CURSOR_CHARACTERS_MAX = 16_000
"""Longer addresses are cut or refused on the way; a search this large has to be narrowed instead of paged."""

_OPENED_BYTES_MAX = 1024 * 1024
_NONCE_BYTES = 12
_VERSION = b"tianfu-cursor-1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked: the parameters, and behind which place."""

    parameters: tuple[tuple[str, str], ...]
    after: Position | None


class _Sealed(msgspec.Struct, array_like=True, frozen=True):
    parameters: tuple[tuple[str, str], ...]
    values: tuple[int | float | str | None, ...]
    bytes_at: tuple[int, ...]
    record: int


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_Sealed).decode


class CursorSealer:
    """Makes and opens cursors with one key."""

    def __init__(self, key: bytes) -> None:
        self._box = ChaCha20Poly1305(blake2b(key, digest_size=32, person=b"tianfu-cursor").digest())

    def question(self, scope: str, parameters: Sequence[tuple[str, str]], *, caller: str) -> Question:
        """What the parameters of a request ask: a fresh search, or the next page of the one in their cursor.

        `scope` is the type that is searched, or names another kind of question.
        Beside a cursor the search may be repeated unchanged or left out; anything else is refused.
        """
        cursors = [value for name, value in parameters if name == "_cursor"]
        given = tuple((name, value) for name, value in parameters if name != "_cursor")
        if not cursors:
            return Question(parameters=given, after=None)
        opened = self._open(cursors[0], scope, caller) if len(cursors) == 1 else None
        if opened is None:
            raise Refusal("cursor-invalid", next_step="search-again")
        asked = tuple((name, value) for name, value in given if name not in {"_format", "_pretty"})
        if asked and asked != opened.parameters:
            raise Refusal("cursor-invalid", next_step="search-again", details={"reason": "another-search"})
        return opened

    def seal(self, plan: SearchPlan, row: Sequence[Any], *, caller: str) -> str:
        """The cursor behind `row`, the last one given: a row as `compile_search` yields it."""
        return self.seal_place(plan.type, plan.asked, position_of(row), caller=caller)

    def seal_place(self, scope: str, parameters: Sequence[tuple[str, str]], position: Position, *, caller: str) -> str:
        """The cursor behind a place in the answer to any question, good within its `scope`."""
        values = tuple(v.hex() if isinstance(v, bytes | memoryview) else v for v in position.values)
        bytes_at = tuple(n for n, v in enumerate(position.values) if isinstance(v, bytes | memoryview))
        asked = tuple((name, value) for name, value in parameters if name not in {"_format", "_pretty"})
        plain = zlib.compress(_encode(_Sealed(asked, values, bytes_at, position.record)))
        nonce = os.urandom(_NONCE_BYTES)
        sealed = nonce + self._box.encrypt(nonce, plain, _bound_to(scope, caller))
        text = base64.urlsafe_b64encode(sealed).rstrip(b"=").decode()
        if len(text) > CURSOR_CHARACTERS_MAX:
            raise too_large("search-with-pages", CURSOR_CHARACTERS_MAX)
        return text

    def _open(self, text: str, scope: str, caller: str) -> Question | None:
        if len(text) > CURSOR_CHARACTERS_MAX or "+" in text or "/" in text:  # which the decoder would take as well
            return None
        try:
            sealed = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
            plain = self._box.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], _bound_to(scope, caller))
        except (binascii.Error, ValueError, InvalidTag):
            return None
        held = _decode(zlib.decompressobj().decompress(plain, _OPENED_BYTES_MAX))
        values = tuple(
            bytes.fromhex(value) if number in held.bytes_at and isinstance(value, str) else value
            for number, value in enumerate(held.values)
        )
        return Question(parameters=held.parameters, after=Position(values=values, record=held.record))


def position_of(row: Sequence[Any]) -> Position:
    """The place of a row in the order: its sort values, which stand behind the seven columns of every row."""
    return Position(values=tuple(row[7:]), record=int(row[0]))


def _bound_to(scope: str, caller: str) -> bytes:
    return _VERSION + f"\n{scope}\n{caller}".encode()
