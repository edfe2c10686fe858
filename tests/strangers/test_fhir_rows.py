"""Every interaction of docs/reference/permissions.md as each of the nine kinds of stranger, on the whole application.

Tokens and sessions are real: they were given, have ended, were revoked or stolen, or are for something else.
"""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from tests.gateways.fhir.conftest import codes
from tests.gateways.fhir.walked_steps import Step, asked, condition, refuse_unless_stranger_gets, steps
from tests.gateways.fhir.walked_steps import told as told_of
from tests.gateways.fhir.walked_world import NO_PATIENT, NO_RECORD, PATIENT, RECORD
from tests.strangers.conftest import Walk
from tests.strangers.installation import BASE, client_of
from tests.strangers.kinds import KINDS, NOT_GOOD, show_nothing_hidden
from tests.strangers.people import DIAGNOSIS, STAFF, Way, bearer
from tests.strangers.traces import held, last_event, outcomes_after, told

pytestmark = [pytest.mark.anyio, pytest.mark.slow]  # each walk founds an installation

NOT_OFFERED = [
    Step("HEAD", f"Condition/{RECORD}", ""),
    Step("HEAD", f"Condition?subject=Patient/{PATIENT}", ""),
    Step("OPTIONS", f"Condition/{RECORD}", ""),
    Step("PATCH", f"Condition/{RECORD}", "", [{"op": "remove", "path": "/code"}]),
    Step("GET", "$export", ""),
    Step("GET", "Patient/$export", ""),
    Step("GET", f"Patient/{PATIENT}/$export", ""),
    Step("POST", f"Patient/{PATIENT}/$everything", ""),
    Step("POST", "$validate", "", condition(PATIENT)),
    Step("GET", "Nothing/1", ""),
    Step("DELETE", "AuditEvent/1", ""),
    Step("PUT", f"AuditEvent/{RECORD}", "", condition(PATIENT)),
]
"""What the door answers besides its interactions, and what it does not offer."""

WRITES = frozenset({"create", "update", "update-where", "delete", "submit"})


def all_steps(patient: str, record: str) -> Iterator[tuple[str, Step]]:
    for interaction, walked in steps(patient, record).items():
        for step in walked:
            yield interaction, step


async def test_what_is_not_good_opens_no_interaction(walk: Walk) -> None:
    company = walk.company
    ways = [way for way in (*company.by_token, *company.by_cookie, company.whole) if way.kind in NOT_GOOD]
    before, wrong = await held(walk.here), []
    async with client_of(walk.here.application) as client:
        client.base_url = httpx.URL(f"{BASE}/")
        for way in ways:
            code = (
                KINDS[way.kind].fhir if way.headers.get("authorization", "").startswith("Bearer ") else "token-missing"
            )
            there = await told(walk.here, code)
            count = 0
            for interaction, step in (*all_steps(PATIENT, RECORD), *(("", each) for each in NOT_OFFERED)):
                answer = await asked(client, step, way.cookies)
                show_nothing_hidden(answer, but="", what=(way.name, step))
                if interaction == "capabilities" and "authorization" not in way.headers:
                    assert answer.status_code == 200, way
                    continue
                got = codes(answer) if answer.status_code >= 400 and answer.content else [code]
                count += 1
                if (answer.status_code, got) != (401, [code]):
                    wrong.append((way.kind, way.name, step.method, step.address, answer.status_code, got))
            expected = 0 if code == "token-missing" else count  # who showed nothing has no event: nothing was refused
            if (events := await told(walk.here, code) - there) != expected:
                wrong.append((way.kind, way.name, "the trail", "", events, [str(expected)]))
    assert wrong == []
    assert await held(walk.here) == before


async def test_who_is_good_and_a_stranger_gets_what_each_interaction_s_row_says(walk: Walk) -> None:
    ways = [way for way in walk.company.by_token if way.kind not in NOT_GOOD]
    assert {way.kind for way in ways} == KINDS.keys() - NOT_GOOD
    before, wrong = await held(walk.here), []
    async with client_of(walk.here.application) as client:
        client.base_url = httpx.URL(f"{BASE}/")
        for way in ways:
            for (interaction, step), (_, other) in zip(
                all_steps(PATIENT, RECORD), all_steps(NO_PATIENT, NO_RECORD), strict=True
            ):
                there = await last_event(walk.here)
                answer = await asked(client, step, way.headers)
                outcomes = await outcomes_after(walk.here, there)
                absent = await asked(client, other, way.headers)
                try:
                    refuse_unless_row_says(way, interaction, step, answer)
                    assert told_of(answer) == told_of(absent)
                    refuse_unless_trail_says(interaction, step, answer, outcomes)
                except AssertionError as error:
                    wrong.append((way.kind, way.name, interaction, str(error)[:300]))
                show_nothing_hidden(answer, but=f"{step.address} {step.form} {step.body}", what=(way.name, step))
    assert wrong == []
    assert await held(walk.here) == before


