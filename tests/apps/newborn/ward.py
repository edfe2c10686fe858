"""A made-up ward in a real record store: beds, cameras, babies, mothers, visits that wait at their slot."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import orjson

from tests.made_up_keys import made_up_keys
from tests.services.realtime.running import Running
from tests.trails import auditor_of
from tianfu.access.caller import Caller
from tianfu.access.purpose import Purpose
from tianfu.apps.newborn.actions.confirm_binding import confirm_binding
from tianfu.apps.newborn.actions.scan_codes import scan_code
from tianfu.apps.newborn.live.house import House
from tianfu.apps.newborn.live.keeper import Keeper
from tianfu.apps.newborn.live.standing import Standing, read
from tianfu.apps.newborn.mapping.codes import (
    ACT_CODE,
    BED_CODE,
    CAMERA_CODE,
    CONSENT,
    NEWBORN,
    PHYSICAL_TYPE,
    VIEW,
    VISITS,
    WRISTBAND,
)
from tianfu.apps.newborn.mapping.visits import Booked, appointment_of, booked_from
from tianfu.apps.newborn.model.binding import Code
from tianfu.apps.newborn.model.visit import State
from tianfu.db import Database, Query
from tianfu.kernel.instants import DAY, SECOND, Clock, Instant, system_clock, to_fhir_instant
from tianfu.records.outcomes import Found
from tianfu.records.store import Store
from tianfu.records.watching import Watch
from tianfu.services.booking.places import Places
from tianfu.services.realtime.kept import KeptRooms
from tianfu.services.realtime.viewing import ViewTrail
from tianfu.standards.fhir.parsing import parse_resource

WHY = Purpose.TREATMENT
UNIT, WARD = "unit-n2", "ward-n2"
QIN = Caller(id="account-qin", role="nurse", organisation=UNIT, practitioner="qin")
XIANG = Caller(id="account-xiang", role="nurse", organisation=UNIT, practitioner="xiang")
ELSEWHERE = Caller(id="account-far", role="nurse", organisation="unit-far", practitioner="far")
MINUTE = 60 * SECOND


class Doors:
    """Nobody came in by a grant here: whoever is in a room was let in by the test."""

    def __init__(self) -> None:
        self.revoked: list[str] = []
        self.levels: list[tuple[str, str, str]] = []

    async def viewer(self, visit: str, participant: str) -> Caller:
        return Caller(id=participant, role="citizen")

    async def sends(self, visit: str, participant: str, level: str) -> None:
        self.levels.append((visit, participant, level))

    async def revoke_visit(self, caller: Caller, visit: str, reason: str) -> None:
        self.revoked.append(visit)


@dataclass
class MadeWard:
    """Beds and babies by number; `house` is what a process of the platform has."""

    database: Database
    store: Store
    house: House
    running: Running
    clock: Clock
    visits: dict[int, str] = field(default_factory=dict)

    async def write(self, logical_id: str, **resource: Any) -> None:
        parsed = parse_resource(orjson.dumps({**resource, "id": logical_id}))
        await self.store.update(VISITS, WHY, parsed, logical_id)

    async def read(self, kind: str, logical_id: str) -> dict[str, Any]:
        answer = await self.store.read(VISITS, WHY, kind, logical_id)
        assert isinstance(answer, Found)
        return answer.record.value

    async def furnish(self) -> None:
        for unit in (UNIT, "unit-far"):
            await self.write(unit, resourceType="Organization", name=unit)
        await self.write(
            WARD,
            resourceType="Location",
            physicalType={"coding": [{"system": PHYSICAL_TYPE, "code": "wa"}]},
            managingOrganization={"reference": f"Organization/{UNIT}"},
            name="新生儿二病区",
        )

    async def bed(self, number: int) -> None:
        """A bed with its camera, a baby in it with a mother who agreed, and a visit whose slot has begun."""
        await self.empty_bed(number)
        await self.write(
            f"baby-{number}",
            resourceType="Patient",
            identifier=[{"use": "usual", "system": WRISTBAND, "value": f"W{number:04}"}],
            name=[{"text": f"演示之子{number}"}],
            gender="female",
            birthDate="2026-11-17",
        )
        await self.stay(number, bed=number)
        await self.write(
            f"mother-{number}",
            resourceType="RelatedPerson",
            active=True,
            patient={"reference": f"Patient/baby-{number}"},
            relationship=[{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-RoleCode", "code": "MTH"}]}],
        )
        await self.consent(number, "active")
        now = self.clock()
        await self.book(number, State.WAITING, start=Instant(now - MINUTE), end=Instant(now + 9 * MINUTE))

    async def empty_bed(self, number: int) -> None:
        await self.write(
            f"bed-{number}",
            resourceType="Location",
            identifier=[{"system": BED_CODE, "value": f"B{number:02}"}],
            name=f"{number:02}",
            physicalType={"coding": [{"system": PHYSICAL_TYPE, "code": "bd"}]},
            partOf={"reference": f"Location/{WARD}"},
        )
        await self.camera_at(number, number)

    async def camera_at(self, number: int, bed: int) -> None:
        await self.write(
            f"camera-{number}",
            resourceType="Device",
            identifier=[{"system": CAMERA_CODE, "value": f"C{number:02}"}],
            status="active",
            location={"reference": f"Location/bed-{bed}"},
        )

    async def died(self, number: int) -> None:
        baby = {**await self.read("Patient", f"baby-{number}"), "deceasedDateTime": to_fhir_instant(self.clock())}
        await self.write(baby.pop("id"), **baby)

    async def stay(self, number: int, *, bed: int, status: str = "in-progress") -> None:
        since = to_fhir_instant(self.clock() - DAY)
        await self.write(
            f"stay-{number}",
            resourceType="Encounter",
            status=status,
            **{"class": {"system": ACT_CODE, "code": "IMP"}},
            subject={"reference": f"Patient/baby-{number}"},
            period={"start": since, **({"end": to_fhir_instant(self.clock())} if status == "finished" else {})},
            serviceProvider={"reference": f"Organization/{UNIT}"},
            location=[{"location": {"reference": f"Location/bed-{bed}"}, "status": "active"}],
        )

    async def consent(self, number: int, status: str) -> None:
        await self.write(
            f"consent-{number}",
            resourceType="Consent",
            status=status,
            scope={"coding": [{"system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "treatment"}]},
            category=[{"coding": [{"system": CONSENT, "code": VIEW}]}],
            patient={"reference": f"Patient/baby-{number}"},
            performer=[{"reference": f"RelatedPerson/mother-{number}"}],
            dateTime=to_fhir_instant(self.clock()),
            policyRule={"text": "演示"},
        )

    async def dispute(self, number: int) -> None:
        await self.flag(number, "guardianship-dispute")

    async def flag(self, number: int, what: str, *, status: str = "active") -> None:
        await self.write(
            f"{what}-{number}",
            resourceType="Flag",
            status=status,
            category=[{"coding": [{"system": NEWBORN, "code": what}]}],
            code={"coding": [{"system": NEWBORN, "code": what}]},
            subject={"reference": f"Patient/baby-{number}"},
        )

    async def book(self, number: int, state: State, *, start: Instant, end: Instant, reason: str = "") -> None:
        visit = self.visits.setdefault(number, f"visit-{number}")
        booked = Booked(
            id=visit,
            version=0,
            state=state,
            baby=f"baby-{number}",
            guardian=f"mother-{number}",
            ward=WARD,
            start=start,
            end=end,
            reason=reason,
        )
        resource = appointment_of(booked)
        await self.write(visit, **{name: value for name, value in resource.items() if name != "id"})

    async def arm(self, number: int, *, bed: int | None = None) -> None:
        visit = self.visits[number]
        bed = number if bed is None else bed
        codes = ((Code.WRISTBAND, f"W{number:04}"), (Code.BED, f"B{bed:02}"), (Code.CAMERA, f"C{bed:02}"))
        for code, text in codes:
            await scan_code(self.house, QIN, "qin", visit, code, text, now=self.clock())
        await confirm_binding(self.house, XIANG, "xiang", visit, now=self.clock())

    async def standing(self, number: int) -> Standing:
        room = await self.house.rooms.find(self.visits[number])
        assert room is not None
        return read(room.state)

    async def state(self, number: int) -> State:
        return (await self.standing(number)).visit.state

    async def booked(self, number: int) -> Booked:
        booked = booked_from(await self.read("Appointment", self.visits[number]), version=0)
        assert booked is not None
        return booked

    async def trail(self, *interactions: str) -> list[tuple[Any, ...]]:
        """Interaction, outcome, caller and instant of the events of live visits, in order."""
        async with self.database.connection("owner") as connection:
            rows = await connection.all(
                Query.composed("trail", "select interaction, outcome, caller, at from audit order by seq")
            )
        return [row for row in rows if row[0] in interactions]

    def keeper(self, name: str = "one") -> Keeper:
        return Keeper(self.house, name=name)


@asynccontextmanager
async def made_ward(database: Database, running: Running, clock: Clock = system_clock) -> AsyncIterator[MadeWard]:
    auditor = await auditor_of(database)
    store = await Store.open(
        database, auditor=auditor, clock=clock, keys=made_up_keys(b"0123456789abcdef0123456789abcdef")
    )
    house = House(
        store=store,
        rooms=KeptRooms(database),
        watch=Watch(database),
        media=running.port,
        doors=Doors(),
        trail=ViewTrail(auditor=auditor, clock=clock),
        clock=clock,
        monotonic=lambda: clock() / SECOND,
        digest=lambda text: hashlib.sha256(b"test" + text.encode()).hexdigest(),
        policies=Places(database, clock),
    )
    ward = MadeWard(database, store, house, running, clock)
    await ward.furnish()
    yield ward
