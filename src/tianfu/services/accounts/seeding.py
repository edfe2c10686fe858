"""Logins of a demonstration: an account for each role, made by the same services as every other, and traced as such.

Made once: what is there already is left alone, what is missing is added.  Never in production, where nobody made up
may sign in (docs/reference/hardening.md).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from tianfu.access.caller import OPERATOR
from tianfu.access.organisations import OrganisationTree
from tianfu.db import Database
from tianfu.kernel.instants import Clock
from tianfu.kernel.refusal import Refusal
from tianfu.records.audit import Auditor
from tianfu.records.seals import Seals
from tianfu.records.write import leave_trace
from tianfu.services.accounts.demo_people import (
    EXPERT,
    WARD_STAFF,
    DemoPeople,
    DemoResident,
    DemoStaff,
    DemoStore,
    find_people,
    has_ward,
)
from tianfu.services.accounts.demonstration import KeptLogin, KeptLogins
from tianfu.services.accounts.keys import AccountKeys
from tianfu.services.accounts.model.people import Account, Assurance, Kind
from tianfu.services.accounts.opening import Accounts
from tianfu.services.accounts.store import THE_DEMONSTRATION, Post
from tianfu.services.accounts.totp import new_secret
from tianfu.services.accounts.tracing import account_event
from tianfu.vault.keyring import Keyring

PASSWORD = "lotus pond at dusk"  # noqa: S105 - for made-up people on one's own machine, and told to everybody there
LABEL = "demo"

NO_TREE = OrganisationTree(())
"""The operator appoints everywhere."""

UNRECORDED = (
    ("nurse", "甘棠（演示）"),
    ("pharmacist", "白芷（演示）"),
    ("physicist", "苏木（演示）"),
    ("registrar", "连翘（演示）"),
    ("steward", "杜若（演示）"),
    ("officer", "常山（演示）"),
    ("administrator", "石斛（演示）"),
    ("security", "远志（演示）"),
    ("regulator", "当归（演示）"),
    ("researcher", "茯苓（演示）"),
    ("desk", "开发者（演示）"),
)
"""Staff of whom the province's records know nothing, named after herbs; all at the doctor's hospital."""

ROLES = frozenset({"doctor", "township", "citizen", "parent", *(role for role, _ in UNRECORDED)})
"""Those for whom there is a login; a parent is a citizen who comes for a child."""

INTERPRETER = DemoResident(name="译言（演示）", telephone="13900009901", patients=(), related=())
"""Somebody whom no record knows, and whom a family of the ward may ask to interpret."""

WARD_ROLES = frozenset({*WARD_STAFF, "mother", "interpreter", EXPERT})
"""And those for whom there is one where the province has a ward of newborns."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Staff:
    """A login of staff that there should be."""

    role: str
    name: str
    number: str
    post: Post


@dataclass(frozen=True, slots=True, kw_only=True)
class _Resident:
    """A login of a resident that there should be."""

    role: str
    resident: DemoResident


def refuse_demonstration(*, is_production: bool) -> None:
    """Raise Refusal `demonstration-in-production` where people are real: nobody made up may sign in there."""
    if is_production:
        raise Refusal("demonstration-in-production", next_step="import-into-development")


