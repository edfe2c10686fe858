"""What this app asks of accounts, of the tree and of the record store; and of the request, who came."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from tianfu.access.caller import Caller
from tianfu.access.organisations import OrganisationTree
from tianfu.access.purpose import Purpose
from tianfu.kernel.instants import Clock
from tianfu.kernel.refusal import Refusal
from tianfu.records.outcomes import Answer, Record, Unchanged, Written
from tianfu.records.store import SearchRequest
from tianfu.services.accounts.model.people import Account, SignedIn, Workplace, refuse_unless_settled
from tianfu.services.accounts.staffing import Member, StaffPage
from tianfu.services.accounts.store import Post
from tianfu.standards.fhir.parsing import ParsedResource
from tianfu.web.admission import SIGNED_IN

WHY = Purpose.SYSTEM_ADMINISTRATION


def signed_in_of(state: Mapping[str, Any], role: str) -> SignedIn:
    """Who signed in, if it is from a place of work in this role; for everybody else the page is not there.

    Raises Refusal `not-found`, and as `refuse_unless_settled` does.
    """
    signed_in = state.get(SIGNED_IN)
    if not isinstance(signed_in, SignedIn) or signed_in.workplace is None or signed_in.workplace.role != role:
        raise Refusal("not-found", next_step="start-again")
    refuse_unless_settled(signed_in)
    return signed_in


def own_place(by: SignedIn) -> Workplace:
    """From which place of work somebody acts; raises Refusal `not-found` if from none."""
    if by.workplace is None:
        raise Refusal("not-found", next_step="start-again")
    return by.workplace


class FoundUnits(Protocol):
    """What of a search's answer this app looks at."""

    @property
    def records(self) -> tuple[Record, ...]: ...

    @property
    def next_cursor(self) -> str | None: ...


class Directory(Protocol):
    """The calls of `tianfu.records.Store` that these pages need."""

    async def read(self, caller: Caller, purpose: Purpose, resource_type: str, logical_id: str) -> Answer:
        """The current version of a record."""
        ...

    async def read_many(
        self, caller: Caller, purpose: Purpose, references: Sequence[tuple[str, str]]
    ) -> Sequence[Answer]:
        """Several records at once, answered in the order asked."""
        ...

    async def search(self, caller: Caller, purpose: Purpose, wanted: SearchRequest) -> FoundUnits:
        """A page of the records that match."""
        ...

    async def create(self, caller: Caller, purpose: Purpose, resource: ParsedResource) -> Written | Unchanged:
        """Create a record under an id of the store's making."""
        ...

    async def update(
        self,
        caller: Caller,
        purpose: Purpose,
        resource: ParsedResource,
        logical_id: str,
        *,
        expected_version: int | None = None,
    ) -> Written | Unchanged:
        """Write a record; raises Refusal `version-conflict` if another version stands than expected."""
        ...


class Trees(Protocol):
    """How organisations hang together, as `tianfu.records.organisations` reads it."""

    async def below(self, organisation: str) -> OrganisationTree:
        """An organisation with all units below it."""
        ...

    async def above(self, organisations: Iterable[str]) -> OrganisationTree:
        """Organisations with all that they are part of."""
        ...


class Staff(Protocol):
    """The calls of `tianfu.services.accounts.staffing` that these pages need; who may what is decided there."""

    async def counted(self) -> Mapping[str, int]:
        """How many people work in each organisation that has any."""
        ...

    async def listed(
        self, by: SignedIn, organisations: Collection[str], tree: OrganisationTree, *, role: str = "", after: str = ""
    ) -> StaffPage:
        """A page of who works in these organisations."""
        ...

    async def found(
        self, by: SignedIn, wanted: str, organisations: Collection[str], tree: OrganisationTree, *, role: str = ""
    ) -> StaffPage:
        """Who in these organisations has this staff number or name."""
        ...

    async def workplaces(self, account: str) -> tuple[Workplace, ...]:
        """Where somebody works now."""
        ...

    async def member(self, by: SignedIn, account: str, tree: OrganisationTree) -> Member:
        """One member of staff; raises Refusal `not-found`."""
        ...

    async def join(
        self, by: SignedIn, *, name: str, number: str, post: Post, tree: OrganisationTree
    ) -> tuple[Account, str]:
        """A new member of staff, and the password to hand over."""
        ...

    async def appoint(self, by: SignedIn, account: str, post: Post, tree: OrganisationTree) -> Workplace:
        """One more place of work."""
        ...

    async def move(self, by: SignedIn, workplace: str, post: Post, tree: OrganisationTree) -> Workplace:
        """Another place of work instead of one."""
        ...

    async def dismiss(self, by: SignedIn, account: str, workplace: str, tree: OrganisationTree) -> None:
        """Somebody works there no more."""
        ...

    async def leave(self, by: SignedIn, account: str, tree: OrganisationTree) -> None:
        """Somebody leaves, and everything ends at once."""
        ...

    async def reset(self, by: SignedIn, account: str, tree: OrganisationTree) -> str:
        """End what proves who somebody is; the password to hand over."""
        ...

    async def end_sessions(self, by: SignedIn, account: str, tree: OrganisationTree) -> int:
        """End all sessions of somebody; how many there were."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """All that these pages stand on."""

    directory: Directory
    trees: Trees
    staff: Staff
    clock: Clock
