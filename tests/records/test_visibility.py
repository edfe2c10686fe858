"""The condition in every statement is the rules in plain Python, record by record, through both walls."""

from __future__ import annotations

import random
from typing import Any

import pytest
from tests.records.made import open_store, put

from tianfu.access.caller import Caller
from tianfu.access.decision import Grant
from tianfu.access.judgement import Head, judge
from tianfu.access.labels import SEVERAL_SUBJECTS, of_roles_alone
from tianfu.access.narrowing import Narrowing, narrowing_of
from tianfu.access.purpose import Purpose
from tianfu.access.relation import ANYBODY, EVERY_LABEL, Age, Kind, Relation
from tianfu.access.scopes import Act, parse_scopes
from tianfu.db import Database, Query
from tianfu.kernel.ids import record_number
from tianfu.kernel.instants import DAY, Instant, range_of, system_clock
from tianfu.records.columns import relation_statement
from tianfu.records.visibility import visibility_values, visible, wall
from tianfu.standards.fhir.definitions import definitions

pytestmark = pytest.mark.anyio

CALLER = Caller(id="somebody", role="doctor")
ACTORS = (11, 12, 13, ANYBODY)
BIRTHS = {"child": "2020-05-06", "youth": "2011-05-06", "grown": "1980-05-06", "unknown": ""}
PATIENTS = {record_number("Patient", name): name for name in BIRTHS}
MEMBERS: dict[str, dict[str, Any]] = {
    "Observation": {"status": "final", "code": {"text": "made up"}},
    "Communication": {"status": "completed"},
    "Basic": {"code": {"text": "made up"}},
}
TYPES = tuple(MEMBERS)
NOW = system_clock()
PURPOSES = (Purpose.TREATMENT, Purpose.EMERGENCY, Purpose.RESEARCH)

_SET = Query.composed(
    "set",
    "update resource set prid = %(prid)s::bigint, sensitivity = %(level)s::smallint, "
    "labels = labels | %(labels)s::bigint, org = %(org)s::integer "
    "where rid = %(rid)s::bigint and type = %(type)s::smallint",
)
_ALSO = Query.composed("also", "insert into also_about values (%(rid)s, %(prid)s, %(type)s)")
_CLEAR = Query.composed("clear", "delete from relation")


def drawn_relation(lot: random.Random) -> Relation:
    since = NOW + lot.choice([-2, -1, 1]) * DAY
    types = lot.choice([None, None, (), tuple(map(definitions().type_number, lot.sample(TYPES, 2)))])
    return Relation(
        patient=lot.choice(list(PATIENTS)),
        actor=lot.choice(ACTORS),
        kind=lot.choice(list(Kind)),
        purposes=sum(each.bit for each in PURPOSES if lot.random() < 0.7),
        level=lot.randint(2, 5),
        labels=lot.choice([0, 0, 2, 4, 6, of_roles_alone(), EVERY_LABEL]),
        types=types,
        since=since,
        until=since + lot.choice([1, 3, 3_000]) * DAY,
        age=lot.choice([Age.ANY, Age.ANY, Age.UNDER_FOURTEEN, Age.FOURTEEN_TO_SEVENTEEN]),
        denies=lot.random() < 0.25,
    )


def drawn_grant(lot: random.Random) -> Grant:
    actors = tuple(lot.sample(ACTORS[:3], lot.randint(0, 2)))
    return Grant(
        caller=CALLER,
        purpose=lot.choice(PURPOSES),
        rule="drawn",
        actors=actors,
        denial_actors=lot.choice([(), (ANYBODY, *actors), actors]),
        own=tuple(lot.sample(list(PATIENTS), lot.choice([0, 0, 0, 1]))),
        custodian=lot.choice([None, None, 7]),
        kinds=sum(each.bit for each in Kind if lot.random() < 0.7),
        level=lot.randint(2, 5),
        labels=lot.choice([0, 2, 6, of_roles_alone(), 6 | of_roles_alone()]),
        types=lot.choice([None, None, tuple(map(definitions().type_number, lot.sample(TYPES, 2)))]),
        public_level=lot.randint(0, 3),
        requires=lot.choice([0, 0, 0, 2]),
        narrowing=lot.choice([None, None, None, drawn_narrowing(lot)]),
    )


def drawn_narrowing(lot: random.Random) -> Narrowing:
    """What the scopes of a token leave; their conditions on codes: test_scopes.py."""
    scopes = lot.choice(
        ["user/Observation.rs user/Basic.r", "patient/*.r", "patient/Communication.r user/Observation.r"]
    )
    return narrowing_of(parse_scopes(scopes), lot.choice(list(PATIENTS)))


async def test_sql_and_the_rules_agree_about_every_record(database_on_each_engine: Database) -> None:
    """Takes over a second: hundreds of worlds of relations, each asked for several callers."""
    lot, database = random.Random(5), database_on_each_engine
    store = await open_store(database)
    for name, born in BIRTHS.items():
        await put(store, "Patient", name, **({"birthDate": born} if born else {}))
    heads: dict[tuple[int, int], Head] = {}
    for number in range(60):
        kind = TYPES[number % 3]
        subjects = lot.sample(list(BIRTHS), lot.choice([0, 1, 1, 1, 2, 3]))
        await put(store, kind, f"r{number}", **MEMBERS[kind])
        heads[definitions().type_number(kind), record_number(kind, f"r{number}")] = Head(
            type=definitions().type_number(kind),
            level=lot.randint(1, 5),
            labels=lot.choice([0, 0, 2, 4, of_roles_alone(), 2 | of_roles_alone()])
            | (SEVERAL_SUBJECTS if len(subjects) > 1 else 0),
            org=lot.choice([None, 7, 8]),
            patients=tuple(record_number("Patient", each) for each in subjects),
        )
    async with database.transaction("owner") as owner:
        for (type_number, rid), head in heads.items():
            first = head.patients[0] if head.patients else None
            said = {"level": head.level, "labels": head.labels, "org": head.org}
            await owner.run(_SET, rid=rid, type=type_number, prid=first, **said)
            for further in head.patients[1:]:
                await owner.run(_ALSO, rid=rid, prid=further, type=type_number)
    born = {number: range_of(BIRTHS[name])[0] for number, name in PATIENTS.items() if BIRTHS[name]}
    seen = 0
    for _ in range(120):
        relations = [drawn_relation(lot) for _ in range(lot.randint(0, 12))]
        await enter(database, relations)
        for _ in range(5):
            grant = drawn_grant(lot)
            expected = {
                key
                for key, head in heads.items()
                if judge(grant, head, relations, doing=Act.READ, now=NOW, patient_born=born).allowed
            }
            assert await shown(database, grant) == expected
            seen += len(expected)
    assert seen > 1_500  # the draw must not be so strict that nothing is ever open


async def enter(database: Database, relations: list[Relation]) -> None:
    async with database.transaction("owner") as owner:
        await owner.run(_CLEAR)
        if relations:
            statement, values = relation_statement([(1, 1, each) for each in relations])
            await owner.run(statement, **values)


async def shown(database: Database, grant: Grant) -> set[tuple[int, int]]:
    condition = visible("a", grant)
    numbers = [definitions().type_number(each) for each in TYPES]
    wanted = "select a.type, a.rid from resource a where a.type = any(%(types)s::smallint[]) and "
    query = Query.composed("shown", wanted + condition)
    async with database.connection("reader", before=wall(grant)) as connection:
        rows = await connection.all(query, types=numbers, **visibility_values(grant, Instant(NOW), doing=Act.READ))
    return {(row[0], row[1]) for row in rows}
