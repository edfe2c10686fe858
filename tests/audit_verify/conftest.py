"""An installation's trail, a hand that changes it as the superuser, and the program that checks it."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import redirect_stdout
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import orjson
import psycopg
import pytest
from psycopg import sql

from tests.desk import DESK
from tests.made_up_keys import made_up_keys
from tianfu.access.purpose import Purpose
from tianfu.db import Addresses, Database, Role
from tianfu.kernel.instants import system_clock
from tianfu.records.audit import GroupAuditor
from tianfu.records.store import SearchRequest, Store
from tianfu.records.trail.epochs import Trail, open_trail
from tianfu.records.trail.roots import ROOTS_NOT_KEPT, RootMaker
from tianfu.standards.fhir.parsing import parse_resource
from tianfu.vault.places import FolderPlace
from tianfu_audit_verify.command import ADDRESS, main

WHO = DESK
WHY = Purpose.TREATMENT
COLUMNS = (
    "at, caller, practitioner, organisation, session, role, purpose, rule, interaction, outcome, type, rids, prids, "
    "query, request"
)
"""In the order of the fields of AuditEvent."""
KEYS = made_up_keys(b"0123456789abcdef0123456789abcdef")


@dataclass(frozen=True)
class Checked:
    """What the program said."""

    code: int
    said: dict[str, Any]

    @property
    def verdict(self) -> str:
        return str(self.said["verdict"])

    @property
    def tampered(self) -> list[tuple[Any, ...]]:
        """Kind, lane and number of each finding."""
        return [(each["kind"], each.get("lane"), each.get("number")) for each in self.said["tampered"]]

    @property
    def unchecked(self) -> list[str]:
        return [each["kind"] for each in self.said["unchecked"]]


class Installation:
    """A home, its database, and processes that come and go."""

    def __init__(self, home: Path, addresses: Addresses, database: Database) -> None:
        self.home = home
        self.addresses = addresses
        self._database = database
        self._processes: list[Process] = []

    @property
    def audit(self) -> Path:
        return self.home / "audit"

    async def process(self) -> Process:
        """A process begins."""
        database = await Database.open(self.addresses)
        trail = await open_trail(database, self.home, system_clock)
        auditor = GroupAuditor(database, trail.lanes)
        store = await Store.open(database, auditor=auditor, clock=system_clock, keys=KEYS)
        process = Process(database, trail, store)
        self._processes.append(process)
        return process

    async def root(self) -> int | None:
        """A root over what stands."""
        trail = self._processes[-1].trail
        place = FolderPlace(trail.folders.roots, code=ROOTS_NOT_KEPT)
        return await RootMaker(self._database, trail.folders, place, trail.signer, system_clock).make()

    async def close(self) -> None:
        for process in self._processes:
            await process.end()

    def superuser(self, statement: str, **values: Any) -> list[tuple[Any, ...]]:
        """What somebody does who rules the database, past every right and trigger."""
        with psycopg.connect(self.addresses.admin, autocommit=True) as connection:
            connection.execute("set search_path = tianfu")
            connection.execute("set session_replication_role = replica")
            cursor = connection.execute(sql.SQL(statement), values)  # type: ignore[arg-type]  # tests put it together
            return cursor.fetchall() if cursor.description else []

    def check(self, **places: str | None) -> Checked:
        """Run the command that checks; a place given as None is left out."""
        with pytest.MonkeyPatch.context() as here, redirect_stdout(io.StringIO()) as said:
            here.setenv(ADDRESS, self.addresses.of(Role.READER))
            code = main(self._arguments(places))
        return Checked(code, json.loads(said.getvalue()))

    def check_by_program(self, **places: str | None) -> Checked:
        """The same by a process of its own."""
        command = [sys.executable, "-m", "tianfu_audit_verify", *self._arguments(places)]
        environment = {**os.environ, ADDRESS: self.addresses.of(Role.READER)}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert done.stdout, done.stderr
        return Checked(done.returncode, json.loads(done.stdout))

    def _arguments(self, places: Mapping[str, str | None]) -> list[str]:
        given = {name: str(self.audit / name) for name in ("heads", "roots", "keys")} | places
        named = ([f"--{name}", place] for name, place in given.items() if place is not None)
        return ["--json", *chain.from_iterable(named)]


class Process:
    """One process of an installation."""

    def __init__(self, database: Database, trail: Trail, store: Store) -> None:
        self.database: Database | None = database
        self.trail = trail
        self.store = store

    @property
    def writer(self) -> str:
        return self.trail.lanes.writer.hex()

    async def works(self, rounds: int = 3) -> None:
        """Write, read and search, one after the other: one lane, several events each round."""
        for number in range(rounds):
            name = f"{self.writer[:8]}-{number}"
            patient = parse_resource(orjson.dumps({"resourceType": "Patient", "id": name, "gender": "male"}))
            await self.store.update(WHO, WHY, patient, name)
            await self.store.read(WHO, WHY, "Patient", name, request=f"r{number}")
            asked = SearchRequest(type="Patient", parameters=(("_id", name),))
            await self.store.search(WHO, WHY, asked)

    async def end(self) -> None:
        """End as a killed process does: nothing is said, files and connections are let go."""
        if self.database is not None:
            self.trail.close()
            await self.database.close()
            self.database = None


@pytest.fixture
async def installation(short_folder: Path, addresses: Addresses, database: Database) -> AsyncIterator[Installation]:
    made = Installation(short_folder, addresses, database)
    yield made
    await made.close()
