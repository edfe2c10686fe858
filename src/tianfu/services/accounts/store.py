"""People who sign in and where they work: joining, moving and leaving, each in one transaction with its trace.

Who leaves, or leaves a place of work, loses all sessions (or those from there) in the same transaction; tokens hang on
sessions and go with them.  Rule: docs/rules/sign-in.md
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Final, Literal, TypeVar

import msgspec

from tianfu.access.caller import OPERATOR, Caller
from tianfu.access.organisations import OrganisationTree
from tianfu.db import Database, Transaction, UniqueViolation, queries, text_array
from tianfu.db.prepared import Row
from tianfu.kernel.ids import FHIR_ID, new_uuid7
from tianfu.kernel.instants import Clock, Instant
from tianfu.kernel.refusal import Refusal
from tianfu.records.seals import Place, Sealed, Seals
from tianfu.records.trail.lanes import EventWriter
from tianfu.records.write import leave_trace
from tianfu.services.accounts.keys import AccountKeys
from tianfu.services.accounts.model.lapsing import lapses
from tianfu.services.accounts.model.numbers import normal_number
from tianfu.services.accounts.model.offices import (
    DEVELOPMENT_ROLES,
    refuse_unless_below,
    refuse_unless_holdable,
    refuse_unless_other,
)
from tianfu.services.accounts.model.people import Account, Assurance, Kind, SignedIn, Workplace
from tianfu.services.accounts.tracing import account_event

NAME_CHARACTERS_MAX = 100
STAFF_PAGE = 100

_PEOPLE = queries("tianfu.services.accounts.sql", "people.sql")
_CREDENTIALS = queries("tianfu.services.accounts.sql", "credentials.sql")
_SESSIONS = queries("tianfu.services.accounts.sql", "sessions.sql")
_FAMILIES = queries("tianfu.services.accounts.oauth.sql", "families.sql")
_OUTSIDE = queries("tianfu.services.accounts.oauth.sql", "outside.sql")
_STEPS = queries("tianfu.services.accounts.sql", "steps.sql")


class _Told(msgspec.Struct):
    name: str
    number: str


_read_told = msgspec.json.Decoder(_Told).decode

T = TypeVar("T")

RecordType = Literal["Patient", "RelatedPerson"]


@dataclass(frozen=True, slots=True)
class TheOperator:
    """Whoever has the machine: he makes the first security administrator, by the command line.

    For a demonstration, which production refuses, he also gives the roles that only development has.
    """

    caller: Caller = OPERATOR
    gives_development_roles: bool = False


THE_OPERATOR: Final = TheOperator()
THE_DEMONSTRATION: Final = TheOperator(gives_development_roles=True)

By = SignedIn | TheOperator
"""On whose word an account or a place of work changes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """A place of work that is to be given: an Organization's id, a role, and what is known of the licence."""

    organisation: str
    role: str
    practitioner: str | None = None
    licence: str | None = None
    title: str | None = None
    practising_since: int | None = None


