"""Real Chromium at both ends: a canvas whose picture says when it was drawn, and a video that shows it."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from itertools import pairwise

from playwright.async_api import Page, async_playwright

from bench.newborn_media import MediaServer, percent_of_core
from tianfu.kernel.instants import SECOND
from tianfu.kernel.refusal import Refusal
from tianfu.services.realtime.port import OffersFirst
from tianfu.services.realtime.protocol.parts import Part
from tianfu.services.realtime.protocol.rooms import Gate

CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
ADDRESS = "http://tianfu.invalid/"
CODEC = "H264"
MILLISECOND = SECOND // 1_000
LEASE_SECONDS = 30.0
JOINS = 50
SHIELDS = 8
REJOINS = 5
CRASHES = 3
WATCHED_SECONDS = 8.0
SETTLED_SECONDS = 3.0

Result = dict[str, object]

PAGE = """<!doctype html><meta charset="utf-8"><canvas id="canvas" width="1280" height="720"></canvas>
<video id="video" autoplay muted playsinline></video><script>
const BITS = 20, SIDE = 48, ROUND = 1 << BITS;
const canvas = document.getElementById('canvas'), video = document.getElementById('video');
let seen = [], first = 0, asked = 0, watching = 0;
const now = () => performance.timeOrigin + performance.now();
function draw() {
  const pen = canvas.getContext('2d'), at = Math.floor(now()) % ROUND;
  pen.fillStyle = '#333'; pen.fillRect(0, 0, 1280, 720);
  for (let bit = 0; bit < BITS; bit++) {
    pen.fillStyle = at >> bit & 1 ? '#fff' : '#000'; pen.fillRect(40 + bit * SIDE, 40, SIDE, SIDE);
  }
  for (let x = 0; x < 1280; x += 16) {  // something that moves, so that the picture is as large as a ward's
    pen.fillStyle = `hsl(${Math.random() * 360} 60% 50%)`; pen.fillRect(x, 400 + Math.random() * 200, 16, 32);
  }
  requestAnimationFrame(draw);
}
async function publish(codec) {
  if (!window.track) { video.remove(); draw(); window.track = canvas.captureStream(25).getVideoTracks()[0]; }
  const peer = window.peer = new RTCPeerConnection();
  const line = peer.addTransceiver(track, {direction: 'sendonly', sendEncodings: [{maxBitrate: 1500000}]});
  line.setCodecPreferences(RTCRtpSender.getCapabilities('video').codecs.filter(c => c.mimeType === 'video/' + codec));
  await peer.setLocalDescription();
  const answer = await whip(peer.localDescription.sdp);
  if (!answer) return false;
  await peer.setRemoteDescription({type: 'answer', sdp: answer});
  return true;
}
async function watch(isRead, isClosed) {
  if (canvas.isConnected) canvas.remove();  // a picture that is out of sight is not painted, and reads as black
  if (isClosed && window.peer) window.peer.close();
  video.srcObject = null;
  const peer = window.peer = new RTCPeerConnection(), mine = ++watching;
  const small = document.createElement('canvas');
  small.width = BITS; small.height = 1;
  const pen = small.getContext('2d', {willReadFrequently: true});
  seen = []; first = 0; asked = now();
  peer.ontrack = event => { if (event.track.kind === 'video') video.srcObject = new MediaStream([event.track]); };
  const look = () => {
    if (mine !== watching) return;
    const moment = now();
    if (!first) first = moment;
    if (isRead) {
      const scale = video.videoWidth / 1280;  // the bed's browser may send a smaller picture than it draws
      pen.drawImage(video, 40 * scale, (40 + SIDE / 4) * scale, BITS * SIDE * scale, SIDE / 2 * scale, 0, 0, BITS, 1);
      const row = pen.getImageData(0, 0, BITS, 1).data;
      let at = 0;
      for (let bit = 0; bit < BITS; bit++) if (row[4 * bit] > 127) at |= 1 << bit;
      const age = ((Math.floor(moment) - at) % ROUND + ROUND) % ROUND;
      if (at) seen.push([moment, age]);  // black until the first picture is painted
    }
    video.requestVideoFrameCallback(look);
  };
  video.requestVideoFrameCallback(look);
  const offer = await offered();
  if (offer) {
    await peer.setRemoteDescription({type: 'offer', sdp: offer});
    await peer.setLocalDescription();
    return answered(peer.localDescription.sdp);
  }
  peer.addTransceiver('video', {direction: 'recvonly'});
  await peer.setLocalDescription();
  const answer = await whep(peer.localDescription.sdp);
  if (!answer) return false;
  await peer.setRemoteDescription({type: 'answer', sdp: answer});
  return true;
}
</script>"""


@dataclass
class Pages:
    """A bed and a home, each in a browser of its own."""

    server: MediaServer
    bed: Page
    home: Page

    async def whip(self, offer: str) -> str:
        """The answer to the bed's offer; empty while the server is away."""
        with suppress(Refusal):
            return await self.server.port.whip("bed", offer)
        return ""

    async def whep(self, offer: str) -> str:
        """The answer to the home's offer; empty while there is nothing to see."""
        with suppress(Refusal):
            return await self.server.port.whep("visit", "mother", Part.FAMILY, offer)
        return ""

    async def offered(self) -> str:
        """The offer of a server that offers first; empty from one that takes offers."""
        if not isinstance(self.server.port, OffersFirst):
            return ""
        with suppress(Refusal):
            return await self.server.port.whep_offer("visit", "mother", Part.FAMILY, may_speak=False)
        return ""

    async def answered(self, answer: str) -> bool:
        """Whether a server that offers first takes the home's answer."""
        with suppress(Refusal):
            await self.server.port.whep_answer("visit", "mother", answer)
            return True
        return False

    async def open(self) -> None:
        """The bed sends, and the room's curtain is open."""
        while not await self.bed.evaluate("codec => publish(codec)", CODEC):  # noqa: ASYNC110 - of another process
            await asyncio.sleep(0.05)
        await self.server.port.open_room("visit", "bed", lease_seconds=LEASE_SECONDS)
        await self.live()

    async def live(self) -> None:
        """Open the curtain, and renew the lease."""
        await self.server.port.renew("visit", lease_seconds=LEASE_SECONDS)
        await self.server.port.gate("visit", Gate.LIVE, "nurse")

    async def join(self, *, is_read: bool = False, is_closed: bool = True) -> float:
        """Join, and wait for the first picture; how many seconds that took.

        Unless `is_closed`, the connection of before is left as it is, as by a phone whose network went.
        """
        watch, how = "([isRead, isClosed]) => watch(isRead, isClosed)", [is_read, is_closed]
        while not await self.home.evaluate(watch, how):  # noqa: ASYNC110 - of another process
            await asyncio.sleep(0.05)
        await self.home.wait_for_function("first > 0", polling=20)
        took: float = await self.home.evaluate("first - asked")
        return took / 1_000

    async def watch(self, seconds: float) -> list[tuple[float, float]]:
        """Watch on; when each picture was shown, and how old it was then, in milliseconds."""
        await self.server.port.renew("visit", lease_seconds=LEASE_SECONDS)
        await self.home.evaluate("seen = []")
        await asyncio.sleep(seconds)
        seen: list[tuple[float, float]] = await self.home.evaluate("seen")
        return seen


