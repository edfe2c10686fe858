"""A program of somebody else's at an origin of its own, as a browser meets it: it asks, and notes what comes back."""

from __future__ import annotations

import hashlib
import json
import subprocess
import threading
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from secrets import token_urlsafe
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import httpx
from playwright.sync_api import Page

from tests.supervision.installation import TIANFU, wait_until

ANSWER_SECONDS_MAX = 15.0


@dataclass
class AppElsewhere:
    """A public program, registered at one house; `answers` is what came back to it, the newest last."""

    house: str
    origin: str
    client: str = ""
    answers: list[dict[str, str]] = field(default_factory=list)
    verifier: str = field(default_factory=lambda: token_urlsafe(48))

    @property
    def redirect(self) -> str:
        """Where it is answered."""
        return f"{self.origin}/back"

    def address(self, scope: str = "openid", **more: str) -> str:
        """The request for authorisation that it sends browsers to."""
        challenge = urlsafe_b64encode(hashlib.sha256(self.verifier.encode()).digest()).decode().rstrip("=")
        asked = {
            "response_type": "code",
            "client_id": self.client,
            "redirect_uri": self.redirect,
            "scope": scope,
            "state": "made-up-state",
            "code_challenge": challenge,
            "code_challenge_method": "S256",
            "aud": f"{self.house}/fhir",
        }
        return f"{self.house}/oauth/authorize?{urlencode(asked | more)}"

    def begin(self, page: Page, scope: str = "openid", **more: str) -> None:
        """Press the link on its own page that leads to the house."""
        page.goto(f"{self.origin}/?{urlencode({'to': self.address(scope, **more)})}")
        page.get_by_role("link", name="Go").click()

    def answer(self, page: Page) -> dict[str, str]:
        """What came back since the last look; the browser has arrived at the program's own page with it."""
        wait_until(lambda: bool(self.answers), ANSWER_SECONDS_MAX)
        page.get_by_role("heading", name="Made-up app").wait_for()
        assert page.url.startswith(f"{self.redirect}?"), page.url
        assert len(self.answers) == 1
        got = self.answers.pop()
        assert got["state"] == "made-up-state"
        return got

    def auth_time(self, code: str) -> int:
        """When its person signed in, by the identity token that a code is exchanged for; in seconds since 1970."""
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.redirect,
            "client_id": self.client,
            "code_verifier": self.verifier,
        }
        given = httpx.post(f"{self.house}/oauth/token", data=form)
        assert given.status_code == 200, given.text
        payload = given.json()["id_token"].split(".")[1]
        return int(json.loads(urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))["auth_time"])


@contextmanager
def app_elsewhere(house: str, environment: dict[str, str], *scopes: str) -> Iterator[AppElsewhere]:
    """A program at a free port of this machine, registered at a house with these scopes."""

    class Handler(BaseHTTPRequestHandler):
        """The program's two pages."""

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            link = ""
            if parts.path == "/back":
                app.answers.append(dict(parse_qsl(parts.query)))
            elif to := parse_qs(parts.query).get("to"):
                link = f'<a href="{escape(to[0])}">Go</a>'
            body = f'<!doctype html><link rel="icon" href="data:,"><h1>Made-up app</h1>{link}'.encode()
            self.send_response(200)
            self.send_header("content-type", "text/html; charset=utf-8")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_request(self, code: Any = "-", size: Any = "-") -> None:
            """Stay quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    app = AppElsewhere(house=house, origin=f"http://127.0.0.1:{server.server_address[1]}")
    words = [word for scope in scopes for word in ("--scope", scope)]
    command = [TIANFU, "client", "add", "--kind", "public", "--name", "Made-up app", "--redirect", app.redirect]
    added = subprocess.run([*command, *words], env=environment, capture_output=True, text=True, check=True)
    app.client = added.stdout.strip().removeprefix("client_id=")
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield app
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
