"""A resident shows whose records are his: what agrees opens them, and nothing else does or tells why."""

from __future__ import annotations

import asyncio
import re
from datetime import date
from typing import Any

import httpx
import orjson
import pytest

from tests.apps.entrance.conftest import Browser, Place, hidden
from tests.apps.entrance.test_signing_in_pages import with_password, with_telephone
from tests.desk import DESK
from tests.services.accounts.conftest import TELEPHONE
from tianfu.access.purpose import Purpose
from tianfu.db import Query
from tianfu.services.accounts.totp import code_at
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


@pytest.mark.parametrize(
    ("born", "status"),
    [(date(2012, 11, 23), 422), (date(2008, 11, 24), 422), (date(2008, 11, 23), 303)],
    ids=["fourteen", "nearly eighteen", "eighteen"],
)
async def test_a_parent_s_telephone_makes_no_record_of_a_child_or_a_young_person_a_parent_s_own(
    place: Place, born: date, status: int
) -> None:
    his = compose_identity_number(area="510104", born=born, sequence=981)
    await put(place, patient("child", identifier=[{"system": IDENTITY_NUMBER, "value": his}]))
    assert (await says(await resident(place), number=his)).status_code == status


SHARING: list[dict[str, Any]] = [
    {
        "resourceType": "RelatedPerson",
        "id": "daughter-of",
        "patient": {"reference": "Patient/hers-1"},
        "name": [{"text": "安女儿"}],
        "telecom": [{"system": "phone", "value": TELEPHONE}],
    },
    patient("his-1", identifier=[{"system": IDENTITY_NUMBER, "value": HIS_NUMBER}], birthDate="1988-01-02"),
    patient("nobody-knows-how-old", identifier=None),
]


@pytest.mark.parametrize("other", SHARING, ids=["a relative's in her record", "her husband's", "an unknown person's"])
async def test_a_telephone_that_is_another_s_too_claims_no_record(place: Place, other: dict[str, Any]) -> None:
    await put(place, patient("hers-1"), other)
    browser = await resident(place)
    answer = await says(browser)
    assert answer.status_code == 422
    assert "We found no record" in answer.text
    assert await own(place, browser) == []


async def test_a_telephone_of_somebody_to_call_for_her_claims_no_record_of_hers(place: Place) -> None:
    contact = [{"name": {"text": "安女儿"}, "telecom": [{"system": "phone", "value": TELEPHONE}]}]
    await put(place, patient("hers-1", contact=contact))
    assert (await says(await resident(place))).status_code == 422


async def test_a_child_s_record_with_her_telephone_leaves_it_hers(place: Place) -> None:
    his = compose_identity_number(area="510104", born=date(2020, 1, 2), sequence=981)
    child = patient("child", identifier=[{"system": IDENTITY_NUMBER, "value": his}], birthDate="2020-01-02")
    await put(place, patient("hers-1", birthDate="1991-06-09"), child)
    assert (await says(await resident(place))).status_code == 303


async def registrar(place: Place) -> Browser:
    await place.house.doctor("R510001", role="registrar")
    browser = place.browser()
    await with_password(browser, number="R510001")
    account = await place.house.rows("select account from account where kind = 'staff'")
    secret = await place.house.authenticator(await place.house.accounts.people.account(account[0][0]))
    place.house.time.pass_(30)
    page = await with_password(browser, number="R510001")
    code = code_at(secret, place.house.time.now)
    assert (await browser.post("/sign-in/second", step=hidden(page, "step"), code=code)).status_code == 303
    return browser


async def paper(place: Place, number: str = HERS) -> str:
    page = await (await registrar(place)).post("/account/papers", number=number, seen="yes")
    assert page.status_code == 200, page.text[-1500:]
    found = re.search(r"<code>([0-9A-Z-]{14})</code>", page.text)
    assert found
    return found[1]


async def test_a_paper_from_a_desk_opens_what_a_shared_telephone_does_not(place: Place) -> None:
    await put(place, patient("hers-1"), SHARING[1])
    code = await paper(place)
    browser = await resident(place)
    assert (await says(browser)).status_code == 422
    done = await browser.post(PATH, name=NAME, number=HERS, paper=code)
    assert (done.status_code, done.headers["location"]) == (303, "/")
    assert await own(place, browser) == ["hers-1"]
    again = await with_telephone_only(place, place.browser())  # a code alone opens a shared number's account no more
    assert 'action="/sign-in/whose/new"' in again.text


async def test_a_young_person_opens_his_records_by_a_paper_and_a_child_does_not(place: Place) -> None:
    for born, status in ((date(2012, 11, 23), 303), (date(2013, 11, 24), 422)):
        number = compose_identity_number(area="510104", born=born, sequence=981)
        await put(place, patient(f"young-{status}", identifier=[{"system": IDENTITY_NUMBER, "value": number}]))
    code = await paper(place, compose_identity_number(area="510104", born=date(2012, 11, 23), sequence=981))
    browser = await resident(place, "13800004321")
    number = compose_identity_number(area="510104", born=date(2013, 11, 24), sequence=981)
    assert (await browser.post(PATH, name=NAME, number=number, paper=code)).status_code == 422
    number = compose_identity_number(area="510104", born=date(2012, 11, 23), sequence=981)
    assert (await browser.post(PATH, name=NAME, number=number, paper=code)).status_code == 303
    assert await own(place, browser) == ["young-303"]


