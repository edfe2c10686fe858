"""Requests that share a statement."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import Sequence
from contextlib import suppress

import pytest

from tianfu.db.errors import outcome_unknown
from tianfu.kernel.refusal import Refusal
from tianfu.records.grouping import Grouped

pytestmark = pytest.mark.anyio


async def test_requests_that_arrive_while_a_group_runs_form_the_next() -> None:
    groups: list[list[int]] = []
    gate = asyncio.Event()

    async def work(requests: Sequence[int]) -> Sequence[int | Exception]:
        groups.append(list(requests))
        await gate.wait()
        return [each * 2 for each in requests]

    grouped: Grouped[int, int] = Grouped(work, parallel=1)
    tasks = [asyncio.create_task(grouped.ask(number)) for number in range(3)]
    await asyncio.sleep(0.01)
    tasks += [asyncio.create_task(grouped.ask(number)) for number in range(3, 5)]
    await asyncio.sleep(0.01)
    gate.set()
    assert await asyncio.gather(*tasks) == [0, 2, 4, 6, 8]
    assert groups == [[0, 1, 2], [3, 4]]


async def test_a_request_that_breaks_its_group_is_refused_alone() -> None:
    async def work(requests: Sequence[int]) -> Sequence[int | Exception]:
        if 13 in requests:
            raise ValueError("thirteen")
        return list(requests)

    grouped: Grouped[int, int] = Grouped(work, parallel=2)
    answers = await asyncio.gather(*(grouped.ask(number) for number in range(10, 16)), return_exceptions=True)
    assert [each for each in answers if isinstance(each, int)] == [10, 11, 12, 14, 15]
    assert [type(each) for each in answers if not isinstance(each, int)] == [ValueError]


async def test_a_patient_group_waits_for_the_one_that_runs_but_not_for_a_slow_one() -> None:
    groups: list[list[int]] = []
    gate, beside = asyncio.Event(), asyncio.Event()

    async def work(requests: Sequence[int]) -> Sequence[int | Exception]:
        groups.append(list(requests))
        if len(groups) == 2:
            beside.set()
        await gate.wait()
        return list(requests)

    grouped: Grouped[int, int] = Grouped(work, parallel=2, patient=True)
    tasks = [asyncio.create_task(grouped.ask(1))]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    tasks += [asyncio.create_task(grouped.ask(number)) for number in (2, 3)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert groups == [[1]]
    await beside.wait()
    assert groups == [[1], [2, 3]]
    gate.set()
    assert await asyncio.gather(*tasks) == [1, 2, 3]


async def test_requests_with_one_key_never_run_together() -> None:
    running: set[str] = set()

    async def work(requests: Sequence[str]) -> Sequence[str | Exception]:
        assert len(set(requests)) == len(requests)
        assert not running & set(requests)
        running.update(requests)
        await asyncio.sleep(0.001)
        running.difference_update(requests)
        return list(requests)

    grouped: Grouped[str, str] = Grouped(work, parallel=3, key=lambda request: request)
    answers = await asyncio.gather(*(grouped.ask("abc"[number % 3]) for number in range(30)))
    assert len(answers) == 30


async def test_a_cancelled_request_does_not_take_its_group_along() -> None:
    async def work(requests: Sequence[int]) -> Sequence[int | Exception]:
        await asyncio.sleep(0.01)
        return list(requests)

    grouped: Grouped[int, int] = Grouped(work, parallel=1)
    one, two = asyncio.create_task(grouped.ask(1)), asyncio.create_task(grouped.ask(2))
    await asyncio.sleep(0.001)
    one.cancel()
    assert await two == 2


async def test_group_that_may_have_been_done_is_not_done_again() -> None:
    done: list[int] = []

    async def work(requests: Sequence[int]) -> Sequence[int | Exception]:
        done.extend(requests)
        raise outcome_unknown()

    grouped: Grouped[int, int] = Grouped(work, parallel=1)
    answers = await asyncio.gather(*(grouped.ask(number) for number in range(3)), return_exceptions=True)
    assert [isinstance(each, Refusal) and each.is_uncertain for each in answers] == [True, True, True]
    assert done == [0, 1, 2]


class Large:
    """Stands for what a caller holds while it waits."""


async def test_a_refused_request_is_let_go_of_at_once() -> None:
    async def work(requests: Sequence[int]) -> Sequence[int | Exception]:
        if 13 in requests:
            raise ValueError("thirteen")
        return [ValueError("refused") for _ in requests]

    grouped: Grouped[int, int] = Grouped(work, parallel=1)

    async def asking(number: int) -> weakref.ref[Large]:
        held = Large()
        with suppress(ValueError):
            await grouped.ask(number)
        return weakref.ref(held)

    gc.disable()
    try:
        held = await asyncio.gather(*(asking(number) for number in range(10, 16)))
        await asyncio.sleep(0)
        assert [each() for each in held] == [None] * 6
    finally:
        gc.enable()
