"""Between a proof and the session that it begins lies time: what ends in it begins none, whoever comes first."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tests.services.accounts.conftest import OTHER, PASSWORD, TREE, House
from tests.services.accounts.test_passkeys import doctor_with_key, resident_with_key, show
from tianfu.db import Transaction, queries
from tianfu.kernel.refusal import Refusal
from tianfu.services.accounts.grounds import Grounds
from tianfu.services.accounts.model.people import Account, Method
from tianfu.services.accounts.signing_in import WORKPLACE, Entered, Next
from tianfu.services.accounts.store import THE_OPERATOR, Post
from tianfu.services.accounts.totp import code_at

pytestmark = pytest.mark.anyio

End = Callable[[Transaction], Awaitable[object]]

OUTSIDE_SQL = queries("tianfu.services.accounts.oauth.sql", "outside.sql")
ISSUER, SUBJECT = "https://one.example", "made-up-subject"


class Window:
    """Holds a sign-in after its proof and before its session, until told to go on."""

    def __init__(self, house: House, monkeypatch: pytest.MonkeyPatch) -> None:
        self.is_reached, self.is_open = asyncio.Event(), asyncio.Event()
        has_second_factor = house.accounts.credentials.has_second_factor

        async def slow(account: str) -> bool:
            self.is_reached.set()
            await self.is_open.wait()
            return await has_second_factor(account)

        monkeypatch.setattr(house.accounts.credentials, "has_second_factor", slow)


async def held_at_the_lock(house: House, window: Window, signing_in: Awaitable[Any], end: End) -> Any:
    """End something on a second connection: begun while the sign-in is between proof and session, and committed only
    when the sign-in waits for it.  What the sign-in comes to."""
    task = asyncio.ensure_future(signing_in)
    await window.is_reached.wait()
    async with house.database.transaction("app") as other:
        await end(other)
        window.is_open.set()
        await asyncio.sleep(0.3)
        assert not task.done(), "it did not wait for whoever is ending what it stands on"
    return (await asyncio.gather(task, return_exceptions=True))[0]


async def ended_before(window: Window, signing_in: Awaitable[Any], end: Awaitable[object]) -> Any:
    """End something, wholly, between proof and session.  What the sign-in comes to."""
    task = asyncio.ensure_future(signing_in)
    await window.is_reached.wait()
    await end
    window.is_open.set()
    return (await asyncio.gather(task, return_exceptions=True))[0]


async def sessions(house: House, account: str) -> int:
    return len(await house.accounts.sessions.sessions_of(account))


def is_refused(answer: Any) -> bool:
    return isinstance(answer, Refusal) and answer.code == "sign-in-refused"


async def end_passkeys(house: House, account: str, transaction: Transaction) -> None:
    """What taking a passkey away does: the credential first, then all other sessions."""
    for each in await house.accounts.credentials.listed(account):
        if each.kind == "passkey":
            await house.accounts.credentials.end(transaction, account, each.credential)
    await house.accounts.sessions.end_others(transaction, account, but="", by=account)


async def test_a_passkey_that_is_being_taken_away_begins_no_session(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    entered, key = await resident_with_key(house)
    account = entered.signed_in.account.id
    window = Window(house, monkeypatch)
    answer = await held_at_the_lock(house, window, show(house, key), lambda other: end_passkeys(house, account, other))
    assert is_refused(answer)
    assert await sessions(house, account) == 0


async def test_a_passkey_that_was_taken_away_after_its_proof_begins_no_session(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    entered, key = await resident_with_key(house)
    account = entered.signed_in.account.id

    async def end() -> None:
        async with house.database.transaction("app") as transaction:
            await end_passkeys(house, account, transaction)

    assert is_refused(await ended_before(Window(house, monkeypatch), show(house, key), end()))
    assert await sessions(house, account) == 0


async def test_a_session_that_a_passkey_began_a_moment_before_it_is_taken_away_ends_with_it(house: House) -> None:
    entered, key = await resident_with_key(house)
    account = entered.signed_in.account.id
    assert isinstance(await show(house, key), Entered)
    async with house.database.transaction("app") as transaction:
        await end_passkeys(house, account, transaction)
    assert await sessions(house, account) == 0


async def test_whoever_leaves_after_his_passkey_was_shown_gets_no_session(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    entered, key = await doctor_with_key(house)
    account = entered.signed_in.account.id
    left = house.accounts.people.leave(THE_OPERATOR, account, TREE)
    assert is_refused(await ended_before(Window(house, monkeypatch), show(house, key), left))
    assert await sessions(house, account) == 0


async def test_a_place_of_work_that_is_being_ended_begins_no_session(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    entered, key = await doctor_with_key(house)
    place = entered.signed_in.workplace
    assert place is not None

    async def end(other: Transaction) -> None:
        ending: Any = house.accounts.people._end_workplace  # what dismissing does, in a transaction held open here
        await ending(other, THE_OPERATOR, place)

    assert is_refused(await held_at_the_lock(house, Window(house, monkeypatch), show(house, key), end))
    assert await sessions(house, place.account) == 0


async def linked(house: House) -> Account:
    """A resident whom an outside provider names."""
    account = (await house.with_code()).signed_in.account
    async with house.database.transaction("app") as transaction:
        await transaction.run(
            OUTSIDE_SQL.link_outside,
            issuer=ISSUER,
            subject=SUBJECT,
            account=account.id,
            now=house.time.now,
            by=account.id,
        )
    return account


async def by_link(house: House, account: Account) -> Next | Entered:
    """What follows once the provider said who somebody is."""
    grounds = Grounds(issuer=ISSUER, subject=SUBJECT)
    return await house.accounts.signing_in.proved(account, Method.OUTSIDE, grounds, house.arrival())


async def test_a_link_to_a_provider_that_is_being_taken_away_begins_no_session(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = await linked(house)

    async def end(other: Transaction) -> None:
        await other.run(OUTSIDE_SQL.unlink_outside, account=account.id, issuer=ISSUER, now=house.time.now)
        await house.accounts.sessions.end_others(other, account.id, but="", by=account.id)

    assert is_refused(await held_at_the_lock(house, Window(house, monkeypatch), by_link(house, account), end))
    assert await sessions(house, account.id) == 0


async def test_a_link_that_stands_lets_in(house: House) -> None:
    account = await linked(house)
    assert isinstance(await by_link(house, account), Entered)


async def test_of_another_subject_at_the_same_provider_nobody_is_let_in(house: House) -> None:
    account = await linked(house)
    grounds = Grounds(issuer=ISSUER, subject="another")
    work = house.accounts.signing_in.proved(account, Method.OUTSIDE, grounds, house.arrival())
    assert is_refused((await asyncio.gather(work, return_exceptions=True))[0])


async def test_a_step_that_a_passkey_began_dies_with_the_passkey_even_if_it_is_kept_a_moment_later(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With several places of work the choice waits: ending the passkey before the step is kept must end it too."""
    entered, key = await doctor_with_key(house)
    account = entered.signed_in.account.id
    await house.accounts.people.appoint(THE_OPERATOR, account, Post(organisation=OTHER, role="nurse"), TREE)

    async def end() -> None:
        async with house.database.transaction("app") as transaction:
            await end_passkeys(house, account, transaction)

    waits = await ended_before(Window(house, monkeypatch), show(house, key), end())
    assert isinstance(waits, Next)
    assert waits.stage == WORKPLACE
    monkeypatch.undo()
    choice = house.accounts.signing_in.choose_workplace(waits.step, waits.workplaces[0].id, house.arrival())
    assert is_refused((await asyncio.gather(choice, return_exceptions=True))[0])
    assert await sessions(house, account) == 0


