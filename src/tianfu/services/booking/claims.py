"""Who asks to be known as a baby's guardian, the ward's papers, and relatives whom a guardian invited.

A claim that fits nobody is kept like any other and seen by nobody, so that no answer tells whether a baby is there.
Who gave a paper, said no, invited, or took any of it back stands in the trail, or it is not done.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from secrets import choice
from typing import Any, Literal

from tianfu.access.caller import Caller
from tianfu.db import Database, Transaction, queries, text_array
from tianfu.kernel.ids import new_uuid7
from tianfu.kernel.instants import DAY, Clock, Instant
from tianfu.kernel.refusal import Refusal
from tianfu.records.audit import Auditor
from tianfu.records.deeds import Deeds
from tianfu.services.accounts.keys import AccountKeys
from tianfu.services.accounts.model.people import Account, Kind, SignedIn
from tianfu.services.accounts.opening import Accounts
from tianfu.services.accounts.recovery import LETTERS
from tianfu.standards.china.names import folded
from tianfu.vault.keyring import Keyring

LISTED_MAX = 50
CLAIMS_SHOWN = 20

TRIED_AGAIN = DAY
"""So long it is tried again to let go whose invitation ended with the stay. [ours]"""

RULE = "newborn-visits"
PAPER, DECLINE, WITHDRAW, INVITE, END = (
    "give-paper",
    "decline-claim",
    "withdraw-claim",
    "invite-relative",
    "end-invitation",
)
"""What is done, as the trail calls it."""

_SQL = queries("tianfu.services.booking.sql", "claims.sql")

Answer = Literal["approved", "declined", "withdrawn"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """That somebody asks; `baby` and `ward` are empty where it fits nobody."""

    id: str
    account: str
    baby: str
    ward: str
    relation: str
    certificate: str
    asked_at: Instant
    until: Instant
    answer: Answer | None
    answered_at: Instant | None
    related: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Invitation:
    """A relative who was invited; `accepted_at` is None while nobody agreed, `declined_at` while nobody said no."""

    id: str
    ward: str
    baby: str
    guardian: str
    related: str
    asked_at: Instant
    accepted_by: str
    accepted_at: Instant | None
    declined_at: Instant | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """An invitation that was taken back: its RelatedPerson, and whose account had agreed, if any.

    `was_over`: before it was asked for now.
    """

    related: str
    account: str | None
    was_over: bool = False


class Claims:
    """Claims, papers and invitations; one for each worker."""

    def __init__(
        self, database: Database, keyring: Keyring, accounts: Accounts, auditor: Auditor, clock: Clock
    ) -> None:
        self._deeds = Deeds(RULE, auditor, clock)
        self._database = database
        self._keys = AccountKeys.of(keyring.index_secret)
        self._accounts = accounts
        self._clock = clock

    async def make_paper(self, baby: str, ward: str, *, by: Caller, until: Instant, letters: int) -> str:
        """A code for a paper that the ward hands to a mother; kept as a keyed digest alone."""
        code = "".join(choice(LETTERS) for _ in range(letters))
        async with self._database.transaction("app") as transaction:
            await transaction.run(
                _SQL.add_paper,
                digest=self._paper(code),
                baby=baby,
                ward=ward,
                by=by.id,
                now=self._clock(),
                until=until,
            )
            await self._deeds.tell(transaction, by, PAPER, patient=baby, ward=ward)
        return code

    async def ask(
        self,
        signed_in: SignedIn,
        *,
        found: tuple[str, str] | None,
        code: str,
        relation: str,
        certificate: str,
        until: Instant,
        open_max: int,
        day_max: int,
    ) -> None:
        """Ask to be known as guardian of the baby and ward `found`, or of the one that a paper's code names.

        So many wait at once, but a code is looked at all the same; so many are asked in a day, whatever became of them.
        Raises Refusal `too-many-claims`; says nothing about whether there is such a baby or code.
        """
        account = signed_in.account.id
        async with self._database.transaction("app") as transaction:
            await transaction.run(_SQL.lock_asker, account=account)
            now = self._clock()
            row = await transaction.one(_SQL.open_claims, account=account, now=now, since=now - DAY)
            waiting, lately = (0, 0) if row is None else (row[0], row[1])
            if lately >= day_max:
                raise Refusal("too-many-claims", next_step="ask-the-nurse-or-tomorrow")
            if waiting >= open_max and not code:
                raise Refusal("too-many-claims", next_step="take-a-claim-back")
            if code:
                used = await transaction.one(
                    _SQL.use_paper, digest=self._paper(code), account=account, now=self._clock()
                )
                found = None if used is None else (used[0], used[1])
            baby, ward = found or (None, None)
            await transaction.run(
                _SQL.add_claim,
                claim=new_uuid7(),
                account=account,
                baby=baby,
                ward=ward,
                relation=relation,
                certificate=certificate,
                now=self._clock(),
                until=until,
            )

    async def withdraw(self, signed_in: SignedIn, claim: str) -> None:
        """Take back what one asked and the ward did not confirm; raises Refusal `not-found`."""
        account = signed_in.account.id
        async with self._database.transaction("app") as transaction:
            row = await transaction.one(_SQL.withdraw_claim, claim=claim, account=account, now=self._clock())
            if row is None:
                raise _not_found()
            await self._deeds.tell(transaction, signed_in.caller, WITHDRAW, claim=claim)

    async def of_account(self, account: str) -> tuple[Claim, ...]:
        """What somebody asked, newest first."""
        async with self._database.connection("app") as connection:
            rows = await connection.all(_SQL.claims_of_account, account=account, limit=CLAIMS_SHOWN)
        return tuple(map(_claim, rows))

    async def of_ward(self, ward: str) -> tuple[tuple[Claim, Account], ...]:
        """What waits in a ward, oldest first, with who asks."""
        async with self._database.connection("app") as connection:
            rows = await connection.all(_SQL.claims_of_ward, ward=ward, now=self._clock(), limit=LISTED_MAX)
        claims = [_claim(row) for row in rows]
        return tuple([(each, await self._accounts.people.account(each.account)) for each in claims])

    async def claim(self, claim: str, ward: str) -> tuple[Claim, Account]:
        """One claim that waits in this ward, and who asks; raises Refusal `not-found`."""
        found = [pair for pair in await self.of_ward(ward) if pair[0].id == claim]
        if not found:
            raise _not_found()
        return found[0]

    async def answer(self, by: Caller, claim: Claim, answer: Answer, *, related: str | None = None) -> None:
        """The ward's answer, once; an approved guardian's account is tied to `related` with the same commit.

        Raises Refusal `not-found` for a claim that was answered before.
        """
        async with self._accounts.people.changing(claim.account) as transaction:
            said = await transaction.one(
                _SQL.answer_claim, claim=claim.id, answer=answer, by=by.id, related=related, now=self._clock()
            )
            if said is None:
                raise _not_found()
            if answer == "declined":
                await self._deeds.tell(transaction, by, DECLINE, patient=claim.baby, claim=claim.id)
            if related is not None:
                await self._accounts.people.tie_in(transaction, by, claim.account, "RelatedPerson", related)
        self._accounts.sessions.forget_known(claim.account)

    async def answer_to(self, claim: str) -> Answer | None:
        """What became of a claim; None while it waits."""
        async with self._database.connection("app") as connection:
            row = await connection.one(_SQL.answer_to_claim, claim=claim)
        return None if row is None else row[0]

    async def untie(self, by: Caller, related: str) -> None:
        """Whoever stands by this record does not any more."""
        account = await self.account_of(related)
        if account is None:
            return
        async with self._accounts.people.changing(account) as transaction:
            await self._accounts.people.untie_in(transaction, by, account, "RelatedPerson", related)
        self._accounts.sessions.forget_known(account)

    async def account_of(self, related: str) -> str | None:
        """Whose account stands by a guardian's or relative's record."""
        async with self._database.connection("app") as connection:
            row = await connection.one(_SQL.account_of_related, related=related)
        return None if row is None else str(row[0])

    async def telephone_of(self, related: str) -> str | None:
        """The telephone of whoever stands by a record; None for families without one."""
        account = await self.account_of(related)
        return None if account is None else (await self._accounts.people.account(account)).number or None

    async def invite(
        self,
        by: Caller,
        *,
        ward: str,
        baby: str,
        guardian: str,
        related: str,
        telephone: str,
        name: str,
        at_most: int,
        ever_at_most: int,
    ) -> str:
        """Have whoever bears that telephone and name see that he is invited, whether or not there is anybody yet.

        Raises Refusal `invited-too-many` if so many are invited for the baby already, `invited-too-often` if the
        guardian wrote so many for it, with those that are over.
        """
        invitation = new_uuid7()
        async with self._database.transaction("app") as transaction:
            await transaction.all(_SQL.lock_invitations, baby=baby)
            if len(await transaction.all(_SQL.invitations_of_baby, baby=baby)) >= at_most:
                raise Refusal("invited-too-many", next_step="take-one-back")
            row = await transaction.one(_SQL.invitations_ever, baby=baby, guardian=guardian)
            if row is not None and row[0] >= ever_at_most:
                raise Refusal("invited-too-often", next_step="ask-the-ward")
            await transaction.run(
                _SQL.add_invitation,
                invitation=invitation,
                ward=ward,
                baby=baby,
                guardian=guardian,
                related=related,
                handle=self._keys.handle(Kind.RESIDENT, telephone),
                named=self._keys.real_name(folded(name)),
                now=self._clock(),
            )
            await self._deeds.tell(transaction, by, INVITE, patient=baby, record=f"RelatedPerson/{related}")
        return invitation

    async def invited(self, baby: str) -> tuple[Invitation, ...]:
        """Whom a baby's guardians invited, and who was not taken back."""
        async with self._database.connection("app") as connection:
            rows = await connection.all(_SQL.invitations_of_baby, baby=baby)
        return tuple(map(_invitation, rows))

    async def invitations(self, signed_in: SignedIn) -> tuple[Invitation, ...]:
        """What waits for somebody or was accepted by him; nothing while his real name is not known."""
        if not signed_in.account.name_stands:
            return ()
        async with self._database.connection("app") as connection:
            rows = await connection.all(_SQL.invitations_for, **self._bearer(signed_in))
        return tuple(map(_invitation, rows))

    async def was_invited(self, signed_in: SignedIn, baby: str) -> bool:
        """Whether somebody agreed once to an invitation to a baby that is over."""
        async with self._database.connection("app") as connection:
            row = await connection.one(_SQL.invitation_over, account=signed_in.account.id, baby=baby)
        return row is not None

    async def accept(self, signed_in: SignedIn, invitation: str) -> None:
        """Agree to an invitation; raises Refusal `not-found` for one that is not for him."""
        if not signed_in.account.name_stands:
            raise _not_found()
        async with self._accounts.people.changing(signed_in.account.id) as transaction:
            row = await transaction.one(
                _SQL.accept_invitation, invitation=invitation, now=self._clock(), **self._bearer(signed_in)
            )
            if row is None:
                raise _not_found()
            await self._accounts.people.tie_in(
                transaction, signed_in.caller, signed_in.account.id, "RelatedPerson", row[0]
            )
        self._accounts.sessions.forget_known(signed_in.account.id)

    async def decline(self, signed_in: SignedIn, invitation: str) -> None:
        """Say no to an invitation; until it is taken back he may agree all the same.

        Raises Refusal `not-found` for one that is not for him, or to which he agreed.
        """
        if not signed_in.account.name_stands:
            raise _not_found()
        bearer = {name: value for name, value in self._bearer(signed_in).items() if name != "account"}
        async with self._database.transaction("app") as transaction:
            row = await transaction.one(_SQL.decline_invitation, invitation=invitation, now=self._clock(), **bearer)
            if row is None:
                raise _not_found()
            said = f"declined={invitation}&record=RelatedPerson/{row[0]}"
            await self._accounts.people.trace_tie(transaction, signed_in.caller, said)

    async def end_invitation(self, by: SignedIn, invitation: str, babies: Collection[str]) -> Ended:
        """Take an invitation for one of these babies back, or lay one's own down.

        Counts with its commit; what is over already is answered as such.  Raises Refusal `not-found`.
        """
        whose = {"invitation": invitation, "babies": text_array(babies), "account": by.account.id}
        async with self._database.transaction("app") as transaction:
            row = await transaction.one(_SQL.end_invitation, now=self._clock(), **whose)
            if row is None:
                before = await transaction.one(_SQL.ended_invitation, **whose)
                if before is None:
                    raise _not_found()
                return _was_over(before)
            [ended] = await self._untied(transaction, by.caller, [row])
        self._forget(ended)
        return ended

    async def end_invitations_by(self, by: Caller, guardian: str) -> tuple[Ended, ...]:
        """Take every invitation back that a guardian wrote, who is none any more; counts with its commit.

        With those to which somebody had agreed and that were over before.
        """
        async with self._database.transaction("app") as transaction:
            before = await transaction.all(_SQL.ended_invitations_by, guardian=guardian)
            rows = await transaction.all(_SQL.end_invitations_by, guardian=guardian, now=self._clock())
            ended = await self._untied(transaction, by, rows)
        self._forget(*ended)
        return (*ended, *map(_was_over, before))

    async def invited_stays(self) -> tuple[tuple[str, str], ...]:
        """Babies and wards for which somebody is invited, or was until lately: he may not have been let go yet."""
        since = self._clock() - TRIED_AGAIN
        async with self._database.connection("app") as connection:
            return tuple((row[0], row[1]) for row in await connection.all(_SQL.invited_stays, since=since))

    async def end_invitations_of(self, by: Caller, baby: str, ward: str) -> tuple[Ended, ...]:
        """End every invitation to a baby for its stay in a ward; counts with its commit.

        With those to which somebody had agreed and that were over before, lately.
        """
        async with self._database.transaction("app") as transaction:
            since = self._clock() - TRIED_AGAIN
            before = await transaction.all(_SQL.ended_invitations_of, baby=baby, ward=ward, since=since)
            rows = await transaction.all(_SQL.end_invitations_of, baby=baby, ward=ward, now=self._clock())
            ended = await self._untied(transaction, by, rows)
        self._forget(*ended)
        return (*ended, *map(_was_over, before))

    async def _untied(self, transaction: Transaction, by: Caller, rows: Sequence[Sequence[Any]]) -> tuple[Ended, ...]:
        ended = tuple(Ended(related=str(row[0]), account=row[1]) for row in rows)
        for each, row in zip(ended, rows, strict=True):
            await self._deeds.tell(transaction, by, END, patient=row[2], record=f"RelatedPerson/{each.related}")
            if each.account is not None:
                await self._untie(transaction, by, each.account, each.related)
        return ended

    def _forget(self, *ended: Ended) -> None:
        for each in ended:
            if each.account is not None:
                self._accounts.sessions.forget_known(each.account)

    async def _untie(self, transaction: Transaction, by: Caller, account: str, related: str) -> None:
        await self._accounts.people.untie_in(transaction, by, account, "RelatedPerson", related)

    def _bearer(self, signed_in: SignedIn) -> dict[str, Any]:
        account = signed_in.account
        return {
            "account": account.id,
            "handle": self._keys.handle(Kind.RESIDENT, account.number),
            "named": self._keys.real_name(folded(account.name)),
        }

    def _paper(self, code: str) -> bytes:
        return self._keys.paper("newborn", code)


def _claim(row: Sequence[Any]) -> Claim:
    return Claim(
        id=row[0],
        account=row[1],
        baby=row[2] or "",
        ward=row[3] or "",
        relation=row[4],
        certificate=row[5],
        asked_at=Instant(row[6]),
        until=Instant(row[7]),
        answer=row[8],
        answered_at=None if row[9] is None else Instant(row[9]),
        related=row[10] or "",
    )


def _invitation(row: Sequence[Any]) -> Invitation:
    return Invitation(
        id=row[0],
        ward=row[1],
        baby=row[2],
        guardian=row[3],
        related=row[4],
        asked_at=Instant(row[5]),
        accepted_by=row[6] or "",
        accepted_at=None if row[7] is None else Instant(row[7]),
        declined_at=None if row[8] is None else Instant(row[8]),
    )


def _was_over(row: Sequence[Any]) -> Ended:
    return Ended(related=str(row[0]), account=row[1], was_over=True)


def _not_found() -> Refusal:
    return Refusal("not-found", next_step="check-the-address")
