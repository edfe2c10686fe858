"""Real Chromium at both ends: beds whose pictures say what they are, and people who note what they are shown."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress

from playwright.async_api import Page, async_playwright

from tests.journeys.conftest import CHROMIUM, CHROMIUM_ARGUMENTS
from tests.services.realtime.sights import Lens, Seat, Seen
from tianfu.kernel.refusal import Refusal
from tianfu.services.realtime.port import MediaPort
from tianfu.services.realtime.protocol.parts import Part

ADDRESS = "http://tianfu.invalid/"

PAGE = """<!doctype html><meta charset="utf-8"><style>video { width: 160px; height: 90px }</style><script>
const WIDE = 320, HIGH = 180, COLUMNS = 20, SIDE = 16, TALL = 60, EACH_MS = 50;
const WIDTHS = [4, 12, 24, 20], ROUND = 1 << 24, BITS = 60;  // bed, device, moment, and a check of the three
const check = (bed, device, at) => (at + 7919 * device + 104729 * bed + 1) % 1048573;
const devices = new Map(), watching = new Map();
let seen = [], blurred = 0;

function paint(pen, bed, device) {
  const at = Date.now() % ROUND, numbers = [bed, device, at, check(bed, device, at)];
  const bits = numbers.flatMap((number, i) => Array.from({length: WIDTHS[i]}, (_, bit) => number >> bit & 1));
  bits.forEach((bit, i) => {
    pen.fillStyle = bit ? '#fff' : '#000';
    pen.fillRect(i % COLUMNS * SIDE, Math.floor(i / COLUMNS) * TALL, SIDE, TALL);
  });
}
function read(pen, video) {
  pen.drawImage(video, 0, 0, WIDE, HIGH);
  const {data} = pen.getImageData(0, 0, WIDE, HIGH);
  const isWhite = i =>
    data[4 * ((Math.floor(i / COLUMNS) * TALL + TALL / 2) * WIDE + i % COLUMNS * SIDE + SIDE / 2)] > 127;
  let place = 0;
  return WIDTHS.map(width => {
    let number = 0;
    for (let bit = 0; bit < width; bit++) if (isWhite(place++)) number |= 1 << bit;
    return number;
  });
}
async function publish(camera, bed, device) {
  const canvas = document.createElement('canvas');
  canvas.width = WIDE; canvas.height = HIGH;
  const pen = canvas.getContext('2d'), track = canvas.captureStream(0).getVideoTracks()[0];
  track.contentHint = 'detail';  // fewer pictures rather than smaller ones
  const timer = setInterval(() => { paint(pen, bed, device); track.requestFrame(); }, EACH_MS);
  const peer = new RTCPeerConnection(), line = peer.addTransceiver(track, {direction: 'sendonly'});
  devices.set(device, {peer, timer});
  line.setCodecPreferences(RTCRtpSender.getCapabilities('video').codecs.filter(c => c.mimeType === 'video/H264'));
  await peer.setLocalDescription();
  await peer.setRemoteDescription({type: 'answer', sdp: await whip(camera, peer.localDescription.sdp)});
}
function drop(device) {
  devices.get(device).peer.close(); clearInterval(devices.get(device).timer); devices.delete(device);
}
function look(visit, who, video) {
  const small = document.createElement('canvas');
  small.width = WIDE; small.height = HIGH;
  const pen = small.getContext('2d', {willReadFrequently: true});
  const next = () => {
    const [bed, device, at, checked] = read(pen, video), shown = Date.now();
    const drawn = shown - ((shown - at) % ROUND + ROUND) % ROUND;
    if (checked === check(bed, device, at)) seen.push([visit, who, bed, device, drawn, shown]);
    else if (bed || device || at || checked) blurred++;  // black until the first picture is painted
    video.requestVideoFrameCallback(next);
  };
  video.requestVideoFrameCallback(next);
}
function leave(visit, who) {
  for (const {peer, video} of watching.get(visit + who) ?? []) { peer.close(); video.remove(); }
  watching.set(visit + who, []);
}
async function watch(visit, who, isBefore) {  // what was watched before goes on where the phone has not noticed
  if (!isBefore) leave(visit, who);
  const peer = new RTCPeerConnection(), video = document.createElement('video');
  video.autoplay = video.muted = video.playsInline = true;
  document.body.append(video);
  watching.set(visit + who, [...watching.get(visit + who) ?? [], {peer, video}]);
  peer.ontrack = ({track}) => { if (track.kind === 'video') video.srcObject = new MediaStream([track]); };
  look(visit, who, video);
  peer.addTransceiver('video', {direction: 'recvonly'});
  await peer.setLocalDescription();
  const answer = await whep(visit, who, peer.localDescription.sdp);
  if (answer) await peer.setRemoteDescription({type: 'answer', sdp: answer});
  return Boolean(answer);
}
function told() { const [all, dim] = [seen, blurred]; seen = []; blurred = 0; return [all, dim]; }
</script>"""


class Browsers:
    """A ward and a home, each in a browser of its own."""

    def __init__(self, port: MediaPort, ward: Page, home: Page) -> None:
        self.blurred = 0
        """How many pictures could not be read so far."""
        self._port = port
        self._ward = ward
        self._home = home
        self._devices: dict[str, list[int]] = {}

    async def begin(self) -> None:
        """Open the two pages."""
        await self._ward.expose_function("whip", self._port.whip)
        await self._home.expose_function("whep", self._whep)
        for page in (self._ward, self._home):
            await page.route(f"{ADDRESS}**", lambda route: route.fulfill(body=PAGE, content_type="text/html"))
            await page.goto(ADDRESS)

    async def publish(self, camera: str, lens: Lens) -> None:
        """Have a device show its pictures as a camera, beside the one that did so before."""
        shown = self._devices.setdefault(camera, [])
        await self._ward.evaluate("given => publish(...given)", [camera, lens.bed, lens.device])
        shown.append(lens.device)
        while len(shown) > 2:  # the one before goes on for a while: a device that nobody has switched off
            await self._ward.evaluate("device => drop(device)", shown.pop(0))

    async def watch(self, seat: Seat, *, goes_before_on: bool = False) -> bool:
        """Have somebody join; whether the server lets him in."""
        given = [seat.visit, seat.who, goes_before_on]
        is_in: bool = await self._home.evaluate("given => watch(...given)", given)
        return is_in

    async def leave(self, seat: Seat) -> None:
        """Have somebody hang up."""
        await self._home.evaluate("given => leave(...given)", [seat.visit, seat.who])

    async def seen(self) -> Sequence[Seen]:
        """What everybody was shown since the last call."""
        told, blurred = await self._home.evaluate("told()")
        self.blurred += blurred
        return [
            Seen(seat=Seat(visit, who), lens=Lens(bed, device), drawn_ms=drawn, shown_ms=shown)
            for visit, who, bed, device, drawn, shown in told
        ]

    async def _whep(self, visit: str, who: str, offer: str) -> str:
        """The answer to somebody's offer; empty while there is nothing to see."""
        with suppress(Refusal):
            return await self._port.whep(visit, who, Part.FAMILY, offer)
        return ""


@asynccontextmanager
async def browsers(port: MediaPort) -> AsyncIterator[Browsers]:
    """A ward and a home before a media server."""
    async with async_playwright() as playwright:
        both = [await playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_ARGUMENTS) for _ in range(2)]
        opened = Browsers(port, *[await browser.new_page() for browser in both])
        await opened.begin()
        yield opened
        for browser in both:
            await browser.close()
