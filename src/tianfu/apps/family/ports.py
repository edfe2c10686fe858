"""What this app asks of others: the record store, and the ties of accounts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from tianfu.access.caller import Caller
from tianfu.access.purpose import Purpose
from tianfu.kernel.instants import Instant
from tianfu.kernel.refusal import Refusal
from tianfu.records.outcomes import Answer, Record
from tianfu.records.searching import SearchRequest
from tianfu.records.store import BundleAnswer
from tianfu.services.accounts.model.people import SignedIn
from tianfu.standards.fhir.parsing import ParsedBundle


class FoundPage(Protocol):
    """What of a search's answer this app looks at."""

    @property
    def records(self) -> tuple[Record, ...]: ...


class FamilyStore(Protocol):
    """The calls of `tianfu.records.Store` that these pages need."""

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


class Ties(Protocol):
    """The calls of `tianfu.services.accounts.proxies.Proxies`."""

    async def accept(self, signed_in: SignedIn, related: Sequence[str]) -> None:
        """Stand for others by these RelatedPerson records from now on."""
        ...

    async def lay_down(self, signed_in: SignedIn, related: Sequence[str]) -> None:
        """Stand for nobody by them any more."""
        ...

    async def refused(self, signed_in: SignedIn, refusal: Refusal) -> Refusal:
        """Tell the trail that somebody answered or ended what is not his; the refusal to raise."""
        ...

    async def accepted(self, related: Sequence[str]) -> Mapping[str, Instant]:
        """Since when somebody stands by each of these records; those by which nobody does are not in it."""
        ...
