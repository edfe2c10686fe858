"""Bodies that nobody read whole: the connection is closed behind the answer.

Else a client that declares a body and never sends it holds a connection for as long as it likes: the server waits for
the rest while anything of the request lives in memory, and a refusal that was raised and caught lives on in a ring
(error, frames, error) until Python looks for rings.
"""

from __future__ import annotations

from litestar.types import Message, Receive, ReceiveMessage, Scope, Send

_CLOSE = (b"connection", b"close")
"""RFC 9112, section 9.6."""


def close_unread(scope: Scope, receive: Receive, send: Send) -> tuple[Receive, Send]:
    """What to receive and send with, so that the answer to a body not read whole is the connection's last."""
    if not _declares_body(scope):
        return receive, send
    source: Receive | None = receive
    sink: Send | None = send
    is_whole = False

    async def receive_until_answered() -> ReceiveMessage:
        nonlocal is_whole
        if source is None:
            return {"type": "http.disconnect"}
        message = await source()
        if message["type"] == "http.request" and not message.get("more_body", False):
            is_whole = True
        return message

    async def send_and_let_go(message: Message) -> None:
        nonlocal source, sink
        if sink is None:
            return
        if message["type"] == "http.response.start" and not is_whole:
            message["headers"] = [*message["headers"], _CLOSE]
        await sink(message)
        if message["type"] == "http.response.body" and not message.get("more_body", False) and not is_whole:
            source = sink = None  # what of the request is still in memory holds the connection no longer

    return receive_until_answered, send_and_let_go


def _declares_body(scope: Scope) -> bool:
    """Whether a request says that a body follows (RFC 9112, section 6.3)."""
    return any(
        name == b"transfer-encoding" or (name == b"content-length" and value != b"0")
        for name, value in scope["headers"]
    )
