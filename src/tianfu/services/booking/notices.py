"""Who carries a short notice to a telephone: a port, a console for development, and nobody."""

from __future__ import annotations

from typing import Protocol, TextIO

from tianfu.kernel.refusal import Refusal


class Notices(Protocol):
    """Carries a notice to a telephone."""

    async def tell(self, number: str, text: str) -> None:
        """Hand a text over for this number of eleven digits; raises Refusal `notice-not-carried`."""
        ...


class ConsoleNotices:
    """Writes notices where a developer sees them, with the last four digits of the number."""

    def __init__(self, out: TextIO) -> None:
        self._out = out

    async def tell(self, number: str, text: str) -> None:
        """Write one line."""
        self._out.write(f"notice for the telephone that ends in {number[-4:]}: {text}\n")
        self._out.flush()


class NoNotices:
    """For an installation that has nobody to carry notices: its pages tell what they would have said."""

    async def tell(self, number: str, text: str) -> None:
        """Refuse; raises Refusal `notice-not-carried`."""
        raise Refusal("notice-not-carried")
