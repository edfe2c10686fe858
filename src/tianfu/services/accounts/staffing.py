"""What a security administrator does with the staff below him: finding, joining, appointing, ending, resetting.

It stands before `People` and adds three things to each change: that the proof is fresh, that who has just been shown
to be nobody's to see is not there, and that a refusal leaves its event.  Rule: docs/rules/sign-in.md
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

from tianfu.access.organisations import OrganisationTree
from tianfu.db import Database, queries, text_array
from tianfu.kernel.instants import Clock
from tianfu.kernel.refusal import Refusal
from tianfu.records.audit import Auditor
from tianfu.records.seals import Seals
from tianfu.records.write import leave_trace
from tianfu.services.accounts.keys import AccountKeys
from tianfu.services.accounts.model.numbers import normal_number
from tianfu.services.accounts.model.offices import APPOINTER, refuse_unless_below, refuse_unless_other
from tianfu.services.accounts.model.people import Account, Kind, SignedIn, Workplace
from tianfu.services.accounts.opening import Accounts
from tianfu.services.accounts.sessions import Listed, refuse_unless_fresh
from tianfu.services.accounts.store import Post, account_of, workplace_of
from tianfu.services.accounts.tracing import account_event
from tianfu.vault.keyring import Keyring

PAGE = 50
LOOKED_THROUGH_MAX = 2_000
"""Names are sealed, so a search opens each; after so many it stops and says so."""

_STAFF = queries("tianfu.services.accounts.sql", "staff.sql")


@dataclass(frozen=True, slots=True, kw_only=True)
class AtWork:
    """Somebody at one of his places of work."""

    account: Account
    workplace: Workplace


@dataclass(frozen=True, slots=True, kw_only=True)
class StaffPage:
    """A page of staff; `next_after` is empty on the last one, `is_cut_off` says that not all were looked through."""

    staff: tuple[AtWork, ...]
    next_after: str = ""
    is_cut_off: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One member of staff as his security administrator sees him.

    `elsewhere` counts places that are not below the one who asks.  Who keeps the member, being above all of his places,
    sees the sessions and whether a second factor is set up; for others they are None.
    """

    account: Account
    workplaces: tuple[Workplace, ...]
    elsewhere: int
    is_kept: bool
    has_password: bool | None = None
    has_second_factor: bool | None = None
    sessions: tuple[Listed, ...] | None = None


