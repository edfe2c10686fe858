"""A family's window over real HTTP: accounts, a ward with one bed, the door of pictures, the keeper, a camera.

Only the camera's lens and the microphone are made up: a canvas whose picture says when it was drawn, a tone.
"""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import Any, cast

import httpx
from granian.constants import Interfaces
from granian.server.embed import Server
from litestar.enums import ScopeType
from litestar.types import Receive, Scope, Send
from playwright.async_api import Browser, BrowserContext, Page, async_playwright

from tests.apps.newborn.ward import QIN, UNIT, WARD, MadeWard, made_ward
from tests.journeys.conftest import CHROMIUM, CHROMIUM_ARGUMENTS
from tests.made_up_keys import made_up_keys
from tests.services.accounts.conftest import MASTER, House, Telephone, Time, house_of, unit
from tests.services.realtime.devices import MadeUpDevice
from tests.services.realtime.running import Running, embedded
from tests.services.realtime.test_browser import PAGE as PICTURE_PAGE
from tests.trails import auditor_of, close_trails
from tests.web.letting_in import MemoryBuckets, NothingToTell
from tianfu.access.caller import Caller
from tianfu.access.organisations import OrganisationTree
from tianfu.apps.newborn.actions.draw_curtain import draw_curtain
from tianfu.apps.newborn.actions.open_curtain import open_curtain
from tianfu.apps.newborn.actions.stay import watch_pages
from tianfu.apps.newborn.cart_routes import Carts
from tianfu.apps.newborn.consultation_ports import Consulting
from tianfu.apps.newborn.live.doors import GrantedDoors
from tianfu.apps.newborn.live.keeper import Keeper
from tianfu.apps.newborn.mapping.codes import CONSENT, TALK, VIEW, VISITS
from tianfu.apps.newborn.model.visit import State
from tianfu.apps.newborn.nurse_routes import Bedsides
from tianfu.apps.newborn.ports import Nursery
from tianfu.apps.newborn.routes import newborn
from tianfu.apps.newborn.visit_ports import Windows
from tianfu.db import Addresses, Database
from tianfu.gateways.media.door import BASE_SEGMENT, MediaDoor
from tianfu.kernel.instants import SECOND, Instant, system_clock, to_fhir_instant
from tianfu.records.keys import open_keyring
from tianfu.records.seals import Seals
from tianfu.services.accounts.model.people import Assurance, SignedIn
from tianfu.services.accounts.second_person import SecondPerson
from tianfu.services.accounts.signing_in import Entered
from tianfu.services.accounts.store import THE_OPERATOR, Post
from tianfu.services.booking.claims import Claims
from tianfu.services.booking.interpreters import Interpreters
from tianfu.services.booking.places import Places
from tianfu.services.booking.stations import Stations
from tianfu.services.booking.wordings import Wordings
from tianfu.services.limits.limiter import Limiter
from tianfu.services.limits.limits import load_limits
from tianfu.services.realtime.cameras.registry import Cameras, Kind
from tianfu.services.realtime.doors import Doors
from tianfu.services.realtime.grants import Grants
from tianfu.services.realtime.protocol.grants import Action, Ticket
from tianfu.services.realtime.protocol.parts import Part
from tianfu.services.realtime.trail import RoomTrail
from tianfu.services.realtime.turn import Relay
from tianfu.services.realtime.viewers import Viewers
from tianfu.web.callers import Callers, PeopleCallers
from tianfu.web.site import Doorkeeping, SiteSettings, build_site

MOTHER, FATHER, OTHER_MOTHER, GRANDMOTHER = "13800001111", "13800002222", "13800003333", "13800004444"
NAMES = {MOTHER: "示例妈妈", FATHER: "示例爸爸", OTHER_MOTHER: "示例另一位妈妈", GRANDMOTHER: "示例外婆"}
VISIT = "visit-7"
NO_RELAY = Relay((), b"made-up-secret-of-the-relay")
WATCH = f"/newborn/watch/{VISIT}"
WAIT_SECONDS = 60.0
HTML: dict[str, Any] = {"content_type": "text/html"}

QUIET = 0.001
"""Below it nothing is heard; the made-up microphone's beep is far above."""

LOOKS_UNTIL_SILENT = 3
"""How often a page is listened to until what it was sent before has sounded: about six seconds."""

