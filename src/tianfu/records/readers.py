"""Who can read a record now, by which rule and because of which other record: what an officer or a person asks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tianfu.access.caller import Caller
from tianfu.access.decision import NO_FACTS, decide
from tianfu.access.judgement import Head
from tianfu.access.purpose import Purpose
from tianfu.access.readers import Reader, who_can_read
from tianfu.access.relation import ANYBODY, OFFICERS, Age, Kind, Relation
from tianfu.db import Database, queries
from tianfu.db.wire import int8_array
from tianfu.kernel.ids import FHIR_ID, packed_id, record_number, unpacked_id
from tianfu.kernel.instants import Clock, Instant
from tianfu.kernel.refusal import Refusal
from tianfu.records.audit import Auditor
from tianfu.records.audit_event import event
from tianfu.records.timeline import type_name
from tianfu.records.visibility import asked
from tianfu.standards.fhir.definitions import definitions

RELATIONS_MAX = 5_000
ACTOR_TYPES = ("Organization", "Practitioner", "RelatedPerson")
_ACTORS = {ANYBODY: "anybody", OFFICERS: "officers"}

_SQL = queries("tianfu.records.sql", "permission.sql", fill=asked)


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedReader:
    """Somebody who may read; `actor` is the record that stands for him and `source` the one that says so.

    Both are empty where no relation is needed; an actor whose record is not in the store is its number.
    """

    reader: Reader
    actor: str
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Readers:
    """Who may read a record; `level` and `labels` are what makes it more secret than others."""

    level: int
    labels: int
    readers: tuple[NamedReader, ...]
    is_cut_off: bool


async def readers_of(
    caller: Caller,
    purpose: Purpose,
    database: Database,
    auditor: Auditor,
    resource_type: str,
    logical_id: str,
    *,
    clock: Clock,
) -> Readers:
    """Everybody who may read the record now; raises Refusal `record-unknown`.  The question itself is traced.

    For those who see everything: whoever asks learns who treats a patient.
    """
    grant = decide(caller, purpose, NO_FACTS)
    if not grant.sees_everything:
        raise Refusal("not-found", next_step="check-the-address")
    if resource_type not in definitions().type_numbers or not FHIR_ID.match(logical_id):
        raise Refusal("record-unknown", next_step="check-the-id", details={"type": resource_type[:64]})
    now, record = clock(), record_number(resource_type, logical_id)
    number = definitions().type_number(resource_type)
    async with database.connection("owner") as connection:
        row = await connection.one(_SQL.head_of, type=number, rid=record)
        if row is None or row[0] != packed_id(logical_id) or row[4]:
            raise Refusal("record-unknown", next_step="check-the-id", details={"type": resource_type})
        patients = () if row[5] is None else (row[5], *row[6])
        head = Head(type=number, level=row[1], labels=row[2], org=row[3], patients=patients)
        found = await connection.all(_SQL.relations_of, patients=int8_array(patients), limit=RELATIONS_MAX + 1)
        births = {
            each[0]: Instant(each[1]) for each in await connection.all(_SQL.births_of, patients=int8_array(patients))
        }
        known = [(_relation(each), each[11], each[12]) for each in found[:RELATIONS_MAX]]
        types = [definitions().type_number(each) for each in ACTOR_TYPES]
        actors = int8_array(sorted({relation.actor for relation, _, _ in known}))
        named = await connection.all(_SQL.names_of_numbers, types=types, rids=actors)
    names = {each[0]: f"{type_name(each[1])}/{unpacked_id(each[2])}" for each in named}
    sources = {relation: _source(type_number, fid) for relation, type_number, fid in known}
    shown = event(
        grant, at=now, interaction="who-can-read", type_number=number, records=(record,), patients=sorted(patients)
    )
    await auditor.record([shown])
    readers = who_can_read(head, [relation for relation, _, _ in known], now=now, patient_born=births)
    return Readers(
        level=head.level,
        labels=head.special,
        readers=tuple(_named(reader, names, sources) for reader in readers),
        is_cut_off=len(found) > RELATIONS_MAX,
    )


def _relation(row: Any) -> Relation:
    return Relation(
        patient=row[0],
        actor=row[1],
        kind=Kind(row[2]),
        purposes=row[3],
        level=row[4],
        labels=row[5],
        types=None if row[6] is None else tuple(row[6]),
        since=row[7],
        until=row[8],
        age=Age(row[9]),
        denies=row[10],
    )


def _source(type_number: int, fid: bytes | None) -> str:
    return type_name(type_number) if fid is None else f"{type_name(type_number)}/{unpacked_id(fid)}"


def _named(reader: Reader, names: Mapping[int, str], sources: Mapping[Relation, str]) -> NamedReader:
    relation = reader.relation
    if relation is None:
        return NamedReader(reader=reader, actor="", source="")
    actor = _ACTORS.get(relation.actor) or names.get(relation.actor) or str(relation.actor)
    return NamedReader(reader=reader, actor=actor, source=sources[relation])
