"""Apply prepared writes to the tables inside one transaction, each table touched by one statement.

Order: lock, look at what stands, move it to the history, add the new rows, tell the feed, leave the trace.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from tianfu.access.labels import SEVERAL_SUBJECTS
from tianfu.db import Pipeline, SerializationFailure, Transaction, Wire, queries
from tianfu.db.wire import int2_array, int4_array, int8_array, text_array
from tianfu.kernel.instants import Clock, Instant
from tianfu.kernel.refusal import Refusal
from tianfu.records.audit_event import AuditEvent
from tianfu.records.columns import Placed, index_statements, resource_statement
from tianfu.records.outcomes import Operation, Unchanged, Written
from tianfu.records.prepare import Prepared
from tianfu.records.sealing import NOTHING_SEALED, Draft, Sealer, Versioned
from tianfu.records.trail.lanes import EventWriter

KNOWN_TOKENS_MAX = 1_000_000
RECORD_SLOTS = 4_096
"""Writers of existing records lock one of so many slots, so that a large bundle cannot exhaust the lock table."""

RECORD_SPACE = 1
IDENTITY_SPACE = 2
TYPE_SPACE = 4
NAMING_SPACE = 5
"""First keys of the advisory locks: of records that change, of identities and types that conditional writes look for,
and of people who name others to look for them.  Taken in the order types, identities, namings, records; the store's
opening has 3."""

LEVEL_MAX = 5
ANY_VERSION = 0
NO_VERSION = -1
"""Expected versions that are none: whatever stands (`If-Match: *`), and nothing stands."""

_SQL = queries("tianfu.records.sql", "write.sql")
_VAULT = queries("tianfu.records.sql", "vault.sql")


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What one request wants of one record.

    `is_new`: the id was made by this server a moment ago, nothing can stand there.  `expected_version`: If-Match, or
    ANY_VERSION, or NO_VERSION.
    `org`: the source that it comes from (import); `custodian`: the source that keeps it if it is new.
    `has_content`: leave the record alone if the version and body that stand have this content already (import).
    """

    write: Prepared
    is_new: bool
    expected_version: int | None = None
    has_content: Callable[[int, bytes], bool] | None = None
    org: int | None = None
    custodian: int | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """What stands under a record number now."""

    version: int
    changed_at: int
    deleted: bool
    prid: int | None
    fid: bytes
    org: int | None
    level: int
    labels: int
    body: bytes | None


Outcome = Written | Unchanged | Refusal

NOTHING_REFUSED: Mapping[int, Refusal] = {}


Trace = Callable[[Sequence[Outcome], Instant], Sequence[AuditEvent]]
"""Makes the audit events of what was done."""


@dataclass(slots=True)
class Batch:
    """What one transaction will write."""

    placed: list[Placed]
    written: list[tuple[Change, Written, Standing | None]]


async def lock_slots(transaction: Transaction, space: int, keys: Iterable[int]) -> None:
    """Wait for the advisory locks of these keys, in sorted order."""
    if slots := _slots(keys):
        await transaction.run(_SQL.lock_slots, space=space, slots=slots)


def _slots(keys: Iterable[int]) -> Wire | None:
    slots = sorted({key % RECORD_SLOTS for key in keys})
    return int4_array(slots) if slots else None


async def apply(
    transaction: Transaction,
    changes: Sequence[Change],
    *,
    clock: Clock,
    known_tokens: set[int],
    sealer: Sealer,
    trace: Trace,
    writer: EventWriter,
    refused: Mapping[int, Refusal] = NOTHING_REFUSED,
    commits: bool = False,
) -> list[Outcome]:
    """Do the changes and leave their trace; one outcome each, in order.  No record may occur twice.

    `refused` are those that somebody may not do, by their place among the changes.  `commits`: nothing else belongs to
    the transaction, so that its commit may travel with the changes.

    A refusal of one change (a version that does not match) leaves the others alone; the caller decides whether
    the transaction goes on.  Raises UniqueViolation if another transaction created the same record meanwhile, and
    SerializationFailure if another key seals by now: the same transaction may be run again.
    """
    standing = await _standing(transaction, [change for change in changes if not change.is_new])
    now = clock()
    batch = Batch([], [])
    outcomes = [
        refused.get(place) or _decide(change, standing.get(change.write.record), now, batch)
        for place, change in enumerate(changes)
    ]
    events = trace(outcomes, now)
    placed = _sealed(batch.placed, sealer)
    try:
        async with transaction.last_pipeline() if commits else transaction.pipeline() as pipeline:
            if batch.written:
                _hold_key(pipeline, placed)
                _store(pipeline, batch, placed, known_tokens, now)
            if events and (linked := writer.linked(transaction, events)):
                pipeline.add(linked[0], **linked[1])
    except SerializationFailure:
        sealer.keyring.look()  # perhaps another key is current
        raise
    return outcomes


