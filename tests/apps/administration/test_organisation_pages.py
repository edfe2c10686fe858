"""The pages of organisations: what a system administrator changes below himself, by versions of records."""

from __future__ import annotations

import re

import pytest

from tests.apps.administration.conftest import CITY, HOSPITAL, PROVINCE, SIBLING, WARD, Person, World
from tests.desk import DESK
from tests.records.made import put
from tianfu.access.purpose import Purpose
from tianfu.records.outcomes import Found, Record
from tianfu.services.accounts.store import THE_OPERATOR

pytestmark = pytest.mark.anyio

UNITS = "/administration/organisations"


async def record(world: World, organisation: str) -> Record:
    answer = await world.store.read(DESK, Purpose.OPERATIONS, "Organization", organisation)
    assert isinstance(answer, Found)
    return answer.record


async def test_the_first_page_is_ones_own_organisation(administrator: Person) -> None:
    assert (await administrator.get("/administration")).headers["location"] == UNITS
    assert (await administrator.get(UNITS)).headers["location"] == f"{UNITS}/{CITY}"


async def test_a_unit_shows_what_stands_below_with_counts_of_units_and_people(
    world: World, administrator: Person
) -> None:
    await world.person("D1", "doctor", WARD)
    page = (await administrator.get(f"{UNITS}/{CITY}")).text
    assert "云溪医院" in page
    assert "远山市" not in page
    assert "1 unit below" in page
    assert "1 person<" in page


async def test_a_unit_is_added_below_and_is_part_of_it(world: World, administrator: Person) -> None:
    answer = await administrator.post(f"{UNITS}/{CITY}/units", name=" 东山 县 ", kind="county")
    assert answer.status_code == 303
    page = (await administrator.get(f"{UNITS}/{CITY}")).text
    [added] = re.findall(rf'href="{UNITS}/([\w-]+)"><bdi[^>]*>东山 县<', page)
    value = (await record(world, added)).value
    assert value["partOf"] == {"reference": f"Organization/{CITY}"}
    assert value["active"] is True


async def test_a_form_that_is_wrong_keeps_what_was_typed(administrator: Person) -> None:
    answer = await administrator.post(f"{UNITS}/{CITY}/units", name="东山县", kind="village")
    assert answer.status_code == 422
    assert 'value="东山县"' in answer.text
    assert 'id="kind-error"' in answer.text


async def test_a_renamed_unit_keeps_its_old_name_as_an_alias(world: World, administrator: Person) -> None:
    answer = await administrator.post(f"{UNITS}/{WARD}/name", name="心内科", version="1")
    assert answer.status_code == 303
    value = (await record(world, WARD)).value
    assert (value["name"], value["alias"]) == ("心内科", ["内科"])


@pytest.mark.parametrize(("act", "fields"), [("name", {"name": "心内科"}), ("close", {}), ("move", {"to": CITY})])
async def test_a_change_from_an_old_version_is_refused_and_changes_nothing(
    world: World, administrator: Person, act: str, fields: dict[str, str]
) -> None:
    await administrator.post(f"{UNITS}/{HOSPITAL}/units", name="外科", kind="department")
    await administrator.post(f"{UNITS}/{WARD}/name", name="内一科", version="1")
    answer = await administrator.post(f"{UNITS}/{WARD}/{act}", version="1", **fields)
    assert answer.status_code == 422
    assert (await record(world, WARD)).version == 2
    if act != "move":
        assert "Somebody else has just changed this" in answer.text
        assert 'name="version" value="2"' in answer.text


async def test_a_unit_moves_with_all_below_it(world: World, administrator: Person) -> None:
    await put(
        world.store, "Organization", "clinic", active=True, name="分院", partOf={"reference": "Organization/city"}
    )
    answer = await administrator.post(f"{UNITS}/{CITY}/units", name="东山县", kind="county")
    page = (await administrator.get(f"{UNITS}/{CITY}")).text
    [county] = re.findall(rf'href="{UNITS}/([\w-]+)"><bdi[^>]*>东山县<', page)
    answer = await administrator.post(f"{UNITS}/{HOSPITAL}/move", to=county, version="1")
    assert answer.status_code == 303, answer.text
    assert (await record(world, HOSPITAL)).value["partOf"] == {"reference": f"Organization/{county}"}
    assert "内科" in (await administrator.get(f"{UNITS}/{HOSPITAL}")).text


