"""A second person proves at somebody else's screen who she is; no session of hers stays open.

It is a whole sign-in, with its guard against guessing, its second factor and its trace, that ends at once.
Rule: docs/rules/sign-in.md
"""

from __future__ import annotations

from tianfu.kernel.refusal import Refusal
from tianfu.services.accounts.model.people import Method, SignedIn, refuse_unless_settled
from tianfu.services.accounts.signing_in import SECOND, WORKPLACE, Arrival, Entered, Next, SigningIn


class SecondPerson:
    """Lets somebody prove who she is for one act."""

    def __init__(self, signing_in: SigningIn) -> None:
        self._signing_in = signing_in

    async def proved(self, number: str, password: str, code: str, *, address: str, organisation: str) -> SignedIn:
        """Who has this staff number, password and authenticator and works in this organisation.

        Raises Refusal `sign-in-refused`, `sign-in-closed`, `colleague-elsewhere` for somebody who works in another
        unit, or as `refuse_unless_settled` does.
        """
        arrival = Arrival(address=address, device="", agent="")
        answer = await self._signing_in.with_password(number, password, arrival)
        if isinstance(answer, Next) and answer.stage == SECOND:
            arrival = Arrival(address=address, device=answer.device, agent="")
            answer = await self._signing_in.with_second(answer.step, Method.TOTP, code, arrival)
        if isinstance(answer, Next) and answer.stage == WORKPLACE:
            arrival = Arrival(address=address, device=answer.device, agent="")
            here = [each for each in answer.workplaces if each.organisation == organisation]
            if not here:
                raise _elsewhere()
            answer = await self._signing_in.choose_workplace(answer.step, here[0].id, arrival)
        if not isinstance(answer, Entered):
            raise Refusal("sign-in-refused")
        await self._signing_in.sign_out(answer.signed_in)
        refuse_unless_settled(answer.signed_in)
        if answer.signed_in.caller.organisation != organisation:
            raise _elsewhere()
        return answer.signed_in


def _elsewhere() -> Refusal:
    return Refusal("colleague-elsewhere", next_step="ask-a-colleague")
