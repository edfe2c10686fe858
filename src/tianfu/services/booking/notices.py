"""Who carries a short notice to a telephone: a port, a console for development, and a provider's address."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol, TextIO

import structlog

from tianfu.kernel.refusal import Refusal
from tianfu.services.accounts.carrying import SECONDS_MAX, CarryingError, HttpCarrier, token_in

SETTING = "TIANFU_NOTICES_ADDRESS"

_log = structlog.get_logger("tianfu.booking")


class Notices(Protocol):
    """Carries a notice to a telephone."""

    async def tell(self, number: str, text: str) -> None:
        """Hand a text over for this number of eleven digits; raises Refusal `notice-not-carried`."""
        ...


class ConsoleNotices:
    """Writes notices where a developer sees them, with the last four digits of the number; never in production."""

    def __init__(self, out: TextIO) -> None:
        self._out = out

    async def tell(self, number: str, text: str) -> None:
        """Write one line."""
        self._out.write(f"notice for the telephone that ends in {number[-4:]}: {text}\n")
        self._out.flush()


class HttpNotices:
    """Posts `{"to": "+86…", "text": "…"}` to the address of a provider, as one-time codes are posted."""

    def __init__(self, address: str, token: str, *, seconds_max: float = SECONDS_MAX) -> None:
        self._carrier = HttpCarrier(address, token, setting=SETTING, seconds_max=seconds_max)

    async def tell(self, number: str, text: str) -> None:
        """Hand the notice over; raises Refusal `notice-not-carried`, and then the log says why, without the number."""
        try:
            await self._carrier.carry(number, {"text": text})
        except CarryingError as error:
            _log.warning("notice_not_carried", reason=str(error))
            raise Refusal("notice-not-carried") from error


def open_notices(address: str | None, secret_file: Path, out: TextIO, *, is_production: bool) -> Notices:
    """Who carries notices for an installation: a provider if its address is set, else the console of development.

    Raises Refusal `notice-carrier-missing` in production, `setting-invalid`, `secret-missing` or
    `secret-open-to-others`.
    """
    if address is not None:
        return HttpNotices(address, token_in(secret_file))
    if is_production:
        raise Refusal("notice-carrier-missing", next_step="set-it", details={"setting": SETTING})
    return ConsoleNotices(out)
