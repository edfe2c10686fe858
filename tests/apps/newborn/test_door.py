"""The station at the ward's door: a device of its own, codes that are good once, and nothing that stays."""

from __future__ import annotations

import asyncio
import re
from typing import Any, cast

import httpx
import pytest

from tests.apps.newborn.conftest import MOTHER, Browser, Ward, current
from tianfu.access.caller import Caller
from tianfu.apps.newborn.door_routes import STATION_COOKIE
from tianfu.db import Query
from tianfu.kernel.instants import SECOND, Instant
from tianfu.kernel.refusal import Refusal
from tianfu.services.booking.stations import CODE_SECONDS, STATION_SECONDS

pytestmark = pytest.mark.anyio

DOOR = "/newborn/door"
CODES = "/newborn/door-codes"
NURSE = Caller(id="account-n1", role="nurse")
SEEN = {"paper": "identity-card", "seen": "yes"}


async def at_device(ward: Ward, secret: str, method: str, path: str, **fields: str) -> httpx.Response:
    """What the device at the door sends: the station's cookie and nobody's session."""
    transport = httpx.ASGITransport(cast("Any", ward.site))
    headers = {"sec-fetch-site": "same-origin", "accept-language": "en", "cookie": f"{STATION_COOKIE}={secret}"}
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        return await client.request(method, path, data=fields or None, headers=headers)


async def opened_station(nurse: Browser) -> str:
    answer = await nurse.post(f"{CODES}/station/open")
    assert answer.status_code == 303, answer.text[-800:]
    said = answer.headers["set-cookie"]
    assert "HttpOnly" in said
    assert "SameSite=strict" in said
    return str(re.findall(rf"{STATION_COOKIE}=([^;]+)", said)[0])


async def booked(ward: Ward, head: Browser, **scopes: str) -> str:
    """A visit whose slot begins in five minutes."""
    mother = await ward.guardian(head, MOTHER, "baby-3")
    if scopes:
        all_scopes = {"view": "yes", "talk": "yes", "diary": "no", "photo": "no", **scopes}
        await mother.done("/newborn/consent/baby-3", version=current(), **all_scopes)
    [start, *_] = await mother.slots("baby-3")
    await mother.done("/newborn/book/baby-3", start=start, deed="book")
    doctor = await ward.staff("doctor")
    [visit] = re.findall(r"/newborn/desk/visits/([^/]+)/approve", (await doctor.get("/newborn/desk")).text)
    await doctor.done(f"/newborn/desk/visits/{visit}/approve")
    ward.house.time.now = Instant(int(start) - 300 * SECOND)
    return str(visit)


async def code_for(nurse: Browser, visit: str) -> str:
    answer = await nurse.post(f"{CODES}/{visit}", **SEEN)
    assert answer.status_code == 200, answer.text[-1500:]
    return str(re.findall(r'<b class="reference">([^<]+)</b>', answer.text)[0])


async def test_a_visit_begins_at_the_door_with_a_code_and_ends_itself_with_its_slot(ward: Ward) -> None:
    head = await ward.opened()
    visit = await booked(ward, head)
    nurse = await ward.staff("nurse")
    secret = await opened_station(nurse)
    code = await code_for(nurse, visit)
    assert "Code from the nurse" in (await at_device(ward, secret, "GET", DOOR)).text
    answer = await at_device(ward, secret, "POST", f"{DOOR}/enter", code=code.lower())
    assert (answer.status_code, answer.headers["location"]) == (303, DOOR)
    page = await at_device(ward, secret, "GET", DOOR)
    assert f'href="/newborn/door/watch/{visit}"' in page.text
    assert "You may see and speak" in page.text
    assert "示例" not in page.text
    assert page.headers["refresh"].endswith(f"url={DOOR}")
    assert page.headers["cache-control"] == "no-store"
    ward.house.time.now = Instant(ward.house.time.now + 26 * 60 * SECOND)
    assert visit not in (await at_device(ward, secret, "GET", DOOR)).text
    async with ward.house.database.transaction("app") as transaction:
        row = await transaction.one(
            Query.composed("left", "select (select count(*) from newborn_door_code), count(visit) from newborn_station")
        )
    assert row == (0, 0)


async def test_a_code_is_good_once_and_of_two_devices_one_has_it(ward: Ward) -> None:
    head = await ward.opened()
    visit = await booked(ward, head)
    nurse = await ward.staff("nurse")
    stations = [await opened_station(nurse) for _ in range(2)]
    code = await code_for(nurse, visit)
    answers = await asyncio.gather(*(at_device(ward, each, "POST", f"{DOOR}/enter", code=code) for each in stations))
    assert sorted(each.status_code for each in answers) == [303, 422]
    again = await at_device(ward, stations[0], "POST", f"{DOOR}/enter", code=code)
    assert "This code does not work" in again.text


async def test_late_void_wrong_and_foreign_codes_are_refused_alike(ward: Ward) -> None:
    stations, now = ward.nursery.stations, ward.house.time.now
    until = Instant(now + 3_600 * SECOND)
    device = await stations.open("ward-1", by=NURSE)
    elsewhere = await stations.open("ward-2", by=NURSE)
    give: dict[str, Any] = {"visit_until": until, "may_talk": False, "seen": "passport", "by": NURSE}
    void = await stations.give_code("ward-1", "v1", **give)
    good = await stations.give_code("ward-1", "v1", **give)
    for secret, code in ((device, void), (elsewhere, good), (device, "AAAA-AAAA"), (device, ""), (device, "' or 1=1")):
        with pytest.raises(Refusal, match="door-code-wrong"):
            await stations.enter(secret, code)
    with pytest.raises(Refusal, match="not-found"):
        await stations.enter("no station", good)
    ward.house.time.now = Instant(now + (CODE_SECONDS + 1) * SECOND)
    with pytest.raises(Refusal, match="door-code-wrong"):
        await stations.enter(device, good)
    told = await deeds(ward)
    assert told.count(("enter-door-code", "door-code-wrong")) == 6
    assert told.count(("give-door-code", "success")) == 2
    assert told.count(("open-door-station", "success")) == 2


