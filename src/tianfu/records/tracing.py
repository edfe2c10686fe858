"""The audit events of the store's calls: what was shown to whom, and what was written by whom."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from functools import wraps
from typing import Any, TypeVar, cast
from urllib.parse import parse_qsl

from tianfu.access.caller import Caller
from tianfu.access.decision import Grant, nothing
from tianfu.access.purpose import Purpose
from tianfu.db.prepared import Row
from tianfu.kernel.ids import FHIR_ID, record_number
from tianfu.kernel.instants import Clock, Instant
from tianfu.kernel.refusal import Refusal
from tianfu.records.audit import Auditor
from tianfu.records.audit_event import TRAIL, AuditEvent, event
from tianfu.records.told import told_query
from tianfu.records.trail.reading import TrailQuestion, asked_of_trail
from tianfu.records.transaction import Planned
from tianfu.records.write import Change, Outcome
from tianfu.standards.fhir.definitions import definitions
from tianfu.standards.fhir.parsing import ParsedResource


@dataclass(frozen=True, slots=True)
class Job:
    """One write that waits for its group."""

    change: Change
    grant: Grant
    interaction: str
    request: str


About = tuple[str, str, Sequence[tuple[str, str]]]
"""A resource type, an id and parameters; empty where a question has none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tracer:
    """Leaves a durable trace of what is about to be shown; `key` hashes numbers that were asked for."""

    auditor: Auditor
    clock: Clock
    key: bytes

    async def refused(self, grant: Grant, interaction: str, refusal: Refusal, request: str) -> None:
        """Something that was not done, and why."""
        said = event(
            grant, at=self.clock(), interaction=interaction, type_number=None, outcome=refusal.code, request=request
        )
        await self.auditor.record([said])
        refusal.is_traced = True

    async def versions(
        self,
        grant: Grant,
        interaction: str,
        resource_type: str | None,
        rows: Sequence[tuple[int, int | None]],
        request: str,
        *,
        outcome: str = "success",
    ) -> None:
        """Versions of records, each with its patient; or that what was asked for is not there to be seen."""
        shown = event(
            grant,
            at=self.clock(),
            interaction=interaction,
            type_number=definitions().type_number(resource_type) if resource_type else None,
            outcome=outcome,
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
            query=told_query(self.key, parameters),
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

    async def trail(
        self,
        grant: Grant,
        interaction: str,
        patients: Sequence[str],
        asked: TrailQuestion | str | None,
        request: str,
        *,
        outcome: str = "success",
    ) -> None:
        """Something of the trail itself, and what was asked of it."""
        shown = event(
            grant,
            at=self.clock(),
            interaction=interaction,
            type_number=definitions().type_number(TRAIL),
            outcome=outcome,
            patients=[record_number("Patient", each) for each in patients],
            query=asked_of_trail(asked) if isinstance(asked, TrailQuestion) else asked,
            request=request,
        )
        await self.auditor.record([shown])

    async def refused_call(
        self,
        caller: Caller,
        purpose: Purpose,
        interaction: str,
        about: About,
        request: str,
        refusal: Refusal,
    ) -> None:
        """What was refused, once, unless the same may succeed when it is sent again."""
        if refusal.is_traced or refusal.retryable or refusal.is_uncertain:
            return
        kind, logical_id, parameters = about
        is_type = kind in definitions().type_numbers
        records = (record_number(kind, logical_id),) if is_type and logical_id else ()
        traced = event(
            nothing(caller, purpose),
            at=self.clock(),
            interaction=interaction,
            type_number=definitions().type_number(kind) if is_type else None,
            outcome=refusal.code,
            records=records,
            patients=records if kind == "Patient" else (),
            query=told_query(self.key, parameters) if parameters else None,
            request=request,
        )
        await self.auditor.record([traced])
        refusal.is_traced = True

    async def refused_entry(self, caller: Caller, purpose: Purpose, url: str, request: str, refusal: Refusal) -> None:
        """What was refused of a batch; its entries' other refusals are told by the calls that they make."""
        address, _, query = url.partition("?")
        kind, _, rest = address.strip("/").partition("/")
        logical_id = rest.partition("/")[0]
        asked = parse_qsl(query, keep_blank_values=True, max_num_fields=None)
        about = kind, logical_id if FHIR_ID.match(logical_id) else "", asked
        await self.refused_call(caller, purpose, "batch", about, request, refusal)


F = TypeVar("F", bound=Callable[..., Coroutine[Any, Any, Any]])


def refusals_traced(method: F) -> F:
    """Have the trace tell each refusal of a call of the store, under the call's name.

    Not told are refusals that the trace has already, and those that are no answer to the question: too busy, no
    database, whatever may succeed when it is sent again unchanged.
    """

    @wraps(method)
    async def call(store: Any, caller: Caller, purpose: Purpose, *about: Any, **more: Any) -> Any:
        try:
            return await method(store, caller, purpose, *about, **more)
        except Refusal as refusal:
            named = _named(about)
            await store._tracer.refused_call(caller, purpose, method.__name__, named, more.get("request", ""), refusal)
            raise

    return cast("F", call)


def _named(about: Sequence[object]) -> About:
    """The resource type, the id and the parameters that the arguments of a call name; empty where they name none."""
    first = about[0] if about else None
    match first:
        case str():
            second = about[1] if len(about) > 1 else None
            return first, second if isinstance(second, str) and FHIR_ID.match(second) else "", ()
        case ParsedResource():
            kind = first.value.get("resourceType")
            second = about[1] if len(about) > 1 else None
            named = isinstance(second, str) and FHIR_ID.match(second)
            return kind if isinstance(kind, str) else "", second if isinstance(second, str) and named else "", ()
        case _:
            kind, parameters = getattr(first, "type", ""), getattr(first, "parameters", ())
            patient = getattr(first, "patient", "")
            whose = patient if isinstance(patient, str) and FHIR_ID.match(patient) else ""
            return kind if isinstance(kind, str) else "", whose, parameters


def event_of(job: Job, outcome: Outcome, now: Instant) -> AuditEvent:
    """The event of a write, or of its refusal."""
    write = job.change.write
    if isinstance(outcome, Refusal):
        outcome.is_traced = True
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


def event_of_no_match(
    grant: Grant, interaction: str, resource_type: str, asked: str, request: str, now: Instant
) -> AuditEvent:
    """The event of a conditional write that found nothing to be done; `asked` is its condition as the trace tells it.

    Whoever asks so learns that nothing is there, as by a search.
    """
    return event(
        grant,
        at=now,
        interaction=interaction,
        type_number=definitions().type_number(resource_type),
        query=asked,
        request=request,
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
