"""The rows of visits as the keeper takes them: who has one for long holds up no other visit.

A worker that hangs has a row for as long as it hangs, and a nurse who opens has it while the media server answers.
Rules: docs/rules/newborn-visits.md
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager

from tianfu.kernel.instants import Instant
from tianfu.services.realtime.kept import Changing, KeptRooms, RoomHeld

HELD_SECONDS = 0.3
"""How long a look waits for a row that somebody else has: a cut of the other visits waits so long, too."""

HELD_AGAIN_SECONDS = 0.02
"""The same for each further row within a look, once one was waited for in vain."""

HUNG_SECONDS = 2.0
"""Whoever has a row for so long, look after look, hangs; who opens a curtain on a slow machine has it for less."""


class Rows:
    """Takes rows within a bounded time, and remembers those that could not follow their curtain yet."""

    def __init__(self, rooms: KeptRooms, monotonic: Callable[[], float]) -> None:
        self._rooms = rooms
        self._monotonic = monotonic
        self._behind: dict[str, tuple[str, Instant]] = {}
        self._has_waited = False
        self._held_since: dict[str, float] = {}
        self._found_held: set[str] = set()
        """The rows that somebody else had in this look."""

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
        # What was not asked for in the last look, or was had, may be another's by now.
        self._held_since = {visit: since for visit, since in self._held_since.items() if visit in self._found_held}
        self._found_held.clear()

    def is_behind(self, visit: str, reason: str, *, since: Instant) -> None:
        """A curtain was drawn at an instant, and its row does not say so yet; of two instants the later counts."""
        if visit not in self._behind or self._behind[visit][1] <= since:
            self._behind[visit] = reason, since

    def follows(self, visit: str, *, since: Instant | None) -> None:
        """A row says what is true of its curtain as it was drawn at an instant, or as it is drawn now.

        One that was drawn later is still to be followed.
        """
        if visit in self._behind and (since is None or self._behind[visit][1] <= since):
            del self._behind[visit]

    def has_hung(self, visit: str) -> bool:
        """Whether somebody else has had a row for so long that he hangs."""
        since = self._held_since.get(visit)
        return since is not None and self._monotonic() - since >= HUNG_SECONDS

    @contextmanager
    def taken(self, visit: str) -> Iterator[None]:
        """Take a visit's row in the block; who waited in vain waits less for the others."""
        asked_at = self._monotonic()
        try:
            yield
        except RoomHeld:
            self._has_waited = True
            self._found_held.add(visit)
            self._held_since.setdefault(visit, asked_at)
            raise

    @asynccontextmanager
    async def changing(self, visit: str) -> AsyncIterator[Changing]:
        """As `KeptRooms.changing`, but raises RoomHeld if somebody else has the row for long."""
        with self.taken(visit):
            async with self._rooms.changing(visit, waits_seconds=self.waits_seconds) as changing:
                self._held_since.pop(visit, None)
                yield changing
