"""A process that is killed in between: a slot is booked or given up, a nurse is called or answers.

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
from tianfu.access.caller import Caller
from tianfu.apps.newborn.actions.book_slot import For, book, end_for_guardian
from tianfu.apps.newborn.actions.call_ward import answer_family, call_ward
from tianfu.apps.newborn.live.house import House
from tianfu.apps.newborn.mapping.codes import VISITS
from tianfu.apps.newborn.ports import Nursery
from tianfu.apps.newborn.queries.family_visit import AtDoor
from tianfu.apps.newborn.visit_ports import Windows
from tianfu.db import Addresses, Database
from tianfu.kernel.instants import SECOND, Clock, Instant
from tianfu.records.audit import Auditor, GroupAuditor
from tianfu.records.store import Store
from tianfu.records.trail.epochs import open_trail
from tianfu.services.booking.places import Places
from tianfu.services.booking.stations import Shown
from tianfu.services.realtime.kept import KeptRooms
from tianfu.services.realtime.viewing import ViewTrail


class Deadly(Places):
    """Places at which whoever confirms or frees one is killed before."""

    async def confirm(self, *places: str, who: Caller | None = None) -> None:
        """Be killed."""
        os.kill(os.getpid(), signal.SIGKILL)

    async def free(
        self, place: str, *, by: Literal["family", "ward"], reason: str, who: Caller | None = None, baby: str = ""
    ) -> tuple[str, Instant] | None:
        """Be killed."""
        os.kill(os.getpid(), signal.SIGKILL)
        return None


class DeadlyStore:
    """A record store by which whoever writes is killed before."""

    def __init__(self, store: Store) -> None:
        self.read_many, self.search = store.read_many, store.search

    async def transaction(self, *_: object) -> None:
        """Be killed."""
        os.kill(os.getpid(), signal.SIGKILL)


class DeadlyMedia:
    """A media server at which whoever lets the ward be heard is killed."""

    async def hear_ward(self, *_: object, **__: object) -> None:
        """Be killed."""
        os.kill(os.getpid(), signal.SIGKILL)


async def call_or_answer(
    told: dict[str, Any], database: Database, store: Store, auditor: Auditor, clock: Clock
) -> None:
    """A family calls the nurse of a visit, or she answers."""
    nobody, visit = cast("Any", None), told["visit"]
    house = House(
        store=cast("Any", DeadlyStore(store)),
        rooms=KeptRooms(database),
        watch=nobody,
        media=cast("Any", DeadlyMedia()),
        doors=nobody,
        trail=ViewTrail(auditor=auditor, clock=clock),
        clock=clock,
        digest=nobody,
        policies=nobody,
    )
    if told["deed"] in {"answer", "voice"}:
        nurse = Caller(id="account-qin", role="nurse", organisation="unit-n2", practitioner="qin")
        word = "written" if told["deed"] == "answer" else "voice"
        await answer_family(house, nurse, "qin", visit, word, "I come.", seen=told["seen"], now=clock())
    nursery = Nursery(
        store=cast("Any", house.store),
        places=nobody,
        claims=nobody,
        interpreters=nobody,
        stations=nobody,
        wordings=nobody,
        clock=clock,
    )
    windows = Windows(nursery=nursery, house=house, grants=nobody, viewers=nobody)
    shown = Shown(visit=visit, until=Instant(clock() + SECOND), may_talk=True)
    family = AtDoor(caller=Caller(id="account-mother", role="citizen"), shown=shown, ward="")
    await call_ward(windows, family, visit, "talk", "once")


async def main(told: dict[str, Any], home: Path) -> None:
    def clock() -> Instant:
        return Instant(told["now"])

    addresses = Addresses(admin=told["admin"], secret=bytes.fromhex(told["secret"]))
    async with Database(addresses) as database:
        trail = await open_trail(database, home, clock)
        auditor = GroupAuditor(database, trail.lanes)
        store = await Store.open(database, auditor=auditor, clock=clock, keys=made_up_keys(MASTER))
        if told["deed"] in {"call", "answer", "voice"}:
            await call_or_answer(told, database, store, auditor, clock)
        nobody = cast("Any", None)
        nursery = Nursery(
            store=store,
            places=Deadly(database, clock),
            claims=nobody,
            interpreters=nobody,
            stations=nobody,
            wordings=nobody,
            clock=clock,
        )
        if told["deed"] == "book":
            each = For(baby=told["baby"], guardian=told["guardian"], ward="ward-1")
            await book(nursery, [each], Instant(told["start"]), by_staff=False, who=VISITS)
        else:
            await end_for_guardian(nursery, VISITS, told["baby"], told["guardian"])


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="tianfu-dying-") as folder:
        asyncio.run(main(orjson.loads(sys.stdin.buffer.read()), Path(folder)))
