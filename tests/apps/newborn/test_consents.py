"""What a guardian signed: taken back wherever the baby is, kept from paper, and asked anew with a new text."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from typing import Any, cast

import pytest

from tests.apps.newborn.conftest import CONSENT, MOTHER, Browser, Ward, current
from tests.records.made import put
from tianfu.access.purpose import Purpose
from tianfu.apps.newborn.actions.agree_to_experts import agree_no_more, agree_to_experts
from tianfu.apps.newborn.actions.enrol_at_desk import keep_paper_consent
from tianfu.apps.newborn.actions.sign_consent import sign_consent
from tianfu.apps.newborn.mapping.codes import CONSENT as CONSENT_SCOPE
from tianfu.apps.newborn.mapping.codes import VISITS
from tianfu.apps.newborn.mapping.wards import allows
from tianfu.apps.newborn.model.consent import Scope
from tianfu.apps.newborn.model.consultation import text_in
from tianfu.apps.newborn.queries.family_home import own_baby
from tianfu.kernel.refusal import Refusal
from tianfu.records.outcomes import Found
from tianfu.records.searching import SearchRequest
from tianfu.records.store import Store

pytestmark = pytest.mark.anyio

DESK = "/newborn/desk/babies/baby-3"
KEPT_BY_US = {"meta", "resourceType", "id"}


async def active(ward: Ward, baby: str = "baby-3") -> list[dict[str, Any]]:
    request = SearchRequest(type="Consent", parameters=(("patient", f"Patient/{baby}"), ("status", "active")))
    return [each.value for each in (await ward.store.search(VISITS, Purpose.TREATMENT, request)).records]


async def rewritten(ward: Ward, kind: str, name: str, **change: Any) -> None:
    answer = await ward.store.read(VISITS, Purpose.TREATMENT, kind, name)
    assert isinstance(answer, Found)
    kept = {key: each for key, each in answer.record.value.items() if key not in KEPT_BY_US}
    await put(ward.store, kind, name, **{**kept, **change})


async def no_clear_bed(ward: Ward) -> None:
    await rewritten(
        ward, "Encounter", "stay-3", location=[{"location": {"reference": "Location/bed-3"}, "status": "completed"}]
    )


async def has_left(ward: Ward) -> None:
    await rewritten(ward, "Encounter", "stay-3", status="finished")


async def has_died(ward: Ward) -> None:
    await rewritten(ward, "Patient", "baby-3", deceasedDateTime="2026-11-23T11:00:00+08:00")


@pytest.mark.parametrize("what", [no_clear_bed, has_left, has_died])
async def test_both_consents_are_taken_back_wherever_the_baby_is(ward: Ward, what: Any) -> None:
    nurse = await ward.staff("nurse")
    mother = await ward.guardian(nurse, MOTHER, "baby-3")
    signed_in, text = await mother.here(), text_in("en")
    await agree_to_experts(ward.nursery, signed_in, "baby-3", text.version, language="en")
    assert len(await active(ward)) == 2
    await what(ward)
    at, experts = "/newborn/consent/baby-3", 'href="/newborn/consent/baby-3/experts"'
    home = (await mother.get("/newborn")).text
    assert (f'href="{at}"' in home, experts in home) == (True, True)
    page = await mother.get(at)
    assert (page.status_code, f'action="{at}/withdraw"' in page.text) == (200, True)
    assert f'action="{at}"' not in page.text, "nothing is signed there"
    assert await mother.done(f"{at}/withdraw") == "withdrawn"
    await agree_no_more(ward.nursery, signed_in, "baby-3")
    assert await active(ward) == []
    home = (await mother.get("/newborn")).text
    assert (f'href="{at}"' in home, experts in home) == (False, False)
    assert (await mother.get(at)).status_code == 404


class Late:
    """The record of somebody in whose way another is, who writes just before this one."""

    def __init__(self, store: Store, first: Callable[[], Awaitable[object]]) -> None:
        self.store, self.first = store, first
        self.read_many, self.search = store.read_many, store.search

    async def create(self, *args: Any, **named: Any) -> Any:
        await self.first()
        return await self.store.create(*args, **named)

    async def update(self, *args: Any, **named: Any) -> Any:
        await self.first()
        return await self.store.update(*args, **named)

    async def transaction(self, *args: Any) -> Any:
        await self.first()
        return await self.store.transaction(*args)


def scopes_of(consent: dict[str, Any]) -> set[str]:
    return {one["code"] for each in consent["category"] for one in each["coding"] if one["system"] == CONSENT_SCOPE}


async def at_the_desk(ward: Ward) -> tuple[Browser, str]:
    """A nurse, and a guardian without a telephone."""
    nurse = await ward.staff("nurse")
    await nurse.done(f"{DESK}/guardians", name="示例妈妈", relation="MTH", evidence="delivery-record", seen="x")
    [guardian] = set(re.findall(r'name="guardian" value="([^"]+)"', (await nurse.get(DESK)).text))
    return nurse, guardian


async def test_a_narrower_paper_takes_the_place_of_all_that_was_signed_and_no_to_everything_takes_it_back(
    ward: Ward,
) -> None:
    nurse, guardian = await at_the_desk(ward)
    paper = {"guardian": guardian, "version": current()}
    no = dict.fromkeys(CONSENT, "no")
    assert "there is nothing to sign" in await nurse.refused(f"{DESK}/consent", **paper, **no)
    await nurse.done(f"{DESK}/consent", **paper, **CONSENT)
    [first] = await active(ward)
    await put(ward.store, "Consent", "0-again", **{name: first[name] for name in first if name not in KEPT_BY_US})
    assert len(await active(ward)) == 2
    await nurse.done(f"{DESK}/consent", **paper, **{**no, "view": "yes"})
    assert [scopes_of(each) for each in await active(ward)] == [{"view"}]
    await nurse.done(f"{DESK}/consent", **paper, **no)
    assert await active(ward) == []
    assert "no consent" in (await nurse.get(DESK)).text


async def test_what_was_signed_is_taken_back_at_the_desk(ward: Ward) -> None:
    nurse, guardian = await at_the_desk(ward)
    back = f"{DESK}/guardians/{guardian}/withdraw"
    assert back not in (await nurse.get(DESK)).text
    assert (await nurse.post(back)).status_code == 404
    await nurse.done(f"{DESK}/consent", guardian=guardian, version=current(), **CONSENT)
    assert back in (await nurse.get(DESK)).text
    assert await nurse.done(back) == "withdrawn"
    assert await active(ward) == []
    assert "taken back; it counts at once" in (await nurse.get(f"{DESK}?done=withdrawn")).text


@pytest.mark.parametrize("is_same", [True, False])
async def test_of_two_papers_at_one_moment_one_stands_and_another_answer_is_told_so(ward: Ward, is_same: bool) -> None:
    nurse, guardian = await at_the_desk(ward)
    caller, wide = (await nurse.here()).caller, {"guardian": guardian, "version": current(), **CONSENT}
    narrow = wide if is_same else {**wide, "talk": "no"}
    first = partial(keep_paper_consent, ward.nursery, caller, "baby-3", wide, language="en")
    late = replace(ward.nursery, store=cast("Any", Late(ward.store, first)))
    if is_same:
        await keep_paper_consent(late, caller, "baby-3", narrow, language="en")
    else:
        with pytest.raises(Refusal, match="consent-kept-otherwise"):
            await keep_paper_consent(late, caller, "baby-3", narrow, language="en")
    assert [scopes_of(each) for each in await active(ward)] == [{"view", "talk"}]


async def test_of_two_tabs_that_sign_first_the_second_is_told_what_is_kept(ward: Ward) -> None:
    nurse, mother = await ward.staff("nurse"), await ward.resident(MOTHER)
    await mother.done("/newborn/enrol", relation="MTH", inpatient="ZY0003", tail="AB03")
    [claim] = re.findall(r"/newborn/desk/claims/([^/]+)/approve", (await nurse.get("/newborn/desk")).text)
    await nurse.done(f"/newborn/desk/claims/{claim}/approve", evidence="birth-certificate", seen="P110000001")
    signed_in, wide = await mother.here(), {"version": current(), **CONSENT}
    first = partial(sign_consent, ward.nursery, signed_in, "baby-3", wide, language="en")
    late = replace(ward.nursery, store=cast("Any", Late(ward.store, first)))
    with pytest.raises(Refusal, match="consent-kept-otherwise"):
        await sign_consent(late, signed_in, "baby-3", {**wide, "talk": "no"}, language="en")
    assert [scopes_of(each) for each in await active(ward)] == [{"view", "talk"}]


async def test_after_a_new_text_nothing_new_is_booked_and_what_is_booked_goes_on(ward: Ward) -> None:
    await ward.opened()
    nurse, guardian = await at_the_desk(ward)
    await nurse.done(f"{DESK}/consent", guardian=guardian, version=current(), **CONSENT)
    first, second, *_ = re.findall(r'name="start" value="(\d+)" required', (await nurse.get(DESK)).text)
    assert await nurse.done(f"{DESK}/book", guardian=guardian, start=first) == "booked"
    [consent] = await active(ward)
    older = {"coding": [{**consent["policyRule"]["coding"][0], "code": "2020-1"}]}
    await rewritten(ward, "Consent", consent["id"], policyRule=older)
    assert "The text has changed" in await nurse.refused(f"{DESK}/book", guardian=guardian, start=second)
    [place] = await ward.nursery.places.of_baby("baby-3")
    assert str(place.start) == first
    assert allows(await active(ward), guardian, "view"), "the keeper lets it go on"


async def test_no_to_everything_on_paper_is_told_as_taken_back(ward: Ward) -> None:
    nurse, guardian = await at_the_desk(ward)
    paper = {"guardian": guardian, "version": current()}
    assert await nurse.done(f"{DESK}/consent", **paper, **CONSENT) == "signed"
    assert await nurse.done(f"{DESK}/consent", **paper, **{**CONSENT, "talk": "no"}) == "signed"
    assert await nurse.done(f"{DESK}/consent", **paper, **dict.fromkeys(CONSENT, "no")) == "withdrawn"


async def test_what_was_signed_under_another_record_of_the_same_account_is_taken_back_too(ward: Ward) -> None:
    nurse = await ward.staff("nurse")
    mother = await ward.guardian(nurse, MOTHER, "baby-3")
    text, signed_in = text_in("en"), await mother.here()
    await agree_to_experts(ward.nursery, signed_in, "baby-3", text.version, language="en")
    # She asked twice, and the ward said yes twice: her account stands by two records, and the home page has one.
    await mother.done("/newborn/enrol", relation="MTH", inpatient="ZY0003", tail="AB03")
    [claim] = re.findall(r"/newborn/desk/claims/([^/]+)/approve", (await nurse.get("/newborn/desk")).text)
    await nurse.done(f"/newborn/desk/claims/{claim}/approve", evidence="birth-certificate", seen="P110000001")
    signed_in = await mother.here()
    assert len(signed_in.caller.related) == 2
    for performer in signed_in.caller.related:
        for kept in await active(ward):
            content = {key: each for key, each in kept.items() if key not in KEPT_BY_US}
            other = [{"reference": f"RelatedPerson/{performer}"}]
            if content["performer"] != other:
                await put(ward.store, "Consent", kept["id"], **{**content, "performer": other})
        assert len(await active(ward)) == 2
        mine = await own_baby(ward.nursery, signed_in.caller, "baby-3")
        assert (mine.agreed, mine.agrees_to_experts) == ({Scope.VIEW, Scope.TALK}, True)
        assert 'action="/newborn/consent/baby-3/withdraw"' in (await mother.get("/newborn/consent/baby-3")).text
        kept_before = await active(ward)
        await mother.done("/newborn/consent/baby-3/withdraw")
        await agree_no_more(ward.nursery, await mother.here(), "baby-3")
        assert await active(ward) == []
        mine = await own_baby(ward.nursery, signed_in.caller, "baby-3")
        assert (mine.agreed, mine.agrees_to_experts) == (set(), False)
        for kept in kept_before:
            await rewritten(ward, "Consent", kept["id"], status="active")