def refuse_unless_row_says(way: Way, interaction: str, step: Step, answer: httpx.Response) -> None:
    """What the row promises to a stranger of this way, who was let in."""
    what = f"{step.method} {step.address}: {answer.status_code} {answer.text[:200]}"
    is_writer = STAFF.get(way.who, ("citizen",))[0] == "doctor"
    if interaction == "capabilities":
        assert answer.status_code == 200, what
    elif is_out_of_scope(way, interaction, step):
        refuse_unless_scope_is_said(step, answer, what)
    elif interaction in WRITES and not is_writer:
        refuse_unless_role_is_said(step, answer, what)
    elif interaction.startswith("trail-") and way.who == "neighbour":  # whose own events he may see
        if interaction == "trail-read":
            assert (answer.status_code, codes(answer)) == (404, ["not-found"]), what
        else:
            assert (answer.status_code, answer.json().get("entry")) == (200, None), what
    else:
        refuse_unless_stranger_gets(step, answer)


def refuse_unless_trail_says(interaction: str, step: Step, answer: httpx.Response, outcomes: list[str]) -> None:
    """Each question and each refusal is one event, of the outcome that the stranger was told."""
    what = f"{step.method} {step.address}: {answer.status_code} but {outcomes}"
    if interaction == "capabilities":
        assert outcomes == [], what
    elif interaction == "submit" and step.stranger == "404 in each":
        statuses = [entry["response"]["status"][:3] for entry in answer.json()["entry"]]
        refused = [each for each in outcomes if each != "success"]
        assert len(refused) == len(statuses), what
    elif answer.status_code >= 400:
        assert outcomes == codes(answer), what
    else:
        assert outcomes == ["success"], what


def is_out_of_scope(way: Way, interaction: str, step: Step) -> bool:
    """Whether nothing at all that is asked for can be in the token's scope, which is said rather than shown empty."""
    if way.kind == "wrong scope":
        return step.address != "_history"  # which is of all types, the token's own too
    if way.who == "system":  # its token reads, and the trail is not for its role
        reads = step.stranger == "404 in each" and len(step.body["entry"]) == 1
        return interaction in WRITES and not reads
    is_launched = way.kind == "wrong patient" and way.who == "lin"
    is_write = interaction in WRITES - {"delete"} and not (
        step.stranger == "404 in each" and len(step.body["entry"]) == 1
    )
    return is_launched and (interaction.startswith("trail-") or is_write)


def refuse_unless_scope_is_said(step: Step, answer: httpx.Response, what: str) -> None:
    if step.stranger == "404 in each":
        assert "403 Forbidden" in statuses_in(answer) <= {"403 Forbidden", "404 Not Found"}, what
    else:
        assert (answer.status_code, codes(answer)) == (403, [KINDS["wrong scope"].fhir]), what
        assert 'error="insufficient_scope"' in answer.headers["www-authenticate"], what


def refuse_unless_role_is_said(step: Step, answer: httpx.Response, what: str) -> None:
    if step.stranger == "404 in each":
        assert statuses_in(answer) <= {"403 Forbidden", "404 Not Found"}, what
    else:
        assert (answer.status_code, codes(answer)) == (403, ["role-cannot-do-this"]), what


def statuses_in(answer: httpx.Response) -> set[str]:
    return {entry["response"]["status"] for entry in answer.json()["entry"]}


async def test_who_is_entitled_gets_what_strangers_are_refused(walk: Walk) -> None:
    # Else a door that refuses everybody would pass the walks above.
    async with client_of(walk.here.application) as client:
        client.base_url = httpx.URL(f"{BASE}/")
        for interaction, step in all_steps(PATIENT, RECORD):
            if step.method == "GET" and not interaction.startswith("trail-"):
                answer = await asked(client, step, bearer(walk.company.good))
                assert answer.status_code == 200, (step, answer.text[:300])
        answer = await client.get(f"Condition/{RECORD}", headers=bearer(walk.company.good))
        assert DIAGNOSIS in answer.text
