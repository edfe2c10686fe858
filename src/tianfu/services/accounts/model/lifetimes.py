"""How long a session lives, how long it may lie idle, and how fresh a proof must be.  Rule: docs/rules/sign-in.md

NIST SP 800-63B, section 4, asks for an end after twelve hours and after thirty minutes without use at its second level.
"""

from __future__ import annotations

from dataclasses import dataclass

from tianfu.kernel.instants import SECOND, Instant
from tianfu.services.accounts.model.offices import OFFICES
from tianfu.services.accounts.model.people import Kind

FRESH_SECONDS = 300
"""A signature and a change of credentials need a proof that is younger."""

_HOUR, _MINUTE = 3_600, 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Lifetime:
    """The end of a session whatever happens, and its end when nothing does."""

    absolute_seconds: int
    idle_seconds: int


_RESIDENT = Lifetime(absolute_seconds=12 * _HOUR, idle_seconds=30 * _MINUTE)
_STAFF = Lifetime(absolute_seconds=12 * _HOUR, idle_seconds=30 * _MINUTE)
_OFFICE = Lifetime(absolute_seconds=8 * _HOUR, idle_seconds=15 * _MINUTE)
_SETTING_UP = Lifetime(absolute_seconds=15 * _MINUTE, idle_seconds=15 * _MINUTE)


def lifetime_of(kind: Kind, role: str | None, *, needs_second_factor: bool) -> Lifetime:
    """How long a session of such a person lives; one that only sets up a second factor is short."""
    if needs_second_factor:
        return _SETTING_UP
    if kind is Kind.RESIDENT:
        return _RESIDENT
    return _OFFICE if role in OFFICES else _STAFF


def is_fresh(proved_at: Instant, now: Instant) -> bool:
    """Whether the last proof is less than five minutes old; one from the future is none."""
    return 0 <= now - proved_at < FRESH_SECONDS * SECOND
