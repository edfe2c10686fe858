"""Passwords as argon2id digests (RFC 9106), made and compared in threads of which only few run at once.

The cost is the first that OWASP recommends: 46 MiB, one pass, one lane.  Why not more: docs/decisions/0014-sign-in.md .
https://cheatsheetseries.owasp.org/cheatsheets/Password_Storage_Cheat_Sheet.html
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from secrets import token_urlsafe
from typing import ParamSpec, TypeVar

from argon2 import Parameters
from argon2.low_level import ARGON2_VERSION, Type

from tianfu.kernel.refusal import Refusal
from tianfu.services.accounts.argon2id import Argon2id
from tianfu.services.accounts.model.passwords import LENGTH_MAX, normal_password

P = ParamSpec("P")
T = TypeVar("T")

RECOMMENDED = Parameters(
    type=Type.ID,
    version=ARGON2_VERSION,
    salt_len=16,
    hash_len=32,
    time_cost=1,
    memory_cost=47_104,
    parallelism=1,
)
"""OWASP's first; memory is in KiB."""

HASHES_AT_ONCE = 2
"""Each takes 46 MiB and a processor; every worker makes so many at once."""

HASHES_WAITING_MAX = 64
"""Whoever comes behind so many would wait for seconds: he is told to come again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """Whether a password is right, and whether its digest should be made anew at today's cost."""

    is_right: bool
    is_outdated: bool


class Passwords:
    """Makes and compares digests of passwords, for one process."""

    def __init__(
        self,
        cost: Parameters = RECOMMENDED,
        *,
        at_once: int = HASHES_AT_ONCE,
        waiting_max: int = HASHES_WAITING_MAX,
    ) -> None:
        self._cost = cost
        self._of_thread = threading.local()
        self._threads = ThreadPoolExecutor(at_once, thread_name_prefix="passwords")
        self._places = at_once + waiting_max
        self._taken = 0

    def close(self) -> None:
        """End the threads once their work is done."""
        self._threads.shutdown(wait=False)

    async def digest(self, password: str) -> bytes:
        """A new digest with a salt of its own; raises Refusal `sign-in-busy`."""
        return await self._run(self._digest, password)

    async def compare(self, kept: bytes | None, password: str) -> Compared:
        """Compare a password with the kept digest; without one, do the same work and say no.

        Raises Refusal `sign-in-busy`.
        """
        return await self._run(self._compare, kept, password)

    async def _run(self, work: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
        if self._taken >= self._places:
            raise Refusal("sign-in-busy", next_step="send-again-later", retryable=True)
        self._taken += 1
        try:
            done = self._threads.submit(work, *arguments, **named)
        except BaseException:
            self._taken -= 1
            raise
        done.add_done_callback(self._loop_releases(asyncio.get_running_loop()))
        return await asyncio.wrap_future(done)

    def _loop_releases(self, loop: asyncio.AbstractEventLoop) -> Callable[[Future[T]], None]:
        """Gives the place back once the thread is free, even if nobody waits for the answer any more."""

        def release(_: Future[T]) -> None:
            with suppress(RuntimeError):  # the loop is closed: nobody asks any more
                loop.call_soon_threadsafe(self._give_back)

        return release

    def _give_back(self) -> None:
        self._taken -= 1

    @property
    def _argon2id(self) -> Argon2id:
        """That of this thread, with memory of its own."""
        if not hasattr(self._of_thread, "argon2id"):
            self._of_thread.argon2id = Argon2id(self._cost)
        found: Argon2id = self._of_thread.argon2id
        return found

    def _digest(self, password: str) -> bytes:
        return self._argon2id.digest(_bytes(password)).encode()

    def _compare(self, kept: bytes | None, password: str) -> Compared:
        argon2id = self._argon2id
        try:
            digest = self._nobodys if kept is None else kept.decode()
            is_right = argon2id.is_right(digest, _bytes(password)) and kept is not None
        except ValueError:  # what is kept is no digest
            return Compared(is_right=False, is_outdated=False)
        return Compared(is_right=is_right, is_outdated=is_right and argon2id.is_outdated(digest))

    @cached_property
    def _nobodys(self) -> str:
        """The digest of a password that nobody knows."""
        return self._argon2id.digest(_bytes(token_urlsafe(32)))


def _bytes(password: str) -> bytes:
    """A password that is too long to be anybody's costs no more than the longest one."""
    return normal_password(password[: LENGTH_MAX + 1]).encode("utf-8", "surrogatepass")
