"""A nurse's pages over HTTP: a real store, real accounts, a real media server."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, cast

import httpx
import pytest

from tests.apps.newborn.ward import UNIT, WARD, MadeWard, made_ward
from tests.services.accounts.conftest import PASSWORD, House, Telephone, Time, house_of, unit
from tests.services.realtime.made import Client, camera, until, viewer
from tests.services.realtime.running import embedded
from tests.trails import auditor_of, close_trails
from tests.web.conftest import made_up_assets
from tests.web.letting_in import MemoryBuckets, NothingToTell
from tianfu.access.organisations import OrganisationTree
from tianfu.access.purpose import Purpose
from tianfu.apps.newborn.actions.keep_cameras import CameraDesk
from tianfu.apps.newborn.actions.keep_slots import look_at_slots
from tianfu.apps.newborn.live.keeper import Keeper
from tianfu.apps.newborn.live.standing import read, written
from tianfu.apps.newborn.mapping.codes import VISITS
from tianfu.apps.newborn.mapping.visits import Booked
from tianfu.apps.newborn.model.calls import Question, read_call
from tianfu.apps.newborn.model.visit import State
from tianfu.apps.newborn.model.windows import MINUTE, Policy, told
from tianfu.apps.newborn.nurse_routes import Bedsides
from tianfu.apps.newborn.ports import Nursery
from tianfu.apps.newborn.queries.desk import read_report
from tianfu.apps.newborn.routes import newborn
from tianfu.db import Addresses, Database
from tianfu.kernel.instants import china_date, day_start
from tianfu.kernel.refusal import Refusal
from tianfu.records.seals import Seals
from tianfu.services.accounts.second_person import SecondPerson
from tianfu.services.accounts.signing_in import Entered
from tianfu.services.accounts.store import THE_OPERATOR, Post
from tianfu.services.accounts.totp import code_at
from tianfu.services.booking.claims import Claims
from tianfu.services.booking.interpreters import Interpreters
from tianfu.services.booking.places import Places
from tianfu.services.booking.stations import Stations
from tianfu.services.booking.wordings import Wordings
from tianfu.services.limits.limiter import Limiter
from tianfu.services.limits.limits import load_limits
from tianfu.services.realtime.cameras.registry import Cameras, Kind
from tianfu.services.realtime.cameras.source import read_source
from tianfu.web.callers import Callers, PeopleCallers
from tianfu.web.site import Doorkeeping, SiteSettings, build_site

pytestmark = pytest.mark.anyio

FAR = "unit-far"
TREE = OrganisationTree([unit(UNIT, None), unit(FAR, None)])
QIN, XIANG, DOCTOR, STRANGER, HEAD = "H510001", "H510002", "H510003", "H510004", "H510005"
PEOPLE = {
    QIN: ("qin", "nurse", UNIT),
    XIANG: ("xiang", "nurse", UNIT),
    DOCTOR: ("he", "doctor", UNIT),
    STRANGER: ("far", "nurse", FAR),
    HEAD: ("head", "nurse", UNIT),
}


@dataclass
class Tablet:
    """Somebody of the staff at a browser; each request is as a browser without a script sends it."""

    site: Any
    entered: Entered
    language: str = "en"

    async def get(self, path: str) -> httpx.Response:
        return await self._sent("GET", path, None)

    async def post(self, path: str, **fields: str) -> httpx.Response:
        return await self._sent("POST", path, fields)

    async def _sent(self, method: str, path: str, data: dict[str, str] | None) -> httpx.Response:
        headers = {
            "sec-fetch-site": "same-origin",
            "accept-language": self.language,
            "cookie": f"session={self.entered.secret}; device={self.entered.device}",
        }
        transport = httpx.ASGITransport(cast("Any", self.site))
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            return await client.request(method, path, data=data, headers=headers)


@dataclass
class Place:
    """A ward with a bed whose camera is there, its keeper, and its staff."""

    ward: MadeWard
    house: House
    site: Any
    keeper: Keeper
    secrets: dict[str, bytes]
    nursery: Nursery
    cameras: Cameras
    lens: Client

    async def tablet(self, number: str) -> Tablet:
        self.house.device = ""
        return Tablet(self.site, await self.house.with_both(self.secrets[number], number))

    def code(self, number: str) -> str:
        """What somebody's authenticator shows, a step later than any code before."""
        self.house.time.pass_(30)
        return code_at(self.secrets[number], self.house.time.now)

    async def armed(self) -> Tablet:
        """The nurse's tablet at a bed that two people checked."""
        qin, xiang = await self.tablet(QIN), await self.tablet(XIANG)
        await scanned(qin)
        assert (await xiang.post("/newborn/visits/visit-7/confirm")).headers["location"].endswith("done=armed")
        return qin


async def scanned(tablet: Tablet) -> None:
    for field, code in (("wristband", "W0007"), ("bed", "B07"), ("camera", "C07")):
        answer = await tablet.post("/newborn/visits/visit-7/scan", **{field: code})
        assert answer.headers.get("location", "").endswith("done=scanned"), answer.text


