"""Chains, reverse chains and what a page brings along, compared with references followed by hand."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest
from tests.records.conftest import WHO, WHY, Desk
from tests.records.search.hiding import filled, seen_below_the_hidden_level
from tests.records.search.linked_world import (
    NEEDS_NO_TYPE,
    REFERENCES,
    TARGETS,
    Draw,
    Judge,
    address,
)

from tianfu.db import Query
from tianfu.kernel.ids import record_number
from tianfu.records.search import inclusions, statement
from tianfu.records.store import SearchRequest

pytestmark = pytest.mark.anyio

QUESTIONS = 400


async def found(desk: Desk, kind: str, *parameters: tuple[str, str]) -> list[str]:
    asked = (*parameters, ("_count", "1000"))
    page = await desk.store.search(WHO, WHY, SearchRequest(type=kind, parameters=asked))
    return [record.id for record in page.records]


async def brought(desk: Desk, kind: str, *parameters: tuple[str, str]) -> list[str]:
    asked = (*parameters, ("_count", "1000"))
    page = await desk.store.search(WHO, WHY, SearchRequest(type=kind, parameters=asked))
    return [f"{record.type}/{record.id}" for record in page.included]


async def test_every_chain_finds_what_following_its_references_finds(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw = Draw(random.Random(20_261_001))
    world = draw.world()
    deleted = draw.chance.sample(world, 8)
    hidden = draw.chance.sample(world, 16)
    await filled(desk, world, hidden)
    for each in deleted:
        await desk.store.delete(WHO, WHY, each["resourceType"], each["id"])
    everything = Judge(tuple(each for each in world if each not in deleted))
    rest = Judge(tuple(each for each in everything.resources if each not in hidden))
    telling = differing = 0
    for _ in range(QUESTIONS):
        kind, name, value = draw.question()
        expected = everything.matching(kind, (name, value))
        answer = await found(desk, kind, (name, value))
        assert len(answer) == len(set(answer)), (kind, name, value)
        assert set(answer) == expected, (kind, name, value)
        telling += 0 < len(expected) < len([each for each in world if each["resourceType"] == kind])
        if (kind, "patient") in REFERENCES:
            # The same question within one patient's records takes another road.
            within = await found(desk, kind, ("patient", "p1"), (name, value))
            bound = {i for i in expected if "Patient/p1" in everything.targets_of(kind, i, "patient")}
            assert set(within) == bound, ("patient=p1", kind, name, value)
        with monkeypatch.context() as patched:
            patched.setattr(statement, "visible", seen_below_the_hidden_level)
            expected_of_rest = rest.matching(kind, (name, value))
            assert set(await found(desk, kind, (name, value))) == expected_of_rest, ("hidden", kind, name, value)
            differing += bool((expected - expected_of_rest) & rest.ids(kind))
    assert telling > QUESTIONS // 3
    # Some visible records match only by way of hidden ones, and those are the questions that matter.
    assert differing > QUESTIONS // 40


async def test_an_untyped_chain_looks_at_every_type_that_knows_the_parameter(desk: Desk) -> None:
    world = Draw(random.Random(7)).world()
    await filled(desk, world)
    judge = Judge(tuple(world))
    for kind, code in sorted(NEEDS_NO_TYPE):
        expected = judge.matching(kind, (f"{code}.identifier", "A1,B2"))
        assert set(await found(desk, kind, (f"{code}.identifier", "A1,B2"))) == expected, (kind, code)
        assert expected


async def test_what_a_page_brings_along_is_what_its_references_say(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    draw = Draw(random.Random(20_261_002))
    world = draw.world()
    deleted = draw.chance.sample(world, 6)
    hidden = draw.chance.sample(world, 16)
    await filled(desk, world, hidden)
    for each in deleted:
        await desk.store.delete(WHO, WHY, each["resourceType"], each["id"])
    everything = Judge(tuple(each for each in world if each not in deleted))
    rest = Judge(tuple(each for each in everything.resources if each not in hidden))
    asked = list(inclusions_of_the_world())
    brought_some = 0
    for kind, name, value in asked:
        expected = expected_of(everything, kind, name, value)
        answer = await brought(desk, kind, (name, value))
        assert len(answer) == len(set(answer)), (kind, name, value)
        assert set(answer) == expected, (kind, name, value)
        brought_some += bool(expected)
        with monkeypatch.context() as patched:
            patched.setattr(statement, "visible", seen_below_the_hidden_level)
            assert set(await brought(desk, kind, (name, value))) == expected_of(rest, kind, name, value), (kind, value)
    assert brought_some > len(asked) // 2


def inclusions_of_the_world() -> Sequence[tuple[str, str, str]]:
    """Type, parameter and value of every inclusion that the world's references allow."""
    asked: list[tuple[str, str, str]] = []
    for (kind, code), targets in TARGETS.items():
        asked.append((kind, "_include", f"{kind}:{code}"))
        for target in targets:
            asked.append((kind, "_include", f"{kind}:{code}:{target}"))
            asked.append((target, "_revinclude", f"{kind}:{code}"))
    for kind in sorted({kind for kind, _ in REFERENCES}):
        asked += [(kind, "_include", "*"), (kind, "_include", f"{kind}:*")]
        asked += [("Patient", "_revinclude", f"{kind}:*")] if kind != "Organization" else []
    return [*asked, ("Patient", "_revinclude", "*"), ("Encounter", "_revinclude", "*"), ("Group", "_revinclude", "*:*")]


