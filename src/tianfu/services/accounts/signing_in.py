"""Signing in, step by step, and what somebody does with his own session; each success and refusal leaves its event.

No answer tells whether there is such an account: a number that nobody has costs the same work, counts the same
failures and gets the same refusal.  Rule: docs/rules/sign-in.md
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, replace

from tianfu.access.caller import Caller
from tianfu.db import Database, Transaction
from tianfu.kernel.instants import Clock, Instant
from tianfu.kernel.refusal import Refusal
from tianfu.records.audit import Auditor
from tianfu.records.write import leave_trace
from tianfu.services.accounts.codes import Codes
from tianfu.services.accounts.credentials import Credentials
from tianfu.services.accounts.grounds import NO_GROUNDS, Grounds, Standing
from tianfu.services.accounts.guard import Guard
from tianfu.services.accounts.keys import AccountKeys
from tianfu.services.accounts.model.numbers import NUMBER_CHARACTERS_MAX, normal_number
from tianfu.services.accounts.model.offices import OFFICES
from tianfu.services.accounts.model.people import (
    Account,
    Assurance,
    Kind,
    Method,
    SignedIn,
    Workplace,
    refuse_unless_settled,
)
from tianfu.services.accounts.model.proving import SECOND_FACTORS, Proof, steps_up, worth
from tianfu.services.accounts.sessions import Begun, Sessions, is_secret, new_secret
from tianfu.services.accounts.steps import Steps, Waiting, step_over
from tianfu.services.accounts.store import People
from tianfu.services.accounts.telephones import Telephones
from tianfu.services.accounts.tracing import account_event, caller_of

TELEPHONE, WHOSE, SECOND, WORKPLACE = "telephone", "whose", "second", "workplace"
"""What a sign-in can wait for: the code that was sent, whose account it is where the telephone alone says too little,
the second factor, the choice among several places of work."""

WHOSE_SECONDS = 600
"""Whoever looks for his identity card needs longer than for a code."""

First = Callable[[Transaction], Awaitable[Account]]
"""What is done in the transaction that lets in, before anything is looked at: it says into which account."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """From where somebody comes: the network address, the browser's own secret (empty if it has none), its name."""

    address: str
    device: str
    agent: str

    def settled(self) -> Arrival:
        """The same with a secret for the browser: its own if it can be one of ours, else a new one."""
        return self if is_secret(self.device) else replace(self, device=new_secret())


