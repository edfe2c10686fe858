"""Asks the made-up expert about one made-up baby, from now on, unless something is asked already."""

from __future__ import annotations

from typing import Any

import orjson

from demo.ward.beds import CONSULTED_BED, beds
from demo.ward.telling import BED_CODE, EXPERT, STAFF
from tianfu.access.caller import OPERATOR
from tianfu.access.purpose import Purpose
from tianfu.apps.newborn.mapping.codes import NEWBORN, REMOTE_CONSULTATION, VISITS
from tianfu.apps.newborn.mapping.consultations import Asked, appointment_of_consultation, request_of
from tianfu.apps.newborn.mapping.visits import Booked
from tianfu.apps.newborn.model.consultation import MINUTE, Ground, rule
from tianfu.apps.newborn.model.visit import State
from tianfu.kernel.ids import new_uuid7
from tianfu.kernel.instants import Instant, system_clock
from tianfu.records.store import SearchRequest, Store
from tianfu.standards.china import identifier_systems as systems
from tianfu.standards.fhir.parsing import parse_bundle

QUESTION = "示例问题：夜里两次血氧下降，要不要调整呼吸支持？"
REASON = "示例：病区想听听另一家医院的意见"
STANDING = "pending,booked,arrived,checked-in"


async def ask_consultation(store: Store) -> None:
    """Ask as the ward's doctor would in an emergency; nothing happens where the province has no expert."""
    code = next(each.code for each in beds() if each.number == CONSULTED_BED)
    bed = await _one(store, "Location", ("identifier", f"{BED_CODE}|{code}"))
    doctor, expert = [
        await _one(store, "Practitioner", ("identifier", f"{systems.STAFF_NUMBER}|{number}"))
        for number in (STAFF[-1][0], EXPERT[0])
    ]
    if bed is None or doctor is None or expert is None:
        return
    stay = await _one(store, "Encounter", ("location", f"Location/{bed['id']}"), ("status", "in-progress"))
    kind = ("appointment-type", f"{NEWBORN}|{REMOTE_CONSULTATION}")
    if stay is None or await _one(store, "Appointment", kind, ("status", STANDING)) is not None:
        return
    now = system_clock()
    booked = Booked(
        id=new_uuid7(),
        version=0,
        state=State.APPROVED,
        baby=_id(stay["subject"]),
        guardian="",
        ward=_id(bed["partOf"]),
        start=now,
        end=Instant(now + max(rule().minutes) * MINUTE),
        expert=expert["id"],
        ground=Ground.EMERGENCY,
    )
    asked = Asked(by=doctor["id"], expert=expert["id"], question=QUESTION, reason=REASON, at=now)
    entries = [
        {"resource": each, "request": {"method": "PUT", "url": f"{each['resourceType']}/{booked.id}"}}
        for each in (request_of(booked, asked), appointment_of_consultation(booked))
    ]
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": entries}
    await store.transaction(VISITS, Purpose.TREATMENT, parse_bundle(orjson.dumps(bundle)))


async def _one(store: Store, kind: str, *wanted: tuple[str, str]) -> dict[str, Any] | None:
    page = await store.search(OPERATOR, Purpose.OPERATIONS, SearchRequest(type=kind, parameters=wanted))
    return page.records[0].value if page.records else None


def _id(reference: dict[str, Any]) -> str:
    return str(reference["reference"]).rpartition("/")[2]
