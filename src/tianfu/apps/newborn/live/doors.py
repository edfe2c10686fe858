"""The doors of rooms as the keeper of visits knows them: who is behind an opaque name, and how all are sent away."""

from __future__ import annotations

from dataclasses import dataclass

from tianfu.access.caller import Caller
from tianfu.apps.newborn.live.house import UNAVAILABLE
from tianfu.kernel.refusal import Refusal
from tianfu.services.realtime.grants import Grants
from tianfu.services.realtime.viewers import Viewers

UNKNOWN_ROLE = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantedDoors:
    """The doors of an installation where people come in by grants."""

    grants: Grants
    viewers: Viewers

    async def viewer(self, visit: str, participant: str) -> Caller:
        """Who is known to the media server by this name; an opaque caller in no role if nobody knows."""
        found = await self.viewers.find(visit, participant)
        return Caller(id=participant, role=UNKNOWN_ROLE) if found is None else found.caller

    async def sends(self, visit: str, participant: str, level: str) -> None:
        """Somebody is sent so much of the picture from now on: his page reads it when it asks next."""
        await self.viewers.sends(visit, participant, level)

    async def revoke_visit(self, caller: Caller, visit: str, reason: str) -> None:
        """Take back every grant of a visit and end every connection to it; safe to repeat."""
        await self.grants.revoke_visit(caller, visit, reason)

    async def revoke_person(self, caller: Caller, person: str, reason: str, *, visit: str | None) -> None:
        """Take back what let somebody in, as `Grants` does, and have his page know it when it asks next.

        Raises Refusal `media-unavailable`.  The last picture would stand there as if it were live until then.
        """
        try:
            await self.grants.revoke_person(caller, person, reason, visit=visit)
        except Refusal as refusal:
            if refusal.code in UNAVAILABLE:
                await self.viewers.goes_everywhere(person, visit=visit)
            raise
        await self.viewers.goes_everywhere(person, visit=visit)
