"""A resident shows whose records are his: what agrees opens them, and nothing else does or tells why."""

from __future__ import annotations

import asyncio
from datetime import date
from typing import Any

import httpx
import orjson
import pytest

from tests.apps.entrance.conftest import Browser, Place
from tests.apps.entrance.test_signing_in_pages import with_telephone
from tests.desk import DESK
from tests.services.accounts.conftest import TELEPHONE
from tianfu.access.purpose import Purpose
from tianfu.standards.china.identifier_systems import IDENTITY_NUMBER
from tianfu.standards.china.identity_number import compose_identity_number, shortened
from tianfu.standards.fhir.parsing import parse_resource

pytestmark = pytest.mark.anyio

HERS = compose_identity_number(area="510104", born=date(1991, 6, 9), sequence=982)
HIS_NUMBER = compose_identity_number(area="510104", born=date(1988, 1, 2), sequence=986)
NAME = "安示例"
PATH = "/account/real-name"


def patient(identity: str, **more: Any) -> dict[str, Any]:
    """Her record; a member that is None is not there."""
    whole = {
        "resourceType": "Patient",
        "id": identity,
        "identifier": [{"system": IDENTITY_NUMBER, "value": HERS}],
        "name": [{"text": NAME}],
        "telecom": [{"system": "phone", "value": TELEPHONE}],
        **more,
    }
    return {name: value for name, value in whole.items() if value is not None}


async def put(place: Place, *resources: dict[str, Any]) -> None:
    for each in resources:
        await place.store.update(DESK, Purpose.TREATMENT, parse_resource(orjson.dumps(each)), each["id"])


async def resident(place: Place, number: str = TELEPHONE) -> Browser:
    browser = place.browser()
    await with_telephone(place, browser, number=number)
    return browser


async def says(browser: Browser, name: str = NAME, number: str = HERS) -> httpx.Response:
    return await browser.post(PATH, name=name, number=number)


async def own(place: Place, browser: Browser) -> Any:
    place.house.time.pass_(2)  # a worker believes a session for a second
    return (await browser.get("/who")).json()["patients"]


async def test_records_of_both_libraries_become_hers_and_the_child_s_that_names_her(place: Place) -> None:
    mother = {
        "resourceType": "RelatedPerson",
        "id": "mother-of",
        "patient": {"reference": "Patient/child"},
        "identifier": [{"system": IDENTITY_NUMBER, "value": HERS}],
        "name": [{"text": NAME}],
        "telecom": [{"system": "phone", "value": f"+86 {TELEPHONE[:3]} {TELEPHONE[3:]}"}],
    }
    child = {"resourceType": "Patient", "id": "child", "name": [{"text": "安小示例"}]}
    # The other library has an old telephone and the number as it was before 1999.
    other = patient("hers-2", telecom=[{"system": "phone", "value": "13900000000"}])
    other["identifier"] = [{"system": IDENTITY_NUMBER, "value": shortened(HERS)}]
    await put(place, patient("hers-1"), other, child, mother)
    browser = await resident(place)
    assert await own(place, browser) == []
    assert (await browser.get(PATH)).status_code == 200
    done = await says(browser, number=HERS.lower())
    assert (done.status_code, done.headers["location"]) == (303, "/")
    assert sorted(await own(place, browser)) == ["hers-1", "hers-2"]
    rows = await place.house.rows("select type, record from account_record where until is null order by 1, 2")
    assert rows == [("Patient", "hers-1"), ("Patient", "hers-2"), ("RelatedPerson", "mother-of")]
    assert (await browser.get(PATH)).headers["location"] == "/account"
    assert (await says(browser)).headers["location"] == "/account"


