"""Every row of docs/reference/permissions.md as each of the nine kinds of stranger, on the whole application.

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
from tests.permission_table import PageRow, ProgramRow, kind_rows, page_rows, program_rows
from tests.strangers.conftest import Walk
from tests.strangers.installation import ADDRESS, BASE, REDIRECT, Browser, client_of
from tests.strangers.pages import form_of, opens, path_of
from tests.strangers.people import BIRTH, DIAGNOSIS, NAME, STAFF, STRANGERS, Way, bearer
from tests.strangers.traces import ASKING, held, last_event, outcomes_after, told
from tianfu.access.caller import OPERATOR
from tianfu.access.purpose import Purpose
from tianfu.access.rules import purposes_of
from tianfu.services.accounts.oauth.model.clients import ClientKind, Registration

pytestmark = [pytest.mark.anyio, pytest.mark.slow]  # each walk founds an installation

KINDS = {row.kind: row for row in kind_rows()}
NOT_GOOD = frozenset(kind for kind, row in KINDS.items() if row.programs == "401")
"""Kinds that are refused the same everywhere, before anybody looks at what they want."""

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


def show_nothing_hidden(answer: httpx.Response, *, but: str, what: object) -> None:
    """No answer tells of the hidden record; what a request names itself may be repeated."""
    seen = answer.text + str(answer.headers)
    for word in (PATIENT, RECORD, NAME, BIRTH, DIAGNOSIS):
        assert word in but or word not in seen, (what, word)


# The FHIR door


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


# Where programs sign in


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


# The pages


async def test_what_is_not_good_opens_no_page(walk: Walk) -> None:
    good = Way(kind="no login", name="a program's good token", headers=bearer(walk.company.good))
    token_as_session = Way(
        kind="revoked token", name="a token as a session", session=walk.company.good, device="x" * 43
    )
    ways = [*walk.company.by_cookie, *walk.company.by_token, good, token_as_session]
    assert {way.kind for way in ways} == KINDS.keys()
    guarded = [row for row in page_rows() if row.purpose != "open"]
    before, wrong = await held(walk.here), []
    for way in ways:
        code = KINDS[way.kind].pages if way.session else "sign-in-needed"
        for row in guarded:
            answer = await opens(
                walk.here.browser(session=way.session, device=way.device, headers=way.headers), row, walk.things
            )
            place = answer.headers.get("location", "")
            if (answer.status_code, place.partition("&")[0]) != (303, f"/sign-in?why={code}"):
                wrong.append((way.kind, way.name, row.method, row.path, answer.status_code, place))
            show_nothing_hidden(answer, but=path_of(row, walk.things), what=(way.name, row))
            assert "__Host-device" not in answer.headers.get("set-cookie", ""), (way, row)
    assert wrong == []
    assert await held(walk.here) == before


async def test_what_is_open_opens_alike_to_every_kind_and_nothing_behind_it(walk: Walk) -> None:
    ways = [*walk.company.by_cookie, *walk.company.by_token]
    rows = [row for row in page_rows() if row.purpose == "open"]
    before, wrong = await held(walk.here, but=ASKING), []
    for row in rows:
        nobody = await opens(walk.here.browser(), row, walk.things)
        for way in ways:
            browser = walk.here.browser(session=way.session, device=way.device, headers=way.headers)
            answer = await opens(browser, row, walk.things)
            promised = {nobody.status_code} if row.stranger == "the same" else row.statuses
            if answer.status_code not in promised:
                wrong.append((way.kind, way.name, row.method, row.path, answer.status_code))
            show_nothing_hidden(answer, but=path_of(row, walk.things), what=(way.name, row))
            assert browser.session in {way.session, ""}, (way, row)  # nobody is let in, at most out
    assert wrong == []
    assert await held(walk.here, but=ASKING) == before


async def test_a_request_to_let_a_program_in_leads_whoever_has_no_session_to_sign_in(walk: Walk) -> None:
    before = await held(walk.here)
    for way in (*walk.company.by_cookie, *walk.company.by_token):
        for method in ("GET", "POST"):
            browser = walk.here.browser(session=way.session, device=way.device, headers=way.headers)
            asked_for = walk.here.request("openid user/*.rs")
            path = "/oauth/authorize" if method == "POST" else str(httpx.URL("/oauth/authorize", params=asked_for))
            answer = await browser.send(method, path, asked_for if method == "POST" else None)
            assert answer.status_code == 303, (way, method)
            assert answer.headers["location"].startswith("/sign-in?"), (way, method)
            show_nothing_hidden(answer, but="", what=(way, method))
    assert await held(walk.here) == before


OWN: dict[tuple[str, str], tuple[int, int]] = {
    ("GET", "/account"): (200, 200),
    ("POST", "/account/workplace"): (404, 404),
    ("POST", "/account/sessions/end"): (404, 404),
    ("POST", "/account/sessions/end-others"): (303, 303),
    ("POST", "/account/credentials/end"): (404, 404),
    ("GET", "/account/second-factor"): (200, 404),
    ("POST", "/account/second-factor"): (303, 404),
    ("POST", "/account/recovery-codes"): (200, 200),
    ("GET", "/account/password"): (200, 404),
    ("POST", "/account/password"): (422, 404),
    ("GET", "/account/real-name"): (404, 303),
    ("POST", "/account/real-name"): (404, 303),
    ("GET", "/account/passkeys/new"): (200, 200),
    ("POST", "/account/passkeys/new"): (422, 422),
    ("GET", "/account/programs"): (200, 200),
    ("POST", "/account/programs/end"): (404, 404),
    ("GET", "/account/prove"): (200, 200),
    ("POST", "/account/prove/code"): (403, 200),
    ("POST", "/account/prove/passkey/begin"): (403, 403),
    ("POST", "/account/prove/passkey"): (401, 401),
    ("POST", "/account/prove"): (401, 401),
    ("POST", "/account/outside/link"): (503, 503),
    ("POST", "/account/outside/unlink"): (404, 404),
}
"""What staff and residents get at their own account, where what they name is somebody else's."""

