"""A made-up ward over a real store and real accounts: three babies in beds, two of them twins, and their people."""

from __future__ import annotations

import re
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

import httpx
import pytest

from tests.made_up_keys import made_up_keys
from tests.records.made import put
from tests.services.accounts.conftest import CHEAP, MASTER, PARTY, TREE, House, Telephone, Time
from tests.services.accounts.conftest import WARD as UNIT
from tests.trails import auditor_of, close_trails
from tests.web.conftest import made_up_assets
from tests.web.letting_in import MemoryBuckets, NothingToTell
from tianfu.apps.lifelong.routes import lifelong
from tianfu.apps.newborn.mapping.codes import PHYSICAL_TYPE, WRISTBAND
from tianfu.apps.newborn.mapping.guardians import INPATIENT
from tianfu.apps.newborn.model.consent import current_version
from tianfu.apps.newborn.ports import Nursery
from tianfu.apps.newborn.routes import newborn
from tianfu.db import Addresses, Database
from tianfu.kernel.instants import china_date
from tianfu.records.keys import open_keyring
from tianfu.records.store import Store
from tianfu.services.accounts.hashing import Passwords
from tianfu.services.accounts.model.people import Assurance, SignedIn
from tianfu.services.accounts.opening import open_accounts
from tianfu.services.accounts.signing_in import Entered
from tianfu.services.accounts.store import THE_OPERATOR, Post
from tianfu.services.booking.claims import Claims
from tianfu.services.booking.interpreters import Interpreters
from tianfu.services.booking.places import Places
from tianfu.services.booking.stations import Stations
from tianfu.services.booking.wordings import Wordings
from tianfu.services.limits.limiter import Limiter
from tianfu.services.limits.limits import load_limits
from tianfu.web.callers import Callers, PeopleCallers
from tianfu.web.site import Doorkeeping, SiteSettings, build_site

MOTHER, FATHER, OTHER_MOTHER, GRANDMOTHER = "13800001111", "13800002222", "13800003333", "13800004444"
NAMES = {MOTHER: "示例妈妈", FATHER: "示例爸爸", OTHER_MOTHER: "示例另一位妈妈", GRANDMOTHER: "示例外婆"}
STAFF = {"head": "H520001", "nurse": "H520002", "doctor": "H520003"}
POLICY = {
    "windows": "1-7 15:00-17:00",
    "closed": "",
    "slot_minutes": "20",
    "gap_minutes": "10",
    "at_once": "1",
    "days_ahead": "7",
    "per_baby_a_day": "2",
    "cancel_minutes": "60",
    "invited_max": "2",
}
CONSENT = {"view": "yes", "talk": "yes", "diary": "no", "photo": "no"}


@dataclass
class Browser:
    """Somebody at a browser, who signed in; each request is as a browser sends it."""

    ward: Ward
    entered: Entered

    async def get(self, path: str) -> httpx.Response:
        return await self._sent("GET", path, None)

    async def post(self, path: str, **fields: str) -> httpx.Response:
        return await self._sent("POST", path, fields)

    async def send_file(self, path: str, name: str, content: bytes, *, called: str = "IMG_0001.JPG") -> httpx.Response:
        """Post a form that holds a file."""
        return await self._sent("POST", path, None, files={name: (called, content, "image/jpeg")})

    async def _sent(
        self, method: str, path: str, data: dict[str, str] | None, files: dict[str, Any] | None = None
    ) -> httpx.Response:
        transport = httpx.ASGITransport(cast("Any", self.ward.site))
        headers = {
            "sec-fetch-site": "same-origin",
            "accept-language": "en",
            "cookie": f"session={self.entered.secret}; device={self.entered.device}",
        }
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            return await client.request(method, path, data=data, files=files, headers=headers)

    async def done(self, path: str, **fields: str) -> str:
        """Post a form that is taken; what the address then says was done."""
        answer = await self.post(path, **fields)
        assert answer.status_code == 303, (answer.status_code, re.sub(r"<[^>]*>|\s+", " ", answer.text)[:1500])
        return answer.headers["location"].partition("done=")[2]

    async def refused(self, path: str, **fields: str) -> str:
        """Post a form that is not taken; the words of the page."""
        answer = await self.post(path, **fields)
        assert answer.status_code >= 400, answer.headers.get("location")
        return answer.text

    async def here(self) -> SignedIn:
        return await self.ward.house.accounts.sessions.look_up(self.entered.secret, self.entered.device)

    async def slots(self, baby: str = "baby-1") -> list[str]:
        """The starts that the page of booking offers."""
        page = (await self.get(f"/newborn/book/{baby}")).text
        return re.findall(r'name="start" value="(\d+)" required', page)


