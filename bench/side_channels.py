"""How many questions tell a store with hidden records from one without: none is the promise."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

import psycopg
from tests.records.search.every_question import every_question
from tests.records.search.linked_world import address
from tests.records.search.test_side_channels import CALLERS, WORLD, answer, open_and_fill, seen

from bench.saying import say
from tianfu.db import Addresses, Database, EmbeddedPostgres, migrate
from tianfu.installation import schema_steps

Result = dict[str, object]


def side_channels() -> Result:
    """Put every question to both stores as a citizen, a doctor and some apps, and count the answers that differ."""
    with tempfile.TemporaryDirectory(prefix="tianfu-bench-channels-") as folder:
        home = Path(folder)
        home.chmod(0o755)  # the embedded server may run as another account
        with EmbeddedPostgres(home).running() as addresses:
            found = [asyncio.run(_differing(addresses, number)) for number in range(len(CALLERS))]
    asked, differing = sum(each[0] for each in found), sum(each[1] for each in found)
    say(f"side channels: {differing} of {asked:,} questions answered otherwise")
    return {"side_channel_leaks": differing, "side_channel_questions": asked}


async def _differing(addresses: Addresses, number: int) -> tuple[int, int]:
    callers = list(CALLERS.values())
    who, why = callers[number]
    other_who, other_why = callers[number - 1]
    one, other = (_made(addresses, f"channel_{number}_{each}") for each in ("whole", "rest"))
    world = list(enumerate(WORLD))
    resources = [each for _, each in world]
    async with await Database.open(one, links_max=1) as first, await Database.open(other, links_max=1) as second:
        whole = await open_and_fill(first, world)
        visible = await seen(whole, who, why, resources)
        rest = await open_and_fill(second, [pair for pair in world if address(pair[1]) in visible])
        questions = every_question(resources)
        differing = 0
        for question in questions:
            told, expected, _ = await asyncio.gather(
                answer(whole, who, why, question),
                answer(rest, who, why, question),
                answer(whole, other_who, other_why, question),
            )
            differing += told != expected
    return len(questions), differing


def _made(addresses: Addresses, name: str) -> Addresses:
    with psycopg.connect(addresses.admin, autocommit=True) as connection:
        connection.execute(f"create database {name} template template0 encoding 'UTF8' locale 'C'".encode())
    fresh = addresses.in_database(name)
    migrate(fresh, schema_steps())
    return fresh
