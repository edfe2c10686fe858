"""What a media server must be able to do for us, whichever it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from tianfu.kernel.instants import Instant
from tianfu.services.realtime.protocol.parts import Part
from tianfu.services.realtime.protocol.rooms import Gate

JOINED, LEFT, LIVE, SHIELDED, CLOSED, CAMERA_BACK, CAMERA_LOST, QUIET, ADAPTED, DROPPED = (
    "joined",
    "left",
    "live",
    "shielded",
    "closed",
    "camera-back",
    "camera-lost",
    "quiet",
    "adapted",
    "dropped",
)
"""What may have happened.  Who is `quiet` was not heard for two seconds, and has lost the floor; `adapted` names the
level of a viewer's picture; `dropped` says that packets of a camera are not passed on."""

CODEC_CHANGED = "codec-changed"
"""Why who has left must join again: the camera came back with another codec than he agreed to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Happened:
    """Something that happened in a room, or to a camera; `number` counts on without a gap while the server runs.

    `visit` is empty for a camera's events; `who` is the participant or the camera; `reason` is one word.
    """

    number: int
    at: Instant
    what: str
    visit: str = ""
    who: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Quality:
    """How one participant's picture arrives; `lost_fraction` from 0 to 1.  Nothing of what is seen.

    `join_ms` is from his offer to his connection; `freezes` counts pauses of the picture of over half a second that
    neither curtain nor level explains; `round_trip_ms` is None before his first report.
    """

    visit: str
    participant: str
    packets: int
    lost_fraction: float
    join_ms: int | None = None
    freezes: int = 0
    round_trip_ms: float | None = None
    bits_per_second: int = 0
    level: str = "full"


class MediaPort(Protocol):
    """Live rooms on a media server.

    Every call raises Refusal `media-unavailable` (retryable) if the server cannot be reached.  A server that ends
    forgets its rooms: whoever knows what should be there opens them again.
    """

    async def open_room(self, visit: str, camera: str, *, lease_seconds: float) -> None:
        """Open a room on a camera, shielded; raises Refusal `room-exists`."""
        ...

    async def renew(self, visit: str, *, lease_seconds: float) -> None:
        """Lengthen a room's lease; raises Refusal `room-unknown` or `room-closed`."""
        ...

    async def whip(self, camera: str, offer: str) -> str:
        """Take a camera's offer (RFC 9725); the answer.  Raises Refusal `offer-malformed` or `no-common-codec`.

        A second picture in the offer is a smaller one of the same lens.  A camera of this name that works is let go
        only when the new one has shown its first whole picture; its rooms are shielded then.
        """
        ...

    async def whep(self, visit: str, participant: str, part: Part, offer: str) -> str:
        """Take a viewer's offer (draft-ietf-wish-whep); the answer.  Who is in the room already comes anew.

        Raises Refusal `room-unknown`, `room-closed`, `already-in-room` (he came once more meanwhile), `camera-away`,
        `offer-malformed` or `no-common-codec`.
        """
        ...

    async def gate(self, visit: str, gate: Gate, reason: str) -> Instant:
        """Open or shield; the moment from which it holds.  After a shield returns nothing more is sent.

        Raises Refusal `room-unknown`, `room-closed`, `camera-away` or `lease-lost`.
        """
        ...

    async def talk(self, visit: str, participant: str, *, is_pressed: bool) -> None:
        """Give a participant the floor while his key is pressed, and take it when he lets go.

        Raises Refusal `room-unknown`, `room-closed`, `not-in-room`, `curtain-drawn`, `view-only`, `silenced` or
        `somebody-speaks`.
        """
        ...

    async def silence(self, visit: str, participant: str, *, is_silenced: bool) -> None:
        """Take a participant's voice, or give it back; raises Refusal `room-unknown`."""
        ...

    async def hear_ward(self, visit: str, *, is_heard: bool) -> None:
        """Let the ward's sound through with the picture, or not (at first not); raises Refusal `room-unknown`."""
        ...

    async def allow_stills(self, visit: str, *, are_allowed: bool) -> None:
        """Let who has no room for a picture see one in five seconds, or not (at first not).

        Raises Refusal `room-unknown`.
        """
        ...

    async def kick(self, visit: str, participant: str) -> None:
        """Let one participant go at once; safe to repeat."""
        ...

    async def close(self, visit: str, reason: str) -> None:
        """End a room and every connection to it; safe to repeat."""
        ...

    async def stats(self) -> Sequence[Quality]:
        """How the pictures of all participants arrive."""
        ...

    async def events(self, after: int) -> Sequence[Happened]:
        """What happened after a number; waits a while if that is nothing yet."""
        ...
