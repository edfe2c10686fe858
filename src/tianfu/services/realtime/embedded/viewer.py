"""Somebody who looks: what he is sent, and what he asks for again."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence

from aiortc.rtp import (
    RTCP_PSFB_FIR,
    RTCP_PSFB_PLI,
    RTCP_RTPFB_NACK,
    AnyRtcpPacket,
    RtcpPsfbPacket,
    RtcpRrPacket,
    RtcpRtpfbPacket,
    RtcpSenderInfo,
    RtcpSrPacket,
)

from tianfu.services.realtime.embedded.camera import Clocked
from tianfu.services.realtime.embedded.raw_peer import Label, RawPeer
from tianfu.services.realtime.protocol.packets import SEQUENCES, TIMESTAMPS, MalformedPacket, head_of
from tianfu.services.realtime.protocol.pictures import Packet
from tianfu.services.realtime.protocol.relay import Relay

COUNTS = 1 << 32


class Viewer:
    """One participant's end of a room.

    Nothing that he asks for is sent unless `may_see` allows it at that moment; who shows him something has looked.
    """

    def __init__(
        self,
        peer: RawPeer,
        *,
        may_see: Callable[[], bool],
        ask_for_picture: Callable[[], None],
        clock: Callable[[], float],
    ) -> None:
        self.peer = peer
        self.joined_at = clock()
        self.lost_fraction = 0.0
        """What he last said that he lost of the pictures, from 0 to 1."""
        self._may_see = may_see
        self._ask_for_picture = ask_for_picture
        self._clock = clock
        self._relays: dict[Label, Relay] = {
            stream.label: Relay(
                source=stream.source,
                payload_type=stream.payload_type,
                clock_rate_hz=stream.clock_rate_hz,
                sequence=random.randrange(SEQUENCES // 2),  # noqa: S311 - a beginning, not a secret: SRTP hides it
                timestamp=random.randrange(TIMESTAMPS),  # noqa: S311 - as above
            )
            for stream in peer.streams.values()
        }

    @property
    def packets(self) -> int:
        """How many were sent to him."""
        return sum(relay.packets for relay in self._relays.values())

    def show(self, label: Label, packet: Packet, *, may_begin: bool, at_seconds: float) -> None:
        """Send a packet on that he may see."""
        relay = self._relays.get(label)
        if relay is None:
            return
        passed = relay.pass_on(packet.data, packet.head, may_begin=may_begin, at_seconds=at_seconds)
        if passed is not None:
            self.peer.send(passed)

    def catch_up(self, group: Sequence[Packet]) -> None:
        """Show the pictures since the last whole one, so that something is seen at once; he may see them."""
        now = self._clock()
        for number, packet in enumerate(group):
            self.show("video", packet, may_begin=number == 0, at_seconds=now)

    @property
    def is_waiting(self) -> bool:
        """Whether he is connected and has no picture to begin with."""
        relay = self._relays.get("video")
        return relay is not None and relay.is_waiting and self.peer.is_connected

    def cut(self, only: Label | None = None) -> None:
        """Send nothing more of what came before, not even if it is asked for again."""
        for label, relay in self._relays.items():
            if only in {None, label}:
                relay.cut()

    def report(self, clocked: Mapping[Label, Clocked]) -> None:
        """Tell him how the timestamps of sound and picture belong together (RFC 3550, section 6.4.1)."""
        if not self._may_see():
            return
        for label, relay in self._relays.items():
            moment = clocked.get(label)
            if moment is None or relay.coming != moment.source:
                continue
            info = RtcpSenderInfo(
                ntp_timestamp=moment.ntp,
                rtp_timestamp=relay.timestamp_of(moment.timestamp),
                packet_count=relay.packets % COUNTS,
                octet_count=relay.octets % COUNTS,
            )
            self.peer.send(bytes(RtcpSrPacket(ssrc=self.peer.streams[label].source, sender_info=info)))

    def speaks(self, data: bytes) -> Packet | None:
        """A packet of his voice; None for anything else that he sends."""
        voice = self.peer.streams.get("voice")
        try:
            head = head_of(data)
        except MalformedPacket:
            return None
        return Packet(data, head) if voice is not None and head.payload_type == voice.payload_type else None

    def heard_control(self, packets: Sequence[AnyRtcpPacket]) -> None:
        """Do what he asks: send packets again, or ask for a whole picture."""
        for packet in packets:
            if isinstance(packet, RtcpRtpfbPacket) and packet.fmt == RTCP_RTPFB_NACK:
                self._send_again(packet)
            elif isinstance(packet, RtcpPsfbPacket) and packet.fmt in {RTCP_PSFB_PLI, RTCP_PSFB_FIR}:
                if self._may_see():
                    self._ask_for_picture()
            elif isinstance(packet, RtcpRrPacket):
                self._learn(packet)

    def _send_again(self, asked: RtcpRtpfbPacket) -> None:
        if not self._may_see():
            return
        for label, stream in self.peer.streams.items():
            if stream.source != asked.media_ssrc:
                continue
            now = self._clock()
            for sequence in asked.lost:
                kept = self._relays[label].again(sequence % SEQUENCES, at_seconds=now)
                if kept is not None:
                    self.peer.send(kept)

    def _learn(self, packet: RtcpRrPacket) -> None:
        video = self.peer.streams.get("video")
        for report in packet.reports:
            if video is not None and report.ssrc == video.source:
                self.lost_fraction = report.fraction_lost / 256
