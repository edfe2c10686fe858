"""The pages of staff: what a security administrator does below himself, and what nobody else gets to."""

from __future__ import annotations

import re

import pytest

from tests.apps.administration.conftest import CITY, HOSPITAL, PROVINCE, SIBLING, WARD, Person, World, post_form
from tianfu.kernel.refusal import Refusal
from tianfu.services.accounts.store import THE_OPERATOR, Post

pytestmark = pytest.mark.anyio

STAFF = "/administration/staff"


async def refused_in_trail(world: World) -> list[tuple[str, str]]:
    return [(row[0], row[1]) for row in await world.house.events() if row[1] != "success"]


async def test_the_list_holds_whoever_works_here_and_below_and_nobody_of_a_sibling(
    world: World, keeper: Person
) -> None:
    await world.person("D1", "doctor", WARD, name="Dong Demo")
    await world.person("D2", "doctor", SIBLING, name="Xi Demo")
    page = (await keeper.get(STAFF)).text
    assert "Dong Demo" in page
    assert "Xi Demo" not in page


async def test_staff_are_found_by_part_of_a_name_and_by_number_without_either_in_an_address(
    world: World, keeper: Person
) -> None:
    await world.person("D1", "doctor", WARD, name="Dong Demo")
    await world.person("N1", "nurse", WARD, name="Nan Demo")
    for words in ("dong", "d1"):
        sent = await keeper.post(f"{STAFF}/find", organisation="", role="", words=words)
        assert sent.status_code == 303
        place = sent.headers["location"]
        assert words not in place.rpartition("/")[0]
        page = (await keeper.get(place)).text
        assert "Dong Demo" in page
        assert "Nan Demo" not in page


async def test_a_role_narrows_the_list(world: World, keeper: Person) -> None:
    await world.person("D1", "doctor", WARD, name="Dong Demo")
    await world.person("N1", "nurse", WARD, name="Nan Demo")
    page = (await keeper.get(f"{STAFF}?role=nurse")).text
    assert "Nan Demo" in page
    assert "Dong Demo" not in page


async def test_an_empty_unit_says_so(keeper: Person) -> None:
    assert "Nobody works here yet" in (await keeper.get(f"{STAFF}?organisation={WARD}")).text


async def test_who_joins_signs_in_with_the_password_that_was_shown_once(world: World, keeper: Person) -> None:
    answer = await keeper.post(f"{STAFF}/new", name="Bei Demo", number="b100", **post_form())
    assert answer.status_code == 201, answer.text
    assert answer.headers["cache-control"] == "no-store"
    [password] = re.findall(r'<code class="kbd whole">([^<]+)</code>', answer.text)
    world.house.device = ""
    entered = await world.house.with_password("B100", password)
    [place] = await world.house.accounts.people.workplaces(entered.signed_in.account.id)  # type: ignore[union-attr]  # no second factor yet
    assert (place.organisation, place.role, place.practising_since) == (HOSPITAL, "doctor", 2016)
    listed = (await keeper.get(STAFF)).text
    assert "Bei Demo" in listed
    assert password not in listed


async def test_a_form_that_is_wrong_keeps_what_was_typed_and_says_what_is_wrong_beside_each_field(
    keeper: Person,
) -> None:
    form = post_form(role="", practising_since="1066")
    answer = await keeper.post(f"{STAFF}/new", name="Bei Demo", number="?", **form)
    assert answer.status_code == 422
    for kept in ('value="Bei Demo"', 'value="?"', 'value="1066"', 'value="110510000000001"'):
        assert kept in answer.text
    for field in ("number", "role", "practising_since"):
        assert f'href="#{field}"' in answer.text
        assert f'id="{field}-error"' in answer.text


async def test_a_number_that_somebody_has_is_refused_beside_its_field(world: World, keeper: Person) -> None:
    await world.person("D1", "doctor", WARD)
    answer = await keeper.post(f"{STAFF}/new", name="Bei Demo", number="D1", **post_form())
    assert answer.status_code == 422
    assert 'id="number-error"' in answer.text


