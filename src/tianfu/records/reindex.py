"""Make index rows anew where an older program made them; may be stopped at any moment and goes on when run again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import orjson

from tianfu.access.labels import label_mask
from tianfu.db import Database, Transaction, queries
from tianfu.db.wire import int8_array
from tianfu.kernel.ids import unpacked_id
from tianfu.kernel.instants import Clock
from tianfu.kernel.refusal import Refusal
from tianfu.records.body import resource_text
from tianfu.records.columns import Placed, index_statements, resource_statement
from tianfu.records.index.extract import GENERATION, extract
from tianfu.records.prepare import Prepared, Preparer
from tianfu.records.write import RECORD_SPACE, add_tokens, lock_slots
from tianfu.standards.fhir.definitions import definitions

BATCH = 500
_BEFORE_ALL = -(1 << 63)
KEPT_LABELS = ("unreleased",)
"""What older programs left unmarked was marked once by a step of the schema, and its text does not tell it."""

_HEAD_COLUMNS = (
    *("rids", "prids", "date_lows", "date_highs", "codes", "categories", "statuses", "numbers", "units"),
    *("encounters", "sensitivities", "labels", "generations", "tokens", "token_firsts", "token_lasts"),
)

_SQL = queries("tianfu.records.sql", "reindex.sql")
_STATE = queries("tianfu.records.sql", "state.sql")
_WRITE = queries("tianfu.records.sql", "write.sql")

Progress = Callable[[str, int, int], None]
"""Called with the type, how many of its records are done, and how many there were to do."""


async def reindex(
    database: Database,
    preparer: Preparer,
    resource_types: Sequence[str] = (),
    *,
    clock: Clock,
    progress: Progress,
    batch: int = BATCH,
) -> int:
    """Reindex some types, or all; returns how many records needed it.

    A type becomes searchable for programs that open the store after its last record is done.
    """
    for name in resource_types:
        if name not in definitions().type_numbers:
            raise Refusal("type-unknown", details={"type": name[:64]})
    done = 0
    for name in resource_types or definitions().resource_types:
        done += await _reindex_type(database, preparer, name, batch=batch, progress=progress)
        async with database.connection("owner") as owner:
            number = definitions().type_number(name)
            await owner.run(_STATE.set_index_generation, type=number, generation=GENERATION, finished_at=clock())
    return done


async def _reindex_type(database: Database, preparer: Preparer, name: str, *, batch: int, progress: Progress) -> int:
    number = definitions().type_number(name)
    async with database.connection("owner", deadline_seconds=600) as owner:
        counted = await owner.one(_SQL.outdated_count, type=number, generation=GENERATION)
    total = counted[0] if counted else 0
    done, after = 0, _BEFORE_ALL
    while total:
        async with database.transaction("owner", deadline_seconds=600) as transaction:
            rows = await transaction.all(_SQL.outdated, type=number, after=after, generation=GENERATION, limit=batch)
            if not rows:
                break
            records = [row[0] for row in rows]
            done += await _reindex_batch(transaction, preparer, name, records)
        after = records[-1]
        progress(name, done, total)
    return done


async def _reindex_batch(transaction: Transaction, preparer: Preparer, name: str, records: Sequence[int]) -> int:
    number = definitions().type_number(name)
    await lock_slots(transaction, RECORD_SPACE, records)
    rows = await transaction.all(_SQL.outdated_bodies, type=number, rids=int8_array(records), generation=GENERATION)
    placed = [_placed(preparer, name, row) for row in rows]
    if not placed:
        return 0
    writes = [each.write for each in placed]
    _, columns = resource_statement(placed)
    async with transaction.pipeline() as pipeline:
        packed = int8_array([write.record for write in writes])
        pipeline.add(_WRITE.remove_index_rows, type=number, rids=packed)
        pipeline.add(_WRITE.remove_further_subjects, type=number, rids=packed)
        add_tokens(pipeline, writes, set())
        heads = {column: columns[column] for column in _HEAD_COLUMNS}
        pipeline.add(_SQL.update_heads, type=number, kept_labels=label_mask(KEPT_LABELS), **heads)
        for statement, parameters in index_statements(writes):
            pipeline.add(statement, **parameters)
    return len(placed)


def _placed(preparer: Preparer, name: str, row: Sequence[Any]) -> Placed:
    record, version, changed_at, fid, body, _, org = row
    logical_id = unpacked_id(fid)
    stored = preparer.opened(name, record, version, body)
    value = orjson.loads(resource_text(name, logical_id, version, changed_at, stored))
    values = extract(value, record, identifier_key=preparer.identifier_key)
    write = Prepared(
        type=name,
        type_number=definitions().type_number(name),
        id=logical_id,
        packed_id=fid,
        record=record,
        stored=stored,
        values=values,
        draft=None,
    )
    return Placed(write, version, changed_at, values.prid, org, values.level, values.labels)
