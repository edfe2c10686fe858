"""Milk at the bed and what a family can tell: over HTTP, and the rules for all inputs."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.apps.newborn.conftest import MOTHER, Browser, Ward
from tianfu.access.caller import Caller
from tianfu.access.purpose import Purpose
from tianfu.apps.newborn.actions.teach_family import teach_family
from tianfu.apps.newborn.mapping.codes import VISITS
from tianfu.apps.newborn.mapping.milk import check_from, check_resource
from tianfu.apps.newborn.mapping.teaching import response_of, taught_from
from tianfu.apps.newborn.model.milk import (
    CHINA,
    HOUR,
    Kind,
    Scanned,
    Verdict,
    Wearer,
    good_until,
    judged,
    rules,
)
from tianfu.apps.newborn.model.teaching import Answer, plan, read_answers, together
from tianfu.apps.newborn.ports import FoundPage
from tianfu.apps.newborn.queries.teaching import read_teaching
from tianfu.kernel.instants import SECOND, Instant
from tianfu.kernel.refusal import Refusal
from tianfu.records.outcomes import Found
from tianfu.records.searching import SearchRequest
from tianfu.records.store import BundleAnswer, Store
from tianfu.standards.fhir.parsing import ParsedBundle

pytestmark = pytest.mark.anyio

MILK = "/newborn/care/baby-1/milk"
TEACHING = "/newborn/care/baby-1/teaching"
BAND, NUMBER = "W-2026-AB01", "ZY0001"
POINTS = [each.id for each in plan().points]


def wall(instant: int) -> str:
    """A moment as a browser's clock field sends it."""
    return datetime.fromtimestamp(instant / SECOND, UTC).astimezone(CHINA).strftime("%Y-%m-%dT%H:%M")


def bottle(ward: Ward, **changes: str) -> dict[str, str]:
    since = wall(ward.house.time.now - HOUR)
    return {"wristband": BAND, "bottle_number": NUMBER, "bottle_band": BAND, "kind": "fresh", "since": since, **changes}


async def tasks(ward: Ward) -> list[dict[str, object]]:
    page = await ward.store.search(VISITS, Purpose.TREATMENT, SearchRequest(type="Task", parameters=()))
    return [each.value for each in page.records]


async def test_the_right_milk_in_time_may_be_fed_and_the_check_is_kept(ward: Ward) -> None:
    nurse = await ward.staff("nurse")
    answer = await nurse.post(MILK, **bottle(ward))
    assert answer.status_code == 200
    assert "It may be fed now" in answer.text
    [task] = await tasks(ward)
    assert (task["status"], task["for"]) == ("completed", {"reference": "Patient/baby-1"})


async def test_whatever_does_not_fit_stops_loudly_and_is_kept_without_the_other_babys_codes(ward: Ward) -> None:
    nurse = await ward.staff("nurse")
    wrong = [
        ({"wristband": "W-2026-AB02", "bottle_band": "W-2026-AB02"}, "This band is not this baby&#39;s"),
        ({"bottle_number": "ZY0002"}, "This bottle is not this baby&#39;s"),
        ({"bottle_band": "W-2026-AB02"}, "The code on the bottle and the band differ"),
        ({"since": wall(ward.house.time.now - 5 * HOUR)}, "This milk is too old"),
        ({"since": wall(ward.house.time.now + HOUR)}, "still to come"),
    ]
    for changes, said in wrong:
        answer = await nurse.post(MILK, **bottle(ward, **changes))
        assert answer.status_code == 409
        assert 'role="alert"' in answer.text
        assert "STOP." in answer.text
        assert said in answer.text, changes
        assert "It may be fed now" not in answer.text
    kept = await tasks(ward)
    assert [each["status"] for each in kept] == ["rejected"] * len(wrong)
    assert "AB02" not in str(kept)
    assert "ZY0002" not in str(kept)


async def test_no_scan_is_made_up_and_no_kind_is_chosen_beforehand(ward: Ward) -> None:
    nurse = await ward.staff("nurse")
    assert " checked>" not in (await nurse.get(MILK)).text
    for missing in ("wristband", "bottle_number", "bottle_band", "kind", "since"):
        answer = await nurse.post(MILK, **bottle(ward, **{missing: ""}))
        assert answer.status_code == 422, missing
    assert await tasks(ward) == []


@pytest.mark.parametrize("since", ["0026-11-23T11:00", "0001-01-01T00:00", "2025-11-22T11:00", "9999-12-31T23:59"])
async def test_a_time_that_no_label_bears_is_asked_for_again(ward: Ward, since: str) -> None:
    answer = await (await ward.staff("nurse")).post(MILK, **bottle(ward, since=since))
    assert (answer.status_code, 'id="since-error"' in answer.text) == (422, True)
    assert await tasks(ward) == []


