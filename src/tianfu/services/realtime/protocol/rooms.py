"""Whether a packet may pass: one visit, one camera, a gate, and a lease that somebody must go on renewing.

Nothing here reads a clock: who calls says what time it is.  Seconds are those of a clock that never goes back.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum

from tianfu.kernel.refusal import Refusal
from tianfu.services.realtime.protocol.parts import Part
from tianfu.services.realtime.protocol.talk import Floor

LEASE_SECONDS_MAX = 30.0
"""A lease never lasts longer: whoever renews it has then been gone so long that nothing may be shown."""


LEASE_LOST = "lease-lost"


class Gate(Enum):
    """Whether the curtain is open."""

    SHIELDED = "shielded"
    LIVE = "live"


class Room:
    """One visit's room.  It begins shielded, looks at one camera only, and once closed it stays closed."""

    def __init__(self, visit: str, camera: str, *, lease_until_seconds: float) -> None:
        self.visit = visit
        self.camera = camera
        self.gate = Gate.SHIELDED
        self.shielded_for = ""
        """Why the curtain is drawn, in one word: the last reason that was given; empty before the first."""
        self.floor = Floor()
        self.is_ward_heard = False
        """Whether the ward's sound may be heard: other families talk there, so not unless somebody says so."""
        self._lease_until = lease_until_seconds
        self._participants: dict[str, Part] = {}
        self._closed_for: str | None = None

    @property
    def is_closed(self) -> bool:
        """Whether it is over."""
        return self._closed_for is not None

    @property
    def is_live(self) -> bool:
        """Whether the gate is open; whether its lease still holds is told by `look`."""
        return self.gate is Gate.LIVE

    @property
    def participants(self) -> Sequence[str]:
        """Who is in it."""
        return tuple(self._participants)

    def let_in(self, participant: str, part: Part) -> None:
        """Take a participant in; who is in it already comes anew, without the floor.  Raises Refusal `room-closed`."""
        self._refuse_closed()
        self.floor.release(participant)
        self._participants[participant] = part

    def part_of(self, participant: str) -> Part | None:
        """What a participant does; None for who is not in it."""
        return self._participants.get(participant)

    def leave(self, participant: str) -> None:
        """Let a participant go; nothing passes to him from now on."""
        self._participants.pop(participant, None)
        self.floor.release(participant)

    def renew(self, until_seconds: float, *, at_seconds: float) -> None:
        """Lengthen the lease; what a lost lease shielded stays shielded.

        Raises Refusal `room-closed`.  More than `LEASE_SECONDS_MAX` from now is never given.
        """
        self._refuse_closed()
        self.look(at_seconds)
        self._lease_until = min(until_seconds, at_seconds + LEASE_SECONDS_MAX)

    def go_live(self, *, at_seconds: float) -> None:
        """Open the gate; raises Refusal `room-closed` or `lease-lost`."""
        self._refuse_closed()
        if at_seconds >= self._lease_until:
            raise Refusal(LEASE_LOST, next_step="join-again")
        self.gate = Gate.LIVE

    def shield(self, reason: str) -> None:
        """Close the gate; always possible, and the same again if it was closed."""
        self.gate = Gate.SHIELDED
        self.shielded_for = reason
        self.floor.clear()

    def close(self, reason: str) -> None:
        """End it for ever; everybody leaves."""
        if self._closed_for is not None:
            return
        self.shield(reason)
        self._participants.clear()
        self._closed_for = reason

    def look(self, at_seconds: float) -> bool:
        """Whether the gate is open at this moment.  A lease that ran out shields, and its renewal opens nothing."""
        if self.gate is Gate.LIVE and at_seconds >= self._lease_until:
            self.shield(LEASE_LOST)
        return self.gate is Gate.LIVE

    def press(self, participant: str, *, at_seconds: float) -> None:
        """Give a participant the floor.

        Raises Refusal `room-closed`, `not-in-room`, `curtain-drawn`, `view-only`, `silenced` or `somebody-speaks`.
        """
        self._refuse_closed()
        part = self._participants.get(participant)
        if part is None:
            raise Refusal("not-in-room", next_step="join-again")
        if not self.look(at_seconds):
            raise Refusal("curtain-drawn", next_step="wait", retryable=True)
        self.floor.press(participant, part)

    def _refuse_closed(self) -> None:
        if self._closed_for is not None:
            raise Refusal("room-closed", next_step="none")
