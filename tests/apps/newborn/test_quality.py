"""The operator's page and its alerts: a real store, real accounts, a real media server that can be stopped."""

from __future__ import annotations

import re
import socket
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

import pytest
from playwright.async_api import async_playwright
from structlog.testing import capture_logs

from tests.apps.newborn.test_nurse_pages import Tablet
from tests.apps.newborn.ward import QIN, UNIT, WARD, MadeWard, made_ward
from tests.apps.newborn.window import served
from tests.journeys.conftest import AXE, CHROMIUM, CHROMIUM_ARGUMENTS, PICTURES
from tests.pictures import take_picture_of
from tests.services.accounts.conftest import House, Telephone, Time, house_of, unit
from tests.services.realtime.made import camera, viewer
from tests.services.realtime.running import embedded
from tests.trails import auditor_of, close_trails
from tests.web.letting_in import MemoryBuckets, NothingToTell
from tianfu.access.organisations import OrganisationTree
from tianfu.apps.newborn.actions.draw_curtain import draw_curtain
from tianfu.apps.newborn.actions.open_curtain import open_curtain
from tianfu.apps.newborn.alerting import look
from tianfu.apps.newborn.model.alerts import rule
from tianfu.apps.newborn.ports import Nursery
from tianfu.apps.newborn.quality_ports import Observatory
from tianfu.apps.newborn.quality_routes import news_of_quality
from tianfu.apps.newborn.routes import newborn
from tianfu.db import Addresses, Database, Query
from tianfu.kernel.instants import DAY, SECOND, Instant
from tianfu.records.organisations import Organisations
from tianfu.records.seals import Seals
from tianfu.services.accounts.model.people import SignedIn
from tianfu.services.accounts.store import THE_OPERATOR, Post
from tianfu.services.booking.claims import Claims
from tianfu.services.booking.interpreters import Interpreters
from tianfu.services.booking.places import Places
from tianfu.services.booking.stations import Stations
from tianfu.services.booking.wordings import Wordings
from tianfu.services.limits.limiter import Limiter
from tianfu.services.limits.limits import load_limits
from tianfu.services.realtime.cameras.registry import Cameras, Health, State
from tianfu.services.realtime.cameras.registry import Kind as CameraKind
from tianfu.services.realtime.port import Quality
from tianfu.services.realtime.quality import QualityBook
from tianfu.services.realtime.viewers import Arrival, Viewers
from tianfu.web.callers import Callers, PeopleCallers
from tianfu.web.site import Doorkeeping, SiteSettings, build_site

pytestmark = pytest.mark.anyio

FAR = "unit-far"
TREE = OrganisationTree([unit(UNIT, None), unit(FAR, None)])
OURS, ELSEWHERES, NURSE = "H530001", "H530002", "H530003"
PEOPLE = {OURS: ("administrator", UNIT, None), ELSEWHERES: ("administrator", FAR, None), NURSE: ("nurse", UNIT, "qin")}
QUALITY = "/newborn/quality"
MADE_UP = ("演示之子7", "W0007", "mother-7", "baby-7", "2026-11-17")
"""Name, number and ids of a family that no page or table of quality may hold."""


@dataclass
class Desk:
    """An installation with a bed and its camera, and who looks after it."""

    ward: MadeWard
    accounts: House
    observatory: Observatory
    cameras: Cameras
    viewers: Viewers
    site: Any
    secrets: dict[str, bytes]

    @property
    def now(self) -> Instant:
        return self.ward.clock()

    def pass_(self, seconds: float) -> None:
        cast("Time", self.ward.clock).pass_(seconds)

    async def sits(self, number: str) -> Tablet:
        self.accounts.device = ""
        return Tablet(self.site, await self.accounts.with_both(self.secrets[number], number))

    async def signed_in(self, number: str) -> SignedIn:
        entered = (await self.sits(number)).entered
        return await self.accounts.accounts.sessions.look_up(entered.secret, entered.device)

    async def look(self) -> None:
        """A look that is nobody else's turn."""
        self.pass_(rule().look_seconds)
        assert await look(self.observatory)

    async def kinds(self) -> list[str]:
        return [each.kind for each in await self.observatory.book.standing()]

    async def camera_is(self, state: State, reason: str, *, since: Instant) -> None:
        told = Health(
            camera="camera-7",
            state=state,
            reason=reason,
            since=since,
            packet_at=since,
            pictures_per_second=25.0,
            group_seconds=1.0,
            reconnects=0,
        )
        await self.cameras.tell([told])

    async def arrived(self, count: int, *, join_ms: int = 400, lost_permille: int = 0, shows: str = "full") -> None:
        for each in range(count):
            arrival = Arrival(
                join_ms=join_ms + each, freezes=0, frozen_ms=0, lost_permille=lost_permille, rtt_ms=40, shows=shows
            )
            await self.viewers.arrives("visit-7", f"p{each}", arrival, at=self.now)