class People:
    """Accounts and places of work in PostgreSQL."""

    def __init__(
        self, database: Database, keys: AccountKeys, seals: Seals, writer: EventWriter, *, clock: Clock
    ) -> None:
        self._database = database
        self._keys = keys
        self._seals = seals
        self._writer = writer
        self._clock = clock

    async def of_handle(self, kind: Kind, handle: bytes) -> Account | None:
        """Whoever signs in by this number now."""
        async with self._database.connection("app") as connection:
            row = await connection.one(_PEOPLE.account_of_handle, kind=kind.value, handle=handle)
        return None if row is None else self._judged(row)

    async def works_as(self, practitioner: str, role: str) -> bool:
        """Whether somebody who can sign in works in this role now and is this Practitioner."""
        async with self._database.connection("app") as connection:
            row = await connection.one(_PEOPLE.works_as, practitioner=practitioner, role=role)
        return bool(row and row[0])

    async def account(self, account: str) -> Account:
        """An account by its name in the trace, whoever left included; raises Refusal `account-unknown`."""
        async with self._database.connection("app") as connection:
            row = await connection.one(_PEOPLE.account_of_name, account=account)
        if row is None:
            raise Refusal("account-unknown")
        return self._judged(row)

    def _judged(self, row: Row) -> Account:
        return lapses().judged(account_of(self._seals, row), self._clock())

    async def workplaces(self, account: str) -> tuple[Workplace, ...]:
        """Where somebody works now."""
        async with self._database.connection("app") as connection:
            rows = await connection.all(_PEOPLE.workplaces_of, account=account)
        return tuple(map(workplace_of, rows))

    async def staff_at(
        self, by: By, organisation: str, tree: OrganisationTree, *, after: str = "", limit: int = STAFF_PAGE
    ) -> list[tuple[Workplace, str, str]]:
        """Who works in an organisation, with name and staff number, a page at a time; `after` is the last workplace.

        Raises Refusal `appointing-not-yours` or `not-below-you`.
        """
        match by:
            case TheOperator():
                pass
            case SignedIn():
                refuse_unless_below(_appointer(by), "doctor", organisation, tree)
        async with self._database.connection("app") as connection:
            found = await connection.all(
                _PEOPLE.staff_at, organisation=organisation, after=after, limit=min(limit, STAFF_PAGE)
            )
        staff = []
        for row in found:
            told = self._told(row[1], Sealed(row[8], row[9]), row[10])
            staff.append((workplace_of(row[:8]), told.name, told.number))
        return staff

    async def join_resident(self, number: str, *, name: str, assurance: Assurance) -> Account:
        """A new resident who shows his telephone; raises Refusal `number-malformed` or `number-taken`."""
        account = self._new(Kind.RESIDENT, name, number, assurance)

        async def work() -> None:
            async with self._database.transaction("app") as transaction:
                await self._add(transaction, account)
                await self._trace(transaction, Caller(id=account.id, role="citizen"), "join", f"account={account.id}")

        await self._seals.again(work)
        return account

    async def join_staff(
        self, by: By, *, name: str, number: str, post: Post, tree: OrganisationTree
    ) -> tuple[Account, Workplace]:
        """A new member of staff and his first place of work.

        Raises Refusal `number-malformed`, `number-taken`, or as `appoint` does.
        """
        account = self._new(Kind.STAFF, name, number, Assurance.SEEN)
        workplace = _workplace(account.id, post)

        async def work() -> None:
            self._refuse_unless_allowed(by, account.id, post, (), tree)
            async with self._database.transaction("app") as transaction:
                await self._add(transaction, account)
                await self._add_workplace(transaction, by, workplace)
                await self._trace(transaction, by.caller, "join", _about(workplace))

        await self._seals.again(work)
        return account, workplace

    async def appoint(self, by: By, account: str, post: Post, tree: OrganisationTree) -> Workplace:
        """One more place of work.

        Raises Refusal `account-unknown`, `role-not-given`, `two-offices`, `office-stands-alone`,
        `appointing-not-yours`, `not-below-you`, `appointing-oneself` or `appointed-already`.
        """
        workplace = _workplace(account, post)
        async with self._database.transaction("app") as transaction:
            held = await self._held(transaction, account)
            self._refuse_unless_allowed(by, account, post, held, tree)
            await self._add_workplace(transaction, by, workplace)
            await self._trace(transaction, by.caller, "appoint", _about(workplace))
        return workplace

    async def move(self, by: By, workplace: str, post: Post, tree: OrganisationTree) -> Workplace:
        """Another place of work instead of one; sessions from the old one end with it.  Raises as both parts do."""
        async with self._database.transaction("app") as transaction:
            old = await self._ending(transaction, by, workplace, tree)
            held = [each for each in await self._held(transaction, old.account) if each.id != workplace]
            self._refuse_unless_allowed(by, old.account, post, held, tree)
            await self._end_workplace(transaction, by, old)
            new = _workplace(old.account, post)
            await self._add_workplace(transaction, by, new)
            await self._trace(transaction, by.caller, "appoint", _about(new))
        return new

    async def dismiss(self, by: By, workplace: str, tree: OrganisationTree) -> None:
        """Somebody works there no more, and every session from there ends.

        Raises Refusal `workplace-unknown`, `appointing-not-yours`, `not-below-you` or `appointing-oneself`.
        """
        async with self._database.transaction("app") as transaction:
            old = await self._ending(transaction, by, workplace, tree)
            await self._end_workplace(transaction, by, old)

    async def leave(self, by: By, account: str, tree: OrganisationTree) -> None:
        """Somebody leaves for good: places of work, credentials, sessions and what programs may end together.

        Whoever works elsewhere too may be dismissed from here, but leaves only by somebody above all his places.
        A resident ends his own account himself.  Raises Refusal `account-unknown` or as `dismiss` does.
        """
        async with self._database.transaction("app") as transaction:
            held = await self._held(transaction, account)
            if not (isinstance(by, SignedIn) and by.account.id == account and by.account.kind is Kind.RESIDENT):
                self._refuse_unless_may_end(by, account, held, tree)
            now = self._clock()
            async with transaction.pipeline() as pipeline:
                pipeline.add(_PEOPLE.account_leaves, account=account, now=now)
                pipeline.add(_PEOPLE.end_workplaces, account=account, now=now)
                pipeline.add(_CREDENTIALS.end_credentials, account=account, now=now)
                pipeline.add(_OUTSIDE.unlink_all_outside, account=account, now=now)
                pipeline.add(_STEPS.end_steps, account=account)
                pipeline.add(_SESSIONS.end_sessions_but, account=account, but="", now=now, by=by.caller.id)
                pipeline.add(_FAMILIES.end_families_of_account, account=account, but="", why="left", now=now)
            await self._trace(transaction, by.caller, "leave", f"account={account}")

    async def refuse_unless_keeps(self, transaction: Transaction, by: By, account: str, tree: OrganisationTree) -> None:
        """Whether somebody keeps this member of staff's credentials: he is above all the places of work.

        Raises Refusal `account-unknown`, `appointing-not-yours`, `not-below-you` or `appointing-oneself`.
        """
        self._refuse_unless_may_end(by, account, await self._held(transaction, account), tree)

    async def retell(
        self, account: str, *, name: str | None = None, number: str | None = None, assurance: Assurance | None = None
    ) -> Account:
        """Another name, number or assurance; an assurance that is told was proved now, and another number ends it.

        Raises Refusal `account-unknown`, `number-malformed`, `number-taken` or `changed-meanwhile`.
        """

        def change(old: Account) -> Account:
            new = old if number is None else with_number(old, _number(old.kind, number), now=self._clock())
            if assurance is not None:
                new = replace(new, assurance=assurance, named_at=self._clock())
            return new if name is None else replace(new, name=_name(name))

        async def work() -> Account:
            async with self._database.transaction("app") as transaction:
                return await self.retell_in(transaction, account, change)

        return await self._seals.again(work)

    async def retell_in(self, transaction: Transaction, account: str, change: Callable[[Account], Account]) -> Account:
        """The account as `change` makes it, within a transaction; raises as `retell`, and SerializationFailure."""
        row = await transaction.one(_PEOPLE.account_of_name, account=account)
        if row is None or row[6] is not None:
            raise Refusal("account-unknown")
        new = change(account_of(self._seals, row))
        sealed = self._sealed(new, row[4] + 1)
        await self._seals.hold(transaction, sealed)
        try:
            done = await transaction.one(
                _PEOPLE.retell_account,
                account=account,
                told=sealed.value,
                sealed_with=sealed.sealed_with,
                version=row[4],
                handle=self._keys.handle(new.kind, new.number) if new.number else None,
                assurance=int(new.assurance),
                telephone_at=new.telephone_at,
                named_at=new.named_at,
                telephone_lost_at=new.telephone_lost_at,
                is_shared=new.is_shared,
            )
        except UniqueViolation as violation:
            raise Refusal("number-taken") from violation
        if done is None:
            raise Refusal("changed-meanwhile", next_step="read-again-and-decide")
        return lapses().judged(new, self._clock())

    async def again(self, work: Callable[[], Awaitable[T]]) -> T:
        """The work, done anew while another key becomes current or another transaction came first."""
        return await self._seals.again(work)

    @asynccontextmanager
    async def changing(self, account: str) -> AsyncIterator[Transaction]:
        """A transaction in which nobody else changes this account; raises Refusal `account-unknown`."""
        async with self._database.transaction("app") as transaction:
            await self._lock(transaction, account)
            yield transaction

    async def tie_record(self, by: Caller, account: str, kind: RecordType, record: str) -> None:
        """A record is a resident's own (Patient), or names him in another's (RelatedPerson)."""
        async with self.changing(account) as transaction:
            await self.tie_in(transaction, by, account, kind, record)

    async def take_records(
        self, by: Caller, account: str, ties: Sequence[tuple[RecordType, str]], *, is_another: bool
    ) -> bool:
        """Make these records somebody's own, all or none; no if another account that stands has one of the Patients.

        Of several who take a record at one moment one gets it.  `is_another` says that whoever showed who he is here
        before was somebody else: what was that one's is not opened again.
        """
        patients = text_array(sorted(record for kind, record in ties if kind == "Patient"))
        async with self._database.transaction("app") as transaction:
            await self._lock(transaction, account)
            await transaction.all(_PEOPLE.lock_records, records=patients)
            if await transaction.one(_PEOPLE.records_of_another, account=account, records=patients) is not None:
                return False
            if is_another:
                await self.end_others_in(transaction, by, account, ties)
            for kind, record in ties:
                await self.tie_in(transaction, by, account, kind, record)
        return True

    async def end_others_in(
        self, transaction: Transaction, by: Caller, account: str, ties: Sequence[tuple[RecordType, str]]
    ) -> None:
        """Nothing but these records is an account's any more, in a transaction that holds the account."""
        kept = text_array(sorted(f"{kind}/{record}" for kind, record in ties))
        for row in await transaction.all(_PEOPLE.end_other_records, account=account, kept=kept, now=self._clock()):
            await self.trace_tie(transaction, by, f"account={account}&ended={row[0]}/{row[1]}")

    async def refused_tie(self, by: Caller, refusal: Refusal) -> Refusal:
        """Tell the trail that somebody was refused a record, or the end of a tie; the refusal to raise."""
        said = account_event(by, "tie-record", at=self._clock(), outcome=refusal.code, query=None)
        async with self._database.transaction("app") as transaction:
            await leave_trace(transaction, [said], self._writer)
        refusal.is_traced = True
        return refusal

    async def untie_in(self, transaction: Transaction, by: Caller, account: str, kind: RecordType, record: str) -> None:
        """A record is not a resident's any more, once this transaction commits; his sessions see it within a second."""
        await transaction.run(_PEOPLE.end_account_record, account=account, type=kind, record=record, now=self._clock())
        await self.trace_tie(transaction, by, f"account={account}&ended={kind}/{record}")

    async def trace_tie(self, transaction: Transaction, by: Caller, said: str) -> None:
        """Tell the trail what was done about somebody's ties."""
        await self._trace(transaction, by, "tie-record", said)

    async def account_in(self, transaction: Transaction, account: str) -> Account:
        """As `account`, within a transaction."""
        row = await transaction.one(_PEOPLE.account_of_name, account=account)
        if row is None:
            raise Refusal("account-unknown")
        return self._judged(row)

    async def saw_telephone(self, transaction: Transaction, account: str, handle: bytes) -> None:
        """A code to this number opened the account just now."""
        await transaction.run(_PEOPLE.saw_telephone, account=account, handle=handle, now=self._clock())

    async def join_in(self, transaction: Transaction, *, number: str) -> Account:
        """A new resident within a transaction, under a number that is nobody's, or under none.

        Raises Refusal `number-taken`, and SerializationFailure.
        """
        now = self._clock()
        account = Account(
            id=new_uuid7(),
            kind=Kind.RESIDENT,
            name="",
            number=number,
            assurance=Assurance.TELEPHONE,
            telephone_at=now if number else Instant(0),
        )
        await self._add(transaction, account)
        await self._trace(transaction, Caller(id=account.id, role="citizen"), "join", f"account={account.id}")
        return account

    async def _lock(self, transaction: Transaction, account: str) -> None:
        if await transaction.one(_PEOPLE.lock_account, account=account) is None:
            raise Refusal("account-unknown")

    async def tie_in(self, transaction: Transaction, by: Caller, account: str, kind: RecordType, record: str) -> None:
        """As `tie_record`, in a transaction of the caller's that holds the account."""
        if not FHIR_ID.match(record):
            raise Refusal("record-unknown")
        await transaction.run(
            _PEOPLE.add_account_record, account=account, type=kind, record=record, now=self._clock(), by=by.id
        )
        await self.trace_tie(transaction, by, f"account={account}&record={kind}/{record}")

    def _new(self, kind: Kind, name: str, number: str, assurance: Assurance) -> Account:
        now = self._clock()
        made = Account(
            id=new_uuid7(),
            kind=kind,
            name=_name(name),
            number=_number(kind, number),
            assurance=assurance,
            telephone_at=now,
            named_at=now if assurance >= Assurance.NAMED else Instant(0),
        )
        return lapses().judged(made, now)

    async def _add(self, transaction: Transaction, account: Account) -> None:
        sealed = self._sealed(account, 1)
        await self._seals.hold(transaction, sealed)
        try:
            await transaction.run(
                _PEOPLE.add_account,
                account=account.id,
                kind=account.kind.value,
                handle=self._keys.handle(account.kind, account.number) if account.number else None,
                told=sealed.value,
                sealed_with=sealed.sealed_with,
                assurance=int(account.assurance),
                now=self._clock(),
                telephone_at=account.telephone_at,
                named_at=account.named_at,
            )
        except UniqueViolation as violation:
            raise Refusal("number-taken") from violation

    async def _add_workplace(self, transaction: Transaction, by: By, workplace: Workplace) -> None:
        try:
            await transaction.run(
                _PEOPLE.add_workplace,
                workplace=workplace.id,
                account=workplace.account,
                organisation=workplace.organisation,
                role=workplace.role,
                practitioner=workplace.practitioner,
                licence=workplace.licence,
                title=workplace.title,
                practising_since=workplace.practising_since,
                now=self._clock(),
                by=by.caller.id,
            )
        except UniqueViolation as violation:
            is_office = violation.constraint == "workplace_one_office"
            raise Refusal("two-offices" if is_office else "appointed-already") from violation

    async def _held(self, transaction: Transaction, account: str) -> list[Workplace]:
        """Where somebody works; nobody else changes that until the transaction ends."""
        await self._lock(transaction, account)
        return [workplace_of(row) for row in await transaction.all(_PEOPLE.workplaces_of, account=account)]

    async def _ending(self, transaction: Transaction, by: By, workplace: str, tree: OrganisationTree) -> Workplace:
        row = await transaction.one(_PEOPLE.workplace, workplace=workplace)
        if row is None:
            raise Refusal("workplace-unknown")
        old = workplace_of(row)
        self._refuse_unless_may_end(by, old.account, [old], tree)
        return old

    async def _end_workplace(self, transaction: Transaction, by: By, old: Workplace) -> None:
        now = self._clock()
        if await transaction.one(_PEOPLE.end_workplace, workplace=old.id, now=now) is None:
            raise Refusal("workplace-unknown")
        await transaction.all(_SESSIONS.end_sessions_at, workplace=old.id, now=now, by=by.caller.id)
        await self._trace(transaction, by.caller, "dismiss", _about(old))

    async def _trace(self, transaction: Transaction, caller: Caller, interaction: str, query: str) -> None:
        said = account_event(caller, interaction, at=self._clock(), query=query)
        await leave_trace(transaction, [said], self._writer)

    @staticmethod
    def _refuse_unless_allowed(
        by: By, account: str, post: Post, held: Sequence[Workplace], tree: OrganisationTree
    ) -> None:
        match by:
            case TheOperator():
                if by.gives_development_roles and post.role in DEVELOPMENT_ROLES and not held:
                    return
            case SignedIn():
                refuse_unless_other(_appointer(by), account)
                refuse_unless_below(_appointer(by), post.role, post.organisation, tree)
        refuse_unless_holdable(post.role, [each.role for each in held])

    @staticmethod
    def _refuse_unless_may_end(by: By, account: str, held: Sequence[Workplace], tree: OrganisationTree) -> None:
        match by:
            case TheOperator():
                return
            case SignedIn():
                appointer = _appointer(by)
                refuse_unless_other(appointer, account)
                if not held:
                    raise Refusal("not-below-you", next_step="ask-your-office")
                for each in held:
                    refuse_unless_below(appointer, each.role, each.organisation, tree)

    def _sealed(self, account: Account, version: int) -> Sealed:
        plain = msgspec.json.encode(_Told(name=account.name, number=account.number))
        return self._seals.seal(_place(account.id, version), plain)

    def _told(self, account: str, sealed: Sealed, version: int) -> _Told:
        return _read_told(self._seals.open(_place(account, version), sealed))


