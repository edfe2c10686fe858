"""The audit events of the store's calls: what was shown to whom, and what was written by whom."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tianfu.access.decision import Grant
from tianfu.db.prepared import Row
from tianfu.kernel.ids import record_number
from tianfu.kernel.instants import Clock, Instant
from tianfu.kernel.refusal import Refusal
from tianfu.records.audit import Auditor
from tianfu.records.audit_event import AuditEvent, event
from tianfu.records.told import told_query
from tianfu.records.transaction import Planned
from tianfu.records.write import Change, Outcome
from tianfu.standards.fhir.definitions import definitions


@dataclass(frozen=True, slots=True)
class Job:
    """One write that waits for its group."""

    change: Change
    grant: Grant
    interaction: str
    request: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Tracer:
    """Leaves a durable trace of what is about to be shown; `key` hashes numbers that were asked for."""

    auditor: Auditor
    clock: Clock
    key: bytes

    async def refused(self, grant: Grant, interaction: str, code: str, request: str) -> None:
        """Something that was not done, and why."""
        said = event(grant, at=self.clock(), interaction=interaction, type_number=None, outcome=code, request=request)
        await self.auditor.record([said])

    async def versions(
        self,
        grant: Grant,
        interaction: str,
        resource_type: str | None,
        rows: Sequence[tuple[int, int | None]],
        request: str,
    ) -> None:
        """Versions of records, each with its patient."""
        shown = event(
            grant,
            at=self.clock(),
            interaction=interaction,
            type_number=definitions().type_number(resource_type) if resource_type else None,
            records=sorted({rid for rid, _ in rows}),
            patients=sorted({prid for _, prid in rows if prid is not None}),
            request=request,
        )
        await self.auditor.record([shown])

    async def found(
        self,
        grant: Grant,
        resource_type: str,
        parameters: Sequence[tuple[str, str]],
        rows: Sequence[Row],
        request: str,
    ) -> None:
        """The rows of a search, as `compile_search` yields them, and what was asked."""
        shown = event(
            grant,
            at=self.clock(),
            interaction="search",
            type_number=definitions().type_number(resource_type),
            records=[row[0] for row in rows],
            patients=sorted({row[6] for row in rows if row[6] is not None}),
            query=told_query(self.key, parameters),
            request=request,
        )
        await self.auditor.record([shown])

    async def everything(
        self,
        grant: Grant,
        patient: int,
        parameters: Sequence[tuple[str, str]],
        rows: Sequence[Row],
        request: str,
        *,
        outcome: str = "success",
    ) -> None:
        """Rows about one patient as `compile_compartment` yields them, or that there is no such patient."""
        shown = event(
            grant,
            at=self.clock(),
            interaction="everything",
            type_number=definitions().type_number("Patient"),
            outcome=outcome,
            records=[row[0] for row in rows],
            patients=sorted({patient, *(row[6] for row in rows if row[6] is not None)}),
            query="&".join(f"{name}={value}" for name, value in parameters),
            request=request,
        )
        await self.auditor.record([shown])

    async def exported(self, grant: Grant, rows: Sequence[Row], *, outcome: str, query: str, request: str) -> None:
        """Rows of an export as `export_chunk` yields them, or that it begins or ends."""
        types = {row[1] for row in rows}
        shown = event(
            grant,
            at=self.clock(),
            interaction="export",
            type_number=types.pop() if len(types) == 1 else None,
            outcome=outcome,
            records=[row[0] for row in rows],
            patients=sorted({row[5] for row in rows if row[5] is not None}),
            query=query,
            request=request,
        )
        await self.auditor.record([shown])

    async def people(
        self, grant: Grant, interaction: str, patients: Sequence[str], records: Sequence[int], request: str
    ) -> None:
        """Something of the whole life of patients."""
        shown = event(
            grant,
            at=self.clock(),
            interaction=interaction,
            type_number=None,
            records=records,
            patients=[record_number("Patient", each) for each in patients],
            request=request,
        )
        await self.auditor.record([shown])


def event_of(job: Job, outcome: Outcome, now: Instant) -> AuditEvent:
    """The event of a write, or of its refusal."""
    write = job.change.write
    return event(
        job.grant,
        at=now,
        interaction=job.interaction,
        type_number=write.type_number,
        outcome=outcome.code if isinstance(outcome, Refusal) else "success",
        records=(write.record,),
        patients=_patients(job.change),
        request=job.request,
    )


def event_of_match(grant: Grant, resource_type: str, logical_id: str, request: str, now: Instant) -> AuditEvent:
    """The event of a conditional create that found its record there."""
    return event(
        grant,
        at=now,
        interaction="create",
        type_number=definitions().type_number(resource_type),
        outcome="matched",
        records=(record_number(resource_type, logical_id),),
        request=request,
    )


def events_of_bundle(
    grant: Grant, changes: Sequence[Change], planned: Sequence[Planned], request: str, now: Instant
) -> list[AuditEvent]:
    """The events of a transaction: one of all that it writes, one of all that it matches."""
    written = event(
        grant,
        at=now,
        interaction="transaction",
        type_number=None,
        records=[change.write.record for change in changes],
        patients=sorted({patient for change in changes for patient in _patients(change)}),
        request=request,
    )
    matched = {record_number(each.request.type, each.id) for each in planned if each.answer is not None and each.id}
    if not matched:
        return [written]
    found = event(
        grant,
        at=now,
        interaction="transaction",
        type_number=None,
        outcome="matched",
        records=sorted(matched),
        request=request,
    )
    return [written, found]


def _patients(change: Change) -> tuple[int, ...]:
    values = change.write.values
    return () if values is None or values.prid is None else (values.prid, *values.also_about)
