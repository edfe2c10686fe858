"""Every address where programs sign in as each of the nine kinds of stranger, on the whole application."""

from __future__ import annotations

import httpx
import pytest

from tests.gateways.fhir.walked_world import RECORD
from tests.permission_table import ProgramRow, program_rows
from tests.strangers.conftest import Walk
from tests.strangers.installation import ADDRESS, BASE, REDIRECT, client_of
from tests.strangers.kinds import KINDS, show_nothing_hidden
from tests.strangers.people import Way, bearer
from tests.strangers.traces import held
from tianfu.access.caller import OPERATOR
from tianfu.services.accounts.oauth.model.clients import ClientKind, Registration

pytestmark = [pytest.mark.anyio, pytest.mark.slow]  # each walk founds an installation


async def test_no_stranger_opens_an_address_where_programs_sign_in(walk: Walk) -> None:
    code = await walk.here.code(walk.company.browsers["lin"], "openid user/*.rs")
    before, wrong = await held(walk.here), []
    form = {"grant_type": "authorization_code", "code": code, "token": walk.company.good}
    async with client_of(walk.here.application) as client:
        for way in (*walk.company.by_token, *walk.company.by_cookie, walk.company.whole):
            for row in program_rows():
                data = form if row.method == "POST" else None
                answer = await client.request(row.method, row.path, data=data, headers=way.cookies)
                if not is_as_table_says(row, way, answer):
                    wrong.append((way.kind, way.name, row.method, row.path, answer.status_code, answer.text))
                show_nothing_hidden(answer, but="", what=(way.name, row))
                assert walk.company.good not in answer.text, (way, row)
    assert wrong == []
    assert await held(walk.here) == before


def is_as_table_says(row: ProgramRow, way: Way, answer: httpx.Response) -> bool:
    """Whether an address for programs answered as its row and the kind's say."""
    if row.stranger == "the same":
        return answer.status_code == 200
    kind = KINDS[way.kind]
    if row.path == "/oauth/userinfo" and way.who == "system":
        return answer.status_code == 403  # nobody signed in
    if row.path == "/oauth/userinfo" and kind.programs == "himself alone":
        return answer.status_code == 200 and answer.json().keys() <= {"sub", "fhirUser"}
    status = kind.programs if row.path == "/oauth/userinfo" else "401"  # no token says which program asks
    return str(answer.status_code) == status and status in row.stranger


async def test_another_program_learns_and_ends_nothing_where_programs_sign_in(walk: Walk) -> None:
    # It is good and a stranger: the wrong one for these tokens, whoever its people are.
    here, good = walk.here, walk.company.good
    code = await here.code(walk.company.browsers["lin"], "openid user/*.rs")
    said = Registration(kind=ClientKind.SYMMETRIC, name="Another app", redirects=(REDIRECT,), scopes=("user/*.rs",))
    other = await here.server.clients.register(OPERATOR, said)
    shown = httpx.BasicAuth(other.client, other.secret or "")
    before = await held(here, but={"oauth_code", "oauth_family"})
    async with client_of(here.application) as client:
        asked_about = await client.post("/oauth/introspect", data={"token": good}, auth=shown)
        assert (asked_about.status_code, asked_about.json()) == (200, {"active": False})
        ended = await client.post("/oauth/revoke", data={"token": good}, auth=shown)
        assert (ended.status_code, ended.content) == (200, b"")
        taken = {name: value for name, value in here.exchange(code).items() if name != "client_id"}
        answer = await client.post("/oauth/token", data=taken, auth=shown)
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")
        here.clock.forward(2)  # what was believed is looked at again
        assert (await client.get(f"{BASE}/Condition/{RECORD}", headers=bearer(good))).status_code == 200
    assert await held(here, but={"oauth_code", "oauth_family"}) == before


async def test_who_is_entitled_learns_who_signed_in(walk: Walk) -> None:
    async with client_of(walk.here.application) as client:
        user = await client.get(f"{ADDRESS}/oauth/userinfo", headers=bearer(walk.company.good))
    assert (user.status_code, user.json()["sub"]) == (200, walk.things.account)