def _sealed(placed: Sequence[Placed], sealer: Sealer) -> list[Placed]:
    """The writes with their bodies, sealed now that their versions are known; a deletion has none."""
    drafts = [
        Versioned(each.write.type_number, each.write.record, each.version, each.write.draft)
        for each in placed
        if each.write.draft is not None
    ]
    bodies = iter(sealer.sealed(drafts))
    return [
        each
        if each.write.draft is None
        else each._replace(body=(done := next(bodies)).body, sealed_with=done.sealed_with)
        for each in placed
    ]


def _hold_key(pipeline: Pipeline, placed: Sequence[Placed]) -> None:
    """Let nobody replace the key that sealed these bodies before they are committed."""
    number = max((each.sealed_with or NOTHING_SEALED for each in placed), default=NOTHING_SEALED)
    if number != NOTHING_SEALED:
        pipeline.add(_VAULT.hold_key, number=number)


async def _standing(transaction: Transaction, changes: Sequence[Change]) -> dict[int, Standing]:
    """What stands where changes go, locked unless a change finds its content already there."""
    found = await _read_heads(transaction, changes, lock=[each for each in changes if each.has_content is None])
    differing = [
        change
        for change in changes
        if change.has_content is not None and (old := found.get(change.write.record)) and not _is_unneeded(change, old)
    ]
    if differing:
        found.update(await _read_heads(transaction, differing, lock=differing))
    return found


async def _read_heads(
    transaction: Transaction, changes: Sequence[Change], *, lock: Sequence[Change]
) -> dict[int, Standing]:
    """What stands there once nobody else can change what is to be locked.

    One wait is enough: each statement sees what is true when it begins, and the second begins with the locks held.
    """
    if not changes:
        return {}
    by_type: dict[int, list[int]] = defaultdict(list)
    for change in changes:
        by_type[change.write.type_number].append(change.write.record)
    async with transaction.pipeline() as pipeline:
        if slots := _slots(change.write.record for change in lock):
            pipeline.add(_SQL.lock_slots, space=RECORD_SPACE, slots=slots)
        pending = [pipeline.add(_SQL.current_heads, type=t, rids=int8_array(rids)) for t, rids in by_type.items()]
    return {row[0]: Standing(*row[1:]) for each in pending for row in each.rows}


def _decide(change: Change, standing: Standing | None, now: Instant, batch: Batch) -> Outcome:
    write = change.write
    if standing is not None and standing.fid != write.packed_id:
        return Refusal("id-not-usable", next_step="choose-another-id", details={"type": write.type})
    refusal = _version_refusal(change, standing)
    if refusal is not None:
        return refusal
    if _is_unneeded(change, standing):
        version, changed_at = (standing.version, standing.changed_at) if standing else (0, now)
        return Unchanged(type=write.type, id=write.id, version=version, changed_at=Instant(changed_at))
    version = standing.version + 1 if standing else 1
    changed_at = max(now, standing.changed_at + 1) if standing else now
    written = Written(
        type=write.type,
        id=write.id,
        operation=_operation(write, standing),
        version=version,
        changed_at=Instant(changed_at),
        stored=write.stored,
    )
    prid = write.values.prid if write.values is not None else standing.prid if standing else None
    batch.written.append((change, written, standing))
    org = change.org
    if org is None:
        # Whoever corrects a record does not become its custodian.
        org = change.custodian if standing is None else standing.org
    batch.placed.append(Placed(write, version, changed_at, prid, org, *_secrecy(write, standing)))
    return written


def _secrecy(write: Prepared, standing: Standing | None) -> tuple[int, int]:
    """Level and labels of a new version; a tombstone keeps those of what it stands for."""
    if write.values is not None:
        return write.values.level, write.values.labels
    return (standing.level, standing.labels) if standing is not None else (LEVEL_MAX, 0)


def _operation(write: Prepared, standing: Standing | None) -> Operation:
    if write.values is None:
        return "delete"
    return "create" if standing is None or standing.deleted else "update"


def _version_refusal(change: Change, standing: Standing | None) -> Refusal | None:
    expected = change.expected_version
    if expected is None:
        return None
    current = None if standing is None or standing.deleted else standing.version
    if current == expected or (expected == ANY_VERSION and current) or (expected == NO_VERSION and not current):
        return None
    said = {ANY_VERSION: "any", NO_VERSION: "none"}.get(expected, str(expected))
    return Refusal(
        "version-conflict",
        next_step="read-again-and-merge",
        details={"expected": said, "current": "none" if current is None else str(current)},
    )


