"""Legal erasure: all content of a record goes, for good; that there was one, and why it went, remains.

Personal Information Protection Law of the People's Republic of China, article 47.
What PostgreSQL deleted lies in its files until it vacuums them, and in backups until those expire.
Codes stay in the dictionary of tokens, without their texts: they are vocabulary, shared by all records.
"""

from __future__ import annotations

from dataclasses import dataclass

from tianfu.access.caller import Caller
from tianfu.access.decision import NO_FACTS, decide
from tianfu.access.purpose import Purpose
from tianfu.db import Database, queries
from tianfu.db.wire import int4_array, int8_array
from tianfu.kernel.ids import FHIR_ID
from tianfu.kernel.instants import Clock
from tianfu.kernel.refusal import Refusal
from tianfu.records.audit_event import event
from tianfu.records.columns import Placed, resource_statement
from tianfu.records.prepare import deletion
from tianfu.records.trail.lanes import EventWriter
from tianfu.records.write import NOBODY, RECORD_SPACE, leave_trace, lock_slots
from tianfu.standards.fhir.definitions import definitions

AUTHORITY_LENGTH_MAX = 1_000

_SQL = queries("tianfu.records.sql", "erasure.sql")
_WRITE = queries("tianfu.records.sql", "write.sql")


@dataclass(frozen=True, slots=True, kw_only=True)
class Erased:
    """What was erased: how many versions lost their content; the tombstone is version `version`."""

    versions: int
    version: int


async def erase(
    caller: Caller,
    purpose: Purpose,
    database: Database,
    resource_type: str,
    logical_id: str,
    *,
    authority: str,
    clock: Clock,
    writer: EventWriter,
) -> Erased:
    """Erase all versions of a record; raises Refusal `record-unknown` if there never was one."""
    _refuse_unclear(resource_type, logical_id, authority)
    tombstone = deletion(resource_type, logical_id)
    rid, type_number = tombstone.record, tombstone.type_number
    async with database.transaction("owner") as transaction:
        await lock_slots(transaction, RECORD_SPACE, [rid])
        standing = await transaction.one(_SQL.standing, type=type_number, rid=rid)
        if standing is None or standing[4] != tombstone.packed_id:
            raise Refusal("record-unknown", next_step="check-the-id", details={"type": resource_type})
        version, changed_at, prid, org, _, level, labels, earlier = standing
        now = max(clock(), changed_at + 1)
        statement, row = resource_statement([Placed(tombstone, version + 1, now, prid, org, level, labels)])
        async with transaction.pipeline() as pipeline:
            pipeline.add(_SQL.empty_history, type=type_number, rid=rid)
            pipeline.add(_SQL.retire_empty, type=type_number, rid=rid)
            pipeline.add(_WRITE.remove_current, type=type_number, rids=int8_array([rid]))
            pipeline.add(_WRITE.remove_index_rows, type=type_number, rids=int8_array([rid]))
            pipeline.add(statement, **row)
            pipeline.add(
                _SQL.add_erasure,
                rid=rid,
                type=type_number,
                fid=tombstone.packed_id,
                erased_at=now,
                caller=caller.id,
                authority=authority.strip(),
                versions=earlier + 1,
            )
            pipeline.add(
                _WRITE.add_feed,
                changed_at=now,
                type=type_number,
                rids=int8_array([rid]),
                versions=int4_array([version + 1]),
                operations="e",
                prids=int8_array([prid or NOBODY]),
                prids_before=None,
            )
        traced = event(
            decide(caller, purpose, NO_FACTS),
            at=now,
            interaction="erase",
            type_number=type_number,
            records=(rid,),
            patients=(prid,) if prid is not None else (),
        )
        await leave_trace(transaction, [traced], writer)
    return Erased(versions=earlier + 1, version=version + 1)


def _refuse_unclear(resource_type: str, logical_id: str, authority: str) -> None:
    if resource_type not in definitions().type_numbers:
        raise Refusal("type-unknown", details={"type": resource_type[:64]})
    if not FHIR_ID.match(logical_id):
        raise Refusal("record-unknown", next_step="check-the-id", details={"type": resource_type})
    if not authority.strip() or len(authority) > AUTHORITY_LENGTH_MAX:
        raise Refusal("authority-missing", next_step="name-the-law-or-order")
