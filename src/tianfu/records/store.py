"""The record store: the one way to a record.  Caller and purpose come first in every call.

What each interaction promises: https://hl7.org/fhir/R4/http.html .
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

import structlog

from tianfu.access.caller import Caller
from tianfu.access.decision import NOT_PERMITTED, Grant, nothing
from tianfu.access.purpose import Purpose
from tianfu.access.relation import Kind
from tianfu.db import Database, Query, Transaction, UniqueViolation, queries
from tianfu.db.errors import SerializationFailure
from tianfu.db.prepared import Row
from tianfu.db.wire import int8_array
from tianfu.kernel.ids import FHIR_ID, new_uuid7, record_number
from tianfu.kernel.instants import Clock, Instant
from tianfu.kernel.refusal import Refusal, place_of, unexpected
from tianfu.records.audit import Auditor
from tianfu.records.audit_event import TRAIL
from tianfu.records.everything import Compartments, EverythingPage, EverythingRequest
from tianfu.records.export import Export, Exporter, refuse_unknown_types
from tianfu.records.grouping import Grouped
from tianfu.records.history import Histories
from tianfu.records.index.extract import GENERATION
from tianfu.records.matching import NO_MATCHES, Condition, Matcher, query_parameters
from tianfu.records.opening import open_parts
from tianfu.records.outcomes import Answer, Found, HistoryPage, NotFound, Page, Unchanged, Written
from tianfu.records.permission import Permissions
from tianfu.records.prepare import Preparer, deletion
from tianfu.records.reading import Reader, Wish
from tianfu.records.search import (
    INCLUDED_MAX,
    CursorSealer,
    compile_count,
    compile_included,
    compile_search,
    executed_parameters,
    parse_search,
    sight,
)
from tianfu.records.search.escapes import escaped
from tianfu.records.timeline import CensusRow, Measured, Slice, TimelinePage, Timelines, type_name
from tianfu.records.tracing import Job, Tracer, event_of, event_of_match, events_of_bundle, refusals_traced
from tianfu.records.trail.reading import LedgerPage, TrailEvent, TrailPage, TrailQuestion, TrailReader
from tianfu.records.transaction import (
    Planned,
    Request,
    conditions_of,
    identities_of,
    plan,
    read_requests,
    refuse_too_many,
)
from tianfu.records.visibility import visibility_values, wall
from tianfu.records.write import (
    NO_VERSION,
    Change,
    Outcome,
    Trace,
    apply,
    learn_tokens,
    leave_trace,
)
from tianfu.standards.fhir.definitions import definitions
from tianfu.standards.fhir.parsing import ParsedBundle, ParsedResource
from tianfu.vault.provider import Keys

WRITING_AT_ONCE = 2
TRIES_MAX = 4
LOCATED_MAX = 50
"""So many Patients may share an identifier; more are a mistake that nobody should act on."""

ANSWER_BYTES_MAX = 32 << 20
"""When the answers to a bundle's entries hold this much, those that follow are refused."""

_log = structlog.get_logger("tianfu.records")

_STATE = queries("tianfu.records.sql", "state.sql")
_WRITE = queries("tianfu.records.sql", "write.sql")


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchRequest:
    """A search of one type; `strict` refuses parameters that are unknown, else they are left out and named."""

    type: str
    parameters: tuple[tuple[str, str], ...]
    strict: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class BundleAnswer:
    """What became of one entry of a transaction or batch."""

    request: Request
    outcome: Written | Unchanged | Answer | Page | Refusal