async def deeds(ward: Ward) -> list[tuple[str, str]]:
    """What the trail tells of the door."""
    rows = await ward.house.rows("select interaction, outcome from audit where interaction like '%door%'")
    return [(row[0], row[1]) for row in rows]


async def test_neither_secret_nor_code_lies_in_the_database(ward: Ward) -> None:
    stations = ward.nursery.stations
    secret = await stations.open("ward-1", by=NURSE)
    until = Instant(ward.house.time.now + 3_600 * SECOND)
    code = await stations.give_code("ward-1", "v1", visit_until=until, may_talk=True, seen="passport", by=NURSE)
    async with ward.house.database.transaction("app") as transaction:
        row = await transaction.one(
            Query.composed(
                "held",
                "select newborn_station::text || newborn_door_code::text from newborn_station, newborn_door_code",
            )
        )
    assert row is not None
    for each in (secret, code):
        assert each not in row[0]
        assert each.encode().hex() not in row[0]


async def test_without_consent_to_talk_the_station_lets_see_alone(ward: Ward) -> None:
    head = await ward.opened()
    visit = await booked(ward, head, talk="no")
    nurse = await ward.staff("nurse")
    secret = await opened_station(nurse)
    await at_device(ward, secret, "POST", f"{DOOR}/enter", code=await code_for(nurse, visit))
    assert "You have not agreed to speaking" in (await at_device(ward, secret, "GET", DOOR)).text
    await at_device(ward, secret, "POST", f"{DOOR}/leave")
    assert visit not in (await at_device(ward, secret, "GET", DOOR)).text


async def test_no_code_without_a_paper_that_was_seen_before_its_time_or_without_consent(ward: Ward) -> None:
    head = await ward.opened()
    visit = await booked(ward, head)
    nurse = await ward.staff("nurse")
    assert " checked>" not in (await nurse.get(CODES)).text
    for form in ({"paper": "identity-card"}, {"seen": "yes"}, {"paper": "a smile", "seen": "yes"}):
        assert "Choose what you have seen" in await nurse.refused(f"{CODES}/{visit}", **form)
    begins = ward.house.time.now
    ward.house.time.now = Instant(begins - 3_600 * SECOND)
    assert "not at the door now" in await nurse.refused(f"{CODES}/{visit}", **SEEN)
    ward.house.time.now = begins
    await nurse.done("/newborn/desk/babies/baby-3/dispute", **{"is": "begun"})
    assert "The consent is not signed yet" in await nurse.refused(f"{CODES}/{visit}", **SEEN)


async def test_a_device_at_which_somebody_is_signed_in_is_no_station(ward: Ward) -> None:
    nurse = await ward.staff("nurse")
    secret = await opened_station(nurse)
    both = f"session={nurse.entered.secret}; device={nurse.entered.device}; {STATION_COOKIE}={secret}"
    transport = httpx.ASGITransport(cast("Any", ward.site))
    headers = {"sec-fetch-site": "same-origin", "accept-language": "en", "cookie": both}
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        assert "Somebody is signed in at this device" in (await client.get(DOOR, headers=headers)).text
        assert (await client.post(f"{DOOR}/enter", data={"code": "x"}, headers=headers)).status_code == 404


async def test_a_station_is_over_after_a_shift_or_when_it_is_closed(ward: Ward) -> None:
    nurse = await ward.staff("nurse")
    first, second = await opened_station(nurse), await opened_station(nurse)
    await at_device(ward, first, "POST", f"{DOOR}/close")
    assert "no station of a ward" in (await at_device(ward, first, "GET", DOOR)).text
    assert "Code from the nurse" in (await at_device(ward, second, "GET", DOOR)).text
    ward.house.time.now = Instant(ward.house.time.now + STATION_SECONDS * SECOND)
    assert "no station of a ward" in (await at_device(ward, second, "GET", DOOR)).text


async def test_codes_and_stations_are_given_by_the_wards_nurses_alone(ward: Ward) -> None:
    head = await ward.opened()
    visit = await booked(ward, head)
    stranger = await ward.staff("nurse", organisation="other")
    mother = await ward.resident("13800003333")
    assert (await stranger.post(f"{CODES}/{visit}", **SEEN)).status_code == 404
    for path in (CODES, f"{CODES}/{visit}", f"{CODES}/station/open"):
        answer = await (mother.get(path) if path == CODES else mother.post(path, **SEEN))
        assert answer.status_code == 404, path


async def test_a_visit_is_on_one_stations_screen_at_a_time(ward: Ward) -> None:
    head = await ward.opened()
    visit = await booked(ward, head)
    nurse = await ward.staff("nurse")
    first, second = await opened_station(nurse), await opened_station(nurse)
    for secret in (first, second):
        code = await code_for(nurse, visit)
        assert (await at_device(ward, secret, "POST", f"{DOOR}/enter", code=code)).status_code == 303
        assert visit in (await at_device(ward, secret, "GET", DOOR)).text
    assert visit not in (await at_device(ward, first, "GET", DOOR)).text
