"""Who gets to a page: with a ticket, without one, with one that is not good, in development and in production."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from litestar import Response, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.testing import TestClient

from tests.web.conftest import fixed_clock, made_up_assets
from tests.web.letting_in import OFFICE, MemoryBuckets, doorkeeping
from tianfu.access.caller import LOOPBACK, Caller
from tianfu.access.purpose import Purpose
from tianfu.kernel.instants import SECOND, Instant
from tianfu.services.tickets.ticket import Audience, Ticket
from tianfu.web.asking import HttpRequest
from tianfu.web.pages import Pages
from tianfu.web.site import App, Doorkeeping, SiteSettings, build_site

Site = TestClient[Any]

HERS = Caller(id="an", role="citizen", patients=("an-city", "an-county"), session="s-1")
TICKET = Ticket(
    id="s-1",
    audience=Audience.PAGES,
    caller=HERS,
    purposes=(Purpose.PATIENT_REQUEST, Purpose.TREATMENT),
    since=fixed_clock(),
    until=Instant(fixed_clock() + 3_600 * SECOND),
)
OWN_PAGE = {"sec-fetch-site": "same-origin"}


def telling_pages(pages: Pages) -> list[HTTPRouteHandler]:
    """Pages that tell whom the site takes the reader for."""

    @get("/who")
    async def who(request: HttpRequest) -> dict[str, Any]:
        asking = pages.asking(request)
        return {"id": asking.caller.id, "patients": asking.caller.patients, "purpose": asking.purpose.value}

    @post("/act", status_code=200)
    async def act(request: HttpRequest) -> Response[str]:
        await request.form()
        return Response(pages.asking(request).caller.id, media_type="text/plain")

    return [who, act]


@contextmanager
def site(*, is_production: bool, kept: Doorkeeping | None = None, ticket: str = "") -> Iterator[Site]:
    """A client of a site; `ticket` is what its session cookie holds."""
    app = App(name="made-up", folder=Path(__file__).parent / "made_up_app", places=(), routes=telling_pages)
    built = build_site(
        apps=[app],
        settings=SiteSettings(
            seal_key=b"k" * 32, is_demonstration=True, is_production=is_production, hosts={"made-up.local"}
        ),
        doorkeeping=kept or doorkeeping(clock=fixed_clock, desk=None if is_production else LOOPBACK),
        clock=fixed_clock,
        assets=made_up_assets(),
    )
    scheme = "https" if is_production else "http"
    with TestClient(built, base_url=f"{scheme}://made-up.local", raise_server_exceptions=False) as client:
        client.follow_redirects = False
        if ticket:
            client.cookies.set("__Host-session" if is_production else "session", ticket)
        yield client


def entered(client: Site, ticket: str, **form: str) -> Any:
    return client.post("/enter", data={"ticket": ticket, **form}, headers=OWN_PAGE)


def test_in_development_whoever_shows_no_ticket_is_the_desk() -> None:
    with site(is_production=False) as client:
        assert client.get("/who").json() == {"id": "loopback", "patients": [], "purpose": "TREAT"}
        client.cookies.set("look", "citizen")
        assert client.get("/who").json()["purpose"] == "PATRQT"


def test_in_production_whoever_shows_no_ticket_is_sent_to_the_entrance() -> None:
    with site(is_production=True) as client:
        answer = client.get("/who?page=2")
        assert answer.status_code == 303
        assert answer.headers["location"] == "/enter?why=ticket-missing&next=%2Fwho%3Fpage%3D2"
        assert answer.headers["cache-control"] == "no-store"
        sent = client.post("/act", headers=OWN_PAGE)
        assert (sent.status_code, sent.headers["location"]) == (303, "/enter?why=ticket-missing")


@pytest.mark.parametrize("path", ["/enter", "/preferences", "/healthz", "/static/site-1234.css"])
def test_what_is_open_to_all_needs_no_ticket(path: str) -> None:
    with site(is_production=True) as client:
        assert client.get(path).status_code == 200


@pytest.mark.parametrize("is_production", [False, True])
def test_a_ticket_lets_in_its_bearer_for_its_first_purpose(is_production: bool) -> None:
    with site(is_production=is_production) as client:
        answer = entered(client, OFFICE.write(TICKET), next="/who")
        assert (answer.status_code, answer.headers["location"]) == (303, "/who")
        assert client.get("/who").json() == {"id": "an", "patients": ["an-city", "an-county"], "purpose": "PATRQT"}


def test_a_ticket_that_was_broken_into_lines_is_put_together() -> None:
    text = OFFICE.write(TICKET)
    with site(is_production=True) as client:
        assert entered(client, f"  {text[:50]}\n{text[50:]}\n").status_code == 303
        assert client.get("/who").json()["id"] == "an"


@pytest.mark.parametrize("onward", ["https://elsewhere.example/", "//elsewhere.example", "/\\elsewhere"])
def test_the_way_on_never_leads_away(onward: str) -> None:
    with site(is_production=True) as client:
        assert entered(client, OFFICE.write(TICKET), next=onward).headers["location"] == "/"
        assert 'value="/"' in client.get("/enter", params={"next": onward}).text


def refused_tickets() -> dict[str, str]:
    """Tickets that are not good, by what is wrong with them."""
    good = OFFICE.write(TICKET)
    over = replace(TICKET, since=Instant(TICKET.since - 7_200 * SECOND), until=Instant(TICKET.since - SECOND))
    early = replace(TICKET, since=Instant(TICKET.since + 60 * SECOND))
    machine = replace(TICKET, audience=Audience.MACHINES, until=Instant(TICKET.since + 60 * SECOND))
    return {
        "altered": good[:-9] + ("A" if good[-9] != "A" else "B") + good[-8:],
        "over": OFFICE.write(over),
        "early": OFFICE.write(early),
        "for machines": OFFICE.write(machine),
        "no ticket": "loopback",
    }


@pytest.mark.parametrize("wrong", refused_tickets())
@pytest.mark.parametrize("is_production", [False, True])
def test_a_session_that_is_not_good_is_never_taken_for_the_desk(is_production: bool, wrong: str) -> None:
    with site(is_production=is_production, ticket=refused_tickets()[wrong]) as client:
        answer = client.get("/who")
        assert answer.status_code == 303
        address = urlsplit(answer.headers["location"])
        assert address.path == "/enter"
        code = "ticket-expired" if wrong == "over" else "ticket-refused"
        assert parse_qs(address.query) == {"why": [code], "next": ["/who"]}
        assert "Max-Age=0" in answer.headers["set-cookie"]


@pytest.mark.parametrize("wrong", refused_tickets())
def test_a_ticket_that_is_not_good_lets_nobody_in_and_says_so(wrong: str) -> None:
    with site(is_production=True) as client:
        answer = entered(client, refused_tickets()[wrong], next="/who")
        assert answer.status_code == 401
        assert 'href="#ticket"' in answer.text
        assert "set-cookie" not in answer.headers
        assert refused_tickets()[wrong] not in answer.text


def test_after_leaving_the_ticket_is_good_no_more() -> None:
    with site(is_production=True) as client:
        entered(client, OFFICE.write(TICKET))
        left = client.post("/leave", headers=OWN_PAGE)
        assert (left.status_code, left.headers["location"]) == (303, "/enter?why=left")
        assert left.headers["clear-site-data"] == '"cache"'
        assert client.get("/who").status_code == 303
        # Somebody had copied the cookie.
        client.cookies.set("__Host-session", OFFICE.write(TICKET))
        assert client.get("/who").headers["location"].startswith("/enter?why=ticket-ended")
        assert entered(client, OFFICE.write(TICKET)).status_code == 401


def test_leaving_twice_or_without_a_session_harms_nobody() -> None:
    with site(is_production=True) as client:
        for _ in range(2):
            assert client.post("/leave", headers=OWN_PAGE).status_code == 303


def test_only_a_form_of_ours_lets_in_or_out() -> None:
    # Else another site could make somebody act under a stranger's name (login CSRF), or throw them out.
    with site(is_production=True, ticket=OFFICE.write(TICKET)) as client:
        for path in ("/enter", "/leave", "/act", "/preferences"):
            for headers in ({}, {"sec-fetch-site": "cross-site"}, {"origin": "null"}, {"origin": "https://x.example"}):
                answer = client.post(path, data={"ticket": OFFICE.write(TICKET)}, headers=headers)
                assert answer.status_code == 403, (path, headers)
                assert "set-cookie" not in answer.headers


def test_a_write_that_says_not_where_it_comes_from_is_refused_where_a_session_could_be_used() -> None:
    with site(is_production=False, ticket=OFFICE.write(TICKET)) as client:
        assert client.post("/act").status_code == 403
        assert client.post("/act", headers={"origin": "http://made-up.local"}).text == "an"
    with site(is_production=False) as client:
        assert client.post("/act").text == "loopback"


def test_the_session_cookie_cannot_be_read_sent_along_or_overheard() -> None:
    with site(is_production=True) as client:
        cookie = entered(client, OFFICE.write(TICKET)).headers["set-cookie"]
    assert cookie.startswith("__Host-session=")
    for attribute in ("HttpOnly", "SameSite=lax", "Secure", "Path=/", "Max-Age=3600"):
        assert attribute in cookie
    assert "Domain" not in cookie


def test_every_cookie_of_every_route_is_closed_to_scripts_and_to_other_sites() -> None:
    cookies: list[str] = []
    with site(is_production=True) as client:
        entered(client, OFFICE.write(TICKET))
        for route in client.app.routes:
            for method in getattr(route, "methods", ()):
                if method in {"GET", "POST"}:
                    path = route.path.replace("{name:path}", "site-1234.css")
                    data = {"elder": "on", "lang": "en", "ticket": OFFICE.write(TICKET)} if method == "POST" else None
                    answer = client.request(method, f"{path}?lang=en", data=data, headers=OWN_PAGE)
                    cookies += answer.headers.get_list("set-cookie")
    assert {cookie.partition("=")[0] for cookie in cookies} == {"__Host-session", "language", "look"}
    for cookie in cookies:
        assert "HttpOnly" in cookie, cookie
        assert "SameSite=lax" in cookie, cookie
        assert "Secure" in cookie, cookie


def test_in_production_browsers_are_told_to_come_by_https() -> None:
    with site(is_production=True) as client:
        for path in ("/enter", "/healthz", "/who", "/nowhere"):
            assert client.get(path).headers["strict-transport-security"] == "max-age=31536000"
    with site(is_production=False) as client:
        assert "strict-transport-security" not in client.get("/enter").headers


def test_who_asks_too_often_is_told_when_to_come_again() -> None:
    buckets = MemoryBuckets()
    buckets.left["an", "page"] = 3
    kept = doorkeeping(clock=fixed_clock, desk=None, buckets=buckets)
    with site(is_production=True, kept=kept, ticket=OFFICE.write(TICKET)) as client:
        answers = [client.get("/who") for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert int(answers[3].headers["retry-after"]) >= 1


def test_bad_tickets_are_counted_by_address_and_good_ones_pass_all_the_same() -> None:
    buckets = MemoryBuckets()
    buckets.left["address:testclient", "ticket-failure"] = 2
    kept = doorkeeping(clock=fixed_clock, desk=None, buckets=buckets)
    with site(is_production=True, kept=kept) as client:
        assert [entered(client, f"wrong-{n}").status_code for n in range(4)] == [401, 401, 429, 429]
        assert entered(client, OFFICE.write(TICKET)).status_code == 303


def test_the_way_out_is_shown_to_those_who_came_in() -> None:
    with site(is_production=True) as client:
        assert 'action="/leave"' not in client.get("/enter").text
        assert 'action="/leave"' not in client.get("/preferences").text


@pytest.mark.parametrize("why", ["ticket-expired", "ticket-ended", "ticket-refused", "left", "", "made-up<script>"])
@pytest.mark.parametrize("tag", ["zh-CN", "en"])
def test_the_entrance_says_why_somebody_stands_there(why: str, tag: str) -> None:
    with site(is_production=True) as client:
        page = client.get("/enter", params={"why": why}, headers={"accept-language": tag})
    assert page.status_code == 200
    assert ('class="note' in page.text) == (why not in {"", "made-up<script>"})
    assert "made-up<" not in page.text


@pytest.mark.parametrize(
    "headers",
    [
        {"content-type": "multipart/form-data; boundary=x"},
        {"content-type": "application/json"},
        {"content-type": "text/plain"},
        {"content-type": "application/x-www-form-urlencoded", "content-encoding": "gzip"},
    ],
    ids=str,
)
def test_pages_take_plain_forms_only(headers: dict[str, str]) -> None:
    with site(is_production=True, ticket=OFFICE.write(TICKET)) as client:
        for path in ("/act", "/enter", "/preferences"):
            assert client.post(path, content=b"--x--", headers={**OWN_PAGE, **headers}).status_code == 415


def test_a_form_that_trickles_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tianfu.web.forms.SILENCE_SECONDS_MAX", 0.05)
    app = App(name="made-up", folder=Path(__file__).parent / "made_up_app", places=(), routes=telling_pages)
    built = build_site(
        apps=[app],
        settings=SiteSettings(seal_key=b"k" * 32, is_demonstration=True, is_production=False),
        doorkeeping=doorkeeping(clock=fixed_clock),
        clock=fixed_clock,
        assets=made_up_assets(),
    )
    assert asyncio.run(status_of_a_body(built, lambda: asyncio.sleep(30, {"type": "http.request"}))) == 408


async def status_of_a_body(application: Any, receive: Callable[[], Any]) -> int:
    """The status of the answer to a form that is given piece by piece."""
    status = 0

    async def send(message: Any) -> None:
        nonlocal status
        status = message.get("status", status)

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": "/act",
        "raw_path": b"/act",
        "query_string": b"",
        "root_path": "",
        "headers": [(b"host", b"localhost"), (b"content-type", b"application/x-www-form-urlencoded")],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 8000),
    }
    await application(scope, receive, send)
    return status