async def anybody_in(database: Database, roles: Iterable[str]) -> bool:
    """Whether anybody works in one of these roles now; says nothing about anybody."""
    async with database.connection("app") as connection:
        row = await connection.one(_PEOPLE.anybody_in, roles=text_array(sorted(roles)))
    return row is not None and row[0]


def _appointer(by: SignedIn) -> Workplace:
    if by.workplace is None or not by.is_settled:
        raise Refusal("appointing-not-yours", next_step="ask-your-office")
    return by.workplace


def _place(account: str, version: int) -> Place:
    return Place("account", account, "told", version)


def _about(workplace: Workplace) -> str:
    return f"account={workplace.account}&organisation={workplace.organisation}&role={workplace.role}"


def _workplace(account: str, post: Post) -> Workplace:
    if not FHIR_ID.match(post.organisation) or (post.practitioner and not FHIR_ID.match(post.practitioner)):
        raise Refusal("record-unknown")
    return Workplace(
        id=new_uuid7(),
        account=account,
        organisation=post.organisation,
        role=post.role,
        practitioner=post.practitioner,
        licence=None if post.licence is None else shown(post.licence),
        title=None if post.title is None else shown(post.title),
        practising_since=post.practising_since,
    )


def _name(text: str) -> str:
    return shown(text)