FAKE_SOUND = [
    "--use-fake-ui-for-media-stream",
    "--use-fake-device-for-media-stream",
    "--autoplay-policy=user-gesture-required",
]
"""Chromium's own made-up microphone beeps; permission is given by itself; sound still waits for a touch."""

TWO_LENSES = "--use-fake-device-for-media-stream=device-count=3"
"""A cart is a telephone: it has one lens on each side."""

SEEN = """() => {
  const video = document.querySelector('#watch video'), drawn = window.drawn = [];
  const small = document.createElement('canvas'); small.width = 1280; small.height = 720;
  const pen = small.getContext('2d', {willReadFrequently: true});
  const look = (now, data) => {
    if (video.srcObject && !video.hidden) {
      pen.clearRect(0, 0, 1280, 720);  // a video without a picture yet paints nothing: the last one would stay
      pen.drawImage(video, 0, 0, 1280, 720);
      let at = 0;
      for (let bit = 0; bit < 20; bit++)
        if (pen.getImageData(64 + bit * 48, 64, 1, 1).data[0] > 127) at |= 1 << bit;
      const moment = Math.floor(performance.timeOrigin + performance.now());
      const age = ((moment - at) % (1 << 20) + (1 << 20)) % (1 << 20);
      if (at) drawn.push(moment - age);
    }
    video.requestVideoFrameCallback(look);
  };
  video.requestVideoFrameCallback(look);
}"""

HEARING_PAGE = """<!doctype html><meta charset="utf-8"><script>
async function listen() {
  const peer = window.peer = new RTCPeerConnection(), context = window.context = new AudioContext();
  peer.addTransceiver('video', {direction: 'recvonly'});
  peer.addTransceiver('audio', {direction: 'recvonly'});
  const voice = peer.addTransceiver('audio', {direction: 'sendrecv'});
  peer.ontrack = event => {
    const stream = new MediaStream([event.track]);
    const player = new Audio();  // Chromium decodes only what is played
    player.muted = true; player.srcObject = stream; player.play();
    if (event.transceiver !== voice) return;
    const ear = window.ear = context.createAnalyser();
    context.createMediaStreamSource(stream).connect(ear);
  };
  await peer.setLocalDescription();
  await peer.setRemoteDescription({type: 'answer', sdp: await whep(peer.localDescription.sdp)});
}
// The loudest sample of about two seconds: the made-up microphone beeps once a second.
async function loudest() {
  const samples = new Float32Array(ear.fftSize);
  let most = 0;
  for (let count = 0; count < 100; count++) {
    ear.getFloatTimeDomainData(samples);
    for (const sample of samples) most = Math.max(most, Math.abs(sample));
    await new Promise(resolve => setTimeout(resolve, 20));
  }
  return most;
}
</script>"""


MediaServer = Callable[[], AbstractAsyncContextManager[Any]]
"""Begins a media server: something with a `socket` and a `port` (`Running`)."""


class RunningTime(Time):
    """The real time, and further on when told to."""

    def __init__(self) -> None:
        self._ahead = 0

    @property
    def now(self) -> Instant:  # type: ignore[override]  # a plain attribute in the base
        return Instant(system_clock() + self._ahead)

    def __call__(self) -> Instant:
        return self.now

    def pass_(self, seconds: float) -> None:
        self._ahead += int(seconds * SECOND)


