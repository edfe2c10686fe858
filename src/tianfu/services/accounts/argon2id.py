"""Argon2id digests (RFC 9106) in memory that is kept: the same as anybody's, at little more than half the time.

The C library takes its memory anew for each digest, which the kernel clears page by page: for 64 MiB that costs nearly
as much as the digest itself.  It also starts a thread for each lane at each of its steps, which gains nothing where as
many digests are made at once as there are processors.  Here the memory stays, and one thread computes all lanes; their
number, which is part of the digest, stays what it is.

As text a digest is a PHC string: https://github.com/P-H-C/phc-string-format
"""

from __future__ import annotations

import hmac
import mmap
from base64 import b64decode, b64encode
from contextlib import suppress
from secrets import token_bytes
from typing import Any

from argon2 import Parameters, PasswordHasher, extract_parameters
from argon2.exceptions import HashingError, VerificationError
from argon2.low_level import Type, core, ffi

LARGE_PAGE = 2 << 20
"""Bytes of the kernel's larger pages, which begin at multiples of this."""

_NO_MEMORY = -22
"""ARGON2_MEMORY_ALLOCATION_ERROR of argon2.h."""


class Argon2id:
    """Makes and compares digests of one cost, for one thread at a time; the library wipes the memory after each."""

    def __init__(self, cost: Parameters) -> None:
        if cost.type is not Type.ID:
            raise ValueError(cost.type)
        self._cost = cost
        self._memory = _Memory(cost.memory_cost * 1024)

    def digest(self, password: bytes) -> str:
        """A new digest as text, with a salt of its own."""
        cost = self._cost
        salt = token_bytes(cost.salt_len)
        said = f"m={cost.memory_cost},t={cost.time_cost},p={cost.parallelism}"
        return f"$argon2id$v={cost.version}${said}${_letters(salt)}${_letters(self._raw(password, salt))}"

    def is_right(self, digest: str, password: bytes) -> bool:
        """Whether this is the password of a digest, of whatever cost; raises ValueError for what is none."""
        if extract_parameters(digest) != self._cost:
            with suppress(VerificationError):
                return PasswordHasher().verify(digest, password)
            return False
        salt, raw = map(_bytes, digest.split("$")[-2:])
        return hmac.compare_digest(self._raw(password, salt), raw)

    def is_outdated(self, digest: str) -> bool:
        """Whether a digest is of another cost."""
        return extract_parameters(digest) != self._cost

    def _raw(self, password: bytes, salt: bytes) -> bytes:
        cost = self._cost
        out = ffi.new("uint8_t[]", cost.hash_len)
        held = ffi.new("uint8_t[]", password), ffi.new("uint8_t[]", salt)
        context = ffi.new(
            "argon2_context *",
            {
                "version": cost.version,
                "out": out,
                "outlen": cost.hash_len,
                "pwd": held[0],
                "pwdlen": len(password),
                "salt": held[1],
                "saltlen": len(salt),
                "secret": ffi.NULL,
                "secretlen": 0,
                "ad": ffi.NULL,
                "adlen": 0,
                "t_cost": cost.time_cost,
                "m_cost": cost.memory_cost,
                "lanes": cost.parallelism,
                "threads": 1,
                "allocate_cbk": self._memory.take,
                "free_cbk": self._memory.give_back,
                "flags": 0,
            },
        )
        if (fault := core(context, cost.type.value)) != 0:
            raise HashingError(fault)
        return bytes(ffi.buffer(out))


class _Memory:
    """Memory that the library takes for one digest after the other; the kernel may have it back between two."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._map = mmap.mmap(-1, size + LARGE_PAGE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        with suppress(OSError):  # a kernel without larger pages is only slower
            self._map.madvise(mmap.MADV_HUGEPAGE)
        begins = int(ffi.cast("uintptr_t", ffi.from_buffer(self._map)))
        self._address = ffi.cast("uint8_t *", -(-begins // LARGE_PAGE) * LARGE_PAGE)
        self.take = ffi.callback("int(uint8_t **, size_t)", self._take, error=_NO_MEMORY)
        self.give_back = ffi.callback("void(uint8_t *, size_t)", self._give_back)

    def _take(self, where: Any, size: int) -> int:
        if size > self._size:
            return _NO_MEMORY
        where[0] = self._address
        return 0

    def _give_back(self, where: Any, size: int) -> None:
        self._map.madvise(mmap.MADV_FREE)


def _letters(raw: bytes) -> str:
    return b64encode(raw).rstrip(b"=").decode()


def _bytes(letters: str) -> bytes:
    return b64decode(letters + "=" * (-len(letters) % 4))