@pytest.fixture
async def place(database: Database, addresses: Addresses) -> AsyncIterator[Place]:
    clock = Time()
    house = await house_of(database, addresses, clock, Telephone())
    secrets = {}
    for number, (practitioner, role, organisation) in PEOPLE.items():
        title = "护士长" if number == HEAD else None
        post = Post(organisation=organisation, role=role, practitioner=practitioner, title=title)
        account, _ = await house.accounts.people.join_staff(
            THE_OPERATOR, name="Demo", number=number, post=post, tree=TREE
        )
        await house.set_password(account)
        secrets[number] = await house.authenticator(account)
    async with embedded() as running, made_ward(database, running, clock) as ward:
        limiter = Limiter(MemoryBuckets(), load_limits(None), monotonic=time.monotonic)
        accounts = house.accounts
        people = PeopleCallers(accounts.sessions, accounts.signing_in, limiter, NothingToTell(), is_production=False)
        nursery = Nursery(
            store=ward.store,
            places=Places(database, clock),
            claims=Claims(database, house.keyring, accounts, await auditor_of(database), clock),
            interpreters=Interpreters(database, house.keyring, accounts, await auditor_of(database), clock),
            wordings=Wordings(database, await auditor_of(database), clock),
            stations=Stations(database, house.keyring, await auditor_of(database), clock),
            clock=clock,
        )
        cameras = Cameras(database, Seals(house.keyring), auditor=await auditor_of(database), clock=clock)
        bedsides = Bedsides(
            house=ward.house,
            colleagues=SecondPerson(accounts.signing_in),
            nursery=nursery,
            cameras=cameras,
        )
        site = build_site(
            apps=[newborn(nursery, bedsides, cameras=CameraDesk(house=ward.house, store=ward.store, cameras=cameras))],
            settings=SiteSettings(seal_key=b"k" * 32, is_demonstration=False, is_production=False),
            doorkeeping=Doorkeeping(callers=cast("Callers", people), limiter=limiter),
            clock=clock,
            assets=made_up_assets(),
        )
        # The camera lives in this process: while the site is built it gives no sign, and a busy machine misses it.
        lens = await camera(running.port, "camera-7")
        await ward.bed(7)
        keeper = ward.keeper()
        await keeper.tick()
        await keeper.listening.hear()
        yield Place(ward, house, site, keeper, secrets, nursery, cameras, lens)
        await lens.peer.close()
    house.accounts.passwords.close()
    close_trails()


async def test_a_round_shows_the_ward_by_bed_and_time(place: Place) -> None:
    qin = await place.tablet(QIN)
    page = (await qin.get("/newborn/round")).text
    assert "演示之子7" in page
    assert "waiting for the check" in page
    assert "W0007" not in page
    assert "/newborn/visits/visit-7" in page


async def test_scans_a_second_person_on_her_own_device_and_a_touch_open_the_curtain(place: Place) -> None:
    qin = await place.armed()
    assert await place.ward.state(7) is State.ARMED
    assert (await qin.post("/newborn/visits/visit-7/open")).headers["location"].endswith("done=opened")
    assert await place.ward.state(7) is State.LIVE
    assert "data-here=" in (await qin.get("/newborn/visits/visit-7")).text
    assert (await qin.post("/newborn/visits/visit-7/here")).status_code == 204
    assert (await qin.post("/newborn/visits/visit-7/shield", reason="feeding")).status_code == 303
    assert await place.ward.state(7) is State.SHIELDED
    assert "feeding" in (await qin.get("/newborn/visits/visit-7")).text


async def test_nothing_that_a_nurse_or_her_pages_do_uses_up_what_draws_the_curtain(place: Place) -> None:
    qin, bed = await place.armed(), "/newborn/visits/visit-7"
    await qin.post(f"{bed}/open")
    for path in ("/newborn/round/here", f"{bed}/here", f"{bed}/decline"):
        for _ in range(1_000):
            if (await qin.post(path)).status_code == 429:
                break
        else:
            raise AssertionError(path)
    assert (await qin.post(f"{bed}/sound", sound="ward-off")).status_code == 429
    assert (await qin.post(f"{bed}/shield", reason="feeding")).status_code == 303
    assert await place.ward.state(7) is State.SHIELDED
    for path in (f"{bed}/camera-moved", "/newborn/ward/ward-n2/hold", f"{bed}/end"):
        assert (await qin.post(path)).status_code != 429, path


async def test_the_wards_sound_is_off_until_a_nurse_turns_it_on_and_again_after_the_media_server_began_anew(
    place: Place,
) -> None:
    qin, bed = await place.armed(), "/newborn/visits/visit-7"
    assert "Sound of the ward: <b>off</b>" in (await qin.get(bed)).text
    mother = await viewer(place.ward.running.port, "visit-7", "mother")
    await qin.post(f"{bed}/open")
    place.lens.send_sound("ward", b"w", range(5))
    assert (await qin.post(f"{bed}/sound", sound="ward-on")).headers["location"].endswith("done=ward-on")
    assert "Sound of the ward: <b>on</b>" in (await qin.get(f"{bed}?done=ward-on")).text
    place.lens.send_sound("ward", b"x", range(5, 10))
    await until(lambda: len(mother.sounds("ward")) == 5)
    assert set(mother.sounds("ward")) == {b"x"}
    assert (await qin.post(f"{bed}/sound", sound="family-off")).headers["location"].endswith("done=family-off")
    await place.ward.running.kill()
    place.ward.running.port.hang_up()
    assert (await qin.post(f"{bed}/sound", sound="ward-on")).status_code == 503
    await place.ward.running.start()
    place.keeper.lease_now()
    await place.keeper.tick()
    page = (await qin.get(bed)).text
    assert "Sound of the ward: <b>off</b>" in page
    assert "Voice of the family: <b>off</b>" in page
    assert (await qin.post(f"{bed}/sound", sound="everything")).status_code == 404
    told = [each[0] for each in await place.ward.trail("hear-ward", "silence-family")]
    assert told == ["hear-ward", "silence-family"]
    await mother.peer.close()


