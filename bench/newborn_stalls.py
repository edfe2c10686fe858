"""How soon a family's page notices that its picture stands still, and is back: the product's own watchdog in Chromium.

The page is the benchmark's; what watches over the picture is the island of the product, built here from its source.
While viewers are cut off, what is asked over HTTP still comes through, so the browser alone would notice after seconds.
"""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import time

from bench.newborn_cut_off import ALL, cut_beside
from bench.newborn_media import SocketServer
from bench.newborn_pages import ADDRESS, Result, pages
from bench.places import ROOT

FRONTEND = ROOT / "frontend"
STALLS = 5
AWAY_SECONDS = 5.0
SETTLED_SECONDS = 2.0
PATIENCE_MS = 30_000

WATCH_OVER = """() => {
  const told = window.told = {still: 0, moves: 0};
  const arrival = new Island.Arrival(video, () => { if (told.still && !told.moves) told.moves = now() / 1000; });
  arrival.begin(peer);
  setInterval(async () => {
    const found = await arrival.look('full');
    if (!found) return;
    if (found.isStill && !told.still) told.still = now() / 1000;
    if (!found.mustJoin) return;
    arrival.end();
    await watch(false, true);
    arrival.begin(peer);
  }, Island.LOOK_MS);
}"""


async def stalls_in_chromium(server: SocketServer) -> Result:
    """How long until a picture that is cut off counts as still, and from its return until a new one is shown."""
    island, cut = _island(), cut_beside(server.socket)
    noticed, resumed = [], []
    async with pages(server) as both:
        await both.open()
        for _ in range(STALLS):
            await both.home.goto(ADDRESS)
            await both.home.add_script_tag(content=island)
            await both.live()
            await both.join()
            await both.home.evaluate(WATCH_OVER)
            await asyncio.sleep(SETTLED_SECONDS)
            cut.write_text(ALL, encoding="utf-8")
            cut_at = time.time()
            await asyncio.sleep(AWAY_SECONDS)
            noticed.append(await both.home.evaluate("told.still") - cut_at)
            cut.write_text("", encoding="utf-8")
            back_at = time.time()
            await both.home.wait_for_function("told.moves > 0", polling=20, timeout=PATIENCE_MS)
            resumed.append(await both.home.evaluate("told.moves") - back_at)
    if min(noticed) < 0:
        raise SystemExit("a picture that stood still was not noticed")
    return {"stall_noticed_s": round(max(noticed), 2), "resumed_s": round(max(resumed), 2)}


def _island() -> str:
    """The product's own script that watches over a picture."""
    node = shutil.which("node")
    if node is None:
        raise SystemExit("node is missing: `make set-up-tests`")
    build = [node, "node_modules/rolldown/bin/cli.mjs", "islands/newborn-arrival.ts", "--format", "iife"]
    done = subprocess.run([*build, "--name", "Island"], cwd=FRONTEND, capture_output=True, text=True, check=True)
    return done.stdout