class DemoSeeding:
    """Makes the logins of a demonstration; raises Refusal `demonstration-in-production` where it has no place."""

    def __init__(
        self,
        database: Database,
        keyring: Keyring,
        accounts: Accounts,
        auditor: Auditor,
        store: DemoStore,
        kept: KeptLogins,
        *,
        is_production: bool,
        clock: Clock,
    ) -> None:
        refuse_demonstration(is_production=is_production)
        self._database = database
        self._keys = AccountKeys.of(keyring.index_secret)
        self._seals = Seals(keyring)
        self._accounts = accounts
        self._auditor = auditor
        self._store = store
        self._kept = kept
        self._clock = clock

    async def seed(self) -> int:
        """Add the logins that are missing; how many.  Raises Refusal `demonstration-incomplete`."""
        kept = {each.role: each for each in self._kept.kept()}
        if await self._are_whole(kept.values()):
            return 0
        added = 0
        for wish in _wishes(await find_people(self._store, self._clock())):
            if await self._stands(kept.get(wish.role)):
                continue
            kept[wish.role] = await self._made(wish)
            self._kept.keep(list(kept.values()))  # each at once: whoever stops this between two loses no secret
            added += 1
        return added

    async def _are_whole(self, kept: Iterable[KeptLogin]) -> bool:
        roles = set()
        for each in kept:
            if await self._account(_kind(each), each.number) is not None:
                roles.add(each.role)
        return roles >= (ROLES | WARD_ROLES if await has_ward(self._store) else ROLES)

    async def _stands(self, kept: KeptLogin | None) -> bool:
        return kept is not None and await self._account(_kind(kept), kept.number) is not None

    async def _account(self, kind: Kind, number: str) -> Account | None:
        return await self._accounts.people.of_handle(kind, self._keys.handle(kind, number))

    async def _made(self, wish: _Staff | _Resident) -> KeptLogin:
        match wish:
            case _Staff():
                return await self._staff_made(wish)
            case _Resident():
                return await self._resident_made(wish)

    async def _staff_made(self, wish: _Staff) -> KeptLogin:
        account = await self._account(Kind.STAFF, wish.number)
        if account is None:
            account, _ = await self._accounts.people.join_staff(
                THE_DEMONSTRATION, name=wish.name, number=wish.number, post=wish.post, tree=NO_TREE
            )
        secret = await self._given(account)
        return KeptLogin(role=wish.role, name=wish.name, number=wish.number, password=PASSWORD, secret=secret)

    async def _given(self, account: Account) -> bytes:
        """A password and an authenticator, instead of whatever there was; the authenticator's secret."""
        secret = new_secret()
        credentials = self._accounts.credentials
        digest = await credentials.digest(PASSWORD)

        async def work() -> None:
            async with self._database.transaction("app") as transaction:
                await credentials.end_all(transaction, account.id)
                await credentials.set_password(transaction, account.id, digest)
                await credentials.add_totp(transaction, account.id, secret, step=0, label=LABEL)
                await self._accounts.sessions.end_others(transaction, account.id, but="", by=OPERATOR.id)
                query = f"account={account.id}&demonstration=password,totp"
                said = account_event(OPERATOR, "change-credentials", at=self._clock(), query=query)
                await leave_trace(transaction, [said], self._auditor.writer)

        await self._seals.again(work)
        return secret

    async def _resident_made(self, wish: _Resident) -> KeptLogin:
        """Somebody whom two libraries know by name, number and telephone: as sure as records can make us."""
        resident, people = wish.resident, self._accounts.people
        account = await self._account(Kind.RESIDENT, resident.telephone)
        if account is None:
            account = await people.join_resident(resident.telephone, name=resident.name, assurance=Assurance.NAMED)
        else:
            await people.retell(account.id, name=resident.name, number=resident.telephone, assurance=Assurance.NAMED)
        for each in resident.patients:
            await people.tie_record(OPERATOR, account.id, "Patient", each)
        for each in resident.related:
            await people.tie_record(OPERATOR, account.id, "RelatedPerson", each)
        return KeptLogin(role=wish.role, name=resident.name, number=account.number)


def _wishes(people: DemoPeople) -> Iterator[_Staff | _Resident]:
    for role, found in (("doctor", people.doctor), ("township", people.township)):
        yield _staff(role, found.name, found, practitioner=found.practitioner)
    for role, name in UNRECORDED:
        yield _staff(role, name, people.doctor, practitioner=None)
    yield _Resident(role="citizen", resident=people.citizen)
    yield _Resident(role="parent", resident=people.parent)
    if people.ward is not None:
        for shown, found in people.ward.staff.items():
            yield _of_ward(shown, found)
        if people.ward.expert is not None:
            yield _of_ward(EXPERT, people.ward.expert)
        yield _Resident(role="mother", resident=people.ward.mother)
        yield _Resident(role="interpreter", resident=INTERPRETER)


def _staff(role: str, name: str, at: DemoStaff, *, practitioner: str | None) -> _Staff:
    post = Post(organisation=at.organisation, role=role, practitioner=practitioner)
    return _Staff(role=role, name=name, number=f"DEMO-{role.upper()}", post=post)


def _of_ward(shown: str, at: DemoStaff) -> _Staff:
    role = "doctor" if shown in {"neonatologist", EXPERT} else "nurse"
    title = "护士长" if shown == "head-nurse" else None
    post = Post(organisation=at.organisation, role=role, practitioner=at.practitioner, title=title)
    return _Staff(role=shown, name=at.name, number=f"DEMO-{shown.upper()}", post=post)


def _kind(login: KeptLogin) -> Kind:
    return Kind.STAFF if login.password else Kind.RESIDENT
