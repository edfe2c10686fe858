"""What this app asks of the record store: a narrow view of `tianfu.records`, so that tests can stand in for it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Protocol

from tianfu.access.caller import Caller
from tianfu.access.purpose import Purpose
from tianfu.kernel.instants import Instant
from tianfu.records.outcomes import Answer, HistoryPage, Record
from tianfu.records.store import BundleAnswer, SearchRequest
from tianfu.records.timeline import Slice, TimelinePage
from tianfu.records.trail.reading import TrailEvent, TrailPage, TrailQuestion
from tianfu.standards.fhir.parsing import ParsedBundle

Reference = tuple[str, str]
"""A resource type and a logical id."""


class FoundPage(Protocol):
    """What of a search's answer this app looks at."""

    @property
    def records(self) -> tuple[Record, ...]: ...

    @property
    def next_cursor(self) -> str | None: ...

    @property
    def total(self) -> int | None: ...


class LedgerEvent(Protocol):
    """One event of the audit trail that names a patient, as the ledger tells it."""

    @property
    def id(self) -> str: ...

    @property
    def at(self) -> Instant: ...

    @property
    def caller(self) -> str: ...

    @property
    def role(self) -> str: ...

    @property
    def practitioner(self) -> str | None: ...

    @property
    def organisation(self) -> str | None: ...

    @property
    def purpose(self) -> str: ...

    @property
    def rule(self) -> str: ...

    @property
    def interaction(self) -> str: ...

    @property
    def outcome(self) -> str: ...

    @property
    def types(self) -> Sequence[tuple[str, int]]: ...


class LedgerPage(Protocol):
    """A page of the ledger, newest first."""

    @property
    def events(self) -> Sequence[LedgerEvent]: ...

    @property
    def next_cursor(self) -> str | None: ...


class TrustStore(Protocol):
    """The calls of `tianfu.records.Store` that these pages need."""

    async def read_many(self, caller: Caller, purpose: Purpose, references: Sequence[Reference]) -> Sequence[Answer]:
        """Several records at once, answered in the order asked."""
        ...

    async def search(self, caller: Caller, purpose: Purpose, wanted: SearchRequest) -> FoundPage:
        """A page of the records that match."""
        ...

    async def locate(self, caller: Caller, purpose: Purpose, system: str, number: str) -> Sequence[str]:
        """The ids of the Patients that carry exactly this identifier: to open in an emergency, or to ask who looked."""
        ...

    async def history(
        self,
        caller: Caller,
        purpose: Purpose,
        resource_type: str | None,
        logical_id: str | None,
        *,
        limit: int,
        cursor: str | None = None,
    ) -> HistoryPage:
        """The versions of a record, newest first."""
        ...

    async def timeline(
        self,
        caller: Caller,
        purpose: Purpose,
        patients: Sequence[str],
        *,
        slices: Sequence[Slice] | None = None,
        limit: int,
    ) -> TimelinePage:
        """The newest records of these patients of these kinds."""
        ...

    async def ledger(
        self,
        caller: Caller,
        purpose: Purpose,
        patients: Sequence[str],
        *,
        limit: int,
        cursor: str | None = None,
        after: Instant | None = None,
        before: Instant | None = None,
    ) -> LedgerPage:
        """What was done with these patients' records from `after` to before `before`, newest first."""
        ...

    async def audit_events(
        self, caller: Caller, purpose: Purpose, wanted: TrailQuestion, *, limit: int, cursor: str | None = None
    ) -> TrailPage:
        """A page of the trail, newest first."""
        ...

    async def audit_event(self, caller: Caller, purpose: Purpose, logical_id: str) -> TrailEvent | None:
        """One event of the trail by its name."""
        ...

    async def audit_export(
        self, caller: Caller, purpose: Purpose, wanted: TrailQuestion, *, limit: int
    ) -> AsyncIterator[TrailPage]:
        """The newest `limit` events page by page, to be taken away."""
        ...

    async def transaction(self, caller: Caller, purpose: Purpose, bundle: ParsedBundle) -> Sequence[BundleAnswer]:
        """Do everything a transaction bundle asks, or nothing."""
        ...