async def test_a_unit_never_moves_below_itself(world: World, administrator: Person) -> None:
    answer = await administrator.post(f"{UNITS}/{HOSPITAL}/move", to=WARD, version="1")
    assert answer.status_code == 422
    assert "below itself" in answer.text
    assert (await record(world, HOSPITAL)).version == 1


async def test_a_unit_with_open_units_or_with_people_is_not_closed(world: World, administrator: Person) -> None:
    doctor = await world.person("D1", "doctor", WARD)
    assert "open units stand below" in (await administrator.post(f"{UNITS}/{HOSPITAL}/close", version="1")).text
    assert "still work here" in (await administrator.post(f"{UNITS}/{WARD}/close", version="1")).text
    assert (await record(world, WARD)).version == 1
    await world.house.accounts.people.leave(THE_OPERATOR, doctor.account.id, world.tree)
    assert (await administrator.post(f"{UNITS}/{WARD}/close", version="1")).status_code == 303
    assert (await record(world, WARD)).value["active"] is False
    assert "Closed" in (await administrator.get(f"{UNITS}/{WARD}")).text


@pytest.mark.parametrize("organisation", [PROVINCE, SIBLING, "nothing-there"])
async def test_above_beside_and_nowhere_are_alike_not_there(
    world: World, administrator: Person, organisation: str
) -> None:
    for page in ("", "/name", "/move", "/close"):
        assert (await administrator.get(f"{UNITS}/{organisation}{page}")).status_code == 404, page
    for page in ("/units", "/name", "/move", "/close"):
        sent = {"name": "新名", "kind": "county", "to": CITY, "version": "1"}
        assert (await administrator.post(f"{UNITS}/{organisation}{page}", **sent)).status_code == 404, page
    assert (await record(world, SIBLING)).version == 1


async def test_nothing_is_moved_out_of_ones_own(world: World, administrator: Person) -> None:
    assert (await administrator.post(f"{UNITS}/{WARD}/move", to=SIBLING, version="1")).status_code == 404
    assert (await record(world, WARD)).version == 1


async def test_ones_own_organisation_is_renamed_but_neither_moved_nor_closed(
    world: World, administrator: Person
) -> None:
    assert (await administrator.post(f"{UNITS}/{CITY}/name", name="云溪新市", version="1")).status_code == 303
    for act in ("move", "close"):
        assert (await administrator.get(f"{UNITS}/{CITY}/{act}")).status_code == 404
        assert (await administrator.post(f"{UNITS}/{CITY}/{act}", to=HOSPITAL, version="2")).status_code == 404
    assert (await record(world, CITY)).version == 2


async def test_a_change_needs_a_fresh_proof(world: World, administrator: Person) -> None:
    world.house.time.pass_(301)
    answer = await administrator.post(f"{UNITS}/{CITY}/units", name="东山县", kind="county")
    assert answer.status_code == 422
    assert f"/account/prove?next=%2Fadministration%2Forganisations%2F{CITY}" in answer.text
    assert "东山县" not in (await administrator.get(f"{UNITS}/{CITY}")).text


@pytest.mark.parametrize("role", ["doctor", "security", "officer"])
async def test_the_pages_are_not_there_for_another_role(world: World, role: str) -> None:
    other = await (await world.person("X1", role, CITY)).signs_in()
    assert (await other.get(UNITS)).status_code == 404
    assert (await other.get(f"{UNITS}/{CITY}")).status_code == 404
    assert (await other.post(f"{UNITS}/{CITY}/units", name="东山县", kind="county")).status_code == 404
