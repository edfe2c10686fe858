"""A baby that stays for months: what its family and its ward leave in the record keeps nothing from going on."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest

from tests.apps.newborn.conftest import CONSENT, FATHER, GRANDMOTHER, MOTHER, Ward, current
from tests.apps.newborn.test_milk_and_teaching import MILK, bottle
from tests.records.made import put
from tianfu.apps.newborn.mapping.codes import CONSENT as CONSENT_SCOPE
from tianfu.apps.newborn.mapping.diary import Entry, entry_of, observations_of
from tianfu.apps.newborn.mapping.notes import approved_note, note_resource
from tianfu.apps.newborn.model.diary import State, Told
from tianfu.apps.newborn.queries.family_visit import _note
from tianfu.apps.newborn.queries.records import PAGE
from tianfu.apps.newborn.visit_ports import Windows
from tianfu.kernel.instants import SECOND, Instant, china_date, day_start

pytestmark = pytest.mark.anyio

BABY = {"reference": "Patient/baby-1"}
INVITED_EVER = 30


async def leave_behind(ward: Ward, kind: str, of: Callable[[int], dict[str, Any]]) -> None:
    for number in range(PAGE + 1):
        await put(ward.store, kind, f"left-{number}", **of(number))


def ended_relative(number: int) -> dict[str, Any]:
    return {"patient": BABY, "active": False, "name": [{"text": f"示例亲属{number}"}]}


def past_visit(_: int) -> dict[str, Any]:
    virtual = {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "VR"}
    return {"status": "finished", "class": virtual, "subject": BABY}


def consent_over(number: int) -> dict[str, Any]:
    return {
        "status": "inactive",
        "scope": {"text": "演示"},
        "category": [{"coding": [{"system": CONSENT_SCOPE, "code": "view"}]}],
        "patient": BABY,
        "performer": [{"reference": f"RelatedPerson/left-{number}"}],
        "policyRule": {"text": "演示"},
    }


async def test_relatives_and_consents_of_months_close_no_page_of_the_ward_and_none_of_the_family(ward: Ward) -> None:
    nurse = await ward.staff("nurse")
    mother = await ward.guardian(nurse, MOTHER, "baby-1")
    await leave_behind(ward, "RelatedPerson", ended_relative)
    await leave_behind(ward, "Consent", consent_over)
    for who, page in (
        (nurse, "/newborn/desk/babies/baby-1"),
        (mother, "/newborn"),
        (mother, "/newborn/consent/baby-1"),
    ):
        assert (await who.get(page)).status_code == 200, page
    assert (await nurse.post(MILK, **bottle(ward))).status_code == 200


async def test_milk_is_checked_after_ever_so_many_visits(ward: Ward) -> None:
    nurse = await ward.staff("nurse")
    await leave_behind(ward, "Encounter", past_visit)
    assert "It may be fed now" in (await nurse.post(MILK, **bottle(ward))).text


async def test_of_ever_so_many_notes_a_family_reads_the_newest(ward: Ward) -> None:
    def note(number: int) -> dict[str, Any]:
        at = Instant(ward.house.time.now + number * SECOND)
        written = note_resource(f"第 {number} 天", baby="baby-1", author="made-nurse", now=at)
        return {name: value for name, value in approved_note(written, "made-doctor").items() if name != "resourceType"}

    await leave_behind(ward, "Communication", note)
    mother = (await (await ward.guardian(await ward.staff("nurse"), MOTHER, "baby-1")).here()).caller
    newest = await _note(cast("Windows", SimpleNamespace(nursery=ward.nursery)), mother, "baby-1")
    assert newest is not None
    assert newest.text == f"第 {PAGE} 天"


async def test_a_guardian_does_not_invite_and_take_back_for_ever(ward: Ward) -> None:
    nurse = await ward.opened(invited_max="1")
    mother = await ward.guardian(nurse, MOTHER, "baby-1")
    father = await ward.guardian(nurse, FATHER, "baby-1", "FTH")
    asked, claims = {"name": "示例外婆", "telephone": GRANDMOTHER}, ward.nursery.claims
    caller = (await mother.here()).caller
    [guardian] = caller.related
    written = {"ward": "ward-1", "baby": "baby-1", "guardian": guardian, "at_most": 1, "ever_at_most": INVITED_EVER}
    for number in range(INVITED_EVER - 1):
        invitation = await claims.invite(caller, related=f"left-{number}", **cast("Any", {**asked, **written}))
        await claims.end_invitation(await mother.here(), invitation, ["baby-1"])
    await mother.done("/newborn/invited/baby-1", **asked)
    [last] = await claims.invited("baby-1")
    await mother.done(f"/newborn/invitations/{last.id}/end")
    assert "as many invitations for this baby as there can be" in await mother.refused(
        "/newborn/invited/baby-1", **asked
    )
    await father.done("/newborn/invited/baby-1", **asked)


async def test_a_family_and_a_nurse_read_every_day_of_a_long_stay_and_the_curve_has_every_weight(ward: Ward) -> None:
    nurse = await ward.staff("nurse")
    mother = await ward.guardian(nurse, MOTHER, "baby-1")
    await mother.done("/newborn/consent/baby-1", version=current(), **{**CONSENT, "diary": "yes"})
    newest = china_date(ward.house.time.now)

    def day(number: int) -> tuple[dict[str, Any], dict[str, Any]]:
        on, told = newest - timedelta(days=number), Told(grams=1400 + number)
        of = {"baby": "baby-1", "day": on, "author": "made-nurse", "state": State.RELEASED}
        entry = Entry(id="", version=0, told=told, **cast("Any", of))
        written = entry_of(entry, [f"Observation/left-{number}"], now=Instant(day_start(on)))
        return observations_of(told, **cast("Any", of))["weight"], written

    def without_type(resource: dict[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in resource.items() if name != "resourceType"}

    await leave_behind(ward, "Observation", lambda number: without_type(day(number)[0]))
    await leave_behind(ward, "Composition", lambda number: without_type(day(number)[1]))
    page = (await mother.get("/newborn/diary/baby-1")).text
    assert page.count('data-part="day"') == PAGE + 1
    assert f"Days in the diary: {PAGE + 1}" in page
    assert f"Line chart of {PAGE + 1} weights" in page
    assert re.search(r"<b>1\D*500</b>", page), "the weight of the first day"
    assert f"Line chart of {PAGE + 1} weights" in (await nurse.get("/newborn/care/baby-1/diary")).text