class Store:
    """Reads, writes, searches; decides, traces and tells the feed on the way."""

    def __init__(
        self,
        *,
        database: Database,
        auditor: Auditor,
        clock: Clock,
        preparer: Preparer,
        known_tokens: set[int],
        index_generations: Mapping[int, int],
    ) -> None:
        self._database = database
        self._auditor = auditor
        self._clock = clock
        self._preparer = preparer
        self._known_tokens = known_tokens
        self._generations = index_generations
        self._reader = Reader(database, auditor, preparer, clock)
        self._timelines = Timelines(database, self._reader, clock)
        self._permissions = Permissions(database, clock)
        self._trail = TrailReader(database, preparer.index_keys.cursors, clock)
        self._histories = Histories(database, self._reader, preparer.index_keys.cursors, clock)
        self._cursors = CursorSealer(preparer.index_keys.cursors)
        self._tracer = Tracer(auditor=auditor, clock=clock, key=preparer.identifier_key)
        self._exporter = Exporter(database, self._reader, self._tracer, clock)
        self._compartments = Compartments(database, self._reader, self._tracer, self._cursors, clock)
        self._matcher = Matcher(identifier_key=preparer.identifier_key, clock=clock, searchable=self.searchable)
        self._writes: Grouped[Job, Written | Unchanged] = Grouped(
            self._write_group, parallel=WRITING_AT_ONCE, patient=True, key=lambda job: job.change.write.record
        )

    @staticmethod
    async def open(
        database: Database,
        *,
        auditor: Auditor,
        clock: Clock,
        keys: Keys,
    ) -> Store:
        """Open the store of a migrated database; raises Refusal `key-differs` for another master key."""
        preparer, known = await open_parts(database, keys)
        async with database.connection("reader") as reader:
            generations = {row[0]: row[1] for row in await reader.all(_STATE.index_generations)}
        return Store(
            database=database,
            auditor=auditor,
            clock=clock,
            preparer=preparer,
            known_tokens=known,
            index_generations=generations,
        )

    # Reading

    @refusals_traced
    async def read(
        self, caller: Caller, purpose: Purpose, resource_type: str, logical_id: str, *, request: str = ""
    ) -> Answer:
        """The current version of a record."""
        _refuse_unknown_type(resource_type)
        return await self._reader.read(
            Wish(await self._grant(caller, purpose, "read", request), resource_type, logical_id, request)
        )

    @refusals_traced
    async def read_many(
        self, caller: Caller, purpose: Purpose, references: Sequence[tuple[str, str]], *, request: str = ""
    ) -> list[Answer]:
        """The current versions of several records, in the order asked."""
        grant = await self._grant(caller, purpose, "read", request)
        return await self._reader.read_together([Wish(grant, *each, request) for each in references])

    @refusals_traced
    async def vread(
        self, caller: Caller, purpose: Purpose, resource_type: str, logical_id: str, version: int, *, request: str = ""
    ) -> Answer:
        """One version of a record, however old."""
        _refuse_unknown_type(resource_type)
        grant = await self._grant(caller, purpose, "vread", request)
        row, answer = await self._histories.version(grant, resource_type, logical_id, version)
        await self._tracer.versions(grant, "vread", resource_type, [row] if row else [], request)
        return answer

    @refusals_traced
    async def history(
        self,
        caller: Caller,
        purpose: Purpose,
        resource_type: str | None,
        logical_id: str | None,
        *,
        limit: int,
        since: Instant | None = None,
        cursor: str | None = None,
        request: str = "",
    ) -> HistoryPage:
        """Versions newest first: of one record, of one type, or of all."""
        grant = await self._grant(caller, purpose, "history", request)
        rows, page = await self._histories.page(
            grant, resource_type, logical_id, limit=limit, since=since, cursor=cursor
        )
        await self._tracer.versions(grant, "history", resource_type, rows, request)
        return page

    @refusals_traced
    async def search(
        self,
        caller: Caller,
        purpose: Purpose,
        wanted: SearchRequest,
        *,
        request: str = "",
        deadline_seconds: float = 10.0,
    ) -> Page:
        """A page of the records that match."""
        _refuse_unknown_type(wanted.type)
        grant = await self._grant(caller, purpose, "search", request)
        question = self._cursors.question(wanted.type, wanted.parameters, caller=caller.id)
        searched = parse_search(
            wanted.type,
            question.parameters,
            strict=wanted.strict,
            searchable=self.searchable,
            now=self._clock(),
            after=question.after,
        )
        reader = self._database.connection("reader", deadline_seconds=deadline_seconds, before=wall(grant))
        async with reader as connection:
            rows, given = [], visibility_values(grant, self._clock())
            if not searched.counts_only:
                sql, values = compile_search(searched, grant=grant, identifier_key=self._preparer.identifier_key)
                rows = await connection.all(Query.composed("search", sql), **values, **given)
            total = None
            if searched.counts_only or searched.total == "accurate":
                sql, values = compile_count(searched, grant=grant, identifier_key=self._preparer.identifier_key)
                counted = await connection.one(Query.composed("count", sql), **values, **given)
                total = counted[0] if counted else 0
            shown, brought = rows[: searched.count], []
            if shown and searched.inclusions:
                sql, values = compile_included(searched, [row[0] for row in shown], sees=sight(grant))
                brought = await connection.all(Query.composed("included", sql), **values, **given)
        included = brought[:INCLUDED_MAX]
        await self._tracer.found(grant, wanted.type, wanted.parameters, [*shown, *included], request)
        return Page(
            plan=searched,
            records=tuple(self._reader.record(wanted.type, r[0], r[3], r[4], r[2], r[5]) for r in shown),
            included=tuple(self._reader.record(type_name(r[1]), r[0], r[3], r[4], r[2], r[5]) for r in included),
            is_cut_off=len(brought) > len(included),
            next_cursor=self._cursors.seal(searched, shown[-1], caller=caller.id) if len(rows) > len(shown) else None,
            total=total,
        )

    @refusals_traced
    async def locate(
        self, caller: Caller, purpose: Purpose, system: str, number: str, *, request: str = ""
    ) -> list[str]:
        """The ids of the Patients that carry exactly this identifier, seen or not.

        For whom to open in an emergency, and for the officer, to whom somebody names himself and asks who looked.
        Nothing of them is shown, and the trace names them all.  Raises Refusal `role-cannot-do-this` for a caller who
        could neither open them nor read the trail of others, and too-many-found.
        """
        grant = await self._grant(caller, purpose, "locate", request)
        if not (grant.sees_everything or grant.reads_trail or grant.kinds & Kind.EMERGENCY.bit):
            raise Refusal(NOT_PERMITTED, next_step="ask-your-office", details={"purpose": purpose.value})
        named = f"{escaped(system)}|{escaped(number)}"
        parameters = (("identifier", named), ("_count", str(LOCATED_MAX)))
        searched = parse_search(
            "Patient", parameters, strict=True, searchable=self.searchable, now=self._clock(), after=None
        )
        whole = replace(grant, sees_everything=True)
        sql, values = compile_search(searched, grant=whole, identifier_key=self._preparer.identifier_key)
        async with self._database.connection("reader", before=wall(whole)) as connection:
            rows = await connection.all(Query.composed("locate", sql), **values)
        if len(rows) > LOCATED_MAX:
            raise Refusal("too-many-found", next_step="narrow-search")
        await self._tracer.found(grant, "Patient", parameters, rows, request)
        return [self._reader.record("Patient", r[0], r[3], r[4], r[2], r[5]).id for r in rows]

    async def everything(
        self,
        caller: Caller,
        purpose: Purpose,
        wanted: EverythingRequest,
        *,
        request: str = "",
        deadline_seconds: float = 10.0,
    ) -> EverythingPage:
        """A page of all records about a patient; raises Refusal `not-found` if he is not there or not to be seen."""
        grant = await self._grant(caller, purpose, "everything", request)
        return await self._compartments.page(grant, wanted, request, deadline_seconds)

    async def export(
        self,
        caller: Caller,
        purpose: Purpose,
        *,
        types: Sequence[str] | None = None,
        since: Instant | None = None,
        request: str = "",
    ) -> Export:
        """All current records (of some types, changed since an instant), in chunks that are read as they are taken."""
        refuse_unknown_types(types or ())
        await self._grant(caller, purpose, "export", request)
        as_of = await self._histories.settled()
        chunks = self._exporter.chunks(lambda: self._grant(caller, purpose, "export", request), types, since, request)
        return Export(as_of=as_of, chunks=chunks)

    async def has_source(self, caller: Caller, purpose: Purpose, prefix: str) -> bool:
        """Whether records came from a system whose address begins so."""
        await self._grant(caller, purpose, "search", "")
        async with self._database.connection("reader") as connection:
            return await connection.one(_STATE.source_beginning_with, prefix=prefix) is not None

    def searchable(self, resource_type: str) -> frozenset[str]:
        """The codes of the parameters by which all records of a type can be found now."""
        done = self._generations.get(definitions().type_number(resource_type), GENERATION)
        return frozenset(p.code for p in executed_parameters(resource_type)) if done >= GENERATION else frozenset()

    @refusals_traced
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
        request: str = "",
    ) -> TimelinePage:
        """The newest records of the union of some patients."""
        grant = await self._grant(caller, purpose, "timeline", request)
        page = await self._timelines.page(
            grant, patients, slices=slices, codes=codes, after=after, before=before, limit=limit
        )
        seen = [record_number(each.record.type, each.record.id) for each in page.entries]
        await self._tracer.people(grant, "timeline", patients, seen, request)
        return page

    @refusals_traced
    async def census(
        self, caller: Caller, purpose: Purpose, patients: Sequence[str], *, edges: Sequence[Instant], request: str = ""
    ) -> list[CensusRow]:
        """How many records of which kind the patients have in which stretch of time."""
        grant = await self._grant(caller, purpose, "census", request)
        rows = await self._timelines.census(grant, patients, edges=edges)
        await self._tracer.people(grant, "census", patients, [], request)
        return rows

    @refusals_traced
    async def measured(
        self, caller: Caller, purpose: Purpose, patients: Sequence[str], *, request: str = ""
    ) -> list[Measured]:
        """Every kind of result with numbers that the patients have."""
        grant = await self._grant(caller, purpose, "measured", request)
        found = await self._timelines.measured(grant, patients)
        seen = [record_number("Observation", each.newest.record.id) for each in found]
        await self._tracer.people(grant, "measured", patients, seen, request)
        return found

    # The trail

    @refusals_traced
    async def audit_events(
        self,
        caller: Caller,
        purpose: Purpose,
        wanted: TrailQuestion,
        *,
        limit: int,
        cursor: str | None = None,
        request: str = "",
    ) -> TrailPage:
        """A page of the trail, newest first: to the officer all of it, to a person what concerns his own records."""
        grant = await self._grant(caller, purpose, "audit_events", request)
        page = await self._trail.page(grant, wanted, limit=limit, cursor=cursor)
        await self._tracer.trail(grant, "audit_events", wanted.patients or caller.patients, wanted, request)
        return page

    @refusals_traced
    async def audit_export(
        self, caller: Caller, purpose: Purpose, wanted: TrailQuestion, *, limit: int, request: str = ""
    ) -> AsyncIterator[TrailPage]:
        """The newest `limit` events that `audit_events` would show, page by page, to be taken away.

        That they are given stands in the trail before the first is read.
        """
        grant = await self._grant(caller, purpose, "audit_export", request)
        self._trail.refuse_unless_reader(grant)
        await self._tracer.trail(grant, "audit_export", wanted.patients or caller.patients, wanted, request)
        return self._trail.pages(grant, wanted, limit=limit)

    @refusals_traced
    async def audit_event(
        self, caller: Caller, purpose: Purpose, logical_id: str, *, request: str = ""
    ) -> TrailEvent | None:
        """One event of the trail by its name."""
        grant = await self._grant(caller, purpose, "audit_event", request)
        found = await self._trail.one(grant, logical_id)
        await self._tracer.trail(grant, "audit_event", caller.patients, logical_id, request)
        return found

    @refusals_traced
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
        request: str = "",
    ) -> LedgerPage:
        """Who did what with these patients' records, from `after` to before `before`, newest first."""
        grant = await self._grant(caller, purpose, "ledger", request)
        page = await self._trail.ledger(grant, patients, limit=limit, cursor=cursor, after=after, before=before)
        await self._tracer.trail(grant, "ledger", patients, None, request)
        return page

    # Writing

    @refusals_traced
    async def create(
        self,
        caller: Caller,
        purpose: Purpose,
        resource: ParsedResource,
        *,
        if_none_exist: str | None = None,
        request: str = "",
    ) -> Written | Unchanged:
        """Create a record under an id of our making, or, conditionally, leave the one that matches."""
        grant = await self._grant(caller, purpose, "create", request)
        if if_none_exist is None:
            write = self._preparer.write(resource, new_uuid7())
            return await self._writes.ask(Job(Change(write=write, is_new=True), grant, "create", request))
        return await self._conditionally(grant, "create", resource, if_none_exist, None, request)

    @refusals_traced
    async def update(
        self,
        caller: Caller,
        purpose: Purpose,
        resource: ParsedResource,
        logical_id: str,
        *,
        expected_version: int | None = None,
        request: str = "",
    ) -> Written | Unchanged:
        """Write a record under an id of the client's choice; what stood there goes to the history."""
        write = self._preparer.write(resource, logical_id)
        change = Change(write=write, is_new=False, expected_version=expected_version)
        return await self._writes.ask(
            Job(change, await self._grant(caller, purpose, "update", request), "update", request)
        )

    @refusals_traced
    async def update_matching(
        self,
        caller: Caller,
        purpose: Purpose,
        resource: ParsedResource,
        query: str,
        *,
        expected_version: int | None = None,
        request: str = "",
    ) -> Written | Unchanged:
        """Write the one record that matches a search, or create it if none does."""
        return await self._conditionally(
            await self._grant(caller, purpose, "update", request), "update", resource, query, expected_version, request
        )

    @refusals_traced
    async def delete(
        self,
        caller: Caller,
        purpose: Purpose,
        resource_type: str,
        logical_id: str,
        *,
        expected_version: int | None = None,
        request: str = "",
    ) -> Written | Unchanged:
        """Mark a record as deleted; its versions stay in the history."""
        _refuse_unknown_type(resource_type)
        change = Change(write=deletion(resource_type, logical_id), is_new=False, expected_version=expected_version)
        return await self._writes.ask(
            Job(change, await self._grant(caller, purpose, "delete", request), "delete", request)
        )

    @refusals_traced
    async def delete_matching(
        self,
        caller: Caller,
        purpose: Purpose,
        resource_type: str,
        query: str,
        *,
        expected_version: int | None = None,
        request: str = "",
    ) -> Written | Unchanged:
        """Delete the one record that matches a search; several are refused, none is nothing to do."""
        _refuse_unknown_type(resource_type)
        grant = await self._grant(caller, purpose, "delete", request)
        condition = Condition(resource_type, query)
        for _ in range(TRIES_MAX):
            try:
                async with (
                    self._refusals_traced(grant, "delete", request),
                    self._database.transaction("app") as transaction,
                ):
                    ids = (await self._matcher.find(transaction, grant, deciding=[condition])).ids[condition]
                    _refuse_several(ids)
                    if not ids:
                        return Unchanged(type=resource_type, id="", version=0, changed_at=self._clock())
                    write = deletion(resource_type, ids[0])
                    change = Change(write=write, is_new=False, expected_version=expected_version)
                    return await self._apply_one(transaction, change, grant, "delete", request)
            except (UniqueViolation, SerializationFailure):
                continue
        raise _busy()

    @refusals_traced
    async def transaction(
        self, caller: Caller, purpose: Purpose, bundle: ParsedBundle, *, request: str = ""
    ) -> list[BundleAnswer]:
        """Do everything a transaction bundle asks, or nothing; raises the Refusal of the first entry that fails."""
        refuse_too_many(bundle.entries)
        return await self._do(caller, purpose, read_requests(bundle.entries), request)

    async def _do(
        self, caller: Caller, purpose: Purpose, requests: Sequence[Request], request: str
    ) -> list[BundleAnswer]:
        grant = await self._grant(caller, purpose, "transaction", request)
        # Without a condition all is known before the database is asked.
        ready = None if any(conditions_of(requests)) else plan(requests, NO_MATCHES, self._preparer)
        for _ in range(TRIES_MAX):
            try:
                async with self._refusals_traced(grant, "transaction", request):
                    done = await self._transact(grant, requests, ready, request)
            except (UniqueViolation, SerializationFailure):
                continue
            answered = {each.request.index for each in done}
            asking = [each for each in requests if each.index not in answered]
            answers = [*done, *await self._ask(caller, purpose, asking, request)]
            return sorted(answers, key=lambda answer: answer.request.index)
        raise _busy()

    async def _transact(
        self, grant: Grant, requests: Sequence[Request], ready: Sequence[Planned] | None, request: str
    ) -> list[BundleAnswer]:
        async with self._database.transaction("app") as transaction:
            planned = await self._planned(transaction, grant, requests) if ready is None else ready
            to_do = [each for each in planned if each.change is not None]
            changes = [each.change for each in to_do if each.change is not None]
            outcomes = await self._apply(
                transaction,
                changes,
                [grant] * len(changes),
                lambda _, now: events_of_bundle(grant, changes, planned, request, now),
            )
            for each, outcome in zip(to_do, outcomes, strict=True):
                if isinstance(outcome, Refusal):
                    raise _placed(outcome, each)
            matched = await self._heads(transaction, [each for each in planned if each.answer is not None and each.id])
        learn_tokens(changes, self._known_tokens)
        done = {each.request.index: outcome for each, outcome in zip(to_do, outcomes, strict=True)}
        return [
            BundleAnswer(
                request=each.request,
                outcome=done.get(each.request.index) or matched.get(each.request.index) or each.answer or NotFound(),
            )
            for each in planned
        ]

    async def _planned(self, transaction: Transaction, grant: Grant, requests: Sequence[Request]) -> list[Planned]:
        deciding, asking = conditions_of(requests)
        identities = identities_of(requests, self._preparer)
        matches = await self._matcher.find(transaction, grant, deciding=deciding, asking=asking, identities=identities)
        return plan(requests, matches, self._preparer)

    async def _heads(self, transaction: Transaction, matched: Sequence[Planned]) -> dict[int, Unchanged]:
        """The versions of records that were matched and left alone, by the index of their entries."""
        names = {(each.request.type, each.id) for each in matched}
        heads = await self._standing_versions(transaction, names)
        return {each.request.index: heads[each.request.type, each.id] for each in matched}

    async def _standing_versions(
        self, transaction: Transaction, names: Collection[tuple[str, str]]
    ) -> dict[tuple[str, str], Unchanged]:
        by_type: dict[str, list[int]] = defaultdict(list)
        for kind, logical_id in names:
            by_type[kind].append(record_number(kind, logical_id))
        async with transaction.pipeline() as pipeline:
            pending = {
                kind: pipeline.add(_WRITE.current_heads, type=definitions().type_number(kind), rids=int8_array(rids))
                for kind, rids in by_type.items()
            }
        rows = {(kind, row[0]): row for kind, found in pending.items() for row in found.rows}
        return {
            (kind, logical_id): _unchanged(kind, logical_id, rows.get((kind, record_number(kind, logical_id))))
            for kind, logical_id in names
        }

    async def _ask(
        self, caller: Caller, purpose: Purpose, wanted: Sequence[Request], request: str
    ) -> list[BundleAnswer]:
        """The answers to entries that only read; they see what the bundle wrote."""
        answers: list[BundleAnswer] = []
        size_bytes = 0
        for each in wanted:
            outcome: Answer | Page | Refusal
            try:
                if size_bytes > ANSWER_BYTES_MAX:
                    raise Refusal("answer-too-large", kept="what-was-written", next_step="ask-in-parts")
                outcome = await self._asked(caller, purpose, each.url, request)
            except Refusal as refusal:
                outcome = refusal
            else:
                size_bytes += _size_bytes(outcome)
            answers.append(BundleAnswer(request=each, outcome=outcome))
        return answers

    async def _asked(self, caller: Caller, purpose: Purpose, url: str, request: str) -> Answer | Page:
        address, _, query = url.partition("?")
        match address.strip("/").split("/"):
            case [kind] if kind:
                asked = SearchRequest(type=kind, parameters=query_parameters(query))
                return await self.search(caller, purpose, asked, request=request)
            case [kind, logical_id] if FHIR_ID.match(logical_id):
                return await self.read(caller, purpose, kind, logical_id, request=request)
            case [kind, logical_id, "_history", version] if FHIR_ID.match(logical_id) and version.isdecimal():
                return await self.vread(caller, purpose, kind, logical_id, int(version[:10]), request=request)
            case _:
                raise Refusal("address-unknown", next_step="read-the-capability-statement")

    async def batch(
        self, caller: Caller, purpose: Purpose, bundle: ParsedBundle, *, request: str = ""
    ) -> list[BundleAnswer]:
        """Do each entry by itself; one that cannot be done harms no other."""
        refuse_too_many(bundle.entries)
        answers: list[BundleAnswer] = []
        size_bytes = 0
        for number, entry in enumerate(bundle.entries):
            try:
                if size_bytes > ANSWER_BYTES_MAX:
                    raise Refusal("answer-too-large", next_step="ask-in-parts")
                (answer,) = await self._do(caller, purpose, read_requests([entry], first=number), request)
            except Refusal as refusal:
                await self._tracer.refused_entry(caller, purpose, entry.url or "", request, refusal)
                answers.append(BundleAnswer(request=_unread(number, entry.url or ""), outcome=refusal))
            except Exception as error:
                # One entry that we cannot do must not take the answers of those that were done.
                _log.error("entry_failed", error=place_of(error))
                answers.append(BundleAnswer(request=_unread(number, entry.url or ""), outcome=unexpected()))
            else:
                size_bytes += _size_bytes(answer.outcome)
                answers.append(answer)
        return answers

    async def _grant(self, caller: Caller, purpose: Purpose, interaction: str, request: str) -> Grant:
        """What the caller may see and do now; if that is nothing at all, the trace says that he asked."""
        try:
            return await self._permissions.grant(caller, purpose)
        except Refusal as refusal:
            if refusal.code == NOT_PERMITTED:
                await self._tracer.refused(nothing(caller, purpose), interaction, refusal, request)
            raise

    @asynccontextmanager
    async def _refusals_traced(self, grant: Grant, interaction: str, request: str) -> AsyncIterator[None]:
        """A refusal undoes its transaction, its event included: the trace is told afterwards."""
        try:
            yield
        except Refusal as refusal:
            if not (refusal.retryable or refusal.is_traced or refusal.is_uncertain):
                await self._tracer.refused(grant, interaction, refusal, request)
            raise

    async def _write_group(self, jobs: Sequence[Job]) -> Sequence[Written | Unchanged | Exception]:
        """Write several requests in one transaction; a refused one takes no other with it."""
        changes = [job.change for job in jobs]
        grants = [job.grant for job in jobs]
        for _ in range(TRIES_MAX):
            try:
                async with self._database.transaction("app") as transaction:
                    outcomes = await self._apply(
                        transaction,
                        changes,
                        grants,
                        lambda done, now: [event_of(job, each, now) for job, each in zip(jobs, done, strict=True)],
                        commits=True,
                    )
            except (UniqueViolation, SerializationFailure):
                continue
            learn_tokens(changes, self._known_tokens)
            return outcomes
        raise _busy()

    async def _conditionally(
        self,
        grant: Grant,
        interaction: str,
        resource: ParsedResource,
        query: str,
        expected_version: int | None,
        request: str,
    ) -> Written | Unchanged:
        """Search and write under locks on what is searched for, so that two askers find each other's record."""
        condition = Condition(resource.value["resourceType"], query)
        identities = self._preparer.identities(resource)
        given = resource.value.get("id") if interaction == "update" else None
        for _ in range(TRIES_MAX):
            try:
                async with (
                    self._refusals_traced(grant, interaction, request),
                    self._database.transaction("app") as transaction,
                ):
                    matches = await self._matcher.find(transaction, grant, deciding=[condition], identities=identities)
                    ids = matches.ids[condition]
                    _refuse_several(ids)
                    if ids and interaction == "create":
                        return await self._standing(transaction, grant, condition.type, ids[0], request)
                    if ids and given not in {None, ids[0]}:
                        raise Refusal("id-differs-from-match", details={"type": condition.type})
                    if not ids and given is not None and expected_version is None:
                        expected_version = NO_VERSION  # what does not match the condition is not overwritten
                    write = self._preparer.write(resource, ids[0] if ids else given or new_uuid7(), is_valid=True)
                    is_new = not ids and given is None
                    change = Change(write=write, is_new=is_new, expected_version=expected_version)
                    return await self._apply_one(transaction, change, grant, interaction, request)
            except (UniqueViolation, SerializationFailure):
                continue
        raise _busy()

    async def _apply_one(
        self, transaction: Transaction, change: Change, grant: Grant, interaction: str, request: str
    ) -> Written | Unchanged:
        job = Job(change, grant, interaction, request)
        (outcome,) = await self._apply(transaction, [change], [grant], lambda done, now: [event_of(job, done[0], now)])
        if isinstance(outcome, Refusal):
            raise outcome
        return outcome

    async def _apply(
        self,
        transaction: Transaction,
        changes: Sequence[Change],
        grants: Sequence[Grant],
        trace: Trace,
        *,
        commits: bool = False,
    ) -> list[Outcome]:
        refused = await self._permissions.refusals(transaction, list(zip(grants, changes, strict=True)))
        changes = [
            replace(change, custodian=grant.custodian) if grant.custodian is not None else change
            for grant, change in zip(grants, changes, strict=True)
        ]
        return await apply(
            transaction,
            changes,
            refused=refused,
            clock=self._clock,
            known_tokens=self._known_tokens,
            sealer=self._preparer.sealer,
            trace=trace,
            writer=self._auditor.writer,
            commits=commits,
        )

    async def _standing(
        self, transaction: Transaction, grant: Grant, resource_type: str, logical_id: str, request: str
    ) -> Unchanged:
        traced = event_of_match(grant, resource_type, logical_id, request, self._clock())
        await leave_trace(transaction, [traced], self._auditor.writer)
        name = resource_type, logical_id
        return (await self._standing_versions(transaction, [name]))[name]


