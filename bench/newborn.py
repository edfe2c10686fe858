"""The speeds of live pictures: how soon and how late they come, how fast they are cut off, and what they cost.

The media server runs on one core alone, the load on the other; Chromium takes what is left of both.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from functools import partial

from bench.machine import machine
from bench.newborn_janus import janus_server
from bench.newborn_media import CUT_OFF as CUT_OFF_SERVER
from bench.newborn_media import LOAD_CORE, MediaServer, media_server, pin
from bench.newborn_media import LOSSY as LOSSY_SERVER
from bench.newborn_pages import cost_in_chromium, frames_at_loss, seen_in_chromium
from bench.newborn_stalls import stalls_in_chromium
from bench.saying import say

Result = dict[str, object]

VISITS = (30, 45, 60, 75)
VIEWERS = (100, 150, 200)
LOAD_SECONDS = 6.0
PERCENT_MAX = 70.0
ARRIVED_MIN = 0.97
"""Where less arrives, the machine had no time for the load, and what the server used says nothing."""

PEERS: Mapping[str, Callable[[], AbstractAsyncContextManager[MediaServer]]] = {
    "stock": partial(media_server, "bench.newborn_stock"),
    "janus": janus_server,
}
"""What is measured beside ours in the same run, each a process: aiortc as its manual has it, and Janus."""


def newborn() -> Result:
    """Measure everything once; what needs a store makes its own."""
    return asyncio.run(_measured())


def soaked(minutes: int) -> Result:
    """Let twenty visits run for so long."""
    return asyncio.run(_soaked(minutes))


async def _soaked(minutes: int) -> Result:
    async with media_server() as server:
        return await _load("bench.newborn_soak", str(server.socket), str(server.process), str(minutes))


async def _measured() -> Result:
    started = time.monotonic()
    result: Result = {"machine": machine()}
    say("what visits cost")
    result |= await _capacity("visits", "visits_per_core", VISITS)
    say("what viewers of one camera cost")
    result |= await _capacity("viewers", "viewers_per_core", VIEWERS)
    say("cuts, and who vanished")
    async with media_server() as server:
        result |= await _load("bench.newborn_cuts", str(server.socket))
    say("beds that are moved")
    async with media_server() as server:
        result |= await _load("bench.newborn_moves", str(server.socket))
    say("pictures in Chromium")
    async with media_server() as server:
        result |= await seen_in_chromium(server)
    say("pictures in Chromium that stand still")
    async with media_server(CUT_OFF_SERVER) as server:
        result |= await stalls_in_chromium(server)
    say("pictures in Chromium, one packet in twenty lost")
    async with media_server(LOSSY_SERVER) as server:
        result |= await frames_at_loss(server)
    for name, peer in PEERS.items():
        say(f"{name} in Chromium")
        async with peer() as other:
            result |= await cost_in_chromium(other, name)
    result["load_after"] = machine()["load"]
    result["seconds"] = round(time.monotonic() - started, 1)
    return result


async def _capacity(kind: str, key: str, counts: Sequence[int]) -> Result:
    """The largest load at which the server used no more than 70 % of its core, and what each load cost."""
    runs: list[Result] = []
    for count in counts:
        async with media_server() as server:
            arguments = (str(server.socket), str(server.process), kind, str(count), str(LOAD_SECONDS))
            runs.append(await _load("bench.newborn_load", *arguments))
        if float(str(runs[-1]["server_percent"])) > PERCENT_MAX:
            break
    held = [run for run in runs if _is_held(run)]
    return {
        key: held[-1]["count"] if held else 0,
        f"{key}_percent": held[-1]["server_percent"] if held else None,
        f"{key}_loads": runs,
    }


def _is_held(run: Result) -> bool:
    """Whether all packets came, none of them wrong, at no more than 70 % of a core."""
    used, arrived = float(str(run["server_percent"])), float(str(run["arrived_fraction"]))
    return used <= PERCENT_MAX and arrived >= ARRIVED_MIN and not run["wrong_packets"]


async def _load(module: str, *arguments: str) -> Result:
    """Run a load on its core; what it says."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", module, *arguments, stdout=asyncio.subprocess.PIPE
    )
    pin(process.pid, LOAD_CORE)
    said, _ = await process.communicate()
    if process.returncode != 0:
        raise SystemExit(f"{module} ended with {process.returncode}")
    result: Result = json.loads(said)
    return result
