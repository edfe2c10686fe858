"""Setting up and taking away what proves who somebody is: only with a fresh proof, and each leaves its event.

A change of a password, and a password that was handed over, end the sessions that the old one began.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from dataclasses import dataclass
from secrets import choice

from tianfu.access.organisations import OrganisationTree
from tianfu.db import Transaction
from tianfu.kernel.instants import Clock, Instant
from tianfu.kernel.refusal import Refusal
from tianfu.records.seals import Seals
from tianfu.records.write import leave_trace
from tianfu.services.accounts.model.passwords import refuse_unless_good
from tianfu.services.accounts.model.people import Kind, Method, SignedIn, refuse_unless_settled
from tianfu.services.accounts.recovery import LETTERS
from tianfu.services.accounts.sessions import refuse_unless_fresh
from tianfu.services.accounts.signing_in import Arrival, Entered, Parts, SigningIn
from tianfu.services.accounts.steps import Waiting
from tianfu.services.accounts.store import By
from tianfu.services.accounts.totp import new_secret, provisioning_uri, shown_secret, step_of
from tianfu.services.accounts.tracing import account_event

SETTING_UP_TOTP = "setting-up-totp"
HANDED_OVER_LETTERS = 16
"""Sixteen letters of thirty-one are 79 bits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TotpOffer:
    """An authenticator that is about to be set up: `uri` goes into a square code, `secret` is for typing it in."""

    step: str
    until: Instant
    uri: str
    secret: str


