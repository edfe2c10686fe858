"""What the live part of this app asks of others: the record store, the doors of rooms, and a colleague's proof."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from tianfu.access.caller import Caller
from tianfu.access.purpose import Purpose
from tianfu.records.outcomes import Answer, Record
from tianfu.records.searching import SearchRequest
from tianfu.records.store import BundleAnswer
from tianfu.services.accounts.model.people import SignedIn
from tianfu.standards.fhir.parsing import ParsedBundle


class FoundPage(Protocol):
    """What of a search's answer this app looks at."""

    @property
    def records(self) -> tuple[Record, ...]: ...

    @property
    def next_cursor(self) -> str | None: ...


class VisitStore(Protocol):
    """The calls of `tianfu.records.Store` that visits need."""

    async def read_many(
        self, caller: Caller, purpose: Purpose, references: Sequence[tuple[str, str]]
    ) -> Sequence[Answer]:
        """Several records at once, answered in the order asked."""
        ...

    async def search(self, caller: Caller, purpose: Purpose, wanted: SearchRequest) -> FoundPage:
        """A page of the records that match."""
        ...

    async def transaction(self, caller: Caller, purpose: Purpose, bundle: ParsedBundle) -> Sequence[BundleAnswer]:
        """Do everything a transaction bundle asks, or nothing."""
        ...


class WardPolicies(Protocol):
    """The call of `services.booking.places.Places` that tells what wards have set."""

    async def policies(self, ward: str) -> Sequence[Mapping[str, Any]]:
        """What a ward has set, oldest first."""
        ...


class Doors(Protocol):
    """Who let people into rooms: grants, and the connections that they opened."""

    async def viewer(self, visit: str, participant: str) -> Caller:
        """Who is known to the media server by this name; an opaque caller in no role if nobody knows."""
        ...

    async def sends(self, visit: str, participant: str, level: str) -> None:
        """The media server sends somebody so much of the picture from now on."""
        ...

    async def revoke_visit(self, caller: Caller, visit: str, reason: str) -> None:
        """Take back every grant of a visit and end every connection to it; safe to repeat."""
        ...


class Colleagues(Protocol):
    """How a second person proves at somebody else's tablet who she is."""

    async def proved(self, number: str, password: str, code: str, *, address: str, organisation: str) -> SignedIn:
        """Who has this staff number, password and authenticator and works in this unit; no session stays open.

        Raises Refusal `sign-in-refused`, `sign-in-closed` or `colleague-elsewhere`.
        """
        ...
