"""When keys that sign tokens change: one signs, the next one is published before it signs, old ones until they may go.

A reader of our key set that looks once a day has seen each key before the first token that it signed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from tianfu.kernel.instants import DAY, SECOND, Instant
from tianfu.services.accounts.oauth.model.claims import ACCESS_SECONDS_MAX

SIGNS_DAYS = 90
"""How long a key signs before the next one takes its place by itself."""

LOOK_SECONDS = 30
"""A worker signs with a key for so long after another worker has replaced it."""

OLD_SECONDS = ACCESS_SECONDS_MAX + 2 * LOOK_SECONDS
"""How long an old key is still believed: until the last token that it signed is over."""


class KeyState(StrEnum):
    """What a key is for now."""

    NEXT = "next"
    CURRENT = "current"
    OLD = "old"


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRow:
    """What is known of a key beside the key itself; `since` is when it began to sign, `until` when it is over."""

    kid: str
    state: KeyState
    since: Instant | None
    until: Instant | None


def is_due(keys: Sequence[KeyRow], now: Instant) -> bool:
    """Whether keys must change now: one is missing, or the current one has signed for long enough."""
    by_state = {key.state: key for key in keys if key.state is not KeyState.OLD}
    current = by_state.get(KeyState.CURRENT)
    if current is None or KeyState.NEXT not in by_state:
        return True
    return current.since is None or now - current.since >= SIGNS_DAYS * DAY


def end_of_old(now: Instant) -> Instant:
    """When a key is over that stops to sign now."""
    return Instant(now + OLD_SECONDS * SECOND)
