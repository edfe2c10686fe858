"""How soon a family sees nothing more after its baby's bed was moved: the whole road, with a store and the keeper.

`python -m bench.newborn_moves SOCKET [BEDS [ROUNDS]]` prints one JSON object.  A hospital's machine writes the move
into a real store, the real keeper sees it and cuts at the media server, and light peers tell when the last packet
came.  It is counted from before the write is handed in: its commit lies between, so that no cut was later than told.
The keeper shares its process with the load, which can only make it later.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import orjson
import psycopg
import structlog
import uvloop
from tests.apps.newborn.ward import QIN, UNIT, WARD, XIANG, MadeWard, made_ward
from tests.trails import close_trails

from bench.newborn_load import CAMERA, FAMILY, PICTURES_PER_SECOND, End, Visit, viewer
from tianfu.access.caller import Caller
from tianfu.access.purpose import Purpose
from tianfu.apps.newborn.actions.confirm_binding import confirm_binding
from tianfu.apps.newborn.actions.open_curtain import open_curtain
from tianfu.apps.newborn.actions.scan_codes import scan_code
from tianfu.apps.newborn.mapping.codes import ACT_CODE, BED_CODE, PHYSICAL_TYPE
from tianfu.apps.newborn.model.binding import Code
from tianfu.apps.newborn.model.visit import State
from tianfu.db import Addresses, Database, EmbeddedPostgres, migrate
from tianfu.installation import schema_steps
from tianfu.kernel.instants import DAY, SECOND, Instant, to_fhir_instant
from tianfu.services.realtime.embedded.remote import EmbeddedMedia
from tianfu.services.realtime.protocol.parts import Part
from tianfu.standards.fhir.parsing import parse_resource

BEDS, ROUNDS = 8, 26
OTHER_BED = 50
"""A baby and its camera are moved between the bed of a number and that of a number so much higher."""

SLOT = 60 * 60 * SECOND
WITHIN_SECONDS = 1.2
"""The moves of a round begin at random moments of so long, apart from when the keeper looks."""

SILENT_SECONDS = 0.3
"""A picture comes each 40 ms: who got nothing for so long behind the curtain has had the last packet."""

HEARD_SECONDS = 1.0
WAIT_SECONDS_MAX = 30.0

HOSPITAL = Caller(id="hospital-n2", role="hospital-system", organisation=UNIT)
"""Who writes that a bed was moved: the hospital's own system."""

Result = dict[str, object]


@dataclass(slots=True)
class Seat:
    """A visit, its family and the bed in which its baby lies now."""

    number: int
    bed: int
    visit: Visit

    @property
    def family(self) -> End:
        """Who sees it."""
        return self.visit.seers[0]


class Server:
    """What a made-up ward asks of whoever runs a media server: the port."""

    def __init__(self, port: EmbeddedMedia) -> None:
        self.port = port


