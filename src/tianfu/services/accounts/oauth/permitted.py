"""What somebody allows to programs now, as he sees it, and how he takes it back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tianfu.kernel.refusal import Refusal
from tianfu.services.accounts.model.people import SignedIn
from tianfu.services.accounts.oauth.clients import Clients
from tianfu.services.accounts.oauth.families import Families, Listed
from tianfu.services.accounts.oauth.trail import ProgramTrail


@dataclass(frozen=True, slots=True, kw_only=True)
class Permission:
    """A program's name, and what was allowed to it; the name is empty for a program that is not registered any more."""

    program: str
    allowed: Listed


class Permitted:
    """The programs that people let in."""

    def __init__(self, families: Families, clients: Clients, trail: ProgramTrail) -> None:
        self._families = families
        self._clients = clients
        self._trail = trail

    async def of(self, signed_in: SignedIn) -> Sequence[Permission]:
        """What somebody allows now, the newest first."""
        allowed = await self._families.of_account(signed_in.account.id)
        clients = {each: await self._clients.find(each) for each in dict.fromkeys(one.client for one in allowed)}
        names = {each: "" if client is None else client.name for each, client in clients.items()}
        return [Permission(program=names[one.client], allowed=one) for one in allowed]

    async def end(self, signed_in: SignedIn, family: str) -> None:
        """Take a permission back: its tokens end within a second, in every worker.

        Raises Refusal `not-found` for what is not his own, or is over already.
        """
        own = {each.family: each for each in await self._families.of_account(signed_in.account.id)}
        if family not in own:
            refusal = Refusal("not-found", next_step="start-again")
            await self._trail.refused(signed_in.caller, "program-revoke", refusal)
            raise refusal
        async with self._families.transaction() as transaction:
            if await self._families.end(transaction, family, "taken-back"):
                facts = {"client": own[family].client, "family": family}
                await self._trail.tell_within(transaction, signed_in.caller, "program-revoke", **facts)
