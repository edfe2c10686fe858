"""A write that another one disturbs is done again, as if nothing had been; and not for ever."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import orjson
import pytest
from tests.records.conftest import WHO, WHY, Desk, entry, patient

from tianfu.db import Query, SerializationFailure, UniqueViolation
from tianfu.kernel.refusal import Refusal
from tianfu.records.write import apply
from tianfu.records.writing import TRIES_MAX
from tianfu.standards.fhir.parsing import parse_resource

pytestmark = pytest.mark.anyio

Write = Callable[[Desk], Awaitable[object]]
PERSON = patient(identifier=[{"system": "urn:id", "value": "7"}])


async def create(desk: Desk) -> None:
    await desk.create(**PERSON)


async def create_unless_there(desk: Desk) -> None:
    await desk.store.create(WHO, WHY, parse_resource(orjson.dumps(PERSON)), if_none_exist="identifier=urn:id|7")


async def update_matching(desk: Desk) -> None:
    await desk.store.update_matching(WHO, WHY, parse_resource(orjson.dumps(PERSON)), "identifier=urn:id|7")


async def delete_matching(desk: Desk) -> None:
    await desk.store.delete_matching(WHO, WHY, "Patient", "_id=p")


async def transaction(desk: Desk) -> None:
    await desk.transaction(entry("POST", "Patient", PERSON))


async def transaction_with_a_condition(desk: Desk) -> None:
    await desk.transaction(entry("PUT", "Patient?identifier=urn:id|7", PERSON))


WRITES = (create, create_unless_there, update_matching, delete_matching, transaction, transaction_with_a_condition)


def disturbed(times: int, monkeypatch: pytest.MonkeyPatch) -> list[type[Exception]]:
    """Have as many tries fail, behind all that they did, as if another transaction had come in between."""
    failures: list[type[Exception]] = [(UniqueViolation, SerializationFailure)[each % 2] for each in range(times)]

    async def disturbed_apply(*about: Any, **more: Any) -> Any:
        outcomes = await apply(*about, **{**more, "commits": False})
        if failures:
            raise failures.pop()("made up")
        return outcomes

    monkeypatch.setattr("tianfu.records.writing.apply", disturbed_apply)
    return failures


async def outcomes_traced(desk: Desk) -> list[str]:
    async with desk.database.connection("owner") as owner:
        return [row[0] for row in await owner.all(Query.composed("outcomes", "select outcome from audit"))]


@pytest.mark.parametrize("write", WRITES, ids=lambda write: write.__name__)
async def test_a_disturbed_write_is_done_once(write: Write, one_desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    await one_desk.update("p", **patient())
    before = await one_desk.count("feed")
    failures = disturbed(TRIES_MAX - 1, monkeypatch)
    await write(one_desk)
    assert failures == []
    assert await one_desk.count("feed") == before + 1
    assert await outcomes_traced(one_desk) == ["success"] * 2


@pytest.mark.parametrize("write", WRITES, ids=lambda write: write.__name__)
async def test_a_write_that_is_always_disturbed_is_refused(
    write: Write, one_desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    await one_desk.update("p", **patient())
    before = await one_desk.count("feed")
    failures = disturbed(TRIES_MAX + 1, monkeypatch)
    with pytest.raises(Refusal, match="too-busy") as caught:
        await write(one_desk)
    assert caught.value.retryable
    assert len(failures) == 1
    assert await one_desk.count("feed") == before
    assert await outcomes_traced(one_desk) == ["success"]


async def test_a_refusal_ends_the_tries(one_desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in "pq":
        await one_desk.update(name, **PERSON)
    failures = disturbed(1, monkeypatch)
    with pytest.raises(Refusal, match="condition-matches-several"):
        await update_matching(one_desk)
    assert len(failures) == 1
    assert await outcomes_traced(one_desk) == ["success", "success", "condition-matches-several"]