@dataclass
class Ward:
    """The installation as a test sees it."""

    house: House
    store: Store
    nursery: Nursery
    site: Any
    site_with: Callable[..., Any]

    async def resident(self, telephone: str, *, named: bool = True) -> Browser:
        entered = await self.house.with_code(telephone)
        account = entered.signed_in.account.id
        if named:
            await self.house.accounts.people.retell(account, name=NAMES[telephone], assurance=Assurance.NAMED)
            self.house.accounts.sessions.forget_known(account)
        self.house.device = ""
        return Browser(self, entered)

    async def staff(self, who: str, *, organisation: str = UNIT) -> Browser:
        title = "护士长" if who == "head" else None
        role = "doctor" if who == "doctor" else "nurse"
        post = Post(organisation=organisation, role=role, title=title, practitioner=f"made-{who}")
        people = self.house.accounts.people
        account, _ = await people.join_staff(THE_OPERATOR, name="Demo", number=STAFF[who], post=post, tree=TREE)
        await self.house.set_password(account)
        secret = await self.house.authenticator(account)
        entered = await self.house.with_both(secret, STAFF[who])
        self.house.device = ""
        return Browser(self, entered)

    async def opened(self, **changes: str) -> Browser:
        """A head nurse who has set windows from today on."""
        head = await self.staff("head")
        today = china_date(self.house.time.now).isoformat()
        assert await head.done("/newborn/desk/windows", **{**POLICY, "from_day": today, **changes}) == "set"
        return head

    async def guardian(self, nurse: Browser, telephone: str, baby: str, relation: str = "MTH") -> Browser:
        """A guardian whom the ward has confirmed and who has signed."""
        guardian = await self.resident(telephone)
        number, tail = NUMBERS[baby]
        await guardian.done("/newborn/enrol", relation=relation, inpatient=number, tail=tail)
        claims = re.findall(r"/newborn/desk/claims/([^/]+)/approve", (await nurse.get("/newborn/desk")).text)
        await nurse.done(f"/newborn/desk/claims/{claims[-1]}/approve", evidence="birth-certificate", seen="P110000001")
        await guardian.done(f"/newborn/consent/{baby}", version=current(), **CONSENT)
        return guardian


def current() -> str:
    """The version of the text that is signed today."""
    return current_version()


NUMBERS = {"baby-1": ("ZY0001", "AB01"), "baby-2": ("ZY0002", "AB02"), "baby-3": ("ZY0003", "AB03")}


@pytest.fixture
async def ward(database: Database, addresses: Addresses) -> AsyncIterator[Ward]:
    clock, telephone = Time(), Telephone()
    auditor = await auditor_of(database)
    keyring = await open_keyring(database, made_up_keys(MASTER))
    accounts = open_accounts(
        database,
        keyring,
        auditor,
        sender=telephone,
        issuer="Demo",
        party=PARTY,
        clock=clock,
        passwords=Passwords(CHEAP),
    )
    house = House(accounts, database, keyring, clock, telephone, addresses)
    store = await Store.open(database, auditor=auditor, clock=clock, keys=made_up_keys(MASTER))
    await lay_out(store)
    nursery = Nursery(
        store=store,
        places=Places(database, clock, auditor),
        claims=Claims(database, keyring, accounts, auditor, clock),
        interpreters=Interpreters(database, keyring, accounts, auditor, clock),
        wordings=Wordings(database, auditor, clock),
        stations=Stations(database, keyring, auditor, clock),
        clock=clock,
    )
    limiter = Limiter(MemoryBuckets(), load_limits(None), monotonic=time.monotonic)
    people = PeopleCallers(accounts.sessions, accounts.signing_in, limiter, NothingToTell(), is_production=False)
    site_with = partial(
        build_site,
        apps=[lifelong(store), newborn(nursery, None)],
        settings=SiteSettings(seal_key=b"k" * 32, is_demonstration=False, is_production=False),
        doorkeeping=Doorkeeping(callers=cast("Callers", people), limiter=limiter),
        clock=clock,
    )
    yield Ward(house, store, nursery, site_with(assets=made_up_assets()), site_with)
    accounts.passwords.close()
    close_trails()


async def lay_out(store: Store) -> None:
    """A ward with three beds and a baby in each; the first two are twins."""
    await put(store, "Organization", UNIT, name="Demo unit")
    for ward, unit in (("ward-1", UNIT), ("ward-2", "other")):
        kind = {"coding": [{"system": PHYSICAL_TYPE, "code": "wa"}]}
        unit_of = {"reference": f"Organization/{unit}"}
        await put(store, "Location", ward, name="Demo ward", physicalType=kind, managingOrganization=unit_of)
    for order, baby in enumerate(NUMBERS, 1):
        number, tail = NUMBERS[baby]
        part_of, kind = {"reference": "Location/ward-1"}, {"coding": [{"system": PHYSICAL_TYPE, "code": "bd"}]}
        await put(store, "Location", f"bed-{order}", name=f"{order:02d}床", physicalType=kind, partOf=part_of)
        await put(
            store,
            "Patient",
            baby,
            name=[{"text": f"示例宝宝{order}"}],
            birthDate="2026-11-20",
            identifier=[{"system": WRISTBAND, "value": f"W-2026-{tail}", "use": "usual"}],
            **({"multipleBirthInteger": order} if order < 3 else {}),
        )
        await put(
            store,
            "Encounter",
            f"stay-{order}",
            status="in-progress",
            identifier=[{"system": INPATIENT, "value": number}],
            subject={"reference": f"Patient/{baby}"},
            serviceProvider={"reference": f"Organization/{UNIT}"},
            period={"start": "2026-11-20T08:00:00+08:00"},
            location=[{"location": {"reference": f"Location/bed-{order}"}, "status": "active"}],
            **{"class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "IMP"}},
        )