@pytest.mark.parametrize(
    ("organisation", "role", "status"),
    # A place that is not below cannot be shown on the page of the form: it is not there.
    [(CITY, "officer", 422), (SIBLING, "doctor", 404), (PROVINCE, "doctor", 404)],
)
async def test_nobody_is_appointed_at_ones_own_level_as_an_office_or_beside_or_above(
    world: World, keeper: Person, organisation: str, role: str, status: int
) -> None:
    doctor = await world.person("D1", "doctor", WARD)
    path = f"{STAFF}/{doctor.account.id}/appoint"
    answer = await keeper.post(path, **post_form(organisation=organisation, role=role))
    assert answer.status_code == status
    assert len(await world.house.accounts.people.workplaces(doctor.account.id)) == 1
    assert ("appoint", "not-below-you") in await refused_in_trail(world)


async def test_offices_are_offered_below_and_not_at_ones_own_level(keeper: Person) -> None:
    assert 'value="officer"' not in (await keeper.get(f"{STAFF}/new?organisation={CITY}")).text
    assert 'value="officer"' in (await keeper.get(f"{STAFF}/new?organisation={HOSPITAL}")).text


async def test_nobody_gets_a_second_office(world: World, keeper: Person) -> None:
    officer = await world.person("O1", "officer", HOSPITAL)
    path = f"{STAFF}/{officer.account.id}/appoint"
    answer = await keeper.post(path, **post_form(role="security"))
    assert answer.status_code == 422
    assert 'id="role-error"' in answer.text
    assert "Nobody holds two" in answer.text
    assert ("appoint", "two-offices") in await refused_in_trail(world)


async def test_a_member_of_a_sibling_is_not_there_on_any_page(world: World, keeper: Person) -> None:
    other = await world.person("D2", "doctor", SIBLING)
    own = f"{STAFF}/{other.account.id}"
    for page in ("", "/appoint", "/leave", "/reset", "/sessions", f"/places/{other.workplace.id}/end"):
        assert (await keeper.get(own + page)).status_code == 404, page
    for page in ("/appoint", "/leave", "/reset", "/sessions", f"/places/{other.workplace.id}/end"):
        assert (await keeper.post(own + page, **post_form())).status_code == 404, page
    assert len(await world.house.accounts.people.workplaces(other.account.id)) == 1


async def test_a_place_is_ended_only_under_its_owners_address(world: World, keeper: Person) -> None:
    one = await world.person("D1", "doctor", WARD)
    two = await world.person("D2", "doctor", WARD)
    answer = await keeper.post(f"{STAFF}/{one.account.id}/places/{two.workplace.id}/end")
    assert answer.status_code == 404
    assert len(await world.house.accounts.people.workplaces(two.account.id)) == 1


async def test_moving_ends_the_old_place_and_its_sessions(world: World, keeper: Person) -> None:
    doctor = await (await world.person("D1", "doctor", WARD)).signs_in()
    path = f"{STAFF}/{doctor.account.id}/places/{doctor.workplace.id}/move"
    assert (await keeper.get(path)).status_code == 200
    answer = await keeper.post(path, **post_form(organisation=HOSPITAL))
    assert answer.status_code == 303
    [place] = await world.house.accounts.people.workplaces(doctor.account.id)
    assert place.organisation == HOSPITAL
    with pytest.raises(Refusal):
        await doctor.signed_in()


async def test_leaving_asks_first_and_then_ends_sessions_and_places_at_once(world: World, keeper: Person) -> None:
    doctor = await (await world.person("D1", "doctor", WARD)).signs_in()
    path = f"{STAFF}/{doctor.account.id}/leave"
    asked = await keeper.get(path)
    assert "Leave for good" in asked.text
    assert await doctor.signed_in()
    assert (await keeper.post(path)).headers["location"].startswith(f"{STAFF}?done=left")
    with pytest.raises(Refusal):
        await doctor.signed_in()
    assert await world.house.accounts.people.workplaces(doctor.account.id) == ()
    assert (await keeper.get(f"{STAFF}/{doctor.account.id}")).status_code == 404


