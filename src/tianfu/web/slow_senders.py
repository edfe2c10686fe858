"""Waits for a form only so long: a sender who falls silent, or who trickles, must not hold a worker's memory."""

from __future__ import annotations

import asyncio
import time

from litestar.enums import ScopeType
from litestar.middleware import ASGIMiddleware
from litestar.types import ASGIApp, Receive, ReceiveMessage, Scope, Send

from tianfu.kernel.refusal import Refusal

SILENCE_SECONDS_MAX = 20.0
"""How long a sender may stop in the middle of a form."""

FORM_SECONDS_MAX = 60.0
"""How long a whole form may take."""


class UnhurriedSenders(ASGIMiddleware):
    """Refuses a body that takes too long with `body-too-slow`."""

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        """Hand on the request with a body that has a time limit."""
        if scope["type"] != ScopeType.HTTP:
            await next_app(scope, receive, send)
            return
        started = time.monotonic()
        is_whole = False

        async def receive_in_time() -> ReceiveMessage:
            nonlocal is_whole
            if is_whole:  # what is still received is the end of the connection, however late
                return await receive()
            left = min(SILENCE_SECONDS_MAX, FORM_SECONDS_MAX - (time.monotonic() - started))
            try:
                message = await asyncio.wait_for(receive(), max(0.0, left))
            except TimeoutError as error:
                raise Refusal("body-too-slow", next_step="send-again-later", retryable=True) from error
            is_whole = message["type"] == "http.request" and not message["more_body"]
            return message

        await next_app(scope, receive_in_time, send)
