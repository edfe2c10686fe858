"""The commands of accounts: the logins of a demonstration, the first security administrator, and daily help."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer
from rich.table import Table

from tianfu.db import Addresses
from tianfu.installation import installation_keys, migrated_database
from tianfu.kernel.instants import system_clock
from tianfu.settings import Settings
from tianfu.terminal import current_settings, err, out

if TYPE_CHECKING:
    from tianfu.services.accounts.demonstration import DemoLogin
    from tianfu.services.accounts.opening import OpenAccounts
    from tianfu.services.accounts.operating import Operating

T = TypeVar("T")


account_commands = typer.Typer(no_args_is_help=True, help="People who sign in.")

Number = Annotated[str, typer.Argument(help="staff number, or a resident's telephone")]


@account_commands.command(name="first-security")
def first_security_command(
    name: Annotated[str, typer.Option(help="the person's name")],
    number: Annotated[str, typer.Option(help="the staff number to sign in by")],
    organisation: Annotated[str, typer.Option(help="id of the Organization above all others: the province's")],
) -> None:
    """Make the first security administrator, who then appoints all others; prints a password to hand over."""

    async def work(operating: Operating) -> str:
        return await operating.make_first_security(name=name, number=number, organisation=organisation)

    password = _operate(work)
    err.print("tell this password to the person alone; it opens nothing but the page to choose another")
    print(password)


@account_commands.command(name="end-sessions")
def end_sessions_command(number: Number) -> None:
    """End all sessions of somebody, in every worker, within a second."""

    async def work(operating: Operating) -> int:
        return await operating.end_sessions(number)

    out.print(f"{_operate(work)} sessions ended")


@account_commands.command(name="unlock")
def unlock_command(number: Number) -> None:
    """Forgive the failures that closed somebody's way in."""

    async def work(operating: Operating) -> None:
        await operating.unlock(number)

    _operate(work)
    out.print("nothing is counted against this number any more")


def _operate(work: Callable[[Operating], Awaitable[T]]) -> T:
    """Do something with the accounts of this installation."""
    settings = current_settings()

    async def operated(addresses: Addresses) -> T:
        from tianfu.services.accounts.operating import Operating

        async with _opened(settings, addresses) as house:
            return await work(
                Operating(house.database, house.keyring, house.accounts, house.auditor, clock=system_clock)
            )

    with migrated_database(settings) as addresses:
        return asyncio.run(operated(addresses))


def demo_logins_command(
    as_json: Annotated[bool, typer.Option("--json", help="print a JSON array, with the codes of this moment")] = False,
) -> None:
    """Show the logins of the demonstration; those that are missing are made.  Refused in production."""
    settings = current_settings()
    with migrated_database(settings) as addresses:
        logins = asyncio.run(demo_logins(settings, addresses))
    if as_json:
        print(json.dumps([asdict(each) for each in logins], ensure_ascii=False))
    else:
        show_demo_logins(logins)


async def demo_logins(settings: Settings, addresses: Addresses) -> Sequence[DemoLogin]:
    """The logins of a demonstration, made where they are missing; none where there is no demo province.

    Raises Refusal `demonstration-in-production`, or `demonstration-incomplete` if its records have nobody of a kind.
    """
    from tianfu.records.sources import DEMONSTRATION, has_source
    from tianfu.records.store import Store
    from tianfu.services.accounts.demonstration import KeptLogins
    from tianfu.services.accounts.seeding import DemoSeeding, refuse_demonstration

    refuse_demonstration(is_production=settings.is_production)
    kept = KeptLogins(settings.home)
    async with _opened(settings, addresses) as house:
        if not await has_source(house.database, DEMONSTRATION):
            return ()
        keys = installation_keys(settings)
        store = await Store.open(house.database, auditor=house.auditor, clock=system_clock, keys=keys)
        seeding = DemoSeeding(
            house.database,
            house.keyring,
            house.accounts,
            house.auditor,
            store,
            kept,
            is_production=settings.is_production,
            clock=system_clock,
        )
        await seeding.seed()
    return kept.logins(system_clock())


def show_demo_logins(logins: Sequence[DemoLogin]) -> None:
    """Print a table for people who want to look around."""
    table = Table("role", "number", "password", "code", box=None)
    for each in logins:
        table.add_row(each.role, each.number, each.password, "on the sign-in page" if each.code else "in this terminal")
    out.print(table)


def _opened(settings: Settings, addresses: Addresses) -> AbstractAsyncContextManager[OpenAccounts]:
    from tianfu.main import ISSUER_NAME, relying_party_of
    from tianfu.services.accounts.opening import opened_accounts

    return opened_accounts(
        addresses,
        settings.home,
        installation_keys(settings),
        issuer=ISSUER_NAME,
        party=relying_party_of(settings),
        clock=system_clock,
    )
