"""The record store: the one way to a record.  Caller and purpose come first in every call.

What each interaction promises: https://hl7.org/fhir/R4/http.html .
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence

from tianfu.access.caller import Caller
from tianfu.access.decision import NOT_PERMITTED, Grant, nothing
from tianfu.access.narrowing import refuse_out_of_scope, refuse_trail_out_of_scope
from tianfu.access.purpose import Purpose
from tianfu.access.relation import Kind
from tianfu.access.scopes import Act
from tianfu.db import Database, queries
from tianfu.kernel.ids import FHIR_ID, new_uuid7, record_number
from tianfu.kernel.instants import Clock, Instant
from tianfu.kernel.refusal import Refusal
from tianfu.records.audit import Auditor
from tianfu.records.audit_event import TRAIL
from tianfu.records.bundles import BundleAnswer, Bundles
from tianfu.records.everything import Compartments, EverythingPage, EverythingRequest
from tianfu.records.export import Export, Exporter, refuse_unknown_types
from tianfu.records.history import Histories
from tianfu.records.index.extract import GENERATION
from tianfu.records.matching import Condition, Matcher, query_parameters
from tianfu.records.opening import open_parts
from tianfu.records.outcomes import Answer, HistoryPage, Page, Unchanged, Written, told_as
from tianfu.records.permission import Permissions
from tianfu.records.prepare import Preparer, deletion
from tianfu.records.reading import Reader, Wish
from tianfu.records.search import CursorSealer, executed_parameters
from tianfu.records.searching import Searcher, SearchRequest
from tianfu.records.tied import Behind, TiedPage, TiedPatients
from tianfu.records.timeline import CensusRow, Measured, Slice, TimelinePage, Timelines
from tianfu.records.tracing import Job, Tracer, refusals_traced
from tianfu.records.trail.reading import LedgerPage, TrailEvent, TrailPage, TrailQuestion, TrailReader
from tianfu.records.transaction import read_requests, refuse_too_many
from tianfu.records.write import Change
from tianfu.records.writing import Writer
from tianfu.standards.fhir.definitions import definitions
from tianfu.standards.fhir.parsing import ParsedBundle, ParsedResource
from tianfu.vault.provider import Keys

__all__ = ["BundleAnswer", "SearchRequest", "Store"]

_STATE = queries("tianfu.records.sql", "state.sql")


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
        self._clock = clock
        self._preparer = preparer
        self._generations = index_generations
        self._reader = Reader(database, auditor, preparer, clock)
        self._timelines = Timelines(database, self._reader, clock)
        self._tied = TiedPatients(database, self._reader, clock)
        self._permissions = Permissions(database, clock)
        self._trail = TrailReader(database, preparer.index_keys.cursors, clock)
        self._histories = Histories(database, self._reader, preparer.index_keys.cursors, clock)
        cursors = CursorSealer(preparer.index_keys.cursors)
        self._tracer = Tracer(auditor=auditor, clock=clock, key=preparer.identifier_key)
        self._exporter = Exporter(database, self._reader, self._tracer, clock)
        self._compartments = Compartments(database, self._reader, self._tracer, cursors, clock)
        self._searcher = Searcher(
            database=database,
            reader=self._reader,
            tracer=self._tracer,
            cursors=cursors,
            clock=clock,
            identifier_key=preparer.identifier_key,
            searchable=self.searchable,
        )
        matcher = Matcher(identifier_key=preparer.identifier_key, clock=clock, searchable=self.searchable)
        self._writer = Writer(
            database=database,
            auditor=auditor,
            clock=clock,
            preparer=preparer,
            known_tokens=known_tokens,
            permissions=self._permissions,
            matcher=matcher,
            tracer=self._tracer,
        )
        self._bundles = Bundles(
            writer=self._writer,
            matcher=matcher,
            preparer=preparer,
            tracer=self._tracer,
            grant=self._grant,
            ask=self._asked,
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
        asked = row or (record_number(resource_type, logical_id), None)
        await self._tracer.versions(grant, "vread", resource_type, [asked], request, outcome=told_as(answer))
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
        return await self._searcher.page(grant, wanted, request, deadline_seconds)

    @refusals_traced
    async def locate(
        self, caller: Caller, purpose: Purpose, system: str, number: str, *, request: str = ""
    ) -> list[str]:
        """The ids of the Patients that carry exactly this identifier, seen or not: for whom to open in an emergency.

        Nothing of them is shown, and the trace names them all.  Raises Refusal `role-cannot-do-this` for a caller who
        could not open them, and too-many-found.
        """
        grant = await self._grant(caller, purpose, "locate", request)
        if not (grant.sees_everything or grant.kinds & Kind.EMERGENCY.bit):
            raise Refusal(NOT_PERMITTED, next_step="ask-your-office", details={"purpose": purpose.value})
        return await self._searcher.locate(grant, system, number, request)

    @refusals_traced
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

    @refusals_traced
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
        grant = await self._grant(caller, purpose, "export", request)
        for name in types or (None,):
            refuse_out_of_scope(grant.narrowing, Act.SEARCH, name)
        as_of = await self._histories.settled()
        chunks = self._exporter.chunks(lambda: self._grant(caller, purpose, "export", request), types, since, request)
        return Export(as_of=as_of, chunks=chunks)

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
    async def my_patients(
        self, caller: Caller, purpose: Purpose, *, after: Behind | None = None, limit: int, request: str = ""
    ) -> TiedPage:
        """Whom a visit, team, contract or referral opens now to the caller by name or to his unit, newest first."""
        grant = await self._grant(caller, purpose, "my_patients", request)
        page = await self._tied.page(grant, after=after, limit=limit)
        ids = [each.record.id for each in page.patients]
        seen = [record_number("Patient", each) for each in ids]
        await self._tracer.people(grant, "my_patients", ids, seen, request)
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
        refuse_trail_out_of_scope(grant.narrowing, Act.SEARCH)
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
        refuse_trail_out_of_scope(grant.narrowing, Act.SEARCH)
        self._trail.refuse_unless_reader(grant)
        await self._tracer.trail(grant, "audit_export", wanted.patients or caller.patients, wanted, request)
        return self._trail.pages(grant, wanted, limit=limit)

    @refusals_traced
    async def audit_event(
        self, caller: Caller, purpose: Purpose, logical_id: str, *, request: str = ""
    ) -> TrailEvent | None:
        """One event of the trail by its name."""
        grant = await self._grant(caller, purpose, "audit_event", request)
        refuse_trail_out_of_scope(grant.narrowing, Act.READ)
        found = await self._trail.one(grant, logical_id)
        outcome = "not-found" if found is None else "success"
        await self._tracer.trail(grant, "audit_event", caller.patients, logical_id, request, outcome=outcome)
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
        refuse_trail_out_of_scope(grant.narrowing, Act.SEARCH)
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
            return await self._writer.grouped.ask(Job(Change(write=write, is_new=True), grant, "create", request))
        return await self._writer.write_matching(grant, "create", resource, if_none_exist, None, request)

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
        return await self._writer.grouped.ask(
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
        return await self._writer.write_matching(
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
        return await self._writer.grouped.ask(
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
        return await self._writer.delete_matching(grant, Condition(resource_type, query), expected_version, request)

    @refusals_traced
    async def transaction(
        self, caller: Caller, purpose: Purpose, bundle: ParsedBundle, *, request: str = ""
    ) -> list[BundleAnswer]:
        """Do everything a transaction bundle asks, or nothing; raises the Refusal of the first entry that fails."""
        refuse_too_many(bundle.entries)
        return await self._bundles.do(caller, purpose, read_requests(bundle.entries), request)

    async def batch(
        self, caller: Caller, purpose: Purpose, bundle: ParsedBundle, *, request: str = ""
    ) -> list[BundleAnswer]:
        """Do each entry by itself; one that cannot be done harms no other."""
        return await self._bundles.batch(caller, purpose, bundle, request)

    async def _asked(self, caller: Caller, purpose: Purpose, url: str, request: str) -> Answer | Page:
        """The answer to an entry of a bundle that only reads."""
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

    async def _grant(self, caller: Caller, purpose: Purpose, interaction: str, request: str) -> Grant:
        """What the caller may see and do now; if that is nothing at all, the trace says that he asked."""
        try:
            return await self._permissions.grant(caller, purpose)
        except Refusal as refusal:
            if refusal.code == NOT_PERMITTED:
                await self._tracer.refused(nothing(caller, purpose), interaction, refusal, request)
            raise


def _refuse_unknown_type(resource_type: str) -> None:
    if resource_type not in definitions().type_numbers:
        raise Refusal("type-unknown", details={"type": resource_type[:64]})
    if resource_type == TRAIL:
        raise Refusal("audit-trail-apart", next_step="ask-the-trail")
