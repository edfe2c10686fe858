"""Doors of an installation that issues no grants: nobody was let in by one."""

from __future__ import annotations

from tianfu.access.caller import Caller

UNKNOWN_ROLE = "unknown"


class NoDoors:
    """Knows nobody by name; whoever is in a room stands in the trail by the opaque name that it knows him by."""

    async def viewer(self, visit: str, participant: str) -> Caller:
        """An opaque caller in no role."""
        return Caller(id=participant, role=UNKNOWN_ROLE)

    async def revoke_visit(self, caller: Caller, visit: str, reason: str) -> None:
        """There is nothing to take back: the room's end ends every connection."""
