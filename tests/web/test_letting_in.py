"""Who gets to a page: who signed in, who did not, and whose session is over; and what a session's cookie is like."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from litestar import Response, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.testing import TestClient

from tests.desk import DESK
from tests.web.conftest import fixed_clock, made_up_assets
from tests.web.letting_in import MemoryBuckets, doorkeeping, word_for
from tianfu.access.caller import Caller
from tianfu.access.purpose import Purpose
from tianfu.web.admission import OPEN_FORM
from tianfu.web.asking import HttpRequest
from tianfu.web.pages import Pages
from tianfu.web.site import App, Doorkeeping, SiteSettings, build_site

Site = TestClient[Any]

HERS = Caller(id="an", role="citizen", patients=("an-city", "an-county"))
WHY = (Purpose.PATIENT_REQUEST, Purpose.TREATMENT)
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

    @post("/ask", status_code=200, opt=dict(OPEN_FORM))
    async def ask() -> str:
        return "asked"

    return [who, act, ask]


@contextmanager
def site(
    *, is_production: bool = True, kept: Doorkeeping | None = None, desk: Caller | None = None, session: str = ""
) -> Iterator[Site]:
    """A client of a site; `session` is what its cookie holds."""
    app = App(name="made-up", folder=Path(__file__).parent / "made_up_app", places=(), routes=telling_pages)
    built = build_site(
        apps=[app],
        settings=SiteSettings(
            seal_key=b"k" * 32, is_demonstration=True, is_production=is_production, hosts={"made-up.local"}
        ),
        doorkeeping=kept or doorkeeping(desk=desk),
        clock=fixed_clock,
        assets=made_up_assets(),
    )
    scheme = "https" if is_production else "http"
    with TestClient(built, base_url=f"{scheme}://made-up.local", raise_server_exceptions=False) as client:
        client.follow_redirects = False
        if session:
            client.cookies.set("__Host-session" if is_production else "session", session)
        yield client


@pytest.mark.parametrize("is_production", [False, True])
def test_whoever_did_not_sign_in_is_sent_to_do_so_and_comes_back(is_production: bool) -> None:
    with site(is_production=is_production) as client:
        answer = client.get("/who?page=2")
        assert answer.status_code == 303
        assert answer.headers["location"] == "/sign-in?why=sign-in-needed&next=%2Fwho%3Fpage%3D2"
        assert answer.headers["cache-control"] == "no-store"
        sent = client.post("/act", headers=OWN_PAGE)
        assert (sent.status_code, sent.headers["location"]) == (303, "/sign-in?why=sign-in-needed")


@pytest.mark.parametrize("path", ["/preferences", "/healthz", "/static/site-1234.css"])
def test_what_is_open_to_all_needs_nobody(path: str) -> None:
    with site() as client:
        assert client.get(path).status_code == 200


@pytest.mark.parametrize("is_production", [False, True])
def test_a_session_lets_in_for_the_first_purpose(is_production: bool) -> None:
    with site(is_production=is_production, session=word_for(HERS, *WHY)) as client:
        assert client.get("/who").json() == {"id": "an", "patients": ["an-city", "an-county"], "purpose": "PATRQT"}


@pytest.mark.parametrize("is_production", [False, True])
@pytest.mark.parametrize(
    "wrong",
    ["desk", "x" * 43, pytest.param("x" * 5_000, id="long"), pytest.param(word_for(HERS, door="machines"), id="other")],
)
def test_a_session_that_is_none_is_nobody(is_production: bool, wrong: str) -> None:
    with site(is_production=is_production, desk=None if is_production else DESK, session=wrong) as client:
        answer = client.get("/who")
        assert answer.status_code == 303
        address = urlsplit(answer.headers["location"])
        assert address.path == "/sign-in"
        assert parse_qs(address.query) == {"why": ["session-over"], "next": ["/who"]}
        assert "Max-Age=0" in answer.headers["set-cookie"]
        assert wrong not in answer.headers["location"]


def test_after_leaving_the_session_opens_nothing() -> None:
    session = word_for(HERS, *WHY)
    with site(session=session) as client:
        assert client.get("/who").status_code == 200
        left = client.post("/leave", headers=OWN_PAGE)
        assert (left.status_code, left.headers["location"]) == (303, "/sign-in?why=left")
        assert left.headers["clear-site-data"] == '"cache"'
        client.cookies.clear()
        client.cookies.set("__Host-session", session)  # somebody had copied the cookie
        assert client.get("/who").headers["location"].startswith("/sign-in?why=session-over")


def test_leaving_twice_or_without_a_session_harms_nobody() -> None:
    with site() as client:
        for _ in range(2):
            assert client.post("/leave", headers=OWN_PAGE).status_code == 303


def test_only_a_form_of_ours_acts_or_leads_out() -> None:
    # Else another site could make somebody act, or throw them out.
    with site(session=word_for(HERS, *WHY)) as client:
        for path in ("/leave", "/act", "/preferences"):
            for headers in ({}, {"sec-fetch-site": "cross-site"}, {"origin": "null"}, {"origin": "https://x.example"}):
                answer = client.post(path, headers=headers)
                assert answer.status_code == 403, (path, headers)
                assert "set-cookie" not in answer.headers


def test_a_write_that_says_not_where_it_comes_from_is_refused_where_a_session_could_be_used() -> None:
    with site(is_production=False, session=word_for(HERS, *WHY)) as client:
        assert client.post("/act").status_code == 403
        assert client.post("/act", headers={"origin": "http://made-up.local"}).text == "an"
    with site(is_production=False, desk=DESK) as client:
        assert client.post("/act").text == "desk"


def test_every_cookie_of_every_route_is_closed_to_scripts_and_to_other_sites() -> None:
    cookies: list[str] = []
    with site(session=word_for(HERS, *WHY)) as client:
        for route in client.app.routes:
            for method in getattr(route, "methods", ()):
                if method in {"GET", "POST"}:
                    path = route.path.replace("{name:path}", "site-1234.css")
                    data = {"elder": "on", "lang": "en"} if method == "POST" else None
                    answer = client.request(method, f"{path}?lang=en", data=data, headers=OWN_PAGE)
                    cookies += answer.headers.get_list("set-cookie")
    assert {cookie.partition("=")[0] for cookie in cookies} == {"__Host-session", "language", "look"}
    for cookie in cookies:
        assert "HttpOnly" in cookie, cookie
        assert "SameSite=lax" in cookie, cookie
        assert "Secure" in cookie, cookie


def test_in_production_browsers_are_told_to_come_by_https() -> None:
    with site() as client:
        for path in ("/preferences", "/healthz", "/who", "/nowhere"):
            assert client.get(path).headers["strict-transport-security"] == "max-age=31536000"
    with site(is_production=False) as client:
        assert "strict-transport-security" not in client.get("/preferences").headers


def test_who_asks_too_often_is_told_when_to_come_again() -> None:
    buckets = MemoryBuckets()
    buckets.left["an", "page"] = 3
    with site(kept=doorkeeping(desk=None, buckets=buckets), session=word_for(HERS, *WHY)) as client:
        answers = [client.get("/who") for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert int(answers[3].headers["retry-after"]) >= 1


def test_sessions_that_are_none_are_counted_by_address_and_good_ones_pass_all_the_same() -> None:
    buckets = MemoryBuckets()
    buckets.left["address:testclient", "bad-credential"] = 2
    with site(kept=doorkeeping(desk=None, buckets=buckets)) as client:
        statuses = []
        for number in range(4):
            client.cookies.set("__Host-session", f"wrong-{number}")
            statuses.append(client.get("/who").status_code)
        assert statuses == [303, 303, 429, 429]
        client.cookies.set("__Host-session", word_for(HERS, *WHY))
        assert client.get("/who").status_code == 200


def test_open_pages_that_ask_the_database_are_counted_by_address() -> None:
    buckets = MemoryBuckets()
    buckets.left["address:testclient", "open-form"] = 1
    with site(kept=doorkeeping(desk=None, buckets=buckets)) as client:
        assert [client.post("/ask", headers=OWN_PAGE).status_code for _ in range(2)] == [200, 429]
        assert client.post("/leave", headers=OWN_PAGE).status_code == 303  # nobody is shut in by those who come


def test_the_way_out_is_counted_by_address_apart_from_the_way_in() -> None:
    buckets = MemoryBuckets()
    buckets.left["leaving:testclient", "open-form"] = 2
    with site(kept=doorkeeping(desk=None, buckets=buckets)) as client:
        assert [client.post("/leave", headers=OWN_PAGE).status_code for _ in range(4)] == [303, 303, 429, 429]
        assert client.post("/ask", headers=OWN_PAGE).status_code == 200


def test_the_way_out_is_shown_to_those_who_came_in() -> None:
    with site() as client:
        assert 'action="/leave"' not in client.get("/preferences").text


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
    with site(is_production=True, session=word_for(HERS, *WHY)) as client:
        for path in ("/act", "/leave", "/preferences"):
            assert client.post(path, content=b"--x--", headers={**OWN_PAGE, **headers}).status_code == 415


def test_nul_is_refused_wherever_it_stands_however_it_is_cut() -> None:
    with site(is_production=True, session=word_for(HERS, *WHY)) as client:
        for path in ("/preferences?back=%00", "/preferences?%00"):
            assert client.get(path, headers=OWN_PAGE).status_code == 400, path
        plain = {**OWN_PAGE, "content-type": "application/x-www-form-urlencoded"}
        for pieces in ([b"back=a%00b"], [b"back=a\0b"], [b"back=a%", b"00b"], [b"back=a%0", b"0b"], [b"back=", b"%00"]):
            assert client.post("/preferences", content=iter(pieces), headers=plain).status_code == 400, pieces
        kept = client.post("/preferences", content=b"back=/a%2500", headers=plain, follow_redirects=False)
        assert (kept.status_code, kept.headers["location"]) == (303, "/a%00")


def test_a_form_that_trickles_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tianfu.web.forms.SILENCE_SECONDS_MAX", 0.05)
    app = App(name="made-up", folder=Path(__file__).parent / "made_up_app", places=(), routes=telling_pages)
    built = build_site(
        apps=[app],
        settings=SiteSettings(seal_key=b"k" * 32, is_demonstration=True, is_production=False),
        doorkeeping=doorkeeping(),
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


def test_a_page_that_needs_nobody_speaks_to_whoever_signed_in_as_who_he_is() -> None:
    doctor = Caller(id="du", role="doctor")
    with site() as client:
        assert 'data-density="citizen"' in client.get("/preferences").text
    with site(session=word_for(doctor, Purpose.TREATMENT)) as client:
        assert 'data-density="clinician"' in client.get("/preferences").text


def test_a_session_that_is_none_is_nobody_on_a_page_that_needs_nobody() -> None:
    with site(session="wrong") as client:
        answer = client.get("/preferences")
    assert answer.status_code == 200
    assert 'data-density="citizen"' in answer.text
