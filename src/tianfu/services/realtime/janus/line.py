"""The line to Janus: its JSON requests and events over Unix sockets of messages (SOCK_SEQPACKET).

Janus's own rules: https://janus.conf.meetecho.com/docs/rest.html and pfunix.html .  Janus ends every session that
was begun over a socket as soon as that socket is closed: whoever is killed shows nothing more.
"""

from __future__ import annotations

import asyncio
import secrets
import socket
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import orjson

from tianfu.kernel.refusal import Refusal

MESSAGE_BYTES_MAX = 8_191
"""What Janus reads at once of a message (its 1.1.2 cuts a longer one off without a word)."""

ANSWER_BYTES_MAX = 1 << 20

ANSWER_SECONDS = 5.0

Message = Mapping[str, Any]


class JanusRefused(Exception):  # noqa: N818 - Janus's word for no, an answer
    """Janus says no: its number and its reason."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(f"{code} {reason}")
        self.code = code


class Line:
    """One connection.  `heard` is told each event; `ended` once, when the connection is lost."""

    def __init__(self, heard: Callable[[Message], None], ended: Callable[[], None]) -> None:
        self._heard = heard
        self._ended = ended
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._socket.setblocking(False)
        self._waiting: dict[str, asyncio.Future[Message]] = {}
        self._acknowledged: set[str] = set()
        self._listening: asyncio.Task[None] | None = None
        self._sending = asyncio.Lock()

    async def connect(self, path: Path) -> None:
        """Connect; raises OSError."""
        try:
            await asyncio.get_running_loop().sock_connect(self._socket, str(path))
        except BaseException:
            self._socket.close()
            raise
        self._listening = asyncio.create_task(self._listen())

    async def ask(self, message: Message, *, is_acknowledged: bool = False) -> Message:
        """Send a request and wait for what is said at the end of it; for the word that it came if that is all.

        Raises JanusRefused, or Refusal `media-unavailable`, or `offer-malformed` if it is longer than Janus reads.
        """
        transaction = secrets.token_hex(8)
        data = orjson.dumps({**message, "transaction": transaction})
        if len(data) > MESSAGE_BYTES_MAX:
            raise Refusal("offer-malformed")
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Message] = loop.create_future()
        self._waiting[transaction] = answer
        if is_acknowledged:
            self._acknowledged.add(transaction)
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                async with self._sending:
                    await loop.sock_sendall(self._socket, data)
                said: Message = await answer
        except (OSError, TimeoutError) as error:
            raise unavailable() from error
        finally:
            self._waiting.pop(transaction, None)
            self._acknowledged.discard(transaction)
        _raise_refused(said)
        return said

    def hang_up(self) -> None:
        """End the connection; safe to repeat."""
        if self._listening is not None:
            self._listening.cancel()
        self._over()

    async def _listen(self) -> None:
        loop = asyncio.get_running_loop()
        with suppress(OSError):
            while data := await loop.sock_recv(self._socket, ANSWER_BYTES_MAX):
                with suppress(orjson.JSONDecodeError):
                    self._take(orjson.loads(data))
        self._over()
        self._ended()

    def _take(self, said: Message) -> None:
        transaction = said.get("transaction", "")
        if said.get("janus") == "ack" and transaction not in self._acknowledged:
            return
        waiting = self._waiting.get(transaction)
        if waiting is None:
            self._heard(said)
        elif not waiting.done():
            waiting.set_result(said)

    def _over(self) -> None:
        self._socket.close()
        for waiting in self._waiting.values():
            if not waiting.done():
                waiting.set_exception(unavailable())


def _raise_refused(said: Message) -> None:
    error = said.get("error")
    if isinstance(error, Mapping):
        raise JanusRefused(error["code"], error["reason"])
    data = plugin_data(said)
    if "error_code" in data:
        raise JanusRefused(data["error_code"], str(data.get("error")))


def plugin_data(said: Message) -> Message:
    """What the plugin said; empty if nothing."""
    data: Message = said.get("plugindata", {}).get("data", {})
    return data


def unavailable() -> Refusal:
    """That Janus cannot be reached."""
    return Refusal("media-unavailable", next_step="send-again-later", retryable=True)
