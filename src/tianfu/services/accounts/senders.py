"""Who carries a one-time code to a telephone: a port, a console for development, and a provider's address."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol, TextIO

import structlog

from tianfu.kernel.refusal import Refusal
from tianfu.services.accounts.carrying import SECONDS_MAX, CarryingError, HttpCarrier, token_in

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
    """Posts `{"to": "+86…", "code": "…"}` to the address of a provider, as `HttpCarrier` does."""

    def __init__(self, address: str, token: str, *, seconds_max: float = SECONDS_MAX) -> None:
        self._carrier = HttpCarrier(address, token, setting="address of codes", seconds_max=seconds_max)

    async def send(self, number: str, code: str) -> None:
        """Hand the code over; raises Refusal `code-not-sent`, and then the log says why, without the number."""
        try:
            await self._carrier.carry(number, {"code": code})
        except CarryingError as error:
            raise _not_sent(str(error)) from error


def open_sender(address: str | None, secret_file: Path, out: TextIO, *, is_production: bool) -> CodeSender:
    """The sender of an installation: a provider if its address is set, else the console, and in production a refusal.

    Raises Refusal `code-sender-missing`, `setting-invalid`, `secret-missing` or `secret-open-to-others`.
    """
    if address is None:
        return ConsoleSender(out, is_production=is_production)
    return HttpSender(address, token_in(secret_file))


def _not_sent(reason: str) -> Refusal:
    _log.warning("code_not_sent", reason=reason)
    return Refusal("code-not-sent", next_step="send-again-later", retryable=True)
