"""A day of the diary from the nurse to the family, over HTTP, a real store and real accounts."""

from __future__ import annotations

import re
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.apps.newborn.conftest import FATHER, GRANDMOTHER, MOTHER, OTHER_MOTHER, Browser, Ward, current
from tests.apps.newborn.test_photo import SECRET, telltale
from tests.records.made import put
from tianfu.access.purpose import Purpose
from tianfu.apps.newborn.mapping.codes import VISITS
from tianfu.apps.newborn.mapping.diary import Entry, entry_from, entry_of, observations_of, told_in
from tianfu.apps.newborn.model.consent import Scope
from tianfu.apps.newborn.model.diary import (
    Feed,
    State,
    Told,
    read_day,
    read_told,
    refuse_unless_releasable,
)
from tianfu.kernel.instants import Instant, china_date
from tianfu.kernel.refusal import Refusal
from tianfu.records.outcomes import Found
from tianfu.records.searching import SearchRequest

pytestmark = pytest.mark.anyio

CARE = "/newborn/care/baby-3"
PAGE = "/newborn/diary/baby-3"
ALL = {"view": "yes", "talk": "yes", "diary": "yes", "photo": "yes"}
DAY = {
    "grams": "1480",
    "millilitres": "160",
    "feed": "own-milk",
    "stool": "金黄色，软",
    "note": "今天自己吃了 <b>三</b> 次奶。",
}


async def agreed(ward: Ward, nurse: Browser, telephone: str = MOTHER, **scopes: str) -> Browser:
    """A guardian of the third baby who agreed to this much."""
    relation = "FTH" if telephone == FATHER else "MTH"
    guardian = await ward.guardian(nurse, telephone, "baby-3", relation)
    await guardian.done("/newborn/consent/baby-3", version=current(), **{**ALL, **scopes})
    return guardian


def today(ward: Ward) -> str:
    return china_date(ward.house.time.now).isoformat()


async def version(nurse: Browser) -> str:
    """The version that the nurse's page shows."""
    return str(re.findall(r'name="version" value="(\d+)"', (await nurse.get(f"{CARE}/diary")).text)[0])


async def written(ward: Ward, nurse: Browser, **changes: str) -> None:
    said = {**DAY, "version": await version(nurse), **changes}
    assert (await nurse.done(f"{CARE}/diary/{today(ward)}", **said)).startswith("written")


async def released(ward: Ward, nurse: Browser) -> None:
    path = f"{CARE}/diary/{today(ward)}/release"
    assert (await nurse.done(path, version=await version(nurse))).startswith("released")


async def test_a_family_sees_a_day_once_it_is_released_and_not_before(ward: Ward) -> None:
    nurse = await ward.staff("nurse")
    mother = await agreed(ward, nurse)
    assert "not released an entry yet" in (await mother.get(PAGE)).text
    await written(ward, nurse)
    assert "1\u202f480" not in (await mother.get(PAGE)).text
    await released(ward, nurse)
    page = (await mother.get(PAGE)).text
    assert "1\u202f480" in page
    assert "金黄色，软" in page
    assert "&lt;b&gt;三&lt;/b&gt;" in page
    assert 'class="chart curves"' in page
    assert "Not cleared for clinical decisions" in page
    answer = await mother.get("/newborn/diary")
    assert (answer.status_code, answer.headers["location"]) == (303, PAGE)


async def test_a_released_day_is_taken_back_with_a_reason_and_all_its_versions_stay(ward: Ward) -> None:
    nurse = await ward.staff("nurse")
    mother = await agreed(ward, nurse)
    await written(ward, nurse)
    await released(ward, nurse)
    day = f"{CARE}/diary/{today(ward)}"
    assert "Take it back first" in await nurse.refused(day, **DAY, version=await _version_of(ward))
    assert "Say why" in await nurse.refused(f"{day}/take-back", reason="  ")
    assert (await nurse.done(f"{day}/take-back", reason="体重记错了")).startswith("taken-back")
    page = (await mother.get(PAGE)).text
    assert "体重记错了" in page
    assert "1\u202f480" not in page
    await written(ward, nurse, grams="1430")
    assert "1\u202f430" not in (await mother.get(PAGE)).text
    await released(ward, nurse)
    assert "1\u202f430" in (await mother.get(PAGE)).text
    [entry] = await _entries(ward)
    statuses = []
    for number in range(1, 6):
        answer = await ward.store.vread(VISITS, Purpose.TREATMENT, "Composition", str(entry["id"]), number)
        assert isinstance(answer, Found)
        statuses.append(answer.record.value["status"])
    assert statuses == ["preliminary", "final", "entered-in-error", "preliminary", "final"]


