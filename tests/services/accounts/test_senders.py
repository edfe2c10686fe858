"""Senders: what a provider gets, what a console shows, and what is refused."""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tianfu.kernel.refusal import Refusal
from tianfu.services.accounts.senders import ConsoleSender, HttpSender, NoSender, open_sender

pytestmark = pytest.mark.anyio


class Provider(ThreadingHTTPServer):
    """A provider on this machine that answers as told and keeps what it got."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.status = 202
        self.got: list[tuple[str, str | None, object]] = []

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/codes"


class _Handler(BaseHTTPRequestHandler):
    server: Provider

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"] or 0)) or b"{}"
        self.server.got.append((self.path, self.headers["Authorization"], json.loads(body)))
        self.send_response(self.server.status)
        self.send_header("Location", f"{self.server.address}/elsewhere")
        self.end_headers()

    def do_GET(self) -> None:
        self.do_POST()  # a redirection that was followed would come as this

    def log_message(self, *_: object) -> None:
        return


@pytest.fixture
def provider() -> Iterator[Provider]:
    with Provider() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


async def test_a_provider_gets_number_and_code_and_our_token(provider: Provider) -> None:
    await HttpSender(provider.address, "t0ken").send("13800001234", "012345")
    assert provider.got == [("/codes", "Bearer t0ken", {"to": "+8613800001234", "code": "012345"})]


@pytest.mark.parametrize("status", [301, 302, 307, 308, 400, 401, 429, 500, 503])
async def test_a_provider_that_does_not_take_it_is_told_once_and_nowhere_else(provider: Provider, status: int) -> None:
    provider.status = status
    with pytest.raises(Refusal, match="code-not-sent"):
        await HttpSender(provider.address, "t0ken").send("13800001234", "012345")
    assert len(provider.got) == 1


async def test_a_provider_that_is_not_there_is_refused_without_the_number(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(Refusal, match="code-not-sent"):
        await HttpSender("http://127.0.0.1:9/codes", "t0ken").send("13800001234", "012345")
    said = "".join(capsys.readouterr())
    assert "code_not_sent" in said
    for hidden in ("13800001234", "012345", "t0ken"):
        assert hidden not in said


@pytest.mark.parametrize(
    "address", ["http://codes.example/", "ftp://codes.example/", "file:///etc/passwd", "https://", ""]
)
def test_a_token_goes_over_https_or_stays_on_this_machine(address: str) -> None:
    with pytest.raises(Refusal, match="setting-invalid"):
        HttpSender(address, "t0ken")


async def test_a_console_shows_the_code_and_hides_the_number() -> None:
    out = io.StringIO()
    await ConsoleSender(out, is_production=False).send("13800001234", "012345")
    assert "012345" in out.getvalue()
    assert "13800001234" not in out.getvalue()


def test_a_console_is_no_sender_in_production() -> None:
    with pytest.raises(Refusal, match="code-sender-missing"):
        ConsoleSender(io.StringIO(), is_production=True)


async def test_the_sender_that_is_set_shows_the_token_of_its_file(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.touch(0o600)
    file.write_text("made-up-token\n")
    sender = open_sender("https://codes.example/send", file, io.StringIO(), is_production=True)
    assert isinstance(sender, HttpSender)
    assert sender._carrier._headers["Authorization"] == "Bearer made-up-token"


@pytest.mark.parametrize(
    ("content", "mode", "code"),
    [
        ("made-up-token", 0o640, "secret-open-to-others"),
        ("made-up-token", 0o604, "secret-open-to-others"),
        ("", 0o600, "secret-missing"),
        ("one\ntwo", 0o600, "secret-missing"),
        ("密", 0o600, "secret-missing"),
        (None, 0o600, "secret-missing"),
    ],
)
def test_a_token_that_is_none_or_open_to_others_is_refused(
    tmp_path: Path, content: str | None, mode: int, code: str
) -> None:
    file = tmp_path / "token"
    if content is not None:
        file.write_text(content)
        file.chmod(mode)
    with pytest.raises(Refusal, match=code):
        open_sender("https://codes.example/send", file, io.StringIO(), is_production=False)


def test_without_an_address_only_development_has_a_sender(tmp_path: Path) -> None:
    assert isinstance(open_sender(None, tmp_path, io.StringIO(), is_production=False), ConsoleSender)
    with pytest.raises(Refusal, match="code-sender-missing"):
        open_sender(None, tmp_path, io.StringIO(), is_production=True)


async def test_commands_send_nobody_a_code() -> None:
    with pytest.raises(Refusal, match="code-not-sent"):
        await NoSender().send("10000000000", "123456")