class Enrolling:
    """Credentials, as their owner sets them up, and passwords as a security administrator hands them over."""

    def __init__(self, parts: Parts, signing_in: SigningIn, seals: Seals, *, issuer: str, clock: Clock) -> None:
        self._parts = parts
        self._signing_in = signing_in
        self._seals = seals
        self._issuer = issuer
        self._clock = clock

    async def offer_totp(self, signed_in: SignedIn, arrival: Arrival) -> TotpOffer:
        """A new secret for an authenticator, which counts once it showed a code; raises Refusal `proof-too-old`."""
        self._refuse_unless_staff(signed_in)
        refuse_unless_fresh(signed_in, self._clock())
        secret = new_secret()
        data = {"secret": b64encode(secret).decode(), "session": signed_in.session}
        waiting = Waiting(stage=SETTING_UP_TOTP, account=signed_in.account.id, data=data)
        step, until = await self._parts.steps.begin(waiting, device=arrival.device)
        uri = provisioning_uri(secret, number=signed_in.account.number, issuer=self._issuer)
        return TotpOffer(step=step, until=until, uri=uri, secret=shown_secret(secret))

    async def confirm_totp(
        self, signed_in: SignedIn, step: str, code: str, label: str, arrival: Arrival
    ) -> tuple[Entered, tuple[str, ...]]:
        """Keep an authenticator that shows the right code; a new session, and recovery codes with the first one.

        Raises Refusal `code-wrong`, `step-over`, `proof-too-old` or `too-many-credentials`.
        """
        refuse_unless_fresh(signed_in, self._clock())
        account = signed_in.account.id
        waiting = await self._parts.steps.read(step, device=arrival.device, stage=SETTING_UP_TOTP)
        if waiting.account != account or waiting.data["session"] != signed_in.session:
            raise Refusal("step-over", next_step="sign-in")
        secret = b64decode(waiting.data["secret"])
        shown_step = step_of(secret, code, self._clock())
        if shown_step is None:
            raise Refusal("code-wrong")

        async def work() -> tuple[str, ...]:
            async with self._parts.database.transaction("app") as transaction:
                await self._parts.steps.take(transaction, step)
                credentials = self._parts.credentials
                await credentials.add_totp(transaction, account, secret, step=shown_step, label=label)
                has_codes = await credentials.recovery_codes_left(account)
                codes = () if has_codes else await credentials.new_recovery_codes(transaction, account)
                await self._leave(transaction, signed_in, "added=totp")
            return codes

        codes = await self._seals.again(work)
        return await self._signing_in.renew(signed_in, {Method.TOTP}, arrival), codes

    async def new_recovery_codes(self, signed_in: SignedIn) -> tuple[str, ...]:
        """Ten codes instead of those there were; raises Refusal `proof-too-old` or `second-factor-missing`."""
        self._refuse_unless_settled(signed_in)
        async with self._parts.database.transaction("app") as transaction:
            codes = await self._parts.credentials.new_recovery_codes(transaction, signed_in.account.id)
            await self._leave(transaction, signed_in, "added=recovery")
        return codes

    async def change_password(self, signed_in: SignedIn, password: str) -> None:
        """Another password; all other sessions end.

        Raises Refusal `proof-too-old`, `password-unchanged` for the one that was handed over, or as
        `refuse_unless_good` does.
        """
        self._refuse_unless_staff(signed_in)
        refuse_unless_fresh(signed_in, self._clock())
        account = signed_in.account
        refuse_unless_good(password, number=account.number, name=account.name)
        if signed_in.needs_own_password and await self._parts.credentials.password_is(account.id, password):
            raise Refusal("password-unchanged")
        digest = await self._parts.credentials.digest(password)

        async def work() -> None:
            async with self._parts.database.transaction("app") as transaction:
                await self._parts.credentials.set_password(transaction, account.id, digest)
                await self._parts.sessions.end_others(transaction, account.id, but=signed_in.session, by=account.id)
                await self._leave(transaction, signed_in, "changed=password")

        await self._seals.again(work)
        self._parts.sessions.forget_known(account.id)

    async def end_credential(self, signed_in: SignedIn, credential: str) -> None:
        """Take a credential away; all other sessions end.

        Raises Refusal `proof-too-old`, `credential-unknown` or `second-factor-missing`.
        """
        self._refuse_unless_settled(signed_in)
        account = signed_in.account.id
        async with self._parts.database.transaction("app") as transaction:
            kind = await self._parts.credentials.end(transaction, account, credential)
            await self._parts.sessions.end_others(transaction, account, but=signed_in.session, by=account)
            await self._leave(transaction, signed_in, f"ended={kind}")
        self._parts.sessions.forget_known(account)

    async def hand_over_password(self, by: By, account: str, tree: OrganisationTree) -> str:
        """A password for somebody who has none or forgot it, to be told to him in person, and shown once.

        All credentials and all sessions end: whoever signs in by it chooses one of his own and sets up a second factor.
        Raises Refusal `account-unknown`, `appointing-not-yours`, `not-below-you`, `appointing-oneself` or
        `proof-too-old`.
        """
        if isinstance(by, SignedIn):
            refuse_unless_fresh(by, self._clock())
        password = _letters()
        digest = await self._parts.credentials.digest(password)

        async def work() -> None:
            async with self._parts.database.transaction("app") as transaction:
                await self._parts.people.refuse_unless_keeps(transaction, by, account, tree)
                await self._parts.credentials.end_all(transaction, account)
                await self._parts.credentials.set_handed_over(transaction, account, digest)
                await self._parts.sessions.end_others(transaction, account, but="", by=by.caller.id)
                said = account_event(
                    by.caller,
                    "change-credentials",
                    at=self._clock(),
                    query=f"account={account}&handed-over=password",
                )
                await leave_trace(transaction, [said], self._parts.auditor.writer)

        await self._seals.again(work)
        self._parts.sessions.forget_known(account)
        return password

    async def _leave(self, transaction: Transaction, signed_in: SignedIn, query: str) -> None:
        said = account_event(signed_in.caller, "change-credentials", at=self._clock(), query=query)
        await leave_trace(transaction, [said], self._parts.auditor.writer)

    def _refuse_unless_settled(self, signed_in: SignedIn) -> None:
        refuse_unless_settled(signed_in)
        refuse_unless_fresh(signed_in, self._clock())

    @staticmethod
    def _refuse_unless_staff(signed_in: SignedIn) -> None:
        if signed_in.account.kind is not Kind.STAFF:
            raise Refusal("method-not-yours")


def _letters() -> str:
    """A password that nobody chose, in groups that can be read aloud."""
    drawn = "".join(choice(LETTERS) for _ in range(HANDED_OVER_LETTERS))
    return "-".join(drawn[at : at + 4] for at in range(0, HANDED_OVER_LETTERS, 4))
