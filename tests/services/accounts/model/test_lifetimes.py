"""How long a session lives, and how fresh a proof is."""

from __future__ import annotations

import pytest

from tianfu.kernel.instants import SECOND, Instant
from tianfu.services.accounts.model.lifetimes import is_fresh, lifetime_of
from tianfu.services.accounts.model.people import Kind


@pytest.mark.parametrize(
    ("kind", "role", "needs_second_factor", "hours", "idle_minutes"),
    [
        (Kind.RESIDENT, None, False, 12, 30),
        (Kind.STAFF, "doctor", False, 12, 30),
        (Kind.STAFF, "administrator", False, 8, 15),
        (Kind.STAFF, "security", False, 8, 15),
        (Kind.STAFF, "officer", False, 8, 15),
        (Kind.STAFF, "doctor", True, 0.25, 15),
        (Kind.STAFF, "officer", True, 0.25, 15),
    ],
)
def test_a_session_lives_as_long_as_its_kind_and_role_say(
    kind: Kind, role: str | None, needs_second_factor: bool, hours: float, idle_minutes: int
) -> None:
    lifetime = lifetime_of(kind, role, needs_second_factor=needs_second_factor)
    assert (lifetime.absolute_seconds, lifetime.idle_seconds) == (hours * 3_600, idle_minutes * 60)


@pytest.mark.parametrize(("seconds", "fresh"), [(-1, False), (0, True), (299.9, True), (300, False), (1e6, False)])
def test_a_proof_is_fresh_for_less_than_five_minutes_and_never_from_the_future(seconds: float, fresh: bool) -> None:
    proved_at = Instant(1_795_406_400 * SECOND)
    assert is_fresh(proved_at, Instant(proved_at + int(seconds * SECOND))) is fresh