async def test_a_password_that_is_replaced_while_the_second_factor_is_typed_begins_no_session(house: House) -> None:
    """The password's step was kept after the sessions and steps of the old password had ended."""
    account, _ = await house.doctor()
    secret = await house.authenticator(account)
    begun = await house.with_password()
    assert isinstance(begun, Next)
    await house.set_password(account, PASSWORD + " anew")  # ends no step, as if the step had come a moment later
    code = code_at(secret, house.time.now)
    second = house.accounts.signing_in.with_second(begun.step, Method.TOTP, code, house.arrival())
    assert is_refused((await asyncio.gather(second, return_exceptions=True))[0])
    assert await sessions(house, account.id) == 0


async def test_an_authenticator_that_is_being_taken_away_begins_no_session(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    account, _ = await house.doctor()
    secret = await house.authenticator(account)
    begun = await house.with_password()
    assert isinstance(begun, Next)
    [name] = [each.credential for each in await house.accounts.credentials.listed(account.id) if each.kind == "totp"]

    async def end(other: Transaction) -> None:
        await house.accounts.credentials.end(other, account.id, name)
        await house.accounts.sessions.end_others(other, account.id, but="", by=account.id)

    code = code_at(secret, house.time.now)
    second = house.accounts.signing_in.with_second(begun.step, Method.TOTP, code, house.arrival())
    assert is_refused(await held_at_the_lock(house, Window(house, monkeypatch), second, end))
    assert await sessions(house, account.id) == 0


async def test_sign_ins_and_endings_at_one_moment_leave_no_session_behind(house: House) -> None:
    """However they fall: after the passkey has gone, no session that it began is there."""
    entered, key = await resident_with_key(house)
    account = entered.signed_in.account.id
    key.counts = False
    await house.warm()
    begun = [await house.accounts.passkeys.begin_sign_in(house.arrival()) for _ in range(8)]
    sign_ins = [
        house.accounts.passkeys.sign_in(each.step, key.show(each.options, count=0), house.arrival(device=each.device))
        for each in begun
    ]

    async def end() -> None:
        await asyncio.sleep(0.01)
        async with house.database.transaction("app") as transaction:
            await end_passkeys(house, account, transaction)

    await asyncio.gather(*sign_ins, end(), return_exceptions=True)
    assert await sessions(house, account) == 0