AT_HOME: dict[str, dict[tuple[str, str], int]] = {
    "doctor": {("GET", "/trust/emergency"): 200, ("POST", "/trust/emergency"): 422},
    "citizen": {
        ("GET", "/family"): 200,
        ("GET", "/family/name"): 200,
        ("POST", "/family/name"): 422,
        ("GET", "/trust/consents"): 303,
    },
    "security": {
        ("GET", "/administration"): 303,
        ("GET", "/administration/staff"): 200,
        ("POST", "/administration/staff/find"): 303,
        ("GET", "/administration/staff/found/{letters:str}"): 200,
        ("GET", "/administration/staff/new"): 200,
    },
    "administrator": {("GET", "/administration"): 303, ("GET", "/administration/organisations"): 303},
}
"""Pages that a stranger's role has for what is his own; he finds nothing of others there."""

NOT_THERE = {
    "/lifelong": {"regulator", "security", "administrator"},
    "/trust": {"regulator", "security", "administrator"},
}
"""Roles for which nothing lies below an address, however the row begins."""


def asks_for_a_record(name: str, row: PageRow) -> bool:
    """Whether a page asks the record store for what is hidden, in somebody's name whose role has the page."""
    role = STAFF.get(name, ("citizen",))[0]
    return row.path.startswith(("/lifelong/people", "/lifelong/records")) and role in {"doctor", "citizen"}


LETTERS = "/lifelong/found/{letters:str}"


def promised_to(name: str, row: PageRow) -> set[int]:
    """The statuses that the table promises to a stranger who signed in."""
    role = STAFF.get(name, ("citizen",))[0]
    key = row.method, row.path
    if key in OWN:
        return {OWN[key][role == "citizen"]}
    if row.purpose in set(Purpose) and Purpose(row.purpose) not in purposes_of(role):
        return {404}
    if key in AT_HOME.get(role, {}):
        return {AT_HOME[role][key]}
    above = "/" + row.path.split("/")[1]
    if role in NOT_THERE.get(above, ()) and (row.stranger == "nothing" or key != ("GET", "/lifelong/find")):
        return {404}
    match row.stranger:
        case "the same":
            return {200, 303}
        case "nothing":
            return {200}
        case _:
            return set(row.statuses)


@pytest.mark.parametrize("name", STRANGERS)
async def test_who_signed_in_and_is_a_stranger_gets_what_each_page_s_row_says(walk: Walk, name: str) -> None:
    browser = walk.company.browsers[name]
    own = await account_of(walk, browser)
    before, wrong = await held(walk.here, but=ASKING, not_of=[own]), []
    for row in page_rows():
        if row.purpose == "open":
            continue
        there = await last_event(walk.here)
        answer = await opens(browser, row, walk.things)
        if asks_for_a_record(name, row) and set(await outcomes_after(walk.here, there)) <= {"success"}:
            wrong.append((name, row.method, row.path, answer.status_code, "is not in the trail"))
        if answer.status_code not in promised_to(name, row):
            wrong.append(
                (name, row.method, row.path, answer.status_code, answer.headers.get("location"), promised_to(name, row))
            )
        asked_for = f"{path_of(row, walk.things)} {form_of(row, walk.things)} {NAME if row.path == LETTERS else ''}"
        show_nothing_hidden(answer, but=asked_for, what=(name, row))
        assert walk.things.account not in answer.text.replace(path_of(row, walk.things), ""), (name, row)
    assert wrong == []
    assert await held(walk.here, but=ASKING, not_of=[own]) == before


async def account_of(walk: Walk, browser: Browser) -> str:
    return (await walk.here.house.accounts.sessions.look_up(browser.session, browser.device)).account.id


ENTITLED = ("lin", "herself", "officer", "keeper", "head")
"""Of whom one at least may open each page."""


async def test_who_is_entitled_gets_what_strangers_are_refused(walk: Walk) -> None:
    # Else an application that refuses everybody would pass the walks above.
    guarded = [row for row in page_rows() if row.method == "GET" and row.purpose != "open"]
    shut = set()
    for row in guarded:
        answers = [await opens(walk.company.browsers[name], row, walk.things) for name in ENTITLED]
        if not any(answer.status_code in {200, 303} for answer in answers):
            shut.add(row.path)
    assert shut == set()
    async with client_of(walk.here.application) as client:
        client.base_url = httpx.URL(f"{BASE}/")
        for interaction, step in all_steps(PATIENT, RECORD):
            if step.method == "GET" and not interaction.startswith("trail-"):
                answer = await asked(client, step, bearer(walk.company.good))
                assert answer.status_code == 200, (step, answer.text[:300])
        answer = await client.get(f"Condition/{RECORD}", headers=bearer(walk.company.good))
        assert DIAGNOSIS in answer.text
        user = await client.get(f"{ADDRESS}/oauth/userinfo", headers=bearer(walk.company.good))
        assert (user.status_code, user.json()["sub"]) == (200, walk.things.account)
