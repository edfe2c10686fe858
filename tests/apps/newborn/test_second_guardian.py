"""Another guardian of the baby at a visit that the mother booked: as himself, by consents of his own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import orjson
import pytest
from playwright.async_api import Page

from tests.apps.newborn.test_live_page import reads, sees
from tests.apps.newborn.ward import MadeWard
from tests.apps.newborn.window import (
    FATHER,
    GRANDMOTHER,
    MOTHER,
    OTHER_MOTHER,
    VISIT,
    WATCH,
    Window,
    listen,
    until,
    window_of,
)
from tests.services.realtime.devices import MadeUpDevice
from tianfu.access.caller import Caller
from tianfu.apps.newborn.actions.join import GUARDIANS_MAX, join
from tianfu.apps.newborn.actions.sign_consent import withdraw_consent
from tianfu.apps.newborn.live.doors import GrantedDoors
from tianfu.apps.newborn.mapping.codes import CONSENT
from tianfu.apps.newborn.mapping.guardians import ROLE_CODE
from tianfu.apps.newborn.queries.family_visit import coming_to
from tianfu.db import Addresses, Database
from tianfu.kernel.instants import DAY, to_fhir_instant
from tianfu.kernel.refusal import Refusal
from tianfu.services.accounts.model.people import SignedIn
from tianfu.services.realtime.protocol.parts import Part

pytestmark = pytest.mark.anyio

FORM = {"sec-fetch-site": "same-origin", "content-type": "application/x-www-form-urlencoded"}


@pytest.fixture
async def window(database: Database, addresses: Addresses) -> AsyncIterator[Window]:
    async with window_of(database, addresses) as made:
        yield made


async def guardian(ward: MadeWard, *, baby: str = "baby-7", relation: str = "FTH", **changes: Any) -> None:
    await ward.write(
        "father-7",
        resourceType="RelatedPerson",
        patient={"reference": f"Patient/{baby}"},
        relationship=[{"coding": [{"system": ROLE_CODE, "code": relation}]}],
        **{"active": True, **changes},
    )


async def consents(ward: MadeWard, *scopes: str, who: str = "father-7") -> None:
    kept = {
        name: value for name, value in (await ward.read("Consent", "consent-7")).items() if name not in {"id", "meta"}
    }
    said = {
        "status": "active" if scopes else "inactive",
        "category": [{"coding": [{"system": CONSENT, "code": each}]} for each in scopes or ("view", "talk")],
        "performer": [{"reference": f"RelatedPerson/{who}"}],
    }
    await ward.write("consent-7" if who == "mother-7" else f"consent-{who}", **{**kept, **said})


async def test_the_father_watches_and_talks_as_himself_while_he_agrees(window: Window) -> None:
    ward = window.ward
    await guardian(ward)
    await consents(ward, "view", "talk")
    mother = await window.watching(await window.resident(MOTHER, "mother-7"))
    his = await window.resident(FATHER, "father-7")
    father = await window.watching(his)
    bed = await listen(window)
    await window.open()
    await sees(mother)
    await sees(father)
    assert "示例爸爸 2222" in await father.inner_text("[data-watch=mark]")
    assert await father.locator("[data-watch=call], [data-part=interpreters]").count() == 0, (
        "they are hers whose visit it is"
    )
    await father.get_by_role("button", name="Hold to talk").focus()
    await father.keyboard.down("Space")
    await reads(father, "told", "You are heard in the ward")
    assert await bed.evaluate("loudest()") > 0.01
    await father.keyboard.up("Space")
    for what, data in (("call", "question=how&words="), ("interpreter", "")):
        sent = await his.request.post(f"{window.address}{WATCH}/{what}", data=data, headers=FORM)
        assert sent.status == 404, what
    asked = await his.request.post(f"{window.address}{WATCH}/beat", data="answer=", headers=FORM)
    assert "call" not in await asked.json(), "what she asked, and what was answered, is hers"
    inside = [each for each in await window.windows.viewers.here() if each.visit == VISIT and each.part is Part.FAMILY]
    assert len({each.caller.id for each in inside}) == 2

    signed_in = await window.signed_in(his)
    doors = GrantedDoors(grants=window.windows.grants, viewers=window.windows.viewers)
    await withdraw_consent(replace(window.windows.nursery, taking=doors), signed_in, "baby-7")
    told = [each for each in await window.told() if "revoke-room-grants" in each]
    assert len(told) == 1, "at once, and not when his page is looked at later"
    assert "consent-withdrawn" in told[0]
    await no_picture(father)
    before = len(await mother.evaluate("drawn"))
    await sees(mother, before + 5)


async def no_picture(page: Page) -> None:
    async def is_empty() -> bool:
        return not await page.locator("[data-watch=video]").is_visible()

    await until(is_empty)


async def test_he_is_refused_whatever_is_missing(window: Window) -> None:
    ward, windows = window.ward, window.windows
    await window.open()
    him = await window.signed_in(await window.resident(FATHER, "father-7"))

    async def refused(who: SignedIn = him) -> str:
        with pytest.raises(Refusal) as refusal:
            await join(windows, who, VISIT, "{}")
        return refusal.value.code

    assert await refused() == "not-found", "nobody has enrolled him"
    await guardian(ward)
    assert await refused() == "consent-missing"
    await consents(ward, "talk", "diary", "photo")
    assert await refused() == "consent-missing", "hers is not his"
    await consents(ward, "view")
    assert await refused() == "device-key-malformed", "nothing else is missing"
    assert not (await coming_to(windows, him, VISIT)).may_speak, "hers to talk is not his"
    await consents(ward, "view", "talk")
    assert (await coming_to(windows, him, VISIT)).may_speak
    yesterday = to_fhir_instant(ward.clock() - DAY)
    for changes in ({"active": False}, {"relation": "SIB"}, {"period": {"end": yesterday}}):
        await guardian(ward, **changes)
        assert await refused() == "not-found", changes
    await guardian(ward, baby="baby-8")
    assert await refused() == "not-found", "of another baby"
    await guardian(ward)
    other = await window.signed_in(await window.resident(OTHER_MOTHER, "mother-8"))
    assert await refused(other) == "not-found"

    now = ward.clock()
    for number in range(GUARDIANS_MAX):
        person = Caller(id=f"account-{number}", role="citizen")
        await windows.viewers.come_in(VISIT, f"participant-{number}", person, Part.FAMILY, device="device", now=now)
    assert await refused() == "guardians-too-many"
    hers = await window.signed_in(await window.resident(MOTHER, "mother-7"))
    assert await refused(hers) == "device-key-malformed", "her own place is kept"
    await windows.viewers.goes_everywhere("account-0", visit=None)
    assert await refused() == "device-key-malformed"
    grandmother = await window.signed_in(await window.resident(GRANDMOTHER, "father-7"))
    keys = [orjson.dumps(MadeUpDevice().jwk).decode() for _ in range(2)]
    came = await asyncio.gather(
        *(join(windows, who, VISIT, key) for who, key in zip((him, grandmother), keys, strict=True)),
        return_exceptions=True,
    )
    assert sorted(type(each).__name__ for each in came) == ["Joined", "Refusal"], "for the last place one of two"

    await consents(ward, "talk", who="mother-7")
    assert await refused() in {"consent-missing", "room-closed"}, "the visit stands and falls with who booked it"
    assert not (await coming_to(windows, him, VISIT)).may_see
    await consents(ward, "view", "talk", who="mother-7")
    assert (await coming_to(windows, him, VISIT)).may_see
    await ward.dispute(7)
    assert not (await coming_to(windows, him, VISIT)).may_see
