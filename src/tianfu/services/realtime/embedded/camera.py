"""A camera, or a tablet that stands for one: what it sends, and what it must be told."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import inf
from typing import NamedTuple

from aiortc.rtp import (
    RTCP_PSFB_APP,
    RTCP_PSFB_PLI,
    RTCP_RTPFB_NACK,
    AnyRtcpPacket,
    RtcpPsfbPacket,
    RtcpRrPacket,
    RtcpRtpfbPacket,
    RtcpSrPacket,
    pack_remb_fci,
)

from tianfu.services.realtime.embedded.loudspeaker import Loudspeaker
from tianfu.services.realtime.embedded.pulse import Pulse
from tianfu.services.realtime.embedded.raw_peer import PACKET_BYTES_MAX, PICTURES, Label, RawPeer, Stream
from tianfu.services.realtime.embedded.reception import Reception
from tianfu.services.realtime.embedded.second import PACKETS_PER_SECOND_MAX, Second
from tianfu.services.realtime.protocol.course import Course, Step
from tianfu.services.realtime.protocol.missing import Missing
from tianfu.services.realtime.protocol.packets import HEAD_BYTES, MalformedPacket, head_of
from tianfu.services.realtime.protocol.pictures import Packet, PictureGroup, VideoCodec
from tianfu.services.realtime.protocol.presence import Presence
from tianfu.services.realtime.protocol.transit import LATE_SECONDS_MAX, Transit

BITS_PER_SECOND_MAX = 2_500_000
PICTURE_AGAIN_SECONDS = 0.3
"""A whole picture is asked for at most so often, however many viewers want one."""

FREE_SECONDS = 0.5
"""A picture that is later, or came longer ago, says nothing of the road by which a sound comes."""

OUR_SOURCE = 1
"""The SSRC of who only receives."""

ANEW = 1 << 32
"""What is added to an SSRC whose count has begun anew, so that nobody takes it for the one before."""

SOURCES_MAX = 16
"""More SSRCs of one camera are not remembered: the oldest is forgotten, and one report has room for 31."""


class Clocked(NamedTuple):
    """One moment by the sender's two clocks, from its report (RFC 3550, section 6.4.1)."""

    ntp: int
    timestamp: int
    at_seconds: float
    source: int


@dataclass(slots=True)
class _Source:
    """What is known of one SSRC; `name` tells apart what came before its count began anew."""

    label: Label
    name: int
    reception: Reception
    transit: Transit
    late_seconds: float = 0.0
    """How late the newest of it came."""
    is_in_time: bool = False
    """Whether something came that was not seen or heard before `_since`: what follows it was not, either."""
    course: Course = field(default_factory=Course)
    missing: Missing = field(default_factory=Missing)
    stray: Packet | None = None


Forward = Callable[[Label, Packet, bool], None]
"""Hears of each packet, and whether a viewer may begin with it."""


