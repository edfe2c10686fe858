"""Whoever may not see some records gets, to every question, the answers of a store that does not have them."""

from __future__ import annotations

import random
from asyncio import gather
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import orjson
import pytest
from tests.conftest import Engine
from tests.desk import DESK
from tests.records.conftest import KEYS, WHO, WHY
from tests.records.search.every_question import Question, every_question
from tests.records.search.linked_world import Draw, Resource, address

from tianfu.access.caller import Caller
from tianfu.access.purpose import Purpose
from tianfu.access.scopes import parse_scopes
from tianfu.db import Database
from tianfu.kernel.instants import DAY, SECOND, Instant, system_clock, to_fhir_instant
from tianfu.kernel.refusal import Refusal
from tianfu.records.audit import NoAuditor
from tianfu.records.everything import EverythingRequest
from tianfu.records.outcomes import Found
from tianfu.records.store import SearchRequest, Store
from tianfu.standards.fhir.parsing import parse_resource

pytestmark = pytest.mark.anyio

CITIZEN = Caller(id="c1", role="citizen", patients=("p1", "p4"))
DOCTOR = Caller(id="d1", role="doctor", organisation="o1", practitioner="p2")
HEIGHTS = "user/Observation.rs?code=http://loinc.org|8302-2"
# What a doctor's ties follow from has to be in scope too: where it is absent, so are they.
PLACES = "user/Encounter.rs user/Organization.rs user/Practitioner.rs"
CALLERS = {
    "citizen": (CITIZEN, Purpose.PATIENT_REQUEST),
    "doctor": (DOCTOR, Purpose.TREATMENT),
    "an app of the doctor's": (
        replace(
            DOCTOR,
            scopes=parse_scopes(f"{HEIGHTS} {PLACES} user/Patient.rs patient/DocumentReference.rs"),
            launch_patient="p2",
        ),
        Purpose.TREATMENT,
    ),
    "an app for one patient": (
        replace(DESK, scopes=parse_scopes("patient/*.rs"), launch_patient="p2"),
        Purpose.TREATMENT,
    ),
    "an app for codes": (
        replace(DESK, scopes=parse_scopes(f"{HEIGHTS} user/Patient.rs patient/Encounter.rs"), launch_patient="p2"),
        Purpose.TREATMENT,
    ),
}
TELLING_MIN = {"an app for one patient": 150}
"""So many questions at least must have an answer; to whom fewer records are open, fewer have."""
NOW = system_clock()


def current_visit(number: int, patient: str, **who: Any) -> Resource:
    """A visit that goes on, by which the doctor may see ordinary records of a patient, or all of them."""
    return {
        "resourceType": "Encounter",
        "id": f"current{number}",
        "status": "in-progress",
        "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "IMP"},
        "subject": {"reference": f"Patient/{patient}"},
        "period": {"start": to_fhir_instant(NOW - DAY)},
        **who,
    }


def condition(number: int, patient: str, code: str) -> Resource:
    """An ordinary diagnosis, or one under special protection, that is told of a visit."""
    return {
        "resourceType": "Condition",
        "id": f"c{number}",
        "subject": {"reference": f"Patient/{patient}"},
        "encounter": {"reference": f"Encounter/current{number % 2}"},
        "code": {"coding": [{"system": "http://hl7.org/fhir/sid/icd-10", "code": code}]},
    }


WORLD = [
    *Draw(random.Random(20_261_005)).world(),
    current_visit(0, "p2", participant=[{"individual": {"reference": "Practitioner/p2"}}]),
    current_visit(1, "p3", serviceProvider={"reference": "Organization/o1"}),
    *(condition(n, f"p{n % 5}", code) for n, code in enumerate(["J10", "B20"] * 5)),
]

Answer = tuple[Any, ...]


@dataclass
class Stopped:
    """A clock that stands where it was put, so that a record has the same time of change in both stores."""

    now: Instant = field(default=NOW)

    def __call__(self) -> Instant:
        return self.now


@dataclass(frozen=True)
class Pair:
    """One store with everything, and one in which what the caller may not see has never been."""

    whole: Store
    rest: Store
    world: Sequence[Resource]
    hidden: frozenset[str]


async def open_and_fill(database: Database, resources: Sequence[tuple[int, Resource]]) -> Store:
    clock = Stopped()
    store = await Store.open(database, auditor=NoAuditor(), clock=clock, keys=KEYS)
    for place, each in resources:
        clock.now = Instant(NOW - (1_000 - place) * SECOND)
        await store.update(WHO, WHY, parse_resource(orjson.dumps(each)), each["id"])
    clock.now = NOW
    return store


async def seen(store: Store, who: Caller, why: Purpose, resources: Sequence[Resource]) -> set[str]:
    answers = await store.read_many(who, why, [(each["resourceType"], each["id"]) for each in resources])
    return {address(each) for each, answer in zip(resources, answers, strict=True) if isinstance(answer, Found)}


