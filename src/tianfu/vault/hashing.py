"""SM3 (GB/T 32905-2016) and HMAC over it, by Python's own library where it has SM3, else by `cryptography`."""

from __future__ import annotations

import hashlib
import hmac

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.hmac import HMAC

SM3_BYTES = 32
IS_IN_HASHLIB = "sm3" in hashlib.algorithms_available


class Sm3:
    """An SM3 digest of data that come in pieces."""

    def __init__(self) -> None:
        self._own = hashlib.new("sm3") if IS_IN_HASHLIB else None
        self._other = hashes.Hash(hashes.SM3())

    def update(self, data: bytes) -> None:
        """Take the next piece."""
        (self._other if self._own is None else self._own).update(data)

    def digest(self) -> bytes:
        """The digest; nothing may come after it."""
        return self._other.finalize() if self._own is None else self._own.digest()


def sm3(data: bytes) -> bytes:
    """The SM3 digest, 32 bytes."""
    digest = Sm3()
    digest.update(data)
    return digest.digest()


def hmac_sm3(key: bytes, data: bytes) -> bytes:
    """HMAC-SM3, 32 bytes."""
    if IS_IN_HASHLIB:
        return hmac.digest(key, data, "sm3")
    code = HMAC(key, hashes.SM3())
    code.update(data)
    return code.finalize()
