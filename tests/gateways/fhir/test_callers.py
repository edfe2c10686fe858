"""Who is let in at the FHIR door, for which purpose, and how often."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest

from tests.gateways.fhir.conftest import JSON, codes, created, patient
from tests.gateways.fhir.letting_in import bearer, client_of, door_of
from tests.web.letting_in import MemoryBuckets, word_for
from tianfu.access.caller import Caller
from tianfu.access.purpose import Purpose
from tianfu.gateways.fhir.admission import tells_who
from tianfu.records.store import Store

pytestmark = pytest.mark.anyio

DOCTOR = Caller(id="dr-an", role="doctor", organisation="hospital", practitioner="dr-an")
REQUESTS = [
    ("POST", ""),
    ("GET", "_history"),
    ("GET", "Patient"),
    ("POST", "Patient/_search"),
    ("GET", "Patient/_history"),
    ("POST", "Patient"),
    ("PUT", "Patient?identifier=1"),
    ("DELETE", "Patient?identifier=1"),
    ("GET", "Patient/1"),
    ("HEAD", "Patient/1"),
    ("PUT", "Patient/1"),
    ("DELETE", "Patient/1"),
    ("GET", "Patient/1/_history"),
    ("GET", "Patient/1/_history/1"),
    ("OPTIONS", "Patient"),
    ("GET", "Nothing"),
    ("PATCH", "Patient/1"),
]


@pytest.fixture
async def production(store: Store) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a door in production."""
    async with client_of(door_of(store, is_production=True)) as client:
        yield client


@pytest.mark.parametrize(("method", "address"), REQUESTS)
async def test_in_production_nobody_comes_in_without_a_token(
    production: httpx.AsyncClient, method: str, address: str
) -> None:
    answer = await production.request(method, address)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == 'Bearer realm="tianfu"'
    if method != "HEAD":
        assert codes(answer) == ["token-missing"]


async def test_what_the_server_can_do_is_told_to_everybody(production: httpx.AsyncClient) -> None:
    for address in ("metadata", "metadata/", "metadata?_format=json"):
        assert (await production.get(address)).status_code == 200


@pytest.mark.parametrize("address", ["Metadata", "metadata/Patient", "metadata.json"])
async def test_nothing_else_looks_like_it(production: httpx.AsyncClient, address: str) -> None:
    assert (await production.get(address)).status_code == 401


def wrong_authorizations() -> dict[str, str]:
    """Headers that bring nothing that is good here."""
    good = word_for(DOCTOR, door="machines")
    return {
        "altered": f"Bearer {good[:-9]}{'A' if good[-9] != 'A' else 'B'}{good[-8:]}",
        "for pages": f"Bearer {word_for(DOCTOR)}",
        "basic": "Basic bG9vcGJhY2s6",
        "without scheme": good,
        "empty": "Bearer",
        "twice": f"Bearer {good}, Bearer {good}",
        "nonsense": "Bearer loopback",
        "oversized": f"Bearer {'A' * 5_000}",
    }


@pytest.mark.parametrize("wrong", wrong_authorizations())
@pytest.mark.parametrize("is_production", [False, True])
async def test_a_token_that_is_not_good_is_refused_everywhere(store: Store, is_production: bool, wrong: str) -> None:
    async with client_of(door_of(store, is_production=is_production)) as client:
        for address in ("Patient/1", "metadata"):
            answer = await client.get(address, headers={"authorization": wrong_authorizations()[wrong]})
            assert (answer.status_code, codes(answer)) == (401, ["token-refused"])
            assert answer.headers["www-authenticate"] == 'Bearer realm="tianfu", error="invalid_token"'
            assert "reason" not in answer.text


async def test_a_session_cookie_opens_no_machines_door(production: httpx.AsyncClient) -> None:
    # Else a form of another site could use it here.
    for name in ("session", "__Host-session"):
        for text in (word_for(DOCTOR, door="machines"), word_for(DOCTOR)):
            answer = await production.get("Patient/1", headers={"cookie": f"{name}={text}"})
            assert codes(answer) == ["token-missing"]