async def test_nothing_is_released_before_a_guardian_agreed_or_while_guardianship_is_in_dispute(ward: Ward) -> None:
    nurse = await ward.staff("nurse")
    mother = await agreed(ward, nurse, diary="no")
    await written(ward, nurse)
    path = f"{CARE}/diary/{today(ward)}/release"
    assert "No guardian has agreed to the diary" in await nurse.refused(path, version=await version(nurse))
    assert "You have not agreed to the diary" in (await mother.get(PAGE)).text
    await mother.done("/newborn/consent/baby-3", version=current(), **ALL)
    await nurse.done("/newborn/desk/babies/baby-3/dispute", **{"is": "begun"})
    assert "in dispute" in await nurse.refused(path, version=await version(nurse))


async def test_a_father_who_agreed_to_nothing_of_it_sees_neither_diary_nor_photo(ward: Ward) -> None:
    nurse = await ward.staff("nurse")
    mother = await agreed(ward, nurse)
    father = await agreed(ward, nurse, FATHER, diary="no", photo="no")
    await nurse.send_file(f"{CARE}/diary/{today(ward)}/photo", "photo", telltale())
    await written(ward, nurse)
    await released(ward, nurse)
    [photo] = re.findall(rf"{PAGE}/photos/([^\"]+)", (await mother.get(PAGE)).text)
    page = (await father.get(PAGE)).text
    assert "You have not agreed to the diary" in page
    assert "1\u202f480" not in page
    assert (await father.get(f"{PAGE}/photos/{photo}")).status_code == 404
    await father.done("/newborn/consent/baby-3", version=current(), **{**ALL, "photo": "no"})
    page = (await father.get(PAGE)).text
    assert "1\u202f480" in page
    assert photo not in page
    assert (await father.get(f"{PAGE}/photos/{photo}")).status_code == 404


async def test_a_photo_waits_for_consent_is_made_anew_and_is_seen_once_released(ward: Ward) -> None:
    nurse = await ward.staff("nurse")
    mother = await agreed(ward, nurse, photo="no")
    path = f"{CARE}/diary/{today(ward)}/photo"
    answer = await nurse.send_file(path, "photo", telltale())
    assert answer.status_code == 422
    assert "No guardian has agreed to photos" in answer.text
    assert await _documents(ward) == []
    await mother.done("/newborn/consent/baby-3", version=current(), **ALL)
    answer = await nurse.send_file(path, "photo", b"<svg/>", called="baby.jpg")
    assert answer.status_code == 422
    assert "no JPEG" in answer.text
    answer = await nurse.send_file(path, "photo", telltale())
    assert answer.status_code == 303, answer.text[-1500:]
    [photo] = re.findall(rf"{CARE}/photos/([^\"]+)", (await nurse.get(f"{CARE}/diary")).text)
    assert (await mother.get(f"{PAGE}/photos/{photo}")).status_code == 404
    await released(ward, nurse)
    assert photo in (await mother.get(PAGE)).text
    seen = await mother.get(f"{PAGE}/photos/{photo}")
    assert (seen.status_code, seen.headers["content-type"]) == (200, "image/jpeg")
    assert seen.headers["cache-control"] == "no-store"
    assert seen.headers["x-content-type-options"] == "nosniff"
    assert seen.content.startswith(b"\xff\xd8\xff")
    assert SECRET not in seen.content
    await nurse.done(f"{CARE}/diary/{today(ward)}/take-back", reason="照片里有别人")
    assert (await mother.get(f"{PAGE}/photos/{photo}")).status_code == 404
    assert (await nurse.get(f"{CARE}/photos/{photo}")).status_code == 404
    await written(ward, nurse)
    await released(ward, nurse)
    assert photo not in (await mother.get(PAGE)).text