async def moves(database: Database, port: EmbeddedMedia, beds: int, rounds: int) -> Result:
    """Move babies from bed to bed again and again while their visits are live, and bind and open them anew."""
    async with made_ward(database, cast("Any", Server(port))) as ward:
        await _furnish(ward, beds)
        keeper = ward.keeper()
        working = [asyncio.create_task(each) for each in (keeper.run(), _tablet(ward))]
        seats = [Seat(number, number, await _visit(ward, port, number)) for number in range(beds)]
        working.append(asyncio.create_task(_send([seat.visit for seat in seats])))
        took: list[float] = []
        for count in range(rounds):
            if count:
                await asyncio.gather(*(_seat_anew(ward, seat) for seat in seats))
            await asyncio.gather(*(_open(ward, seat) for seat in seats))
            ended = [each for each in working if each.done()]
            if ended:
                raise SystemExit(f"ended too early: {ended}")
            took += await asyncio.gather(*(_move(ward, seat) for seat in seats))
        for each in working:
            each.cancel()
        await asyncio.gather(*working, return_exceptions=True)
    return {
        "moved_cut_ms_p99": round(1_000 * sorted(took)[len(took) * 99 // 100], 1),
        "moved_cut_ms_p50": round(1_000 * statistics.median(took), 1),
        "moved_cut_ms_max": round(1_000 * max(took), 1),
        "moves": len(took),
    }


async def _furnish(ward: MadeWard, beds: int) -> None:
    now = ward.clock()
    for number in range(beds):
        await ward.bed(number)
        await ward.book(number, State.WAITING, start=Instant(now - SLOT), end=Instant(now + SLOT))
        await ward.write(
            f"bed-{number + OTHER_BED}",
            resourceType="Location",
            identifier=[{"system": BED_CODE, "value": f"B{number + OTHER_BED:02}"}],
            name=f"{number + OTHER_BED:02}",
            physicalType={"coding": [{"system": PHYSICAL_TYPE, "code": "bd"}]},
            partOf={"reference": f"Location/{WARD}"},
        )


async def _visit(ward: MadeWard, port: EmbeddedMedia, number: int) -> Visit:
    """A camera at its bed, the visit armed, and the family in the room, behind the curtain."""
    seen = End(number)
    await seen.peer.accept(await port.whip(f"camera-{number}", await seen.peer.offer(CAMERA, video=("H264",))))
    await seen.connected()
    await _until(lambda: ward.house.rooms.has_camera(f"camera-{number}"), f"camera {number} is not heard of")
    await _bind(ward, number, number)
    return Visit(seen, [await viewer(port, number, "family", Part.FAMILY, FAMILY)], None)


async def _bind(ward: MadeWard, number: int, bed: int) -> None:
    """One nurse scans, another confirms."""
    visit = ward.visits[number]
    codes = ((Code.WRISTBAND, f"W{number:04}"), (Code.BED, f"B{bed:02}"), (Code.CAMERA, f"C{number:02}"))
    for code, text in codes:
        await scan_code(ward.house, QIN, "qin", visit, code, text, now=ward.clock())
    await confirm_binding(ward.house, XIANG, "xiang", visit, now=ward.clock())


async def _seat_anew(ward: MadeWard, seat: Seat) -> None:
    """The camera follows the baby to its new bed, and is bound there."""
    await ward.camera_at(seat.number, seat.bed)
    await _bind(ward, seat.number, seat.bed)


async def _open(ward: MadeWard, seat: Seat) -> None:
    """Open the curtain, and wait until the family sees."""
    await open_curtain(ward.house, QIN, ward.visits[seat.number], now=ward.clock())
    before = seat.family.heard

    async def is_seen() -> bool:
        return seat.family.heard > before

    await _until(is_seen, f"visit {seat.number} shows nothing")


async def _move(ward: MadeWard, seat: Seat) -> float:
    """Move a baby at a random moment; seconds from before the write was handed in to the last packet."""
    await asyncio.sleep(random.uniform(0, WITHIN_SECONDS))
    seat.bed = seat.number if seat.bed != seat.number else seat.number + OTHER_BED
    began = time.monotonic()
    await _write_move(ward, seat)
    written = time.monotonic()

    async def is_cut() -> bool:
        return await ward.state(seat.number) is State.SHIELDED

    await _until(is_cut, f"visit {seat.number} goes on after its bed was moved")
    reason = (await ward.standing(seat.number)).visit.reason
    if reason != "bed-moved":
        raise SystemExit(f"visit {seat.number} was cut because of {reason}")
    cut = time.monotonic()

    async def is_silent() -> bool:
        return time.monotonic() - max(cut, seat.family.last_at) > SILENT_SECONDS

    await _until(is_silent, f"the family of visit {seat.number} still sees after its bed was moved")
    return max(seat.family.last_at, written) - began


async def _write_move(ward: MadeWard, seat: Seat) -> None:
    """The hospital's system writes in which bed the baby lies now, as a whole new version of its stay."""
    stay = {
        "resourceType": "Encounter",
        "id": f"stay-{seat.number}",
        "status": "in-progress",
        "class": {"system": ACT_CODE, "code": "IMP"},
        "subject": {"reference": f"Patient/baby-{seat.number}"},
        "period": {"start": to_fhir_instant(Instant(ward.clock() - DAY))},
        "serviceProvider": {"reference": f"Organization/{UNIT}"},
        "location": [{"location": {"reference": f"Location/bed-{seat.bed}"}, "status": "active"}],
    }
    await ward.store.update(HOSPITAL, Purpose.TREATMENT, parse_resource(orjson.dumps(stay)), str(stay["id"]))


async def _until(true: Callable[[], Awaitable[bool]], otherwise: str) -> None:
    since = time.monotonic()
    while not await true():
        if time.monotonic() - since > WAIT_SECONDS_MAX:
            raise SystemExit(f"{otherwise} for {WAIT_SECONDS_MAX} s")
        await asyncio.sleep(0.05)


async def _send(visits: Sequence[Visit]) -> None:
    """Let all cameras send, one after the other; leases are the keeper's alone."""
    began, each, number = time.monotonic(), 1 / PICTURES_PER_SECOND / len(visits), 0
    while True:
        visits[number % len(visits)].tick()
        number += 1
        if number % (PICTURES_PER_SECOND * len(visits)) == 0:
            for visit in visits:
                for seer in visit.seers:
                    seer.report()
        await asyncio.sleep(max(0.0, began + number * each - time.monotonic()))


async def _tablet(ward: MadeWard) -> None:
    """The nurse's tablet says again and again that she is there."""
    while True:
        await ward.house.rooms.heard(list(ward.visits.values()), at=ward.clock())
        await asyncio.sleep(HEARD_SECONDS)


async def _measured(addresses: Addresses, socket: Path, beds: int, rounds: int) -> Result:
    async with await Database.open(addresses) as database:
        return await moves(database, EmbeddedMedia(socket), beds, rounds)


def main(socket: str, beds: str = str(BEDS), rounds: str = str(ROUNDS)) -> None:
    """Measure on a store in a folder of its own."""
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))  # the result alone is printed
    with tempfile.TemporaryDirectory(prefix="tianfu-bench-moves-") as folder:
        home = Path(folder)
        home.chmod(0o755)  # the embedded server may run as another account
        with EmbeddedPostgres(home).running() as addresses:
            with psycopg.connect(addresses.admin, autocommit=True) as connection:
                connection.execute(b"create database moves template template0 encoding 'UTF8' locale 'C'")
            fresh = addresses.in_database("moves")
            migrate(fresh, schema_steps())
            result = uvloop.run(_measured(fresh, Path(socket), int(beds), int(rounds)))
            close_trails()
    print(json.dumps(result), flush=True)
    os._exit(0)  # as in bench.newborn_load


if __name__ == "__main__":
    main(*sys.argv[1:])