async def test_a_camera_that_is_moved_by_hand_draws_at_one_touch_and_needs_all_checks_again(place: Place) -> None:
    xiang, bed = await place.tablet(XIANG), "/newborn/visits/visit-7"
    qin = await place.armed()
    await qin.post(f"{bed}/open")
    for field, code in (("wristband", "W0007"), ("bed", "B07"), ("camera", "C07")):
        await qin.post(f"{bed}/scan", **{field: code})  # what was scanned before the touch counts for nothing after it
    place.house.time.pass_(1)
    assert (await qin.post(f"{bed}/camera-moved")).headers["location"].endswith("done=camera-moved")
    standing = await place.ward.standing(7)
    assert (standing.visit.state, standing.visit.reason) == (State.SHIELDED, "camera-adjusted")
    assert await place.ward.house.rooms.scans("visit-7") == []
    assert (await qin.post(f"{bed}/open")).status_code >= 400
    assert (await xiang.post(f"{bed}/confirm")).status_code >= 400
    await place.keeper.tick()
    page = (await qin.get(f"{bed}?done=camera-moved")).text
    assert "Check the bed again" in page
    assert 'data-part="check"' in page
    assert (await qin.post(f"{bed}/camera-moved", reason="better-view")).headers["location"].endswith("camera-moved")
    assert 'value="better-view" aria-pressed="true"' in (await qin.get(bed)).text
    for _ in range(4):  # longer than any fault may last: a hand needs its time
        place.house.time.pass_(20)
        await qin.post(f"{bed}/here")
        await place.keeper.tick()
    await scanned(qin)
    confirmed = await xiang.post(f"{bed}/confirm")
    assert confirmed.headers.get("location", "").endswith("done=armed"), confirmed.text
    assert await place.ward.state(7) is State.SHIELDED
    assert (await qin.post(f"{bed}/open")).headers["location"].endswith("done=opened")
    await place.keeper.write_down()
    [first, second] = (await place.ward.standing(7)).bindings
    statement = await place.ward.read("DeviceUseStatement", f"visit-7-{first.binding.scanned_at}")
    [note] = statement["note"]
    assert note["authorReference"] == {"reference": "Practitioner/qin"}
    assert note["text"] == "camera-adjusted: better-view"
    assert (statement["status"], second.moved) == ("completed", None)
    told = [row[:2] for row in await place.ward.trail("move-camera")]
    assert told == [("move-camera", "success")] * 2


async def test_a_camera_that_is_moved_while_the_media_server_is_away_binds_nothing_all_the_same(place: Place) -> None:
    qin = await place.armed()
    await qin.post("/newborn/visits/visit-7/open")
    await place.ward.running.kill()
    place.ward.running.port.hang_up()
    answer = await qin.post("/newborn/visits/visit-7/camera-moved")
    assert answer.status_code == 503
    assert (await place.ward.standing(7)).visit.is_adjusted
    await place.ward.running.start()


async def test_a_family_s_call_is_seen_from_the_round_and_answered_at_a_touch_or_in_words(place: Place) -> None:
    qin, bed = await place.armed(), "/newborn/visits/visit-7"
    assert (await qin.post(f"{bed}/here")).headers["tianfu-calls"] == ""
    assert (await qin.post(f"{bed}/answer", answer="coming")).status_code >= 400
    first = await called(place, Question.CANNOT_SEE)
    assert (await qin.post("/newborn/round/here")).headers["tianfu-calls"] == "visit-7"
    assert "family calls" in (await qin.get("/newborn/round")).text
    page = (await qin.get(bed)).text
    assert "Cannot see the baby well" in page
    assert "Answer by voice" not in page, "nobody hears a voice behind the curtain"
    assert page.count(f'name="call" value="{first}"') == 2
    for wrong in ({"answer": "voice"}, {"answer": "written"}, {"answer": "x"}):
        assert (await qin.post(f"{bed}/answer", call=first, **wrong)).status_code >= 400, wrong
    assert (await (await place.tablet(DOCTOR)).post(f"{bed}/answer", call=first, answer="coming")).status_code == 404
    done = await qin.post(f"{bed}/answer", call=first, answer="written", said="I bring her nearer.")
    assert done.headers["location"].endswith("done=answered")
    assert (await qin.post(f"{bed}/here")).headers["tianfu-calls"] == ""
    standing = await place.ward.standing(7)
    assert standing.call is not None
    assert (standing.call.said, standing.call.by) == ("I bring her nearer.", "qin")
    answer = await place.ward.read("Communication", f"visit-7-a-{standing.call.at}")
    assert answer["sender"] == {"reference": "Practitioner/qin"}
    assert answer["payload"][1] == {"contentString": "I bring her nearer."}
    place.house.time.pass_(1)
    second = await called(place, Question.TALK)
    for seen in ({"call": first}, {}):  # the page was loaded before the family called again
        refused = await qin.post(f"{bed}/answer", answer="coming", **seen)
        assert "has been answered already" in refused.text
        assert f'name="call" value="{second}"' in refused.text
    assert (await place.ward.standing(7)).is_calling
    assert [row[:2] for row in await place.ward.trail("answer-family")] == [("answer-family", "success")]


async def test_an_answer_by_voice_lets_the_family_hear_the_ward(place: Place) -> None:
    qin, bed = await place.armed(), "/newborn/visits/visit-7"
    await qin.post(f"{bed}/open")
    seen = await called(place, Question.TALK)
    assert "Answer by voice" in (await qin.get(bed)).text
    assert (await qin.post(f"{bed}/answer", call=seen, answer="voice")).headers["location"].endswith("done=answered")
    assert (await place.ward.standing(7)).is_ward_heard