async def test_a_photo_is_replaced_or_taken_out_before_it_is_released(ward: Ward) -> None:
    nurse = await ward.staff("nurse")
    await agreed(ward, nurse)
    path = f"{CARE}/diary/{today(ward)}"
    await written(ward, nurse)
    for _ in range(2):
        assert (await nurse.send_file(f"{path}/photo", "photo", telltale())).status_code == 303
    assert "1\u202f480" in (await nurse.get(f"{CARE}/diary")).text
    assert [each["docStatus"] for each in await _documents(ward)] == ["entered-in-error", "preliminary"]
    assert (await nurse.done(f"{path}/no-photo")).startswith("no-photo")
    assert {each["docStatus"] for each in await _documents(ward)} == {"entered-in-error"}
    assert (await nurse.post(f"{path}/no-photo")).status_code == 404


async def test_consent_withdrawn_closes_diary_and_photo_at_once(ward: Ward) -> None:
    nurse = await ward.staff("nurse")
    mother = await agreed(ward, nurse)
    await nurse.send_file(f"{CARE}/diary/{today(ward)}/photo", "photo", telltale())
    await released(ward, nurse)
    [photo] = re.findall(rf"{PAGE}/photos/([^\"]+)", (await mother.get(PAGE)).text)
    await mother.done("/newborn/consent/baby-3/withdraw")
    assert photo not in (await mother.get(PAGE)).text
    assert (await mother.get(f"{PAGE}/photos/{photo}")).status_code == 404


async def test_an_invited_relative_another_mother_and_another_ward_see_nothing(ward: Ward) -> None:
    head = await ward.opened()
    mother = await agreed(ward, head)
    grandmother = await ward.resident(GRANDMOTHER)
    await mother.done("/newborn/invited/baby-3", name="示例外婆", telephone=GRANDMOTHER)
    [invitation] = re.findall(r"/newborn/invitations/([^/]+)/accept", (await grandmother.get("/newborn")).text)
    await grandmother.done(f"/newborn/invitations/{invitation}/accept")
    nurse = await ward.staff("nurse")
    await nurse.send_file(f"{CARE}/diary/{today(ward)}/photo", "photo", telltale())
    await written(ward, nurse)
    await released(ward, nurse)
    [photo] = re.findall(rf"{PAGE}/photos/([^\"]+)", (await mother.get(PAGE)).text)
    doctor = await ward.staff("doctor")
    for stranger in (grandmother, await ward.resident(OTHER_MOTHER), doctor, nurse):
        for path in (PAGE, f"{PAGE}/photos/{photo}"):
            assert (await stranger.get(path)).status_code == 404, path
    assert "No baby is tied" in (await grandmother.get("/newborn/diary")).text
    # Another baby's page is no way to a photo of this one.
    assert (await nurse.get(f"/newborn/care/baby-2/photos/{photo}")).status_code == 404
    for stranger in (mother, doctor):
        assert (await stranger.get(f"{CARE}/diary")).status_code == 404
        assert (await stranger.post(f"{CARE}/diary/{today(ward)}", **DAY, version="0")).status_code == 404


async def test_two_nurses_who_write_at_once_do_not_write_over_each_other(ward: Ward) -> None:
    nurse = await ward.staff("nurse")
    await written(ward, nurse)
    answer = await nurse.post(f"{CARE}/diary/{today(ward)}", **{**DAY, "grams": "999", "version": "0"})
    assert answer.status_code == 422
    assert 'value="1480"' in answer.text


async def test_what_cannot_be_is_said_beside_the_field_and_nothing_is_lost(ward: Ward) -> None:
    nurse = await ward.staff("nurse")
    path = f"{CARE}/diary/{today(ward)}"
    page = await nurse.refused(path, **{**DAY, "grams": "14", "feed": "", "version": "0"})
    assert "Weight in whole grams" in page
    assert "Also choose what it was" in page
    assert "金黄色，软" in page
    tomorrow = (china_date(ward.house.time.now) + timedelta(days=1)).isoformat()
    for day, status in ((tomorrow, 422), ("2026-01-01", 422), ("20261126", 404), ("x", 404)):
        assert (await nurse.post(f"{CARE}/diary/{day}", **DAY, version="0")).status_code == status, day


