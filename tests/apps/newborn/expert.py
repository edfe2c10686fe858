"""A remote consultation in the made-up ward: its doctor, an expert of another house, and what is measured."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from tests.apps.newborn.ward import QIN, UNIT, XIANG, MadeWard
from tianfu.access.caller import Caller
from tianfu.apps.newborn.actions.confirm_binding import confirm_binding
from tianfu.apps.newborn.actions.scan_codes import scan_code
from tianfu.apps.newborn.mapping.codes import CONSENT, CONSULTATION, NEWBORN, REMOTE_EXPERT
from tianfu.apps.newborn.mapping.diary import LOINC
from tianfu.apps.newborn.model.binding import Code
from tianfu.kernel.instants import Instant, to_fhir_instant

HOUSE = "far-hospital"
SHEN = Caller(id="account-shen", role="doctor", organisation=UNIT, practitioner="shen")
ZHONG = Caller(id="account-zhong", role="doctor", organisation=HOUSE, practitioner="zhong")
FAR = Caller(id="account-other", role="doctor", organisation=HOUSE, practitioner="other")
HOUR = 3_600_000_000
NAMES = {"qin": "柳絮（演示）", "shen": "梅影（演示）", "zhong": "钟灵（演示）", "other": "某医生（演示）"}


class Everybody:
    """Whoever is in the directory can sign in."""

    def __init__(self, *but: str) -> None:
        self._but = but

    async def works_as(self, practitioner: str, role: str) -> bool:
        return role == "doctor" and practitioner not in self._but


async def list_experts(ward: MadeWard) -> None:
    """The directory: the ward's doctor, an expert of another house who may be asked, and one who may not."""
    await ward.write(HOUSE, resourceType="Organization", name="示例远山医院")
    for name, text in NAMES.items():
        await ward.write(name, resourceType="Practitioner", active=True, name=[{"text": text}])
    await ward.write(
        "role-zhong",
        resourceType="PractitionerRole",
        active=True,
        practitioner={"reference": "Practitioner/zhong"},
        organization={"reference": f"Organization/{HOUSE}"},
        code=[{"coding": [{"system": NEWBORN, "code": REMOTE_EXPERT}]}],
    )


async def measure(ward: MadeWard, name: str, code: str, value: float, unit: str, *, ago: int, **more: object) -> None:
    """What a monitor's gateway posted about the seventh baby, some microseconds ago."""
    await ward.write(
        name,
        resourceType="Observation",
        status="final",
        code={"coding": [{"system": LOINC, "code": code}]},
        subject={"reference": "Patient/baby-7"},
        effectiveDateTime=to_fhir_instant(Instant(ward.clock() - ago)),
        valueQuantity={"value": value, "unit": unit},
        **more,
    )


async def agree_to_experts(ward: MadeWard, number: int, status: str = "active") -> None:
    """The mother agrees that experts are asked, or takes it back."""
    await ward.write(
        f"experts-{number}",
        resourceType="Consent",
        status=status,
        scope={"coding": [{"system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "patient-privacy"}]},
        category=[{"coding": [{"system": CONSENT, "code": CONSULTATION}]}],
        patient={"reference": f"Patient/baby-{number}"},
        performer=[{"reference": f"RelatedPerson/mother-{number}"}],
        dateTime=to_fhir_instant(ward.clock()),
        policyRule={"text": "演示"},
    )


async def arm(ward: MadeWard, visit: str, number: int = 7) -> None:
    """Two nurses check the bed for a consultation."""
    for code, text in ((Code.WRISTBAND, f"W{number:04}"), (Code.BED, f"B{number:02}"), (Code.CAMERA, f"C{number:02}")):
        await scan_code(ward.house, QIN, "qin", visit, code, text, now=ward.clock())
    await confirm_binding(ward.house, XIANG, "xiang", visit, now=ward.clock())


@asynccontextmanager
async def nurse_at(ward: MadeWard, visit: str) -> AsyncIterator[None]:
    """The nurse's tablet stands at the bed of a consultation."""

    async def here() -> None:
        while True:
            await ward.house.rooms.heard([visit], at=ward.clock())
            await asyncio.sleep(1)

    task = asyncio.create_task(here())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