class Staffing:
    """Staff for their administrators."""

    def __init__(
        self, database: Database, keyring: Keyring, accounts: Accounts, auditor: Auditor, *, clock: Clock
    ) -> None:
        self._database = database
        self._keys = AccountKeys.of(keyring.index_secret)
        self._seals = Seals(keyring)
        self._accounts = accounts
        self._auditor = auditor
        self._clock = clock

    async def counted(self) -> Mapping[str, int]:
        """How many people work in each organisation that has any; no names, so it is for both administrators."""
        async with self._database.connection("app") as connection:
            rows = await connection.all(_STAFF.organisations_staffed)
        return {row[0]: row[1] for row in rows}

    async def listed(
        self, by: SignedIn, organisations: Collection[str], tree: OrganisationTree, *, role: str = "", after: str = ""
    ) -> StaffPage:
        """A page of who works in these organisations, in the order of joining; raises as `refuse_unless_below` does."""
        _refuse_unless_above(by, organisations, tree)
        found = await self._in(organisations, role=role, after=after, limit=PAGE + 1)
        more = found[PAGE - 1].workplace.id if len(found) > PAGE else ""
        return StaffPage(staff=tuple(found[:PAGE]), next_after=more)

    async def found(
        self, by: SignedIn, wanted: str, organisations: Collection[str], tree: OrganisationTree, *, role: str = ""
    ) -> StaffPage:
        """Who in these organisations has this staff number, or a name with these words."""
        _refuse_unless_above(by, organisations, tree)
        number, words = normal_number(Kind.STAFF, wanted), wanted.casefold().split()
        if not words:
            return StaffPage(staff=())
        looked_through = await self._in(organisations, role=role, after="", limit=LOOKED_THROUGH_MAX + 1)
        hits = tuple(
            each
            for each in looked_through[:LOOKED_THROUGH_MAX]
            if each.account.number == number or all(word in each.account.name.casefold() for word in words)
        )
        is_cut_off = len(looked_through) > LOOKED_THROUGH_MAX
        if is_cut_off and number is not None and not hits:
            hits = await self._numbered(number, organisations, role)
        return StaffPage(staff=hits[:PAGE], is_cut_off=is_cut_off or len(hits) > PAGE)

    async def workplaces(self, account: str) -> tuple[Workplace, ...]:
        """Where somebody works now, for whoever is about to ask which of them are below him."""
        return await self._accounts.people.workplaces(account)

    async def member(self, by: SignedIn, account: str, tree: OrganisationTree) -> Member:
        """One member of staff; raises Refusal `not-found` unless one of his places is below whoever asks."""
        _refuse_unless_appointer(by)
        held = await self._accounts.people.workplaces(account)
        seen = tuple(each for each in held if _is_above(by, each.organisation, tree))
        if not seen:
            raise Refusal("not-found", next_step="start-again")
        person = await self._accounts.people.account(account)
        if not _is_kept(by, account, held, tree):
            return Member(account=person, workplaces=seen, elsewhere=len(held) - len(seen), is_kept=False)
        credentials = {each.kind for each in await self._accounts.credentials.listed(account)}
        return Member(
            account=person,
            workplaces=seen,
            elsewhere=0,
            is_kept=True,
            has_password="password" in credentials,
            has_second_factor=not credentials.isdisjoint({"totp", "passkey"}),
            sessions=tuple(await self._accounts.sessions.sessions_of(account)),
        )

    async def join(
        self, by: SignedIn, *, name: str, number: str, post: Post, tree: OrganisationTree
    ) -> tuple[Account, str]:
        """A new member of staff at his first place of work, and the password to hand over.

        Raises Refusal `proof-too-old`, or as `People.join_staff` does.
        """
        async with self._changing(by, "join", _of(post)):
            account, _ = await self._accounts.people.join_staff(by, name=name, number=number, post=post, tree=tree)
            return account, await self._accounts.enrolling.hand_over_password(by, account.id, tree)

    async def appoint(self, by: SignedIn, account: str, post: Post, tree: OrganisationTree) -> Workplace:
        """One more place of work; raises Refusal `proof-too-old`, or as `People.appoint` does."""
        async with self._changing(by, "appoint", f"account={account}&{_of(post)}"):
            return await self._accounts.people.appoint(by, account, post, tree)

    async def move(self, by: SignedIn, workplace: str, post: Post, tree: OrganisationTree) -> Workplace:
        """Another place of work instead of one; raises Refusal `proof-too-old`, or as `People.move` does."""
        async with self._changing(by, "appoint", f"workplace={workplace}&{_of(post)}"):
            moved = await self._accounts.people.move(by, workplace, post, tree)
        self._accounts.sessions.forget_known(moved.account)
        return moved

    async def dismiss(self, by: SignedIn, account: str, workplace: str, tree: OrganisationTree) -> None:
        """Somebody works there no more; raises Refusal `proof-too-old`, or as `People.dismiss` does."""
        async with self._changing(by, "dismiss", f"account={account}&workplace={workplace}"):
            await self._accounts.people.dismiss(by, workplace, tree)
        self._accounts.sessions.forget_known(account)

    async def leave(self, by: SignedIn, account: str, tree: OrganisationTree) -> None:
        """Somebody leaves, and everything ends at once; raises Refusal `proof-too-old`, or as `People.leave` does."""
        async with self._changing(by, "leave", f"account={account}"):
            await self._accounts.people.leave(by, account, tree)
        self._accounts.sessions.forget_known(account)

    async def reset(self, by: SignedIn, account: str, tree: OrganisationTree) -> str:
        """End what proves who somebody is, and all sessions; the password to hand over."""
        async with self._changing(by, "change-credentials", f"account={account}"):
            return await self._accounts.enrolling.hand_over_password(by, account, tree)

    async def end_sessions(self, by: SignedIn, account: str, tree: OrganisationTree) -> int:
        """End all sessions of somebody; how many there were.  Raises as `People.refuse_unless_keeps` does."""
        async with (
            self._changing(by, "sign-out", f"account={account}"),
            self._database.transaction("app") as transaction,
        ):
            await self._accounts.people.refuse_unless_keeps(transaction, by, account, tree)
            count = await self._accounts.sessions.end_others(transaction, account, but="", by=by.caller.id)
            said = account_event(by.caller, "sign-out", at=self._clock(), query=f"account={account}&others={count}")
            await leave_trace(transaction, [said], self._auditor.writer)
        self._accounts.sessions.forget_known(account)
        return count

    @asynccontextmanager
    async def _changing(self, by: SignedIn, interaction: str, query: str) -> AsyncIterator[None]:
        """What comes with every change: a fresh proof before it, and an event if it is refused."""
        try:
            refuse_unless_fresh(by, self._clock())
            yield
        except Refusal as refusal:
            if not (refusal.retryable or refusal.is_traced):
                said = account_event(by.caller, interaction, at=self._clock(), outcome=refusal.code, query=query)
                await self._auditor.record([said])
                refusal.is_traced = True
            raise

    async def _in(self, organisations: Iterable[str], *, role: str, after: str, limit: int) -> list[AtWork]:
        async with self._database.connection("app") as connection:
            rows = await connection.all(
                _STAFF.staff_in, organisations=text_array(sorted(organisations)), role=role, after=after, limit=limit
            )
        return [AtWork(workplace=workplace_of(row[:8]), account=account_of(self._seals, row[8:])) for row in rows]

    async def _numbered(self, number: str, organisations: Collection[str], role: str) -> tuple[AtWork, ...]:
        account = await self._accounts.people.of_handle(Kind.STAFF, self._keys.handle(Kind.STAFF, number))
        if account is None:
            return ()
        places = await self._accounts.people.workplaces(account.id)
        return tuple(
            AtWork(account=account, workplace=each)
            for each in places
            if each.organisation in organisations and role in {"", each.role}
        )


def _refuse_unless_appointer(by: SignedIn) -> Workplace:
    if by.workplace is None or not by.is_settled or by.workplace.role != APPOINTER:
        raise Refusal("appointing-not-yours", next_step="ask-your-office")
    return by.workplace


def _refuse_unless_above(by: SignedIn, organisations: Iterable[str], tree: OrganisationTree) -> None:
    appointer = _refuse_unless_appointer(by)
    for each in organisations:
        refuse_unless_below(appointer, "doctor", each, tree)


def _is_above(by: SignedIn, organisation: str, tree: OrganisationTree) -> bool:
    try:
        _refuse_unless_above(by, [organisation], tree)
    except Refusal:
        return False
    return True


def _is_kept(by: SignedIn, account: str, held: Collection[Workplace], tree: OrganisationTree) -> bool:
    """Whether whoever asks is above all places, as `People.refuse_unless_keeps` asks again in its transaction."""
    appointer = _refuse_unless_appointer(by)
    try:
        refuse_unless_other(appointer, account)
        for each in held:
            refuse_unless_below(appointer, each.role, each.organisation, tree)
    except Refusal:
        return False
    return bool(held)


def _of(post: Post) -> str:
    return f"organisation={post.organisation[:64]}&role={post.role[:32]}"