async def test_with_the_length_of_the_pregnancy_and_the_sex_the_family_sees_centiles(ward: Ward) -> None:
    nurse = await ward.staff("nurse")
    mother = await agreed(ward, nurse)
    answer = await ward.store.read(VISITS, Purpose.TREATMENT, "Patient", "baby-3")
    assert isinstance(answer, Found)
    kept = {name: value for name, value in answer.record.value.items() if name not in {"resourceType", "id", "meta"}}
    await put(ward.store, "Patient", "baby-3", **{**kept, "gender": "female"})
    await written(ward, nurse)
    await released(ward, nurse)
    assert "your baby's own line" in (await mother.get(PAGE)).text.replace("&#39;", "'")
    assert "Weeks from 22 to 43" in await nurse.refused(f"{CARE}/gestation", weeks="12", days="0")
    assert (await nurse.done(f"{CARE}/gestation", weeks="31", days="2")).startswith("gestation")
    page = (await mother.get(PAGE)).text
    assert all(f">{each}</text>" in page for each in ("P3", "P10", "P50", "P90", "P97"))
    assert "standard deviations from the median" in (await nurse.get(f"{CARE}/diary")).text


# --- rules, for all inputs ------------------------------------------------------------------------------------

TEXTS = st.text(max_size=60).map(lambda text: " ".join(text.split()))
TOLD = st.builds(
    lambda grams, fed, stool, note: Told(
        grams=grams, millilitres=fed and fed[0], feed=fed and fed[1], stool=stool, note=note
    ),
    st.none() | st.integers(200, 12_000),
    st.none() | st.tuples(st.integers(1, 2_000), st.sampled_from(Feed)),
    TEXTS,
    TEXTS,
)
SOME_DAY = date(2026, 11, 26)


@given(TOLD, st.sampled_from(State))
def test_what_is_written_to_the_record_is_what_is_read_from_it(told: Told, state: State) -> None:
    observed = observations_of(told, baby="b1", day=SOME_DAY, author="n1", state=state)
    references = [f"Observation/o{number}" for number in range(len(observed))]
    before = Entry(id="c1", version=3, baby="b1", day=SOME_DAY, state=state, author="n1", told=told, photo="p1")
    composition = entry_of(before, references, now=Instant(1_764_000_000_000_000))
    after = entry_from(composition, version=3)
    assert after is not None
    assert told_in(after.told.note, observed.values()) == told
    assert (after.baby, after.day, after.state, after.photo) == ("b1", SOME_DAY, state, "p1")
    assert len(after.observations) == len(observed)


@given(st.dictionaries(st.sampled_from(["grams", "millilitres", "feed", "stool", "note"]), st.text(max_size=8)))
def test_a_form_is_read_or_refused_field_by_field(form: dict[str, str]) -> None:
    told, refusal = _read(form)
    if told is not None:
        assert (told.feed is None) == (told.millilitres is None)
    else:
        assert refusal is not None
        assert refusal.code == "diary-unusable"
        assert {each.path for each in refusal.faults} <= {"grams", "millilitres", "feed", "stool", "note"}


def _read(form: dict[str, str]) -> tuple[Told | None, Refusal | None]:
    try:
        return read_told(form), None
    except Refusal as refusal:
        return None, refusal


@given(st.dates(), st.dates())
def test_only_the_last_days_since_the_birth_are_written(day: date, born: date) -> None:
    try:
        read_day(day.isoformat(), today=SOME_DAY, born=born)
    except Refusal:
        assert not (born <= day <= SOME_DAY and (SOME_DAY - day).days <= 3)
    else:
        assert born <= day <= SOME_DAY


@given(st.sampled_from(State), TOLD, st.booleans(), st.frozensets(st.sampled_from(Scope)))
def test_nothing_comes_to_a_family_without_consent_to_each_kind(
    state: State, told: Told, has_photo: bool, agreed_to: frozenset[Scope]
) -> None:
    try:
        refuse_unless_releasable(state, told, has_photo=has_photo, agreed=agreed_to)
    except Refusal:
        return
    assert state is State.DRAFT
    assert Scope.DIARY in agreed_to
    assert Scope.PHOTO in agreed_to or not has_photo
    assert has_photo or not told.is_empty


async def _entries(ward: Ward) -> list[dict[str, object]]:
    return await _found(ward, "Composition")


async def _version_of(ward: Ward) -> str:
    page = await ward.store.search(VISITS, Purpose.TREATMENT, SearchRequest(type="Composition", parameters=()))
    return str(page.records[0].version)


async def _documents(ward: Ward) -> list[dict[str, object]]:
    return sorted(await _found(ward, "DocumentReference"), key=lambda each: str(each["docStatus"]))


async def _found(ward: Ward, kind: str) -> list[dict[str, object]]:
    page = await ward.store.search(VISITS, Purpose.TREATMENT, SearchRequest(type=kind, parameters=()))
    return [each.value for each in page.records]
