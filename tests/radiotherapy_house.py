"""A house that takes made-up radiotherapy cases in, over a real database and real sealed files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from demo.radiotherapy.objects import Kind, Making, Objects, objects_of
from demo.radiotherapy.phantoms import made_phantom, sphere_phantom

from tests.made_up_keys import made_up_keys
from tests.trails import auditor_of
from tianfu.access.caller import Caller
from tianfu.db import Database
from tianfu.kernel.instants import Clock, system_clock
from tianfu.records.keys import open_keyring
from tianfu.services.documents.keeping import Documents, open_place
from tianfu.services.imaging.cases import Cases, KeptCase
from tianfu.services.imaging.deliveries import Deliveries, Delivery, TakenIn
from tianfu.standards.dicom.doses import read_dose, write_dose
from tianfu.standards.dicom.encoding import decode

HOSPITAL, OTHER = "county-hospital", "other-hospital"
PHYSICIST = Caller(id="physicist-1", role="physicist", organisation=HOSPITAL)
KEYS = made_up_keys(b"0123456789abcdef0123456789abcdef")


@dataclass(frozen=True, kw_only=True)
class House:
    """Everything about cases."""

    database: Database
    documents: Documents
    deliveries: Deliveries
    cases: Cases
    folder: Path

    async def sent(self, contents: Sequence[bytes], *, into: str | None = None) -> Delivery:
        """A delivery in which all of them arrived."""
        name = await self.deliveries.begin(HOSPITAL, into=into, by=PHYSICIST)
        delivery = await self.deliveries.one(name, HOSPITAL)
        for content in contents:
            await self.deliveries.add(delivery, content)
        return delivery

    async def taken(self, delivery: Delivery) -> TakenIn:
        """The case of a delivery."""
        return await self.deliveries.take_in(delivery, by=PHYSICIST, on_progress=unheard)

    async def case_of(self, contents: Sequence[bytes]) -> KeptCase:
        """A case of these objects."""
        return await self.cases.one((await self.taken(await self.sent(contents))).case, HOSPITAL)


async def unheard(_step: str, _done: int, _total: int) -> None:
    """Progress that nobody follows."""


async def house_of(database: Database, folder: Path, clock: Clock = system_clock) -> House:
    """A house over a database."""
    keyring = await open_keyring(database, KEYS)
    documents = Documents(database, keyring, open_place(None, folder / "documents"), clock)
    auditor = await auditor_of(database)
    return House(
        database=database,
        documents=documents,
        deliveries=Deliveries(database, documents, auditor, clock),
        cases=Cases(database, documents, auditor, clock),
        folder=folder / "documents",
    )


@cache
def small_objects(seed: int = 11) -> Objects:
    """A sphere in a steep dose on few slices, of a patient who is made up; another seed is another patient."""
    return objects_of(made_phantom(sphere_phantom(step_mm=4.5)), Making(seed=seed, fractions_given=1))


@cache
def second_dose(*, factor: float = 1.02) -> bytes:
    """The small case's dose scaled by a factor, as an object of its own."""
    dose = read_dose(decode(small_objects().of(Kind.DOSE)[0], bytes_max=1 << 28), voxels_max=1 << 24).value
    volume = replace(dose.volume, values=(dose.volume.values * factor).astype("float32"))
    return write_dose(replace(dose, instance=f"{dose.instance[:40]}9", volume=volume))