async def test_a_twins_milk_is_never_taken_for_the_others(ward: Ward) -> None:
    nurse = await ward.staff("nurse")
    answer = await nurse.post("/newborn/care/baby-2/milk", **bottle(ward, wristband="W-2026-AB02"))
    assert (answer.status_code, "This bottle is not this baby" in answer.text) == (409, True)


async def test_milk_and_teaching_are_the_wards_nurses_alone(ward: Ward) -> None:
    nurse = await ward.staff("nurse")
    mother = await ward.guardian(nurse, MOTHER, "baby-1")
    for stranger in (mother, await ward.staff("doctor"), await ward.staff("head", organisation="other")):
        for path in (MILK, TEACHING, "/newborn/care/baby-1/diary"):
            assert (await stranger.get(path)).status_code == 404, path
        assert (await stranger.post(MILK, **bottle(ward))).status_code == 404
        assert (await stranger.post(TEACHING, plan=plan().version)).status_code == 404
    assert await tasks(ward) == []


async def teach(nurse: Browser, **answers: str) -> None:
    version = re.findall(r'name="version" value="(\d+)"', (await nurse.get(TEACHING)).text)[0]
    assert await nurse.done(TEACHING, plan=plan().version, version=version, **answers) == "taught"


async def test_teaching_is_complete_only_when_each_point_was_told_in_own_words(ward: Ward) -> None:
    nurse = await ward.staff("nurse")
    page = (await nurse.get(TEACHING)).text
    assert " checked>" not in page
    assert f"{len(POINTS)} of {len(POINTS)}" in page
    await teach(nurse, **dict.fromkeys(POINTS[:-1], "own-words"), **{POINTS[-1]: "again"})
    assert f"1 of {len(POINTS)}" in (await nurse.get(TEACHING)).text
    await teach(nurse, **{POINTS[-1]: "own-words"})
    assert "told everything" in (await nurse.get(TEACHING)).text
    await teach(nurse, **{POINTS[0]: "again"})
    assert f"1 of {len(POINTS)}" in (await nurse.get(TEACHING)).text
    kept = await ward.store.search(
        VISITS, Purpose.TREATMENT, SearchRequest(type="QuestionnaireResponse", parameters=())
    )
    [response] = kept.records
    assert (response.value["status"], response.version) == ("in-progress", 3)
    plans = await ward.store.search(VISITS, Purpose.TREATMENT, SearchRequest(type="CarePlan", parameters=()))
    [left] = plans.records
    assert (left.value["status"], left.version) == ("active", 3)
    assert left.value["supportingInfo"] == [{"reference": f"QuestionnaireResponse/{response.id}"}]
    codes = [each["detail"]["code"]["coding"][0]["code"] for each in left.value["activity"]]
    assert codes == POINTS
    states = [each["detail"]["status"] for each in left.value["activity"]]
    assert states == ["in-progress"] + ["completed"] * (len(POINTS) - 1)
    answer = await ward.store.read(VISITS, Purpose.TREATMENT, "Questionnaire", f"newborn-teaching-{plan().version}")
    assert isinstance(answer, Found)
    assert [each["linkId"] for each in answer.record.value["item"]] == POINTS
    assert answer.record.version == 1


async def test_points_of_another_version_and_empty_answers_are_not_taken(ward: Ward) -> None:
    nurse = await ward.staff("nurse")
    assert "The points have changed" in await nurse.refused(TEACHING, plan="2020-1", version="0")
    assert "Nothing was marked" in await nurse.refused(TEACHING, plan=plan().version, version="0")
    await teach(nurse, **{POINTS[0]: "own-words"})
    answer = await nurse.post(TEACHING, plan=plan().version, version="0", **{POINTS[1]: "own-words"})
    assert answer.status_code == 422


class Late:
    """The record of somebody in whose way another is, who writes when this one has read everything."""

    def __init__(self, store: Store, first: Callable[[], Awaitable[object]], until: Literal["search", "write"]) -> None:
        self.store, self.first, self.until = store, first, until
        self.read_many, self.create, self.update = store.read_many, store.create, store.update

    async def _let_first(self) -> None:
        first, self.first = self.first, _nobody
        await first()

    async def search(self, caller: Caller, purpose: Purpose, wanted: SearchRequest) -> FoundPage:
        if self.until == "search" and wanted.type == "CarePlan":
            await self._let_first()
        return await self.store.search(caller, purpose, wanted)

    async def transaction(self, caller: Caller, purpose: Purpose, bundle: ParsedBundle) -> Sequence[BundleAnswer]:
        await self._let_first()
        return await self.store.transaction(caller, purpose, bundle)


