"""Holds callers to their limits.

The truth is a row in PostgreSQL for each caller and class.  A worker leases tokens from it, one at first and twice as
many whenever a lease was used up in time, so that a caller in a hurry costs one statement for many requests, and all
workers together never give out more than the bucket holds.  A caller without tokens is refused from memory until the
moment at which the bucket was said to hold one again.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from tianfu.db import Database, queries
from tianfu.kernel.refusal import Refusal
from tianfu.services.limits.limits import FULL_AGAIN_SECONDS_MAX, Limit, LimitClass, Limits

LEASE_SECONDS = 2.0
"""A lease that is older holds nothing: tokens that lie in an idle worker would add to the burst."""

LEASE_OF_BURST = 20
"""A lease is a twentieth of the bucket at most, so that several workers find something in it."""

LEASES_MAX = 20_000

PASS_WITHOUT_DATABASE: frozenset[LimitClass] = frozenset({"describe", "bad-credential"})
"""What is answered from memory alone is answered although nobody can count it; all else needs the database anyway."""

_LIMITS = queries("tianfu.services.limits.sql", "limits.sql")


@dataclass(frozen=True, slots=True)
class Given:
    """What a bucket gave, and what is left in it."""

    tokens: int
    left: float


class Buckets(Protocol):
    """Where buckets are kept."""

    async def take(self, caller: str, limit_class: LimitClass, limit: Limit, *, need: int, want: int) -> Given:
        """Take up to `want` tokens if there are `need`; else none."""
        ...


class KeptBuckets:
    """Buckets in PostgreSQL, measured by its clock."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def take(self, caller: str, limit_class: LimitClass, limit: Limit, *, need: int, want: int) -> Given:
        """Take up to `want` tokens if there are `need`; else none.  Raises Refusal `database-unavailable`."""
        parameters = {"burst": limit.burst, "per_second": limit.per_second, "need": float(need), "want": float(want)}
        async with self._database.connection("app") as connection:
            row = await connection.one(_LIMITS.take_tokens, caller=caller, **{"class": limit_class}, **parameters)
        if row is None:
            raise RuntimeError("take_tokens answers with one row")
        return Given(int(row[0]), row[1])

    async def forget_full(self) -> None:
        """Forget buckets that are full again."""
        async with self._database.connection("app") as connection:
            await connection.run(_LIMITS.forget_full_buckets, idle=FULL_AGAIN_SECONDS_MAX * 1_000_000)


@dataclass(slots=True)
class _Lease:
    left: int = 0
    size: int = 1
    until: float = 0.0
    refused_until: float = 0.0
    refused_need: int = 0
    asking: asyncio.Future[None] | None = None


class Limiter:
    """Refuses a caller who asks too often; `monotonic` counts seconds."""

    def __init__(self, buckets: Buckets, limits: Limits, *, monotonic: Callable[[], float]) -> None:
        self._buckets = buckets
        self._limits = limits
        self._monotonic = monotonic
        self._leases: dict[tuple[str, LimitClass], _Lease] = {}

    async def take(self, caller: str, role: str, limit_class: LimitClass, *, count: int = 1) -> None:
        """Take tokens of a caller; raises Refusal `too-many-requests` that says when to come again.

        `count` tokens are never more than the bucket holds when full: a request that weighs more empties it.
        """
        lease = self._leases.get((caller, limit_class))
        if lease is not None and lease.left >= count and self._monotonic() < lease.until:
            lease.left -= count
            return
        try:
            await self._take_slowly(caller, role, limit_class, count)
        except Refusal as refusal:
            if refusal.code != "database-unavailable" or limit_class not in PASS_WITHOUT_DATABASE:
                raise

    async def _take_slowly(self, caller: str, role: str, limit_class: LimitClass, count: int) -> None:
        lease = self._lease(caller, limit_class)
        limit = self._limits.of(limit_class, role)
        need = min(count, math.floor(limit.burst))
        while True:
            now = self._monotonic()
            if now >= lease.until:
                lease.left = 0
            if lease.left >= need:
                lease.left -= need
                return
            if now < lease.refused_until and need >= lease.refused_need:
                raise _too_many(lease.refused_until - now)
            if lease.asking is not None:
                await asyncio.shield(lease.asking)
            else:
                await self._renew(lease, caller, limit_class, limit, need)

    async def _renew(self, lease: _Lease, caller: str, limit_class: LimitClass, limit: Limit, need: int) -> None:
        """Ask the bucket; whoever else waits for this lease is woken, whatever the answer."""
        lease.asking = asyncio.get_running_loop().create_future()
        now = self._monotonic()
        was_used_up = lease.left == 0 and now < lease.until
        size_max = max(1, math.floor(limit.burst / LEASE_OF_BURST))
        lease.size = min(lease.size * 2, size_max) if was_used_up else 1
        try:
            given = await self._buckets.take(caller, limit_class, limit, need=need, want=max(need, lease.size))
            if given.tokens:
                lease.left += given.tokens
                lease.until = self._monotonic() + LEASE_SECONDS
            else:
                wait_seconds = max(0.0, need - given.left) / limit.per_second
                lease.refused_until, lease.refused_need = self._monotonic() + wait_seconds, need
                raise _too_many(wait_seconds)
        finally:
            lease.asking.set_result(None)
            lease.asking = None

    def _lease(self, caller: str, limit_class: LimitClass) -> _Lease:
        key = caller, limit_class
        lease = self._leases.get(key)
        if lease is None:
            if len(self._leases) >= LEASES_MAX:
                self._forget_dead()
            lease = self._leases[key] = _Lease()
        return lease

    def _forget_dead(self) -> None:
        now = self._monotonic()
        alive = {
            key: lease
            for key, lease in self._leases.items()
            if lease.asking is not None or now < max(lease.until, lease.refused_until)
        }
        # If all live, their tokens are lost, which harms nobody for longer than their buckets need to fill.
        self._leases = alive if len(alive) < LEASES_MAX else {}


def _too_many(wait_seconds: float) -> Refusal:
    details = {"seconds": str(max(1, math.ceil(wait_seconds)))}
    return Refusal("too-many-requests", next_step="send-again-later", retryable=True, details=details)
