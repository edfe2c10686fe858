"""Every page and form of docs/reference/permissions.md as each of the nine kinds of stranger, on the whole site."""

from __future__ import annotations

import httpx
import pytest

from tests.permission_table import PageRow, page_rows
from tests.strangers.conftest import Walk
from tests.strangers.installation import Browser
from tests.strangers.kinds import KINDS, show_nothing_hidden
from tests.strangers.pages import form_of, opens, path_of
from tests.strangers.people import NAME, STAFF, STRANGERS, Way, bearer
from tests.strangers.traces import ASKING, held, last_event, outcomes_after
from tianfu.access.purpose import Purpose
from tianfu.access.rules import purposes_of

pytestmark = [pytest.mark.anyio, pytest.mark.slow]  # each walk founds an installation


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
    "doctor": {
        ("GET", "/trust/emergency"): 200,
        ("POST", "/trust/emergency"): 422,
        ("GET", "/newborn/consultations"): 200,  # asked of nobody, and about nobody
        ("GET", "/newborn/round"): 200,
        ("GET", "/newborn/ward"): 200,
    },
    "nurse": {
        ("GET", "/newborn/round"): 200,
        ("POST", "/newborn/round/here"): 204,  # heard for no bed, because she has checked none
        ("GET", "/newborn/ward"): 200,
        ("GET", "/newborn/cart"): 200,
    },
    "citizen": {
        ("GET", "/family"): 200,
        ("GET", "/family/name"): 200,
        ("POST", "/family/name"): 422,
        ("GET", "/newborn"): 200,
        ("GET", "/newborn/diary"): 200,
        ("GET", "/newborn/enrol"): 200,
        ("POST", "/newborn/enrol"): 422,
        ("GET", "/trust/consents"): 303,
    },
    "security": {
        ("GET", "/administration"): 303,
        ("GET", "/administration/staff"): 200,
        ("POST", "/administration/staff/find"): 303,
        ("GET", "/administration/staff/found/{letters:str}"): 200,
        ("GET", "/administration/staff/new"): 200,
    },
    "administrator": {
        ("GET", "/administration"): 303,
        ("GET", "/administration/organisations"): 303,
        ("GET", "/newborn/quality"): 200,
    },
}
"""Pages that a stranger's role has for what is his own; he finds nothing of others there."""

NOT_THERE = {
    "/lifelong": {"regulator", "security", "administrator"},
    "/trust": {"regulator", "security", "administrator", "nurse"},
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
            wrong.append((name, row.method, row.path, answer.status_code, f"and not {promised_to(name, row)}"))
        asked_for = f"{path_of(row, walk.things)} {form_of(row, walk.things)} {NAME if row.path == LETTERS else ''}"
        show_nothing_hidden(answer, but=asked_for, what=(name, row))
        assert walk.things.account not in answer.text.replace(path_of(row, walk.things), ""), (name, row)
    assert wrong == []
    assert await held(walk.here, but=ASKING, not_of=[own]) == before


async def account_of(walk: Walk, browser: Browser) -> str:
    return (await walk.here.house.accounts.sessions.look_up(browser.session, browser.device)).account.id


ENTITLED = ("lin", "herself", "officer", "keeper", "head", "clerk", "su", "he", "mother")
"""Of whom one at least may open each page."""


async def test_who_is_entitled_gets_what_strangers_are_refused(walk: Walk) -> None:
    # Else an application that refuses everybody would pass the walks above.
    # No newborn and no case of images lies in this province: tests of those apps open their pages to whose they are.
    guarded = [row for row in page_rows() if row.method == "GET" and row.purpose != "open"]
    guarded = [row for row in guarded if not row.path.startswith(("/newborn/", "/radiotherapy"))]
    shut = set()
    for row in guarded:
        answers = [await opens(walk.company.browsers[name], row, walk.things) for name in ENTITLED]
        if not any(answer.status_code in {200, 303} for answer in answers):
            shut.add(row.path)
    assert shut == set()
