"""Every interaction of docs/reference/permissions.md, asked by everybody who may not."""

from __future__ import annotations

from typing import Any

import pytest

from tests.gateways.fhir.conftest import codes
from tests.gateways.fhir.letting_in import bearer, client_of, door_of
from tests.gateways.fhir.walked_steps import asked, refuse_unless_stranger_gets, steps, told
from tests.gateways.fhir.walked_world import (
    CASES,
    DOCTOR,
    NO_PATIENT,
    NO_RECORD,
    PATIENT,
    RECORD,
    TIED,
    found_hospital,
    of_another_organisation,
)
from tests.permission_table import interaction_rows
from tianfu.access.caller import Caller
from tianfu.access.purpose import Purpose
from tianfu.db import Database, Query
from tianfu.records.store import Store

pytestmark = [pytest.mark.anyio, pytest.mark.slow]  # each walk founds a hospital in a fresh database


@pytest.fixture
async def hospital(store: Store) -> Store:
    await found_hospital(store)
    return store


def test_the_walk_takes_every_row_of_the_table() -> None:
    walked = steps(PATIENT, RECORD)
    rows = {row.interaction: row.stranger for row in interaction_rows()}
    assert walked.keys() == rows.keys()
    for interaction, stranger in rows.items():
        for step in walked[interaction]:
            assert step.stranger.removesuffix(" in each").removesuffix(" of theirs") in stranger, interaction


async def test_without_a_token_nothing_is_told(hospital: Store) -> None:
    async with client_of(door_of(hospital, is_production=True)) as client:
        for interaction, walked in steps(PATIENT, RECORD).items():
            for step in walked:
                answer = await asked(client, step, {})
                if interaction == "capabilities":
                    assert answer.status_code == 200
                else:
                    assert (answer.status_code, codes(answer)) == (401, ["token-missing"]), step


@pytest.mark.parametrize("name", CASES)
async def test_a_stranger_learns_nothing(hospital: Store, database: Database, name: str) -> None:
    case = CASES[name]
    await case.tie(hospital)
    before = await versions(database)
    hidden, absent = steps(PATIENT, RECORD), steps(NO_PATIENT, NO_RECORD)
    async with client_of(door_of(hospital, is_production=True)) as client:
        headers = bearer(case.caller, case.purpose)
        for row in interaction_rows():
            for step, other in zip(hidden[row.interaction], absent[row.interaction], strict=True):
                answer = await asked(client, step, headers)
                refuse_unless_stranger_gets(step, answer)
                assert told(answer) == told(await asked(client, other, headers)), step
    assert await versions(database) == before


async def versions(database: Database) -> list[tuple[Any, ...]]:
    """What is written down, to see that nothing was."""
    text = "select type, count(*), sum(version) from resource group by type order by type"
    async with database.connection("owner") as owner:
        return [tuple(row) for row in await owner.all(Query.composed("versions", text))]


async def test_a_purpose_without_a_rule_opens_nothing_at_all(hospital: Store) -> None:
    await of_another_organisation(hospital)
    async with client_of(door_of(hospital, is_production=True)) as client:
        headers = bearer(DOCTOR, Purpose.RESEARCH)
        for interaction, walked in steps(PATIENT, RECORD).items():
            for step in walked:
                answer = await asked(client, step, headers)
                if interaction == "capabilities":
                    assert answer.status_code == 200
                elif step.body is not None and step.body.get("type") == "batch":
                    statuses = {entry["response"]["status"] for entry in answer.json()["entry"]}
                    assert statuses == {"403 Forbidden"}, step
                else:
                    assert (answer.status_code, codes(answer)) == (403, ["role-cannot-do-this"]), step


@pytest.mark.parametrize("name", TIED)
async def test_who_has_a_tie_gets_what_strangers_are_refused(hospital: Store, name: str) -> None:
    # Else a door that refuses everybody would pass the walks above.
    case = TIED[name]
    await case.tie(hospital)
    async with client_of(door_of(hospital, is_production=True)) as client:
        headers = bearer(case.caller, case.purpose)
        for interaction, walked in steps(PATIENT, RECORD).items():
            if interaction == "update-where" or interaction.startswith("trail"):
                continue  # several match by now; and the trail is nobody's who treats
            for step in walked:
                answer = await asked(client, step, headers)
                if interaction == "delete" or (interaction == "submit" and "DELETE" in str(step.body)):
                    continue  # gone already
                assert answer.status_code in {200, 201, 204}, (step, answer.text[:300])
                if step.stranger.startswith("nothing") and answer.content:
                    seen = answer.json()
                    assert seen.get("entry") or seen.get("total"), step
                if step.stranger == "404 in each":
                    assert answer.json()["entry"][0]["response"]["status"] == "200 OK", step


async def test_the_trail_is_shown_to_officers_and_to_the_person_alone(hospital: Store) -> None:
    officer = Caller(id="officer", role="officer")
    herself, neighbour = (Caller(id=each, role="citizen", patients=(each,)) for each in (PATIENT, "bea"))
    about = f"AuditEvent?patient=Patient/{PATIENT}"
    async with client_of(door_of(hospital, is_production=True)) as client:
        found = (await client.get(about, headers=bearer(officer, Purpose.OPERATIONS))).json()["entry"]
        event = f"AuditEvent/{found[-1]['resource']['id']}"
        own = bearer(herself, Purpose.PATIENT_REQUEST)
        assert (await client.get(event, headers=own)).status_code == 200
        assert (await client.get(about, headers=own)).json()["entry"]
        strange = bearer(neighbour, Purpose.PATIENT_REQUEST)
        answers = [await client.get(f"AuditEvent/{each}", headers=strange) for each in (event[11:], event[11:-1] + "0")]
        assert [codes(answer) for answer in answers] == [["not-found"], ["not-found"]]
        assert "entry" not in (await client.get(about, headers=strange)).json()
