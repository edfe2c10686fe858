"""The data keys of an installation: which one seals now, which ones still open, and how often each was used.

Data keys lie wrapped where a `KeyShelf` keeps them (for a store: a table).  A process learns of a key that another
process made when it meets its number; when it may not seal any more with the key it knows, it looks again.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from tianfu.kernel.refusal import Refusal
from tianfu.vault.ciphers import CIPHER_NAMES, SEALINGS_MAX, CipherName, FieldCipher, cipher_of, new_key
from tianfu.vault.provider import Keys

KeyUse = Literal["fields", "index"]
KeyState = Literal["current", "old", "retired"]

RESERVED_AT_ONCE = 1 << 20
"""A process sets aside so many sealings of a key at once; what it does not use is lost, not used twice."""

SEALINGS_BEFORE_NEW_KEY = SEALINGS_MAX // 2
"""From here on the next process that reserves makes a new key by itself, long before the limit refuses anything."""

LOOKS_APART_SECONDS = 1.0
"""One number that nobody has is looked for at most so often, so that damaged rows cannot keep the database busy."""

INDEX_KEY_BYTES = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class WrappedKey:
    """A data key as the shelf keeps it; `wrapped` is empty once it is retired."""

    number: int
    use: KeyUse
    cipher: str
    wrapped: bytes
    state: KeyState


class KeyShelf(Protocol):
    """Where wrapped data keys lie, seen by all processes alike.  Calls block, and are few."""

    def wrapped(self) -> Sequence[WrappedKey]:
        """All keys."""
        ...

    def add(self, use: KeyUse, cipher: str, wrap: Callable[[int], bytes], *, instead_of: int | None) -> None:
        """Make the next key the current one of its use, unless another process replaced `instead_of` meanwhile.

        `wrap` gets the new key's number.
        """
        ...

    def reserve(self, number: int, sealings: int, *, within: int) -> int | None:
        """Set aside sealings of a key; how many are now, or None if they would be more than `within`."""
        ...


class Keyring:
    """The unwrapped keys of one process; safe for several threads."""

    def __init__(self, keys: Keys, shelf: KeyShelf) -> None:
        self._keys = keys
        self._shelf = shelf
        self._lock = threading.Lock()
        self._ciphers: dict[int, FieldCipher] = {}
        self._current = 0
        self._left = 0
        self._index: bytes | None = None
        self._missed: dict[int, float] = {}

    @staticmethod
    def open(keys: Keys, shelf: KeyShelf) -> Keyring:
        """The keyring of an installation; its first keys are made if there are none."""
        ring = Keyring(keys, shelf)
        there = {each.use for each in shelf.wrapped() if each.state == "current"}
        if "index" not in there:
            ring._make("index", None)
        if "fields" not in there:
            ring._make("fields", None)
        ring.look()
        return ring

    @property
    def index_secret(self) -> bytes:
        """The secret from which blind indexes are derived; it never changes while the database lives."""
        if self._index is None:
            raise Refusal("key-unknown", next_step="call-operator", details={"use": "index"})
        return self._index

    @property
    def current(self) -> int:
        """The number of the key that seals now, as far as this process knows."""
        return self._current

    def sealing(self, sealings: int) -> tuple[int, FieldCipher]:
        """Number and cipher of the current key, for so many sealings; raises Refusal `key-used-up` at its limit."""
        with self._lock:
            if self._left < sealings:
                self._reserve(sealings)
            self._left -= sealings
            return self._current, self._ciphers[self._current]

    def opening(self, number: int) -> FieldCipher:
        """The cipher of a key; raises Refusal `key-unknown`."""
        cipher = self._ciphers.get(number)
        if cipher is None:
            with self._lock:
                # A row names a key only after the key was committed: one look finds it, or nobody has it.
                now = time.monotonic()
                if now - self._missed.get(number, -LOOKS_APART_SECONDS) >= LOOKS_APART_SECONDS:
                    self._look()
                    self._missed[number] = now
            cipher = self._ciphers.get(number)
        if cipher is None:
            raise Refusal("key-unknown", next_step="call-operator", details={"key": str(number)})
        return cipher

    def look(self) -> None:
        """Learn which keys there are now."""
        with self._lock:
            self._look()

    def begin_new_key(self) -> int:
        """Make a fresh data key the current one; its number."""
        with self._lock:
            self._look()
            self._make("fields", self._current)
            self._look()
            return self._current

    def _look(self) -> None:
        for each in self._shelf.wrapped():
            if each.use == "index" and each.state == "current":
                self._index = self._keys.provider.unwrap(each.wrapped, _context(each.use, each.cipher, each.number))
            elif each.use == "fields" and each.state != "retired":
                self._learn(each)

    def _learn(self, key: WrappedKey) -> None:
        if key.number not in self._ciphers:
            name = _cipher_name(key)
            secret = self._keys.provider.unwrap(key.wrapped, _context(key.use, key.cipher, key.number))
            self._ciphers[key.number] = cipher_of(name, secret)
        if key.state == "current" and key.number != self._current:
            self._current, self._left = key.number, 0

    def _reserve(self, sealings: int) -> None:
        wanted = max(sealings, RESERVED_AT_ONCE)
        reserved = self._shelf.reserve(self._current, wanted, within=SEALINGS_MAX)
        if reserved is None or reserved > SEALINGS_BEFORE_NEW_KEY:
            self._make("fields", self._current)
            self._look()
            reserved = self._shelf.reserve(self._current, wanted, within=SEALINGS_MAX)
        if reserved is None:
            raise Refusal("key-used-up", next_step="call-operator", details={"key": str(self._current)})
        self._left = wanted

    def _make(self, use: KeyUse, instead_of: int | None) -> None:
        cipher = self._keys.cipher if use == "fields" else "hmac-sm3"
        key = new_key(self._keys.cipher) if use == "fields" else os.urandom(INDEX_KEY_BYTES)

        def wrap(number: int) -> bytes:
            return self._keys.provider.wrap(key, _context(use, cipher, number))

        self._shelf.add(use, cipher, wrap, instead_of=instead_of)


def _context(use: KeyUse, cipher: str, number: int) -> bytes:
    """What a wrapped key is for, so that none can be put in another's place."""
    return f"tianfu {use} {cipher} {number}".encode()


def _cipher_name(key: WrappedKey) -> CipherName:
    for name in CIPHER_NAMES:
        if name == key.cipher:
            return name
    raise Refusal("key-unknown", next_step="call-operator", details={"key": str(key.number)})
