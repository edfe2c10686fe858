"""What this app asks of the record store: a narrow view of `tianfu.records`, so that tests can stand in for it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from tianfu.access.caller import Caller
from tianfu.access.purpose import Purpose
from tianfu.kernel.instants import Instant
from tianfu.records.outcomes import Answer, HistoryPage, Record
from tianfu.records.store import SearchRequest
from tianfu.records.tied import Behind, TiedPage
from tianfu.records.timeline import CensusRow, Measured, Slice, TimelinePage

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


class LifeStore(Protocol):
    """The calls of `tianfu.records.Store` that the life-long record needs: each one statement, one audit event."""

    async def read_many(self, caller: Caller, purpose: Purpose, references: Sequence[Reference]) -> Sequence[Answer]:
        """Several records at once, answered in the order asked."""
        ...

    async def vread(
        self, caller: Caller, purpose: Purpose, resource_type: str, logical_id: str, version: int
    ) -> Answer:
        """One version of a record."""
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

    async def search(self, caller: Caller, purpose: Purpose, wanted: SearchRequest) -> FoundPage:
        """A page of the records that match."""
        ...

    async def my_patients(
        self, caller: Caller, purpose: Purpose, *, after: Behind | None = None, limit: int
    ) -> TiedPage:
        """Whom a visit, team, contract or referral opens now to the caller by name or to his unit, newest first."""
        ...

    async def timeline(
        self,
        caller: Caller,
        purpose: Purpose,
        patients: Sequence[str],
        *,
        slices: Sequence[Slice] | None = None,
        codes: Sequence[str] | None = None,
        after: Instant | None = None,
        before: Instant | None = None,
        limit: int,
    ) -> TimelinePage:
        """Records of these patients from `after` to before `before`, newest first, undated ones last."""
        ...

    async def census(
        self, caller: Caller, purpose: Purpose, patients: Sequence[str], *, edges: Sequence[Instant]
    ) -> Sequence[CensusRow]:
        """How many records of which type and category lie between the edges."""
        ...

    async def measured(self, caller: Caller, purpose: Purpose, patients: Sequence[str]) -> Sequence[Measured]:
        """Every Observation code with numbers that these patients have, with the newest record of each."""
        ...