async def _nobody() -> None:
    """Nobody else is there."""


@pytest.mark.parametrize("until", ["search", "write"])
async def test_of_two_nurses_who_hear_a_family_first_at_one_moment_one_is_told_that_hers_is_not_kept(
    ward: Ward, until: Literal["search", "write"]
) -> None:
    caller = (await (await ward.staff("nurse")).here()).caller

    def form(point: str, answer: str) -> dict[str, str]:
        return {"plan": plan().version, "version": "0", point: answer}

    async def first() -> None:
        await teach_family(ward.nursery, caller, "baby-1", form(POINTS[0], "own-words"))

    late = replace(ward.nursery, store=Late(ward.store, first, until))
    with pytest.raises(Refusal, match="written-meanwhile"):
        await teach_family(late, caller, "baby-1", form(POINTS[1], "own-words"))
    taught = (await read_teaching(ward.nursery, caller, "baby-1")).taught
    assert taught is not None
    assert taught.answers == {POINTS[0]: Answer.OWN_WORDS}
    plans = await ward.store.search(VISITS, Purpose.TREATMENT, SearchRequest(type="CarePlan", parameters=()))
    [left] = plans.records
    states = [each["detail"]["status"] for each in left.value["activity"]]
    assert states == ["completed"] + ["not-started"] * (len(POINTS) - 1)


# --- rules, for all inputs ------------------------------------------------------------------------------------

CODES = st.sampled_from(["A1", "A2", "B1", "B2", "", "甲"])
NOW = Instant(1_795_406_430_000_000)
SCANNED = st.builds(
    Scanned,
    wristband=CODES,
    bottle_number=CODES,
    bottle_band=CODES,
    kind=st.sampled_from(Kind),
    since=st.integers(-200, 200).map(lambda hours: Instant(NOW + hours * HOUR // 2)),
)
WEARERS = st.builds(Wearer, wristbands=st.frozensets(CODES, max_size=2), number=CODES)


@given(SCANNED, WEARERS)
def test_milk_is_fed_only_with_two_identifiers_of_this_baby_and_in_time(scanned: Scanned, wearer: Wearer) -> None:
    if judged(scanned, wearer, now=NOW) is Verdict.MAY_BE_FED:
        assert scanned.wristband in wearer.wristbands
        assert scanned.bottle_band == scanned.wristband
        assert scanned.bottle_number == wearer.number != ""
        assert scanned.since <= NOW + 60 * SECOND
        assert good_until(scanned.kind, scanned.since) > NOW


@given(SCANNED, st.sampled_from(Verdict))
def test_a_check_is_read_as_it_was_written(scanned: Scanned, verdict: Verdict) -> None:
    check = check_from(check_resource(scanned, verdict, baby="b1", by="n1", now=NOW))
    assert check is not None
    assert (check.verdict, check.kind, check.since, check.at, check.by) == (
        verdict,
        scanned.kind,
        scanned.since,
        NOW,
        "n1",
    )


def test_how_long_milk_is_good_is_data_and_says_that_it_was_inferred() -> None:
    assert (set(rules()["hours"]), rules()["mark"]) == ({each.value for each in Kind}, "inferred")


ANSWERS = st.dictionaries(st.sampled_from(POINTS), st.sampled_from(Answer))


@given(ANSWERS, ANSWERS)
def test_the_later_answer_counts_and_complete_means_all(before: dict[str, Answer], said: dict[str, Answer]) -> None:
    answers = together(before, said)
    assert all(answers[each] is said[each] for each in said)
    assert plan().is_complete(answers) == (not plan().missing(answers))
    assert plan().is_complete(answers) == all(answers.get(each) is Answer.OWN_WORDS for each in POINTS)
    taught = taught_from({**response_of(plan(), answers, baby="b1", by="n1", now=NOW), "id": "q1"}, version=1)
    assert taught is not None
    assert (taught.answers, taught.is_complete) == (answers, plan().is_complete(answers))


@given(st.dictionaries(st.sampled_from([*POINTS, "else"]), st.text(max_size=10)))
def test_only_our_two_answers_are_taken(form: dict[str, str]) -> None:
    try:
        answers = read_answers(form, plan().points, version=plan().version, today=plan())
    except Refusal:
        answers = {}
    known = {each.value for each in Answer}
    assert answers == {name: form[name] for name in POINTS if form.get(name) in known}
