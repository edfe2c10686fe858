"""One HTTP request as the interactions see it, and the answer they give; ASGI underneath."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

import structlog

from tianfu.access.caller import Caller
from tianfu.access.purpose import Purpose
from tianfu.gateways.fhir.limits import (
    BODY_SECONDS_MAX,
    PIECE_BYTES,
    READING_BYTES_PER_SECOND_MIN,
    READING_SECONDS_MIN,
    SILENCE_SECONDS_MAX,
)
from tianfu.gateways.fhir.negotiation import FHIR_JSON, Preferences, preferences_of
from tianfu.kernel.refusal import Refusal
from tianfu.web.callers import Admitted

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

QUERY_FIELDS_MAX = 2_000

_log = structlog.get_logger("tianfu.gateways.fhir")

Header = tuple[bytes, bytes]


class ClientLeft(Exception):  # noqa: N818 - says what happened
    """The client closed the connection before its request was whole; there is nobody to answer."""


@dataclass(slots=True, kw_only=True)
class Request:
    """A request that passed the door: method, path segments behind the base, and everything needed to do it."""

    method: str
    segments: tuple[str, ...]
    query_string: bytes
    headers: dict[bytes, bytes]
    base: str
    admitted: Admitted
    receive: Receive
    _parameters: list[tuple[str, str]] | None = field(default=None)

    @property
    def caller(self) -> Caller:
        """Who asks."""
        return self.admitted.caller

    @property
    def purpose(self) -> Purpose:
        """Why."""
        return self.admitted.purpose

    def header(self, name: bytes) -> str:
        """A header's text; empty if it was not sent."""
        return self.headers.get(name, b"").decode("latin-1")

    @property
    def parameters(self) -> list[tuple[str, str]]:
        """The parameters behind the question mark, in order."""
        if self._parameters is None:
            self._parameters = read_form(self.query_string)
        return self._parameters

    def parameter(self, name: str) -> str:
        """The first value of a parameter; empty if it was not given."""
        return next((value for key, value in self.parameters if key == name), "") if self.query_string else ""

    @property
    def preferences(self) -> Preferences:
        """What the client would rather have."""
        return preferences_of(self.header(b"prefer"))

    async def body(self, *, bytes_max: int) -> bytes:
        """The whole body; refused as soon as it is known to be too large, before more of it is read."""
        declared = self.header(b"content-length")
        if declared.isdigit() and int(declared) > bytes_max:
            raise _too_large(bytes_max)
        if self.header(b"content-encoding") not in {"", "identity"}:
            raise Refusal("encoding-not-taken", next_step="send-uncompressed")
        try:
            async with asyncio.timeout(BODY_SECONDS_MAX):
                return await self._gathered(bytes_max)
        except TimeoutError as error:
            raise Refusal("body-too-slow", next_step="send-again-later", retryable=True) from error

    async def _gathered(self, bytes_max: int) -> bytes:
        parts: list[bytes] = []
        size = 0
        while True:
            message = await asyncio.wait_for(self.receive(), SILENCE_SECONDS_MAX)
            if message["type"] == "http.disconnect":
                raise ClientLeft
            part: bytes = message.get("body", b"")
            size += len(part)
            if size > bytes_max:
                raise _too_large(bytes_max)
            parts.append(part)
            if not message.get("more_body", False):
                return parts[0] if len(parts) == 1 else b"".join(parts)


def _too_large(bytes_max: int) -> Refusal:
    return Refusal("body-too-large", next_step="send-in-parts", details={"megabytes_max": str(bytes_max // 1024**2)})


def read_form(text: bytes) -> list[tuple[str, str]]:
    """The fields of a query string or form; text that is not UTF-8 is refused, for a search must not guess."""
    try:
        return parse_qsl(
            text.decode("ascii"),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=QUERY_FIELDS_MAX,
        )
    except (ValueError, UnicodeDecodeError) as error:
        raise Refusal("search-not-understood", details={"expected": "percent-encoded UTF-8"}) from error


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What goes back; `body` None means no content at all."""

    status: int
    headers: tuple[Header, ...] = ()
    body: bytes | None = None
    content_type: bytes = FHIR_JSON


ALWAYS: tuple[Header, ...] = (
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
)
"""On every answer: records of people stay in no cache, nothing is taken for a page, and nothing in it comes alive."""


async def send_answer(send: Send, answer: Answer, *, always: tuple[Header, ...], without_body: bool) -> None:
    """Send an answer; to HEAD without its body but with its length."""
    body = answer.body or b""
    headers = [*always, *answer.headers]
    if answer.body is not None:
        headers.append((b"content-type", answer.content_type))
    if answer.status != 304:
        headers.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    if without_body:
        await send({"type": "http.response.body", "body": b""})
    elif len(body) <= PIECE_BYTES:
        await send({"type": "http.response.body", "body": body})
    else:
        await _send_in_pieces(send, body)


async def _send_in_pieces(send: Send, body: bytes) -> None:
    """Send a large body as its reader takes it; one who does not is left, for its answer must not stay in memory."""
    view = memoryview(body)
    try:
        async with asyncio.timeout(READING_SECONDS_MIN + len(body) / READING_BYTES_PER_SECOND_MIN):
            for start in range(0, len(body), PIECE_BYTES):
                piece = bytes(view[start : start + PIECE_BYTES])
                message = {"type": "http.response.body", "body": piece, "more_body": start + PIECE_BYTES < len(body)}
                await asyncio.wait_for(send(message), SILENCE_SECONDS_MAX)
    except TimeoutError:
        # An answer that ends before its length is no answer: the server closes the connection.
        _log.info("reader_left", sent=start, of=len(body))
