"""Posts short messages to a provider that carries them to telephones.  What they say is not known here."""

from __future__ import annotations

import asyncio
import http.client
import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

import orjson

from tianfu.kernel.refusal import Refusal

SECONDS_MAX = 10.0
AT_ONCE = 8
WAITING_MAX = 256
COUNTRY = "+86"


class CarryingError(Exception):
    """A provider did not take a message; says why without naming a number."""


class HttpCarrier:
    """Posts `{"to": "+86…", …}` to the address of a provider, with a bearer token.

    The address is https, or this machine's own.  An answer of 2xx says that the provider took it; a redirection is
    not followed, since it would carry the token elsewhere.  `setting` is what an operator must correct.
    """

    def __init__(self, address: str, token: str, *, setting: str, seconds_max: float = SECONDS_MAX) -> None:
        parts = urlsplit(address)
        is_here = parts.hostname in {"127.0.0.1", "::1", "localhost"}
        if not parts.hostname or parts.scheme not in ({"https", "http"} if is_here else {"https"}):
            raise Refusal("setting-invalid", next_step="correct-the-setting", details={"setting": setting})
        self._address = address
        self._headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        self._seconds_max = seconds_max
        self._opener = build_opener(_NoRedirection)
        self._threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="telephones")
        self._waiting = 0

    async def carry(self, number: str, said: Mapping[str, str]) -> None:
        """Hand a message over for this number of eleven digits; raises CarryingError."""
        if self._waiting >= WAITING_MAX:
            raise CarryingError("busy")
        self._waiting += 1
        body = orjson.dumps({"to": f"{COUNTRY}{number}", **said})
        try:
            await asyncio.get_running_loop().run_in_executor(self._threads, self._post, body)
        finally:
            self._waiting -= 1

    def _post(self, body: bytes) -> None:
        request = Request(self._address, data=body, headers=self._headers, method="POST")  # noqa: S310 - the scheme was looked at
        try:
            with self._opener.open(request, timeout=self._seconds_max):
                return
        except URLError as error:
            raise CarryingError(f"{type(error).__name__} {getattr(error, 'code', '')}".strip()) from error
        except (OSError, http.client.HTTPException) as error:
            raise CarryingError(type(error).__name__) from error


def token_in(file: Path) -> str:
    """A provider's token in a file that its owner alone can read.

    Raises Refusal `secret-missing` or `secret-open-to-others`.
    """
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
