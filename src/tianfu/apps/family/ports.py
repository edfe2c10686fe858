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
from tianfu.services.accounts.model.namings import Named, News, Told
from tianfu.services.accounts.model.people import Account, SignedIn
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

    async def refuse_unless_may_ask(self, signed_in: SignedIn, telephone: str) -> None:
        """Raise Refusal `proxy-declined-often` if whoever has that telephone has declined too often already."""
        ...

    async def asked(self, signed_in: SignedIn, naming: str, *, telephone: str, name: str, until: Instant) -> None:
        """Have whoever bears that telephone and name told that he is asked."""
        ...

    async def accept(self, signed_in: SignedIn, named: Named) -> None:
        """Stand for another by these RelatedPerson records from now on."""
        ...

    async def decline(self, signed_in: SignedIn, named: Named) -> None:
        """Say no; whoever asked sees it."""
        ...

    async def reconsider(self, signed_in: SignedIn, naming: str) -> bool:
        """Take one's no back; whether there was one."""
        ...

    async def lay_down(self, signed_in: SignedIn, named: Named) -> None:
        """Stand for nobody by them any more."""
        ...

    async def taken_back(self, signed_in: SignedIn, naming: str) -> None:
        """Nothing of this naming waits any more: whoever asked took it back."""
        ...

    async def answers(self, signed_in: SignedIn, namings: Sequence[str]) -> Mapping[str, Told]:
        """What was answered to these namings of somebody's own."""
        ...

    async def see_answers(self, signed_in: SignedIn) -> None:
        """Whoever asked has seen what was answered."""
        ...

    async def declined(self, signed_in: SignedIn, namings: Sequence[str]) -> frozenset[str]:
        """Those of these namings to which somebody said no."""
        ...

    async def not_heard(self, signed_in: SignedIn, patients: Sequence[str]) -> frozenset[str]:
        """Those of these patients to whom somebody said no so often that he is not asked any more."""
        ...

    async def news(self, account: Account) -> News:
        """What waits for somebody, and what was answered to him."""
        ...

    async def refused(self, signed_in: SignedIn, refusal: Refusal) -> Refusal:
        """Tell the trail that somebody answered or ended what is not his; the refusal to raise."""
        ...

    async def accepted(self, related: Sequence[str]) -> Mapping[str, Instant]:
        """Since when somebody stands by each of these records; those by which nobody does are not in it."""
        ...
