"""Somebody who looks: what he is sent, and what he asks for again."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable, Mapping, Sequence

from aiortc.rtp import (
    RTCP_PSFB_APP,
    RTCP_PSFB_FIR,
    RTCP_PSFB_PLI,
    RTCP_RTPFB_NACK,
    AnyRtcpPacket,
    RtcpPsfbPacket,
    RtcpRrPacket,
    RtcpRtpfbPacket,
    RtcpSenderInfo,
    RtcpSrPacket,
    unpack_remb_fci,
)

from tianfu.services.realtime.embedded.camera import Clocked
from tianfu.services.realtime.embedded.raw_peer import PICTURES, Label, RawPeer
from tianfu.services.realtime.protocol.adaptation import Adaptation, Arrival, Level
from tianfu.services.realtime.protocol.packets import HEAD_BYTES, SEQUENCES, TIMESTAMPS, MalformedPacket, head_of
from tianfu.services.realtime.protocol.pictures import Packet
from tianfu.services.realtime.protocol.presence import Presence
from tianfu.services.realtime.protocol.relay import KEPT_PACKETS, Relay

COUNTS = 1 << 32

FALL = 0.95
"""An estimate that is so much of the one before has fallen."""

SHOWN: Mapping[Level, Label] = {Level.FULL: "video", Level.SMALL: "sub"}

STILL_EACH_SECONDS = 5.0
FREEZE_SECONDS = 0.5
"""A picture that stands still for longer is counted."""

VOICE_PACKETS_PER_SECOND_MAX = 110
VOICE_BYTES_PER_SECOND_MAX = 24_000
"""More of a voice in a second is not passed on: a browser sends 50 packets of about 100 bytes.

