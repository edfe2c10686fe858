"""The rows of visits as the keeper takes them: who has one for long holds up no other visit.

A worker that hangs has a row for as long as it hangs, and a nurse who opens has it while the media server answers.
Rules: docs/rules/newborn-visits.md
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager

from tianfu.kernel.instants import Instant
from tianfu.services.realtime.kept import Changing, KeptRooms, RoomHeld

HELD_SECONDS = 0.3
"""How long a look waits for a row that somebody else has: a cut of the other visits waits so long, too."""

HELD_AGAIN_SECONDS = 0.02
"""The same for each further row within a look, once one was waited for in vain."""


class Rows:
    """Takes rows within a bounded time, and remembers those that could not follow their curtain yet."""

    def __init__(self, rooms: KeptRooms) -> None:
        self._rooms = rooms
        self._behind: dict[str, tuple[str, Instant]] = {}
        self._has_waited = False

    @property
    def waits_seconds(self) -> float:
        """How long the next row is waited for."""
        return HELD_AGAIN_SECONDS if self._has_waited else HELD_SECONDS

    @property
    def behind(self) -> Mapping[str, tuple[str, Instant]]:
        """The rows that somebody else had when their curtain was drawn: why it was, and when."""
        return dict(self._behind)

    def look_anew(self, visits: Collection[str]) -> None:
        """Begin another look, at these visits."""
        self._has_waited = False
        self._behind = {visit: each for visit, each in self._behind.items() if visit in visits}

    def is_behind(self, visit: str, reason: str, *, since: Instant) -> None:
        """A curtain was drawn at an instant, and its row does not say so yet."""
        self._behind[visit] = reason, since

    def follows(self, visit: str) -> None:
        """A row says of its curtain what is true, or is asked again."""
        self._behind.pop(visit, None)

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Take rows in the block; who waited in vain waits less for the others."""
        try:
            yield
        except RoomHeld:
            self._has_waited = True
            raise

    @asynccontextmanager
    async def changing(self, visit: str) -> AsyncIterator[Changing]:
        """As `KeptRooms.changing`, but raises RoomHeld if somebody else has the row for long."""
        with self.taken():
            async with self._rooms.changing(visit, waits_seconds=self.waits_seconds) as changing:
                yield changing
