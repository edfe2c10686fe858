"""Which pages are silent while the wall clock is set: by a clock of this process that never steps, as in `pace`.

Rule: docs/rules/newborn-watching.md
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tianfu.apps.newborn.model.watermark import SILENT_SECONDS
from tianfu.kernel.instants import SECOND, Instant
from tianfu.services.realtime.viewers import Viewer


class Silence:
    """When this process saw that each page had been heard of; `monotonic` counts seconds and never steps."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._heard: dict[tuple[str, str], tuple[Instant, float]] = {}

    def silent(self, here: Sequence[Viewer], *, now: Instant) -> Sequence[Viewer]:
        """Of everybody who is there, whoever was not heard of for longer than `SILENT_SECONDS`.

        The wall clock counts once, for who is seen for the first time; one that shows the future then was set back.
        """
        seconds, before = self._monotonic(), self._heard
        self._heard = {}
        for each in here:
            key = each.visit, each.participant
            known = before.get(key)
            if known is None:
                known = each.heard_at, seconds - max(0.0, (now - each.heard_at) / SECOND)
            elif known[0] != each.heard_at:
                known = each.heard_at, seconds
            self._heard[key] = known
        return [each for each in here if seconds - self._heard[each.visit, each.participant][1] > SILENT_SECONDS]
