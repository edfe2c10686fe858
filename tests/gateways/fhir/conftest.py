"""A FHIR door on a fresh database, asked without a network."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from tests.made_up_keys import made_up_keys
from tests.trails import auditor_of
from tests.web.letting_in import doorkeeping
from tianfu.db import Database
from tianfu.gateways.fhir.admission import Doorkeeper
from tianfu.gateways.fhir.application import FhirApplication, fhir_application
from tianfu.kernel.instants import system_clock
from tianfu.records.store import Store

JSON = {"content-type": "application/fhir+json"}


def patient(**more: Any) -> dict[str, Any]:
    """A made-up patient."""
    return {
        "resourceType": "Patient",
        "identifier": [{"system": "urn:made-up:card", "value": "C-1001"}],
        "name": [{"text": "示例一"}],
        "gender": "female",
        "birthDate": "1990-04-05",
        **more,
    }


def observation(subject: str, *, day: str, value: str = "1.50") -> bytes:
    """A made-up body weight whose number keeps its digits."""
    return (
        '{"resourceType":"Observation","status":"final",'
        '"code":{"coding":[{"system":"http://loinc.org","code":"29463-7"}]},'
        f'"subject":{{"reference":"{subject}"}},"effectiveDateTime":"{day}",'
        f'"valueQuantity":{{"value":{value},"system":"http://unitsofmeasure.org","code":"kg"}}}}'
    ).encode()


@pytest.fixture
async def store(database: Database) -> Store:
    """A record store on a fresh database."""
    keys = made_up_keys(b"s" * 32)
    return await Store.open(database, auditor=await auditor_of(database), clock=system_clock, keys=keys)


@pytest.fixture
def door(store: Store) -> FhirApplication:
    """The FHIR door in front of it."""
    kept = doorkeeping()
    doorkeeper = Doorkeeper(callers=kept.callers, limiter=kept.limiter, is_production=False)
    return fhir_application(store, clock=system_clock, doorkeeper=doorkeeper)


@pytest.fixture
async def client(door: FhirApplication) -> AsyncIterator[httpx.AsyncClient]:
    """A client on this machine."""
    transport = httpx.ASGITransport(door)  # type: ignore[arg-type]  # httpx types ASGI's callables more narrowly
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost/fhir/") as asking:
        yield asking


async def created(client: httpx.AsyncClient, resource_type: str, body: bytes | dict[str, Any]) -> dict[str, Any]:
    """What the server made of a resource."""
    sent = {"content": body} if isinstance(body, bytes) else {"json": body}
    answer = await client.post(resource_type, headers=JSON, **sent)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


def codes(answer: httpx.Response) -> list[str]:
    """The stable codes in an OperationOutcome."""
    outcome = answer.json()
    assert outcome["resourceType"] == "OperationOutcome", outcome
    return [issue["details"]["coding"][0]["code"] for issue in outcome["issue"]]
