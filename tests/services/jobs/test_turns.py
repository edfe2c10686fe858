"""How many works may be open at one time, and whose turn it is: nobody fills the queue for all others."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import pytest

from tests.services.jobs.test_works import ended, working
from tianfu.db import Addresses, Database
from tianfu.kernel.instants import system_clock
from tianfu.kernel.refusal import Refusal
from tianfu.services.jobs.doing import Doing, Kind
from tianfu.services.jobs.works import Wish, Works

pytestmark = pytest.mark.anyio


@pytest.fixture
def addresses(addresses_on_each_engine: Addresses) -> Addresses:
    return addresses_on_each_engine


@dataclass(frozen=True)
class Most:
    person: int
    organisation: int


def wish(name: str, *, of: str = "county", kind: str = "count") -> Wish:
    return Wish(
        kind=kind,
        queue="heavy",
        about="case-1",
        organisation=of,
        arguments={"name": name},
        inputs=("a",),
        version="1",
    )


def works_of(database: Database, *, person: int = 2, organisation: int = 3) -> Works:
    return Works(database, system_clock, most={"count": Most(person, organisation)})


async def refused(works: Works, name: str, *, by: str, of: str = "county") -> Refusal:
    with pytest.raises(Refusal) as told:
        await works.ask(wish(name, of=of), by=by)
    return told.value


async def test_a_person_has_so_many_open_and_is_told_how_many_they_are(database: Database) -> None:
    works = works_of(database)
    first, _ = await works.ask(wish("1"), by="lin"), await works.ask(wish("2"), by="lin")
    told = await refused(works, "3", by="lin")
    assert (told.code, told.details, told.retryable) == ("works-open-of-person", {"open": "2", "most": "2"}, True)
    assert await works.ask(wish("1"), by="lin") == first, "the same again is no other work"
    await works.ask(wish("3", of="other"), by="chen")
    assert len(await works.about("case-1")) == 3, "what was refused is not there"


async def test_a_person_of_two_organisations_has_no_more(database: Database) -> None:
    works = works_of(database)
    await works.ask(wish("1"), by="lin")
    await works.ask(wish("2", of="other"), by="lin")
    assert (await refused(works, "3", of="third", by="lin")).code == "works-open-of-person"


async def test_an_organisation_has_so_many_open_whoever_asked_and_another_has_its_own(database: Database) -> None:
    works = works_of(database)
    for number, by in enumerate(("lin", "lin", "chen")):
        await works.ask(wish(str(number)), by=by)
    told = await refused(works, "4", by="wang")
    assert (told.code, told.details["open"]) == ("works-open-of-organisation", "3")
    await works.ask(wish("4", of="other"), by="wang")


async def test_whatever_has_ended_makes_room(database: Database) -> None:
    works = works_of(database)
    first, _ = await works.ask(wish("1"), by="lin"), await works.ask(wish("2"), by="lin")
    await works.give_up(first)
    assert await works.ask(wish("3"), by="lin")
    assert (await refused(works, "1", by="lin")).code == "works-open-of-person", "it was given up: it is asked for anew"


async def test_kinds_without_a_limit_are_not_counted(database: Database) -> None:
    works = works_of(database)
    for number in range(5):
        await works.ask(wish(str(number), kind="other"), by="lin")
    await works.ask(wish("1"), by="lin")


async def test_those_who_ask_at_one_moment_do_not_pass_the_limit_together(database: Database) -> None:
    works = works_of(database, person=2, organisation=100)
    answers = await asyncio.gather(
        *(works.ask(wish(str(number)), by="lin") for number in range(8)), return_exceptions=True
    )
    assert sum(isinstance(answer, str) for answer in answers) == 2
    assert {answer.code for answer in answers if isinstance(answer, Refusal)} == {"works-open-of-person"}


async def done_in_order(
    database: Database, addresses: Addresses, works: Works, ids: list[str], more: dict[str, list[Wish]]
) -> list[str]:
    """The names of works as one worker does them; `more` is asked for while the named one is done."""
    order: list[str] = []

    async def count(doing: Doing) -> str:
        order.append(doing.arguments["name"])
        ids.extend([await works.ask(each, by=each.organisation) for each in more.get(order[-1], ())])
        return "counted"

    async with working(database, addresses, Kind(name="count", do=count)):
        for work in ids:  # it grows meanwhile
            await ended(works, work)
    return order


async def test_whoever_asks_for_one_does_not_wait_for_all_of_another_organisation(
    database: Database, addresses: Addresses
) -> None:
    works = works_of(database, person=100, organisation=100)
    ids = [await works.ask(wish(f"a{number}", of="a"), by="a") for number in range(1, 5)]
    ids += [await works.ask(wish(f"b{number}", of="b"), by="b") for number in range(1, 3)]
    ids += [await works.ask(wish("c1", of="c"), by="c")]
    assert await done_in_order(database, addresses, works, ids, {}) == ["a1", "b1", "c1", "a2", "b2", "a3", "a4"]


async def test_whoever_asks_again_and_again_does_not_hold_up_what_waits(
    database: Database, addresses: Addresses
) -> None:
    """The second asks for one more whenever one of his is done: with him always first, a3 would be the last."""
    works = works_of(database, person=100, organisation=100)
    ids = [await works.ask(wish(f"a{number}", of="a"), by="a") for number in range(1, 4)]
    more = {
        "a1": [wish("b1", of="b")],
        "a2": [wish("b2", of="b")],
        "b1": [wish("b3", of="b")],
        "a3": [wish("b4", of="b")],
    }
    order = await done_in_order(database, addresses, works, ids, more)
    assert order.index("a3") <= 4, order
    assert order[:3] == ["a1", "a2", "b1"]
    assert sorted(order) == ["a1", "a2", "a3", "b1", "b2", "b3", "b4"]


async def test_one_organisations_works_are_done_in_the_order_in_which_they_were_asked_for(
    database: Database, addresses: Addresses
) -> None:
    works = works_of(database, person=100, organisation=100)
    ids = [await works.ask(wish(str(number)), by="lin") for number in range(6)]
    assert await done_in_order(database, addresses, works, ids, {}) == [str(number) for number in range(6)]
