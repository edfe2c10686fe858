"""Counts failures to sign in, by handle and by address, in PostgreSQL: all workers count together.

A try of a handle is counted before it is known to be wrong, and taken back if it was right; so many guesses that come
at one moment are no more than so many one after the other.  What closes, and for how long: model/lockout.py .
"""

from __future__ import annotations

from tianfu.db import Database, Transaction, queries
from tianfu.db.prepared import Row
from tianfu.kernel.instants import Clock, Instant
from tianfu.kernel.refusal import Refusal
from tianfu.services.accounts.keys import AccountKeys
from tianfu.services.accounts.model.lockout import (
    FORGOTTEN_AFTER,
    NO_FAILURES,
    Failures,
    address_failed,
    handle_failed,
    handle_forgiven,
)

_FAILURES = queries("tianfu.services.accounts.sql", "failures.sql")


class Guard:
    """Closes handles and addresses at which too many sign-ins failed."""

    def __init__(self, database: Database, keys: AccountKeys, *, clock: Clock) -> None:
        self._database = database
        self._keys = keys
        self._clock = clock

    async def begin(self, handle: bytes, address: str) -> None:
        """Count a try; raises Refusal `sign-in-closed` that says for how many seconds, and then nothing is tried."""
        now = self._clock()
        async with self._database.transaction("app") as transaction:
            before = await _locked(transaction, handle, now)
            row = await transaction.one(_FAILURES.failures, subject=self._keys.address(address))
            _refuse_if_closed(before, now)
            _refuse_if_closed(_failures(row), now)
            await _keep(transaction, handle, handle_failed(before, now))

    async def refuse_if_closed(self, handle: bytes, address: str) -> None:
        """For what counts no try, such as sending a code; raises Refusal `sign-in-closed`."""
        async with self._database.connection("app") as connection:
            row = await connection.one(_FAILURES.failures, subject=handle)
        _refuse_if_closed(_failures(row), self._clock())
        await self.refuse_if_address_closed(address)

    async def refuse_if_address_closed(self, address: str) -> None:
        """For what is tried at no handle, such as a passkey; raises Refusal `sign-in-closed`."""
        async with self._database.connection("app") as connection:
            row = await connection.one(_FAILURES.failures, subject=self._keys.address(address))
        _refuse_if_closed(_failures(row), self._clock())

    async def failed(self, address: str) -> None:
        """The try was wrong: it counts for its address too."""
        now, subject = self._clock(), self._keys.address(address)
        async with self._database.transaction("app") as transaction:
            before = await _locked(transaction, subject, now)
            await _keep(transaction, subject, address_failed(before, now))

    async def passed(self, handle: bytes) -> None:
        """The try was right, and more must be shown: it alone is taken back, so what was guessed wrong still counts."""
        async with self._database.transaction("app") as transaction:
            before = await _locked(transaction, handle, self._clock())
            await _keep(transaction, handle, handle_forgiven(before))

    async def succeeded(self, handle: bytes) -> None:
        """Whoever it is has signed in: nothing is counted against the handle any more."""
        async with self._database.connection("app") as connection:
            await connection.run(_FAILURES.forgive_failures, subject=handle)

    async def forget(self, *, now: Instant) -> None:
        """Forget what nobody failed at for a day."""
        async with self._database.connection("app") as connection:
            await connection.run(_FAILURES.forget_failures, before=now - FORGOTTEN_AFTER, now=now)


async def _locked(transaction: Transaction, subject: bytes, now: Instant) -> Failures:
    async with transaction.pipeline() as pipeline:
        pipeline.add(_FAILURES.begin_failures, subject=subject, now=now)
        found = pipeline.add(_FAILURES.lock_failures, subject=subject)
    return _failures(found.rows[0] if found.rows else None)


async def _keep(transaction: Transaction, subject: bytes, failures: Failures) -> None:
    await transaction.run(
        _FAILURES.keep_failures,
        subject=subject,
        count=failures.count,
        last_at=failures.last_at,
        closed_until=failures.closed_until,
    )


def _failures(row: Row | None) -> Failures:
    if row is None:
        return NO_FAILURES
    return Failures(count=row[0], last_at=Instant(row[1]), closed_until=Instant(row[2]))


def _refuse_if_closed(failures: Failures, now: Instant) -> None:
    if seconds := failures.closed_seconds(now):
        raise Refusal("sign-in-closed", next_step="send-again-later", retryable=True, details={"seconds": str(seconds)})
