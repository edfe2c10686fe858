"""`python -m tests.journeys.booked_today N`: books visits that begin now for the made-up ward's first N beds.

Says as JSON what is printed at each bed.  Nothing of it is shown before two people checked the bed.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Sequence
from contextlib import closing
from typing import Any

import orjson
from demo.ward.beds import Bed, beds

from tianfu.access.purpose import Purpose
from tianfu.apps.newborn.mapping.codes import BED_CODE, CONSENT, TALK, VIEW, VISITS, WRISTBAND
from tianfu.apps.newborn.mapping.visits import Booked, appointment_of, id_in
from tianfu.apps.newborn.model.visit import State
from tianfu.db import Addresses, Database
from tianfu.installation import installation_keys, running_database
from tianfu.kernel.instants import SECOND, Instant, system_clock, to_fhir_instant
from tianfu.records.audit import GroupAuditor
from tianfu.records.store import SearchRequest, Store
from tianfu.records.trail.epochs import open_trail
from tianfu.services.booking.places import Places
from tianfu.settings import Settings
from tianfu.standards.fhir.parsing import parse_resource
from tianfu.terminal import current_settings

MINUTES = 55
WHY = Purpose.OPERATIONS


async def book(settings: Settings, addresses: Addresses, wanted: Sequence[Bed]) -> list[dict[str, str]]:
    """One visit for each bed, with the consent of the mother who is known there."""
    async with await Database.open(addresses, links_max=2) as database:
        trail = await open_trail(database, settings.home, system_clock)
        with closing(trail):
            auditor = GroupAuditor(database, trail.lanes)
            store = await Store.open(database, auditor=auditor, clock=system_clock, keys=installation_keys(settings))
            places = Places(database, system_clock)
            return [await _book(store, places, bed) for bed in wanted]


async def _book(store: Store, places: Places, bed: Bed) -> dict[str, str]:
    location = await _one(store, "Location", identifier=f"{BED_CODE}|{bed.code}")
    stays = await _all(store, "Encounter", location=f"Location/{location['id']}", status="in-progress")
    baby = id_in(stays[0]["subject"], "Patient")
    guardian = (await _one(store, "RelatedPerson", patient=f"Patient/{baby}"))["id"]
    ward = id_in(location["partOf"], "Location")
    start = system_clock()
    end = Instant(start + MINUTES * 60 * SECOND)
    [name] = await places.hold(ward, [(baby, guardian, start, end)], lambda _: None, by_staff=True)
    await _write(
        store,
        {
            "resourceType": "Consent",
            "id": name,
            "status": "active",
            "scope": {
                "coding": [{"system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "treatment"}]
            },
            "category": [{"coding": [{"system": CONSENT, "code": each}]} for each in (VIEW, TALK)],
            "patient": {"reference": f"Patient/{baby}"},
            "performer": [{"reference": f"RelatedPerson/{guardian}"}],
            "dateTime": to_fhir_instant(start),
            "policyRule": {"text": "演示"},
        },
    )
    booked = Booked(
        id=name,
        version=0,
        state=State.SLOT_CONFIRMED,
        baby=baby,
        guardian=guardian,
        ward=ward,
        start=start,
        end=end,
    )
    await _write(store, appointment_of(booked))
    await places.confirm(name)
    patient = await _one(store, "Patient", _id=baby)
    band = next(each["value"] for each in patient["identifier"] if each["system"] == WRISTBAND)
    return {"visit": name, "bed": bed.code, "camera": bed.camera_code, "wristband": band}


async def _all(store: Store, kind: str, **fields: str) -> list[dict[str, Any]]:
    page = await store.search(VISITS, WHY, SearchRequest(type=kind, parameters=tuple(fields.items())))
    return [each.value for each in page.records]


async def _one(store: Store, kind: str, **fields: str) -> dict[str, Any]:
    [found] = await _all(store, kind, **fields)
    return found


async def _write(store: Store, resource: dict[str, Any]) -> None:
    await store.update(VISITS, WHY, parse_resource(orjson.dumps(resource)), resource["id"])


def main() -> None:
    """Book for the number of beds that was asked."""
    settings = current_settings()
    with running_database(settings) as addresses:
        booked = asyncio.run(book(settings, addresses, beds()[: int(sys.argv[1])]))
    print(json.dumps(booked))


if __name__ == "__main__":
    main()
