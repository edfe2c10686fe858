"""Works asked for at the terminal: followed with a bar, done here if nobody else does them, given up at Ctrl-C."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from tianfu.commands_radiotherapy.house import BY, House
from tianfu.commands_radiotherapy.speaking import EXIT_BROKEN_OFF, bar, hint, moment, say, step_said
from tianfu.kernel.instants import system_clock
from tianfu.kernel.refusal import Refusal

if TYPE_CHECKING:
    from tianfu.services.jobs.works import Wish, Work

LOOK_SECONDS = 0.2
"""How often the row of a work is looked at. [ours]"""

Leave = Annotated[
    bool, typer.Option("--leave", help="ask and go: the workers of `tianfu serve` do it, and asking again shows it")
]


async def answered(house: House, wish: Wish, *, leave: bool) -> Work:
    """The work that answers a wish, done: at once if it was done before, else when it is.

    Raises Refusal as the work does, or `work-given-up`; Ctrl-C gives it up, and ends the command.
    """
    async with _stopping() as stop:
        work = await house.works.now(await house.works.ask(wish, by=BY.id))
        if work.result is not None:
            hint("kept-from", moment=moment(work.ended_at or work.asked_at), work=work.id)
            return work
        if leave:
            hint("work-left", work=work.id)
            raise typer.Exit
        async with _working(house):
            ended = await _followed(house, work, stop)
    if ended.refusal is not None:
        raise Refusal(ended.refusal, details=ended.details)
    if ended.result is None:
        raise Refusal("work-given-up", next_step="ask-again")
    hint("kept-as", work=ended.id)
    return ended


async def _followed(house: House, work: Work, stop: asyncio.Event) -> Work:
    """The work when it has ended; gives it up once `stop` is set."""
    with bar() as tell:
        while not work.state.is_end:
            tell(step_said(work.step) or say(f"work-{work.state.value}"), work.done, work.total or 1)
            if stop.is_set():
                await _given_up(house, work)
            await asyncio.sleep(LOOK_SECONDS)
            work = await house.works.now(work.id)
    return work


async def _given_up(house: House, work: Work) -> None:
    """End a work that was asked for here; somebody else's goes on.  Ends the command."""
    from tianfu.apps.radiotherapy.wishes import PLAN

    if work.asked_by == BY.id:
        await house.works.give_up(work.id)
        hint("plan-stopped" if work.kind == PLAN else "work-stopped", work=work.id)
    else:
        hint("work-goes-on", work=work.id)
    raise typer.Exit(EXIT_BROKEN_OFF)


@asynccontextmanager
async def _stopping() -> AsyncIterator[asyncio.Event]:
    """Have Ctrl-C set an event instead of breaking off in the middle of something."""
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    before = signal.getsignal(signal.SIGINT)
    loop.add_signal_handler(signal.SIGINT, stop.set)
    try:
        yield stop
    finally:
        loop.remove_signal_handler(signal.SIGINT)
        signal.signal(signal.SIGINT, before)


@asynccontextmanager
async def _working(house: House) -> AsyncIterator[None]:
    """A worker of the heavy queue in this process: it shares the works with those of `tianfu serve`, if that runs."""
    from tianfu.apps.radiotherapy.jobs import Bench
    from tianfu.services.jobs.ending import cancelled
    from tianfu.services.jobs.worker import Worker
    from tianfu.supervision.job_worker import limit_memory

    limit_memory(house.settings.heavy_memory_mb)
    bench = Bench(cases=house.cases, deliveries=house.deliveries, documents=house.documents, clock=system_clock)
    worker = Worker(house.database, bench.heavy(), system_clock)
    task = asyncio.create_task(worker.run(house.addresses, "heavy"))
    try:
        yield
    finally:
        await cancelled([task])