@asynccontextmanager
async def pages(server: MediaServer) -> AsyncIterator[Pages]:
    """Two browsers before a media server."""
    async with async_playwright() as playwright:
        browsers = [await playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS) for _ in range(2)]
        bed, home = [await browser.new_page() for browser in browsers]
        both = Pages(server, bed, home)
        for page in (bed, home):
            await page.expose_function("whip", both.whip)
            await page.expose_function("whep", both.whep)
            await page.expose_function("offered", both.offered)
            await page.expose_function("answered", both.answered)
            await page.route(f"{ADDRESS}**", lambda route: route.fulfill(body=PAGE, content_type="text/html"))
            await page.goto(ADDRESS)
        yield both
        for browser in browsers:
            await browser.close()


async def seen_in_chromium(server: MediaServer) -> Result:
    """How soon, how late and how long a picture is seen."""
    async with pages(server) as both:
        await both.open()
        await both.join()
        joins = []
        for _ in range(JOINS):
            await both.server.port.renew("visit", lease_seconds=LEASE_SECONDS)
            joins.append(1_000 * await both.join())
        await both.join(is_read=True)
        await asyncio.sleep(SETTLED_SECONDS)
        watched = await both.watch(WATCHED_SECONDS)
        ages = [age for _, age in watched]
        cost = await percent_of_core(server.process, SETTLED_SECONDS)
        quality = [each for each in await server.port.stats() if each.participant == "mother"]
        late = [await _shield(both) for _ in range(SHIELDS)]
        rejoined = [await both.join(is_closed=False) for _ in range(REJOINS)]
        crashed = [await _crash(both) for _ in range(CRASHES)]
    return {
        "first_frame_ms_p95": round(_percentile(joins, 95)),
        "first_frame_ms_p50": round(statistics.median(joins)),
        "latency_ms_p50": round(statistics.median(ages)),
        "latency_ms_p95": round(_percentile(ages, 95)),
        "frames_per_second": round(len(watched) / WATCHED_SECONDS, 1),
        "shield_last_frame_ms": round(max(late)),
        "rejoined_s": round(max(rejoined), 2),
        "media_crash_recovered_s": round(max(crashed), 2),
        "one_visit_percent_of_core": cost,
        "one_visit_bits_per_second": quality[0].bits_per_second if quality else None,
        "round_trip_ms": quality[0].round_trip_ms if quality else None,
        "level": quality[0].level if quality else None,
    }


