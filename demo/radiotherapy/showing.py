"""Made-up cases for the made-up physicist: there when he signs in, at the hospital where he works."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from demo.radiotherapy.machines import made_machine
from demo.radiotherapy.objects import Kind, Making, objects_of, values_of, written
from demo.radiotherapy.phantoms import made_phantom, parts_phantom, ring_phantom
from tianfu.access.caller import OPERATOR
from tianfu.apps.radiotherapy.machine_files import FOLDER
from tianfu.apps.radiotherapy.model.contouring.reviews import accepted_by
from tianfu.apps.radiotherapy.model.machines.writing import write_machine
from tianfu.db import Addresses, Database, Query
from tianfu.installation import installation_keys, radiotherapy_bench
from tianfu.kernel.instants import system_clock
from tianfu.records.audit import GroupAuditor
from tianfu.records.keys import open_keyring
from tianfu.records.trail.epochs import open_trail
from tianfu.settings import Settings
from tianfu.standards.dicom.cases import Case
from tianfu.standards.dicom.doses import read_dose, write_dose
from tianfu.standards.dicom.encoding import decode

BYTES_MAX, VOXELS_MAX = 1 << 28, 1 << 24
REVIEWER, REVIEWED_AT = "Demo^Reviewer", datetime(2026, 3, 10, tzinfo=UTC)
WORKPLACES = Query.composed(
    "physicists", "select distinct organisation from workplace where role = 'physicist' and until is null"
)


def shown_cases() -> tuple[tuple[bytes, ...], ...]:
    """Two cases: a target around a cord with a second dose, its contours accepted; and nodes that nobody accepted."""
    ring = written(_accepted(values_of(made_phantom(ring_phantom()), Making(seed=21, fractions_given=2))))
    parts = objects_of(made_phantom(parts_phantom()), Making(seed=22))
    return ((*ring.contents(), _hotter(ring.of(Kind.DOSE)[0])), parts.contents())


def _accepted(case: Case) -> Case:
    """With contours that a made-up person stands for: on others nobody may plan."""
    (drawn,) = case.structure_sets
    accepted = tuple(accepted_by(one, person=REVIEWER, at=REVIEWED_AT) for one in drawn.structures)
    return replace(case, structure_sets=(replace(drawn, structures=accepted),))


def _hotter(content: bytes) -> bytes:
    """The same dose three percent higher, as another object."""
    dose = read_dose(decode(content, bytes_max=BYTES_MAX), voxels_max=VOXELS_MAX).value
    volume = replace(dose.volume, values=(dose.volume.values * 1.03).astype("float32"))
    return write_dose(replace(dose, instance=f"{dose.instance[:50]}.3", volume=volume, comment="3 % higher"))


def show_machine(home: Path) -> None:
    """Lay the made-up machine where pages look for machines, if nothing lies there: whoever tries may plan on it."""
    folder = home / FOLDER
    if not folder.exists():
        folder.mkdir(parents=True)
        (folder / "made-up-6mv-1.json").write_bytes(write_machine(made_machine()))


async def show_cases(settings: Settings, addresses: Addresses) -> int:
    """Take the cases in where a made-up physicist works and has none; how many were taken in."""
    taken = 0
    await asyncio.to_thread(show_machine, settings.home)
    async with await Database.open(addresses, links_max=2) as database:
        async with database.connection("owner") as session:
            places = [row[0] for row in await session.all(WORKPLACES)]
        trail = await open_trail(database, settings.home, system_clock)
        try:
            keyring = await open_keyring(database, installation_keys(settings))
            bench = radiotherapy_bench(settings, database, keyring, GroupAuditor(database, trail.lanes))
            for place in places:
                if await bench.cases.of(place):
                    continue
                for contents in shown_cases():
                    name = await bench.deliveries.begin(place, into=None, by=OPERATOR)
                    delivery = await bench.deliveries.one(name, place)
                    for content in contents:
                        await bench.deliveries.add(delivery, content)
                    await bench.deliveries.take_in(delivery, by=OPERATOR, on_progress=_unheard)
                    taken += 1
        finally:
            trail.close()
    return taken


async def _unheard(_step: str, _done: int, _total: int) -> None:
    """Nobody waits for it."""
