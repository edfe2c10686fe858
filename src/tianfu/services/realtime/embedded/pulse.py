"""How a camera's pictures come: how often, how often a whole one, and when the last.  Nothing of what is seen."""

from __future__ import annotations

from collections import deque

PICTURES_MAX = 64
"""Over so many pictures the rate is measured: some seconds."""


class Pulse:
    """Counts one camera's pictures; all moments are seconds of one clock."""

    def __init__(self) -> None:
        self.packets = 0
        self.heard_at: float | None = None
        self.group_seconds: float | None = None
        """From one picture that can be decoded by itself to the next."""
        self._began: deque[float] = deque(maxlen=PICTURES_MAX)
        self._timestamp: int | None = None
        self._whole_at: float | None = None
        self._whole: int | None = None

    def add(self, timestamp: int, *, begins_whole: bool, at_seconds: float) -> None:
        """Count a packet of a picture; `begins_whole` if a picture that needs none before it begins here."""
        self.packets += 1
        self.heard_at = at_seconds
        if timestamp != self._timestamp:
            self._timestamp = timestamp
            self._began.append(at_seconds)
        if begins_whole and timestamp != self._whole:
            if self._whole_at is not None:
                self.group_seconds = at_seconds - self._whole_at
            self._whole, self._whole_at = timestamp, at_seconds

    @property
    def pictures_per_second(self) -> float:
        """Over the last pictures; 0 before the second one."""
        if len(self._began) < 2 or self._began[-1] <= self._began[0]:
            return 0.0
        return (len(self._began) - 1) / (self._began[-1] - self._began[0])