@dataclass
class Window:
    """Everything around one visit."""

    ward: MadeWard
    house: House
    windows: Windows
    keeper: Keeper
    port: int
    chromium: Browser
    quiet: Browser
    cameras: Cameras
    contexts: list[BrowserContext] = field(default_factory=list)
    bed: Browser | None = None
    """A cart's own browser, where one stands for the camera."""
    cart: Page | None = None
    """Its page, which sends the picture."""

    @property
    def address(self) -> str:
        return f"http://localhost:{self.port}"

    async def resident(
        self, telephone: str, related: str, *, width: int = 390, language: str = "en", is_tied: bool = True
    ) -> BrowserContext:
        """A browser of somebody who signed in, known by her real name, tied to a baby's RelatedPerson."""
        entered = await self.house.with_code(telephone)
        account, accounts = entered.signed_in.account.id, self.house.accounts
        await accounts.people.retell(account, name=NAMES[telephone], assurance=Assurance.NAMED)
        if is_tied:
            await accounts.people.tie_record(VISITS, account, "RelatedPerson", related)
        accounts.sessions.forget_known(account)
        return await self._browser(entered, width=width, language=language)

    async def nurse(
        self, *, width: int = 1440, language: str = "en", browser: Browser | None = None, is_head: bool = False
    ) -> BrowserContext:
        """The browser of the nurse Qin, or of the head nurse, who signed in."""
        who, number, title = ("made-up-head", "H510002", "护士长") if is_head else ("qin", "H510001", None)
        post = Post(organisation=UNIT, role="nurse", practitioner=who, title=title)
        return await self.staff(number, post, width=width, language=language, browser=browser)

    async def staff(
        self,
        number: str,
        post: Post,
        *,
        name: str = "Demo",
        width: int = 1440,
        language: str = "en",
        browser: Browser | None = None,
    ) -> BrowserContext:
        """The browser of somebody of a ward, who signed in."""
        tree = OrganisationTree([unit(post.organisation, None)])
        people = self.house.accounts.people
        account, _ = await people.join_staff(THE_OPERATOR, name=name, number=number, post=post, tree=tree)
        await self.house.set_password(account)
        entered = await self.house.with_both(await self.house.authenticator(account), number)
        return await self._browser(entered, width=width, language=language, browser=browser)

    async def _browser(
        self, entered: Entered, *, width: int, language: str, browser: Browser | None = None
    ) -> BrowserContext:
        self.house.device = ""
        context = await (browser or self.chromium).new_context(
            locale=language, viewport={"width": width, "height": 844}, extra_http_headers={"accept-language": language}
        )
        self.contexts.append(context)
        await context.add_cookies(
            [
                {"name": name, "value": value, "url": self.address}
                for name, value in (("session", entered.secret), ("device", entered.device))
            ]
        )
        return context

    async def relative(self) -> tuple[BrowserContext, str]:
        """A grandmother whom the mother of the seventh baby invited and who agreed; and her invitation."""
        claims = self.windows.nursery.claims
        invitation = await claims.invite(
            VISITS,
            ward=WARD,
            baby="baby-7",
            guardian="mother-7",
            related="relative-7",
            telephone=GRANDMOTHER,
            name="示例外婆",
            at_most=1,
            ever_at_most=1,
        )
        context = await self.resident(GRANDMOTHER, "relative-7", is_tied=False)
        await claims.accept(await self.signed_in(context), invitation)
        return context, invitation

    async def signed_in(self, context: BrowserContext) -> SignedIn:
        """Whose session a browser keeps."""
        kept = {each["name"]: each["value"] for each in await context.cookies()}
        return await self.house.accounts.sessions.look_up(kept["session"], kept["device"])

    async def open(self) -> None:
        await open_curtain(self.ward.house, QIN, VISIT, now=self.ward.clock())

    async def shield(self, reason: str = "feeding") -> None:
        await draw_curtain(self.ward.house, QIN, VISIT, reason, now=self.ward.clock())

    async def watching(self, context: BrowserContext) -> Page:
        """Her page after she touched the big key."""
        page = await context.new_page()
        await page.goto(f"{self.address}{WATCH}")
        await page.evaluate(SEEN)
        await page.locator("[data-watch=see]").click()
        return page

    async def told(self) -> list[str]:
        """What the trail says of the doors and of watermarks, oldest first."""
        rows = await self.house.rows("select interaction, coalesce(query, '') from audit order by seq")
        return [f"{what} {query}" for what, query in cast("Any", rows) if "room" in what]


async def until(true: Callable[[], Awaitable[bool]]) -> None:
    """Wait for what happens."""
    async with asyncio.timeout(WAIT_SECONDS):
        while not await true():  # noqa: ASYNC110 - what is waited for happens in another process
            await asyncio.sleep(0.05)


async def falls_silent(loudest: Callable[[], Awaitable[float]]) -> bool:
    """Whether nothing sounds any more in the whole of one look, of which each lasts longer than from beep to beep.

    A browser whose sound stood still plays what came before then; a voice that goes on coming is in every look.
    """
    await asyncio.sleep(0.5)  # what was sent before has arrived, and nearly always sounded
    for _ in range(LOOKS_UNTIL_SILENT):
        if await loudest() < QUIET:
            return True
    return False


