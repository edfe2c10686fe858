"""How failures to sign in close a handle or an address, and for how long.  Rule: docs/rules/sign-in.md

NIST SP 800-63B, section 5.2.2, asks for a limit; ours closes for a time and never for good, because whoever may guess
at somebody's number could otherwise shut him out.
"""

from __future__ import annotations

from dataclasses import dataclass

from tianfu.kernel.instants import DAY, SECOND, Instant

FAILURES_BEFORE_CLOSING = 5
CLOSED_SECONDS_FIRST = 60
CLOSED_SECONDS_MAX = 3_600
FORGOTTEN_AFTER = DAY
"""A handle at which nobody failed for so long begins anew."""

ADDRESS_FAILURES_MAX = 30
ADDRESS_FORGIVES_SECONDS = 120
"""One failure of an address is forgiven each two minutes: thirty an hour, and a ward behind one address is open again
soon."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failures:
    """What is counted for one handle or address; `closed_until` is 0 while it was never closed."""

    count: int
    last_at: Instant
    closed_until: Instant

    def closed_seconds(self, now: Instant) -> int:
        """For how many more seconds it is closed, rounded up; 0 if it is open."""
        return max(0, -((now - self.closed_until) // SECOND))


NO_FAILURES = Failures(count=0, last_at=Instant(0), closed_until=Instant(0))


def handle_failed(before: Failures, now: Instant) -> Failures:
    """One more failure of a handle: from the fifth on it closes for a minute, and twice as long with each further."""
    count = (0 if now - before.last_at >= FORGOTTEN_AFTER else before.count) + 1
    return Failures(count=count, last_at=now, closed_until=Instant(now + _closing_seconds(count) * SECOND))


def handle_forgiven(before: Failures) -> Failures:
    """One failure fewer: a try was counted before it was known to be right.  What others did stays."""
    count = max(0, before.count - 1)
    until = before.last_at + _closing_seconds(count) * SECOND
    return Failures(count=count, last_at=before.last_at, closed_until=Instant(min(before.closed_until, until)))


def address_failed(before: Failures, now: Instant) -> Failures:
    """One more failure of an address, whatever handles were tried."""
    forgiven = max(0, now - before.last_at) // (ADDRESS_FORGIVES_SECONDS * SECOND)
    count = max(0, before.count - forgiven) + 1
    # What is left of the current two minutes still counts towards the next forgiveness.
    last_at = now if count == 1 else before.last_at + forgiven * ADDRESS_FORGIVES_SECONDS * SECOND
    beyond = count - ADDRESS_FAILURES_MAX
    until = last_at + (beyond + 1) * ADDRESS_FORGIVES_SECONDS * SECOND if beyond >= 0 else 0
    return Failures(count=count, last_at=Instant(last_at), closed_until=Instant(until))


def _closing_seconds(count: int) -> int:
    beyond = count - FAILURES_BEFORE_CLOSING
    if beyond < 0:
        return 0
    return CLOSED_SECONDS_MAX if beyond > 10 else min(CLOSED_SECONDS_FIRST << beyond, CLOSED_SECONDS_MAX)
