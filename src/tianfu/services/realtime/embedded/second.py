"""How much comes within a second, for what must not be more."""

from __future__ import annotations

PACKETS_PER_SECOND_MAX = 2_000
"""More of one camera is not passed on, and ends one that is pulled: 2,000 full packets are 19 Mbit/s."""


class Second:
    """Counts what comes within a second."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._since = float("-inf")
        self._count = 0

    def has_room(self, now: float) -> bool:
        """Whether one more is not too much."""
        if now - self._since >= 1:
            self._since, self._count = now, 0
        self._count += 1
        return self._count <= self._most
