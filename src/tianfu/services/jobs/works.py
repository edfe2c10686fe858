"""Works that people ask for: once for the same inputs, followed while they run, ended by whoever asked.

A work is a row that everybody reads; that it is to be done is a job in procrastinate's queue, added in the same
transaction (https://procrastinate.readthedocs.io).  What a work is asked to do is named by its kind and arguments; the
digest of those, of its inputs and of the code's version is its key, so that nothing is computed twice.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Literal, Protocol

import orjson

from tianfu.db import Database, Transaction, queries
from tianfu.db.wire import text_array
from tianfu.kernel.ids import new_uuid7
from tianfu.kernel.instants import Clock, Instant
from tianfu.kernel.refusal import Refusal

Queue = Literal["heavy", "light"]
"""`heavy` has all cores and much memory for one work at a time; `light` never waits long."""

LISTED_MAX = 200
"""So many works about one thing are listed; the newest come first."""

TRIES_MAX = 3
"""So many workers may die of one work. [ours]"""

DEAD_SECONDS = 20.0
"""After how long a silence a worker is taken for dead."""

TOO_MANY = frozenset({"works-open-of-person", "works-open-of-organisation"})
"""What asking for one more work is refused with while too many are open."""

Forget = Callable[[Sequence[str]], Awaitable[None]]
"""Takes away what results of parts stand for."""

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

    `about` is what it is asked about, a case; `organisation` is whose; `arguments` go to whoever does it and are JSON;
    `inputs` are digests of everything that it reads; `version` tells one state of the code that does it from another.
    """

    kind: str
    queue: Queue
    about: str
    organisation: str
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
    `is_left` tells, not in lists, that it runs and its worker is silent: the next one takes it up.
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
    is_left: bool


DROPPED_AT_ONCE = 20
"""Parts in one transaction. [ours]"""


class OpenMost(Protocol):
    """How many works of a kind may be open, that is wait or run, at one time."""

    @property
    def person(self) -> int:
        """Of one person."""
        ...

    @property
    def organisation(self) -> int:
        """Of one organisation."""
        ...


class Works:
    """The works of an installation; kinds that `most` does not name are asked for without a limit."""

    def __init__(self, database: Database, clock: Clock, *, most: Mapping[str, OpenMost]) -> None:
        self._database = database
        self._clock = clock
        self._most = most

    async def ask(self, wish: Wish, *, by: str) -> str:
        """Have a work done, or find the one that does or did it; its id.

        Raises Refusal `works-open-of-person` or `works-open-of-organisation` if too many of its kind are open.
        """
        async with self._database.transaction("app") as transaction:
            return await self.ask_in(transaction, wish, by=by)

    async def ask_in(self, transaction: Transaction, wish: Wish, *, by: str) -> str:
        """The same as part of a transaction: nobody begins before it has committed."""
        most = self._most.get(wish.kind)
        # Whoever is counted is counted one after the other.
        lock = wish.key if most is None else hashlib.sha256(wish.kind.encode()).digest()
        await transaction.run(_SQL.lock_key, lock=int.from_bytes(lock[:8], "big", signed=True))
        found = await transaction.one(_SQL.same_work, key=wish.key)
        if found is not None:
            return str(found[0])
        if most is not None:
            await _refuse_too_many(transaction, wish, most, by=by)
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
            organisation=wish.organisation,
            by=by,
            now=self._clock(),
        )
        return work

    async def now(self, work: str) -> Work:
        """How it stands; raises Refusal `work-unknown`."""
        async with self._database.connection("app") as connection:
            row = await connection.one(_SQL.work_now, work=work, dead_seconds=DEAD_SECONDS)
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

    async def drop_parts(self, kind: str, *, version: str, before: Instant, forget: Forget) -> int:
        """Forget parts of a kind that nobody goes on with, and `forget` their results; how many parts they were.

        Those are parts of what was done, was given up or failed before an instant, or is not of this version of the
        code; nothing of what is open, whatever its version.  A result that another part has stays.
        """
        dropped = 0
        while True:
            # Meanwhile nobody finishes a part: a few at a time, so that nobody waits for long.
            async with self._database.transaction("app") as transaction:
                await transaction.run(_SQL.let_nobody_finish)
                rows = await transaction.all(
                    _SQL.drop_parts_left, kind=kind, version=version, before=before, most=DROPPED_AT_ONCE
                )
                await _forget_results(transaction, [row[0] for row in rows], forget)
            dropped += len(rows)
            if len(rows) < DROPPED_AT_ONCE:
                return dropped


async def _forget_results(transaction: Transaction, results: Sequence[str], forget: Forget) -> None:
    """Have results of parts that are gone forgotten, but for those that another part has.

    They are forgotten before the transaction ends: one that is broken off is done again, and leaves nothing behind.
    """
    if not results:
        return
    still = {row[0] for row in await transaction.all(_SQL.parts_with, results=text_array(results))}
    await forget(sorted(set(results) - still))


async def _refuse_too_many(transaction: Transaction, wish: Wish, most: OpenMost, *, by: str) -> None:
    row = await transaction.one(_SQL.open_works, kind=wish.kind, by=by, organisation=wish.organisation)
    of_person, of_organisation = (0, 0) if row is None else (int(row[0]), int(row[1]))
    for code, count, limit in (
        ("works-open-of-person", of_person, most.person),
        ("works-open-of-organisation", of_organisation, most.organisation),
    ):
        if count >= limit:
            details = {"open": str(count), "most": str(limit)}
            raise Refusal(code, next_step="wait", details=details, retryable=True)


def _work(row: Any) -> Work:
    work, kind, about, arguments, version, state, step, done, total, latest, result, refusal, *rest = row
    details, tries, asked_by, asked_at, ended_at, is_left = rest
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
        is_left=is_left,
    )
