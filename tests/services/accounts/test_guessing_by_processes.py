"""Several processes guess at one account's password: together they get no more tries than one."""

from __future__ import annotations

import asyncio
import multiprocessing
from collections import Counter
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Barrier

import pytest

from tests.services.accounts.conftest import NUMBER, House, Telephone, Time, house_of
from tests.trails import close_trails
from tianfu.db import Addresses, Database
from tianfu.kernel.refusal import Refusal
from tianfu.services.accounts.model.lockout import FAILURES_BEFORE_CLOSING

pytestmark = pytest.mark.anyio

GUESSES_EACH = 12
PROCESSES = multiprocessing.get_context("spawn")
SECONDS_MAX = 120


def guess(addresses: Addresses, number: str, name: str, ready: Barrier, said: Queue[Counter[str]]) -> None:
    """One process: it waits for the others, and guesses at once from addresses of its own."""

    async def guessed() -> Counter[str]:
        async with await Database.open(addresses) as database:
            house = await house_of(database, addresses, Time(), Telephone())
            await house.warm()

            async def one(which: int) -> str:
                try:
                    await house.with_password(number, f"{name} guesses {which}", address=f"203.0.113.{which}")
                except Refusal as refusal:
                    return refusal.code
                return "in"

            await asyncio.to_thread(ready.wait, SECONDS_MAX)
            codes = Counter(await asyncio.gather(*(one(which) for which in range(GUESSES_EACH))))
            house.accounts.passwords.close()
            close_trails()
            return codes

    said.put(asyncio.run(guessed()))


async def answered(house: House, processes: int, number: str) -> Counter[str]:
    """What so many processes were answered together."""
    ready, said = PROCESSES.Barrier(processes), PROCESSES.Queue()
    started = [
        PROCESSES.Process(target=guess, args=(house.addresses, number, f"process {which}", ready, said))
        for which in range(processes)
    ]
    for each in started:
        each.start()
    try:
        codes = [await asyncio.to_thread(said.get, True, SECONDS_MAX) for _ in started]
    finally:
        for each in started:
            each.join(SECONDS_MAX)
            each.close()
        said.close()
        said.join_thread()
    return sum(codes, Counter())


@pytest.mark.slow  # starts processes
@pytest.mark.parametrize("number", [NUMBER, "H999999"], ids=["somebodys", "nobodys"])
async def test_two_processes_get_no_more_tries_than_one(house: House, number: str) -> None:
    await house.doctor()
    both = await answered(house, 2, number)
    assert both == {
        "sign-in-refused": FAILURES_BEFORE_CLOSING,
        "sign-in-closed": 2 * GUESSES_EACH - FAILURES_BEFORE_CLOSING,
    }
    with pytest.raises(Refusal, match="sign-in-closed"):
        await house.with_password(number)


@pytest.mark.slow  # starts a process
async def test_one_process_gets_as_many(house: House) -> None:
    await house.doctor()
    assert (await answered(house, 1, NUMBER))["sign-in-refused"] == FAILURES_BEFORE_CLOSING
    refused = await house.rows("select count(*) from audit where outcome = 'sign-in-refused'")
    assert refused == [(FAILURES_BEFORE_CLOSING,)]
