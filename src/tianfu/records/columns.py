"""Prepared writes as column arrays, one statement per table.

COPY would be quicker for large batches but is refused on tables with row-level security; arrays also travel
together with the other statements of a transaction, so that a small write waits once.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import accumulate, chain
from typing import Any, NamedTuple

from tianfu.access.relation import Relation
from tianfu.db import Query, Wire, queries
from tianfu.db.wire import (
    bytea_array,
    float8_array,
    int2_array,
    int4_array,
    int8_array,
    text_array,
    uuid_array,
)
from tianfu.records.audit_event import AuditEvent, Deed
from tianfu.records.index.values import IndexValues
from tianfu.records.prepare import Prepared

_SQL = queries("tianfu.records.sql", "write.sql")

Statement = tuple[Query, dict[str, object]]


class Placed(NamedTuple):
    """A write with what the store decided about it; `body` as it is kept, sealed for this version."""

    write: Prepared
    version: int
    changed_at: int
    prid: int | None
    org: int | None
    level: int
    labels: int
    body: bytes | None = None
    sealed_with: int | None = None


class _Stretches:
    """Many short arrays as one, and where each lies in it; PostgreSQL counts from one."""

    def __init__(self, parts: Iterable[Sequence[int]]) -> None:
        found = list(parts)
        ends = list(accumulate(map(len, found), initial=0))
        self.all = list(chain.from_iterable(found))
        self.firsts = [end + 1 for end in ends[:-1]]
        self.lasts = ends[1:]


def resource_statement(placed: Sequence[Placed]) -> Statement:
    """The current rows of these writes; a deletion keeps only what names it and whose it was."""
    values = [each.write.values for each in placed]
    tokens = _Stretches(() if found is None else found.tokens for found in values)
    return _SQL.add_resources, {
        "rids": int8_array([each.write.record for each in placed]),
        "changed_ats": int8_array([each.changed_at for each in placed]),
        "prids": _int8s([each.prid for each in placed]),
        "date_lows": _int8s(_column(values, "date_low")),
        "date_highs": _int8s(_column(values, "date_high")),
        "codes": _int8s(_column(values, "code")),
        "categories": _int8s(_column(values, "category")),
        "statuses": _int8s(_column(values, "status")),
        "numbers": float8_array(_column(values, "number")),
        "units": _int8s(_column(values, "unit")),
        "encounters": _int8s(_column(values, "encounter")),
        "versions": int4_array([each.version for each in placed]),
        "orgs": int4_array([each.org for each in placed]),  # type: ignore[misc]  # None becomes null
        "types": int2_array([each.write.type_number for each in placed]),
        "sensitivities": int2_array([each.level for each in placed]),
        "labels": int8_array([each.labels for each in placed]),
        "generations": int2_array([each.write.generation for each in placed]),
        "fids": bytea_array([each.write.packed_id for each in placed]),
        "tokens": int8_array(tokens.all),
        "token_firsts": int4_array(tokens.firsts),
        "token_lasts": int4_array(tokens.lasts),
        "bodies": bytea_array([each.body for each in placed]),
        "sealed_withs": int2_array([each.sealed_with for each in placed]),  # type: ignore[misc]  # None becomes null
    }


def _column(values: Sequence[IndexValues | None], name: str) -> list[Any]:
    return [None if found is None else getattr(found, name) for found in values]


def index_statements(writes: Sequence[Prepared]) -> Iterable[Statement]:
    """The rows of the narrow tables; none for a table that gets no row."""
    present = [write for write in writes if write.values is not None]
    yield from _identifiers(present)
    yield from _references(present)
    yield from _strings(present)
    yield from _dates(present)
    yield from _quantities(present)
    yield from _also_about(present)
    yield from _relations(present)


def _identifiers(writes: Sequence[Prepared]) -> Iterable[Statement]:
    rows = [(w, *row) for w in writes if w.values for row in dict.fromkeys(w.values.identifiers)]
    if rows:
        yield (
            _SQL.add_identifiers,
            {
                "hashes": uuid_array([row[1] for row in rows]),
                "params": int2_array([row[2] for row in rows]),
                **_of(rows),
            },
        )


def _references(writes: Sequence[Prepared]) -> Iterable[Statement]:
    rows = [(w, *row) for w in writes if w.values for row in dict.fromkeys(w.values.references)]
    if rows:
        yield (
            _SQL.add_references,
            {
                "targets": int8_array([row[1] for row in rows]),
                "params": int2_array([row[2] for row in rows]),
                "sources": int8_array([row[0].record for row in rows]),
                "types": int2_array([row[0].type_number for row in rows]),
            },
        )


def _strings(writes: Sequence[Prepared]) -> Iterable[Statement]:
    rows = [(w, *row) for w in writes if w.values for row in dict.fromkeys(w.values.strings)]
    if rows:
        yield (
            _SQL.add_strings,
            {
                "params": int2_array([row[1] for row in rows]),
                "forms": int2_array([row[2] for row in rows]),
                "values": text_array([row[3] for row in rows]),
                "codes": _int8s([row[4] for row in rows]),
                **_of(rows),
            },
        )


def _dates(writes: Sequence[Prepared]) -> Iterable[Statement]:
    rows = [(w, *row) for w in writes if w.values for row in dict.fromkeys(w.values.dates)]
    if rows:
        yield (
            _SQL.add_dates,
            {
                "params": int2_array([row[1] for row in rows]),
                "lows": int8_array([row[2] for row in rows]),
                "highs": int8_array([row[3] for row in rows]),
                "codes": _int8s([row[4] for row in rows]),
                **_of(rows),
            },
        )


def _quantities(writes: Sequence[Prepared]) -> Iterable[Statement]:
    rows = [(w, *row) for w in writes if w.values for row in dict.fromkeys(w.values.quantities)]
    if rows:
        yield (
            _SQL.add_quantities,
            {
                "params": int2_array([row[1] for row in rows]),
                "numbers": float8_array([row[2] for row in rows]),
                "units": _int8s([row[3] for row in rows]),
                "codes": _int8s([row[4] for row in rows]),
                **_of(rows),
            },
        )


def _also_about(writes: Sequence[Prepared]) -> Iterable[Statement]:
    rows = [(w, prid) for w in writes if w.values for prid in w.values.also_about]
    if rows:
        yield _SQL.add_also_about, {"prids": int8_array([row[1] for row in rows]), **_of(rows)}


def _relations(writes: Sequence[Prepared]) -> Iterable[Statement]:
    rows = [(w, relation) for w in writes if w.values for relation in dict.fromkeys(w.values.relations)]
    if rows:
        yield relation_statement([(write.record, write.type_number, relation) for write, relation in rows])


def relation_statement(rows: Sequence[tuple[int, int, Relation]]) -> Statement:
    """Relations, each with the number and type of the record that it comes from."""
    said = [relation for _, _, relation in rows]
    allowed = _Stretches(relation.types or () for relation in said)
    return (
        _SQL.add_relations,
        {
            "rids": int8_array([row[0] for row in rows]),
            "types": int2_array([row[1] for row in rows]),
            "patients": int8_array([each.patient for each in said]),
            "actors": int8_array([each.actor for each in said]),
            "labels": int8_array([each.labels for each in said]),
            "sinces": int8_array([each.since for each in said]),
            "untils": int8_array([each.until for each in said]),
            "purposes": int4_array([each.purposes for each in said]),
            "kinds": int2_array([each.kind for each in said]),
            "levels": int2_array([each.level for each in said]),
            "ages": int2_array([each.age for each in said]),
            "denials": int2_array([each.denies for each in said]),
            "allowed": int2_array(allowed.all),
            "type_firsts": int4_array(
                [0 if each.types is None else first for each, first in zip(said, allowed.firsts, strict=True)]
            ),
            "type_lasts": int4_array(allowed.lasts),
        },
    )


def _of(rows: Sequence[tuple[Prepared, *tuple[object, ...]]]) -> dict[str, Wire]:
    return {
        "rids": int8_array([row[0].record for row in rows]),
        "types": int2_array([row[0].type_number for row in rows]),
    }


def _int8s(values: Sequence[int | None]) -> Wire:
    return int8_array(values)  # type: ignore[arg-type]  # None becomes null


def audit_statement(
    events: Sequence[AuditEvent], writer: bytes, lane: int, first: int, hashes: Sequence[bytes]
) -> Statement:
    """Audit events at their places in a lane, the first at number `first`, each with its hash."""
    deeds: dict[Deed, int] = {}
    known: dict[int, int] = {}  # by identity, which is quicker to compare
    named = []
    for each in events:
        deed = each.deed
        place = known.get(id(deed))
        if place is None:
            place = known[id(deed)] = deeds.setdefault(deed, len(deeds) + 1)
        named.append(place)
    said = {
        "writer": writer,
        "lane": lane,
        "first": first,
        "hashes": bytea_array(hashes),
        "ats": int8_array([each.at for each in events]),
        "deeds": _places(tuple(named)),
        **(_told_often if len(deeds) <= OFTEN else _told)(tuple(deeds)),
        "requests": text_array([each.request for each in events]),
    }
    if all(len(each.records) == 1 and len(each.patients) <= 1 and each.query is None for each in events):
        return _SQL.add_audit_of_one, said | {
            "rids": int8_array([each.records[0] for each in events]),
            "prids": _int8s([each.patients[0] if each.patients else None for each in events]),
        }
    records = _Stretches([each.records for each in events])
    patients = _Stretches([each.patients for each in events])
    return _SQL.add_audit, said | {
        "rids": int8_array(records.all),
        "rid_firsts": _places(tuple(records.firsts)),
        "rid_lasts": _places(tuple(records.lasts)),
        "prids": int8_array(patients.all),
        "prid_firsts": _places(tuple(patients.firsts)),
        "prid_lasts": _places(tuple(patients.lasts)),
        "queries": text_array([each.query for each in events]),
    }


@lru_cache(maxsize=1_024)
def _places(places: tuple[int, ...]) -> Wire:
    """Small numbers that come alike again and again, as where each has one record and one patient."""
    return int4_array(places)


def _told(deeds: tuple[Deed, ...]) -> dict[str, Wire]:
    """Who did what, a column a name."""
    by_name = Deed(*zip(*deeds, strict=True))  # type: ignore[arg-type]  # columns in the place of values
    return {
        "callers": text_array(by_name.caller),
        "practitioners": text_array(by_name.practitioner),
        "organisations": text_array(by_name.organisation),
        "sessions": text_array(by_name.session),
        "roles": text_array(by_name.role),
        "purposes": text_array(by_name.purpose),
        "interactions": text_array(by_name.interaction),
        "rules": text_array(by_name.rule),
        "outcomes": text_array(by_name.outcome),
        "types": int2_array(by_name.type_number),  # type: ignore[arg-type]  # a column, None becomes null
    }


OFTEN = 4
_told_often = lru_cache(maxsize=256)(_told)
"""For so few who do all that happens in a moment, the same again and again."""
