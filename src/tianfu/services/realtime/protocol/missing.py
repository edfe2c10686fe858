"""Packets of a source that did not come, so that the sender can be asked for them (RFC 4585, section 6.2.1)."""

from __future__ import annotations

from collections.abc import Sequence

from tianfu.services.realtime.protocol.packets import SEQUENCES, is_later

MISSING_MAX = 256
"""A longer gap is no loss but a pause: a new picture is asked for instead."""

ASK_AGAIN_SECONDS = 0.06
ASKED_MAX = 8

LOOK_SECONDS = 0.02
"""What is missing is looked through so often and no oftener, however many packets come meanwhile."""


class Missing:
    """The gaps of one source."""

    def __init__(self) -> None:
        self._last: int | None = None
        self._asked: dict[int, tuple[int, float]] = {}
        self._looked_at = float("-inf")

    def came(self, sequence: int) -> bool:
        """Hear of a packet; False if so many are missing before it that a new picture is needed."""
        if self._last is None:
            self._last = sequence
            return True
        if not is_later(sequence, self._last):
            self._asked.pop(sequence, None)
            return True
        gap = (sequence - self._last - 1) % SEQUENCES
        last, self._last = self._last, sequence
        if gap > MISSING_MAX:
            self._asked.clear()
            return False
        for number in range(gap):
            self._asked[(last + 1 + number) % SEQUENCES] = (0, 0.0)
        while len(self._asked) > MISSING_MAX:
            del self._asked[next(iter(self._asked))]
        return True

    def to_ask(self, at_seconds: float) -> Sequence[int]:
        """The numbers to ask for now; each a few times, with pauses.

        They ascend, also where numbers begin anew: what asks counts each from the one before (RFC 4585, 6.2.1).
        """
        if not self._asked or at_seconds - self._looked_at < LOOK_SECONDS:
            return ()
        self._looked_at = at_seconds
        wanted = []
        for sequence, (times, asked_at) in list(self._asked.items()):
            if times and at_seconds - asked_at < ASK_AGAIN_SECONDS:
                continue
            if times >= ASKED_MAX:
                del self._asked[sequence]
                continue
            self._asked[sequence] = (times + 1, at_seconds)
            wanted.append(sequence)
        return sorted(wanted)
