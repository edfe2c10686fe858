"""Whether a ward lets its families see stills, told to the media server again and again while a visit is at the bed.

A room begins without; the media server is told with each renewal of a lease, so what it forgot is said once more.
Rule: docs/rules/live-rooms.md
"""

from __future__ import annotations

from tianfu.apps.newborn.live.pace import NEVER
from tianfu.apps.newborn.model.windows import are_stills_allowed_on, policy_from
from tianfu.apps.newborn.nurse_ports import WardPolicies
from tianfu.kernel.instants import Instant, china_date

POLICY_SECONDS = 2.0
"""For so long a ward's policy is not read again."""


class Stills:
    """What the wards allow, as it was read last."""

    def __init__(self, policies: WardPolicies) -> None:
        self._policies = policies
        self._read: dict[str, tuple[bool, float]] = {}

    async def are_allowed(self, ward: str, *, now: Instant, at_seconds: float) -> bool:
        """Whether a ward allows stills today; `at_seconds` is a clock that never steps."""
        allowed, read_at = self._read.get(ward, (False, NEVER))
        if at_seconds - read_at >= POLICY_SECONDS:
            policies = [policy_from(each) for each in await self._policies.policies(ward)]
            allowed = are_stills_allowed_on(policies, china_date(now))
            self._read[ward] = allowed, at_seconds
        return allowed
