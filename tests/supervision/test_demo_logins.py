"""The logins of a demonstration: each opens what it is for, they are made once, and production has none."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, TypeVar

import pytest
from demo.ward.asking import ask_consultation
from demo.ward.beds import BEDS, TWINS
from demo.ward.telling import NEWBORN
from tests.folders import made_folder
from tests.supervision.installation import Installation

from tianfu.access.caller import OPERATOR
from tianfu.access.purpose import Purpose
from tianfu.db import Database, EmbeddedPostgres, Query
from tianfu.installation import database_addresses, installation_keys
from tianfu.kernel.instants import system_clock
from tianfu.kernel.refusal import Refusal
from tianfu.main import relying_party_of
from tianfu.records.audit import GroupAuditor
from tianfu.records.keys import open_keyring
from tianfu.records.outcomes import Found
from tianfu.records.store import SearchRequest, Store
from tianfu.records.trail.epochs import open_trail
from tianfu.services.accounts.demonstration import FILE_NAME, KeptLogins
from tianfu.services.accounts.model.people import Method, SignedIn
from tianfu.services.accounts.opening import Accounts, open_accounts
from tianfu.services.accounts.seeding import PASSWORD, ROLES, WARD_ROLES, refuse_demonstration
from tianfu.services.accounts.signing_in import Arrival, Entered, Next
from tianfu.settings import settings_from

pytestmark = pytest.mark.slow  # imports a small demo province

ROOT = Path(__file__).resolve().parents[2]
RESIDENTS = 20
"""As many as the families have that are told in full, and a few more."""
ARRIVAL = Arrival(address="203.0.113.9", device="", agent="Made-up Browser 1")

T = TypeVar("T")


@pytest.fixture(scope="module")
def province() -> Iterator[Installation]:
    """A small demo province in a database that goes on running."""
    folder = made_folder("tianfu-demo-")
    made = Installation(folder / "home")
    out = folder / "province"
    wish = ["--out", str(out), "--residents", str(RESIDENTS), "--today", date.today().isoformat(), "--ward"]  # noqa: DTZ011 - as `make run`
    try:
        subprocess.run([sys.executable, "-m", "demo", *wish], cwd=ROOT, check=True, capture_output=True)
        for words in (("migrate",), ("import", str(out), "--rejects", str(folder / "rejects")), ("database", "start")):
            done = made.run(*words)
            assert done.returncode == 0, done.stderr
        yield made
    finally:
        EmbeddedPostgres(made.home).stop()
        shutil.rmtree(folder, ignore_errors=True)


def logins(installation: Installation) -> dict[str, dict[str, str]]:
    """What the command prints, by role."""
    done = installation.run("demo-logins", "--json")
    assert done.returncode == 0, done.stderr
    return {each["role"]: each for each in json.loads(done.stdout)}


@dataclass(frozen=True)
class House:
    """What a test asks of an installation."""

    database: Database
    accounts: Accounts
    store: Store
    told: list[str]

    async def signed_in(self, login: dict[str, str]) -> SignedIn:
        """Whoever signs in by a login, as far as its code goes."""
        signing_in = self.accounts.signing_in
        if not login["password"]:
            begun = await signing_in.send_code(login["number"], ARRIVAL)
            arrival = Arrival(address=ARRIVAL.address, device=begun.device, agent=ARRIVAL.agent)
            return (await signing_in.with_code(begun.step, self.told[-1], arrival)).signed_in
        waiting = await signing_in.with_password(login["number"], login["password"], ARRIVAL)
        assert isinstance(waiting, Next), "the authenticator must be asked for"
        arrival = Arrival(address=ARRIVAL.address, device=waiting.device, agent=ARRIVAL.agent)
        entered = await signing_in.with_second(waiting.step, Method.TOTP, login["code"], arrival)
        assert isinstance(entered, Entered)
        return entered.signed_in

    async def send(self, number: str, code: str) -> None:
        self.told.append(code)

    async def rows(self, sql: str) -> list[tuple[Any, ...]]:
        async with self.database.connection("owner") as owner:
            return await owner.all(Query.composed("look", sql))

    async def patients_of(self, signed_in: SignedIn, purpose: Purpose) -> set[str]:
        wanted = SearchRequest(type="Patient", parameters=(("_count", "200"),))
        page = await self.store.search(signed_in.caller, purpose, wanted)
        return {record.id for record in page.records}


@asynccontextmanager
async def opened(installation: Installation) -> AsyncIterator[House]:
    settings = settings_from(installation.environment)
    keys = installation_keys(settings)
    async with await Database.open(database_addresses(settings)) as database:
        keyring = await open_keyring(database, keys)
        trail = await open_trail(database, settings.home, system_clock)
        auditor = GroupAuditor(database, trail.lanes)
        store = await Store.open(database, auditor=auditor, clock=system_clock, keys=keys)
        told: list[str] = []

        class Telephone:
            async def send(self, number: str, code: str) -> None:
                told.append(code)

        accounts = open_accounts(
            database,
            keyring,
            auditor,
            sender=Telephone(),
            issuer="Made-up",
            party=relying_party_of(settings),
            clock=system_clock,
        )
        try:
            yield House(database, accounts, store, told)
        finally:
            accounts.passwords.close()
            trail.close()


def ask(installation: Installation, question: Callable[[House], Awaitable[T]]) -> T:
    async def asked() -> T:
        async with opened(installation) as house:
            return await question(house)

    return asyncio.run(asked())


def test_there_is_a_login_for_every_role_and_each_signs_in(province: Installation) -> None:
    made = logins(province)
    assert set(made) == ROLES | WARD_ROLES

    async def signed_in(house: House) -> dict[str, str]:
        entered = {role: await house.signed_in(login) for role, login in made.items()}
        for role in WARD_ROLES - {"mother", "interpreter", "expert"}:
            assert len(await house.patients_of(entered[role], Purpose.TREATMENT)) == BEDS, role
        assert not await house.patients_of(entered["expert"], Purpose.TREATMENT), "nobody asked yet"
        return {role: each.caller.role for role, each in entered.items()}

    roles = ask(province, signed_in)
    others = {
        "parent": "citizen",
        "mother": "citizen",
        "interpreter": "citizen",
        "neonatologist": "doctor",
        "expert": "doctor",
    }
    nurses = dict.fromkeys(("ward-nurse", "second-nurse", "head-nurse"), "nurse")
    assert roles == {role: (others | nurses).get(role, role) for role in ROLES | WARD_ROLES}


def test_the_doctors_have_patients_and_the_citizens_their_records(province: Installation) -> None:
    made = logins(province)

    async def seen(house: House) -> None:
        mother = await house.signed_in(made["mother"])
        twins = await house.patients_of(mother, Purpose.PATIENT_REQUEST)
        assert len(twins - set(mother.caller.patients)) == len(TWINS)
        doctor = await house.signed_in(logins(province)["doctor"])
        assert doctor.caller.practitioner
        assert await house.patients_of(doctor, Purpose.TREATMENT)
        township = await house.signed_in(made["township"])
        assert await house.patients_of(township, Purpose.PUBLIC_HEALTH)
        citizen = (await house.signed_in(made["citizen"])).caller
        assert len(citizen.patients) >= 2
        whole = await house.store.read_many(
            citizen, Purpose.PATIENT_REQUEST, [("Patient", each) for each in citizen.patients]
        )
        assert all(isinstance(each, Found) for each in whole)
        parent = await house.signed_in(made["parent"])
        children = await house.patients_of(parent, Purpose.PATIENT_REQUEST) - set(parent.caller.patients)
        assert children, "a parent sees a child's record, which is not her own"
        desk = await house.signed_in(made["desk"])
        assert len(await house.patients_of(desk, Purpose.TREATMENT)) >= RESIDENTS

    # Every code counts once: wait for the next half minute unless nobody has signed in by this one.
    next_codes(province)
    ask(province, seen)


def next_codes(installation: Installation) -> None:
    """Forget which codes were used, as half a minute would."""

    async def forget(house: House) -> None:
        async with house.database.connection("owner") as owner:
            await owner.run(Query.composed("forget", "update credential set counter = 0 where kind = 'totp'"))
            await owner.run(Query.composed("forget_codes", "delete from one_time_code"))

    ask(installation, forget)


def test_made_again_nothing_is_added(province: Installation) -> None:
    logins(province)
    file = province.home / FILE_NAME
    before = file.read_bytes()
    counting = (
        "select (select count(*) from account), (select count(*) from workplace), (select count(*) from credential)"
    )
    count = ask(province, lambda house: house.rows(counting))
    logins(province)
    assert file.read_bytes() == before
    assert ask(province, lambda house: house.rows(counting)) == count


def test_the_file_is_its_owners_alone_and_each_login_has_a_secret_of_its_own(province: Installation) -> None:
    logins(province)
    assert (province.home / FILE_NAME).stat().st_mode & 0o777 == 0o600
    secrets = [each.secret for each in KeptLogins(province.home).kept() if each.password]
    assert len(set(secrets)) == len(secrets)
    assert all(len(each) == 20 for each in secrets)


def test_a_login_that_is_missing_is_made_and_the_others_stay(province: Installation) -> None:
    logins(province)
    kept = KeptLogins(province.home)
    before = {each.role: each for each in kept.kept()}
    kept.keep([each for role, each in before.items() if role not in {"nurse", "citizen"}])
    made = logins(province)
    after = {each.role: each for each in kept.kept()}
    assert after["nurse"].secret != before["nurse"].secret, "its secret was lost, so it is another"
    assert after["citizen"] == before["citizen"]
    assert {role: each for role, each in after.items() if role != "nurse"} == {
        role: each for role, each in before.items() if role != "nurse"
    }
    next_codes(province)
    assert ask(province, lambda house: house.signed_in(made["nurse"])).caller.role == "nurse"


def test_the_trail_tells_how_they_came_to_be(province: Installation) -> None:
    logins(province)
    events = ask(
        province,
        lambda house: house.rows(
            "select interaction, count(*) from audit where caller = 'command-line' and outcome = 'success'"
            " and interaction in ('join', 'change-credentials', 'tie-record') group by 1"
        ),
    )
    told = dict(events)
    staff = len(ROLES | WARD_ROLES) - 4
    assert told["join"] == staff
    assert told["change-credentials"] >= staff
    assert told["tie-record"] >= 4


def test_the_expert_is_asked_about_one_baby_and_only_once(province: Installation) -> None:
    async def asked(house: House) -> list[str]:
        for _ in range(2):
            await ask_consultation(house.store)
        wanted = SearchRequest(type="Appointment", parameters=(("appointment-type", f"{NEWBORN}|remote-consultation"),))
        records = (await house.store.search(OPERATOR, Purpose.OPERATIONS, wanted)).records
        return [each.value["status"] for each in records]

    assert ask(province, asked) == ["pending"]


def test_the_password_keeps_the_rules() -> None:
    from tianfu.services.accounts.model.passwords import refuse_unless_good

    for role in ROLES:
        refuse_unless_good(PASSWORD, number=f"DEMO-{role.upper()}", name="甘棠（演示）")


def test_in_production_they_are_refused(province: Installation) -> None:
    logins(province)
    was = dict(province.environment)
    province.environment |= {"TIANFU_MODE": "production", "TIANFU_HOSTS": "health.example"}
    try:
        done = province.run("demo-logins", "--json")
    finally:
        province.environment = was
    assert (done.returncode, done.stdout) == (2, "")
    assert "demonstration-in-production" in done.stderr
    with pytest.raises(Refusal, match="demonstration-in-production"):
        refuse_demonstration(is_production=True)