def _size_bytes(outcome: Written | Unchanged | Answer | Page | Refusal) -> int:
    """How much an answer to one entry holds."""
    match outcome:
        case Found(record):
            return len(record.text)
        case Page(records=records, included=included):
            return sum(len(record.text) for record in (*records, *included))
        case _:
            return 0


def _unchanged(resource_type: str, logical_id: str, row: Row | None) -> Unchanged:
    version, changed_at = (row[1], row[2]) if row else (0, 0)
    return Unchanged(type=resource_type, id=logical_id, version=version, changed_at=Instant(changed_at))


def _refuse_unknown_type(resource_type: str) -> None:
    if resource_type not in definitions().type_numbers:
        raise Refusal("type-unknown", details={"type": resource_type[:64]})
    if resource_type == TRAIL:
        raise Refusal("audit-trail-apart", next_step="ask-the-trail")


def _refuse_several(ids: Sequence[str]) -> None:
    if len(ids) > 1:
        raise Refusal("condition-matches-several", next_step="narrow-the-condition")


def _placed(refusal: Refusal, planned: Planned) -> Refusal:
    details = {**refusal.details, "entry": str(planned.request.index)}
    return Refusal(refusal.code, next_step=refusal.next_step, faults=refusal.faults, details=details)


def _busy() -> Refusal:
    return Refusal("too-busy", next_step="send-again-later", retryable=True)


def _unread(index: int, url: str) -> Request:
    return Request(
        index=index,
        method="",
        type="",
        id=None,
        condition=None,
        expected_version=None,
        full_url=None,
        resource=None,
        url=url,
    )
