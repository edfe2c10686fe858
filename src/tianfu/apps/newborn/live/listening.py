"""What the keeper hears of the media server.  Rules: docs/rules/newborn-visits.md"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress

from tianfu.apps.newborn.live.audience import Audience, Began
from tianfu.apps.newborn.live.house import House
from tianfu.kernel.refusal import Refusal
from tianfu.services.realtime.port import ADAPTED, CAMERA_BACK, CAMERA_LOST, JOINED, LIVE, SHIELDED, Happened
from tianfu.services.realtime.protocol.rooms import LEASE_LOST

BY_ITSELF = frozenset({LEASE_LOST, "camera-away", "not-known"})
"""For what a gate is shielded without a word to its row: by the media server itself, or by who cannot look."""

FIRST_LEVEL = "full"
"""With how much of the picture whoever joins begins."""


class Listening:
    """What a media server tells, from its first word on: which cameras are there, and who sees what.

    Whoever lost it hears everything again from the first word that it keeps; to be told twice changes nothing.
    """

    def __init__(self, house: House, *, shielded: Callable[[Happened], Awaitable[None]]) -> None:
        self._house = house
        self._shielded = shielded
        self._last: Happened | None = None
        self._audience = Audience()
        self.cameras: set[str] = set()
        """The cameras that are there, as far as is known."""
        self.has_lost_it = False
        """Whether the media server could not be heard when it was last listened to."""
        self._none_is_kept = False
        """Whether the tables know that no camera is there."""

    def forget(self) -> None:
        """Begin at the first word again."""
        self._begin()
        self._none_is_kept = False

    def _begin(self) -> None:
        self._last, self._audience = None, Audience()
        self.cameras.clear()

    async def lost(self) -> None:
        """The media server cannot be heard: no camera is known to be there."""
        self._begin()
        self.has_lost_it = True
        if not self._none_is_kept:
            with suppress(Refusal):
                await self._house.rooms.no_camera()
                self._none_is_kept = True

    @property
    def last_heard(self) -> str:
        """What happened last, as far as is heard."""
        return self._last.what if self._last else ""

    async def begin_anew(self) -> None:
        """The media server was started anew: nobody will hear how the views of before ended."""
        now = self._house.clock()
        await self._house.rooms.end_views_unheard(before=now, at=now)
        self.forget()

    async def hear(self) -> None:
        """Listen for a while; raises Refusal `media-unavailable`."""
        last = self._last
        told = await self._house.media.events(last.number if last else 0, last.epoch if last else "")
        self.has_lost_it = self._none_is_kept = False
        if last is not self._last or not told:
            return  # begun anew meanwhile, or nothing happened
        if last is not None and told[0].epoch != last.epoch:
            self.forget()  # another life of the server, told from its beginning
            await self._house.rooms.no_camera()
            last = None
        if last is None:
            # Views from before its first word are another life's, which has ended.
            await self._house.rooms.end_views_unheard(before=told[0].at, at=self._house.clock())
        last_of_gate = {event.visit: event for event in told if event.what in {LIVE, SHIELDED}}
        for event in told:
            await self._heard(event)
            if event.what == SHIELDED and event.reason in BY_ITSELF and last_of_gate[event.visit] is event:
                await self._shielded(event)
            self._last = event

    async def _heard(self, event: Happened) -> None:
        if event.what in {CAMERA_BACK, CAMERA_LOST}:
            is_here = event.what == CAMERA_BACK
            (self.cameras.add if is_here else self.cameras.discard)(event.who)
            await self._house.rooms.camera(event.who, is_here=is_here)
        if event.what in {JOINED, ADAPTED}:
            level = event.reason if event.what == ADAPTED else FIRST_LEVEL
            await self._house.doors.sends(event.visit, event.who, level)
        for each in self._audience.hears(event):
            if isinstance(each, Began):
                await self._house.rooms.view_begins(each.visit, each.participant, since=each.since)
            else:
                await self._house.rooms.view_ends(each.visit, each.participant, since=each.since, until=each.until)