class Camera:
    """What arrives from one camera.  Pictures are kept only while somebody may see them: `keep`."""

    def __init__(self, name: str, peer: RawPeer, forward: Forward, clock: Callable[[], float]) -> None:
        self.name = name
        self.peer = peer
        self.loudspeaker = Loudspeaker(peer)
        self.clocked: dict[Label, Clocked] = {}
        self.voiced_at: float | None = None
        """When a voice was last sent to a device that may stand beside what it shows, or came from there."""
        self.joined_at = clock()
        self.presence = Presence(self.joined_at)
        self.too_large: Callable[[], None] = lambda: None
        """Hears once if packets come that no viewer's network would carry."""
        self.too_late: Callable[[], None] = lambda: None
        """Hears once if its picture comes later than `LATE_SECONDS_MAX`: what lies in a queue is not live."""
        self.bits_per_second: dict[Label, int] = {}
        """Of each stream, in the second before the last `report`."""
        self.pulse = Pulse()
        self._forward = forward
        self._clock = clock
        self._groups: dict[Label, PictureGroup] = {}
        self._is_keeping = False
        self._since = -inf
        """With nothing that was seen or heard before this moment may anybody begin."""
        self._heard_since = -inf
        """With no sound of before this moment, whatever was let through then."""
        self._sources: dict[int, _Source] = {}
        self._heard = 0
        self._second = Second(PACKETS_PER_SECOND_MAX)
        self._bytes: dict[Label, int] = {}
        self._reported_at = self.joined_at
        self._asked_picture_at: dict[Label, float] = {}
        self._told_too_large = False
        self._told_too_late = False
        self._brought: float | None = None
        """When a picture came in time last: the road was free then."""

    @property
    def signs(self) -> int:
        """How many signs of life have come."""
        return self._heard + self.peer.signs

    @property
    def streams(self) -> Sequence[Stream]:
        """What it sends."""
        return tuple(each for each in self.peer.streams.values() if each.label != "voice")

    @property
    def codec(self) -> str | None:
        """Of its picture; None if it shows none."""
        stream = self.peer.streams.get("video")
        return None if stream is None else stream.codec

    @property
    def has_small(self) -> bool:
        """Whether it sends a smaller picture that whoever sees the first can be switched to."""
        small = self.peer.streams.get("sub")
        return small is not None and small.codec == self.codec and bool(self.bits_per_second.get("sub"))

    def stream_of(self, name: int) -> Label | None:
        """The stream to which the packets of a source belong, as they are passed on; None if it is heard no more."""
        source = self._sources.get(name % ANEW)
        return source.label if source is not None and source.name == name else None

    def group(self, label: Label = "video") -> Sequence[Packet]:
        """The packets since the last whole picture; empty while nothing is kept."""
        group = self._groups.get(label)
        return () if group is None else group.packets

    def keep(self, wanted: bool) -> None:
        """Begin to keep pictures, or forget them at once."""
        self._is_keeping = wanted
        if not wanted:
            for group in self._groups.values():
                group.forget()

    def keep_anew(self) -> None:
        """Pass on and keep only what is from now on: who sees it first now shall not see what was before.

        What was held up on its way, here or there, is of before although it comes later: see `Transit`.
        """
        self._since = self._clock()
        for source in self._sources.values():
            source.is_in_time = False
        self.keep(False)
        self.keep(True)
        self.ask_for_picture("video")

    def sound_anew(self) -> None:
        """Let nobody begin with a sound of before now: it was not let through, or a voice sounded beside it."""
        self._heard_since = self._clock()
        for source in self._sources.values():
            if source.label not in PICTURES:
                source.is_in_time = False

    def heard(self, data: bytes) -> None:
        """Take a packet and pass it on; what is more than a camera sends is passed over."""
        self._heard += 1
        if not self._second.has_room(self._clock()):
            return
        try:
            packet = Packet(data, head_of(data))
        except MalformedPacket:
            return
        label = self._label_of(packet)
        if label is None:
            return
        if HEAD_BYTES + packet.head.end - packet.head.start > PACKET_BYTES_MAX:
            if not self._told_too_large:
                self._told_too_large = True
                self.too_large()
            return
        source = self._source(packet.head.source, label)
        match source.course.step(packet.head.sequence):
            case Step.GOES_ON:
                self._take(source, packet)
            case Step.STRAY:
                source.stray = packet
            case Step.ANEW:
                self._begin_anew(source)
                if source.stray is not None:
                    self._take(source, source.stray)
                self._take(source, packet)

    def heard_control(self, packets: Sequence[AnyRtcpPacket]) -> None:
        """Learn the sender's clocks from its reports."""
        self._heard += 1
        now = self._clock()
        for packet in packets:
            source = self._sources.get(packet.ssrc) if isinstance(packet, RtcpSrPacket) else None
            if source is not None and isinstance(packet, RtcpSrPacket):
                info = packet.sender_info
                self.clocked[source.label] = Clocked(info.ntp_timestamp, info.rtp_timestamp, now, source.name)
                source.reception.heard_report(packet, at_seconds=now)

    def ask_for_picture(self, label: Label = "video") -> None:
        """Ask for a picture that can be decoded by itself (RFC 4585, section 6.3.1)."""
        now = self._clock()
        if now - self._asked_picture_at.get(label, -PICTURE_AGAIN_SECONDS) < PICTURE_AGAIN_SECONDS:
            return
        self._asked_picture_at[label] = now
        for number, source in self._sources.items():
            if source.label == label:
                self.peer.send(bytes(RtcpPsfbPacket(fmt=RTCP_PSFB_PLI, ssrc=OUR_SOURCE, media_ssrc=number)))

    def report(self) -> None:
        """Tell it what arrived and how much it may send; to be called about once a second."""
        now = self._clock()
        passed, self._reported_at = now - self._reported_at, now
        if passed > 0:
            self.bits_per_second = {label: int(8 * count / passed) for label, count in self._bytes.items()}
        self._bytes = {}
        receptions = [source.reception.told(at_seconds=now) for source in self._sources.values()]
        told = [each for each in receptions if each is not None]
        if not told:
            return
        self.peer.send(bytes(RtcpRrPacket(ssrc=OUR_SOURCE, reports=told)))
        pictures = [number for number, source in self._sources.items() if source.label in PICTURES]
        if pictures:
            room = pack_remb_fci(BITS_PER_SECOND_MAX, pictures)
            self.peer.send(bytes(RtcpPsfbPacket(fmt=RTCP_PSFB_APP, ssrc=OUR_SOURCE, media_ssrc=0, fci=room)))

    def _label_of(self, packet: Packet) -> Label | None:
        """Which stream a packet belongs to: by its SSRC where the camera said so, else by its payload type.

        What comes over the line for voices is nobody's; and of a device that has one, only what it named as the ward's
        is that: both lines may have one payload type.
        """
        said = self.peer.origins.get(packet.head.source)
        if said is None and "voice" in self.peer.streams and packet.head.payload_type == self._sound_type:
            return None
        for label, stream in self.peer.streams.items():
            if stream.payload_type == packet.head.payload_type and label != "voice" and said in {None, label}:
                return label
        return None

    @property
    def _sound_type(self) -> int | None:
        stream = self.peer.streams.get("ward")
        return None if stream is None else stream.payload_type

    def _source(self, number: int, label: Label) -> _Source:
        source = self._sources.get(number)
        if source is None:
            if len(self._sources) >= SOURCES_MAX:
                del self._sources[next(iter(self._sources))]
            transit = Transit(self.peer.streams[label].clock_rate_hz, pauses=label not in PICTURES)
            source = self._sources[number] = _Source(label, number, Reception(number), transit)
        return source

    def _begin_anew(self, source: _Source) -> None:
        source.name += ANEW
        source.reception = Reception(source.name % ANEW)
        source.is_in_time = False  # by the clock it had: what is only sent again is as late as it is
        source.missing = Missing()
        self.clocked.pop(source.label, None)
        if source.label in PICTURES:
            self.ask_for_picture(source.label)

    def _take(self, source: _Source, packet: Packet) -> None:
        head, now = packet.head, self._clock()
        if source.name != head.source:
            packet = Packet(packet.data, head._replace(source=source.name))
        begins_anew = source.reception.add(head)
        self._bytes[source.label] = self._bytes.get(source.label, 0) + len(packet.data)
        if begins_anew:  # what comes behind later ones is late as it is, and nobody begins with it
            is_picture = source.label in PICTURES
            is_free = not is_picture and self._brought is not None and now - self._brought < FREE_SECONDS
            source.late_seconds = source.transit.late(head.timestamp, at_seconds=now, is_road_free=is_free)
            if is_picture and source.late_seconds < FREE_SECONDS:
                self._brought = now
            if source.late_seconds > LATE_SECONDS_MAX and source.label in PICTURES and not self._told_too_late:
                self._told_too_late = True
                self.too_late()
        if source.label not in PICTURES:
            self._forward(source.label, packet, begins_anew and self._is_in_time(source, now))
            return
        self._look_for_gaps(source, head.sequence)
        begins_whole = self._add(source.label, packet, may_begin=begins_anew)
        if source.label == "video":
            self.pulse.add(head.timestamp, begins_whole=begins_whole, at_seconds=now)
        may_begin = begins_whole and self._is_in_time(source, now)
        if begins_whole and not may_begin:
            self._groups[source.label].forget()
        self._forward(source.label, packet, may_begin)

    def _is_in_time(self, source: _Source, now: float) -> bool:
        """Whether somebody may begin with what came last of a source; once he may, he may with all that is later."""
        since = self._since if source.label in PICTURES else max(self._since, self._heard_since)
        source.is_in_time = source.is_in_time or now - source.late_seconds >= since
        return source.is_in_time

    def _add(self, label: Label, packet: Packet, *, may_begin: bool) -> bool:
        group = self._groups.get(label)
        if group is None:
            group = self._groups[label] = PictureGroup(_codec(self.peer.streams[label]))
        begins = group.add(packet, may_begin=may_begin)
        if not self._is_keeping:
            group.forget()
        return begins

    def _look_for_gaps(self, source: _Source, sequence: int) -> None:
        if not source.missing.came(sequence):
            self.ask_for_picture(source.label)
        wanted = source.missing.to_ask(self._clock())
        if wanted:
            asked = RtcpRtpfbPacket(
                fmt=RTCP_RTPFB_NACK, ssrc=OUR_SOURCE, media_ssrc=source.name % ANEW, lost=list(wanted)
            )
            self.peer.send(bytes(asked))


def _codec(stream: Stream) -> VideoCodec:
    return "H264" if stream.codec == "H264" else "VP8"