def _is_unneeded(change: Change, standing: Standing | None) -> bool:
    if change.write.values is None:
        return standing is None or standing.deleted
    if change.has_content is None or standing is None:
        return False
    # What was deleted or erased here does not come back because its source still sends it.
    return standing.deleted or (
        standing.body is not None
        and (_is_same(standing.body, change.write.draft) or change.has_content(standing.version, standing.body))
    )


def _is_same(body: bytes, draft: Draft | None) -> bool:
    """Whether a body is a draft's to the byte, which only one with nothing sealed can be."""
    return draft is not None and not draft.fields and body == draft.body


def _store(pipeline: Pipeline, batch: Batch, placed: Sequence[Placed], known_tokens: set[int], now: Instant) -> None:
    _retire(pipeline, [(change, old) for change, _, old in batch.written if old is not None])
    pipeline.add(_SQL.plan_once)
    writes = [change.write for change, _, _ in batch.written]
    add_tokens(pipeline, writes, known_tokens)
    for statement, parameters in (resource_statement(placed), *index_statements(writes)):
        pipeline.add(statement, **parameters)
    _tell_feed(pipeline, batch, now)


def _retire(pipeline: Pipeline, old: Sequence[tuple[Change, Standing]]) -> None:
    """Move what stood to the history and take its index rows away."""
    if not old:
        return
    by_type: dict[int, list[int]] = defaultdict(list)
    for change, _ in old:
        by_type[change.write.type_number].append(change.write.record)
    several = {
        change.write.record
        for change, standing in old
        if standing.labels & SEVERAL_SUBJECTS and change.write.values is not None
    }
    for type_number, records in by_type.items():
        packed = int8_array(records)
        pipeline.add(_SQL.retire, type=type_number, rids=packed)
        pipeline.add(_SQL.remove_current, type=type_number, rids=packed)
        pipeline.add(_SQL.remove_index_rows, type=type_number, rids=packed)
        if shared := several.intersection(records):
            pipeline.add(_SQL.remove_further_subjects, type=type_number, rids=int8_array(sorted(shared)))


def add_tokens(pipeline: Pipeline, writes: Sequence[Prepared], known: set[int]) -> None:
    """Enter the codings of these writes into the dictionary of tokens, except those known to be there."""
    fresh = {
        hashed: coding
        for write in writes
        if write.values is not None
        for hashed, coding in write.values.seen.items()
        if hashed not in known
    }
    if not fresh:
        return
    hashes = sorted(fresh)
    pipeline.add(
        _SQL.add_tokens,
        hashes=int8_array(hashes),
        params=int2_array([fresh[each][0] for each in hashes]),
        systems=text_array([fresh[each][1] for each in hashes]),
        codes=text_array([fresh[each][2] for each in hashes]),
    )


def learn_tokens(changes: Iterable[Change], known: set[int]) -> None:
    """Remember, after the commit, that these codings are in the dictionary of tokens; a full memory learns no more."""
    if len(known) > KNOWN_TOKENS_MAX:
        return
    for change in changes:
        if change.write.values is not None:
            known.update(change.write.values.seen)


_LETTER: dict[Operation, str] = {"create": "c", "update": "u", "delete": "d"}
NOBODY = 0
"""Stands in the feed's arrays for a record without a patient."""


def _tell_feed(pipeline: Pipeline, batch: Batch, now: Instant) -> None:
    by_type: dict[int, list[tuple[Change, Written, Standing | None]]] = defaultdict(list)
    for entry in batch.written:
        by_type[entry[0].write.type_number].append(entry)
    for type_number, entries in by_type.items():
        moved = any(old is not None and old.prid != _prid(change, old) for change, _, old in entries)
        pipeline.add(
            _SQL.add_feed,
            changed_at=now,
            type=type_number,
            rids=int8_array([change.write.record for change, _, _ in entries]),
            versions=int4_array([written.version for _, written, _ in entries]),
            operations="".join(_LETTER[written.operation] for _, written, _ in entries),
            prids=int8_array([_prid(change, old) or NOBODY for change, _, old in entries]),
            prids_before=int8_array([(old.prid if old else None) or NOBODY for _, _, old in entries])
            if moved
            else None,
        )


def _prid(change: Change, old: Standing | None) -> int | None:
    if change.write.values is not None:
        return change.write.values.prid
    return old.prid if old is not None else None


async def leave_trace(transaction: Transaction, events: Sequence[AuditEvent], writer: EventWriter) -> None:
    """Write audit events into the same transaction."""
    if linked := writer.linked(transaction, events):
        await transaction.run(linked[0], **linked[1])
