"""Passkeys: set up by who has signed in, and shown to sign in or to prove again; each challenge is answered once.

A challenge is a step: it lives five minutes, in one browser, and for one session where there is one.  Whatever is wrong
with an answer, the person reads one refusal, and the trail alone the reason.  Rule: docs/rules/sign-in.md
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from dataclasses import dataclass
from secrets import token_bytes

from tianfu.access.caller import Caller
from tianfu.kernel.instants import Clock, Instant
from tianfu.kernel.refusal import Refusal
from tianfu.records.write import leave_trace
from tianfu.services.accounts.credentials import PASSKEYS_MAX, Passkey
from tianfu.services.accounts.grounds import Grounds
from tianfu.services.accounts.model.people import Account, Kind, Method, SignedIn
from tianfu.services.accounts.passkey_answers import (
    AnswerRefusedError,
    Made,
    RelyingParty,
    Shown,
    count_shown,
    made,
    options_to_make,
    options_to_show,
    shown,
    user_of,
)
from tianfu.services.accounts.sessions import refuse_unless_fresh
from tianfu.services.accounts.signing_in import Arrival, Entered, Next, Parts, SigningIn
from tianfu.services.accounts.steps import Waiting
from tianfu.services.accounts.tracing import account_event, caller_of
from tianfu.services.accounts.whose import Whose

SIGNING_IN, SETTING_UP, PROVING = "passkey-sign-in", "passkey-set-up", "passkey-proof"
"""For what a challenge is: one of another stage is none."""

CHALLENGE_BYTES = 32
"""Section 13.4.3 asks for 16 at least."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Challenge:
    """What a browser is to answer: `options` is JSON for it, `step` goes into its form, `device` into its cookie."""

    step: str
    device: str
    until: Instant
    options: str