@pytest.mark.parametrize(
    ("language", "words"), [("en", "The booking of this visit is gone"), ("zh-CN", "预约已不存在")]
)
async def test_a_visit_whose_booking_is_gone_says_so_at_the_bed_and_leads_back_to_the_round(
    place: Place, language: str, words: str
) -> None:
    qin, bed = await place.armed(), "/newborn/visits/visit-7"
    qin.language = language
    await qin.post(f"{bed}/open")
    await place.ward.store.delete(VISITS, Purpose.TREATMENT, "Appointment", "visit-7")
    before = await qin.get(bed)
    assert (before.status_code, words in before.text) == (410, True)
    assert f'action="{bed}/shield"' in before.text, "until the keeper has looked the curtain is in reach"
    drawn = await qin.post(f"{bed}/shield")
    assert (await place.ward.standing(7)).visit.state is State.SHIELDED
    await place.keeper.tick()
    assert await place.ward.state(7) is State.ABORTED
    for page in (await qin.get(drawn.headers["location"]), await qin.post(f"{bed}/end")):
        assert (page.status_code, words in page.text) == (410, True)
        assert 'class="btn main wide" href="/newborn/round"' in page.text
        assert "演示之子7" not in page.text
        assert f"{bed}/shield" not in page.text
    assert (await (await place.tablet(STRANGER)).get(bed)).status_code == 404


async def called(place: Place, question: Question) -> str:
    """The name of the family's call as it is kept; that it comes from the family's page is tried in a browser."""
    async with place.ward.house.rooms.changing("visit-7") as changing:
        room, standing = changing.room, read(changing.room.state)
        call = read_call(question.value, "", before=standing.call, calls=standing.calls, now=place.house.time.now)
        after = written(replace(standing, call=call, calls=1))
        await changing.put(after, camera=room.camera, is_over=False, is_seen=False, at=room.changed_at)
    return call.name


async def test_a_second_person_proves_herself_at_the_same_tablet_and_no_session_stays(place: Place) -> None:
    qin = await place.tablet(QIN)
    await scanned(qin)
    assert (
        '<span class="clock">2:00</span>' in (await qin.get("/newborn/visits/visit-7")).text
    )  # in no language's letters
    before = await place.house.rows("select count(*) from session where ended_at is null")
    wrong = await qin.post(
        "/newborn/visits/visit-7/confirm-here", number=XIANG, password="not hers at all", code=place.code(XIANG)
    )
    assert wrong.status_code >= 400
    assert await place.ward.house.rooms.find("visit-7") is None
    for number in (QIN, STRANGER):
        again = await qin.post(
            "/newborn/visits/visit-7/confirm-here", number=number, password=PASSWORD, code=place.code(number)
        )
        assert again.status_code >= 400
        assert await place.ward.house.rooms.find("visit-7") is None
    done = await qin.post(
        "/newborn/visits/visit-7/confirm-here", number=XIANG, password=PASSWORD, code=place.code(XIANG)
    )
    assert done.headers.get("location", "").endswith("done=armed"), done.text
    assert await place.ward.state(7) is State.ARMED
    assert await place.house.rows("select count(*) from session where ended_at is null") == before


async def test_a_doctor_of_the_unit_is_the_second_person_by_her_own_session(place: Place) -> None:
    qin, doctor, bed = await place.tablet(QIN), await place.tablet(DOCTOR), "/newborn/visits/visit-7"
    assert f"{bed}/confirm" not in (await doctor.get(bed)).text, "nothing is scanned yet"
    assert (await doctor.post(f"{bed}/confirm")).status_code >= 400
    assert await place.ward.house.rooms.find("visit-7") is None
    await scanned(qin)
    page = (await doctor.get(bed)).text
    assert f'action="{bed}/confirm"' in page
    assert "bed 07 yourself" in page
    assert "data-scan" not in page, "she scans nothing"
    assert (await doctor.post(f"{bed}/confirm")).headers["location"].endswith("done=armed")
    assert await place.ward.state(7) is State.ARMED
    assert f"{bed}/confirm" not in (await doctor.get(bed)).text


async def test_codes_that_are_sent_together_bind_nothing(place: Place) -> None:
    qin = await place.tablet(QIN)
    answer = await qin.post("/newborn/visits/visit-7/scan", wristband="W0007", bed="B07", camera="C07")
    assert answer.status_code >= 400
    assert await place.ward.house.rooms.scans("visit-7") == []


async def test_another_units_nurse_finds_no_visit_and_an_empty_round(place: Place) -> None:
    stranger = await place.tablet(STRANGER)
    assert "演示之子7" not in (await stranger.get("/newborn/round")).text
    deeds = "scan confirm confirm-here open shield end decline here notes camera-moved answer"
    for path in deeds.split():
        answer = await stranger.post(f"/newborn/visits/visit-7/{path}", reason="ward-is-busy", bed="B07", text="x")
        assert answer.status_code == 404, path
    assert (await stranger.get("/newborn/visits/visit-7")).status_code == 404
    assert (await stranger.post("/newborn/ward/ward-n2/hold")).status_code == 404
    assert (await stranger.post("/newborn/ward/ward-n2/release")).status_code == 404