@pytest.fixture(scope="module")
async def whole(embedded: Engine, anyio_backend: str) -> AsyncIterator[Store]:
    """The store with everything; nobody here writes to it."""
    with embedded.clone() as addresses:
        # One connection: whoever asks at the same time shares it.
        async with await Database.open(addresses, links_max=1) as database:
            yield await open_and_fill(database, list(enumerate(WORLD)))


@pytest.fixture(scope="module", params=CALLERS)
async def pair(
    embedded: Engine, whole: Store, request: pytest.FixtureRequest
) -> AsyncIterator[tuple[Pair, Caller, Purpose]]:
    who, why = CALLERS[request.param]
    visible = await seen(whole, who, why, WORLD)
    with embedded.clone() as addresses:
        async with await Database.open(addresses, links_max=1) as database:
            world = [(place, each) for place, each in enumerate(WORLD) if address(each) in visible]
            rest = await open_and_fill(database, world)
            assert await seen(rest, who, why, WORLD) == visible
            hidden = frozenset(map(address, WORLD)) - visible
            yield Pair(whole=whole, rest=rest, world=WORLD, hidden=hidden), who, why


async def answer(store: Store, who: Caller, why: Purpose, question: Question) -> list[Answer]:
    """Two pages, byte by byte; of a cursor only whether there is one, for it is sealed."""
    pages: list[Answer] = []
    parameters = question.parameters
    for _ in range(2):
        try:
            page = await store.search(who, why, SearchRequest(type=question.type, parameters=parameters))
        except Refusal as refusal:
            return [*pages, (refusal.code, dict(refusal.details))]
        texts = tuple(tuple(each.text for each in records) for records in (page.records, page.included))
        pages.append((*texts, page.total, page.is_cut_off, page.next_cursor is None))
        if page.next_cursor is None:
            break
        parameters = (("_cursor", page.next_cursor),)
    return pages


@pytest.mark.slow  # about four thousand questions, each put to two stores
async def test_no_question_tells_a_store_with_hidden_records_from_one_without(
    pair: tuple[Pair, Caller, Purpose],
) -> None:
    stores, who, why = pair
    assert len(stores.hidden) > 20
    telling = 0
    names = list(CALLERS)
    name = next(each for each in names if CALLERS[each] == (who, why))
    neighbour = CALLERS[names[names.index(name) - 1]]
    for question in every_question(stores.world):
        told, expected, _ = await gather(
            answer(stores.whole, who, why, question),
            answer(stores.rest, who, why, question),
            answer(stores.whole, *neighbour, question),
        )
        assert told == expected, question
        telling += bool(told[0][0])
    assert telling > TELLING_MIN.get(name, 300), telling


async def test_everything_about_somebody_is_the_same_with_and_without_what_is_hidden(
    pair: tuple[Pair, Caller, Purpose],
) -> None:
    stores, who, why = pair
    given = 0
    for number in range(10):
        told = [await everything(store, who, why, f"p{number}") for store in (stores.whole, stores.rest)]
        assert told[0] == told[1], number
        given += told[0] != [("not-found",)]
    assert 0 < given < 10


async def everything(store: Store, who: Caller, why: Purpose, patient: str) -> list[Answer]:
    pages: list[Answer] = []
    parameters: tuple[tuple[str, str], ...] = (("_count", "4"),)
    while True:
        try:
            page = await store.everything(who, why, EverythingRequest(patient=patient, parameters=parameters))
        except Refusal as refusal:
            return [*pages, (refusal.code,)]
        pages.append(tuple(record.text for record in (*page.records, *page.supporting)))
        if page.next_cursor is None:
            return pages
        parameters = (("_cursor", page.next_cursor),)


async def test_histories_and_lives_are_the_same_with_and_without_what_is_hidden(
    pair: tuple[Pair, Caller, Purpose],
) -> None:
    stores, who, why = pair
    types = sorted({each["resourceType"] for each in stores.world})
    patients = [each["id"] for each in stores.world if each["resourceType"] == "Patient"]
    told = []
    for store in (stores.whole, stores.rest):
        page = await store.timeline(who, why, patients, limit=1_000)
        counted = await store.census(who, why, patients, edges=[])
        lives = [each.record.text for each in page.entries], sorted(map(str, counted))
        told.append(([await histories(store, who, why, each) for each in (None, *types)], lives))
    assert told[0] == told[1]
    assert told[0][1][0]


async def histories(store: Store, who: Caller, why: Purpose, kind: str | None) -> Answer:
    try:
        page = await store.history(who, why, kind, None, limit=1_000)
    except Refusal as refusal:
        return refusal.code, dict(refusal.details)
    return tuple((each.type, each.id, each.version, each.operation) for each in page.entries)


async def test_an_export_is_the_same_with_and_without_what_is_hidden(pair: tuple[Pair, Caller, Purpose]) -> None:
    stores, who, why = pair
    told = []
    for store in (stores.whole, stores.rest):
        export = await store.export(who, why)
        told.append([line async for chunk in export.chunks for line in chunk.lines.splitlines()])
    assert told[0] == told[1]
    assert len(told[0]) == len(stores.world) - len(stores.hidden)
