"""Who carries a one-time code to a telephone: a port, a console for development, and a provider's address."""

from __future__ import annotations

import asyncio
import http.client
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Protocol, TextIO
from urllib.error import URLError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

import orjson
import structlog

from tianfu.kernel.refusal import Refusal

SECONDS_MAX = 10.0
AT_ONCE = 8
WAITING_MAX = 256
COUNTRY = "+86"

_log = structlog.get_logger("tianfu.accounts")


class CodeSender(Protocol):
    """Carries a code to a telephone."""

    async def send(self, number: str, code: str) -> None:
        """Hand the code over for this number of eleven digits; raises Refusal `code-not-sent`."""
        ...


class ConsoleSender:
    """Writes codes where a developer sees them, with the last four digits of the number; never in production."""

    def __init__(self, out: TextIO, *, is_production: bool) -> None:
        if is_production:
            raise Refusal("code-sender-missing", next_step="correct-the-setting")
        self._out = out

    async def send(self, number: str, code: str) -> None:
        """Write one line."""
        self._out.write(f"code for the telephone that ends in {number[-4:]}: {code}\n")
        self._out.flush()


class NoSender:
    """For commands, which send nobody a code, and for an installation that has nobody to carry them."""

    async def send(self, number: str, code: str) -> None:
        """Refuse; raises Refusal `code-not-sent`."""
        raise _not_sent("no sender")


class HttpSender:
    """Posts `{"to": "+86…", "code": "…"}` to the address of a provider, with a bearer token.

    The address is https, or this machine's own.  An answer of 2xx says that the provider took it; a redirection is
    not followed, since it would carry the token elsewhere.
    """

    def __init__(self, address: str, token: str, *, seconds_max: float = SECONDS_MAX) -> None:
        parts = urlsplit(address)
        is_here = parts.hostname in {"127.0.0.1", "::1", "localhost"}
        if not parts.hostname or parts.scheme not in ({"https", "http"} if is_here else {"https"}):
            raise Refusal("setting-invalid", next_step="correct-the-setting", details={"setting": "address of codes"})
        self._address = address
        self._headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        self._seconds_max = seconds_max
        self._opener = build_opener(_NoRedirection)
        self._threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="codes")
        self._waiting = 0

    async def send(self, number: str, code: str) -> None:
        """Hand the code over; raises Refusal `code-not-sent`, and then the log says why, without the number."""
        if self._waiting >= WAITING_MAX:
            raise _not_sent("busy")
        self._waiting += 1
        try:
            await asyncio.get_running_loop().run_in_executor(self._threads, self._post, number, code)
        finally:
            self._waiting -= 1

    def _post(self, number: str, code: str) -> None:
        body = orjson.dumps({"to": f"{COUNTRY}{number}", "code": code})
        request = Request(self._address, data=body, headers=self._headers, method="POST")  # noqa: S310 - the scheme was looked at
        try:
            with self._opener.open(request, timeout=self._seconds_max):
                return
        except URLError as error:
            raise _not_sent(f"{type(error).__name__} {getattr(error, 'code', '')}".strip()) from error
        except (OSError, http.client.HTTPException) as error:
            raise _not_sent(type(error).__name__) from error


def open_sender(address: str | None, secret_file: Path, out: TextIO, *, is_production: bool) -> CodeSender:
    """The sender of an installation: a provider if its address is set, else the console, and in production a refusal.

    Raises Refusal `code-sender-missing`, `setting-invalid`, `secret-missing` or `secret-open-to-others`.
    """
    if address is None:
        return ConsoleSender(out, is_production=is_production)
    return HttpSender(address, _secret(secret_file))


def _secret(file: Path) -> str:
    """The token in a file that its owner alone can read."""
    details = {"file": str(file)}
    try:
        with file.open("rb") as opened:
            if os.fstat(opened.fileno()).st_mode & 0o077:
                raise Refusal("secret-open-to-others", next_step="close-the-file", details=details)
            secret = opened.read().decode("ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise Refusal("secret-missing", next_step="put-it-in-place", details=details) from error
    if not secret.isprintable() or not secret:
        raise Refusal("secret-missing", next_step="put-it-in-place", details=details)
    return secret


class _NoRedirection(HTTPRedirectHandler):
    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


def _not_sent(reason: str) -> Refusal:
    _log.warning("code_not_sent", reason=reason)
    return Refusal("code-not-sent", next_step="send-again-later", retryable=True)