async def test_a_doctor_draws_and_holds_but_neither_scans_nor_opens(place: Place) -> None:
    qin = await place.armed()
    await qin.post("/newborn/visits/visit-7/open")
    doctor = await place.tablet(DOCTOR)
    for path in ("scan", "confirm-here", "open", "end", "here"):
        assert (await doctor.post(f"/newborn/visits/visit-7/{path}")).status_code == 404, path
    assert (await doctor.post("/newborn/ward/ward-n2/hold")).headers["location"].endswith("done=held")
    await place.keeper.tick()
    assert await place.ward.state(7) is State.SHIELDED
    assert "on hold" in (await qin.get("/newborn/ward")).text
    refused = await qin.post("/newborn/visits/visit-7/open")
    assert refused.status_code >= 400
    assert "the ward is on hold" in refused.text
    assert (await doctor.post("/newborn/ward/ward-n2/release")).status_code == 404
    assert (await qin.post("/newborn/ward/ward-n2/release")).headers["location"].endswith("done=released")
    assert await place.ward.state(7) is State.SHIELDED


async def test_a_doctor_pauses_one_babys_visits_at_the_bed_and_lets_them_go_on(place: Place) -> None:
    doctor, qin = await place.tablet(DOCTOR), await place.armed()
    assert (await qin.post("/newborn/visits/visit-7/open")).headers["location"].endswith("done=opened")
    assert (await qin.post("/newborn/visits/visit-7/pause", why="抽搐")).status_code == 404
    assert (await doctor.post("/newborn/visits/visit-7/pause")).headers["location"].endswith("done=pause-why")
    paused = await doctor.post("/newborn/visits/visit-7/pause", why="抽搐, 观察")
    assert paused.headers["location"].endswith("done=paused"), paused.text
    await place.keeper.tick()
    visit = (await place.ward.standing(7)).visit
    assert (visit.state, visit.reason) == (State.SHIELDED, "doctor-asks-rest")
    page = (await qin.get("/newborn/visits/visit-7")).text
    assert "抽搐, 观察" in page
    assert "/pause" not in page
    refused = await qin.post("/newborn/visits/visit-7/open")
    assert (refused.status_code, "a doctor paused this baby" in refused.text) == (422, True)
    resumed = await doctor.post("/newborn/visits/visit-7/pause", **{"is": "over"})
    assert resumed.headers["location"].endswith("done=resumed")
    await place.keeper.tick()
    assert await place.ward.state(7) is State.SHIELDED
    assert (await qin.post("/newborn/visits/visit-7/open")).headers["location"].endswith("done=opened")


async def test_an_alarm_that_nobody_lowers_is_said_to_be_over_at_the_bed(place: Place) -> None:
    stranger, qin = await place.tablet(STRANGER), await place.armed()
    await place.ward.flag(7, "newborn-alarm")
    await place.keeper.tick()
    page = (await qin.get("/newborn/visits/visit-7")).text
    assert "An alarm sounds at this bed" in page
    assert "/newborn/visits/visit-7/open" not in page
    assert (await stranger.post("/newborn/visits/visit-7/alarm-over")).status_code == 404
    assert (await qin.post("/newborn/visits/visit-7/open")).status_code == 422
    assert (await qin.post("/newborn/visits/visit-7/alarm-over")).headers["location"].endswith("done=alarm-over")
    assert (await qin.post("/newborn/visits/visit-7/open")).headers["location"].endswith("done=opened")


async def test_declining_needs_a_reason_that_the_family_then_reads(place: Place) -> None:
    qin = await place.tablet(QIN)
    assert (await qin.post("/newborn/visits/visit-7/decline")).status_code >= 400
    assert (await place.ward.booked(7)).state is State.WAITING
    done = await qin.post("/newborn/visits/visit-7/decline", reason="baby-needs-rest")
    assert done.headers["location"].endswith("done=declined")
    booked = await place.ward.booked(7)
    assert (booked.state, booked.reason) == (State.DECLINED, "baby-needs-rest")


async def with_place(place: Place) -> tuple[Booked, str]:
    """A visit that waits and has its place among the ward's slots: as what it was booked, and its name."""
    before = await place.ward.booked(7)
    held = [(before.baby, before.guardian, before.start, before.end)]
    [visit] = await place.nursery.places.hold(before.ward, held, lambda _: None, by_staff=False)
    await place.nursery.places.confirm(visit)
    place.ward.visits[7] = visit
    await place.ward.book(7, State.WAITING, start=before.start, end=before.end)
    return before, visit


@pytest.mark.parametrize(("was_seen", "is_taken"), [(False, False), (True, True)])
async def test_declining_frees_the_place_unless_something_was_seen(
    place: Place, was_seen: bool, is_taken: bool
) -> None:
    before, visit = await with_place(place)
    qin = await place.tablet(QIN)
    await place.ward.arm(7)
    if was_seen:
        opened = await qin.post(f"/newborn/visits/{visit}/open")
        assert opened.headers.get("location", "").endswith("done=opened"), opened.text
    declined = await qin.post(f"/newborn/visits/{visit}/decline", reason="ward-is-busy")
    assert declined.headers.get("location", "").endswith("done=declined"), declined.text
    assert bool(await place.nursery.places.of_baby(before.baby)) is is_taken


