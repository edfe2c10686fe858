"""Who stands for others by which RelatedPerson record; what that opens is decided by the others' Consents alone.

Rule: docs/rules/family.md
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tianfu.db import Database, queries, text_array
from tianfu.kernel.instants import Instant
from tianfu.kernel.refusal import Refusal
from tianfu.services.accounts.model.people import SignedIn
from tianfu.services.accounts.sessions import Sessions
from tianfu.services.accounts.store import People

_PEOPLE = queries("tianfu.services.accounts.sql", "people.sql")


class Proxies:
    """Ties of accounts to RelatedPerson records; whether one is somebody's own is decided by whoever asks."""

    def __init__(self, database: Database, people: People, sessions: Sessions) -> None:
        self._database = database
        self._people = people
        self._sessions = sessions

    async def accept(self, signed_in: SignedIn, related: Sequence[str]) -> None:
        """Stand for others by these records from now on; other workers know it within a second."""
        for each in related:
            await self._people.tie_record(signed_in.caller, signed_in.account.id, "RelatedPerson", each)
        self._sessions.forget_known(signed_in.account.id)

    async def lay_down(self, signed_in: SignedIn, related: Sequence[str]) -> None:
        """Stand for nobody by these records any more; other workers know it within a second."""
        for each in related:
            await self._people.untie_record(signed_in.caller, signed_in.account.id, "RelatedPerson", each)
        self._sessions.forget_known(signed_in.account.id)

    async def refused(self, signed_in: SignedIn, refusal: Refusal) -> Refusal:
        """Tell the trail that somebody answered or ended what is not his; the refusal to raise."""
        return await self._people.refused_tie(signed_in.caller, refusal)

    async def accepted(self, related: Sequence[str]) -> Mapping[str, Instant]:
        """Since when somebody stands by each of these records; those by which nobody does are not in it."""
        async with self._database.connection("app") as connection:
            rows = await connection.all(_PEOPLE.related_accepted, records=text_array(related))
        return {row[0]: Instant(row[1]) for row in rows}