@pytest.mark.parametrize(
    ("record", "said"),
    [
        (patient("hers-1", telecom=[{"system": "phone", "value": "13900000000"}]), {}),
        (patient("hers-1", telecom=None), {}),
        (patient("hers-1"), {"name": "安别人"}),
        (patient("hers-1"), {"number": HIS_NUMBER}),
        (patient("hers-1", deceasedBoolean=True), {}),
        (patient("hers-1", name=None), {"name": "-"}),
    ],
    ids=["another telephone", "no telephone", "another name", "another number", "has died", "no name"],
)
async def test_whatever_does_not_agree_gets_one_answer_and_opens_nothing(
    place: Place, record: dict[str, Any], said: dict[str, str]
) -> None:
    await put(place, record)
    browser = await resident(place)
    answer = await says(browser, **said)
    assert answer.status_code == 422
    assert "We found no record" in answer.text
    assert HERS not in answer.text
    assert await own(place, browser) == []
    told = [row for row in await place.house.events() if row[0] == "tie-record"]
    assert [row[1] for row in told] == ["real-name-not-found"]


@pytest.mark.parametrize(
    "number", ["", "510104", "x" * 5_000, "51010419910609982", "510104199113099820", HERS[:-1] + "?"]
)
async def test_a_number_that_can_be_nobody_s_is_said_so_and_asks_no_record(place: Place, number: str) -> None:
    browser = await resident(place)
    answer = await says(browser, number=number)
    assert answer.status_code == 422
    assert f'value="{NAME}"' in answer.text
    assert not [row for row in await place.house.events() if row[0] in {"search", "tie-record"}]


async def test_a_record_that_is_another_account_s_stays_his(place: Place) -> None:
    await put(
        place, patient("hers-1", telecom=[{"system": "phone", "value": each} for each in (TELEPHONE, "13800004321")])
    )
    assert (await says(await resident(place))).status_code == 303
    thief = await resident(place, "13800004321")
    assert (await says(thief)).status_code == 422
    assert await own(place, thief) == []


async def test_guessing_closes_the_page(place: Place) -> None:
    await put(place, patient("hers-1"))
    browser = await resident(place)
    statuses = [(await says(browser, number=HIS_NUMBER)).status_code for _ in range(5)]
    assert statuses == [422] * 5
    assert (await says(browser)).status_code == 429
    place.house.time.pass_(61)
    assert (await says(browser)).status_code == 303


async def test_the_number_stands_in_no_event_and_no_log(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    await put(place, patient("hers-1"))
    browser = await resident(place)
    await says(browser, name="安别人")
    await says(browser)
    text = str(await place.house.rows("select * from audit")) + capsys.readouterr().out
    assert HERS not in text
    assert NAME not in text


async def test_of_two_accounts_that_say_so_at_one_moment_one_has_the_record(place: Place) -> None:
    telephones = [f"138000043{number:02}" for number in range(6)]
    await put(place, patient("hers-1", telecom=[{"system": "phone", "value": each} for each in telephones]))
    browsers = [await resident(place, each) for each in telephones]
    await place.house.warm()
    answers = await asyncio.gather(*(says(each) for each in browsers))
    assert sorted(answer.status_code for answer in answers) == [303, *[422] * 5]
    assert len(await place.house.rows("select from account_record where type = 'Patient' and until is null")) == 1
    assert sorted([await own(place, each) for each in browsers], key=len) == [*[[]] * 5, ["hers-1"]]
    told = [row[1] for row in await place.house.events() if row[0] == "tie-record"]
    assert sorted(told) == [*["real-name-not-found"] * 5, "success"]


@pytest.mark.parametrize(("born", "status"), [(date(2012, 11, 24), 422), (date(2012, 11, 23), 303)], ids=str)
async def test_a_parent_s_telephone_makes_no_child_s_record_a_parent_s_own(
    place: Place, born: date, status: int
) -> None:
    his = compose_identity_number(area="510104", born=born, sequence=981)
    await put(place, patient("child", identifier=[{"system": IDENTITY_NUMBER, "value": his}]))
    assert (await says(await resident(place), number=his)).status_code == status


async def test_a_page_that_guessing_closed_is_in_the_trail(place: Place) -> None:
    browser = await resident(place)
    for _ in range(6):
        await says(browser)
    told = [row[1] for row in await place.house.events() if row[0] == "tie-record"]
    assert told == [*["real-name-not-found"] * 5, "sign-in-closed"]