async def test_a_token_lets_in_whom_it_names(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[Caller, Purpose]] = []
    read = store.read

    async def noting(caller: Caller, purpose: Purpose, *rest: str, **more: str) -> object:
        asked.append((caller, purpose))
        return await read(caller, purpose, *rest, **more)

    monkeypatch.setattr(store, "read", noting)
    async with client_of(door_of(store, is_production=True)) as client:
        headers = bearer(DOCTOR, Purpose.PUBLIC_HEALTH)
        for _ in range(2):  # the second time from memory
            await client.get("Patient/1", headers=headers)
        await client.get("Patient/1", headers=bearer(DOCTOR, Purpose.RESEARCH))
    assert [(caller.id, caller.role, caller.organisation) for caller, _ in asked] == [
        ("dr-an", "doctor", "hospital")
    ] * 3
    assert [purpose for _, purpose in asked] == [Purpose.PUBLIC_HEALTH, Purpose.PUBLIC_HEALTH, Purpose.RESEARCH]
    assert asked[0][0].session
    assert asked[0][0].session != asked[2][0].session


@pytest.mark.parametrize(
    ("allowed", "named", "code"),
    [
        ([Purpose.TREATMENT, Purpose.EMERGENCY], "", "purpose-missing"),
        ([Purpose.TREATMENT, Purpose.EMERGENCY], "PUBHLTH", "purpose-not-allowed"),
        ([Purpose.TREATMENT], "ETREAT", "purpose-not-allowed"),
        ([Purpose.TREATMENT], "treat", "purpose-unknown"),
        ([Purpose.TREATMENT], "TREAT, ETREAT", "purpose-unknown"),
        ([Purpose.TREATMENT], "ANYTHING", "purpose-unknown"),
        ([Purpose.TREATMENT, Purpose.EMERGENCY], "ETREAT", "not-found"),
        ([Purpose.EMERGENCY], "", "not-found"),
        ([Purpose.RESEARCH], "", "role-cannot-do-this"),
    ],
)
async def test_a_purpose_is_named_and_allowed_or_the_request_refused(
    store: Store, allowed: list[Purpose], named: str, code: str
) -> None:
    headers = {**bearer(DOCTOR, *allowed), **({"purpose-of-use": named} if named else {})}
    async with client_of(door_of(store, is_production=True)) as client:
        for _ in range(2):
            assert codes(await client.get("Patient/1", headers=headers)) == [code]


async def test_in_development_the_desk_says_why_or_treats(client: httpx.AsyncClient) -> None:
    assert codes(await client.get("Patient/1", headers={"purpose-of-use": "ANYTHING"})) == ["purpose-unknown"]
    assert codes(await client.get("Patient/1")) == ["not-found"]


async def test_who_asks_too_often_is_told_when_to_come_again(store: Store) -> None:
    buckets = MemoryBuckets()
    buckets.left["dr-an", "read"] = 2
    async with client_of(door_of(store, is_production=True, buckets=buckets)) as client:
        headers = bearer(DOCTOR)
        answers = [await client.get("Patient/1", headers=headers) for _ in range(3)]
        assert [answer.status_code for answer in answers] == [404, 404, 429]
        assert codes(answers[2]) == ["too-many-requests"]
        assert int(answers[2].headers["retry-after"]) >= 1
        # Another token of the same caller is the same caller; another caller is not.
        assert (await client.get("Patient/1", headers=bearer(DOCTOR))).status_code == 429
        other = Caller(id="dr-bo", role="doctor")
        assert (await client.get("Patient/1", headers=bearer(other))).status_code == 404


GUESSES = [
    ("GET", "Patient?identifier=510104199106099283", None),
    ("GET", "Patient?identifier:of-type=a|b|c", None),
    ("GET", "Patient?phone=13900000000", None),
    ("GET", "Observation?subject:Patient.identifier=1", None),
    ("GET", "Patient?_has:Observation:subject:identifier=1", None),
    ("GET", "Patient?address-postalcode=610000", None),
    ("POST", "Patient/_search", "identifier=510104199106099283"),
    ("POST", "Patient/_search", "email=a@made-up.example"),
]


@pytest.mark.parametrize(("method", "address", "form"), GUESSES)
async def test_guessing_who_somebody_is_has_a_tighter_limit(
    store: Store, method: str, address: str, form: str | None
) -> None:
    buckets = MemoryBuckets()
    buckets.left["dr-an", "identity-search"] = 0
    async with client_of(door_of(store, is_production=True, buckets=buckets)) as client:
        headers = {**bearer(DOCTOR), "content-type": "application/x-www-form-urlencoded"}
        answer = await client.request(method, address, content=form, headers=headers)
        assert (answer.status_code, codes(answer)) == (429, ["too-many-requests"])
        assert (await client.get("Patient?gender=female", headers=bearer(DOCTOR))).status_code == 200


