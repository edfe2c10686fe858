"""Cases that were taken in: listed, described and opened for the organisation that has them."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from tianfu.access.caller import Caller
from tianfu.db import Database, queries
from tianfu.kernel.ids import is_uuid
from tianfu.kernel.instants import Clock, Instant
from tianfu.kernel.refusal import Refusal
from tianfu.records.audit import Auditor
from tianfu.records.deeds import Deeds
from tianfu.services.documents.keeping import Documents
from tianfu.services.imaging.about import CaseAbout
from tianfu.services.imaging.limits import OBJECT_BYTES_MAX, VOXELS_MAX
from tianfu.standards.dicom.findings import Reading

if TYPE_CHECKING:
    from tianfu.standards.dicom.cases import Case

RULE = "imaging-cases"
"""What the trail names as the rule: docs/rules/imaging-cases.md"""

OPEN, EXPORT = "open-imaging-case", "export-imaging-case"
ASK_PLAN, STOP_PLAN, GO_ON_PLAN = "ask-imaging-plan", "stop-imaging-plan", "go-on-imaging-plan"

LISTED_MAX = 50
ORGANISATIONS_MAX = 200
_LAST = "ffffffff-ffff-ffff-ffff-ffffffffffff"

_SQL = queries("tianfu.services.imaging.sql", "cases.sql")


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptObject:
    """An object of a case; `document` names its bytes and changes with them."""

    instance: str
    modality: str
    document: str
    size_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptCase:
    """A case as it lies there."""

    id: str
    organisation: str
    about: CaseAbout
    made_by: str
    made_at: Instant


class Cases:
    """The cases of an installation, each opened for its own organisation alone."""

    def __init__(self, database: Database, documents: Documents, auditor: Auditor, clock: Clock) -> None:
        self._database = database
        self._documents = documents
        self._deeds = Deeds(RULE, auditor, clock)

    async def of(self, organisation: str, *, before: str = "") -> tuple[KeptCase, ...]:
        """An organisation's cases, the newest first, at most LISTED_MAX older than `before`."""
        async with self._database.connection("app") as connection:
            rows = await connection.all(
                _SQL.cases_of, organisation=organisation, before=before if is_uuid(before) else _LAST, limit=LISTED_MAX
            )
        return tuple(await asyncio.gather(*(self._kept(row, organisation) for row in rows)))

    async def organisations(self) -> tuple[str, ...]:
        """Who has cases, or some on their way, in the order of their ids; at most ORGANISATIONS_MAX."""
        async with self._database.connection("app") as connection:
            rows = await connection.all(_SQL.organisations, limit=ORGANISATIONS_MAX)
        return tuple(row[0] for row in rows)

    async def one(self, case: str, organisation: str) -> KeptCase:
        """One case; raises Refusal `case-unknown`, also for another organisation's."""
        if not is_uuid(case):
            raise unknown()
        async with self._database.connection("app") as connection:
            row = await connection.one(_SQL.case_of, case=case, organisation=organisation)
        if row is None:
            raise unknown()
        return await self._kept(row, organisation)

    async def objects(self, case: KeptCase) -> tuple[KeptObject, ...]:
        """What a case holds."""
        async with self._database.connection("app") as connection:
            rows = await connection.all(_SQL.objects_of, case=case.id)
        return tuple(object_of(row) for row in rows)

    async def content(self, kept: KeptObject) -> bytes:
        """The bytes of an object, as they were delivered."""
        return await self._documents.content(kept.document)

    async def read(self, case: KeptCase, *, only: Collection[str] | None = None) -> Reading[Case]:
        """All objects of a case, decoded, or only those of these documents; what is odd among them is told likewise."""
        objects = [each for each in await self.objects(case) if only is None or each.document in only]
        contents = [await self.content(each) for each in objects]
        return await asyncio.to_thread(read_contents, contents)

    async def tell(self, case: KeptCase, deed: str, *, by: Caller, **facts: str) -> None:
        """Have the trail say who opened or exported a case; durable on return."""
        async with self._database.transaction("app") as transaction:
            await self._deeds.tell(transaction, by, deed, case=case.id, organisation=case.organisation, **facts)

    async def _kept(self, row: Any, organisation: str) -> KeptCase:
        case, about, made_by, made_at = row
        told = msgspec.json.decode(await self._documents.content(about), type=CaseAbout)
        return KeptCase(id=str(case), organisation=organisation, about=told, made_by=made_by, made_at=Instant(made_at))


def unknown() -> Refusal:
    """What is not there, or not this organisation's: nobody learns which."""
    return Refusal("case-unknown", next_step="start-again")


def object_of(row: Sequence[Any]) -> KeptObject:
    """A row of a delivery or a case."""
    first, second, third, size = row
    return KeptObject(instance=first, modality=second, document=third, size_bytes=int(size))


def read_contents(contents: Sequence[bytes]) -> Reading[Case]:
    """The case of these objects, within the limits of this house; raises Refusal as `read_case` does."""
    # Loaded by the first case that is read: every process knows of cases, few ever open one.
    from tianfu.standards.dicom.cases import read_case

    return read_case(contents, bytes_max=OBJECT_BYTES_MAX, voxels_max=VOXELS_MAX)