@pytest.fixture
async def desk(database: Database, addresses: Addresses) -> AsyncIterator[Desk]:
    clock = Time()
    house = await house_of(database, addresses, clock, Telephone())
    secrets = {}
    for number, (role, organisation, practitioner) in PEOPLE.items():
        post = Post(organisation=organisation, role=role, practitioner=practitioner)
        people = house.accounts.people
        account, _ = await people.join_staff(THE_OPERATOR, name="Demo", number=number, post=post, tree=TREE)
        await house.set_password(account)
        secrets[number] = await house.authenticator(account)
    async with embedded() as running, made_ward(database, running, clock) as ward:
        cameras = Cameras(database, Seals(house.keyring), auditor=await auditor_of(database), clock=clock)
        observatory = Observatory(
            house=ward.house, book=QualityBook(database), cameras=cameras, trees=Organisations(database)
        )
        accounts = house.accounts
        limiter = Limiter(MemoryBuckets(), load_limits(None), monotonic=time.monotonic)
        callers = PeopleCallers(accounts.sessions, accounts.signing_in, limiter, NothingToTell(), is_production=False)
        nursery = Nursery(
            store=ward.store,
            places=Places(database, clock),
            claims=Claims(database, house.keyring, accounts, await auditor_of(database), clock),
            interpreters=Interpreters(database, house.keyring, accounts, await auditor_of(database), clock),
            wordings=Wordings(database, await auditor_of(database), clock),
            stations=Stations(database, house.keyring, await auditor_of(database), clock),
            clock=clock,
        )
        site = build_site(
            apps=[newborn(nursery, None, observatory=observatory)],
            settings=SiteSettings(seal_key=b"k" * 32, is_demonstration=False, is_production=False),
            doorkeeping=Doorkeeping(callers=cast("Callers", callers), limiter=limiter),
            clock=clock,
        )
        # The camera lives in this process: while the site is built it gives no sign, and a busy machine misses it.
        lens = await camera(running.port, "camera-7")
        await ward.bed(7)
        keeper = ward.keeper()
        await keeper.tick()
        await keeper.listening.hear()
        await ward.arm(7)
        await cameras.add("camera-7", CameraKind.CART, None)
        viewers = Viewers(database, b"s" * 32)
        yield Desk(ward, house, observatory, cameras, viewers, site, secrets)
        await lens.peer.close()
    house.accounts.passwords.close()
    close_trails()


async def keeper_stays(desk: Desk) -> None:
    """The keeper has its place by the database's clock, which a test cannot turn."""
    assert await desk.ward.house.rooms.take_keeping("one", lasts_seconds=3_600)


async def test_a_camera_away_in_a_visit_s_slot_is_an_alert_from_a_minute_on_until_it_is_back(desk: Desk) -> None:
    await keeper_stays(desk)
    gone = desk.now
    await desk.camera_is(State.AWAY, "camera-away", since=gone)
    await desk.look()
    assert await desk.kinds() == []
    desk.pass_(60)
    await desk.camera_is(State.AWAY, "camera-away", since=gone)
    with capture_logs() as said:
        await desk.look()
        await desk.look()
    assert await desk.kinds() == ["camera-away"]
    assert [each["event"] for each in said] == ["quality_alert_began"], "told once, however often it is seen"
    page = (await (await desk.sits(OURS)).get(QUALITY)).text
    assert "Camera away during a visit" in page
    assert "B07" in page
    await desk.camera_is(State.HEALTHY, "", since=desk.now)
    with capture_logs() as said:
        await desk.look()
        await desk.look()
    assert await desk.kinds() == []
    assert [each["event"] for each in said] == ["quality_alert_ended"]


async def test_of_workers_that_look_at_the_same_time_one_looks(desk: Desk) -> None:
    assert await look(desk.observatory)
    assert not await look(desk.observatory)
    desk.pass_(rule().look_seconds)
    assert await look(desk.observatory)


async def test_a_media_server_that_is_gone_and_a_keeper_that_is_silent_are_alerts(desk: Desk) -> None:
    await keeper_stays(desk)
    await desk.look()
    assert await desk.kinds() == []
    page = (await (await desk.sits(OURS)).get(QUALITY)).text
    assert "Rooms shielded</th><td>1<" in page
    await desk.ward.running.kill()
    await desk.ward.house.rooms.leave_keeping("one")
    for _ in range(3):
        await desk.look()
    assert set(await desk.kinds()) == {"media-down", "keeper-silent"}
    page = (await (await desk.sits(OURS)).get(QUALITY)).text
    assert "Media server down" in page
    assert "last heard" in page
    told = await news_of_quality(desk.observatory, "place.newborn-quality", await desk.signed_in(OURS))
    assert [(each.says, each.count) for each in told] == [("quality.news", 2)]


