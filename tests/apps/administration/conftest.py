"""The app's pages over a real store and real accounts; whoever opens them signed in with two factors."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from tests.made_up_keys import made_up_keys
from tests.records.made import put
from tests.services.accounts.conftest import CHEAP, MASTER, PARTY, House, Telephone, Time
from tests.trails import auditor_of
from tests.web.conftest import made_up_assets
from tests.web.letting_in import NoPrograms, NothingToTell, doorkeeping
from tianfu.access.organisations import OrganisationTree
from tianfu.apps.administration import ports
from tianfu.apps.administration.routes import administration
from tianfu.db import Addresses, Database
from tianfu.records.keys import open_keyring
from tianfu.records.organisations import Organisations
from tianfu.records.store import Store
from tianfu.services.accounts.hashing import Passwords
from tianfu.services.accounts.model.people import Account, SignedIn, Workplace
from tianfu.services.accounts.opening import open_accounts
from tianfu.services.accounts.signing_in import Entered
from tianfu.services.accounts.staffing import Staffing
from tianfu.services.accounts.store import THE_OPERATOR, Post
from tianfu.web.callers import AllCallers, PeopleCallers
from tianfu.web.site import Doorkeeping, SiteSettings, build_site

PROVINCE, CITY, HOSPITAL, WARD, SIBLING = "province", "city", "hospital", "ward", "other-city"
KINDS = {PROVINCE: "province", CITY: "prefecture", SIBLING: "prefecture", HOSPITAL: "institution", WARD: "department"}
PART_OF = {CITY: PROVINCE, SIBLING: PROVINCE, HOSPITAL: CITY, WARD: HOSPITAL}
NAMES = {PROVINCE: "云溪省", CITY: "云溪市", SIBLING: "远山市", HOSPITAL: "云溪医院", WARD: "内科"}


@dataclass
class World:
    """A small province with its accounts and pages."""

    house: House
    store: Store
    app: Any
    trees: Organisations
    tree: OrganisationTree

    async def person(self, number: str, role: str, organisation: str, *, name: str = "Bai Demo") -> Person:
        """Somebody who was appointed by the operator."""
        account, workplace = await self.house.accounts.people.join_staff(
            THE_OPERATOR, name=name, number=number, post=Post(organisation=organisation, role=role), tree=self.tree
        )
        return Person(self, account, workplace)


@dataclass
class Person:
    """Somebody with an account, who can sign in with two factors and open pages."""

    world: World
    account: Account
    workplace: Workplace
    entered: Entered | None = None

    async def signs_in(self) -> Person:
        house = self.world.house
        await house.set_password(self.account)
        secret = await house.authenticator(self.account)
        house.device = ""
        self.entered = await house.with_both(secret, self.account.number)
        return self

    async def signed_in(self) -> SignedIn:
        assert self.entered is not None
        return await self.world.house.look_up(self.entered)

    async def get(self, path: str) -> httpx.Response:
        return await self._sent("GET", path, None)

    async def post(self, path: str, **fields: str) -> httpx.Response:
        return await self._sent("POST", path, fields)

    async def _sent(self, method: str, path: str, data: dict[str, str] | None) -> httpx.Response:
        assert self.entered is not None
        cookies = f"look=light.clinician.off; session={self.entered.secret}; device={self.entered.device}"
        headers = {"sec-fetch-site": "same-origin", "cookie": cookies, "accept-language": "en"}
        transport = httpx.ASGITransport(self.world.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://made-up.local") as client:
            return await client.request(method, path, data=data, headers=headers)


def unit(name: str, kind: str, part_of: str | None = None, **more: Any) -> dict[str, Any]:
    """The members of an Organization."""
    members = {"active": True, "name": name, "type": [{"coding": [{"system": "urn:tianfu:unit", "code": kind}]}]}
    above = {"partOf": {"reference": f"Organization/{part_of}"}} if part_of else {}
    return {**members, **above, **more}


@pytest.fixture
async def world(database: Database, addresses: Addresses) -> AsyncIterator[World]:
    time = Time()
    auditor = await auditor_of(database)
    keyring = await open_keyring(database, made_up_keys(MASTER))
    telephone = Telephone()
    accounts = open_accounts(
        database, keyring, auditor, sender=telephone, issuer="Demo", party=PARTY, clock=time, passwords=Passwords(CHEAP)
    )
    house = House(accounts, database, keyring, time, telephone, addresses)
    store = await Store.open(database, auditor=auditor, clock=time, keys=made_up_keys(MASTER))
    for each, kind in KINDS.items():
        await put(store, "Organization", each, **unit(NAMES[each], kind, PART_OF.get(each)))
    trees = Organisations(database)
    staffing = Staffing(database, keyring, house.accounts, auditor, clock=time)
    limits = doorkeeping()
    told = NothingToTell()
    people = PeopleCallers(accounts.sessions, accounts.signing_in, limits.limiter, told, is_production=False)
    site = build_site(
        apps=[administration(ports.House(directory=store, trees=trees, staff=staffing, clock=time))],
        settings=SiteSettings(seal_key=b"k" * 32, is_demonstration=True, is_production=False, hosts={"made-up.local"}),
        doorkeeping=Doorkeeping(callers=AllCallers(people, NoPrograms()), limiter=limits.limiter),
        clock=time,
        assets=made_up_assets(),
    )
    yield World(house, store, site, trees, await trees.below(PROVINCE))
    house.accounts.passwords.close()


@pytest.fixture
async def keeper(world: World) -> Person:
    """The city's security administrator."""
    return await (await world.person("S1", "security", CITY, name="Sun Demo")).signs_in()


@pytest.fixture
async def administrator(world: World) -> Person:
    """The city's system administrator."""
    return await (await world.person("A1", "administrator", CITY, name="Ai Demo")).signs_in()


POST = {
    "organisation": HOSPITAL,
    "role": "doctor",
    "title": "attending",
    "licence": "110510000000001",
    "practising_since": "2016",
    "practitioner": "",
}
"""What is typed about a place of work."""


def post_form(**changes: str) -> dict[str, str]:
    return {**POST, **changes}