def _number(kind: Kind, text: str) -> str:
    number = normal_number(kind, text)
    if number is None:
        raise Refusal("number-malformed")
    return number


def shown(text: str, characters_max: int = NAME_CHARACTERS_MAX) -> str:
    """A text that somebody typed as it may be kept and shown: no control characters, no surrogates, not too long."""
    return "".join(character for character in text[:characters_max] if character.isprintable()).strip()


def account_of(seals: Seals, row: Row) -> Account:
    """An account from a row of `account_of_name` and its like; whether its name stands is not judged."""
    account, kind, told, sealed_with, version, assurance, left_at, patients, related = row[:9]
    telephone_at, named_at, lost_at, is_shared = row[9:13]
    said = _read_told(seals.open(_place(account, version), Sealed(told, sealed_with)))
    return Account(
        id=account,
        kind=Kind(kind),
        name=said.name,
        number=said.number,
        assurance=Assurance(assurance),
        patients=tuple(patients),
        related=tuple(related),
        has_left=left_at is not None,
        telephone_at=Instant(telephone_at),
        named_at=Instant(named_at),
        telephone_lost_at=None if lost_at is None else Instant(lost_at),
        is_shared=is_shared,
    )


def with_number(account: Account, number: str, *, now: Instant) -> Account:
    """The account under a number that was proved now, or under none; another number ends the proof of the name."""
    is_other = number != account.number
    return replace(
        account,
        number=number,
        telephone_at=now if number else Instant(0),
        telephone_lost_at=None if number else now,
        named_at=Instant(0) if is_other else account.named_at,
        is_shared=account.is_shared and not is_other,
    )


def workplace_of(row: Row) -> Workplace:
    """A place of work from a row of `workplaces_of` and its like."""
    return Workplace(
        id=row[0],
        account=row[1],
        organisation=row[2],
        role=row[3],
        practitioner=row[4],
        licence=row[5],
        title=row[6],
        practising_since=row[7],
    )