async def _shield(both: Pages) -> float:
    """How long after the curtain was acknowledged the last new picture was shown, in milliseconds; below 0: before."""
    await both.live()
    await both.join(is_read=True)
    await both.home.wait_for_function("seen.length > 10", polling=20)
    await both.server.port.gate("visit", Gate.SHIELDED, "care")
    acknowledged = time.time() * 1_000
    await asyncio.sleep(0.7)
    seen: Sequence[tuple[float, float]] = await both.home.evaluate("seen")
    await both.live()
    return seen[-1][0] - acknowledged


async def _crash(both: Pages) -> float:
    """Kill the server; how many seconds until it is there again and a picture is seen."""
    began = time.monotonic()
    await both.server.kill()
    await both.server.start()
    await both.open()
    await both.join()
    return time.monotonic() - began


async def frames_at_loss(server: MediaServer) -> Result:
    """Pictures a second where one packet in twenty is lost."""
    async with pages(server) as both:
        await both.open()
        await both.join(is_read=True)
        await asyncio.sleep(SETTLED_SECONDS)
        watched = await both.watch(WATCHED_SECONDS)
        quality = [each for each in await server.port.stats() if each.participant == "mother"]
    gaps = [after[0] - before[0] for before, after in pairwise(watched)]
    return {
        "fps_at_5_percent_loss": round(len(watched) / WATCHED_SECONDS, 1),
        "freezes_at_5_percent_loss": sum(gap > 1_000 for gap in gaps),
        "level_at_5_percent_loss": quality[0].level if quality else None,
    }


async def cost_in_chromium(server: MediaServer, name: str) -> Result:
    """What one camera and one viewer cost another media server, and how late its picture is."""
    async with pages(server) as both:
        await both.open()
        await asyncio.sleep(1.0)
        await both.join(is_read=True)
        await asyncio.sleep(SETTLED_SECONDS)
        cost = await percent_of_core(server.process, SETTLED_SECONDS)
        ages = [age for _, age in await both.watch(WATCHED_SECONDS)]
    return {
        f"{name}_one_visit_percent_of_core": cost,
        f"{name}_latency_ms_p50": round(statistics.median(ages)) if ages else None,
        f"{name}_latency_ms_p95": round(_percentile(ages, 95)) if ages else None,
    }


def _percentile(values: Sequence[float], part: int) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, len(ordered) * part // 100)]