@dataclass(frozen=True, slots=True, kw_only=True)
class Next:
    """A sign-in that goes on: `step` is the secret by which it does, `device` goes into the browser's second cookie.

    `stage` is TELEPHONE, WHOSE, SECOND or WORKPLACE.  Of the first, `again_in_seconds` says when another code may be
    asked for, and `is_sent` whether one went out now; `methods` are those of the second, `workplaces` those to choose
    from.
    """

    stage: str
    step: str
    device: str
    until: Instant
    methods: frozenset[Method] = frozenset()
    workplaces: tuple[Workplace, ...] = ()
    again_in_seconds: int = 0
    is_sent: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Entered:
    """Somebody has signed in: `secret` goes into the session's cookie, `device` into the browser's second one."""

    secret: str
    device: str
    signed_in: SignedIn


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What signing in stands on."""

    database: Database
    keys: AccountKeys
    people: People
    credentials: Credentials
    codes: Codes
    guard: Guard
    steps: Steps
    sessions: Sessions
    telephones: Telephones
    auditor: Auditor


_SOMEBODY = Account(id="", kind=Kind.RESIDENT, name="", number="", assurance=Assurance.NOTHING)
"""A resident of whom nothing is known yet."""


class SigningIn:
    """Lets people in; every method raises Refusal, and `sign-in-closed` wherever too many failures came before."""

    def __init__(self, parts: Parts, *, clock: Clock) -> None:
        self._parts = parts
        self._clock = clock

    async def send_code(self, number: str, arrival: Arrival) -> Next:
        """Send a one-time code to a telephone, whether or not there is an account.

        Raises Refusal `number-malformed`, `codes-used-up` or `code-not-sent`.
        """
        arrival = arrival.settled()
        plain = normal_number(Kind.RESIDENT, number)
        if plain is None:
            raise Refusal("number-malformed")
        handle = self._parts.keys.handle(Kind.RESIDENT, plain)
        await self._parts.guard.refuse_if_closed(handle, arrival.address)
        try:
            sent = await self._parts.codes.send(handle, plain, now=self._clock())
        except Refusal as refusal:
            await self._trace_refusal("send-code", refusal, caller_of(None), self._told(handle, arrival))
            raise
        if sent.is_new:
            await self._trace("send-code", caller_of(None), self._told(handle, arrival))
        step, until = await self._parts.steps.begin(
            Waiting(stage=TELEPHONE, data={"number": plain}), device=arrival.device
        )
        return Next(
            stage=TELEPHONE,
            step=step,
            device=arrival.device,
            until=until,
            again_in_seconds=sent.again_in_seconds,
            is_sent=sent.is_new,
        )

    async def with_code(self, step: str, code: str, arrival: Arrival) -> Next | Entered:
        """Sign a resident in by the code that was sent, if that says whose account it is; else it waits at WHOSE.

        That is the same for a number that nobody has, that was not proved for long, and that several share.
        Raises Refusal `sign-in-refused` or `step-over`.
        """
        waiting = await self._waiting(step, TELEPHONE, arrival)
        number = waiting.data["number"]
        handle = self._parts.keys.handle(Kind.RESIDENT, number)
        await self._begin(handle, arrival)
        account = await self._parts.people.of_handle(Kind.RESIDENT, handle)
        if not await self._parts.codes.use(handle, code, now=self._clock()):
            raise await self._refused(handle, arrival, account)
        if account is None or not self._parts.telephones.opens_by_code(account):
            await self._parts.guard.passed(handle)
            return await self._wait_whose(number, arrival, after=step)
        grounds = Grounds(handle=handle)
        return await self._go_on(account, {Method.TELEPHONE}, grounds, arrival, handle=handle, step=step)

    async def with_password(self, number: str, password: str, arrival: Arrival) -> Next | Entered:
        """Sign staff in by staff number and password, as far as that goes.  Raises Refusal `sign-in-refused`."""
        arrival = arrival.settled()
        plain = normal_number(Kind.STAFF, number)
        handle = self._parts.keys.handle(Kind.STAFF, number[:NUMBER_CHARACTERS_MAX] if plain is None else plain)
        await self._begin(handle, arrival)
        account = await self._parts.people.of_handle(Kind.STAFF, handle)
        name = await self._parts.credentials.password_name(account.id if account else None)
        is_right = await self._parts.credentials.password_is(account.id if account else None, password)
        if account is None or not is_right:
            raise await self._refused(handle, arrival, account)
        grounds = Grounds(handle=handle, credentials=(name,))
        return await self._go_on(account, {Method.PASSWORD}, grounds, arrival, handle=handle)

    async def with_second(self, step: str, method: Method, code: str, arrival: Arrival) -> Next | Entered:
        """Go on with the second factor: the authenticator's code, or a recovery code.

        Raises Refusal `sign-in-refused` or `step-over`.
        """
        waiting = await self._waiting(step, SECOND, arrival)
        account = await self._parts.people.account(waiting.account)
        handle = self._handle(account)
        await self._begin(handle, arrival)
        name = await self._shown(account, method, code)
        if name is None:
            raise await self._refused(handle, arrival, account)
        grounds = waiting.grounds.and_credential(name)
        return await self._go_on(account, {*waiting.methods, method}, grounds, arrival, handle=handle, step=step)

    async def choose_workplace(self, step: str, workplace: str, arrival: Arrival) -> Entered:
        """Go on from one of several places of work; raises Refusal `workplace-unknown` or `step-over`."""
        waiting = await self._waiting(step, WORKPLACE, arrival)
        account = await self._parts.people.account(waiting.account)
        if account.has_left:
            raise Refusal("sign-in-refused")
        chosen = await self._workplace(account, workplace)
        return await self._enter(account, chosen, frozenset(waiting.methods), waiting.grounds, arrival, step=step)

    async def proved(self, account: Account, method: Method, grounds: Grounds, arrival: Arrival) -> Next | Entered:
        """Go on with somebody whom others saw prove who he is: by passkey, or at an outside provider.

        `grounds` name what he showed: if it ends before his session begins, there is none.
        """
        if method not in {Method.PASSKEY, Method.OUTSIDE, Method.OUTSIDE_FIRST}:
            raise ValueError(method)
        arrival = arrival.settled()
        await self._parts.guard.refuse_if_address_closed(arrival.address)
        if account.has_left:
            raise await self._refused_elsewhere(account, arrival)
        return await self._go_on(account, {method}, grounds, arrival, handle=None)

    async def waiting(self, step: str, stage: str, arrival: Arrival) -> Waiting:
        """Where a sign-in stands that waits at a stage in this browser; raises Refusal `step-over` or `sign-in-closed`.

        A step that is none is a failure of its address.
        """
        return await self._waiting(step, stage, arrival)

    async def enter_first(
        self, first: First, methods: frozenset[Method], arrival: Arrival, *, step: str, grounds: Grounds = NO_GROUNDS
    ) -> Entered:
        """A resident's new session in the account that `first` names: what it does and the session are one.

        Raises Refusal `step-over` for the second of two at one moment, also where both want one number.
        """
        try:
            return await self._parts.people.again(
                lambda: self._enter(_SOMEBODY, None, methods, grounds, arrival, step=step, first=first)
            )
        except Refusal as refusal:
            if refusal.code not in {"number-taken", "changed-meanwhile"}:
                raise
            raise step_over() from refusal

    async def sign_out(self, signed_in: SignedIn) -> None:
        """End the session, in all workers."""
        await self._end(signed_in, signed_in.session)

    async def end_session(self, signed_in: SignedIn, session: str) -> None:
        """End one of one's own sessions by its public name; raises Refusal `session-unknown`."""
        if not await self._end(signed_in, session):
            refusal = Refusal("session-unknown")
            await self._trace_refusal("sign-out", refusal, signed_in.caller, f"account={signed_in.account.id}")
            raise refusal

    async def end_other_sessions(self, signed_in: SignedIn) -> int:
        """End all of one's sessions but this one; how many there were."""
        sessions, account = self._parts.sessions, signed_in.account.id
        async with self._parts.database.transaction("app") as transaction:
            count = await sessions.end_others(transaction, account, but=signed_in.session, by=account)
            await self._leave(transaction, signed_in.caller, "sign-out", f"account={account}&others={count}")
        sessions.forget_known(account)
        return count

    async def send_step_up_code(self, signed_in: SignedIn, arrival: Arrival) -> int:
        """Send a resident a code for proving again; after how many seconds another may be asked for."""
        if signed_in.account.kind is not Kind.RESIDENT or not self.proves_by_code(signed_in.account):
            raise Refusal("method-not-yours")
        handle = self._handle(signed_in.account)
        await self._parts.guard.refuse_if_closed(handle, arrival.address)
        sent = await self._parts.codes.send(handle, signed_in.account.number, now=self._clock())
        if sent.is_new:
            await self._trace("send-code", signed_in.caller, self._told(handle, arrival))
        return sent.again_in_seconds

    def proves_by_code(self, account: Account) -> bool:
        """Whether a resident proves again by his telephone: a number that lapsed or is shared may be another's."""
        return self._parts.telephones.opens_by_code(account)

    async def step_up(self, signed_in: SignedIn, method: Method, secret: str, arrival: Arrival) -> SignedIn:
        """Prove again who one is, by the method that counts for it: a code, or a password where there is no other.

        Raises Refusal `method-not-yours`, `sign-in-refused` or `session-over`.
        """
        account = signed_in.account
        has_second_factor = await self._parts.credentials.has_second_factor(account.id)
        if method is Method.PASSKEY or not steps_up(account.kind, method, has_second_factor=has_second_factor):
            raise Refusal("method-not-yours")
        if method is Method.TELEPHONE and not self.proves_by_code(account):
            raise Refusal("method-not-yours")
        handle = self._handle(account)
        await self._begin(handle, arrival, "step-up", signed_in.caller)
        if await self._shown(account, method, secret) is None:
            raise await self._refused(handle, arrival, account, "step-up", signed_in.caller)
        await self._parts.guard.passed(handle)
        return await self.stepped_up(signed_in, method)

    async def stepped_up(self, signed_in: SignedIn, method: Method) -> SignedIn:
        """The session with a fresh proof, once somebody showed it; of passkeys others see it."""
        async with self._parts.database.transaction("app") as transaction:
            proved = await self._parts.sessions.prove(transaction, signed_in, method)
            await self._leave(transaction, signed_in.caller, "step-up", f"method={method}")
        self._parts.sessions.forget_known(signed_in.account.id)
        return proved

    async def change_workplace(self, signed_in: SignedIn, workplace: str, arrival: Arrival) -> Entered:
        """Go on from another place of work: a new session, and the old one ends.  Raises `workplace-unknown`."""
        refuse_unless_settled(signed_in)
        chosen = await self._workplace(signed_in.account, workplace)
        return await self._enter(
            signed_in.account, chosen, signed_in.methods, NO_GROUNDS, arrival, instead_of=signed_in
        )

    async def renew(self, signed_in: SignedIn, methods: Iterable[Method], arrival: Arrival) -> Entered:
        """A new session with more proofs instead of one, from the same place of work."""
        return await self._enter(
            signed_in.account,
            signed_in.workplace,
            signed_in.methods | frozenset(methods),
            NO_GROUNDS,  # the session that it takes the place of has stood until now
            arrival,
            instead_of=signed_in,
        )

    async def _go_on(
        self,
        account: Account,
        methods: Iterable[Method],
        grounds: Grounds,
        arrival: Arrival,
        *,
        handle: bytes | None,
        step: str | None = None,
    ) -> Next | Entered:
        """What comes next for somebody who has shown these methods; a right try is taken back, or all forgiven."""
        shown = frozenset(methods)
        workplaces = await self._parts.people.workplaces(account.id) if account.kind is Kind.STAFF else ()
        has_second_factor = await self._parts.credentials.has_second_factor(account.id)
        match worth(account.kind, _strictest(workplaces), shown, has_second_factor=has_second_factor):
            case Proof.NOTHING:
                raise await self._told_refusal("sign-in-refused", account, arrival)
            case Proof.MORE:
                if handle is not None:
                    await self._parts.guard.passed(handle)
                return await self._wait(account, shown, grounds, arrival, SECOND, methods=SECOND_FACTORS)
            case Proof.ENOUGH | Proof.SET_UP:
                if account.kind is Kind.STAFF and not workplaces:  # told to nobody who has not shown all he has
                    if handle is not None:
                        await self._parts.guard.passed(handle)
                    raise await self._told_refusal("workplace-missing", account, arrival)
                if len(workplaces) > 1:
                    entered: Next | Entered = await self._wait(
                        account, shown, grounds, arrival, WORKPLACE, workplaces=workplaces, after=step
                    )
                else:
                    place = workplaces[0] if workplaces else None
                    entered = await self._enter(account, place, shown, grounds, arrival, step=step)
                if handle is not None:
                    await self._parts.guard.succeeded(handle)
                return entered

    async def _wait(
        self,
        account: Account,
        shown: frozenset[Method],
        grounds: Grounds,
        arrival: Arrival,
        stage: str,
        *,
        methods: frozenset[Method] = frozenset(),
        workplaces: tuple[Workplace, ...] = (),
        after: str | None = None,
    ) -> Next:
        async with self._parts.database.transaction("app") as transaction:
            if after is not None:
                await self._parts.steps.take(transaction, after)
            waits = f"shown={','.join(sorted(shown))}&waits={stage}"
            await self._leave(transaction, caller_of(account), "sign-in-step", waits)
        waiting = Waiting(stage=stage, account=account.id, methods=tuple(sorted(shown)), grounds=grounds)
        step, until = await self._parts.steps.begin(waiting, device=arrival.device)
        return Next(stage=stage, step=step, device=arrival.device, until=until, methods=methods, workplaces=workplaces)

    async def _wait_whose(self, number: str, arrival: Arrival, *, after: str) -> Next:
        """A telephone was proved that does not say whose account it is."""
        async with self._parts.database.transaction("app") as transaction:
            await self._parts.steps.take(transaction, after)
            waits = f"shown={Method.TELEPHONE}&waits={WHOSE}"
            await self._leave(transaction, caller_of(None), "sign-in-step", waits)
        waiting = Waiting(stage=WHOSE, methods=(Method.TELEPHONE,), data={"number": number})
        step, until = await self._parts.steps.begin(waiting, device=arrival.device, seconds=WHOSE_SECONDS)
        return Next(stage=WHOSE, step=step, device=arrival.device, until=until)

    async def _enter(
        self,
        account: Account,
        workplace: Workplace | None,
        methods: frozenset[Method],
        grounds: Grounds,
        arrival: Arrival,
        *,
        step: str | None = None,
        instead_of: SignedIn | None = None,
        first: First | None = None,
    ) -> Entered:
        """A new session, the step gone, the old session ended and the trace of it: together or not at all.

        Grounds that ended since they were shown begin none: whoever ended them ended all their sessions too.
        """
        arrival = arrival.settled()
        role = workplace.role if workplace else None
        has_second_factor = await self._parts.credentials.has_second_factor(account.id)
        proof = worth(account.kind, role, methods, has_second_factor=has_second_factor)
        if proof not in {Proof.ENOUGH, Proof.SET_UP}:
            raise await self._told_refusal("sign-in-refused", account, arrival)
        is_handed_over = Method.PASSWORD in methods and await self._parts.credentials.has_handed_over(account.id)
        async with self._parts.database.transaction("app") as transaction:
            if first is not None:
                account = await first(transaction)
            if not await Standing(transaction).holds(account, workplace, grounds):
                raise await self._told_refusal("sign-in-refused", account, arrival)
            if grounds.handle and Method.TELEPHONE in methods:
                await self._parts.people.saw_telephone(transaction, account.id, grounds.handle)
            if step is not None:
                await self._parts.steps.take(transaction, step)
            if instead_of is not None:
                await self._replace(transaction, instead_of)
            begun: Begun = await self._parts.sessions.begin(
                transaction,
                account,
                workplace,
                methods,
                device=arrival.device,
                agent=arrival.agent,
                needs_second_factor=proof is Proof.SET_UP,
                needs_own_password=is_handed_over,
                proved_at=None if instead_of is None else instead_of.proved_at,
            )
            await self._leave(transaction, begun.signed_in.caller, "sign-in", f"shown={','.join(sorted(methods))}")
        self._parts.sessions.forget_known(account.id)
        return Entered(secret=begun.secret, device=arrival.device, signed_in=begun.signed_in)

    async def _replace(self, transaction: Transaction, old: SignedIn) -> None:
        if not await self._parts.sessions.end(transaction, old.account.id, old.session, by=old.account.id):
            raise Refusal("session-over", next_step="sign-in")

    async def _workplace(self, account: Account, workplace: str) -> Workplace:
        for each in await self._parts.people.workplaces(account.id):
            if each.id == workplace:
                return each
        raise Refusal("workplace-unknown")

    async def _shown(self, account: Account, method: Method, secret: str) -> str | None:
        """The name of what somebody showed that only he has or knows, None for what is wrong.

        A code that was shown once is used up; what is wholly used up by it has no name left.
        """
        if account.has_left:
            return None
        match method:
            case Method.PASSWORD:
                is_right = await self._parts.credentials.password_is(account.id, secret)
            case Method.TOTP:
                return await self._parts.credentials.use_totp(account.id, secret)
            case Method.RECOVERY:
                is_right = await self._parts.credentials.use_recovery(account.id, secret)
            case Method.TELEPHONE:
                is_right = await self._parts.codes.use(self._handle(account), secret, now=self._clock())
            case Method.PASSKEY | Method.OUTSIDE | Method.OUTSIDE_FIRST:
                is_right = False
        return "" if is_right else None

    async def _end(self, signed_in: SignedIn, session: str) -> bool:
        sessions, account = self._parts.sessions, signed_in.account.id
        async with self._parts.database.transaction("app") as transaction:
            is_ended = await sessions.end(transaction, account, session, by=account)
            if is_ended:
                await self._leave(transaction, signed_in.caller, "sign-out", f"ended={session}")
        sessions.forget_known(account)
        return is_ended

    async def _waiting(self, step: str, stage: str, arrival: Arrival) -> Waiting:
        """Where the sign-in stands; a step that is none, or of another browser, is a failure of its address."""
        await self._parts.guard.refuse_if_address_closed(arrival.address)
        try:
            return await self._parts.steps.read(step, device=arrival.device, stage=stage)
        except Refusal as refusal:
            if refusal.code == "step-over":
                await self._parts.guard.failed(arrival.address)
                await self._trace_refusal("sign-in", refusal, caller_of(None), self._told(None, arrival))
            raise

    def _handle(self, account: Account) -> bytes:
        return self._parts.keys.handle(account.kind, account.number)

    def _told(self, handle: bytes | None, arrival: Arrival) -> str:
        """Handle and address as the trace tells them: the same again is found, and nobody is named."""
        keys = self._parts.keys
        address = f"address=~{keys.told(keys.address(arrival.address))}"
        return address if handle is None else f"handle=~{keys.told(handle)}&{address}"

    async def _begin(
        self, handle: bytes, arrival: Arrival, interaction: str = "sign-in", caller: Caller | None = None
    ) -> None:
        try:
            await self._parts.guard.begin(handle, arrival.address)
        except Refusal as refusal:
            if refusal.code == "sign-in-closed":
                await self._trace_refusal(interaction, refusal, caller or caller_of(None), self._told(handle, arrival))
            raise

    async def _refused(
        self,
        handle: bytes,
        arrival: Arrival,
        account: Account | None,
        interaction: str = "sign-in",
        caller: Caller | None = None,
    ) -> Refusal:
        """Count the failure and trace it; the refusal to raise."""
        await self._parts.guard.failed(arrival.address)
        refusal = Refusal("sign-in-refused")
        await self._trace_refusal(interaction, refusal, caller or caller_of(account), self._told(handle, arrival))
        return refusal

    async def _refused_elsewhere(self, account: Account | None, arrival: Arrival) -> Refusal:
        await self._parts.guard.failed(arrival.address)
        return await self._told_refusal("sign-in-refused", account, arrival)

    async def _told_refusal(self, code: str, account: Account | None, arrival: Arrival) -> Refusal:
        refusal = Refusal(code, next_step="ask-your-office" if code == "workplace-missing" else "sign-in")
        await self._trace_refusal("sign-in", refusal, caller_of(account), self._told(None, arrival))
        return refusal

    async def _trace_refusal(self, interaction: str, refusal: Refusal, caller: Caller, query: str) -> None:
        said = account_event(caller, interaction, at=self._clock(), outcome=refusal.code, query=query)
        await self._parts.auditor.record([said])
        refusal.is_traced = True

    async def _trace(self, interaction: str, caller: Caller, query: str) -> None:
        await self._parts.auditor.record([account_event(caller, interaction, at=self._clock(), query=query)])

    async def _leave(self, transaction: Transaction, caller: Caller, interaction: str, query: str) -> None:
        said = account_event(caller, interaction, at=self._clock(), query=query)
        await leave_trace(transaction, [said], self._parts.auditor.writer)


def _strictest(workplaces: Iterable[Workplace]) -> str | None:
    """The role that asks for the strongest proof: an office, if there is one among them."""
    roles = [each.role for each in workplaces]
    return next((role for role in roles if role in OFFICES), roles[0] if roles else None)