What is more would fill the network of whoever hears, and first of all the ward's.
"""

AGAIN_BYTES_PER_SECOND_MIN = 64_000
"""So much is sent again in a second in any case; else no more than what was sent for the first time: who loses more has
no room for it, and small requests would bring a hundredfold."""

ASKED_PER_SECOND_MAX = 4 * KEPT_PACKETS
"""More requests for packets are not looked at in a second."""

REPORTS_KEPT = 8
REPORT_LASTS_SECONDS = 3.0
"""What was said of arrivals longer ago says nothing of now."""


class Viewer:
    """One participant's end of a room.

    Nothing that he asks for is sent unless `may_see` allows it at that moment; who shows him something has looked.
    """

    def __init__(
        self,
        peer: RawPeer,
        *,
        may_see: Callable[[], bool],
        ask_for_picture: Callable[[Label], None],
        clock: Callable[[], float],
    ) -> None:
        self.peer = peer
        self.joined_at = clock()
        self.offered_at = self.joined_at
        """When his coming began: with his offer, or with ours, which he answered later."""
        self.may_speak = True
        """Whether his voice is taken; he may send one although we offered him none."""
        self.connected_at: float | None = None
        self.presence = Presence(self.joined_at)
        self.freezes = 0
        self.round_trip_seconds: float | None = None
        self.bits_per_second = 0
        """What was sent in the second before the last `measure`."""
        self._late_fraction = 0.0
        self._adaptation = Adaptation(self.joined_at)
        self._shows: Label | None = "video"
        """Which of the camera's pictures he is to see; None for stills and for sound alone."""
        self._still: tuple[int, int] | None = None
        """Source and timestamp of the still that is being sent."""
        self._still_at: float | None = None
        self._small: Label = "video"
        self._picture_at: float | None = None
        self._lost: dict[Label, tuple[float, float]] = {}
        self._room: tuple[int, float] | None = None
        self._room_fell_at: float | None = None
        self._spoken = self.joined_at, 0, 0
        """Since when, how many packets of his voice, and how many bytes."""
        self._again = self.joined_at, 0, 0
        """Since when, how many packets he asked for again, and how many bytes he was sent again."""
        self._told: dict[int, float] = {}
        self._octets_before = 0
        self._pictures_before = (0, 0)
        """Packets of the picture that were sent, and those of them that came too late, at the last `measure`."""
        self._measured_at = self.joined_at
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
    def hears_voices(self) -> bool:
        """Whether he agreed to a line over which he hears others speak."""
        return "voice" in self.peer.streams and "voice" not in self.peer.deaf_lines

    @property
    def packets(self) -> int:
        """How many were sent to him."""
        return sum(relay.packets for relay in self._relays.values())

    @property
    def level(self) -> Level:
        """How much of the picture he is sent."""
        return self._adaptation.level

    @property
    def codec(self) -> str | None:
        """Of the picture that he agreed to; None if he sees none."""
        stream = self.peer.streams.get("video")
        return None if stream is None else stream.codec

    @property
    def lost_fraction(self) -> float:
        """What he lately said that he lost, from 0 to 1: of the picture, or of what else he is sent.

        A receiver takes what was sent again for received, and when hardly anything but that arrives, he reports that
        nothing is lost (RFC 3550, section 6.4.1); so what he asked for until it was too late counts, too.
        """
        since = self._clock() - REPORT_LASTS_SECONDS
        lately = {label: lost for label, (lost, at) in self._lost.items() if at >= since}
        return max(self._late_fraction, lately.get("video", max(lately.values(), default=0.0)))

    def show(self, label: Label, packet: Packet, *, may_begin: bool, at_seconds: float) -> None:
        """Send a packet on that he may see or hear, as far as his level goes."""
        if label in PICTURES:
            self._show_picture(label, packet, may_begin=may_begin, at_seconds=at_seconds)
        elif label == "voice" or self.level is not Level.STILLS:
            self._pass_on(label, packet, may_begin=may_begin, at_seconds=at_seconds)

    def _show_picture(self, label: Label, packet: Packet, *, may_begin: bool, at_seconds: float) -> None:
        relay = self._relays.get("video")
        if relay is None:
            return
        if self._shows is None:
            if self.level is Level.STILLS:
                self._show_still(relay, label, packet, may_begin=may_begin, at_seconds=at_seconds)
            return
        if label != self._shows and relay.coming != packet.head.source:
            return  # until the other one can begin, he sees the one that he saw
        if self._pass_on("video", packet, may_begin=may_begin, at_seconds=at_seconds):
            before, self._picture_at = self._picture_at, at_seconds
            if before is not None and at_seconds - before > FREEZE_SECONDS:
                self.freezes += 1

    def _show_still(self, relay: Relay, label: Label, packet: Packet, *, may_begin: bool, at_seconds: float) -> None:
        if label != self._small:
            return
        picture = packet.head.source, packet.head.timestamp
        if picture != self._still:
            if not may_begin or not self._is_still_due(at_seconds):
                return
            relay.cut()
            self._still, self._still_at = picture, at_seconds
        self._pass_on("video", packet, may_begin=may_begin, at_seconds=at_seconds)

    def _is_still_due(self, at_seconds: float) -> bool:
        return self._still_at is None or at_seconds - self._still_at >= STILL_EACH_SECONDS

    def _pass_on(self, label: Label, packet: Packet, *, may_begin: bool, at_seconds: float) -> bool:
        relay = self._relays.get(label)
        if relay is None:
            return False
        passed = relay.pass_on(packet.data, packet.head, may_begin=may_begin, at_seconds=at_seconds)
        return passed is not None and self.peer.send(passed)

    def measure(self) -> None:
        """Count what was sent since the last call; to be called about once a second."""
        now, octets = self._clock(), sum(relay.octets for relay in self._relays.values())
        passed, self._measured_at = now - self._measured_at, now
        if passed > 0:
            self.bits_per_second = int(8 * (octets - self._octets_before) / passed)
        self._octets_before = octets
        picture = self._relays.get("video")
        if picture is not None:
            sent, late = picture.packets - self._pictures_before[0], picture.late - self._pictures_before[1]
            self._pictures_before = picture.packets, picture.late
            self._late_fraction = min(1.0, late / max(1, sent)) if late > 1 else 0.0

    def adapt(self, ladder: Sequence[Level], *, small: Label) -> bool:
        """Choose his level anew; whether it changed.  To be called after `measure`, while he may see.

        `small` is the smallest picture that there is, and what he sees stills of.
        """
        now, before = self._clock(), self.level
        room = None if self._room is None or now - self._room[1] > REPORT_LASTS_SECONDS else self._room[0]
        arrival = Arrival(
            lost_fraction=self.lost_fraction,
            room_bits_per_second=room,
            is_room_falling=self._room_fell_at is not None and now - self._room_fell_at <= REPORT_LASTS_SECONDS,
            sent_bits_per_second=self.bits_per_second,
        )
        level = self._adaptation.look(arrival, ladder, at_seconds=now)
        self._small = small
        self._shows = SHOWN.get(level)
        if level is before:
            return False
        self._picture_at = self._still = None
        if self._shows is None:
            self.cut("video")
        if before is Level.STILLS:
            self.cut("ward")
        return True

    def catch_up(self, group: Sequence[Packet]) -> None:
        """Show the pictures since the last whole one, so that something is seen at once; he may see them."""
        now = self._clock()
        for number, packet in enumerate(group):
            self.show("video", packet, may_begin=number == 0, at_seconds=now)

    def waits_for(self, source_of: Callable[[int], Label | None]) -> Label | None:
        """The picture of which he needs a whole one to begin with; None if he needs none.

        `source_of` names the stream of one of the camera's sources.
        """
        relay = self._relays.get("video")
        if relay is None or not self.peer.is_connected:
            return None
        if self.level is Level.STILLS:
            return self._small if self._is_still_due(self._clock()) else None
        if relay.coming is None or source_of(relay.coming) != self._shows:
            return self._shows
        return None

    def cut(self, only: Label | None = None) -> None:
        """Send nothing more of what came before, not even if it is asked for again."""
        for label, relay in self._relays.items():
            if only in {None, label}:
                relay.cut()
        if only in {None, "video"}:
            self._picture_at = self._still = None

    def report(self, clocked: Mapping[Label, Clocked]) -> None:
        """Tell him how the timestamps of sound and picture belong together (RFC 3550, section 6.4.1)."""
        if not self._may_see():
            return
        for label, relay in self._relays.items():
            moment = clocked.get("sub" if label == "video" and self._shows == "sub" else label)
            if moment is None or relay.coming != moment.source:
                continue
            info = RtcpSenderInfo(
                ntp_timestamp=moment.ntp,
                rtp_timestamp=relay.timestamp_of(moment.timestamp),
                packet_count=relay.packets % COUNTS,
                octet_count=relay.octets % COUNTS,
            )
            if self.peer.send(bytes(RtcpSrPacket(ssrc=self.peer.streams[label].source, sender_info=info))):
                self._told[moment.ntp >> 16 & 0xFFFFFFFF] = self._clock()
        while len(self._told) > REPORTS_KEPT:
            del self._told[next(iter(self._told))]

    def speaks(self, data: bytes) -> Packet | None:
        """A packet of his voice; None for anything else that he sends."""
        voice = self.peer.streams.get("voice") if self.may_speak else None
        try:
            head = head_of(data)
        except MalformedPacket:
            return None
        if voice is None or head.payload_type != voice.payload_type or self._speaks_too_much(len(data)):
            return None
        return Packet(data, head)

    def _speaks_too_much(self, size: int) -> bool:
        now, (since, packets, octets) = self._clock(), self._spoken
        is_new = now - since >= 1.0
        self._spoken = (now, 1, size) if is_new else (since, packets + 1, octets + size)
        return self._spoken[1] > VOICE_PACKETS_PER_SECOND_MAX or self._spoken[2] > VOICE_BYTES_PER_SECOND_MAX

    def heard_control(self, packets: Sequence[AnyRtcpPacket]) -> None:
        """Do what he asks: send packets again, or ask for a whole picture."""
        for packet in packets:
            if isinstance(packet, RtcpRtpfbPacket) and packet.fmt == RTCP_RTPFB_NACK:
                self._send_again(packet)
            elif isinstance(packet, RtcpPsfbPacket) and packet.fmt in {RTCP_PSFB_PLI, RTCP_PSFB_FIR}:
                if self._may_see() and self._shows is not None:
                    self._ask_for_picture(self._shows)
            elif isinstance(packet, RtcpPsfbPacket) and packet.fmt == RTCP_PSFB_APP:
                self._learn_room(packet)
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
                if self._asks_too_much(now):
                    return
                kept = self._relays[label].again(sequence % SEQUENCES, at_seconds=now)
                if kept is not None and self.peer.send(kept):
                    since, count, octets = self._again
                    self._again = since, count, octets + len(kept) - HEAD_BYTES

    def _asks_too_much(self, now: float) -> bool:
        since, count, octets = self._again
        if now - since >= 1.0:
            since, count, octets = now, 0, 0
        self._again = since, count + 1, octets
        sent = sum(relay.octets for relay in self._relays.values()) - self._octets_before
        most = max(AGAIN_BYTES_PER_SECOND_MIN, self.bits_per_second // 8, sent)
        return octets >= most or count >= ASKED_PER_SECOND_MAX

    def _learn(self, packet: RtcpRrPacket) -> None:
        now = self._clock()
        for report in packet.reports:
            for label, stream in self.peer.streams.items():
                if report.ssrc == stream.source:
                    self._lost[label] = report.fraction_lost / 256, now
            told_at = self._told.get(report.lsr)
            if told_at is not None:
                self.round_trip_seconds = max(0.0, now - told_at - report.dlsr / 65_536)

    def _learn_room(self, packet: RtcpPsfbPacket) -> None:
        """Learn how much he has room for (draft-alvestrand-rmcat-remb, section 2.2)."""
        try:
            room, _ = unpack_remb_fci(packet.fci)
        except (ValueError, struct.error):
            return
        now = self._clock()
        if self._room is not None and room < FALL * self._room[0]:
            self._room_fell_at = now
        self._room = room, now
