"""What is out of a token's scopes is as if it were absent: in every statement, and through both walls."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import orjson
import pytest
from tests.desk import DESK
from tests.records.conftest import Desk
from tests.records.made import WHO, open_store, put

from tianfu.access.caller import Caller
from tianfu.access.decision import NO_FACTS, Grant, decide, narrowed
from tianfu.access.judgement import Head, judge
from tianfu.access.labels import SEVERAL_SUBJECTS
from tianfu.access.narrowing import Held
from tianfu.access.purpose import Purpose
from tianfu.access.scopes import CONDITION_CATEGORY, OBSERVATION_CATEGORY, Act, parse_scopes
from tianfu.db import Database, Query
from tianfu.kernel.ids import record_number
from tianfu.kernel.instants import Instant, system_clock
from tianfu.kernel.refusal import Refusal
from tianfu.records.everything import EverythingRequest
from tianfu.records.feed import START, Feed
from tianfu.records.outcomes import Found, NotFound
from tianfu.records.store import SearchRequest, Store
from tianfu.records.timeline import Slice
from tianfu.records.visibility import Guarded, Sight, visibility_values, visible, wall
from tianfu.standards.fhir.definitions import definitions
from tianfu.standards.fhir.parsing import parse_bundle, parse_resource

pytestmark = pytest.mark.anyio

NOW = Instant(system_clock())
PATIENTS = ("ada", "bea")
CATEGORIES = ("laboratory", "vital-signs", "exam")
CODES = ("29463-7", "8302-2")
LOINC = "http://loinc.org"


def observation(patient: str | None, *categories: str, code: str = CODES[0]) -> dict[str, Any]:
    members: dict[str, Any] = {
        "status": "final",
        "code": {"coding": [{"system": LOINC, "code": code}]},
        "category": [{"coding": [{"system": OBSERVATION_CATEGORY, "code": each}]} for each in categories],
    }
    if not categories:
        del members["category"]
    return members if patient is None else {**members, "subject": {"reference": f"Patient/{patient}"}}


def token(text: str, *, patient: str | None = "ada", who: Caller = DESK) -> Caller:
    """A caller who comes by a token with these scopes."""
    return replace(who, scopes=parse_scopes(text), launch_patient=patient)


def grant_of(text: str, patient: str | None = "ada") -> Grant:
    return decide(token(text, patient=patient), Purpose.TREATMENT, NO_FACTS)


# The statements against the judge


def drawn_scopes(lot: random.Random) -> str:
    made = []
    for _ in range(lot.randint(1, 3)):
        kind = lot.choice(["*", "Observation", "Observation", "Condition", "Account"])
        conditions = []
        if kind == "Observation" and lot.random() < 0.7:
            conditions.append(f"category={','.join(lot.sample(CATEGORIES, lot.randint(1, 2)))}")
        if kind == "Observation" and lot.random() < 0.3:
            conditions.append(f"code={LOINC}|{lot.choice(CODES)}")
        if kind == "Condition" and lot.random() < 0.5:
            conditions.append("category=problem-list-item")
        letters = "".join(sorted(lot.sample("cruds", lot.randint(1, 5)), key="cruds".index))
        whose = lot.choice(["patient", "patient", "user", "system"])
        made.append(f"{whose}/{kind}.{letters}{'?' if conditions else ''}{'&'.join(conditions)}")
    return " ".join(made)


async def world(store: Store, lot: random.Random) -> dict[tuple[str, str], Head]:
    """Records of three types, each with what a judge must know of it."""
    heads = {}
    for number in range(50):
        subjects = lot.sample(PATIENTS, lot.choice([0, 1, 1, 2]))
        match number % 3:
            case 0:
                kind, categories, code = "Observation", lot.sample(CATEGORIES, lot.randint(0, 3)), lot.choice(CODES)
                subjects = subjects[:1]
                members = observation(subjects[0] if subjects else None, *categories, code=code)
                held = {Held("category", OBSERVATION_CATEGORY, each) for each in categories}
                held.add(Held("code", LOINC, code))
            case 1:
                kind, subjects = "Condition", subjects[:1] or ["ada"]
                category = lot.choice(["problem-list-item", "encounter-diagnosis"])
                coding = [{"system": CONDITION_CATEGORY, "code": category}]
                members = {"subject": {"reference": f"Patient/{subjects[0]}"}, "category": [{"coding": coding}]}
                held = {Held("category", CONDITION_CATEGORY, category)}
            case _:
                kind, held = "Account", set()
                members = {"status": "active", "subject": [{"reference": f"Patient/{each}"} for each in subjects]}
                if not subjects:
                    del members["subject"]
        await put(store, kind, f"r{number}", **members)
        heads[kind, f"r{number}"] = Head(
            type=definitions().type_number(kind),
            level=3,
            labels=SEVERAL_SUBJECTS if len(subjects) > 1 else 0,
            org=None,
            patients=tuple(record_number("Patient", each) for each in subjects),
            codings=frozenset(held),
        )
    return heads


async def shown(database: Database, grant: Grant, act: Act) -> set[tuple[int, int]]:
    query = Query.composed("shown", f"select a.type, a.rid from resource a where {visible('a', grant)}")  # noqa: S608
    async with database.connection("reader", before=wall(grant)) as connection:
        rows = await connection.all(query, **visibility_values(grant, NOW, doing=act))
    return {(row[0], row[1]) for row in rows}


async def test_sql_and_the_judge_agree_about_every_record_under_every_scope(
    database_on_each_engine: Database,
) -> None:
    """Takes over a second: hundreds of tokens, each for every act, by people who see all and by one who does not."""
    lot, database = random.Random(11), database_on_each_engine
    store = await open_store(database)
    for each in PATIENTS:
        await put(store, "Patient", each)
    heads = await world(store, lot)
    citizen = Grant(
        caller=DESK,
        purpose=Purpose.PATIENT_REQUEST,
        rule="drawn",
        own=(record_number("Patient", "ada"),),
        level=4,
        labels=0,
        public_level=4,
    )
    desk, seen, closed = decide(*WHO, NO_FACTS), 0, 0
    numbers = {(head.type, record_number(*name)): head for name, head in heads.items()}
    for _ in range(80):
        scopes, patient = parse_scopes(drawn_scopes(lot)), lot.choice([None, "ada", "bea"])
        for wide in (citizen, desk):
            given = narrowed(wide, scopes, None if patient is None else record_number("Patient", patient))
            for act in Act:
                told = await shown(database, given, act) & numbers.keys()
                expected = {
                    key
                    for key, head in numbers.items()
                    if judge(given, head, [], doing=act, now=NOW, patient_born={}).allowed
                }
                assert told == expected, (str(scopes), patient, act)
                seen, closed = seen + len(expected), closed + len(numbers) - len(expected)
    assert seen > 3_000
    assert closed > 3_000


def test_a_grant_without_a_token_is_asked_in_the_words_of_before() -> None:
    doctor = decide(Caller(id="d", role="doctor"), Purpose.TREATMENT, NO_FACTS)
    assert "g_scope" not in visible("a", doctor)
    assert visible("a", decide(*WHO, NO_FACTS)) == "true"
    for file in ("read.sql", "export.sql", "timeline.sql", "permission.sql"):
        for everything in (False, True):
            statements = Guarded(file).of(Sight(everything, is_narrowed=False, is_bound=False))
            assert not any("g_scope" in name for each in statements for name in each.parameters)


def test_every_guarded_statement_asks_for_the_scope_of_a_token() -> None:
    beside = {
        # What may be asked whatever a token says: what is measured apart, and what names no record to anybody.
        "organisations_near", "custodian_of", "head_of", "relations_of", "births_of", "names_of_numbers",
        # What decides whether somebody may name a proxy for himself, by his own records; nothing of it is shown.
        "days_born", "proxies_of",
    }  # fmt: skip
    for file in ("read.sql", "export.sql", "timeline.sql", "permission.sql"):
        for everything in (False, True):
            for is_bound in (False, True):
                for each in Guarded(file).of(Sight(everything, is_narrowed=True, is_bound=is_bound)):
                    assert ("g_scope_types" in each.parameters) is (each.name not in beside), each.name


@pytest.mark.parametrize(
    ("text", "is_narrowed"),
    [
        ("user/*.rs", False),
        ("user/Observation.r", False),
        ("patient/*.rs user/Observation.r", False),
        ("user/Observation.s", True),
        ("user/Condition.r", True),
        ("patient/Observation.r", True),
        (f"user/Observation.r?category={OBSERVATION_CATEGORY}|laboratory", True),
    ],
)
def test_a_read_asks_no_scope_only_of_a_type_that_is_wholly_open_to_be_read(text: str, is_narrowed: bool) -> None:
    grant = grant_of(text)
    sight = Sight.of_type(grant, definitions().type_number("Observation"), doing=Act.READ)
    assert sight.is_narrowed is is_narrowed
    assert any(name.startswith("g_scope") for name in sight.values(grant, NOW, doing=Act.READ)) is is_narrowed


# The store

LABORATORY = "patient/Observation.cruds?category=laboratory"
WHY = Purpose.TREATMENT


async def hospital(desk: Desk) -> None:
    """Ada has a result of the laboratory, her weight and a diagnosis; Bea a result of the laboratory."""
    for each in PATIENTS:
        await put(desk.store, "Patient", each)
    await put(desk.store, "Encounter", "visit", **visit("ada"))
    await put(
        desk.store, "Observation", "sugar", **observation("ada", "laboratory"), encounter=reference("Encounter/visit")
    )
    await put(
        desk.store, "Observation", "weight", **observation("ada", "vital-signs"), encounter=reference("Encounter/visit")
    )
    await put(desk.store, "Observation", "salt", **observation("bea", "laboratory"))
    await put(desk.store, "Condition", "flu", subject=reference("Patient/ada"))
    await put(desk.store, "Organization", "house", name="made up")


def reference(name: str) -> dict[str, str]:
    return {"reference": name}


def visit(patient: str) -> dict[str, Any]:
    act = {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB"}
    return {"status": "finished", "class": act, "subject": reference(f"Patient/{patient}")}


async def found(
    desk: Desk, who: Caller, kind: str, *parameters: tuple[str, str]
) -> tuple[set[str], set[str], int | None]:
    page = await desk.store.search(who, WHY, SearchRequest(type=kind, parameters=parameters))
    return {r.id for r in page.records}, {f"{r.type}/{r.id}" for r in page.included}, page.total


async def test_reads_need_r_and_searches_s(desk: Desk) -> None:
    await hospital(desk)
    reads, searches = token("user/Observation.r"), token("user/Observation.s")
    assert isinstance(await desk.store.read(reads, WHY, "Observation", "sugar"), Found)
    assert isinstance(await desk.store.vread(reads, WHY, "Observation", "sugar", 1), Found)
    assert len((await desk.store.history(reads, WHY, "Observation", "sugar", limit=9)).entries) == 1
    assert (await found(desk, searches, "Observation"))[0] == {"sugar", "weight", "salt"}
    assert len((await desk.store.history(searches, WHY, "Observation", None, limit=9)).entries) == 3
    assert len((await desk.store.history(searches, WHY, None, None, limit=99)).entries) == 3
    for call in (
        desk.store.read(searches, WHY, "Observation", "sugar"),
        desk.store.vread(searches, WHY, "Observation", "sugar", 1),
        desk.store.history(searches, WHY, "Observation", "sugar", limit=9),
        desk.store.history(reads, WHY, "Observation", None, limit=9),
        desk.store.history(reads, WHY, None, None, limit=9),
        found(desk, reads, "Observation"),
        desk.store.everything(searches, WHY, EverythingRequest(patient="ada", parameters=())),
        desk.store.export(reads, WHY, types=["Observation"]),
        desk.store.export(reads, WHY),
    ):
        with pytest.raises(Refusal, match="scope-insufficient"):
            await call


async def test_readers_who_see_everything_and_share_a_statement_share_no_scope(desk: Desk) -> None:
    await hospital(desk)
    narrow, wide = token(LABORATORY), token("user/*.rs")
    answers = [
        await desk.store.read_many(who, WHY, [("Observation", "weight"), ("Observation", "sugar")])
        for who in (wide, narrow, DESK)
    ]
    assert [[isinstance(each, Found) for each in told] for told in answers] == [[True] * 2, [False, True], [True] * 2]


async def test_conditions_on_codes_hold_in_reads_searches_counts_and_what_comes_along(desk: Desk) -> None:
    await hospital(desk)
    who = token(f"{LABORATORY} patient/Encounter.rs")
    assert isinstance(await desk.store.read(who, WHY, "Observation", "weight"), NotFound)
    assert isinstance(await desk.store.read(who, WHY, "Observation", "salt"), NotFound)
    assert await found(desk, who, "Observation", ("_total", "accurate")) == ({"sugar"}, set(), 1)
    assert await found(desk, who, "Observation", ("_summary", "count")) == (set(), set(), 1)
    assert await found(desk, who, "Observation", ("category", "vital-signs")) == (set(), set(), None)
    assert await found(desk, who, "Observation", ("_include", "Observation:encounter")) == (
        {"sugar"},
        {"Encounter/visit"},
        None,
    )
    assert (await found(desk, who, "Observation", ("_include", "Observation:subject")))[1] == set()
    assert await found(desk, who, "Encounter", ("_revinclude", "Observation:encounter")) == (
        {"visit"},
        {"Observation/sugar"},
        None,
    )
    assert (await found(desk, who, "Encounter", ("_has:Observation:encounter:category", "vital-signs")))[0] == set()
    assert (await found(desk, who, "Encounter", ("_has:Observation:encounter:category", "laboratory")))[0] == {"visit"}
    assert (await found(desk, who, "Observation", ("subject:Patient._id", "ada")))[0] == set()


async def test_everything_export_timeline_and_feed_give_what_is_in_scope(desk: Desk) -> None:
    await hospital(desk)
    who = token(f"{LABORATORY} patient/Patient.rs")
    page = await desk.store.everything(who, WHY, EverythingRequest(patient="ada", parameters=()))
    assert {(r.type, r.id) for r in page.records} == {("Patient", "ada"), ("Observation", "sugar")}
    with pytest.raises(Refusal, match="not-found"):
        await desk.store.everything(who, WHY, EverythingRequest(patient="bea", parameters=()))
    export = await desk.store.export(who, WHY)
    lines = [orjson.loads(line) async for chunk in export.chunks for line in chunk.lines.splitlines()]
    assert {line["id"] for line in lines} == {"ada", "sugar"}
    line = await desk.store.timeline(who, WHY, PATIENTS, slices=[Slice(type="Observation")], limit=9)
    assert [each.record.id for each in line.entries] == ["sugar"]
    counted = await desk.store.census(who, WHY, PATIENTS, edges=[])
    assert [(row.patient, row.type, row.count) for row in counted] == [("ada", "Observation", 1)]
    grant = decide(who, WHY, NO_FACTS)
    feed = Feed(desk.database, grant=grant, consumer="made-up", clock=system_clock)
    told = {change.record for entry in await feed.changes(START) for change in entry.changes}
    assert told == {record_number("Patient", "ada"), record_number("Observation", "sugar")}


async def test_results_that_were_measured_are_counted_in_scope(one_desk: Desk) -> None:
    await hospital(one_desk)
    for number, category in enumerate(["laboratory", "vital-signs", "vital-signs"]):
        made = observation("ada", category) | {"valueQuantity": {"value": number}}
        await put(one_desk.store, "Observation", f"value{number}", **made)
    (only,) = await one_desk.store.measured(token(LABORATORY), WHY, ["ada"])
    assert (only.count, only.newest.record.id) == (1, "value0")


async def test_earlier_versions_are_in_scope_only_without_a_condition_on_codes(desk: Desk) -> None:
    await hospital(desk)
    await put(desk.store, "Observation", "sugar", **observation("ada", "laboratory", code=CODES[1]))
    plain, coded = token("patient/Observation.rs"), token(LABORATORY)
    assert isinstance(await desk.store.vread(plain, WHY, "Observation", "sugar", 1), Found)
    assert len((await desk.store.history(plain, WHY, "Observation", "sugar", limit=9)).entries) == 2
    assert isinstance(await desk.store.vread(coded, WHY, "Observation", "sugar", 1), NotFound)
    assert isinstance(await desk.store.vread(coded, WHY, "Observation", "sugar", 2), Found)
    assert [e.version for e in (await desk.store.history(coded, WHY, "Observation", "sugar", limit=9)).entries] == [2]
    assert [e.id for e in (await desk.store.history(coded, WHY, "Observation", None, limit=9)).entries] == ["sugar"]


async def test_what_left_the_scope_takes_its_earlier_versions_along(desk: Desk) -> None:
    await hospital(desk)
    await put(desk.store, "Observation", "sugar", **observation("bea", "laboratory"))
    for text in ("patient/Observation.rs", LABORATORY):
        who = token(text)
        assert isinstance(await desk.store.vread(who, WHY, "Observation", "sugar", 1), NotFound)
        with pytest.raises(Refusal, match="not-found"):
            await desk.store.history(who, WHY, "Observation", "sugar", limit=9)
    # The version that was Ada's is not Bea's, whoever the record is about by now.
    of_bea = token("patient/Observation.rs", patient="bea")
    assert isinstance(await desk.store.vread(of_bea, WHY, "Observation", "sugar", 1), NotFound)
    assert isinstance(await desk.store.vread(of_bea, WHY, "Observation", "sugar", 2), Found)


async def test_a_deleted_record_is_gone_or_was_never_there(desk: Desk) -> None:
    await hospital(desk)
    await desk.store.delete(*WHO, "Observation", "sugar")
    assert not isinstance(await desk.store.read(token("patient/Observation.r"), WHY, "Observation", "sugar"), NotFound)
    assert isinstance(await desk.store.read(token(LABORATORY), WHY, "Observation", "sugar"), NotFound)


def parsed(kind: str, logical_id: str | None = None, **members: Any) -> Any:
    said = {"resourceType": kind, **members} | ({} if logical_id is None else {"id": logical_id})
    return parse_resource(orjson.dumps(said))


async def code_of(call: Any) -> str:
    try:
        await call
    except Refusal as refusal:
        return refusal.code
    return "done"


async def test_writes_need_their_letter_and_stay_in_scope(desk: Desk) -> None:
    await hospital(desk)
    store = desk.store

    async def create(scopes: str, members: dict[str, Any], kind: str = "Observation") -> str:
        return await code_of(store.create(token(scopes), WHY, parsed(kind, **members)))

    async def update(scopes: str, logical_id: str, members: dict[str, Any]) -> str:
        resource = parsed("Observation", logical_id, **members)
        return await code_of(store.update(token(scopes), WHY, resource, logical_id))

    async def delete(scopes: str, logical_id: str) -> str:
        return await code_of(store.delete(token(scopes), WHY, "Observation", logical_id))

    mine, vital, hers = observation("ada", "laboratory"), observation("ada", "exam"), observation("bea", "laboratory")
    assert await create("user/Observation.ruds", mine) == "scope-insufficient"
    assert await create("user/Observation.c", mine) == "done"
    assert await create("user/Condition.cruds", mine) == "scope-insufficient"
    assert await create(LABORATORY, mine) == "done"
    assert await create(LABORATORY, vital) == "scope-insufficient"
    assert await create(LABORATORY, hers) == "scope-insufficient"
    assert await create(LABORATORY, observation(None, "laboratory")) == "scope-insufficient"
    assert await create("patient/Patient.cruds", {}, "Patient") == "scope-insufficient"
    assert await update("user/Observation.crds", "sugar", mine) == "scope-insufficient"
    assert await update("user/Observation.u", "new", mine) == "done"
    assert await update(LABORATORY, "sugar", mine | {"status": "amended"}) == "done"
    assert await update(LABORATORY, "sugar", vital) == "scope-insufficient"
    assert await update(LABORATORY, "weight", mine) == "not-found"
    assert await update(LABORATORY, "salt", mine) == "not-found"
    assert await update("patient/Observation.u", "weight", vital) == "done"
    assert await delete("user/Observation.crus", "sugar") == "scope-insufficient"
    assert await delete(LABORATORY, "weight") == "not-found"
    assert await delete(LABORATORY, "salt") == "not-found"
    assert await delete(LABORATORY, "sugar") == "done"
    assert isinstance(await store.read(*WHO, "Observation", "weight"), Found)
    assert isinstance(await store.read(*WHO, "Observation", "salt"), Found)


async def test_a_condition_that_decides_a_write_needs_to_search(desk: Desk) -> None:
    await hospital(desk)
    query = "code=8302-2"
    mine = parsed("Observation", **observation("ada", "laboratory", code="8302-2"))
    for scopes in ("user/Observation.cru", "user/Observation.cruds"):
        who = token(scopes)
        expected = "done" if "s" in scopes.partition(".")[2] else "scope-insufficient"
        assert await code_of(desk.store.create(who, WHY, mine, if_none_exist=query)) == expected
        assert await code_of(desk.store.update_matching(who, WHY, mine, query)) == expected
    assert await code_of(desk.store.delete_matching(token("user/Observation.d"), WHY, "Observation", query)) == (
        "scope-insufficient"
    )


def bundle(kind: str, *entries: tuple[str, str, dict[str, Any] | None]) -> Any:
    made = [
        {"request": {"method": method, "url": url}} | ({} if resource is None else {"resource": resource})
        for method, url, resource in entries
    ]
    return parse_bundle(orjson.dumps({"resourceType": "Bundle", "type": kind, "entry": made}))


async def test_a_transaction_is_judged_by_its_entries(desk: Desk) -> None:
    await hospital(desk)
    mine = {"resourceType": "Observation", **observation("ada", "laboratory")}
    theirs = {"resourceType": "Condition", "subject": reference("Patient/ada")}
    who = token(LABORATORY)
    before = await desk.count("resource")
    for entries in (
        [("POST", "Observation", mine), ("POST", "Condition", theirs)],
        [("DELETE", "Observation/salt", None)],
    ):
        assert await code_of(desk.store.transaction(who, WHY, bundle("transaction", *entries))) != "done"
    assert await desk.count("resource") == before
    answers = await desk.store.batch(
        who,
        WHY,
        bundle(
            "batch", ("POST", "Condition", theirs), ("POST", "Observation", mine), ("GET", "Observation/salt", None)
        ),
    )
    assert isinstance(answers[0].outcome, Refusal)
    assert not isinstance(answers[1].outcome, Refusal)
    assert isinstance(answers[2].outcome, NotFound)


async def test_nobody_is_located_beyond_the_scope(desk: Desk) -> None:
    card = [{"system": "urn:made-up:card", "value": "7"}]
    for each in PATIENTS:
        await put(desk.store, "Patient", each, identifier=card)
    assert set(await desk.store.locate(token("user/Patient.s"), WHY, "urn:made-up:card", "7")) == {"ada", "bea"}
    assert await desk.store.locate(token("patient/Patient.s"), WHY, "urn:made-up:card", "7") == ["ada"]
    with pytest.raises(Refusal, match="scope-insufficient"):
        await desk.store.locate(token("patient/Patient.r"), WHY, "urn:made-up:card", "7")


async def test_the_trail_needs_a_scope_of_its_own(one_desk: Desk) -> None:
    await hospital(one_desk)
    citizen = Caller(id="c", role="citizen", patients=("ada",))
    assert (await one_desk.store.ledger(citizen, Purpose.PATIENT_REQUEST, ["ada"], limit=9)).events
    for text in ("patient/*.cruds", "user/Observation.rs", "user/AuditEvent.c"):
        who = token(text, who=citizen)
        assert (
            await code_of(one_desk.store.ledger(who, Purpose.PATIENT_REQUEST, ["ada"], limit=9)) == "scope-insufficient"
        )
    who = token("user/AuditEvent.rs", who=citizen)
    assert (await one_desk.store.ledger(who, Purpose.PATIENT_REQUEST, ["ada"], limit=9)).events
    with pytest.raises(Refusal, match="role-cannot-do-this"):
        await one_desk.store.ledger(who, Purpose.PATIENT_REQUEST, ["bea"], limit=9)


async def test_a_person_sees_no_more_by_a_token_than_without(desk: Desk) -> None:
    await hospital(desk)
    citizen = Caller(id="c", role="citizen", patients=("ada",))
    why = Purpose.PATIENT_REQUEST
    for text, patient in (("user/*.cruds", None), ("patient/*.cruds", "bea"), ("system/*.cruds", "ada")):
        who = token(text, patient=patient, who=citizen)
        assert isinstance(await desk.store.read(who, why, "Observation", "salt"), NotFound)
        seen = isinstance(await desk.store.read(who, why, "Observation", "sugar"), Found)
        assert seen is (patient != "bea")
    with pytest.raises(Refusal, match="role-cannot-do-this"):
        await desk.store.create(token("user/*.cruds", who=citizen), why, parsed("Observation", **observation("ada")))


async def test_a_refusal_for_want_of_scope_stands_in_the_trail(one_desk: Desk) -> None:
    await hospital(one_desk)
    with pytest.raises(Refusal, match="scope-insufficient"):
        await one_desk.store.read(token(LABORATORY), WHY, "Condition", "flu")
    with pytest.raises(Refusal, match="scope-insufficient"):
        await one_desk.store.everything(token(LABORATORY), WHY, EverythingRequest(patient="ada", parameters=()))
    with pytest.raises(Refusal, match="scope-insufficient"):
        await one_desk.store.export(token(LABORATORY), WHY, types=["Condition"])
    async with one_desk.database.connection("owner") as owner:
        rows = await owner.all(
            Query.composed(
                "told", "select interaction from audit where outcome = 'scope-insufficient' order by at, seq"
            )
        )
    assert [row[0] for row in rows] == ["read", "everything", "export"]
