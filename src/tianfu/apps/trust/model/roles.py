"""Which door a role may open; what lies behind it the store decides."""

from __future__ import annotations

EMERGENCY_ROLES = frozenset({"doctor", "desk"})
"""Who may open an emergency access; it also takes a Practitioner, which a desk has not."""

OFFICER_ROLES = frozenset({"officer", "desk"})
"""Who reviews emergency accesses and answers objections."""

PERSON_ROLES = frozenset({"citizen", "desk"})
"""Who comes for his own record, or for somebody's who stands at the desk."""
