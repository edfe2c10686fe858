"""Made-up records and a store to put them in."""

from __future__ import annotations

from typing import Any

import orjson
from tests.desk import DESK
from tests.made_up_keys import made_up_keys
from tests.trails import auditor_of

from tianfu.access.decision import NO_FACTS, decide
from tianfu.access.purpose import Purpose
from tianfu.db import Database
from tianfu.kernel.instants import system_clock
from tianfu.records.store import Store
from tianfu.standards.fhir.parsing import parse_resource

KEYS = made_up_keys(b"m" * 32)
WHO = (DESK, Purpose.TREATMENT)
GRANT = decide(*WHO, NO_FACTS)


async def open_store(database: Database) -> Store:
    """A store on a fresh database."""
    return await Store.open(database, auditor=await auditor_of(database), clock=system_clock, keys=KEYS)


async def put(store: Store, resource_type: str, logical_id: str, **members: Any) -> None:
    """Write a record."""
    text = orjson.dumps({"resourceType": resource_type, "id": logical_id, **members})
    await store.update(*WHO, parse_resource(text), logical_id)