class Passkeys:
    """Passkeys of one relying party."""

    def __init__(self, parts: Parts, signing_in: SigningIn, whose: Whose, party: RelyingParty, *, clock: Clock) -> None:
        self._parts = parts
        self._whose = whose
        self._signing_in = signing_in
        self._party = party
        self._clock = clock

    async def begin_sign_in(self, arrival: Arrival, *, whose: str = "") -> Challenge:
        """A challenge for whoever has a passkey of ours; nobody says first who he is.  Raises `sign-in-closed`.

        `whose` is the step of a telephone that was proved and does not say whose account it is.
        """
        arrival = arrival.settled()
        await self._parts.guard.refuse_if_address_closed(arrival.address)
        challenge = token_bytes(CHALLENGE_BYTES)
        options = options_to_show(self._party, challenge, ())
        return await self._begun(SIGNING_IN, arrival, challenge, options, whose=whose)

    async def sign_in(self, step: str, answer: str, arrival: Arrival) -> Next | Entered:
        """Sign in by what the browser answered, also where guesses closed the handle.

        Raises Refusal `passkey-refused`, `workplace-missing` or `sign-in-closed`.
        """
        await self._parts.guard.refuse_if_address_closed(arrival.address)
        account: Account | None = None
        try:
            challenge, whose = await self._take(SIGNING_IN, step, arrival)
            told = shown(answer)
            passkey, account = await self._known(told)
            if told.user != user_of(account):
                raise AnswerRefusedError("wrong-user")
            await self._check(told, passkey, challenge)
        except AnswerRefusedError as error:
            raise await self._refused("sign-in", error, arrival, caller_of(account)) from error
        grounds = Grounds(credentials=(passkey.credential,))
        if whose:
            return await self._whose.by_passkey(account, grounds, whose, arrival)
        return await self._signing_in.proved(account, Method.PASSKEY, grounds, arrival)

    async def begin_proof(self, signed_in: SignedIn, arrival: Arrival) -> Challenge:
        """A challenge for one's own passkeys, to prove again; raises Refusal `method-not-yours` without one."""
        allowed = await self._parts.credentials.passkeys_of(signed_in.account.id)
        if not allowed:
            raise Refusal("method-not-yours")
        await self._parts.guard.refuse_if_address_closed(arrival.address)
        challenge = token_bytes(CHALLENGE_BYTES)
        options = options_to_show(self._party, challenge, allowed)
        return await self._begun(PROVING, arrival, challenge, options, signed_in)

    async def prove(self, signed_in: SignedIn, step: str, answer: str, arrival: Arrival) -> SignedIn:
        """The session with a fresh proof; raises Refusal `passkey-refused`, `session-over` or `sign-in-closed`."""
        await self._parts.guard.refuse_if_address_closed(arrival.address)
        try:
            challenge, _ = await self._take(PROVING, step, arrival, signed_in)
            told = shown(answer)
            passkey, account = await self._known(told)
            if account.id != signed_in.account.id or told.user not in {b"", user_of(account)}:
                raise AnswerRefusedError("wrong-user")
            await self._check(told, passkey, challenge)
        except AnswerRefusedError as error:
            raise await self._refused("step-up", error, arrival, signed_in.caller) from error
        return await self._signing_in.stepped_up(signed_in, Method.PASSKEY)

    async def begin_set_up(self, signed_in: SignedIn, arrival: Arrival) -> Challenge:
        """A challenge for a new passkey; raises Refusal `proof-too-old` or `too-many-credentials`."""
        refuse_unless_fresh(signed_in, self._clock())
        known = await self._parts.credentials.passkeys_of(signed_in.account.id)
        if len(known) >= PASSKEYS_MAX:  # before the device keeps what we would not
            raise Refusal("too-many-credentials", next_step="remove-one-first")
        challenge = token_bytes(CHALLENGE_BYTES)
        options = options_to_make(self._party, signed_in.account, challenge, known)
        return await self._begun(SETTING_UP, arrival, challenge, options, signed_in)

    async def set_up(
        self, signed_in: SignedIn, step: str, answer: str, label: str, arrival: Arrival
    ) -> tuple[Entered, tuple[str, ...]]:
        """Keep a new passkey: a new session, and for staff recovery codes where there are none.

        Raises Refusal `passkey-not-set-up`, `passkey-known`, `proof-too-old` or `too-many-credentials`.
        """
        refuse_unless_fresh(signed_in, self._clock())
        try:
            challenge, _ = await self._take(SETTING_UP, step, arrival, signed_in)
            new = made(answer, challenge=challenge, party=self._party)
        except AnswerRefusedError as error:
            raise await self._refused("change-credentials", error, arrival, signed_in.caller) from error
        codes = await self._keep(signed_in, new, label)
        return await self._signing_in.renew(signed_in, {Method.PASSKEY}, arrival), codes

    async def _keep(self, signed_in: SignedIn, new: Made, label: str) -> tuple[str, ...]:
        account, credentials = signed_in.account, self._parts.credentials
        needs_codes = account.kind is Kind.STAFF and not await credentials.recovery_codes_left(account.id)
        async with self._parts.database.transaction("app") as transaction:
            await credentials.add_passkey(
                transaction, account.id, key_id=new.key_id, public_key=new.public_key, count=new.count, label=label
            )
            codes = await credentials.new_recovery_codes(transaction, account.id) if needs_codes else ()
            said = account_event(signed_in.caller, "change-credentials", at=self._clock(), query="added=passkey")
            await leave_trace(transaction, [said], self._parts.auditor.writer)
        return codes

    async def _begun(
        self,
        stage: str,
        arrival: Arrival,
        challenge: bytes,
        options: str,
        signed_in: SignedIn | None = None,
        *,
        whose: str = "",
    ) -> Challenge:
        session = signed_in.session if signed_in else ""
        data = {"challenge": b64encode(challenge).decode(), "session": session, "whose": whose}
        waiting = Waiting(stage=stage, account=signed_in.account.id if signed_in else "", data=data)
        step, until = await self._parts.steps.begin(waiting, device=arrival.device)
        return Challenge(step=step, device=arrival.device, until=until, options=options)

    async def _take(
        self, stage: str, step: str, arrival: Arrival, signed_in: SignedIn | None = None
    ) -> tuple[bytes, str]:
        """The challenge that waits for this browser and session, and the step of a telephone if there is one.

        It is none any more, whatever the answer is.
        """
        try:
            waiting = await self._parts.steps.read(step, device=arrival.device, stage=stage)
            async with self._parts.database.transaction("app") as transaction:
                await self._parts.steps.take(transaction, step)
        except Refusal as refusal:
            if refusal.code != "step-over":
                raise
            raise AnswerRefusedError("no-challenge") from refusal
        if waiting.data["session"] != (signed_in.session if signed_in else ""):
            raise AnswerRefusedError("of-another-session")
        return b64decode(waiting.data["challenge"]), waiting.data["whose"]

    async def _known(self, told: Shown) -> tuple[Passkey, Account]:
        """The passkey of this number and its owner, if both stand; raises AnswerRefusedError."""
        passkey = await self._parts.credentials.passkey(told.key_id)
        if passkey is None:
            raise AnswerRefusedError("unknown")
        account = await self._parts.people.account(passkey.account)
        if account.has_left:
            raise AnswerRefusedError("has-left")
        return passkey, account

    async def _check(self, told: Shown, passkey: Passkey, challenge: bytes) -> None:
        """Whether the passkey answers this challenge, and its count has grown; raises AnswerRefusedError."""
        count = count_shown(told, challenge=challenge, party=self._party, public_key=passkey.public_key)
        if not await self._parts.credentials.count_passkey(passkey, count):
            raise AnswerRefusedError("count-not-grown")

    async def _refused(self, interaction: str, error: AnswerRefusedError, arrival: Arrival, caller: Caller) -> Refusal:
        """Count the failure against its address and trace it with its reason; the refusal to raise, without it."""
        is_set_up = interaction == "change-credentials"
        refusal = Refusal("passkey-not-set-up" if is_set_up else "passkey-refused", next_step="start-again")
        if not is_set_up:
            await self._parts.guard.failed(arrival.address)
        keys = self._parts.keys
        query = f"method={Method.PASSKEY}&reason={error.reason}&address=~{keys.told(keys.address(arrival.address))}"
        said = account_event(caller, interaction, at=self._clock(), outcome=refusal.code, query=query)
        await self._parts.auditor.record([said])
        refusal.is_traced = True
        return refusal