async def test_guessing_by_a_condition_or_in_a_bundle_counts_as_well(store: Store) -> None:
    buckets = MemoryBuckets()
    buckets.left["dr-an", "identity-search"] = 5
    observation = {"resourceType": "Observation", "subject": {"reference": "Patient?identifier=1"}}
    entries = [
        {"request": {"method": "GET", "url": "Patient?identifier=1"}},
        {"request": {"method": "POST", "url": "Patient", "ifNoneExist": "identifier=1"}, "resource": patient()},
        {"request": {"method": "POST", "url": "Observation"}, "resource": observation},
        {"request": {"method": "GET", "url": "Patient?gender=female"}},
    ]
    bundle = {"resourceType": "Bundle", "type": "batch", "entry": entries}
    async with client_of(door_of(store, is_production=True, buckets=buckets)) as client:
        headers = {**JSON, **bearer(DOCTOR)}
        assert (await client.post("", json=bundle, headers=headers)).status_code == 200
        conditional = {**headers, "if-none-exist": "identifier=1"}
        answers = [await client.post("Patient", json=patient(), headers=conditional) for _ in range(3)]
        assert [answer.status_code == 429 for answer in answers] == [False, False, True]
        assert codes(await client.post("", json=bundle, headers=headers)) == ["too-many-requests"]


@pytest.mark.parametrize("name", ["name", "gender", "subject", "_id", "birthdate", "identifiers", "my-identifier"])
def test_other_questions_tell_nobody_a_number(name: str) -> None:
    assert not tells_who([name])


async def test_bad_tokens_are_counted_by_address_and_good_ones_pass_all_the_same(store: Store) -> None:
    buckets = MemoryBuckets()
    buckets.left["address:127.0.0.1", "bad-credential"] = 2
    async with client_of(door_of(store, is_production=True, buckets=buckets)) as client:
        bad = [await client.get("Patient/1", headers={"authorization": f"Bearer a.b.{n}"}) for n in range(3)]
        assert [answer.status_code for answer in bad] == [401, 401, 429]
        assert (await client.get("Patient/1", headers=bearer(DOCTOR))).status_code == 404


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"host": "elsewhere.example"}, 403),
        ({"host": "localhost.elsewhere.example"}, 403),
        ({"host": "localhost:99999999"}, 403),
        ({"host": "localhost:8000"}, 404),
        ({"sec-fetch-site": "cross-site"}, 404),
    ],
)
async def test_the_door_answers_to_its_own_names_only(
    production: httpx.AsyncClient, headers: dict[str, str], status: int
) -> None:
    answer = await production.get("Patient/1", headers={**bearer(DOCTOR), **headers})
    assert answer.status_code == status


@pytest.mark.parametrize(
    "headers", [{"sec-fetch-site": "cross-site"}, {"origin": "https://x.example"}, {"origin": "null"}]
)
async def test_a_write_that_another_sites_page_sends_is_refused(
    client: httpx.AsyncClient, headers: dict[str, str]
) -> None:
    answer = await client.post("Patient", json=patient(), headers={**JSON, **headers})
    assert codes(answer) == ["sent-by-another-site"]


async def test_addresses_in_answers_are_those_that_people_outside_use(production: httpx.AsyncClient) -> None:
    page = (await production.get("Patient?_count=1", headers=bearer(DOCTOR))).json()
    assert page["link"][0]["url"].startswith("https://localhost/fhir/Patient")


async def test_every_answer_stays_out_of_caches_and_comes_alive_nowhere(production: httpx.AsyncClient) -> None:
    for address in ("metadata", "Patient/1", "Nothing"):
        headers = (await production.get(address)).headers
        assert headers["cache-control"] == "no-store"
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
        assert headers["strict-transport-security"] == "max-age=31536000"


async def test_a_record_reads_back_as_it_was_made(client: httpx.AsyncClient) -> None:
    made = await created(client, "Patient", patient())
    assert (await client.get(f"Patient/{made['id']}")).json() == made
