"""Signing in against the real database: who gets in by what, and every attack that must not get in."""

from __future__ import annotations

import pytest

from tests.services.accounts.conftest import (
    TELEPHONE,
    House,
)
from tianfu.kernel.refusal import Refusal
from tianfu.services.accounts.model.people import Assurance, Kind, Method
from tianfu.services.accounts.signing_in import SECOND, Entered, Next
from tianfu.services.accounts.totp import code_at

pytestmark = pytest.mark.anyio


async def refused(work: object) -> Refusal:
    with pytest.raises(Refusal) as caught:
        await work  # type: ignore[misc]  # any coroutine
    return caught.value


async def test_a_resident_who_comes_for_the_first_time_gets_an_account_by_his_telephone(house: House) -> None:
    entered = await house.with_code()
    account = (await house.look_up(entered)).account
    assert (account.kind, account.number, account.assurance) == (Kind.RESIDENT, TELEPHONE, Assurance.TELEPHONE)


async def test_a_resident_who_comes_again_finds_the_same_account(house: House) -> None:
    first = await house.with_code()
    house.time.pass_(60)
    again = await house.with_code("+86 138-0000-1234")
    assert again.signed_in.account.id == first.signed_in.account.id
    assert again.secret != first.secret


async def test_staff_with_a_password_alone_get_a_session_that_only_sets_up_a_second_factor(house: House) -> None:
    await house.doctor()
    entered = await house.with_password()
    assert isinstance(entered, Entered)
    assert (await house.look_up(entered)).needs_second_factor


async def test_staff_with_an_authenticator_must_show_it(house: House) -> None:
    account, workplace = await house.doctor()
    secret = await house.authenticator(account)
    begun = await house.with_password()
    assert isinstance(begun, Next)
    assert begun.stage == SECOND
    code = code_at(secret, house.time.now)
    entered = await house.accounts.signing_in.with_second(begun.step, Method.TOTP, code, house.arrival())
    assert isinstance(entered, Entered)
    signed_in = await house.look_up(entered)
    assert signed_in.workplace == workplace
    assert signed_in.methods == {Method.PASSWORD, Method.TOTP}
    assert not signed_in.needs_second_factor
