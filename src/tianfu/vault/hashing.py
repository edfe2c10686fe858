"""SM3 (GB/T 32905-2016) and HMAC over it, by Python's own library where it has SM3, else by `cryptography`."""

from __future__ import annotations

import hashlib
import hmac

from cryptography.hazmat.primitives.hashes import SM3, Hash
from cryptography.hazmat.primitives.hmac import HMAC

SM3_BYTES = 32
_IS_IN_HASHLIB = "sm3" in hashlib.algorithms_available


def sm3(data: bytes) -> bytes:
    """The SM3 digest, 32 bytes."""
    if _IS_IN_HASHLIB:
        return hashlib.new("sm3", data).digest()
    return _digest_elsewhere(data)


def hmac_sm3(key: bytes, data: bytes) -> bytes:
    """HMAC-SM3, 32 bytes."""
    if _IS_IN_HASHLIB:
        return hmac.digest(key, data, "sm3")
    return _hmac_elsewhere(key, data)


def _digest_elsewhere(data: bytes) -> bytes:
    digest = Hash(SM3())
    digest.update(data)
    return digest.finalize()


def _hmac_elsewhere(key: bytes, data: bytes) -> bytes:
    code = HMAC(key, SM3())
    code.update(data)
    return code.finalize()
