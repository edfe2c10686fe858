"""Authenticated encryption of short values: SM4-GCM (GB/T 32907-2016, RFC 8998), or AES-256-GCM by setting.

Each sealing draws a fresh random nonce of 96 bits.  Two equal nonces under one key would betray both values and the
key that authenticates; NIST SP 800-38D section 8.3 therefore allows 2^32 sealings a key, and `keyring` counts them.
"""

from __future__ import annotations

import os
from typing import Literal, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

CipherName = Literal["sm4", "aes"]
CIPHER_NAMES: tuple[CipherName, ...] = ("sm4", "aes")
KEY_BYTES: dict[CipherName, int] = {"sm4": 16, "aes": 32}
NONCE_BYTES = 12
TAG_BYTES = 16
OVERHEAD_BYTES = NONCE_BYTES + TAG_BYTES
"""How much longer a sealed value is than the value itself."""

SEALINGS_MAX = 1 << 32
"""How often one key may seal with random nonces."""


class NotAuthentic(Exception):  # noqa: N818 - says what is wrong
    """These bytes were not sealed by this key for this place, or were changed since."""


class FieldCipher(Protocol):
    """One key that seals and opens."""

    def seal(self, plain: bytes, place: bytes) -> bytes:
        """Nonce, ciphertext and tag; they open only together with the same `place`."""
        ...

    def open(self, sealed: bytes, place: bytes) -> bytes:
        """The value; raises NotAuthentic, and then tells nothing of it."""
        ...


class Sm4:
    """SM4-GCM."""

    __slots__ = ("_key",)

    def __init__(self, key: bytes) -> None:
        self._key = algorithms.SM4(key)

    def seal(self, plain: bytes, place: bytes) -> bytes:
        nonce = os.urandom(NONCE_BYTES)
        sealing = Cipher(self._key, modes.GCM(nonce)).encryptor()
        sealing.authenticate_additional_data(place)
        return b"".join((nonce, sealing.update(plain), sealing.finalize(), sealing.tag))

    def open(self, sealed: bytes, place: bytes) -> bytes:
        if len(sealed) < OVERHEAD_BYTES:
            raise NotAuthentic
        opening = Cipher(self._key, modes.GCM(sealed[:NONCE_BYTES], sealed[-TAG_BYTES:])).decryptor()
        opening.authenticate_additional_data(place)
        try:
            return opening.update(memoryview(sealed)[NONCE_BYTES:-TAG_BYTES]) + opening.finalize()
        except InvalidTag:
            raise NotAuthentic from None


class Aes:
    """AES-256-GCM."""

    __slots__ = ("_gcm",)

    def __init__(self, key: bytes) -> None:
        self._gcm = AESGCM(key)

    def seal(self, plain: bytes, place: bytes) -> bytes:
        nonce = os.urandom(NONCE_BYTES)
        return nonce + self._gcm.encrypt(nonce, plain, place)

    def open(self, sealed: bytes, place: bytes) -> bytes:
        if len(sealed) < OVERHEAD_BYTES:
            raise NotAuthentic
        try:
            return self._gcm.decrypt(sealed[:NONCE_BYTES], memoryview(sealed)[NONCE_BYTES:], place)
        except InvalidTag:
            raise NotAuthentic from None


def cipher_of(name: CipherName, key: bytes) -> FieldCipher:
    """The cipher of this name with this key."""
    match name:
        case "sm4":
            return Sm4(key)
        case "aes":
            return Aes(key)


def new_key(name: CipherName) -> bytes:
    """A random key of the length that the cipher takes."""
    return os.urandom(KEY_BYTES[name])
