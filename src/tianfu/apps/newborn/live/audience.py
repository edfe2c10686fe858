"""Who sees what from when to when, out of what a media server tells."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

from tianfu.kernel.instants import Instant
from tianfu.services.realtime.port import CLOSED, JOINED, LEFT, LIVE, SHIELDED, Happened


@dataclass(frozen=True, slots=True, kw_only=True)
class Began:
    """Somebody sees from now on."""

    visit: str
    participant: str
    since: Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """Somebody who saw since an instant sees no more."""

    visit: str
    participant: str
    since: Instant
    until: Instant


@dataclass(slots=True)
class _Room:
    is_live: bool = False
    inside: set[str] = field(default_factory=set)
    seeing: dict[str, Instant] = field(default_factory=dict)


class Audience:
    """Everybody in all rooms.  Told the same events again, it says the same; who begins anew begins at the first."""

    def __init__(self) -> None:
        self._rooms: defaultdict[str, _Room] = defaultdict(_Room)

    def hears(self, event: Happened) -> list[Began | Ended]:
        """What an event means for who sees what; events must come in their order."""
        if not event.visit:
            return []
        room = self._rooms[event.visit]
        match event.what:
            case what if what == JOINED:
                room.inside.add(event.who)
            case what if what == LEFT:
                room.inside.discard(event.who)
            case what if what == LIVE:
                room.is_live = True
            case what if what == SHIELDED:
                room.is_live = False
            case what if what == CLOSED:
                del self._rooms[event.visit]
                return self._ended(event, room, set(room.seeing))
            case _:
                return []
        see_now = room.inside if room.is_live else set()
        ended = self._ended(event, room, set(room.seeing) - see_now)
        began = sorted(see_now - set(room.seeing))
        room.seeing |= dict.fromkeys(began, event.at)
        return [*ended, *(Began(visit=event.visit, participant=who, since=event.at) for who in began)]

    def _ended(self, event: Happened, room: _Room, who: set[str]) -> list[Began | Ended]:
        return [
            Ended(visit=event.visit, participant=each, since=room.seeing.pop(each), until=event.at)
            for each in sorted(who)
        ]
