"""Search records: a page of those that match and of what they bring along, and the Patients of one identifier."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace

from tianfu.access.decision import Grant
from tianfu.access.scopes import Act
from tianfu.db import Database, Query
from tianfu.kernel.instants import Clock
from tianfu.kernel.refusal import Refusal
from tianfu.records.outcomes import Page
from tianfu.records.reading import Reader
from tianfu.records.search import (
    INCLUDED_MAX,
    CursorSealer,
    compile_count,
    compile_included,
    compile_search,
    parse_search,
    sight,
)
from tianfu.records.search.escapes import escaped
from tianfu.records.timeline import type_name
from tianfu.records.tracing import Tracer
from tianfu.records.visibility import visibility_values, wall

LOCATED_MAX = 50
"""So many Patients may share an identifier; more are a mistake that nobody should act on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchRequest:
    """A search of one type; `strict` refuses parameters that are unknown, else they are left out and named."""

    type: str
    parameters: tuple[tuple[str, str], ...]
    strict: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Searcher:
    """Answers searches, traced; `searchable` tells the parameters by which a type can be searched now."""

    database: Database
    reader: Reader
    tracer: Tracer
    cursors: CursorSealer
    clock: Clock
    identifier_key: bytes
    searchable: Callable[[str], Collection[str]]

    async def page(self, grant: Grant, wanted: SearchRequest, request: str, deadline_seconds: float) -> Page:
        """A page of the records that match."""
        caller = grant.caller.id
        question = self.cursors.question(wanted.type, wanted.parameters, caller=caller)
        searched = parse_search(
            wanted.type,
            question.parameters,
            strict=wanted.strict,
            searchable=self.searchable,
            now=self.clock(),
            after=question.after,
        )
        reader = self.database.connection("reader", deadline_seconds=deadline_seconds, before=wall(grant))
        async with reader as connection:
            rows, given = [], visibility_values(grant, self.clock(), doing=Act.SEARCH)
            if not searched.counts_only:
                sql, values = compile_search(searched, grant=grant, identifier_key=self.identifier_key)
                rows = await connection.all(Query.composed("search", sql), **values, **given)
            total = None
            if searched.counts_only or searched.total == "accurate":
                sql, values = compile_count(searched, grant=grant, identifier_key=self.identifier_key)
                counted = await connection.one(Query.composed("count", sql), **values, **given)
                total = counted[0] if counted else 0
            shown, brought = rows[: searched.count], []
            if shown and searched.inclusions:
                sql, values = compile_included(searched, [row[0] for row in shown], sees=sight(grant))
                brought = await connection.all(Query.composed("included", sql), **values, **given)
        included = brought[:INCLUDED_MAX]
        await self.tracer.found(grant, wanted.type, wanted.parameters, [*shown, *included], request)
        return Page(
            plan=searched,
            records=tuple(self.reader.record(wanted.type, r[0], r[3], r[4], r[2], r[5]) for r in shown),
            included=tuple(self.reader.record(type_name(r[1]), r[0], r[3], r[4], r[2], r[5]) for r in included),
            is_cut_off=len(brought) > len(included),
            next_cursor=self.cursors.seal(searched, shown[-1], caller=caller) if len(rows) > len(shown) else None,
            total=total,
        )

    async def locate(self, grant: Grant, system: str, number: str, request: str) -> list[str]:
        """The ids of the Patients that carry exactly this identifier, seen or not; raises Refusal `too-many-found`."""
        named = f"{escaped(system)}|{escaped(number)}"
        parameters = (("identifier", named), ("_count", str(LOCATED_MAX)))
        searched = parse_search(
            "Patient", parameters, strict=True, searchable=self.searchable, now=self.clock(), after=None
        )
        whole = replace(grant, sees_everything=True)
        sql, values = compile_search(searched, grant=whole, identifier_key=self.identifier_key)
        async with self.database.connection("reader", before=wall(whole)) as connection:
            given = visibility_values(whole, self.clock(), doing=Act.SEARCH)
            rows = await connection.all(Query.composed("locate", sql), **values, **given)
        if len(rows) > LOCATED_MAX:
            raise Refusal("too-many-found", next_step="narrow-search")
        await self.tracer.found(grant, "Patient", parameters, rows, request)
        return [self.reader.record("Patient", r[0], r[3], r[4], r[2], r[5]).id for r in rows]