@pytest.mark.parametrize(
    ("ends", "reason"), [("silence", "nurse-gone"), ("time", "not-opened"), ("break-off", "ward-is-busy")]
)
async def test_what_was_cut_at_the_bed_is_told_in_the_report_and_counts_only_if_something_was_seen(
    place: Place, ends: str, reason: str
) -> None:
    before, visit = await with_place(place)
    caller, qin = (await place.tablet(HEAD)).entered.signed_in.caller, await place.tablet(QIN)
    await place.ward.arm(7)
    if ends == "break-off":
        assert (await qin.post(f"/newborn/visits/{visit}/open")).headers["location"].endswith("done=opened")
        assert (await qin.post(f"/newborn/visits/{visit}/decline", reason=reason)).status_code == 303
    for seconds in {"silence": (16, 61), "time": (600,), "break-off": (0,)}[ends]:
        place.house.time.pass_(seconds)
        await place.keeper.tick()
    standing = await place.ward.standing(7)
    assert (standing.visit.state, standing.visit.reason) == (State.ABORTED, reason)
    await place.keeper.write_down()
    for _ in range(2):
        await look_at_slots(place.nursery)
    [fate] = await place.nursery.places.fates(before.ward, before.start, before.end)
    was_seen = ends == "break-off"
    assert (fate.freed_by, fate.freed_reason, fate.broken_off) == (
        (None, "", reason) if was_seen else ("ward", reason, "")
    )
    place.house.time.now = before.end
    report = await read_report(place.nursery, caller, None)
    assert report.reasons == ((reason, 1),)
    assert report.visits == was_seen
    assert [each.seen.in_30_days for each in report.lines if each.baby.id == "baby-7"] == [was_seen]


async def test_a_nurse_looks_after_several_beds_from_her_round(place: Place) -> None:
    qin = await place.armed()
    assert 'data-here="/newborn/round/here"' in (await qin.get("/newborn/round")).text
    await qin.post("/newborn/visits/visit-7/open")
    for _ in range(3):
        place.house.time.pass_(10)
        assert (await qin.post("/newborn/round/here")).status_code == 204
        await place.keeper.tick()
    assert await place.ward.state(7) is State.LIVE
    for other in (await place.tablet(XIANG), await place.tablet(STRANGER)):
        place.house.time.pass_(10)
        assert (await other.post("/newborn/round/here")).status_code == 204
    await place.keeper.tick()
    assert (await place.ward.standing(7)).visit.reason == "nurse-gone"
    assert (await (await place.tablet(DOCTOR)).post("/newborn/round/here")).status_code == 404


async def test_the_next_bed_is_one_touch_away_and_the_camera_reads_codes_only_while_they_are_scanned(
    place: Place,
) -> None:
    await place.ward.bed(8)
    qin = await place.tablet(QIN)
    page = await qin.get("/newborn/visits/visit-7")
    assert 'rel="next" href="/newborn/visits/visit-8"' in page.text
    assert 'rel="prev"' not in page.text
    assert page.headers["permissions-policy"].startswith("camera=(self)")
    doctors = await (await place.tablet(DOCTOR)).get("/newborn/visits/visit-8")
    assert 'rel="prev" href="/newborn/visits/visit-7"' in doctors.text
    assert doctors.headers["permissions-policy"].startswith("camera=()")
    assert (await qin.get("/newborn/round")).headers["permissions-policy"].startswith("camera=()")
    await place.armed()
    assert (await qin.get("/newborn/visits/visit-7")).headers["permissions-policy"].startswith("camera=()")


async def test_the_console_tells_which_cameras_are_away(place: Place) -> None:
    await place.cameras.add("camera-7", Kind.RTSP, read_source("rtsp://127.0.0.1:1/bed-07", "ward", "secret"))
    page = (await (await place.tablet(QIN)).get("/newborn/ward")).text
    assert 'data-part="cameras"' in page
    assert "1 of 1 away" in page
    assert "secret" not in page


async def test_a_note_is_for_families_once_a_doctor_approved_it(place: Place) -> None:
    qin, doctor = await place.tablet(QIN), await place.tablet(DOCTOR)
    assert (await qin.post("/newborn/visits/visit-7/notes", text="Drank 12 ml.")).headers["location"].endswith("noted")
    page = (await doctor.get("/newborn/visits/visit-7")).text
    address = page.partition("/notes/")[2].partition('"')[0]
    assert (await qin.post(f"/newborn/visits/visit-7/notes/{address}", version="1")).status_code == 404
    done = await doctor.post(f"/newborn/visits/visit-7/notes/{address}", version="1")
    assert done.headers["location"].endswith("approved")
    note = await place.ward.read("Communication", address.partition("/")[0])
    assert note["status"] == "completed"
    assert "approved by a doctor" in (await qin.get("/newborn/visits/visit-7")).text


async def test_a_tablet_that_falls_silent_draws_the_curtain(place: Place) -> None:
    qin = await place.armed()
    await qin.post("/newborn/visits/visit-7/open")
    place.house.time.pass_(16)
    await place.keeper.tick()
    standing = await place.ward.standing(7)
    assert (standing.visit.state, standing.visit.reason) == (State.SHIELDED, "nurse-gone")


async def test_the_end_of_the_slot_ends_the_visit(place: Place) -> None:
    qin = await place.armed()
    await qin.post("/newborn/visits/visit-7/open")
    place.house.time.pass_(10 * 60)
    await qin.post("/newborn/visits/visit-7/here")
    await place.keeper.tick()
    assert await place.ward.state(7) is State.ENDING
    await place.keeper.write_down()
    assert await place.ward.state(7) is State.CLOSED