async def test_who_also_works_elsewhere_cannot_be_made_to_leave_or_reset_from_here(
    world: World, keeper: Person
) -> None:
    doctor = await world.person("D1", "doctor", WARD)
    elsewhere = world.house.accounts.people
    await elsewhere.appoint(THE_OPERATOR, doctor.account.id, Post(organisation=SIBLING, role="nurse"), world.tree)
    own = f"{STAFF}/{doctor.account.id}"
    page = (await keeper.get(own)).text
    assert "1 place that is not below you" in page
    assert f"{own}/leave" not in page
    for act in ("leave", "reset", "sessions"):
        answer = await keeper.post(f"{own}/{act}")
        assert answer.status_code == 422, act
        assert "You appoint in your own organisation" in answer.text
    assert len(await elsewhere.workplaces(doctor.account.id)) == 2


async def test_resetting_ends_sessions_and_the_second_factor_and_shows_a_password(world: World, keeper: Person) -> None:
    doctor = await (await world.person("D1", "doctor", WARD)).signs_in()
    own = f"{STAFF}/{doctor.account.id}"
    assert (await keeper.get(own)).text.count("Set up<") >= 2
    answer = await keeper.post(f"{own}/reset")
    assert answer.status_code == 200
    assert '<code class="kbd whole">' in answer.text
    assert not await world.house.accounts.credentials.has_second_factor(doctor.account.id)
    with pytest.raises(Refusal):
        await doctor.signed_in()


async def test_all_sessions_of_somebody_end_and_the_trail_says_by_whom(world: World, keeper: Person) -> None:
    doctor = await (await world.person("D1", "doctor", WARD)).signs_in()
    answer = await keeper.post(f"{STAFF}/{doctor.account.id}/sessions")
    assert answer.status_code == 303
    with pytest.raises(Refusal):
        await doctor.signed_in()
    said = [row for row in await world.house.events() if row[0] == "sign-out"]
    assert [row[1:3] for row in said] == [("success", keeper.account.id)]
    assert said[0][4] == f"account={doctor.account.id}&others=1"


async def test_a_change_needs_a_fresh_proof_and_keeps_what_was_typed(world: World, keeper: Person) -> None:
    world.house.time.pass_(301)
    answer = await keeper.post(f"{STAFF}/new", name="Bei Demo", number="B100", **post_form())
    assert answer.status_code == 422
    assert "/account/prove?next=%2Fadministration%2Fstaff%2Fnew" in answer.text
    assert 'value="Bei Demo"' in answer.text
    assert ("join", "proof-too-old") in await refused_in_trail(world)


async def test_nobody_changes_his_own_places(world: World, keeper: Person) -> None:
    own = f"{STAFF}/{keeper.account.id}"
    assert "This is yourself" in (await keeper.get(own)).text
    for act in ("leave", "reset", "sessions", f"places/{keeper.workplace.id}/end"):
        answer = await keeper.post(f"{own}/{act}")
        assert answer.status_code == 422, act
        assert "Nobody changes his own" in answer.text, act
    assert await keeper.signed_in()


@pytest.mark.parametrize("role", ["doctor", "administrator", "officer", "steward"])
async def test_the_pages_are_not_there_for_another_role(world: World, role: str) -> None:
    other = await (await world.person("X1", role, CITY)).signs_in()
    for path in (STAFF, f"{STAFF}/new", f"{STAFF}/{other.account.id}"):
        assert (await other.get(path)).status_code == 404
    assert (await other.post(f"{STAFF}/find", words="x")).status_code == 404
    assert (await other.post(f"{STAFF}/new", name="B", number="B2", **post_form())).status_code == 404
