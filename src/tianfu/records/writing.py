"""Write records: together with what arrives at the same moment, or under locks where a condition decides.

What each interaction promises: https://hl7.org/fhir/R4/http.html .
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import orjson

from tianfu.access.authorship import OWNED_TYPES, refuse_foreign_owner
from tianfu.access.decision import Grant
from tianfu.db import Database, SerializationFailure, Transaction, UniqueViolation, queries
from tianfu.db.prepared import Row
from tianfu.db.wire import int8_array
from tianfu.kernel.ids import new_uuid7, record_number
from tianfu.kernel.instants import Clock, Instant
from tianfu.kernel.refusal import Refusal
from tianfu.records.audit import Auditor
from tianfu.records.grouping import Grouped
from tianfu.records.matching import Condition, Matcher, query_parameters
from tianfu.records.outcomes import Unchanged, Written
from tianfu.records.permission import Permissions
from tianfu.records.prepare import Preparer, deletion
from tianfu.records.told import told_query
from tianfu.records.tracing import Job, Tracer, event_of, event_of_match, event_of_no_match
from tianfu.records.write import NO_VERSION, Change, Outcome, Trace, apply, learn_tokens, leave_trace
from tianfu.standards.fhir.definitions import definitions
from tianfu.standards.fhir.parsing import ParsedResource

WRITING_AT_ONCE = 2
TRIES_MAX = 4

_SQL = queries("tianfu.records.sql", "write.sql")

Asked = ParamSpec("Asked")
Done = TypeVar("Done")


def undisturbed(work: Callable[Asked, Awaitable[Done]]) -> Callable[Asked, Coroutine[Any, Any, Done]]:
    """Have a call that opens a transaction begin anew when another transaction came in between.

    Raises Refusal `too-busy` when that happened in all tries.
    """

    @wraps(work)
    async def call(*about: Asked.args, **more: Asked.kwargs) -> Done:
        for _ in range(TRIES_MAX):
            try:
                return await work(*about, **more)
            except (UniqueViolation, SerializationFailure):
                continue
        raise Refusal("too-busy", next_step="send-again-later", retryable=True)

    return call


class Writer:
    """Writes what is permitted and leaves its trace; whoever calls has decided who asks.

    `grouped` takes the writes of one record each whose id is known; those of a moment share a transaction.
    """

    def __init__(
        self,
        *,
        database: Database,
        auditor: Auditor,
        clock: Clock,
        preparer: Preparer,
        known_tokens: set[int],
        permissions: Permissions,
        matcher: Matcher,
        tracer: Tracer,
    ) -> None:
        self._database = database
        self._auditor = auditor
        self._clock = clock
        self._preparer = preparer
        self._known_tokens = known_tokens
        self._permissions = permissions
        self._matcher = matcher
        self._tracer = tracer
        self.grouped: Grouped[Job, Written | Unchanged] = Grouped(
            self._write_group, parallel=WRITING_AT_ONCE, patient=True, key=lambda job: job.change.write.record
        )

    @asynccontextmanager
    async def transaction(self, grant: Grant, interaction: str, request: str) -> AsyncIterator[Transaction]:
        """A transaction; a refusal undoes it, its event included: the trace is told afterwards."""
        try:
            async with self._database.transaction("app") as transaction:
                yield transaction
        except Refusal as refusal:
            if not (refusal.retryable or refusal.is_traced or refusal.is_uncertain):
                await self._tracer.refused(grant, interaction, refusal, request)
            raise

    @undisturbed
    async def _write_group(self, jobs: Sequence[Job]) -> Sequence[Written | Unchanged | Exception]:
        """Write several requests in one transaction; a refused one takes no other with it."""
        changes = [job.change for job in jobs]
        grants = [job.grant for job in jobs]
        async with self._database.transaction("app") as transaction:
            outcomes = await self.apply_permitted(
                transaction,
                changes,
                grants,
                lambda done, now: [event_of(job, each, now) for job, each in zip(jobs, done, strict=True)],
                commits=True,
            )
        self.learn_tokens(changes)
        return outcomes

    def learn_tokens(self, changes: Sequence[Change]) -> None:
        """Remember, after their commit, which codings these changes entered."""
        learn_tokens(changes, self._known_tokens)

    async def write_matching(
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

        @undisturbed
        async def write_once() -> Written | Unchanged:
            nonlocal expected_version
            async with self.transaction(grant, interaction, request) as transaction:
                matches = await self._matcher.find(transaction, grant, deciding=[condition], identities=identities)
                ids = matches.ids[condition]
                _refuse_several(ids)
                if ids and interaction == "create":
                    return await self._standing(transaction, grant, condition.type, ids[0], request)
                if ids and given not in {None, ids[0]}:
                    raise Refusal("id-differs-from-match", details={"type": condition.type})
                if not ids and given is not None and expected_version is None:
                    # What does not match the condition is not overwritten, nor if it matches in a later try.
                    expected_version = NO_VERSION
                write = self._preparer.write(resource, ids[0] if ids else given or new_uuid7(), is_valid=True)
                is_new = not ids and given is None
                change = Change(write=write, is_new=is_new, expected_version=expected_version)
                outcome = await self._apply_one(transaction, change, grant, interaction, request)
            return _done(outcome)

        return await write_once()

    @undisturbed
    async def delete_matching(
        self, grant: Grant, condition: Condition, expected_version: int | None, request: str
    ) -> Written | Unchanged:
        """Delete the one record that matches; several are refused, none is nothing to do."""
        async with self.transaction(grant, "delete", request) as transaction:
            ids = (await self._matcher.find(transaction, grant, deciding=[condition])).ids[condition]
            _refuse_several(ids)
            if not ids:
                asked = told_query(self._tracer.key, query_parameters(condition.query))
                nothing = event_of_no_match(grant, "delete", condition.type, asked, request, self._clock())
                await leave_trace(transaction, [nothing], self._auditor.writer)
                return Unchanged(type=condition.type, id="", version=0, changed_at=self._clock())
            write = deletion(condition.type, ids[0])
            change = Change(write=write, is_new=False, expected_version=expected_version)
            outcome = await self._apply_one(transaction, change, grant, "delete", request)
        return _done(outcome)

    async def _apply_one(
        self, transaction: Transaction, change: Change, grant: Grant, interaction: str, request: str
    ) -> Outcome:
        """Do one change, or leave the event of its refusal: the transaction has to commit for the trace to have it."""
        job = Job(change, grant, interaction, request)
        (outcome,) = await self.apply_permitted(
            transaction, [change], [grant], lambda done, now: [event_of(job, done[0], now)]
        )
        return outcome

    async def apply_permitted(
        self,
        transaction: Transaction,
        changes: Sequence[Change],
        grants: Sequence[Grant],
        trace: Trace,
        *,
        commits: bool = False,
    ) -> list[Outcome]:
        """Do those changes that their callers may do, and leave the trace of all; one outcome each, in order."""
        refused = await self._permissions.refusals(transaction, list(zip(grants, changes, strict=True)))
        refused = {**await self._refused_by_what_stands(transaction, changes, grants), **refused}
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

    async def _refused_by_what_stands(
        self, transaction: Transaction, changes: Sequence[Change], grants: Sequence[Grant]
    ) -> dict[int, Refusal]:
        """Which changes would write over, or delete, what is not their callers' to change, by place.

        Asked after the permissions: what their callers may change is locked by then.
        """
        places: defaultdict[tuple[str, int], list[int]] = defaultdict(list)
        for place, (change, grant) in enumerate(zip(changes, grants, strict=True)):
            if change.write.type in OWNED_TYPES and not change.is_new and not grant.sees_everything:
                places[change.write.type, change.write.record].append(place)
        found: dict[int, Refusal] = {}
        for kind in sorted({kind for kind, _ in places}):
            rids = sorted(rid for owned, rid in places if owned == kind)
            rows = await transaction.all(
                _SQL.current_heads, type=definitions().type_number(kind), rids=int8_array(rids)
            )
            for rid, version, *_, body in rows:
                if body is None:
                    continue
                stored = self._preparer.opened(kind, rid, version, body)
                standing = {**orjson.loads(b"{%s}" % stored.partition(b"\n")[2]), "resourceType": kind}
                for place in places[kind, rid]:
                    try:
                        refuse_foreign_owner(standing, grants[place])
                    except Refusal as refusal:
                        found[place] = refusal
        return found

    async def _standing(
        self, transaction: Transaction, grant: Grant, resource_type: str, logical_id: str, request: str
    ) -> Unchanged:
        traced = event_of_match(grant, resource_type, logical_id, request, self._clock())
        await leave_trace(transaction, [traced], self._auditor.writer)
        name = resource_type, logical_id
        return (await standing_versions(transaction, [name]))[name]


async def standing_versions(
    transaction: Transaction, names: Collection[tuple[str, str]]
) -> dict[tuple[str, str], Unchanged]:
    """The versions of records that are left alone, by type and id."""
    by_type: dict[str, list[int]] = defaultdict(list)
    for kind, logical_id in names:
        by_type[kind].append(record_number(kind, logical_id))
    async with transaction.pipeline() as pipeline:
        pending = {
            kind: pipeline.add(_SQL.current_heads, type=definitions().type_number(kind), rids=int8_array(rids))
            for kind, rids in by_type.items()
        }
    rows = {(kind, row[0]): row for kind, found in pending.items() for row in found.rows}
    return {
        (kind, logical_id): _unchanged(kind, logical_id, rows.get((kind, record_number(kind, logical_id))))
        for kind, logical_id in names
    }


def _unchanged(resource_type: str, logical_id: str, row: Row | None) -> Unchanged:
    version, changed_at = (row[1], row[2]) if row else (0, 0)
    return Unchanged(type=resource_type, id=logical_id, version=version, changed_at=Instant(changed_at))


def _done(outcome: Outcome) -> Written | Unchanged:
    """What was done; raises the Refusal that was traced instead."""
    if isinstance(outcome, Refusal):
        raise outcome
    return outcome


def _refuse_several(ids: Sequence[str]) -> None:
    if len(ids) > 1:
        raise Refusal("condition-matches-several", next_step="narrow-the-condition")
