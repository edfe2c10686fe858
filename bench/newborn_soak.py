"""A long night: twenty visits with talk for an hour, and whether the media server's memory and leases hold.

`python -m bench.newborn_soak SOCKET PID MINUTES` prints one JSON object, and on standard error a line a minute.
"""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import sys
import time
from collections import Counter
from pathlib import Path

import uvloop

from bench.newborn_load import PACKETS_OF_PICTURE, PICTURES_PER_SECOND, End, run, visits
from bench.newborn_media import used_seconds
from bench.saying import say
from tianfu.services.realtime.embedded.remote import EmbeddedMedia
from tianfu.services.realtime.protocol.rooms import LEASE_LOST

VISITS = 20
WARM_MINUTES = 5
"""What the server keeps of packets and pictures is full by then; what grows afterwards grows for ever."""

MINUTE = 60.0
LOOKED_SECONDS = 5.0
HEARD_PER_SECOND = VISITS * (PACKETS_OF_PICTURE + 4) * PICTURES_PER_SECOND
"""A family hears pictures and the ward, an interpreter hears the family: two packets of each sound with a picture."""

Result = dict[str, object]


async def soak(port: EmbeddedMedia, process: int, minutes: int) -> Result:
    """Let the visits run; what the server used each minute, what arrived, and what happened that should not have."""
    made = await visits(port, VISITS)
    number = await _told(port, 0, Counter())
    stop = asyncio.Event()
    running = asyncio.create_task(run(port, made, stop))
    ends: list[End] = [seer for visit in made for seer in visit.seers]
    happened: Counter[str] = Counter()
    kilobytes: list[int] = []
    percents: list[float] = []
    arrived: list[float] = []
    for minute in range(minutes):
        before, used, began = sum(end.heard for end in ends), used_seconds(process), time.monotonic()
        while (passed := time.monotonic() - began) < MINUTE and not running.done():
            number = await _told(port, number, happened)
            await asyncio.sleep(min(LOOKED_SECONDS, MINUTE - passed))
        if running.done():
            running.result()  # a lease that was lost ends the load, and says so
        kilobytes.append(_kilobytes(process))
        percents.append(round(100 * (used_seconds(process) - used) / passed, 1))
        arrived.append(round((sum(end.heard for end in ends) - before) / (HEARD_PER_SECOND * passed), 3))
        say(f"minute {minute + 1}: {kilobytes[-1]:,} kB, {percents[-1]} % of a core, {arrived[-1]} arrived")
    stop.set()
    await running
    settled = kilobytes[min(WARM_MINUTES, minutes - 1) :]
    return {
        "soak_minutes": minutes,
        "soak_visits": VISITS,
        "soak_kilobytes_first": settled[0],
        "soak_kilobytes_last": settled[-1],
        "soak_growth_fraction": round(settled[-1] / settled[0] - 1, 4),
        "soak_kilobytes": kilobytes,
        "soak_percent_of_core": statistics.median(percents),
        "soak_arrived_fraction": min(arrived),
        "soak_wrong_packets": sum(end.wrong for end in ends),
        "soak_leases_lost": sum(times for what, times in happened.items() if what.endswith(LEASE_LOST)),
        "soak_happened": dict(happened),
    }


async def _told(port: EmbeddedMedia, number: int, happened: Counter[str]) -> int:
    """Count what happened since an event; the number of the last one."""
    async with asyncio.timeout(MINUTE):
        while True:
            try:
                async with asyncio.timeout(1.0):
                    told = await port.events(number)
            except TimeoutError:
                return number  # nothing more
            if not told:
                return number
            happened.update(f"{each.what} {each.reason}".strip() for each in told)
            number = told[-1].number


def _kilobytes(process: int) -> int:
    """How much memory a process holds."""
    for line in Path(f"/proc/{process}/status").read_text("ascii").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    raise SystemExit("the media server has ended")


async def _main(socket: str, process: str, minutes: str) -> None:
    print(json.dumps(await soak(EmbeddedMedia(Path(socket)), int(process), int(minutes))), flush=True)
    os._exit(0)  # as in bench.newborn_load


if __name__ == "__main__":
    uvloop.run(_main(*sys.argv[1:]))
