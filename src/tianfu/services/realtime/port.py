"""What a media server must be able to do for us, whichever it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from tianfu.kernel.instants import Instant
from tianfu.services.realtime.protocol.parts import Part
from tianfu.services.realtime.protocol.rooms import Gate

JOINED, LEFT, LIVE, SHIELDED, CLOSED, CAMERA_BACK, CAMERA_LOST = (
    "joined",
    "left",
    "live",
    "shielded",
    "closed",
    "camera-back",
    "camera-lost",
)
"""What may have happened."""


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
    """How one participant's picture arrives; `lost_fraction` from 0 to 1.  Nothing of what is seen."""

    visit: str
    participant: str
    packets: int
    lost_fraction: float


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
        """Take a camera's offer (RFC 9725); the answer.  Raises Refusal `offer-malformed` or `no-common-codec`."""
        ...

    async def whep(self, visit: str, participant: str, part: Part, offer: str) -> str:
        """Take a viewer's offer (draft-ietf-wish-whep); the answer.

        Raises Refusal `room-unknown`, `room-closed`, `already-in-room`, `camera-away`, `offer-malformed` or
        `no-common-codec`.
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


@runtime_checkable
class OffersFirst(Protocol):
    """What a media server has besides that makes the offer itself.

    Its `whep` raises Refusal `server-offers` where a viewer's own offer would have been taken.
    """

    async def whep_offer(self, visit: str, participant: str, part: Part, *, may_speak: bool) -> str:
        """Take a participant in; the server's offer to him, in the order picture, ward, voices of others.

        `may_speak` changes nothing in it: his own voice comes by `voice`.

        Who does not answer within 15 seconds is let go.  Raises Refusal `room-unknown`, `room-closed`,
        `already-in-room` or `camera-away`.
        """
        ...

    async def whep_answer(self, visit: str, participant: str, answer: str) -> None:
        """Take his answer; raises Refusal `room-unknown`, `not-in-room` or `answer-malformed`."""
        ...

    async def voice(self, visit: str, participant: str, offer: str) -> str:
        """Take a participant's offer to send his voice, over a connection of its own; the answer.

        Raises Refusal `room-unknown`, `not-in-room`, `camera-away`, `view-only`, `offer-malformed` or
        `no-common-codec`.
        """
        ...
