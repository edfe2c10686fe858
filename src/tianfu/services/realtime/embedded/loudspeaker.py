"""What sounds at the cot: voices go back to the device that stands for a camera, and nothing else does."""

from __future__ import annotations

import random
from struct import Struct

from tianfu.services.realtime.embedded.raw_peer import RawPeer
from tianfu.services.realtime.protocol.packets import HEAD_BYTES, SEQUENCES, TIMESTAMPS
from tianfu.services.realtime.protocol.parts import Part
from tianfu.services.realtime.protocol.pictures import Packet
from tianfu.services.realtime.protocol.relay import Relay

CONTRIBUTES = {Part.FAMILY: 1, Part.INTERPRETER: 2, Part.EXPERT: 3}
"""Whose voice a packet is, as its contributing source says (RFC 3550, section 5.1): the cart's page reads it there."""

_SOURCE = Struct("!I")


class Loudspeaker:
    """The line for voices of a camera's device; silent where it has none.

    Whoever lets a voice sound has looked whether it may be heard.  What was lost is not sent again.
    """

    def __init__(self, peer: RawPeer) -> None:
        self._peer = peer
        self._relay: Relay | None = None
        self.sounded_at: float | None = None
        """When a packet of a voice was last sent to it."""

    @property
    def is_there(self) -> bool:
        """Whether the device agreed to let voices sound, and can be reached."""
        return "voice" in self._peer.streams and self._peer.is_connected

    def sound(self, packet: Packet, part: Part, *, at_seconds: float) -> None:
        """Send a packet of somebody's voice on, and say what he does in the visit."""
        relay = self._begun()
        passed = (
            None if relay is None else relay.pass_on(packet.data, packet.head, may_begin=True, at_seconds=at_seconds)
        )
        if passed is not None:
            self.sounded_at = at_seconds
            self._peer.send(_contributed(passed, CONTRIBUTES[part]))

    def cut(self) -> None:
        """Begin anew with whoever speaks next."""
        if self._relay is not None:
            self._relay.cut()

    def _begun(self) -> Relay | None:
        """What was agreed upon is known only after the camera's offer was answered."""
        stream = self._peer.streams.get("voice")
        if self._relay is None and stream is not None:
            self._relay = Relay(
                source=stream.source,
                payload_type=stream.payload_type,
                clock_rate_hz=stream.clock_rate_hz,
                sequence=random.randrange(SEQUENCES // 2),  # noqa: S311 - a beginning, not a secret: SRTP hides it
                timestamp=random.randrange(TIMESTAMPS),  # noqa: S311 - as above
                kept_packets=0,
            )
        return self._relay


def _contributed(data: bytes, source: int) -> bytes:
    """The packet of a relay, which names no contributing source, with one."""
    return bytes([data[0] | 1]) + data[1:HEAD_BYTES] + _SOURCE.pack(source) + data[HEAD_BYTES:]
