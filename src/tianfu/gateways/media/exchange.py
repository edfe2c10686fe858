"""A description of a session as a request brings it, with its limits, and what goes back; ASGI underneath."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any

from tianfu.kernel.refusal import Refusal

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Header = tuple[bytes, bytes]

SDP = "application/sdp"
FRAGMENT = "application/trickle-ice-sdpfrag"
PROBLEM = "application/problem+json"

BODY_BYTES_MAX = 64 * 1_024
"""A browser's offer has ten thousand letters or so."""

BODY_SECONDS_MAX = 10.0


class ClientLeft(Exception):  # noqa: N818 - says what happened
    """The sender closed the connection before the request was whole; there is nobody to answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What goes back; `content_type` is empty where there is no content."""

    status: int
    body: bytes = b""
    content_type: str = ""
    headers: tuple[Header, ...] = ()


async def read_body(headers: Mapping[bytes, bytes], receive: Receive) -> bytes:
    """The whole body; raises Refusal `encoding-not-taken`, `too-large` or `body-too-slow`."""
    if headers.get(b"content-encoding", b"identity") != b"identity":
        raise Refusal("encoding-not-taken", next_step="send-uncompressed")
    declared = headers.get(b"content-length", b"")
    if declared.isdigit() and int(declared) > BODY_BYTES_MAX:
        raise Refusal("too-large")
    try:
        async with asyncio.timeout(BODY_SECONDS_MAX):
            return await _gathered(receive)
    except TimeoutError as error:
        raise Refusal("body-too-slow", next_step="send-again-later", retryable=True) from error


def content_type(headers: Mapping[bytes, bytes]) -> str:
    """What a request says that its body is, without parameters; empty if it does not."""
    return headers.get(b"content-type", b"").decode("latin-1").partition(";")[0].strip().lower()


def sdp_text(body: bytes) -> str:
    """A description as text (RFC 8866, section 5); raises Refusal `offer-malformed`."""
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Refusal("offer-malformed") from error


async def send_answer(send: Send, answer: Answer, *, always: tuple[Header, ...]) -> None:
    """Send an answer."""
    headers = [*always, *answer.headers]
    if answer.status != 204:
        headers.append((b"content-length", str(len(answer.body)).encode()))
    if answer.content_type:
        headers.append((b"content-type", answer.content_type.encode()))
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})


async def _gathered(receive: Receive) -> bytes:
    read = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientLeft
        read += message.get("body", b"")
        if len(read) > BODY_BYTES_MAX:
            raise Refusal("too-large")
        if not message.get("more_body", False):
            return bytes(read)