def free_port() -> int:
    """A port of this machine that nobody has."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@asynccontextmanager
async def served(application: Any, port: int) -> AsyncIterator[None]:
    """An ASGI application over real HTTP, on this machine alone."""
    server = Server(application, address="127.0.0.1", port=port, interface=Interfaces.ASGI, websockets=False)
    serving = asyncio.create_task(server.serve())
    try:
        async with httpx.AsyncClient() as client, asyncio.timeout(WAIT_SECONDS):
            while True:
                try:
                    await client.get(f"http://127.0.0.1:{port}/healthz")
                    break
                except httpx.TransportError:
                    await asyncio.sleep(0.05)
        yield
    finally:
        server.stop()  # type: ignore[no-untyped-call]  # granian says no types here
        with suppress(TimeoutError):
            await asyncio.wait_for(serving, WAIT_SECONDS)


@asynccontextmanager
async def window_of(
    database: Database,
    addresses: Addresses,
    turn: Relay = NO_RELAY,
    *,
    server: MediaServer = embedded,
    has_sound: bool = False,
    cart: Callable[[Window], Awaitable[Page]] | None = None,
) -> AsyncIterator[Window]:
    """A visit whose nurse has checked the bed: the curtain is drawn.  `turn` is what the door names as relays.

    `server` begins the media server; `has_sound`: the camera sends a hum besides its picture.  `cart` puts a cart's own
    page on air in the camera's place, in a browser of its own.
    """
    clock = RunningTime()
    house = await house_of(database, addresses, clock, Telephone())
    keyring = await open_keyring(database, made_up_keys(MASTER))
    async with (
        server() as running,
        made_ward(database, cast("Running", running), clock) as ward,
        async_playwright() as playwright,
    ):
        viewers = Viewers(database, keyring.index_secret)
        auditor = await auditor_of(database)
        trail = RoomTrail(auditor, clock)
        grants = Grants(database, keyring.index_secret, running.port, trail, clock)
        ward.house = replace(ward.house, doors=GrantedDoors(grants=grants, viewers=viewers))
        nursery = Nursery(
            store=ward.store,
            places=Places(database, clock),
            claims=Claims(database, keyring, house.accounts, auditor, clock),
            interpreters=Interpreters(database, keyring, house.accounts, auditor, clock),
            wordings=Wordings(database, auditor, clock),
            stations=Stations(database, keyring, auditor, clock),
            clock=clock,
        )
        windows = Windows(nursery=nursery, house=ward.house, grants=grants, viewers=viewers)
        for number in (7, 8):
            await ward.bed(number)
            await agreed(ward, number)
        limiter = Limiter(MemoryBuckets(), load_limits(None), monotonic=time.monotonic)
        accounts = house.accounts
        people = PeopleCallers(accounts.sessions, accounts.signing_in, limiter, NothingToTell(), is_production=False)
        cameras = Cameras(database, Seals(keyring), auditor=auditor, clock=clock)
        bedsides = Bedsides(
            house=ward.house, colleagues=SecondPerson(accounts.signing_in), nursery=nursery, cameras=cameras
        )
        consulting = Consulting(windows=windows, staff=accounts.people)
        carts = Carts(house=ward.house, book=cameras, granting=grants)
        site = build_site(
            apps=[newborn(nursery, bedsides, windows, carts, consulting=consulting)],
            settings=SiteSettings(seal_key=b"k" * 32, is_demonstration=False, is_production=False),
            doorkeeping=Doorkeeping(callers=cast("Callers", people), limiter=limiter),
            clock=clock,
        )
        door = MediaDoor(Doors(grants, running.port), grants, turn, limiter, is_production=False)

        async def application(scope: Scope, receive: Receive, send: Send) -> None:
            is_picture = scope["type"] == ScopeType.HTTP and scope["path"].startswith(f"/{BASE_SEGMENT}/")
            await cast("Any", door if is_picture else site)(scope, receive, send)

        port = free_port()
        keeper = ward.keeper()
        work = [asyncio.create_task(each) for each in (keeper.run(), watch_pages(windows), here(ward))]
        chromium = await playwright.chromium.launch(executable_path=CHROMIUM, args=[*CHROMIUM_ARGUMENTS, *FAKE_SOUND])
        quiet = await playwright.chromium.launch(
            executable_path=CHROMIUM, args=[*CHROMIUM_ARGUMENTS, "--autoplay-policy=no-user-gesture-required"]
        )
        arguments = [*CHROMIUM_ARGUMENTS, *FAKE_SOUND, TWO_LENSES]
        bed = None if cart is None else await playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        try:
            async with served(application, port):
                window = Window(ward, house, windows, keeper, port, chromium, quiet, cameras, bed=bed)
                if cart is None:
                    await publish(window, clock, has_sound=has_sound)
                else:
                    window.cart = await cart(window)
                await until(lambda: has_camera(ward))
                await ward.arm(7)
                assert await ward.state(7) is State.ARMED
                yield window
        finally:
            await chromium.close()
            await quiet.close()
            if bed is not None:
                await bed.close()
            for each in work:
                each.cancel()
            await asyncio.gather(*work, return_exceptions=True)
            house.accounts.passwords.close()
            close_trails()


async def has_camera(ward: MadeWard) -> bool:
    return await ward.house.rooms.has_camera("camera-7")


async def here(ward: MadeWard) -> None:
    """The nurse's tablet, which says that she is there."""
    while True:
        await ward.house.rooms.heard([VISIT], at=ward.clock())
        await asyncio.sleep(1)


