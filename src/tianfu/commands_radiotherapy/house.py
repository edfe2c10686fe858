"""The kept cases of this installation, opened for one command; and whose cases are meant."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from tianfu.access.caller import OPERATOR, Caller
from tianfu.db import Addresses, Database
from tianfu.installation import documents_of, installation_keys, migrated_database
from tianfu.kernel.ids import FHIR_ID, is_uuid
from tianfu.kernel.instants import system_clock
from tianfu.kernel.refusal import Refusal
from tianfu.settings import Settings
from tianfu.terminal import current_settings

if TYPE_CHECKING:
    from tianfu.services.documents.keeping import Documents
    from tianfu.services.imaging.cases import Cases, KeptCase
    from tianfu.services.imaging.deliveries import Deliveries, Delivery
    from tianfu.services.jobs.works import Works

Value = TypeVar("Value")

BY: Caller = OPERATOR
"""Whom the trail and the works name: whoever sits at the machine."""

ROLE = "physicist"
"""Who sees the cases of his organisation on pages."""

Organisation = Annotated[
    str | None, typer.Option("--organisation", help="id of the Organization whose case it is, where there are several")
]


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """Everything about kept cases, for the length of a command."""

    settings: Settings
    addresses: Addresses
    database: Database
    documents: Documents
    cases: Cases
    deliveries: Deliveries
    works: Works

    async def organisation(self, named: str | None) -> str:
        """The organisation that is named, or the only one that could be meant.

        Raises Refusal `organisation-not-there`, `organisation-unclear` or `organisation-none`.
        """
        known = await self._known()
        if named is not None:
            if named not in known and not await self._is_there(named):
                raise Refusal("organisation-not-there", details={"organisation": named, "known": _listed(known)})
            return named
        if not known:
            raise Refusal("organisation-none", next_step="name-an-organisation")
        if len(known) > 1:
            raise Refusal("organisation-unclear", next_step="name-an-organisation", details={"known": _listed(known)})
        return known[0]

    async def case(self, case: str, organisation: str | None) -> KeptCase:
        """A case by its id, whose ever it is unless an organisation is named; raises Refusal `case-unknown`."""
        return await self._found(organisation, lambda each: self.cases.one(case, each), "case-unknown")

    async def delivery(self, delivery: str, organisation: str | None) -> Delivery:
        """A delivery by its id, likewise; raises Refusal `delivery-unknown`."""
        return await self._found(organisation, lambda each: self.deliveries.one(delivery, each), "delivery-unknown")

    async def _found(self, organisation: str | None, look: Callable[[str], Awaitable[Value]], code: str) -> Value:
        for each in [organisation] if organisation is not None else await self._known():
            try:
                return await look(each)
            except Refusal as refusal:
                if refusal.code != code:
                    raise
        raise Refusal(code, next_step="look-at-the-list")

    async def _known(self) -> list[str]:
        from tianfu.services.accounts.workplaces import organisations_with

        staffed, having = await organisations_with(self.database, ROLE), await self.cases.organisations()
        return sorted({*staffed, *having})

    async def _is_there(self, organisation: str) -> bool:
        from tianfu.kernel.ids import record_number
        from tianfu.records.organisations import Organisations

        if not FHIR_ID.match(organisation):
            return False
        number = record_number("Organization", organisation)
        return (await Organisations(self.database).above([organisation])).has(number)


def is_case(place: str) -> bool:
    """Whether the id of a case is meant and not a folder; a folder of such a name is written with `./` before it."""
    return is_uuid(place)


def with_house(work: Callable[[House], Awaitable[Value]]) -> Value:
    """Do something with the kept cases of this installation."""
    settings = current_settings()

    async def done(addresses: Addresses) -> Value:
        async with _opened(settings, addresses) as house:
            return await work(house)

    with migrated_database(settings) as addresses:
        return asyncio.run(done(addresses))


@asynccontextmanager
async def _opened(settings: Settings, addresses: Addresses) -> AsyncIterator[House]:
    from tianfu.records.audit import GroupAuditor
    from tianfu.records.keys import open_keyring
    from tianfu.records.trail.epochs import open_trail
    from tianfu.services.imaging.cases import Cases
    from tianfu.services.imaging.deliveries import Deliveries
    from tianfu.services.jobs.works import Works
    from tianfu.services.limits.limits import load_limits

    async with await Database.open(addresses, links_max=4) as database:
        trail = await open_trail(database, settings.home, system_clock)
        try:
            documents = documents_of(settings, database, await open_keyring(database, installation_keys(settings)))
            auditor = GroupAuditor(database, trail.lanes)
            yield House(
                settings=settings,
                addresses=addresses,
                database=database,
                documents=documents,
                cases=Cases(database, documents, auditor, system_clock),
                deliveries=Deliveries(database, documents, auditor, system_clock),
                works=Works(database, system_clock, most=load_limits(settings.limits_file).open_works),
            )
        finally:
            trail.close()


def _listed(organisations: list[str]) -> str:
    return ", ".join(organisations) or "–"
