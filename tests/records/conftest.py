"""Stores for tests: real ones, on every engine."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import pytest
from tests.desk import DESK
from tests.made_up_keys import made_up_keys
from tests.trails import auditor_of

from tianfu.access.purpose import Purpose
from tianfu.db import Database, Query
from tianfu.kernel.instants import system_clock
from tianfu.records.outcomes import Found, Page, Written
from tianfu.records.store import BundleAnswer, SearchRequest, Store
from tianfu.standards.fhir.parsing import parse_bundle, parse_resource

MASTER = b"0123456789abcdef0123456789abcdef"
KEYS = made_up_keys(MASTER)
WHO = DESK
WHY = Purpose.TREATMENT
SHARED = Path(os.environ.get("TIANFU_SHARED", Path(__file__).parents[3] / "shared"))


@dataclass(frozen=True)
class Desk:
    """A store, and short ways to say what a test does with it."""

    store: Store
    database: Database

    async def create(self, **resource: Any) -> Written:
        written = await self.store.create(WHO, WHY, parse_resource(orjson.dumps(resource)))
        assert isinstance(written, Written)
        return written

    async def update(self, logical_id: str, *, expected_version: int | None = None, **resource: Any) -> Written:
        parsed = parse_resource(orjson.dumps({**resource, "id": logical_id}))
        written = await self.store.update(WHO, WHY, parsed, logical_id, expected_version=expected_version)
        assert isinstance(written, Written)
        return written

    async def found(self, resource_type: str, logical_id: str) -> dict[str, Any]:
        answer = await self.store.read(WHO, WHY, resource_type, logical_id)
        assert isinstance(answer, Found)
        return answer.record.value

    async def search(self, resource_type: str, **parameters: str) -> Page:
        asked = tuple(
            (name.replace("__", ":").replace("last_updated", "_lastUpdated"), value)
            for name, value in parameters.items()
        )
        return await self.store.search(WHO, WHY, SearchRequest(type=resource_type, parameters=asked))

    async def ids(self, resource_type: str, *parameters: tuple[str, str]) -> list[str]:
        page = await self.store.search(WHO, WHY, SearchRequest(type=resource_type, parameters=parameters))
        return [record.id for record in page.records]

    async def transaction(self, *entries: dict[str, Any]) -> list[BundleAnswer]:
        bundle = {"resourceType": "Bundle", "type": "transaction", "entry": list(entries)}
        return await self.store.transaction(WHO, WHY, parse_bundle(orjson.dumps(bundle)))

    async def count(self, table: str) -> int:
        async with self.database.connection("owner") as connection:
            row = await connection.one(Query.composed("count", f"select count(*) from {table}"))  # noqa: S608
        assert row is not None
        return int(row[0])


async def desk_of(database: Database) -> Desk:
    store = await Store.open(database, auditor=await auditor_of(database), clock=system_clock, keys=KEYS)
    return Desk(store, database)


@pytest.fixture
async def desk(database_on_each_engine: Database) -> Desk:
    """A store on every engine in turn."""
    return await desk_of(database_on_each_engine)


@pytest.fixture
async def one_desk(database: Database) -> Desk:
    """A store on the embedded engine."""
    return await desk_of(database)


def patient(**more: Any) -> dict[str, Any]:
    return {"resourceType": "Patient", **more}


def entry(
    method: str, url: str, resource: dict[str, Any] | None = None, full_url: str = "", **request: str
) -> dict[str, Any]:
    """One entry of a transaction."""
    said: dict[str, Any] = {"request": {"method": method, "url": url, **request}}
    if resource is not None:
        said["resource"] = resource
    if full_url:
        said["fullUrl"] = full_url
    return said