async def agreed(ward: MadeWard, number: int) -> None:
    """A consent to be seen and to talk."""
    await ward.write(
        f"consent-{number}",
        resourceType="Consent",
        status="active",
        scope={"coding": [{"system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "treatment"}]},
        category=[{"coding": [{"system": CONSENT, "code": each}]} for each in (VIEW, TALK)],
        patient={"reference": f"Patient/baby-{number}"},
        performer=[{"reference": f"RelatedPerson/mother-{number}"}],
        dateTime=to_fhir_instant(ward.clock()),
        policyRule={"text": "演示"},
    )


async def publish(window: Window, clock: RunningTime, *, has_sound: bool = False) -> Page:
    """A tablet at the bed that sends its picture through the real door, by a grant and its own key."""
    device = MadeUpDevice()
    page = await window.quiet.new_page()

    async def whip(offer: str) -> str:
        nurse = Caller(id="account-cart", role="nurse")
        ticket = Ticket(
            action=Action.WHIP_CAMERA,
            visit="",
            camera="camera-7",
            part=Part.BEDSIDE,
            device=device.thumbprint,
            slot_until=Instant(clock() + 3_600 * SECOND),
        )
        grant = (await window.windows.grants.issue(nurse, ticket)).text
        address = f"{window.address}/media/whip"
        proof = device.proof("POST", address, content=offer, grant=grant, camera="camera-7")
        headers = {"authorization": f"Bearer {grant}", "dpop": proof, "content-type": "application/sdp"}
        async with httpx.AsyncClient() as client:
            answer = await client.post(address, content=offer, headers=headers)
        assert answer.status_code == 201, answer.text
        return answer.text

    await page.expose_function("whip", whip)
    await page.route(
        "http://tianfu.invalid/**", lambda route: route.fulfill(body=PICTURE_PAGE, content_type="text/html")
    )
    await page.goto("http://tianfu.invalid/")
    await page.evaluate("hasSound => publish('VP8', hasSound)", has_sound)
    return page


async def cart_on_air(window: Window, *, language: str = "en", width: int = 390, script: str = "") -> Page:
    """The cart of the seventh bed, whose page a nurse opened and touched once; `script` runs before the page's own."""
    await window.cameras.add("camera-7", Kind.CART, None)
    nurse = await window.nurse(language=language, width=width, browser=window.bed)
    page = await nurse.new_page()
    await page.add_init_script(script)
    await page.goto(f"{window.address}/newborn/cart/camera-7")
    await page.locator("[data-part=start]").click()
    await page.locator("[data-cart][data-state=on]").wait_for()
    return page


async def listen(window: Window, part: Part = Part.BEDSIDE, visit: str = VISIT) -> Page:
    """The loudspeaker at the bed, or somebody else who only listens."""
    page = await window.quiet.new_page()
    media = window.ward.running.port
    await page.expose_function("whep", lambda offer: media.whep(visit, "loudspeaker", part, offer))
    await page.route(
        "http://tianfu.invalid/**", lambda route: route.fulfill(body=HEARING_PAGE, content_type="text/html")
    )
    await page.goto("http://tianfu.invalid/")
    await page.evaluate("listen()")
    await page.wait_for_function("window.ear")
    return page