async def test_slow_joins_and_losses_are_alerts_and_stand_in_the_figures(desk: Desk) -> None:
    await keeper_stays(desk)
    await desk.arrived(20, join_ms=1_500, lost_permille=80, shows="reduced")
    await desk.look()
    assert set(await desk.kinds()) == {"join-slow", "loss-high"}
    [figures] = await desk.observatory.book.figures(since=Instant(desk.now - DAY))
    assert (figures.ward, figures.visits, figures.rows) == (WARD, 1, 20)
    assert (figures.join_ms_p50, figures.join_ms_p95) == (1_509, 1_518)
    assert figures.lost == pytest.approx(0.08)
    assert (figures.reduced, figures.sound_only) == (1.0, 0.0)
    page = (await (await desk.sits(OURS)).get(QUALITY)).text
    assert "1518 ms" in page
    assert "8.0%" in page
    assert "100.0%" in page


async def test_what_each_viewer_is_sent_now_stands_beside_his_visit(desk: Desk) -> None:
    await keeper_stays(desk)
    await open_curtain(desk.ward.house, QIN, "visit-7", now=desk.now)
    mother = await viewer(desk.ward.running.port, "visit-7", "somebody")
    page = (await (await desk.sits(OURS)).get(QUALITY)).text
    [row] = re.findall(r'<tr><th scope="row">B07</th>(?:(?!</tr>).)*visit-7</td></tr>', page)
    assert "Full picture" in row
    stats = await desk.ward.running.port.stats()

    async def said() -> Sequence[Quality]:
        return [replace(each, level="stills", lost_fraction=0.25, round_trip_ms=80.4) for each in stats]

    desk.ward.running.port.stats = said  # type: ignore[method-assign]  # a poor network takes its time
    page = (await (await desk.sits(OURS)).get(QUALITY)).text
    [row] = re.findall(r'<tr><th scope="row">B07</th>(?:(?!</tr>).)*visit-7</td></tr>', page)
    assert all(each in row for each in ("Stills", "25.0%", "80 ms", "<td>—</td>")), "no page told yet how old it is"
    numbers = Arrival(join_ms=1, freezes=0, frozen_ms=0, lost_permille=0, rtt_ms=40, shows="full", delay_ms=183)
    await desk.viewers.arrives("visit-7", "somebody", numbers, at=desk.now)
    no_picture = replace(numbers, shows="sound", delay_ms=None)
    await desk.viewers.arrives("visit-7", "somebody", no_picture, at=Instant(desk.now + 1))
    page = (await (await desk.sits(OURS)).get(QUALITY)).text
    [row] = re.findall(r'<tr><th scope="row">B07</th>(?:(?!</tr>).)*visit-7</td></tr>', page)
    assert "183 ms" in row
    assert page.count("183 ms") == 3, "the median of today and of the week, too: what nobody measured is not in it"
    assert "visit-7" not in (await (await desk.sits(ELSEWHERES)).get(QUALITY)).text
    await draw_curtain(desk.ward.house, QIN, "visit-7", "feeding", now=desk.now)
    assert "Nobody watches an open picture now" in (await (await desk.sits(OURS)).get(QUALITY)).text
    await mother.peer.close()


async def test_an_alert_is_noted_and_the_note_is_taken_back(desk: Desk) -> None:
    await desk.arrived(6, lost_permille=500)
    await desk.look()
    [alert] = [each for each in await desk.observatory.book.standing() if each.kind == "loss-high"]
    ours = await desk.sits(OURS)
    assert (await ours.post(f"{QUALITY}/alerts/{alert.id}/note", note=" ")).status_code == 422
    answer = await ours.post(f"{QUALITY}/alerts/{alert.id}/note", note="cable is being changed")
    assert answer.headers["location"].endswith("done=noted")
    assert "cable is being changed" in (await ours.get(QUALITY)).text
    answer = await ours.post(f"{QUALITY}/alerts/{alert.id}/note/back")
    assert answer.headers["location"].endswith("done=taken-back")
    assert "cable is being changed" not in (await ours.get(QUALITY)).text
    elsewhere = await desk.sits(ELSEWHERES)
    for path in ("note", "note/back"):
        answer = await elsewhere.post(f"{QUALITY}/alerts/{alert.id}/{path}", note="not mine")
        assert answer.status_code == 404
    [untouched] = [each for each in await desk.observatory.book.standing() if each.id == alert.id]
    assert (untouched.noted_at, untouched.note) == (None, "")


