"""Blind indexes: values compare by HMAC-SM3 under a key per field, so that a stolen index answers no guess.

The space of resident numbers and telephones is small enough to try all of them; without the key that tells nothing.
What remains visible to whoever steals an index is which rows of one field hold equal values.
"""

from __future__ import annotations

from functools import lru_cache

from tianfu.vault.hashing import hmac_sm3

FIELD_KEYS_CACHED = 4_096


@lru_cache(FIELD_KEYS_CACHED)
def field_key(secret: bytes, field: str) -> bytes:
    """The key of one field; equal values of two fields have nothing in common."""
    return hmac_sm3(secret, b"field " + field.encode())


def blind(secret: bytes, field: str, value: bytes, *, size_bytes: int) -> bytes:
    """What stands in the index for a value of this field, at most 32 bytes."""
    return hmac_sm3(field_key(secret, field), value)[:size_bytes]
