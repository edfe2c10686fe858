"""A security administrator ends a place of work, all sessions, what proves who somebody is, or everything at once."""

from __future__ import annotations

from tianfu.apps.administration.actions.appoint_staff import refuse_unless_of
from tianfu.apps.administration.ports import House
from tianfu.apps.administration.queries.staff import tree_of
from tianfu.services.accounts.model.people import SignedIn


async def end_place(house: House, by: SignedIn, account: str, workplace: str) -> None:
    """Somebody works at this place no more; his sessions from there end."""
    await refuse_unless_of(house, account, workplace)
    await house.staff.dismiss(by, account, workplace, await tree_of(house, account))


async def leave_staff(house: House, by: SignedIn, account: str) -> None:
    """Somebody leaves: places of work, credentials and sessions end together."""
    await house.staff.leave(by, account, await tree_of(house, account))


async def reset_sign_in(house: House, by: SignedIn, account: str) -> str:
    """A new first password, which is shown once; password, second factor and sessions before it end."""
    return await house.staff.reset(by, account, await tree_of(house, account))


async def end_sessions(house: House, by: SignedIn, account: str) -> int:
    """End all sessions of somebody; how many there were."""
    return await house.staff.end_sessions(by, account, await tree_of(house, account))
