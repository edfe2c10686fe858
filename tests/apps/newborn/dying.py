"""A process that books a slot, or gives one up, and is killed in between: between what the record and the places say.

`python -m tests.apps.newborn.dying` reads one JSON object: the database, the instant that its clock shows, the deed.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import tempfile
from pathlib import Path
from typing import Any, Literal, cast

import orjson

from tests.made_up_keys import made_up_keys
from tests.services.accounts.conftest import MASTER
from tianfu.apps.newborn.actions.book_slot import For, book, end_for_guardian
from tianfu.apps.newborn.ports import Nursery
from tianfu.db import Addresses, Database
from tianfu.kernel.instants import Instant
from tianfu.records.audit import GroupAuditor
from tianfu.records.store import Store
from tianfu.records.trail.epochs import open_trail
from tianfu.services.booking.places import Places


class Deadly(Places):
    """Places at which whoever confirms or frees one is killed before."""

    async def confirm(self, *places: str) -> None:
        """Be killed."""
        os.kill(os.getpid(), signal.SIGKILL)

    async def free(self, place: str, *, by: Literal["family", "ward"], reason: str) -> tuple[str, Instant] | None:
        """Be killed."""
        os.kill(os.getpid(), signal.SIGKILL)
        return None


async def main(told: dict[str, Any], home: Path) -> None:
    def clock() -> Instant:
        return Instant(told["now"])

    addresses = Addresses(admin=told["admin"], secret=bytes.fromhex(told["secret"]))
    async with Database(addresses) as database:
        trail = await open_trail(database, home, clock)
        store = await Store.open(
            database, auditor=GroupAuditor(database, trail.lanes), clock=clock, keys=made_up_keys(MASTER)
        )
        nobody = cast("Any", None)
        nursery = Nursery(
            store=store,
            places=Deadly(database, clock),
            claims=nobody,
            interpreters=nobody,
            stations=nobody,
            clock=clock,
        )
        if told["deed"] == "book":
            each = For(baby=told["baby"], guardian=told["guardian"], ward="ward-1")
            await book(nursery, [each], Instant(told["start"]), by_staff=False)
        else:
            await end_for_guardian(nursery, told["baby"], told["guardian"])


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="tianfu-dying-") as folder:
        asyncio.run(main(orjson.loads(sys.stdin.buffer.read()), Path(folder)))
