"""The job workers' own program: does the works of one queue, and ends with its supervisor."""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import sys
from typing import Any

import structlog

from tianfu.apps.radiotherapy.tidying import plan_parts_forgotten
from tianfu.db import Database
from tianfu.installation import database_addresses, installation_keys, radiotherapy_bench
from tianfu.kernel.instants import system_clock
from tianfu.kernel.refusal import Refusal
from tianfu.logs import set_up_logs
from tianfu.records.audit import GroupAuditor
from tianfu.records.keys import open_keyring
from tianfu.records.trail.epochs import open_trail
from tianfu.services.documents.keeping import SWEPT_AFTER_SECONDS, Documents
from tianfu.services.imaging.deliveries import Deliveries
from tianfu.services.jobs.ending import cancelled
from tianfu.services.jobs.worker import Worker
from tianfu.services.jobs.works import Queue, Works
from tianfu.settings import Settings, settings_from
from tianfu.supervision.parentage import die_with_parent

HEAVY_THREADS = 2
"""Threads of a computation; the web workers answer meanwhile. [ours]"""

TIDY_SECONDS = 3_600.0

_log = structlog.get_logger("tianfu.jobs")


def limit_memory(megabytes: int) -> None:
    """Let this process hold so much: a work that wants more is refused (`work-too-large`), and no other suffers."""
    size = megabytes << 20
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (size if hard == resource.RLIM_INFINITY else min(size, hard), hard))


async def work_off(settings: Settings, queue: Queue) -> None:
    """Do the works of a queue until a signal comes."""
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    for sign in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(sign, stop.set)
    addresses = database_addresses(settings)
    async with await Database.open(addresses, links_max=4) as database:
        keyring = await open_keyring(database, installation_keys(settings))
        trail = await open_trail(database, settings.home, system_clock)
        try:
            bench = radiotherapy_bench(settings, database, keyring, GroupAuditor(database, trail.lanes))
            kinds = bench.heavy() if queue == "heavy" else bench.light()
            tasks: list[asyncio.Task[Any]] = [
                asyncio.create_task(Worker(database, kinds, system_clock).run(addresses, queue))
            ]
            if queue == "light":
                works = Works(database, system_clock, most={})  # nobody asks for one here
                tasks.append(asyncio.create_task(keep_tidy(bench.deliveries, bench.documents, works)))
            tasks.append(asyncio.create_task(stop.wait()))
            await ended(tasks)
        finally:
            trail.close()


async def ended(tasks: list[asyncio.Task[Any]]) -> None:
    """Wait until one ends, end the others, and raise what it raised."""
    done, others = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    await cancelled(others)
    for task in done:
        task.result()


async def keep_tidy(deliveries: Deliveries, documents: Documents, works: Works) -> None:
    """Forget again and again what was dropped a day ago and stages of plans with which nobody goes on.

    Files that a kill left without a row are swept.
    """
    while True:
        try:
            forgotten = await deliveries.tidy() + await plan_parts_forgotten(works, documents, system_clock)
            swept = await documents.sweep(SWEPT_AFTER_SECONDS)
        except Refusal as refusal:
            _log.warning("not_tidied", reason=refusal.code)  # the next time will do
        else:
            if forgotten or swept:
                _log.info("tidied", forgotten=forgotten, swept=swept)
        await asyncio.sleep(TIDY_SECONDS)


def main(queue: Queue) -> None:
    """Work until told to stop."""
    # A killed supervisor may be started again at once, and with it another worker of this queue.
    die_with_parent(signal.SIGKILL)
    set_up_logs()
    settings = settings_from(os.environ)
    if queue == "heavy":
        os.environ.setdefault("NUMBA_NUM_THREADS", str(HEAVY_THREADS))
    # Whoever takes a case in holds all of it, as whoever judges it does.
    limit_memory(settings.heavy_memory_mb)
    asyncio.run(work_off(settings, queue))


if __name__ == "__main__":
    main("heavy" if sys.argv[1] == "heavy" else "light")
