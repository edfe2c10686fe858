"""Questions that many ask at one moment."""

from __future__ import annotations

import asyncio

import pytest

from tianfu.records import underway
from tianfu.records.underway import Underway

pytestmark = pytest.mark.anyio


class Source:
    """Answers when told to; counts how often it was asked."""

    def __init__(self) -> None:
        self.asked = 0
        self.failures = 0
        self.gate = asyncio.Event()

    async def fetch(self) -> int:
        self.asked += 1
        number = self.asked
        await self.gate.wait()
        if number <= self.failures:
            raise LookupError(number)
        return number


async def settled() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_who_asks_meanwhile_gets_the_answer_that_is_on_its_way() -> None:
    source, asked = Source(), Underway[str, int]()
    tasks = [asyncio.create_task(asked.ask("key", source.fetch)) for _ in range(5)]
    await settled()
    source.gate.set()
    assert await asyncio.gather(*tasks) == [1] * 5
    assert await asked.ask("key", source.fetch) == 2  # nothing is remembered


async def test_other_questions_are_asked_beside_it() -> None:
    source, asked = Source(), Underway[str, int]()
    tasks = [asyncio.create_task(asked.ask(key, source.fetch)) for key in ("one", "other")]
    await settled()
    source.gate.set()
    assert sorted(await asyncio.gather(*tasks)) == [1, 2]


async def test_a_failure_is_the_first_one_s_alone() -> None:
    source, asked = Source(), Underway[str, int]()
    source.failures = 1
    tasks = [asyncio.create_task(asked.ask("key", source.fetch)) for _ in range(3)]
    await settled()
    source.gate.set()
    first, *others = await asyncio.gather(*tasks, return_exceptions=True)
    assert isinstance(first, LookupError)
    assert sorted(map(str, others)) == ["2", "3"]


async def test_whoever_leaves_takes_nobody_along() -> None:
    source, asked = Source(), Underway[str, int]()
    tasks = [asyncio.create_task(asked.ask("key", source.fetch)) for _ in range(3)]
    await settled()
    tasks[0].cancel()
    tasks[2].cancel()
    await settled()
    source.gate.set()
    assert await tasks[1] == 1
    assert source.asked == 1


async def test_an_answer_that_is_long_on_its_way_is_not_for_who_asks_now(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(underway, "JOIN_SECONDS", -1.0)
    source, asked = Source(), Underway[str, int]()
    tasks = [asyncio.create_task(asked.ask("key", source.fetch)) for _ in range(3)]
    await settled()
    source.gate.set()
    assert await asyncio.gather(*tasks) == [1, 2, 3]
    assert await asked.ask("key", source.fetch) == 4