async def test_no_made_up_name_or_number_is_on_the_page_or_in_the_tables(desk: Desk) -> None:
    await keeper_stays(desk)
    await desk.arrived(20, join_ms=1_500, lost_permille=80)
    await desk.camera_is(State.AWAY, "camera-no-picture", since=desk.now)
    desk.pass_(61)
    await desk.camera_is(State.AWAY, "camera-no-picture", since=Instant(desk.now - 61 * SECOND))
    await desk.look()
    page = (await (await desk.sits(OURS)).get(QUALITY)).text
    assert "visit-7" in page
    assert "新生儿二病区" in page
    tables = ("visit_quality", "quality_alert", "quality_look", "media_life")
    held = []
    async with desk.ward.database.connection("owner") as owner:
        for table in tables:
            held += await owner.all(Query.composed(f"all_of_{table}", f"select {table}::text from {table}"))  # noqa: S608 - a name of ours
    assert len(held) > 20
    for hidden in MADE_UP:
        assert hidden not in page, hidden
        assert all(hidden not in row[0] for row in held), hidden


async def test_an_administrator_sees_nothing_of_wards_of_others_and_a_nurse_no_page(desk: Desk) -> None:
    await keeper_stays(desk)
    await desk.arrived(20, join_ms=1_500, lost_permille=80)
    await desk.look()
    page = (await (await desk.sits(ELSEWHERES)).get(QUALITY)).text
    assert "Media server" in page
    for hidden in ("新生儿二病区", "B07", "visit-7", "Too much is lost"):
        assert hidden not in page, hidden
    assert (await (await desk.sits(NURSE)).get(QUALITY)).status_code == 404


async def test_the_page_refreshes_by_itself_but_not_while_somebody_types(desk: Desk) -> None:
    ours = await desk.sits(OURS)
    assert (await ours.get(QUALITY)).headers["refresh"].startswith("15;")
    assert "refresh" not in (await ours.get(f"{QUALITY}?still=1")).headers
    assert "refresh" not in (await ours.get(f"{QUALITY}?note=x")).headers


async def test_what_is_over_is_forgotten_after_the_days_of_the_rule(desk: Desk) -> None:
    book = desk.observatory.book
    await keeper_stays(desk)
    await desk.arrived(6, lost_permille=500)
    await desk.look()
    assert await desk.kinds() == ["loss-high"]
    desk.pass_(rule().loss_seconds + 1)
    await desk.look()
    assert len(await book.ended_since(Instant(0))) == 1
    desk.pass_(rule().keep_days * 86_400 + 60)
    await desk.look()
    assert await book.ended_since(Instant(0)) == []


@pytest.mark.parametrize("language", ["zh-CN", "en"])
async def test_the_page_is_read_by_everybody_on_a_telephone_and_at_a_desk(desk: Desk, language: str) -> None:
    await open_curtain(desk.ward.house, QIN, "visit-7", now=desk.now)
    mother = await viewer(desk.ward.running.port, "visit-7", "somebody")
    await desk.arrived(20, join_ms=1_500, lost_permille=80)
    gone = desk.now
    desk.pass_(61)
    await desk.camera_is(State.AWAY, "camera-no-picture", since=gone)
    await desk.look()
    ours = await desk.sits(OURS)
    alert = next(each for each in await desk.observatory.book.standing() if each.kind == "camera-away")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    async with served(desk.site, port), async_playwright() as playwright:
        chromium = await playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_ARGUMENTS)
        context = await chromium.new_context(locale=language, extra_http_headers={"accept-language": language})
        cookies = {"session": ours.entered.secret, "device": ours.entered.device}
        here = f"http://127.0.0.1:{port}"
        await context.add_cookies([{"name": name, "value": value, "url": here} for name, value in cookies.items()])
        page = await context.new_page()
        for name, query in (("live", "still=1"), ("note", f"note={alert.id}")):
            answer = await page.goto(f"{here}{QUALITY}?{query}")
            assert answer is not None
            assert answer.status == 200
            assert "visit-7" in await page.inner_text("[data-part=watching]")
            await page.evaluate(AXE.read_text(encoding="utf-8"))
            PICTURES.mkdir(parents=True, exist_ok=True)
            for width in (1440, 320):
                await page.set_viewport_size({"width": width, "height": 844})
                found = await page.evaluate("axe.run(document, {resultTypes: ['violations']})")
                assert [(each["id"], each["nodes"][0]["html"][:120]) for each in found["violations"]] == []
                assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
                await take_picture_of(page, PICTURES / f"newborn-quality-{name}-{language}-{width}.png", full_page=True)
        await page.fill("#note", "the ward looks at the plug")
        await page.press("#note", "Enter")
        await page.wait_for_url("**/quality?done=noted")
        assert "the ward looks at the plug" in await page.inner_text("[data-part=alerts]")
        await chromium.close()
    await mother.peer.close()
