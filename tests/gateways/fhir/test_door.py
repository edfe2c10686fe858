"""What the door refuses, and that every refusal is an OperationOutcome with a number that stands in the log."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial

import httpx
import orjson
import pytest
import structlog
from structlog.testing import capture_logs

from tests.gateways.fhir.conftest import JSON, codes, created, patient
from tests.gateways.fhir.letting_in import door_of
from tianfu.db import Database, Query
from tianfu.gateways.fhir.application import FhirApplication
from tianfu.gateways.fhir.exchange import Message
from tianfu.gateways.fhir.limits import ADDRESS_BYTES_MAX, BODY_BYTES_MAX
from tianfu.records.store import Store

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("method", "address", "status", "code"),
    [
        ("GET", "Patient/nobody", 404, "not-found"),
        ("GET", "Nothing", 404, "resource-type-unknown"),
        ("GET", "Nothing/1", 404, "resource-type-unknown"),
        ("GET", "Bundles/1/2/3/4", 404, "resource-type-unknown"),
        ("GET", "nothing", 404, "address-unknown"),
        ("GET", "Patient/x/y/z/a/b/c/d", 404, "address-unknown"),
        ("GET", "Patient/an%20id", 400, "id-malformed"),
        ("GET", "Patient/" + "x" * 65, 400, "id-malformed"),
        ("GET", "Encounter/1/$everything", 404, "operation-unknown"),
        ("GET", "Patient/1/$everything", 404, "not-found"),
        ("POST", "Patient/1/$everything", 405, "method-not-allowed"),
        ("GET", "Patient/1/$everything?code=x", 400, "search-not-supported"),
        ("GET", "$export", 404, "operation-unknown"),
        ("GET", "Patient/$export", 404, "operation-unknown"),
        ("GET", "Patient/1/Observation", 404, "address-unknown"),
        ("POST", "Patient/1", 405, "method-not-allowed"),
        ("PATCH", "Patient/1", 405, "method-not-allowed"),
        ("DELETE", "metadata", 405, "method-not-allowed"),
        ("GET", "", 405, "method-not-allowed"),
        ("BREW", "Patient", 405, "method-not-allowed"),
        ("GET", "Patient?_format=xml", 406, "format-not-offered"),
        ("GET", "Patient?nmae=li", 400, "search-parameter-unknown"),
        ("GET", "Patient?name=%ff", 400, "search-not-understood"),
        ("GET", "Patient?name=a%00b", 400, "search-value-malformed"),
        ("GET", "Patient?birthdate=soon", 400, "search-value-malformed"),
        ("GET", "Patient?_cursor=abc", 400, "cursor-invalid"),
        ("GET", "Patient/1/_history?_count=x", 400, "search-value-malformed"),
        ("GET", "Patient/_history?_at=2020", 400, "search-not-supported"),
        ("GET", "Patient?name=" + "x" * ADDRESS_BYTES_MAX, 414, "address-too-long"),
    ],
)
async def test_what_is_not_offered_is_refused(
    client: httpx.AsyncClient, method: str, address: str, status: int, code: str
) -> None:
    answer = await client.request(method, address)
    assert (answer.status_code, codes(answer)[0]) == (status, code)


async def test_a_method_that_is_not_allowed_is_answered_with_those_that_are(client: httpx.AsyncClient) -> None:
    assert (await client.patch("Patient/1")).headers["allow"] == "GET, PUT, DELETE, HEAD, OPTIONS"


@pytest.mark.parametrize(
    "accept", ["application/fhir+xml", "text/html", "application/fhir+json;fhirVersion=5.0", "application/json;q=0"]
)
async def test_only_fhir_r4_json_is_offered(client: httpx.AsyncClient, accept: str) -> None:
    answer = await client.get("metadata", headers={"accept": accept})
    assert (answer.status_code, codes(answer)) == (406, ["format-not-offered"])


@pytest.mark.parametrize(
    "accept",
    ["", "*/*", "application/json", "text/html, application/*;q=0.5", "application/fhir+json; fhirVersion=4.0"],
)
async def test_json_by_any_of_its_names_is_offered(client: httpx.AsyncClient, accept: str) -> None:
    assert (await client.get("Patient", headers={"accept": accept})).status_code == 200


@pytest.mark.parametrize(
    ("content_type", "body", "status", "code"),
    [
        ("application/xml", b"<Patient/>", 415, "format-not-taken"),
        ("application/json; charset=gbk", b"{}", 415, "format-not-taken"),
        ("", b"{}", 415, "format-not-taken"),
        ("application/json", b"", 400, "body-missing"),
        ("application/json", b"{", 400, "json-invalid"),
        ("application/json", b"\xff\xfe", 400, "json-invalid"),
        ("application/json", b"[" * 10_000 + b"]" * 10_000, 400, "json-too-deep"),
        ("application/json", b'{"resourceType":"Patient","id":"a","id":"b"}', 400, "json-duplicate-key"),
        ("application/json", b'{"resourceType":"Nothing"}', 400, "not-a-resource"),
        ("application/json", b'{"resourceType":"Patient","nmae":1}', 422, "resource-invalid"),
    ],
)
async def test_a_body_that_is_no_resource_is_refused(
    client: httpx.AsyncClient, content_type: str, body: bytes, status: int, code: str
) -> None:
    headers = {"content-type": content_type} if content_type else {}
    answer = await client.post("Patient", content=body, headers=headers)
    assert (answer.status_code, codes(answer)[0]) == (status, code)


async def test_a_compressed_body_is_refused(client: httpx.AsyncClient) -> None:
    answer = await client.post("Patient", content=b"x", headers={**JSON, "content-encoding": "gzip"})
    assert (answer.status_code, codes(answer)) == (415, ["encoding-not-taken"])


async def test_a_body_declared_too_large_is_refused_before_it_is_read(door: FhirApplication) -> None:
    async def receive() -> Message:
        raise AssertionError("the body was read")

    status, outcome = await asked(door, receive, {b"content-length": str(BODY_BYTES_MAX + 1).encode()})
    assert (status, outcome) == (413, "body-too-large")


async def test_a_body_that_grows_too_large_is_refused_without_being_kept(door: FhirApplication) -> None:
    sent = 0

    async def receive() -> Message:
        nonlocal sent
        sent += 1024 * 1024
        return {"type": "http.request", "body": bytes(1024 * 1024), "more_body": True}

    status, outcome = await asked(door, receive, {})
    assert (status, outcome) == (413, "body-too-large")
    assert sent <= BODY_BYTES_MAX + 1024 * 1024


async def test_a_client_that_falls_silent_is_not_waited_for(
    door: FhirApplication, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tianfu.gateways.fhir.exchange.SILENCE_SECONDS_MAX", 0.05)

    async def receive() -> Message:
        await asyncio.sleep(10)
        raise AssertionError("unreachable")

    assert await asked(door, receive, {}) == (408, "body-too-slow")


async def test_a_client_that_leaves_is_not_answered(door: FhirApplication) -> None:
    async def receive() -> Message:
        return {"type": "http.disconnect"}

    assert await asked(door, receive, {}) == (0, "")


async def asked(door: FhirApplication, receive: Callable[[], object], headers: dict[bytes, bytes]) -> tuple[int, str]:
    """Status and code of the answer to a POST whose body is given piece by piece; nothing is (0, "")."""
    status, body = 0, b""

    async def send(message: Message) -> None:
        nonlocal status, body
        status = message.get("status", status)
        body += message.get("body", b"")

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/fhir/Patient",
        "query_string": b"",
        "scheme": "http",
        "client": ("127.0.0.1", 1),
        "headers": [(b"host", b"localhost"), (b"content-type", b"application/fhir+json"), *headers.items()],
    }
    await door(scope, receive, send)  # type: ignore[arg-type]  # the test's receive is typed loosely
    return status, orjson.loads(body)["issue"][0]["details"]["coding"][0]["code"] if body else ""


async def test_whoever_shows_no_token_is_let_in_from_nowhere(store: Store) -> None:
    # Not even on this machine, where in development once everybody was.
    door = door_of(store, is_production=True)
    for client in ("127.0.0.1", "::1", "", "192.0.2.7"):
        transport = httpx.ASGITransport(door, client=(client, 5))  # type: ignore[arg-type]  # typed more narrowly
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost/fhir/") as asking:
            answer = await asking.get("Patient")
            assert (answer.status_code, codes(answer)) == (401, ["token-missing"]), client
            assert (await asking.get("metadata")).status_code == 200


@pytest.mark.parametrize("host", ["tianfu.example", "localhost.example", "127.0.0.1.example:80", "", "localhost:x"])
async def test_this_machine_is_asked_by_its_own_names_only(client: httpx.AsyncClient, host: str) -> None:
    answer = await client.get("metadata", headers={"host": host})
    assert (answer.status_code, codes(answer)) == (403, ["host-not-ours"])


async def test_a_page_of_another_site_cannot_write_through_a_browser_here(client: httpx.AsyncClient) -> None:
    headers = {**JSON, "sec-fetch-site": "cross-site"}
    answer = await client.post("Patient", json=patient(), headers=headers)
    assert (answer.status_code, codes(answer)) == (403, ["sent-by-another-site"])


async def test_no_answer_may_be_kept_in_a_cache(client: httpx.AsyncClient) -> None:
    for address in ("metadata", "Patient/nobody", "Patient"):
        assert (await client.get(address)).headers["cache-control"] == "no-store"


async def test_a_search_past_its_deadline_ends_with_an_outcome(
    door: FhirApplication, client: httpx.AsyncClient, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(door._door.store, "search", partial(door._door.store.search, deadline_seconds=0.2))
    async with database.transaction("owner") as owner:
        await owner.run(Query.composed("lock", "lock table resource_patient in access exclusive mode"))
        answer = await client.get("Patient?name=x")
    assert (answer.status_code, codes(answer)) == (503, ["deadline-passed"])
    assert answer.headers["retry-after"]
    assert (await client.get("Patient?name=x")).status_code == 200


@pytest.mark.parametrize("host", ["localhost:8000", "127.0.0.1:8000", "[::1]:8000", "LOCALHOST"])
async def test_addresses_in_answers_repeat_the_name_that_was_asked(client: httpx.AsyncClient, host: str) -> None:
    statement = (await client.get("metadata", headers={"host": host})).json()
    assert statement["implementation"]["url"] == f"http://{host}/fhir"


async def test_a_refusal_speaks_the_language_of_the_client(client: httpx.AsyncClient) -> None:
    chinese = await client.get("Patient/nobody", headers={"accept-language": "zh-CN,zh;q=0.9"})
    english = await client.get("Patient/nobody", headers={"accept-language": "en-GB"})
    assert "没有这条记录" in chinese.text
    assert "no such record" in english.text


async def test_a_mistake_of_ours_is_answered_and_logged_without_patient_data(
    door: FhirApplication, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = await created(client, "Patient", patient())

    async def broken(*_: object, **__: object) -> None:
        raise RuntimeError("could not read 示例一")

    monkeypatch.setattr(door._door.store, "read", broken)
    structlog.configure(cache_logger_on_first_use=False)
    with capture_logs() as lines:
        answer = await client.get(f"Patient/{made['id']}")
    assert (answer.status_code, codes(answer)) == (500, ["unexpected"])
    (line,) = [line for line in lines if line["event"] == "request_failed"]
    assert line["reference"] in answer.text
    assert "示例一" not in str(line)
    assert made["id"] not in str(line)
    assert "RuntimeError" in line["error"]


async def test_a_refusal_has_the_number_that_stands_in_the_log(client: httpx.AsyncClient) -> None:
    structlog.configure(cache_logger_on_first_use=False)
    with capture_logs() as lines:
        answer = await client.get("Patient?name:fuzzy=Zhang")
    assert lines[0]["reference"] in answer.text
    assert "Zhang" not in str(lines)
    assert "Zhang" not in answer.text
