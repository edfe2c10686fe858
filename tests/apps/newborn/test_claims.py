"""What becomes of a request to be known as guardian: taken back, declined, asked again, and how long it is told."""

from __future__ import annotations

import re

import pytest

from tests.apps.newborn.conftest import FATHER, MOTHER, NUMBERS, Browser, Ward
from tests.apps.newborn.test_consents import rewritten
from tianfu.access.purpose import Purpose
from tianfu.apps.newborn.actions.answer_claim import approve_claim
from tianfu.apps.newborn.mapping.codes import VISITS
from tianfu.apps.newborn.model.booking import Step
from tianfu.apps.newborn.model.guardians import CLAIM_DAYS, CLAIMS_OPEN_MAX, UNCONFIRMED_DAYS
from tianfu.apps.newborn.queries.family_home import read_home
from tianfu.kernel.instants import DAY, SECOND
from tianfu.records.outcomes import Found
from tianfu.services.accounts.model.people import SignedIn

pytestmark = pytest.mark.anyio

SEEN = {"evidence": "birth-certificate", "seen": "P110000001"}
WAITS, NOTHING = "waits for the ward", "not confirmed"


async def waiting(ward: Ward) -> list[str]:
    """The claims that the ward sees."""
    return [claim.id for claim, _ in await ward.nursery.claims.of_ward("ward-1")]


async def asks(who: Browser, *, tail: str = "", baby: str = "baby-3") -> None:
    number, right = NUMBERS[baby]
    await who.done("/newborn/enrol", relation="MTH", inpatient=number, tail=tail or right)


async def own_claims(who: Browser) -> list[str]:
    return re.findall(r"/newborn/claims/([^/]+)/withdraw", (await who.get("/newborn")).text)


@pytest.mark.parametrize("who", ["mother", "nurse"])
async def test_a_paper_is_hers_until_the_ward_said_yes_and_nobody_elses(ward: Ward, who: str) -> None:
    nurse = await ward.staff("nurse")
    mother, stranger = await ward.resident(MOTHER), await ward.resident(FATHER)
    page = (await nurse.post("/newborn/desk/babies/baby-3/paper")).text
    [code] = re.findall(r'<b class="reference">([^<]+)</b>', page)
    await mother.done("/newborn/enrol", relation="FTH", code=code)
    [mistyped] = await waiting(ward)
    if who == "mother":
        assert await mother.done(f"/newborn/claims/{mistyped}/withdraw") == "asked-back"
    else:
        await nurse.done(f"/newborn/desk/claims/{mistyped}/decline")
    await stranger.done("/newborn/enrol", relation="MTH", code=code)
    assert await waiting(ward) == []
    await mother.done("/newborn/enrol", relation="MTH", code=code)
    [again] = await waiting(ward)
    await nurse.done(f"/newborn/desk/claims/{again}/approve", **SEEN)
    await mother.done("/newborn/enrol", relation="MTH", code=code)
    await stranger.done("/newborn/enrol", relation="MTH", code=code)
    assert await waiting(ward) == []
    await nurse.done(f"/newborn/desk/babies/baby-3/guardians/{again}/revoke")
    await mother.done("/newborn/enrol", relation="MTH", code=code)
    assert await waiting(ward) == []


@pytest.mark.parametrize("who", ["mother", "nurse"])
async def test_whom_nobody_approved_is_no_guardian_once_it_is_declined_or_taken_back(
    ward: Ward, who: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    nurse, mother = await ward.staff("nurse"), await ward.resident(MOTHER)
    await asks(mother)
    [claim] = await waiting(ward)

    async def dies(*_: object, **__: object) -> None:
        raise ConnectionError

    with monkeypatch.context() as broken, pytest.raises(ConnectionError):
        broken.setattr(ward.nursery.claims, "answer", dies)
        await approve_claim(ward.nursery, (await nurse.here()).caller, claim, SEEN)
    assert await is_active(ward, claim)
    if who == "mother":
        assert await mother.done(f"/newborn/claims/{claim}/withdraw") == "asked-back"
    else:
        await nurse.done(f"/newborn/desk/claims/{claim}/decline")
    assert not await is_active(ward, claim)
    assert f'value="{claim}"' not in (await nurse.get("/newborn/desk/babies/baby-3")).text


async def is_active(ward: Ward, related: str) -> bool:
    answer = await ward.store.read(VISITS, Purpose.TREATMENT, "RelatedPerson", related)
    assert isinstance(answer, Found)
    return bool(answer.record.value["active"])


async def read(ward: Ward, who: SignedIn) -> list[bool]:
    """Of what he asked, as his page tells it, whether it waits; his step agrees with it."""
    home = await read_home(ward.nursery, who)
    assert home.step is not Step.AWAIT or any(each.waits for each in home.asked)
    return [each.waits for each in home.asked]


async def test_what_was_declined_and_what_fits_nobody_read_alike_and_at_the_same_time(ward: Ward) -> None:
    nurse = await ward.staff("nurse")
    browsers = [await ward.guardian(nurse, MOTHER, "baby-1"), await ward.guardian(nurse, FATHER, "baby-1", "FTH")]
    # Of twins each has one here already, and asks for the other.
    await asks(browsers[0], baby="baby-2")
    await asks(browsers[1], baby="baby-2", tail="XX99")
    [claim] = await waiting(ward)
    await nurse.done(f"/newborn/desk/claims/{claim}/decline")
    for each in browsers:
        page = (await each.get("/newborn")).text
        assert (WAITS in page, NOTHING in page) == (True, False)
    people = [await each.here() for each in browsers]
    for days, told in ((CLAIM_DAYS - 1, [True]), (1, [False]), (UNCONFIRMED_DAYS - 1, [False]), (1, [])):
        ward.house.time.pass_(days * DAY / SECOND)
        assert [await read(ward, each) for each in people] == [told] * 2


@pytest.mark.parametrize("is_declined", [True, False])
async def test_what_was_declined_is_counted_and_taken_back_like_what_fits_nobody(ward: Ward, is_declined: bool) -> None:
    nurse, mother = await ward.staff("nurse"), await ward.resident(MOTHER)
    for _ in range(CLAIMS_OPEN_MAX):
        await asks(mother, tail="" if is_declined else "XX99")
    for each in await waiting(ward):
        await nurse.done(f"/newborn/desk/claims/{each}/decline")
    assert "ask the nurse for a paper" in await mother.refused(
        "/newborn/enrol", relation="MTH", inpatient="ZY0003", tail="AB03"
    )
    first, *others = await own_claims(mother)
    assert await mother.done(f"/newborn/claims/{first}/withdraw") == "asked-back"
    assert await own_claims(mother) == others
    assert (await mother.post(f"/newborn/claims/{first}/withdraw")).status_code == 404
    await asks(mother)
    assert len(await waiting(ward)) == 1


async def test_a_bereaved_mother_reads_of_no_request(ward: Ward) -> None:
    nurse = await ward.staff("nurse")
    mother = await ward.guardian(nurse, MOTHER, "baby-3")
    await asks(mother, tail="XX99")
    who = await mother.here()
    assert await read(ward, who) == [True]
    await rewritten(ward, "Patient", "baby-3", deceasedDateTime="2026-11-23T11:00:00+08:00")
    page = (await mother.get("/newborn")).text
    assert (WAITS in page, NOTHING in page, "The ward is checking" in page) == (False, False, False)
    ward.house.time.pass_(CLAIM_DAYS * DAY / SECOND)
    assert await read(ward, who) == []
