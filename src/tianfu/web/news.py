"""What waits for somebody at a place of the site, told beside its name and on his first page.

It is counted anew for each page that a signed-in person opens, by whichever app has something to tell; nothing is
kept or sent, so a count that is not there any more is simply not told.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from tianfu.services.accounts.model.people import SignedIn


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """So many of one thing wait at a place: `place` is its key, `says` the key of a sentence with `{count}`."""

    place: str
    address: str
    says: str
    count: int


Telling = Callable[[SignedIn], Awaitable[Sequence[News]]]
"""What an app has to tell somebody; asked at each of his pages, so it must be one quick question."""


async def nothing_new(_signed_in: SignedIn) -> Sequence[News]:
    """An app that has nothing to tell."""
    return ()