async def test_the_head_nurse_keeps_her_wards_cameras_and_nobody_else_does(place: Place) -> None:
    head, at = await place.tablet(HEAD), "/newborn/cameras"
    await place.ward.bed(8)
    faulty = await head.post(at, label="", bed="", kind="")
    assert faulty.status_code == 422
    assert all(f'href="#{name}"' in faulty.text for name in ("label", "bed", "kind"))
    wall = {"label": "WALL-07", "bed": "bed-7", "kind": "rtsp", "user": "look", "password": "made-up secret"}
    for address in ("http://x/", "rtsp://look:me@127.0.0.1/x"):
        refused = await head.post(at, **wall, address=address)
        assert "begins with rtsp://" in refused.text
        assert "made-up secret" not in refused.text
    assert 'id="refused"' in (await head.post(at, **wall, address="rtsp://127.0.0.1:1/x")).text
    assert (await head.post(at, label="CART-07", bed="bed-7", kind="cart")).headers["location"].endswith("=registered")
    assert (await head.post(at, label="CART-07", bed="bed-7", kind="cart")).status_code >= 400
    [cart] = [each.camera for each in await place.cameras.kept()]
    assert "CART-07" in (await head.get(at)).text
    assert (await head.post(f"{at}/{cart}/bed", bed="elsewhere")).status_code == 422
    assert (await head.post(f"{at}/{cart}/bed", bed="bed-8")).headers["location"].endswith("done=hung")
    assert (await place.ward.read("Device", cart))["location"] == {"reference": "Location/bed-8"}
    assert (await head.post(f"{at}/{cart}/login", address="rtsp://127.0.0.1:1/x")).status_code == 404
    assert (await head.post(f"{at}/{cart}/retire")).headers["location"].endswith("done=retired")
    assert not (await place.cameras.kept())[0].is_on
    assert (await head.post(f"{at}/{cart}/return")).headers["location"].endswith("done=returned")
    deeds = ("register-camera", "hang-camera", "retire-camera", "return-camera", "change-camera-login")
    told = await place.ward.trail(*deeds)
    assert [row[0] for row in told] == list(deeds[:4])
    assert len({row[2] for row in told}) == 1
    assert told[0][2] != "command-line"
    for other in (QIN, DOCTOR, STRANGER):
        tablet = await place.tablet(other)
        for path in (at, f"{at}/{cart}"):
            assert (await tablet.get(path)).status_code == 404, (other, path)
        for path in (at, *(f"{at}/{cart}/{deed}" for deed in ("login", "bed", "retire", "return"))):
            assert (await tablet.post(path, bed="bed-7")).status_code == 404, (other, path)


async def test_a_camera_that_is_hung_at_another_bed_is_cut(place: Place) -> None:
    head, qin = await place.tablet(HEAD), await place.armed()
    await place.ward.empty_bed(9)
    await place.cameras.add("camera-7", Kind.CART, None)
    await qin.post("/newborn/visits/visit-7/open")
    assert (await head.post("/newborn/cameras/camera-7/bed", bed="bed-9")).status_code == 303
    await place.keeper.tick()
    assert (await place.ward.standing(7)).visit.reason == "camera-moved"


async def test_an_address_of_another_camera_in_use_is_refused_wherever_the_head_nurse_gives_it(place: Place) -> None:
    head, at = await place.tablet(HEAD), "/newborn/cameras"
    await place.ward.bed(8)
    taken = read_source("rtsp://wall-7.ward.invalid/main", "look", "made up")
    await place.cameras.add("camera-7", Kind.RTSP, taken)
    await place.cameras.add("camera-8", Kind.RTSP, read_source("rtsp://wall-8.ward.invalid/main", "", ""))
    given = {"address": "rtsp://WALL-7.ward.invalid:554/main/", "user": "other", "password": "made-up secret"}
    await place.cameras.switch("camera-8", is_on=False)
    await place.cameras.move("camera-7", read_source("rtsp://wall-8.ward.invalid/main", "", ""))
    returned = await head.post(f"{at}/camera-8/return")
    await place.cameras.move("camera-7", taken)
    answers = [
        returned,
        await head.post(at, label="WALL-09", bed="bed-8", kind="rtsp", **given),
        await head.post(f"{at}/camera-8/login", **given),
    ]
    for answer in answers:
        assert answer.status_code == 422
        assert "Another camera in use has this address" in answer.text
        assert "made-up secret" not in answer.text
    head.language = "zh-CN"
    assert "这个地址已由另一台在用的摄像头使用" in (await head.post(f"{at}/camera-8/login", **given)).text
    assert [each.is_on for each in await place.cameras.kept()] == [True, False]
    assert (await head.post(f"{at}/camera-8/return")).headers["location"].endswith("done=returned")


