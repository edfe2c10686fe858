"""Coming in by an outside provider, step by step, and linking one: what somebody left for, and where he goes on.

The provider is asked in `outside.py`; what its answer is worth is decided in `model/proving.py`.
Rule: docs/rules/sign-in.md
"""

from __future__ import annotations

from dataclasses import dataclass

from tianfu.kernel.instants import Clock
from tianfu.kernel.refusal import Refusal
from tianfu.services.accounts.grounds import Grounds
from tianfu.services.accounts.model.people import Kind, Method, SignedIn
from tianfu.services.accounts.oauth.model.requests import Parameters, RequestMalformed, once
from tianfu.services.accounts.outside import SIGN_IN_SECONDS, Link, OutsideProviders, Proven, Provider
from tianfu.services.accounts.sessions import refuse_unless_fresh
from tianfu.services.accounts.signing_in import Arrival, Entered, Next, Parts, SigningIn
from tianfu.services.accounts.steps import Waiting

OUTSIDE = "outside"
"""What a sign-in waits for while its browser is at a provider."""

COUNTED = frozenset({"outside-refused", "step-over"})
"""Refusals that a stranger's counterfeit answer gets: each is a failure of its address."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Away:
    """A browser that goes to a provider: to which address, and what its second cookie holds."""

    address: str
    device: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Back:
    """A browser that came back: what its sign-in has come to, None if it linked an account; and where it wanted to."""

    answer: Next | Entered | None
    onward: str


class Coming:
    """Lets people in whom an outside provider knows; every method raises Refusal."""

    def __init__(self, parts: Parts, signing_in: SigningIn, outside: OutsideProviders, *, clock: Clock) -> None:
        self._parts = parts
        self._signing_in = signing_in
        self._outside = outside
        self._clock = clock

    @property
    def providers(self) -> tuple[Provider, ...]:
        """Those that the operator set, in his order."""
        return self._outside.all

    async def begin(self, key: str, onward: str, arrival: Arrival) -> Away:
        """Send a browser to a provider to sign in; raises Refusal `outside-unreachable` or `not-found`."""
        return await self._begin(key, onward, arrival.settled(), session="")

    async def begin_link(self, signed_in: SignedIn, key: str, arrival: Arrival) -> Away:
        """Send a browser there to link the account; raises Refusal `proof-too-old` or `second-factor-missing` too."""
        self._refuse_unless_settled(signed_in)
        return await self._begin(key, "", arrival, session=signed_in.session)

    async def back(self, key: str, parameters: Parameters, arrival: Arrival, here: SignedIn | None) -> Back:
        """Go on with a browser that came back; `here` is who is signed in there, if anybody.

        Raises Refusal as `OutsideProviders.finish` does, `step-over`, and `outside-not-linked` for whom no account is
        linked; or, if it left to link one, `outside-linked`, `session-over` or `proof-too-old`.
        """
        await self._parts.guard.refuse_if_address_closed(arrival.address)
        try:
            proven = await self._outside.finish(key, parameters, arrival.device)
            waiting = await self._left_for(parameters, arrival)
        except Refusal as refusal:
            if refusal.code in COUNTED:
                await self._parts.guard.failed(arrival.address)
            raise
        if waiting.data["session"]:
            await self._link(proven, waiting.data["session"], here)
            return Back(answer=None, onward="")
        return Back(
            answer=await self._enter(self._outside.provider(key), proven, arrival), onward=waiting.data["onward"]
        )

    async def links_of(self, signed_in: SignedIn) -> tuple[Link, ...]:
        """By which providers somebody gets in to his account."""
        return await self._outside.links_of(signed_in.account.id)

    async def unlink(self, signed_in: SignedIn, issuer: str) -> None:
        """Let nobody in by that provider any more; all other sessions end.

        Raises Refusal `proof-too-old`, `second-factor-missing` or `credential-unknown`.
        """
        self._refuse_unless_settled(signed_in)
        account, sessions = signed_in.account.id, self._parts.sessions
        await self._outside.unlink(
            signed_in.caller,
            account,
            issuer,
            also=lambda transaction: sessions.end_others(transaction, account, but=signed_in.session, by=account),
        )
        sessions.forget_known(account)

    async def forget(self) -> None:
        """Forget those who never came back."""
        await self._outside.forget()

    async def _begin(self, key: str, onward: str, arrival: Arrival, *, session: str) -> Away:
        await self._parts.guard.refuse_if_address_closed(arrival.address)
        self._outside.provider(key)
        waiting = Waiting(stage=OUTSIDE, data={"onward": onward, "session": session})
        step, _ = await self._parts.steps.begin(waiting, device=arrival.device, seconds=SIGN_IN_SECONDS)
        return Away(address=await self._outside.begin(key, arrival.device, state=step), device=arrival.device)

    async def _left_for(self, parameters: Parameters, arrival: Arrival) -> Waiting:
        """What a browser left for; the name of that step is the state with which it comes back."""
        try:
            step = once(parameters, "state")
        except RequestMalformed as error:  # the provider's answer was looked at before: cannot be
            raise Refusal("step-over", next_step="sign-in") from error
        waiting = await self._parts.steps.read(step, device=arrival.device, stage=OUTSIDE)
        async with self._parts.database.transaction("app") as transaction:
            await self._parts.steps.take(transaction, step)
        return waiting

    async def _enter(self, provider: Provider, proven: Proven, arrival: Arrival) -> Next | Entered:
        account = await self._parts.people.account(await self._outside.account_of(proven))
        is_enough = account.kind is Kind.RESIDENT or provider.is_enough_for_staff
        method = Method.OUTSIDE if is_enough else Method.OUTSIDE_FIRST
        grounds = Grounds(issuer=proven.issuer, subject=proven.subject)
        return await self._signing_in.proved(account, method, grounds, arrival)

    async def _link(self, proven: Proven, session: str, here: SignedIn | None) -> None:
        """Link the account of whoever left, if he is still the one who sits there."""
        if here is None or here.session != session:
            raise Refusal("session-over", next_step="sign-in")
        self._refuse_unless_settled(here)
        await self._outside.link(here.caller, here.account.id, proven)

    def _refuse_unless_settled(self, signed_in: SignedIn) -> None:
        if signed_in.needs_second_factor:
            raise Refusal("second-factor-missing", next_step="set-up-a-second-factor")
        refuse_unless_fresh(signed_in, self._clock())
