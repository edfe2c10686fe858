"""Whether somebody is still at the other end, from the signs of life that came so far."""

from __future__ import annotations

ASK_SECONDS = 1.1
"""Who is silent so long is asked for a sign: a browser reports about once a second by itself."""

ASK_AGAIN_SECONDS = 0.4
QUIET_SECONDS = 1.7
GONE_SECONDS = 5.0

LOOK_SECONDS_MAX = 0.5
"""A longer pause between two looks was ours: nobody is gone because we did not listen."""


class Presence:
    """How long one peer has been silent."""

    def __init__(self, at_seconds: float) -> None:
        self.silent_seconds = 0.0
        self._signs = 0
        self._looked_at = at_seconds
        self._asked_at = at_seconds - ASK_AGAIN_SECONDS
        self._was_quiet = False

    def look(self, signs: int, *, at_seconds: float) -> None:
        """Hear how many signs have come; to be called several times a second."""
        passed = min(at_seconds - self._looked_at, LOOK_SECONDS_MAX)
        self._looked_at = at_seconds
        if signs == self._signs:
            self.silent_seconds += passed
        else:
            self._signs, self.silent_seconds, self._was_quiet = signs, 0.0, False

    def must_be_asked(self) -> bool:
        """Whether he is to be asked for a sign now."""
        if self.silent_seconds < ASK_SECONDS or self._looked_at - self._asked_at < ASK_AGAIN_SECONDS:
            return False
        self._asked_at = self._looked_at
        return True

    def fell_quiet(self) -> bool:
        """Whether he has just become too silent; true once, until he is heard again."""
        if self._was_quiet or self.silent_seconds < QUIET_SECONDS:
            return False
        self._was_quiet = True
        return True

    @property
    def is_gone(self) -> bool:
        """Whether he is not waited for any longer."""
        return self.silent_seconds >= GONE_SECONDS