def expected_of(judge: Judge, kind: str, name: str, value: str) -> set[str]:
    holder, _, rest = value.partition(":")
    code, _, target = rest.partition(":")
    page = [each for each in judge.resources if each["resourceType"] == kind]
    found_: set[str] = set()
    for each in page:
        if name == "_include":
            found_.update(judge.targets(each, code or "*", target or None))
        else:
            found_.update(judge.sources(each, holder, code or "*"))
    return found_ - {address(each) for each in page}


async def test_what_is_brought_along_counts_neither_for_the_total_nor_for_the_page(desk: Desk) -> None:
    world = Draw(random.Random(3)).world()
    await filled(desk, world)
    parameters = (("_include", "Encounter:patient"), ("_revinclude", "Observation:encounter"), ("_total", "accurate"))
    everybody: set[str] = set()
    request = SearchRequest(type="Encounter", parameters=(*parameters, ("_count", "4")))
    page = await desk.store.search(WHO, WHY, request)
    pages = [page]
    while page.next_cursor is not None:
        request = SearchRequest(type="Encounter", parameters=(("_cursor", page.next_cursor),))
        page = await desk.store.search(WHO, WHY, request)
        pages.append(page)
    assert [each.total for each in pages] == [14] * 4
    assert [len(each.records) for each in pages] == [4, 4, 4, 2]
    for each in pages:
        everybody |= {record.id for record in each.included if record.type == "Patient"}
    judge = Judge(tuple(world))
    assert everybody == {
        name.removeprefix("Patient/")
        for encounter in world
        if encounter["resourceType"] == "Encounter"
        for name in judge.targets(encounter, "patient", None)
    }


async def test_more_than_a_page_may_bring_along_is_cut_off_aloud(
    one_desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    await one_desk.update("p", resourceType="Patient")
    for _ in range(4):
        await one_desk.create(
            resourceType="Observation",
            status="final",
            code={"text": "made up"},
            subject={"reference": "Patient/p"},
        )
    asked = SearchRequest(type="Patient", parameters=(("_revinclude", "Observation:patient"),))
    for limit, shown, is_cut_off in ((4, 4, False), (3, 3, True)):
        monkeypatch.setattr("tianfu.records.search.included.INCLUDED_MAX", limit)
        monkeypatch.setattr("tianfu.records.searching.INCLUDED_MAX", limit)
        page = await one_desk.store.search(WHO, WHY, asked)
        assert (len(page.included), page.is_cut_off) == (shown, is_cut_off)
    assert inclusions.INCLUDED_MAX == 1_000


async def test_the_trace_of_a_search_names_what_it_brought_along(one_desk: Desk) -> None:
    await one_desk.update("p", resourceType="Patient")
    await one_desk.update("d", resourceType="Practitioner")
    observation = await one_desk.create(
        resourceType="Observation",
        status="final",
        code={"text": "made up"},
        subject={"reference": "Patient/p"},
        performer=[{"reference": "Practitioner/d"}],
    )
    asked = (("_include", "Observation:performer"), ("_include", "Observation:patient"))
    await one_desk.store.search(WHO, WHY, SearchRequest(type="Observation", parameters=asked))
    async with one_desk.database.connection("owner") as owner:
        text = "select rids, prids from audit where interaction = 'search'"
        (row,) = await owner.all(Query.composed("audit", text))
    names = [("Observation", observation.id), ("Practitioner", "d"), ("Patient", "p")]
    assert set(row[0]) == {record_number(*each) for each in names}
    assert row[1] == [record_number("Patient", "p")]
