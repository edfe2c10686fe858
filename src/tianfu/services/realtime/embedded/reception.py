"""What a receiver reports of a source: what is lost, and how far it has come (RFC 3550, section 6.4.1)."""

from __future__ import annotations

from aiortc.rtp import RtcpReceiverInfo, RtcpSrPacket

from tianfu.services.realtime.protocol.packets import SEQUENCES, Head, is_later


class Reception:
    """Counts the packets of one source."""

    def __init__(self, source: int) -> None:
        self._source = source
        self._first: int | None = None
        self._highest = 0
        """With the rounds of the sequence number in its upper half."""
        self._received = 0
        self._timestamp: int | None = None
        self._told = (0, 0)
        self._report: tuple[int, float] | None = None

    def add(self, head: Head) -> bool:
        """Count a packet; whether it is the first of its timestamp, and later than all before."""
        self._received += 1
        if self._first is None:
            self._first = self._highest = head.sequence
        elif is_later(head.sequence, self._highest % SEQUENCES):
            self._highest += (head.sequence - self._highest) % SEQUENCES
        else:
            return False
        before, self._timestamp = self._timestamp, head.timestamp
        return before != head.timestamp

    def heard_report(self, report: RtcpSrPacket, *, at_seconds: float) -> None:
        """Hear the sender's report, whose time the next answer gives back."""
        self._report = (report.sender_info.ntp_timestamp >> 16 & 0xFFFFFFFF, at_seconds)

    def told(self, *, at_seconds: float) -> RtcpReceiverInfo | None:
        """The next report; None before the first packet."""
        if self._first is None:
            return None
        expected = self._highest - self._first + 1
        lost = expected - self._received
        before_expected, before_received = self._told
        new, arrived = expected - before_expected, self._received - before_received
        self._told = (expected, self._received)
        fraction = max(0, new - arrived) * 256 // new if new else 0
        last, heard_at = self._report or (0, at_seconds)
        return RtcpReceiverInfo(
            ssrc=self._source,
            fraction_lost=min(fraction, 255),
            packets_lost=max(min(lost, 0x7FFFFF), -0x800000),
            highest_sequence=self._highest & 0xFFFFFFFF,
            jitter=0,
            lsr=last,
            dlsr=min(int((at_seconds - heard_at) * 65_536), 0xFFFFFFFF) if self._report else 0,
        )
