"""A worker: takes jobs from one queue, does the works behind them, and takes up what a dead worker left.

A worker that dies leaves its job marked as running; procrastinate knows by its heartbeat, and the next look of any
worker puts the job back.  One that is stopped ends its job and not the work: the next look asks for it again.  A work
that ended several workers is given to none any more: it would end the next one too.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence

import orjson
import structlog
from procrastinate import App, PsycopgConnector

from tianfu.db import Addresses, Database, Role, queries
from tianfu.kernel.instants import Clock
from tianfu.kernel.refusal import Refusal, place_of
from tianfu.services.jobs.doing import GivenUp, KeptDoing, Kind, told
from tianfu.services.jobs.ending import cancelled
from tianfu.services.jobs.works import DEAD_SECONDS, TRIES_MAX, Queue, State

BEAT_SECONDS = 5.0
"""How often a worker says that it lives."""

LOOK_SECONDS = 5.0

CONNECTIONS_MAX = 3
"""One listens, one fetches, one is for a beat meanwhile."""

_SQL = queries("tianfu.services.jobs.sql", "works.sql")
_log = structlog.get_logger("tianfu.jobs")


class Worker:
    """One worker of one queue, which does one work at a time."""

    def __init__(self, database: Database, kinds: Sequence[Kind], clock: Clock) -> None:
        self._database = database
        self._kinds: Mapping[str, Kind] = {kind.name: kind for kind in kinds}
        self._clock = clock

    async def run(self, addresses: Addresses, queue: Queue) -> None:
        """Work until cancelled; what runs then is left for the next worker."""
        connector = PsycopgConnector(conninfo=addresses.of(Role.APP), min_size=1, max_size=CONNECTIONS_MAX)
        app = App(connector=connector)
        for kind in self._kinds.values():
            app.task(name=kind.name, queue=queue)(self._task(kind))
        async with app.open_async():
            looking = asyncio.create_task(self._take_up(app, queue))
            try:
                await app.run_worker_async(
                    queues=[queue],
                    concurrency=1,
                    install_signal_handlers=False,
                    fetch_job_polling_interval=LOOK_SECONDS,
                    abort_job_polling_interval=1.0,
                    update_heartbeat_interval=BEAT_SECONDS,
                    stalled_worker_timeout=DEAD_SECONDS,
                    shutdown_graceful_timeout=0.0,
                )
            finally:
                await cancelled([looking])

    def _task(self, kind: Kind) -> Callable[[str], Awaitable[None]]:
        async def do(work: str) -> None:
            await self.do(kind, work)

        return do

    async def do(self, kind: Kind, work: str) -> None:
        """Do one work to its end; a cancelled task leaves it for the next worker."""
        async with self._database.transaction("app") as transaction:
            row = await transaction.one(_SQL.begin_work, work=work, now=self._clock())
            if row is None:
                return  # given up before it began, or done by somebody who was taken for dead
            parts = await transaction.all(_SQL.parts, work=work)
        arguments, asked_by, tries = row[2], row[4], row[5]
        if tries > TRIES_MAX:
            await self._end(work, State.FAILED, refusal=Refusal("work-ends-workers", next_step="call-operator"))
            return
        doing = KeptDoing(
            work=work,
            asked_by=asked_by,
            arguments=orjson.loads(arguments),
            finished=dict(parts),
            database=self._database,
            clock=self._clock,
            loop=asyncio.get_running_loop(),
        )
        try:
            result = await kind.do(doing)
        except GivenUp:
            _log.info("work_given_up", work=work, kind=kind.name)
        except asyncio.CancelledError:
            doing.give_up()
            raise
        except Refusal as refusal:
            await self._end(work, State.FAILED, refusal=refusal)
        except MemoryError:
            await self._end(work, State.FAILED, refusal=Refusal("work-too-large"))
        except Exception as error:
            _log.exception("work_broke", work=work, kind=kind.name, place=place_of(error))
            await self._end(work, State.FAILED, refusal=Refusal("unexpected", next_step="call-operator"))
        else:
            await self._end(work, State.DONE, result=result)

    async def _end(self, work: str, state: State, *, result: str | None = None, refusal: Refusal | None = None) -> None:
        details = told({} if refusal is None else refusal.details)
        code = None if refusal is None else refusal.code
        async with self._database.transaction("app") as transaction:
            await transaction.run(
                _SQL.end_work,
                work=work,
                state=state.value,
                result=result,
                refusal=code,
                details=details,
                now=self._clock(),
            )

    async def _take_up(self, app: App, queue: Queue) -> None:
        """Put back what dead workers left, again and again."""
        while True:
            stalled = await app.job_manager.get_stalled_jobs(queue=queue, seconds_since_heartbeat=DEAD_SECONDS)
            for job in stalled:
                await app.job_manager.retry_job(job)
                _log.warning("work_taken_up", job=job.id)
            async with self._database.transaction("app") as transaction:
                for (work,) in await transaction.all(_SQL.ask_again, queue=queue):
                    _log.warning("work_asked_again", work=str(work))
            await asyncio.sleep(LOOK_SECONDS)
