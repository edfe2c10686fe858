"""One stream to one viewer: numbers that run on whatever is left out, and what he may be sent again."""

from __future__ import annotations

from tianfu.services.realtime.protocol.packets import SEQUENCES, TIMESTAMPS, Head, is_later, relabelled

KEPT_PACKETS = 512
"""So many may be asked for again: at 1.5 Mbit/s, about three seconds."""

AGAIN_SECONDS = 0.02
"""Who asks for a packet twice within so short a time gets it once: one small request would bring megabytes."""

LATE_SECONDS = 0.2
"""What is still asked for so long after it was first missed comes too late to be looked at."""


class Relay:
    """Passes the packets of a source on under the viewer's numbers.

    It begins, and after each `cut` begins again, with a packet that it is told may begin; what came before that one is
    never passed on, however late it arrives.  `source` is the SSRC towards the viewer; the latest `kept_packets` may be
    sent again.
    """

    def __init__(
        self,
        *,
        source: int,
        payload_type: int,
        clock_rate_hz: int,
        sequence: int,
        timestamp: int,
        kept_packets: int = KEPT_PACKETS,
    ) -> None:
        self._kept_packets = kept_packets
        self._source = source
        self._payload_type = payload_type
        self._clock_rate_hz = clock_rate_hz
        self._sequence = sequence
        """The last one sent, the furthest on."""
        self._timestamp = timestamp
        self._sent_at = 0.0
        self._coming: int | None = None
        self._first = 0
        self._sequences_behind = 0
        self._timestamps_behind = 0
        self._kept: dict[int, bytes] = {}
        self._sent_again: dict[int, float] = {}
        self._missed: dict[int, float | None] = {}
        """When each was first asked for; None once it was counted as late."""
        self.packets = 0
        self.octets = 0
        self.late = 0
        """Packets that did not come in time, though sent again: they were asked for over `LATE_SECONDS`."""

    @property
    def is_waiting(self) -> bool:
        """Whether it needs a packet that may begin."""
        return self._coming is None

    @property
    def coming(self) -> int | None:
        """Whose packets are passed on now."""
        return self._coming

    def timestamp_of(self, coming: int) -> int:
        """What a timestamp of the source is called towards the viewer, for sender reports."""
        return (coming - self._timestamps_behind) % TIMESTAMPS

    def pass_on(self, data: bytes, head: Head, *, may_begin: bool, at_seconds: float) -> bytes | None:
        """The packet for the viewer, or None if it is not for him."""
        if self._coming != head.source:
            if not may_begin:
                return None
            self._begin(head, at_seconds)
        elif head.sequence != self._first and not is_later(head.sequence, self._first):
            return None
        sequence = (head.sequence - self._sequences_behind) % SEQUENCES
        timestamp = self.timestamp_of(head.timestamp)
        packet = relabelled(
            data,
            head,
            payload_type=self._payload_type,
            sequence=sequence,
            timestamp=timestamp,
            source=self._source,
        )
        if is_later(sequence, self._sequence):
            self._sequence, self._timestamp, self._sent_at = sequence, timestamp, at_seconds
            if (head.sequence - self._first) % SEQUENCES >= SEQUENCES // 4:
                self._first = (head.sequence - SEQUENCES // 8) % SEQUENCES
        self._keep(sequence, packet)
        self.packets += 1
        self.octets += head.end - head.start
        return packet

    def again(self, sequence: int, *, at_seconds: float) -> bytes | None:
        """A packet that was sent, for a viewer who lost it; None if it is kept no more, or was sent again just now."""
        if at_seconds - self._sent_again.get(sequence, -AGAIN_SECONDS) < AGAIN_SECONDS:
            return None
        kept = self._kept.get(sequence)
        if kept is not None:
            self._sent_again[sequence] = at_seconds
            self._miss(sequence, at_seconds)
        return kept

    def _miss(self, sequence: int, at_seconds: float) -> None:
        since = self._missed.setdefault(sequence, at_seconds)
        if since is not None and at_seconds - since >= LATE_SECONDS:
            self._missed[sequence] = None
            self.late += 1

    def cut(self) -> None:
        """Forget all that was sent; nothing follows before a packet that may begin."""
        self._coming = None
        self._kept.clear()
        self._sent_again.clear()
        self._missed.clear()

    def _begin(self, head: Head, at_seconds: float) -> None:
        self.cut()
        self._coming = head.source
        self._first = head.sequence
        self._sequences_behind = head.sequence - self._sequence - 1
        passed = int((at_seconds - self._sent_at) * self._clock_rate_hz) if self.packets else 0
        self._timestamps_behind = head.timestamp - self._timestamp - max(1, passed)

    def _keep(self, sequence: int, packet: bytes) -> None:
        if not self._kept_packets:
            return
        if len(self._kept) >= self._kept_packets:
            oldest = next(iter(self._kept))
            del self._kept[oldest]
            self._sent_again.pop(oldest, None)
            self._missed.pop(oldest, None)
        self._kept[sequence] = packet
