"""How soon nothing more comes after a cut, and how soon who vanished is missed: light peers, one process.

`python -m bench.newborn_cuts SOCKET` prints one JSON object.  A cut is measured at the media server alone: who decides
that a bed has moved takes his own time before.
"""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import uvloop

from bench.newborn_load import Visit, run, visits
from tianfu.services.realtime.embedded.happenings import TOLD_MAX
from tianfu.services.realtime.embedded.remote import EmbeddedMedia
from tianfu.services.realtime.port import QUIET
from tianfu.services.realtime.protocol.rooms import Gate

CUTS = 240
AT_ONCE = 8
VANISHED = 3
ON_ITS_WAY_SECONDS = 0.3
SHOWN_SECONDS_MAX = 60.0
"""Each visit shows something before it is cut: the next whole picture comes within a second, on a machine at rest."""

Result = dict[str, object]


async def cuts(port: EmbeddedMedia) -> Result:
    """Cut off visits again and again while their cameras send; from the wish to the last packet."""
    made = await visits(port, AT_ONCE)
    stop = asyncio.Event()
    running = asyncio.create_task(run(port, made, stop))
    await asyncio.sleep(0.5)
    took: list[float] = []
    for _ in range(CUTS // AT_ONCE):
        for number in range(AT_ONCE):
            await port.gate(f"visit-{number}", Gate.LIVE, "nurse")
        before = [visit.seers[0].heard for visit in made]
        await _shown(port, made, before, running)
        took += await asyncio.gather(*(_cut(port, number, made[number]) for number in range(AT_ONCE)))
    missed = [await _vanish(port, made[number]) for number in range(VANISHED)]
    stop.set()
    await running
    return {
        "cut_ms_p99": round(1_000 * sorted(took)[len(took) * 99 // 100], 2),
        "cut_ms_p50": round(1_000 * statistics.median(took), 2),
        "cuts": len(took),
        "vanished_missed_s": round(max(missed), 2),
    }


async def _shown(
    port: EmbeddedMedia, made: Sequence[Visit], before: Sequence[int], running: asyncio.Task[None]
) -> None:
    """Wait until each visit has shown something; if one does not, end and say which, and what happened meanwhile."""
    since = time.monotonic()
    while True:
        dark = [number for number, visit in enumerate(made) if visit.seers[0].heard <= before[number]]
        if not dark:
            return
        if running.done():
            running.result()  # what ended the cameras
        if time.monotonic() - since > SHOWN_SECONDS_MAX:
            told = [
                (each.what, each.visit or each.who, each.reason)
                for each in await port.events(max(0, await _last(port) - 20))
            ]
            raise SystemExit(f"visits {dark} show nothing for {SHOWN_SECONDS_MAX} s; lately: {told}")
        await asyncio.sleep(0.02)


async def _cut(port: EmbeddedMedia, number: int, visit: Visit) -> float:
    family = visit.seers[0]
    began = time.monotonic()
    await port.gate(f"visit-{number}", Gate.SHIELDED, "bed-moved")
    done = time.monotonic()
    await asyncio.sleep(ON_ITS_WAY_SECONDS)
    return max(family.last_at, done) - began


async def _vanish(port: EmbeddedMedia, visit: Visit) -> float:
    """Let a family's phone be gone without a word; how long until it is missed."""
    count = await _last(port)
    family = visit.seers[0]
    began = time.monotonic()
    family.vanish()
    while True:
        told = await port.events(count)
        count = told[-1].number if told else count
        if any(each.what == QUIET for each in told):
            return time.monotonic() - began


async def _last(port: EmbeddedMedia) -> int:
    """The number of the last event."""
    number = 0
    while True:
        told = await port.events(number)
        number = told[-1].number if told else number
        if len(told) < TOLD_MAX:
            return number


async def _main(socket: str) -> None:
    print(json.dumps(await cuts(EmbeddedMedia(Path(socket)))), flush=True)
    os._exit(0)  # as in bench.newborn_load


if __name__ == "__main__":
    uvloop.run(_main(sys.argv[1]))