async def test_papers_are_there_for_registrars_alone_and_only_for_a_document_that_was_seen(place: Place) -> None:
    browser = await resident(place)
    assert (await browser.get("/account/papers")).status_code == 404
    assert (await browser.post("/account/papers", number=HERS, seen="yes")).status_code == 404
    desk = await registrar(place)
    assert "/account/papers" in (await desk.get("/account/papers")).text
    assert (await desk.post("/account/papers", number=HERS)).status_code == 422
    assert (await desk.post("/account/papers", number=HERS[:-1] + "?", seen="yes")).status_code == 422
    assert await place.house.rows("select from desk_paper") == []
    place.house.time.pass_(301)
    late = await desk.post("/account/papers", number=HERS, seen="yes")
    assert late.status_code == 303
    assert late.headers["location"] == "/account/prove?next=%2Faccount%2Fpapers"
    assert await place.house.rows("select from desk_paper") == []


async def with_telephone_only(place: Place, browser: Browser, number: str = TELEPHONE) -> httpx.Response:
    """What the page after the right code says."""
    place.house.time.pass_(61)
    begun = await browser.post("/sign-in/telephone", number=number)
    return await browser.post("/sign-in/code", step=hidden(begun, "step"), code=place.house.telephone.code)


def without_secrets(page: httpx.Response) -> str:
    """The page but for the secrets of its step and the minute at which it would be printed."""
    return re.sub(r'value="[A-Za-z0-9_-]{43}"|\d\d:\d\d</p>', "", page.text)


async def test_a_recycled_number_a_new_one_and_a_shared_one_get_the_same_page(place: Place) -> None:
    await put(place, patient("hers-1"))
    await says(await resident(place))
    await resident(place, "13800004321")  # without a name
    place.house.time.pass_(90 * 86_400)
    pages = [
        await with_telephone_only(place, place.browser(), each) for each in (TELEPHONE, "13800004321", "13800007777")
    ]
    assert len({without_secrets(each) for each in pages}) == 1
    assert len({str(sorted(each.headers.keys())) for each in pages}) == 1


async def test_a_stranger_with_a_recycled_number_guesses_a_few_names_and_no_more(place: Place) -> None:
    await put(place, patient("hers-1"))
    await says(await resident(place))
    place.house.time.pass_(90 * 86_400)
    stranger = place.browser()
    page = await with_telephone_only(place, stranger)
    answers = []
    for _ in range(6):
        fields = {"step": hidden(page, "step"), "name": "安别人", "number": HERS}
        page = await stranger.post("/sign-in/whose/named", **fields)
        answers.append(page.status_code)
    assert answers == [*[422] * 5, 429]
    assert HERS not in page.text
    assert (await stranger.post("/sign-in/whose/new", step=hidden(page, "step"))).status_code == 303
    assert await own(place, stranger) == []


async def test_her_name_and_number_lead_her_back_by_her_old_number(place: Place) -> None:
    await put(place, patient("hers-1"))
    await says(await resident(place))
    place.house.time.pass_(90 * 86_400)
    browser = place.browser()
    page = await with_telephone_only(place, browser)
    fields = {"step": hidden(page, "step"), "name": NAME, "number": HERS, "next": "/who"}
    entered = await browser.post("/sign-in/whose/named", **fields)
    assert (entered.status_code, entered.headers["location"]) == (303, "/who")
    assert await own(place, browser) == ["hers-1"]
    assert await place.house.rows("select count(*) from account") == [(1,)]


async def test_a_name_that_is_over_is_told_what_happened_what_was_kept_and_what_to_do(place: Place) -> None:
    await put(place, patient("hers-1"))
    browser = await resident(place)
    await says(browser)
    for _ in range(5):
        place.house.time.pass_(80 * 86_400)
        answer = await with_telephone(place, browser, onward="/who")
    assert answer.headers["location"] == PATH
    page = (await browser.get(PATH)).text
    assert "You last showed who you are on" in page
    assert "are all kept" in page
    assert await own(place, browser) == []
    assert (await says(browser)).status_code == 303
    assert await own(place, browser) == ["hers-1"]


async def test_a_page_that_guessing_closed_is_in_the_trail(place: Place) -> None:
    browser = await resident(place)
    for _ in range(6):
        await says(browser)
    told = [row[1] for row in await place.house.events() if row[0] == "tie-record"]
    assert told == [*["real-name-not-found"] * 5, "sign-in-closed"]


async def test_an_account_that_begins_at_a_shared_number_is_led_to_its_passkey_while_it_can_have_one(
    place: Place,
) -> None:
    await resident(place)
    async with place.house.database.connection("owner") as connection:
        await connection.run(Query.composed("share", "update account set is_shared = true"))
    place.house.time.pass_(61)
    browser = place.browser()
    entered = await with_telephone(place, browser)
    assert entered.headers["location"] == "/account/passkeys/new"
    assert (await browser.get("/account/passkeys/new")).status_code == 200
    place.house.time.pass_(301)
    page = await browser.get((await browser.get("/account/passkeys/new")).headers["location"])
    assert "You have no way left to prove it here" in page.text
