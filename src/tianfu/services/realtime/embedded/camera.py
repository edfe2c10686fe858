"""A camera, or a tablet that stands for one: what it sends, and what it must be told."""

from __future__ import annotations

from collections.abc import Callable, Sequence
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

from tianfu.services.realtime.embedded.pulse import Pulse
from tianfu.services.realtime.embedded.raw_peer import Label, RawPeer, Stream
from tianfu.services.realtime.embedded.reception import Reception
from tianfu.services.realtime.protocol.missing import Missing
from tianfu.services.realtime.protocol.packets import Head, MalformedPacket, head_of
from tianfu.services.realtime.protocol.pictures import Packet, PictureGroup, VideoCodec

BITS_PER_SECOND_MAX = 2_500_000
PICTURE_AGAIN_SECONDS = 0.3
"""A whole picture is asked for at most so often, however many viewers want one."""

OUR_SOURCE = 1
"""The SSRC of who only receives."""


SOURCES_MAX = 16
"""More SSRCs of one camera are not remembered: the oldest is forgotten, and one report has room for 31."""


class Clocked(NamedTuple):
    """One moment by the sender's two clocks, from its report (RFC 3550, section 6.4.1)."""

    ntp: int
    timestamp: int
    at_seconds: float
    source: int


Forward = Callable[[Label, Packet, bool], None]
"""Hears of each packet, and whether a viewer may begin with it."""


class Camera:
    """What arrives from one camera.  Pictures are kept only while somebody may see them: `keep`."""

    def __init__(self, name: str, peer: RawPeer, forward: Forward, clock: Callable[[], float]) -> None:
        self.name = name
        self.peer = peer
        self.clocked: dict[Label, Clocked] = {}
        self.joined_at = clock()
        self.pulse = Pulse()
        self._forward = forward
        self._clock = clock
        self._group: PictureGroup | None = None
        self._is_keeping = False
        self._missing: dict[int, Missing] = {}
        self._reception: dict[int, Reception] = {}
        self._labels: dict[int, Label] = {}
        self._asked_picture_at = 0.0

    @property
    def streams(self) -> Sequence[Stream]:
        """What it sends."""
        return tuple(self.peer.streams.values())

    @property
    def group(self) -> Sequence[Packet]:
        """The packets since the last whole picture; empty while nothing is kept."""
        return () if self._group is None else self._group.packets

    def keep(self, wanted: bool) -> None:
        """Begin to keep pictures, or forget them at once."""
        self._is_keeping = wanted
        if not wanted and self._group is not None:
            self._group.forget()

    def keep_anew(self) -> None:
        """Keep only what comes from now on: who sees it first now shall not see what was before."""
        self.keep(False)
        self.keep(True)
        self.ask_for_picture()

    def heard(self, data: bytes) -> None:
        """Take a packet and pass it on."""
        try:
            head = head_of(data)
        except MalformedPacket:
            return
        stream = self._stream_of(head)
        if stream is None:
            return
        begins_anew = self._reception.setdefault(head.source, Reception(head.source)).add(head)
        packet = Packet(data, head)
        if stream.label != "video":
            self._forward(stream.label, packet, True)
            return
        self._look_for_gaps(head)
        may_begin = self._add(stream, packet, may_begin=begins_anew)
        self.pulse.add(head.timestamp, begins_whole=may_begin, at_seconds=self._clock())
        self._forward("video", packet, may_begin)

    def heard_control(self, packets: Sequence[AnyRtcpPacket]) -> None:
        """Learn the sender's clocks from its reports."""
        now = self._clock()
        for packet in packets:
            label = self._labels.get(packet.ssrc) if isinstance(packet, RtcpSrPacket) else None
            if label is not None and isinstance(packet, RtcpSrPacket):
                info = packet.sender_info
                self.clocked[label] = Clocked(info.ntp_timestamp, info.rtp_timestamp, now, packet.ssrc)
                self._reception[packet.ssrc].heard_report(packet, at_seconds=now)

    def ask_for_picture(self) -> None:
        """Ask for a picture that can be decoded by itself (RFC 4585, section 6.3.1)."""
        now = self._clock()
        if now - self._asked_picture_at < PICTURE_AGAIN_SECONDS:
            return
        self._asked_picture_at = now
        for source, label in self._labels.items():
            if label == "video":
                self.peer.send(bytes(RtcpPsfbPacket(fmt=RTCP_PSFB_PLI, ssrc=OUR_SOURCE, media_ssrc=source)))

    def report(self) -> None:
        """Tell it what arrived and how much it may send; to be called about once a second."""
        now = self._clock()
        told = [each for each in (kept.told(at_seconds=now) for kept in self._reception.values()) if each is not None]
        if not told:
            return
        self.peer.send(bytes(RtcpRrPacket(ssrc=OUR_SOURCE, reports=told)))
        sources = [source for source, label in self._labels.items() if label == "video"]
        if sources:
            room = pack_remb_fci(BITS_PER_SECOND_MAX, sources)
            self.peer.send(bytes(RtcpPsfbPacket(fmt=RTCP_PSFB_APP, ssrc=OUR_SOURCE, media_ssrc=0, fci=room)))

    def _stream_of(self, head: Head) -> Stream | None:
        for stream in self.peer.streams.values():
            if stream.payload_type == head.payload_type:
                self._remember(head.source, stream.label)
                return stream
        return None

    def _remember(self, source: int, label: Label) -> None:
        if source not in self._labels and len(self._labels) >= SOURCES_MAX:
            oldest = next(iter(self._labels))
            del self._labels[oldest]
            self._missing.pop(oldest, None)
            self._reception.pop(oldest, None)
        self._labels[source] = label

    def _add(self, stream: Stream, packet: Packet, *, may_begin: bool) -> bool:
        if self._group is None:
            self._group = PictureGroup(_codec(stream))
        begins = self._group.add(packet, may_begin=may_begin)
        if not self._is_keeping:
            self._group.forget()
        return begins

    def _look_for_gaps(self, head: Head) -> None:
        missing = self._missing.setdefault(head.source, Missing())
        if not missing.came(head.sequence):
            self.ask_for_picture()
        wanted = missing.to_ask(self._clock())
        if wanted:
            asked = RtcpRtpfbPacket(fmt=RTCP_RTPFB_NACK, ssrc=OUR_SOURCE, media_ssrc=head.source, lost=list(wanted))
            self.peer.send(bytes(asked))


def _codec(stream: Stream) -> VideoCodec:
    return "H264" if stream.codec == "H264" else "VP8"
