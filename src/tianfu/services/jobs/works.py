"""Works that people ask for: once for the same inputs, followed while they run, ended by whoever asked.

A work is a row that everybody reads; that it is to be done is a job in procrastinate's queue, added in the same
transaction (https://procrastinate.readthedocs.io).  What a work is asked to do is named by its kind and arguments; the
digest of those, of its inputs and of the code's version is its key, so that nothing is computed twice.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Literal

import orjson

from tianfu.db import Database, Transaction, queries
from tianfu.kernel.ids import new_uuid7
from tianfu.kernel.instants import Clock, Instant
from tianfu.kernel.refusal import Refusal

Queue = Literal["heavy", "light"]
"""`heavy` has all cores and much memory for one work at a time; `light` never waits long."""

LISTED_MAX = 200
"""So many works about one thing are listed; the newest come first."""

_SQL = queries("tianfu.services.jobs.sql", "works.sql")


class State(StrEnum):
    """How it stands with a work; the last three are its end."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_end(self) -> bool:
        """Whether nothing more comes of it."""
        return self in {State.DONE, State.FAILED, State.CANCELLED}


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What is asked for.

    `about` is what it is asked about, a case; `arguments` go to whoever does it and are JSON; `inputs` are digests of
    everything that it reads; `version` tells one state of the code that does it from another.
    """

    kind: str
    queue: Queue
    about: str
    arguments: Mapping[str, Any]
    inputs: tuple[str, ...]
    version: str

    @property
    def key(self) -> bytes:
        """Equal for equal wishes, whoever has them."""
        told = [self.kind, self.version, self.about, dict(self.arguments), sorted(self.inputs)]
        return hashlib.sha256(orjson.dumps(told, option=orjson.OPT_SORT_KEYS)).digest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """A work as it stands; `done` of `total` parts, `result` as its kind writes it, once it is done.

    `latest` is what it shows of itself meanwhile, as its kind writes it: empty in lists, and once it has ended.
    """

    id: str
    kind: str
    about: str
    arguments: Mapping[str, Any]
    version: str
    state: State
    step: str
    done: int
    total: int
    latest: str
    result: str | None
    refusal: str | None
    details: Mapping[str, str]
    tries: int
    asked_by: str
    asked_at: Instant
    ended_at: Instant | None


class Works:
    """The works of an installation."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def ask(self, wish: Wish, *, by: str) -> str:
        """Have a work done, or find the one that does or did it; its id."""
        async with self._database.transaction("app") as transaction:
            return await self.ask_in(transaction, wish, by=by)

    async def ask_in(self, transaction: Transaction, wish: Wish, *, by: str) -> str:
        """The same as part of a transaction: nobody begins before it has committed."""
        await transaction.run(_SQL.lock_key, lock=int.from_bytes(wish.key[:8], "big", signed=True))
        found = await transaction.one(_SQL.same_work, key=wish.key)
        if found is not None:
            return str(found[0])
        work = new_uuid7()
        await transaction.run(
            _SQL.add_work,
            work=work,
            kind=wish.kind,
            queue=wish.queue,
            key=wish.key,
            about=wish.about,
            arguments=orjson.dumps(dict(wish.arguments)).decode(),
            version=wish.version,
            by=by,
            now=self._clock(),
        )
        return work

    async def now(self, work: str) -> Work:
        """How it stands; raises Refusal `work-unknown`."""
        async with self._database.connection("app") as connection:
            row = await connection.one(_SQL.work_now, work=work)
        if row is None:
            raise Refusal("work-unknown", next_step="reload")
        return _work(row)

    async def about(self, thing: str) -> tuple[Work, ...]:
        """What was asked about one thing, the newest first."""
        async with self._database.connection("app") as connection:
            rows = await connection.all(_SQL.works_about, about=thing, limit=LISTED_MAX)
        return tuple(map(_work, rows))

    async def give_up(self, work: str) -> bool:
        """End a work; no if it had ended before.  Whoever does it notices within seconds."""
        async with self._database.transaction("app") as transaction:
            return await transaction.run(_SQL.give_up_work, work=work, now=self._clock()) > 0


def _work(row: Any) -> Work:
    work, kind, about, arguments, version, state, step, done, total, latest, result, refusal, *rest = row
    details, tries, asked_by, asked_at, ended_at = rest
    return Work(
        id=str(work),
        kind=kind,
        about=about,
        arguments=orjson.loads(arguments),
        version=version,
        state=State(state),
        step=step,
        done=done,
        total=total,
        latest=latest,
        result=result,
        refusal=refusal,
        details=orjson.loads(details),
        tries=tries,
        asked_by=asked_by,
        asked_at=asked_at,
        ended_at=ended_at,
    )
