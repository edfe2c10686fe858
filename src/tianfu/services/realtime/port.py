"""What a media server must be able to do for us, whichever it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from socket import socket
from typing import Protocol, runtime_checkable

from tianfu.kernel.instants import Instant
from tianfu.services.realtime.protocol.cot import HeardBy
from tianfu.services.realtime.protocol.parts import Part
from tianfu.services.realtime.protocol.rooms import Gate
from tianfu.services.realtime.protocol.trickle import Trickle

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

    `epoch` names the server's life: numbers of two lives have nothing to do with each other.  `visit` is empty for a
    camera's events; `who` is the participant or the camera; `reason` is one word.
    """

    number: int
    at: Instant
    what: str
    epoch: str
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


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraPulse:
    """How one camera's pictures come.  `group_seconds` lie between two pictures that can be decoded by themselves.

    `group_seconds` is None before the second of them; `silent_seconds` is how long ago the last packet came.
    """

    camera: str
    packets: int
    silent_seconds: float
    pictures_per_second: float
    group_seconds: float | None


class Intake(Protocol):
    """Where the pictures of cameras come in that are pulled by a program of this machine."""

    async def ingest(self, camera: str) -> socket:
        """A connection on which each message is taken as one packet of this camera, RTP or RTCP.

        H.264 under payload type 96, 1,200 bytes at most (RFC 3550, RFC 6184).  A camera of the same name that works is
        let go when this one has shown its first whole picture; its rooms are shielded then.  Raises Refusal
        `media-unavailable`, or `pulling-not-taken` where the server takes cameras only by `whip`.
        """
        ...

    async def cameras(self) -> Sequence[CameraPulse]:
        """How the pictures of all cameras come; raises Refusal `media-unavailable` or `pulling-not-taken`."""
        ...


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

    async def whep_offer(self, visit: str, participant: str, part: Part, *, may_speak: bool) -> str:
        """Offer to a viewer who would rather answer; the offer, which waits a quarter of a minute for his answer.

        Raises Refusal as `whep` does.
        """
        ...

    async def whep_answer(self, visit: str, participant: str, answer: str) -> None:
        """Take a viewer's answer to our offer.

        Raises Refusal `room-unknown`, `room-closed`, `not-in-room`, `answer-malformed` or `no-common-codec`.
        """
        ...

    async def whip_trickle(self, camera: str, news: Trickle) -> str:
        """Learn more addresses of a camera; for other credentials than before, ours of the restart, else empty.

        Raises Refusal `camera-away`, `not-in-room`, `fragment-malformed`, or `restart-not-taken` where the server can
        begin ICE anew only with a new offer.
        """
        ...

    async def whep_trickle(self, visit: str, participant: str, news: Trickle) -> str:
        """The same of a viewer; raises Refusal `room-unknown`, `not-in-room` and as above."""
        ...

    async def unplug(self, camera: str) -> None:
        """Let a camera go at once, and draw the curtain of all rooms on it; safe to repeat."""
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

    async def heard_by(self, visit: str, participant: str) -> HeardBy:
        """Who hears a participant when he speaks, at the cot and in the room; raises Refusal `room-unknown`."""
        ...

    async def silence(self, visit: str, participant: str, *, is_silenced: bool) -> None:
        """Take a participant's voice, or give it back; raises Refusal `room-unknown`."""
        ...

    async def hear_ward(self, visit: str, *, is_heard: bool) -> None:
        """Let the ward's sound through with the picture, or not (at first not); safe to repeat.

        Raises Refusal `room-unknown`.
        """
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

    async def life(self) -> str:
        """The `epoch` of the server's present life; another one than before has forgotten all rooms and cameras."""
        ...

    async def stats(self) -> Sequence[Quality]:
        """How the pictures of all participants arrive."""
        ...

    async def events(self, after: int, epoch: str = "") -> Sequence[Happened]:
        """What happened after a number of a life of the server; waits a while if that is nothing yet.

        In another life than `epoch` everything is new and is told from its beginning; empty means whichever it is.
        """
        ...


@runtime_checkable
class OffersFirst(Protocol):
    """What a `MediaPort` has besides that takes no viewer's offer: its `whep` raises Refusal `server-offers`.

    Whoever looks takes its offer (`whep_offer`), which holds picture, ward, and voices of others in this order, and in
    which nothing comes from him, whatever `may_speak` says: his own voice takes a connection of its own.
    """

    async def voice(self, visit: str, participant: str, offer: str) -> str:
        """Take a participant's offer to send his voice, over a connection of its own; the answer.

        Raises Refusal `room-unknown`, `not-in-room`, `camera-away`, `view-only`, `offer-malformed` or
        `no-common-codec`.
        """
        ...
