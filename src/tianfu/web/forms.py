"""What pages take as a form, plain fields, uncompressed, within some time; and how a page reads one.

Only a handler that says so in its options (`opt=TAKES_FILE`) takes a file; elsewhere nothing that could be one is read.
A sender who falls silent or trickles must not hold a worker's memory.  NUL stands in no name and no text that anybody
types, and PostgreSQL keeps none: whatever holds one, in its address or form, is refused before anybody looks for it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Any

from litestar.datastructures import Headers, UploadFile
from litestar.enums import ScopeType
from litestar.exceptions import ClientException
from litestar.middleware import ASGIMiddleware
from litestar.types import ASGIApp, Receive, ReceiveMessage, Scope, Send

from tianfu.kernel.refusal import Refusal
from tianfu.web.asking import HttpRequest
from tianfu.web.protection import SAFE_METHODS

SILENCE_SECONDS_MAX = 20.0
"""How long a sender may stop in the middle of a form."""

FORM_SECONDS_MAX = 60.0
"""How long a whole form may take."""

_NUL = (b"%00", b"\0")
"""How NUL is written in a form and in an address; a percent sign that stands for itself is written `%25`."""


PLAIN = "application/x-www-form-urlencoded"

TAKES_FILE: Mapping[str, Any] = {"takes": "multipart/form-data"}
"""The options of a handler whose form holds a file and nothing else; it says itself how large one may be."""

TAKES_DICOM: Mapping[str, Any] = {"takes": "application/dicom", "takes_seconds": 900.0}
"""The options of a handler whose body is one DICOM object: it stays in memory, where a form's file would lie in clear
among the temporary files."""


class PlainForms(ASGIMiddleware):
    """Refuses with `format-not-taken` what is no plain form, with `body-too-slow` what takes too long, and NUL."""

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        """Hand on the request with a body that has a time limit."""
        if scope["type"] != ScopeType.HTTP:
            await next_app(scope, receive, send)
            return
        takes = str(scope["route_handler"].opt.get("takes", PLAIN))
        seconds_max = float(scope["route_handler"].opt.get("takes_seconds", FORM_SECONDS_MAX))
        if scope["method"] not in SAFE_METHODS:
            refuse_unless(Headers.from_scope(scope), takes=takes)
        refuse_nul(scope["path"].encode("utf-8", "replace"))
        refuse_nul(scope["query_string"])
        started = time.monotonic()
        is_whole, end = False, b""

        async def receive_in_time() -> ReceiveMessage:
            nonlocal is_whole, end
            if is_whole:  # what is still received is the end of the connection, however late
                return await receive()
            left = min(SILENCE_SECONDS_MAX, seconds_max - (time.monotonic() - started))
            try:
                message = await asyncio.wait_for(receive(), max(0.0, left))
            except TimeoutError as error:
                raise Refusal("body-too-slow", next_step="send-again-later", retryable=True) from error
            is_whole = message["type"] == "http.request" and not message["more_body"]
            if message["type"] == "http.request" and takes == PLAIN:
                read = end + message.get("body", b"")
                refuse_nul(read)
                end = read[-2:]  # a NUL that is cut in two is one all the same
            return message

        await next_app(scope, receive_in_time, send)


def refuse_nul(read: bytes) -> None:
    """Raise ClientException for bytes of a form or an address that hold NUL."""
    if any(each in read for each in _NUL):
        raise ClientException("not-understood")


def refuse_unless(headers: Headers, *, takes: str) -> None:
    """Raise Refusal unless a body, if there is one, is declared to be what is taken."""
    declared = headers.get("content-type", "")
    if (declared and declared.partition(";")[0].strip().lower() != takes) or headers.get(
        "content-encoding", "identity"
    ) != "identity":
        raise Refusal("format-not-taken", next_step="start-again")


async def read_file(request: HttpRequest, name: str) -> bytes:
    """The bytes of a form's file; empty if none was sent.  What it is called and said to be counts for nothing."""
    sent = (await request.form()).get(name)
    return await sent.read() if isinstance(sent, UploadFile) else b""


async def read_form(request: HttpRequest, *names: str) -> dict[str, str]:
    """The fields of a form as text; what was not sent is empty, and so is a file."""
    sent = await request.form()
    values = {name: sent.get(name) for name in names}
    return {
        name: "" if value is None or isinstance(value, UploadFile) else str(value) for name, value in values.items()
    }
