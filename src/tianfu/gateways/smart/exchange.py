"""A form that a program sends, with its limits, and the JSON that it gets; ASGI underneath."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

import orjson

from tianfu.kernel.refusal import Refusal

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

FORM_BYTES_MAX = 64 * 1_024
FORM_SECONDS_MAX = 20.0
FORM_FIELDS_MAX = 50
FORM_TYPE = "application/x-www-form-urlencoded"

Header = tuple[bytes, bytes]


class ClientLeft(Exception):  # noqa: N818 - says what happened
    """The sender closed the connection before the request was whole; there is nobody to answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What goes back; `body` None means no content at all."""

    status: int
    body: Mapping[str, Any] | None = None
    headers: tuple[Header, ...] = ()


async def read_form(scope: Scope, headers: Mapping[bytes, bytes], receive: Receive) -> list[tuple[str, str]]:
    """The fields of a form; raises Refusal `oauth-request-malformed` for what is none, or is too long or too slow."""
    declared = headers.get(b"content-type", b"").decode("latin-1").partition(";")[0].strip().lower()
    if declared != FORM_TYPE or headers.get(b"content-encoding", b"identity") != b"identity" or scope["query_string"]:
        raise _malformed("form")  # nor do secrets belong into an address
    try:
        async with asyncio.timeout(FORM_SECONDS_MAX):
            text = await _gathered(receive)
        return parse_qsl(text.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=FORM_FIELDS_MAX)
    except TimeoutError as error:
        raise _malformed("slow") from error
    except (ValueError, UnicodeDecodeError) as error:
        raise _malformed("form") from error


async def _gathered(receive: Receive) -> bytes:
    read = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientLeft
        read += message.get("body", b"")
        if len(read) > FORM_BYTES_MAX:
            raise _malformed("too-long")
        if not message.get("more_body", False):
            return bytes(read)


async def send_answer(send: Send, answer: Answer, *, always: tuple[Header, ...], without_body: bool) -> None:
    """Send an answer; to HEAD without its body but with its length."""
    body = b"" if answer.body is None else orjson.dumps(dict(answer.body))
    headers = [(b"content-length", str(len(body)).encode()), *answer.headers]
    if answer.body is not None:
        headers.append((b"content-type", b"application/json"))
    present = {name for name, _ in headers}
    headers += [pair for pair in always if pair[0] not in present]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if without_body else body})


def _malformed(reason: str) -> Refusal:
    return Refusal("oauth-request-malformed", next_step="ask-the-app-maker", details={"reason": reason})
