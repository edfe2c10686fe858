"""Everything about one person: the records of the patient's compartment, and the people and places they name.

https://hl7.org/fhir/R4/patient-operation-everything.html
"""

from __future__ import annotations

from dataclasses import dataclass

from tianfu.access.decision import Grant
from tianfu.access.narrowing import refuse_out_of_scope
from tianfu.access.scopes import Act
from tianfu.db import Database, Query
from tianfu.db.prepared import Row
from tianfu.kernel.ids import record_number
from tianfu.kernel.instants import Clock
from tianfu.kernel.refusal import Refusal
from tianfu.records.outcomes import Record
from tianfu.records.reading import Reader
from tianfu.records.search import CursorSealer, Position, sight
from tianfu.records.search.compartment import (
    HEAD,
    SUPPORTING,
    EverythingPlan,
    compile_compartment,
    compile_supporting,
    parse_everything,
)
from tianfu.records.timeline import type_name
from tianfu.records.tracing import Tracer
from tianfu.records.visibility import visibility_values, wall


@dataclass(frozen=True, slots=True, kw_only=True)
class EverythingRequest:
    """A question about a patient; `strict` refuses parameters that are unknown, else they are left out."""

    patient: str
    parameters: tuple[tuple[str, str], ...]
    strict: bool = True

    @property
    def type(self) -> str:
        """What `patient` is the id of."""
        return "Patient"

    @property
    def scope(self) -> str:
        """What a cursor of this question is good for."""
        return f"Patient/{self.patient}/$everything"


@dataclass(frozen=True, slots=True, kw_only=True)
class EverythingPage:
    """A page: records of the person, then those that they name; `next_cursor` is None on the last one.

    `asked` are the parameters that were heeded.
    """

    asked: tuple[tuple[str, str], ...]
    records: tuple[Record, ...]
    supporting: tuple[Record, ...]
    next_cursor: str | None


class Compartments:
    """Answers questions about all of a patient's records."""

    def __init__(self, database: Database, reader: Reader, tracer: Tracer, cursors: CursorSealer, clock: Clock) -> None:
        self._database = database
        self._reader = reader
        self._tracer = tracer
        self._cursors = cursors
        self._clock = clock

    async def page(
        self, grant: Grant, wanted: EverythingRequest, request: str, deadline_seconds: float
    ) -> EverythingPage:
        """A page, traced; raises Refusal `not-found` if the patient is not there or may not be seen.

        Raises Refusal `scope-insufficient` if no Patient is in a token's scope to be found.
        """
        refuse_out_of_scope(grant.narrowing, Act.SEARCH, "Patient")
        caller = grant.caller.id
        question = self._cursors.question(wanted.scope, wanted.parameters, caller=caller)
        plan = parse_everything(wanted.patient, question.parameters, strict=wanted.strict, after=question.after)
        patient = record_number("Patient", wanted.patient)
        rows = await self._rows(grant, plan, deadline_seconds)
        if rows is None:
            await self._tracer.everything(grant, patient, wanted.parameters, [], request, outcome="not-found")
            refusal = Refusal("not-found", next_step="check-the-address")
            refusal.is_traced = True
            raise refusal
        shown = rows[: plan.count]
        await self._tracer.everything(grant, patient, wanted.parameters, shown, request)
        next_cursor = None
        if len(rows) > len(shown):
            next_cursor = self._cursors.seal_place(wanted.scope, plan.asked, _place_of(shown[-1]), caller=caller)
        return EverythingPage(
            asked=plan.asked,
            records=tuple(self._record(row) for row in shown if row[7] != SUPPORTING),
            supporting=tuple(self._record(row) for row in shown if row[7] == SUPPORTING),
            next_cursor=next_cursor,
        )

    async def _rows(self, grant: Grant, plan: EverythingPlan, deadline_seconds: float) -> list[Row] | None:
        """One record more than a page has; None if the patient is not there or may not be seen."""
        reader = self._database.connection("reader", deadline_seconds=deadline_seconds, before=wall(grant))
        given = visibility_values(grant, self._clock(), doing=Act.SEARCH)
        async with reader as connection:
            text, values = compile_compartment(plan, sees=sight(grant))
            found = await connection.all(Query.composed("compartment", text), **values, **given)
            if not any(row[7] == HEAD for row in found):
                return None
            rows = [row for row in found if row[7] != HEAD]
            if len(rows) <= plan.count:
                text, values = compile_supporting(plan, limit=plan.count + 1 - len(rows), sees=sight(grant))
                rows += await connection.all(Query.composed("supporting", text), **values, **given)
        return rows

    def _record(self, row: Row) -> Record:
        return self._reader.record(type_name(row[1]), row[0], row[3], row[4], row[2], row[5])


def _place_of(row: Row) -> Position:
    return Position(values=(row[7], row[1]), record=row[0])