async def test_the_page_of_cameras_reaches_nothing_of_this_machine_and_is_counted(place: Place) -> None:
    head, at, reached = await place.tablet(HEAD), "/newborn/cameras", list[asyncio.StreamReader]()

    def reach(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        reached.append(reader)
        writer.close()

    server = await asyncio.start_server(reach, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    wall = {"label": "WALL-07", "bed": "bed-7", "kind": "rtsp"}
    async with server:
        for host in ("127.0.0.1", "localhost", "[::1]", "0.0.0.0", "2130706433", "169.254.0.1", "no.invalid"):  # noqa: S104 - an address that is refused, not bound
            answer = await head.post(at, **wall, address=f"rtsp://{host}:{port}/x")
            assert (answer.status_code, "No picture comes from this address" in answer.text) == (422, True), host
    assert not reached
    codes = [(await head.post(at, **wall, address="")).status_code for _ in range(20)]
    assert set(codes) == {422, 429}
    assert (await head.post(f"{at}/camera-7/login", address="rtsp://x/")).status_code == 429
    assert (await head.get(at)).status_code == 200


@pytest.mark.parametrize(("kind", "is_told"), [(Kind.WHIP, True), (Kind.RTSP, True), (Kind.CART, False)])
async def test_every_camera_that_is_away_wants_looking_after_but_a_cart(
    place: Place, kind: Kind, is_told: bool
) -> None:
    source = read_source("rtsp://wall-7.ward.invalid/main", "", "") if kind is Kind.RTSP else None
    await place.cameras.add("camera-7", kind, source)
    page = (await (await place.tablet(HEAD)).get("/newborn/cameras")).text
    assert ("Nobody has looked after this camera lately" in page) is is_told


POLICY = Policy(
    from_day=date(2026, 1, 1),
    windows=(),
    closed=frozenset(),
    slot_minutes=20,
    gap_minutes=0,
    at_once=5,
    days_ahead=7,
    per_baby_a_day=2,
    cancel_minutes=0,
    invited_max=2,
    are_stills_allowed=False,
)


async def sets(place: Place, policy: Policy) -> None:
    await place.nursery.places.set_policy(WARD, policy.from_day, told(policy), by="head")


def shift_line(page: str) -> str:
    """What a page says of the shift."""
    [line] = re.findall(r'data-part="shift">(.*?)</p>', page, re.DOTALL)
    return " ".join(line.split())


async def test_minutes_count_from_the_first_scan_to_the_end_and_are_the_nurses_who_had_the_visit(place: Place) -> None:
    qin = await place.tablet(QIN)
    await scanned(qin)
    place.house.time.pass_(60)
    xiang = await place.tablet(XIANG)
    await xiang.post("/newborn/visits/visit-7/confirm")
    await qin.post("/newborn/visits/visit-7/open")
    place.house.time.pass_(60)
    await qin.post("/newborn/visits/visit-7/shield", reason="feeding")
    await place.keeper.tick()
    assert (await xiang.post("/newborn/visits/visit-7/open")).status_code == 303
    place.house.time.pass_(3 * 60)
    assert (await qin.post("/newborn/visits/visit-7/end")).headers["location"].endswith("done=ended")
    place.house.time.pass_(15 * 60)
    own = shift_line((await qin.get("/newborn/round")).text)
    assert "Minutes of visits: 2; visits: 1; interruptions: 1." in own
    assert "Minutes of the whole ward: 5." in own
    assert "Minutes of visits: 3; visits: 1; interruptions: 0." in shift_line((await xiang.get("/newborn/ward")).text)
    assert "Your shift" not in shift_line((await (await place.tablet(DOCTOR)).get("/newborn/round")).text)
    head = await place.tablet(HEAD)
    rows = " ".join(re.sub(r"<[^>]*>", " ", (await head.get("/newborn/workload")).text).split())
    assert "All 5 1 1 xiang 3 1 0 qin 2 1 1" in rows
    assert "Minutes of nurses at beds: 5." in (await head.get("/newborn/desk/report")).text
    for other in (qin, await place.tablet(DOCTOR), await place.tablet(STRANGER)):
        assert (await other.get("/newborn/workload")).status_code == 404


async def test_who_reaches_the_wards_limit_is_told_so_and_may_decline_for_it_but_nothing_is_closed_to_her(
    place: Place,
) -> None:
    await place.ward.bed(8)
    qin = await place.armed()
    place.house.time.pass_(2 * 60)
    await sets(place, replace(POLICY, nurse_minutes=3))
    assert 'data-part="limit"' not in (await qin.get("/newborn/round")).text
    assert "limit-reached" not in (await qin.get("/newborn/visits/visit-8")).text
    place.house.time.pass_(60)
    assert "limit of minutes for visits in a shift: 3 of 3." in (await qin.get("/newborn/round")).text
    bed = (await qin.get("/newborn/visits/visit-8")).text
    assert 'data-part="limit"' in bed
    assert 'value="limit-reached"' in bed
    assert 'data-part="check"' in bed, "she may go on"
    xiang = await place.tablet(XIANG)
    assert "limit-reached" not in (await xiang.get("/newborn/visits/visit-8")).text
    await qin.post("/newborn/visits/visit-8/decline", reason="limit-reached")
    assert (await place.ward.booked(8)).reason == "limit-reached"


async def test_a_nurse_checks_no_further_bed_beyond_what_the_ward_lets_a_nurse_have_at_one_time(place: Place) -> None:
    await place.ward.bed(8)
    eighth = await camera(place.ward.running.port, "camera-8")
    await place.keeper.listening.hear()
    qin = await place.armed()
    now = place.ward.clock()
    # The shift that runs began yesterday, and so holds what held then.
    shifts = (int(now - day_start(china_date(now))) // MINUTE + 1,)
    await sets(place, replace(POLICY, nurse_at_once=1, shifts=shifts))
    await sets(place, replace(POLICY, from_day=china_date(now), shifts=shifts))
    assert 'data-part="full"' in (await qin.get("/newborn/visits/visit-8")).text
    with pytest.raises(Refusal) as refused:
        await place.ward.arm(8)
    assert (refused.value.code, refused.value.details["visits"]) == ("nurse-at-capacity", "visit-7")
    xiang = await place.tablet(XIANG)
    answer = await xiang.post("/newborn/visits/visit-8/confirm")
    assert answer.status_code == 409
    assert "Beds: 07." in answer.text
    assert await place.ward.house.rooms.find("visit-8") is None
    # Whoever takes a visit over has it: then the first may have another.
    await place.keeper.tick()
    assert (await xiang.post("/newborn/visits/visit-7/open")).status_code == 303
    await place.ward.arm(8)
    assert await place.ward.state(8) is State.ARMED
    await eighth.peer.close()
