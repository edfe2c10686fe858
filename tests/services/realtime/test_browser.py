"""Real browsers at both ends: a canvas whose picture says when it was drawn, and a video that shows it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Page, async_playwright

from tests.journeys.conftest import CHROMIUM, CHROMIUM_ARGUMENTS
from tests.services.realtime.janus_running import SERVERS
from tianfu.kernel.instants import SECOND
from tianfu.services.realtime.port import MediaPort, OffersFirst
from tianfu.services.realtime.protocol.parts import Part
from tianfu.services.realtime.protocol.rooms import Gate

pytestmark = pytest.mark.anyio

ADDRESS = "http://tianfu.invalid/"
MILLISECOND = SECOND // 1_000

PAGE = """<!doctype html><meta charset="utf-8"><canvas id="canvas" width="1280" height="720"></canvas>
<video id="video" autoplay muted playsinline></video><script>
const BITS = 20, SIDE = 48, drawn = [];
const now = () => performance.timeOrigin + performance.now();
function draw() {
  const pen = canvas.getContext('2d'), at = Math.floor(now()) % (1 << BITS);
  pen.fillStyle = '#333'; pen.fillRect(0, 0, 1280, 720);
  for (let bit = 0; bit < BITS; bit++) {
    pen.fillStyle = at >> bit & 1 ? '#fff' : '#000'; pen.fillRect(40 + bit * SIDE, 40, SIDE, SIDE);
  }
  requestAnimationFrame(draw);
}
async function publish(codec, hasSound) {
  video.remove(); draw();
  const peer = window.peer = new RTCPeerConnection();
  const line = peer.addTransceiver(canvas.captureStream(25).getVideoTracks()[0], {direction: 'sendonly'});
  line.setCodecPreferences(RTCRtpSender.getCapabilities('video').codecs.filter(c => c.mimeType === 'video/' + codec));
  if (hasSound) {
    const context = new AudioContext(), hum = context.createOscillator(), way = context.createMediaStreamDestination();
    hum.connect(way); hum.start();
    peer.addTransceiver(way.stream.getAudioTracks()[0], {direction: 'sendonly'});
  }
  await peer.setLocalDescription();
  await peer.setRemoteDescription({type: 'answer', sdp: await whip(peer.localDescription.sdp)});
}
async function watch() {
  canvas.remove();  // a picture that is out of sight is not painted, and reads as black
  const peer = window.peer = new RTCPeerConnection(), small = document.createElement('canvas');
  small.width = 1280; small.height = 720;
  const pen = small.getContext('2d');
  peer.ontrack = ({track}) => { if (track.kind === 'video') video.srcObject = new MediaStream([track]); };
  const look = () => {
    pen.drawImage(video, 0, 0, 1280, 720);
    let at = 0;
    for (let bit = 0; bit < BITS; bit++)
      if (pen.getImageData(40 + bit * SIDE + SIDE / 2, 40 + SIDE / 2, 1, 1).data[0] > 127) at |= 1 << bit;
    const moment = Math.floor(now()), age = ((moment - at) % (1 << BITS) + (1 << BITS)) % (1 << BITS);
    if (at) drawn.push(moment - age);  // black until the first picture is painted
    video.requestVideoFrameCallback(look);
  };
  video.requestVideoFrameCallback(look);
  if (await offers()) {
    await peer.setRemoteDescription({type: 'offer', sdp: await whepOffer()});
    await peer.setLocalDescription();
    while (peer.iceGatheringState !== 'complete') await new Promise(done => setTimeout(done, 10));
    await whepAnswer(peer.localDescription.sdp);
  } else {
    peer.addTransceiver('video', {direction: 'recvonly'});
    await peer.setLocalDescription();
    await peer.setRemoteDescription({type: 'answer', sdp: await whep(peer.localDescription.sdp)});
  }
}
</script>"""


@pytest.fixture(params=["embedded", "janus"])
async def port(request: pytest.FixtureRequest) -> AsyncIterator[MediaPort]:
    async with SERVERS[request.param]() as running:
        yield running.port


async def opened(page: Page, port: MediaPort) -> Page:
    offering = port if isinstance(port, OffersFirst) else None
    await page.expose_function("offers", lambda: offering is not None)
    if offering is not None:
        await page.expose_function(
            "whepOffer", lambda: offering.whep_offer("visit", "mother", Part.FAMILY, may_speak=False)
        )
        await page.expose_function("whepAnswer", lambda said: offering.whep_answer("visit", "mother", said))
    await page.expose_function("whip", lambda offer: port.whip("bed", offer))
    await page.expose_function("whep", lambda offer: port.whep("visit", "mother", Part.FAMILY, offer))
    await page.route(f"{ADDRESS}**", lambda route: route.fulfill(body=PAGE, content_type="text/html"))
    await page.goto(ADDRESS)
    return page


@pytest.mark.parametrize("codec", ["H264", "VP8"])
async def test_a_browser_sees_what_another_shows_until_the_curtain_is_drawn(port: MediaPort, codec: str) -> None:
    async with async_playwright() as playwright:
        browsers = [
            await playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_ARGUMENTS) for _ in range(2)
        ]
        bed, home = [await opened(await browser.new_page(), port) for browser in browsers]
        await bed.evaluate("codec => publish(codec)", codec)
        await port.open_room("visit", "bed", lease_seconds=30)
        live = await port.gate("visit", Gate.LIVE, "nurse")
        await home.evaluate("watch()")
        await home.wait_for_function("drawn.length > 20")
        shielded = await port.gate("visit", Gate.SHIELDED, "care")
        await asyncio.sleep(1)
        drawn = await home.evaluate("drawn")
        assert drawn == sorted(drawn)
        assert live <= drawn[0] * MILLISECOND
        assert drawn[-1] * MILLISECOND <= shielded, "no picture of what was after the curtain was drawn"
        await port.gate("visit", Gate.LIVE, "nurse")
        await home.wait_for_function(f"drawn.length > {len(drawn)} + 5")
        for browser in browsers:
            await browser.close()
