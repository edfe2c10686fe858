"""What this app asks of the record store: a narrow view of `tianfu.records`, so that tests can stand in for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from tianfu.access.caller import Caller
from tianfu.access.purpose import Purpose
from tianfu.kernel.instants import Instant
from tianfu.records.outcomes import Answer, HistoryPage, Page, Record

Reference = tuple[str, str]
"""A resource type and a logical id."""


UNDATED = -1
"""The stretch of records that say nothing of when."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """Records of one type; `category` is `system|code` of the first one, empty for none, None for any."""

    type: str
    category: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TimelineRecord:
    """A record and the Patient in whose compartment it lies."""

    patient: str
    record: Record


@dataclass(frozen=True, slots=True, kw_only=True)
class TimelinePage:
    """The newest records of a question; `is_cut_off` says that there are more."""

    records: tuple[TimelineRecord, ...]
    is_cut_off: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CensusRow:
    """How many records of one patient, type and category lie in a stretch between two edges."""

    patient: str
    type: str
    category: str
    stretch: int
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One code that a person's Observations carry, how often, and the newest of them."""

    code: str
    count: int
    newest: TimelineRecord


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

    async def find(
        self,
        caller: Caller,
        purpose: Purpose,
        resource_type: str,
        parameters: Sequence[tuple[str, str]],
    ) -> Page:
        """Search by FHIR parameters, strictly."""
        ...

    async def timeline(
        self,
        caller: Caller,
        purpose: Purpose,
        patients: Sequence[str],
        *,
        slices: Sequence[Slice] | None = None,
        codes: Sequence[str] | None = None,
        since: Instant | None = None,
        before: Instant | None = None,
        limit: int,
    ) -> TimelinePage:
        """Records of these patients, newest first, undated ones last; a slice's category None means any."""
        ...

    async def census(
        self, caller: Caller, purpose: Purpose, patients: Sequence[str], *, edges: Sequence[Instant]
    ) -> Sequence[CensusRow]:
        """How many records of which type and category lie between the edges."""
        ...

    async def measured(self, caller: Caller, purpose: Purpose, patients: Sequence[str]) -> Sequence[Measured]:
        """Every Observation code that these patients have, with the newest record of each."""
        ...
