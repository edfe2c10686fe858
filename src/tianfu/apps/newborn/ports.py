"""What the pages of families and of the head nurse ask of others: the record store, and what is booked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from tianfu.access.caller import Caller
from tianfu.access.purpose import Purpose
from tianfu.kernel.instants import Clock
from tianfu.records.outcomes import Answer, Record, Unchanged, Written
from tianfu.records.searching import SearchRequest
from tianfu.records.store import BundleAnswer
from tianfu.services.booking.claims import Claims
from tianfu.services.booking.interpreters import Interpreters
from tianfu.services.booking.places import Places
from tianfu.services.booking.stations import Stations
from tianfu.services.booking.wordings import Wordings
from tianfu.standards.fhir.parsing import ParsedBundle, ParsedResource


class FoundPage(Protocol):
    """What of a search's answer this app looks at."""

    @property
    def records(self) -> tuple[Record, ...]: ...

    @property
    def next_cursor(self) -> str | None: ...


class RecordStore(Protocol):
    """The calls of `tianfu.records.Store` that these pages need."""

    async def read_many(
        self, caller: Caller, purpose: Purpose, references: Sequence[tuple[str, str]]
    ) -> Sequence[Answer]:
        """Several records at once, answered in the order asked."""
        ...

    async def search(self, caller: Caller, purpose: Purpose, wanted: SearchRequest) -> FoundPage:
        """A page of the records that match."""
        ...

    async def create(
        self,
        caller: Caller,
        purpose: Purpose,
        resource: ParsedResource,
        *,
        if_none_exist: str | None = None,
        request: str = "",
    ) -> Written | Unchanged:
        """Create a record, unless one matches."""
        ...

    async def update(
        self,
        caller: Caller,
        purpose: Purpose,
        resource: ParsedResource,
        logical_id: str,
        *,
        expected_version: int | None = None,
        request: str = "",
    ) -> Written | Unchanged:
        """Write a record under an id."""
        ...

    async def transaction(self, caller: Caller, purpose: Purpose, bundle: ParsedBundle) -> Sequence[BundleAnswer]:
        """Do everything a transaction bundle asks, or nothing."""
        ...


class Taking(Protocol):
    """The call of `live.doors.GrantedDoors` by which somebody is in no visit any more."""

    async def revoke_person(self, caller: Caller, person: str, reason: str, *, visit: str | None) -> None:
        """Take back all grants of a person, and end his connections, in one visit or with None in all.

        Raises Refusal `media-unavailable`: then no grant is good any more, and connections end when it is back.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Nursery:
    """What the pages of families and of the head nurse stand on; `taking` is None where no picture is shown."""

    store: RecordStore
    places: Places
    claims: Claims
    interpreters: Interpreters
    stations: Stations
    wordings: Wordings
    clock: Clock
    taking: Taking | None = None
