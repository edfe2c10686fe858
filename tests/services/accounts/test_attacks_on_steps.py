"""A thief who stands before the last step of a sign-in when everything is taken from him gets no further."""

from __future__ import annotations

import pytest

from tests.services.accounts.conftest import NUMBER, TREE, WARD, House, code_of
from tianfu.kernel.refusal import Refusal
from tianfu.services.accounts.model.people import Account, Method
from tianfu.services.accounts.signing_in import SECOND, WORKPLACE, Next
from tianfu.services.accounts.store import THE_OPERATOR, Post
from tianfu.services.accounts.totp import code_at

pytestmark = pytest.mark.anyio

OWN = "mountain snow in may"


async def before_the_last_step(house: House) -> tuple[Account, bytes, Next]:
    """Somebody showed password and authenticator of a doctor with two places, and has still to choose one."""
    account, _ = await house.doctor()
    await house.accounts.people.appoint(THE_OPERATOR, account.id, Post(organisation=WARD, role="nurse"), TREE)
    secret = await house.authenticator(account)
    house.time.pass_(30)
    begun = await house.with_password(NUMBER)
    assert isinstance(begun, Next)
    code = code_at(secret, house.time.now)
    step = await house.accounts.signing_in.with_second(begun.step, Method.TOTP, code, house.arrival())
    assert isinstance(step, Next)
    assert (begun.stage, step.stage) == (SECOND, WORKPLACE)
    return account, secret, step


async def test_a_password_that_is_handed_over_ends_a_sign_in_that_waits(house: House) -> None:
    account, _, step = await before_the_last_step(house)
    await house.accounts.enrolling.hand_over_password(THE_OPERATOR, account.id, TREE)
    with pytest.raises(Refusal) as refused:
        await house.accounts.signing_in.choose_workplace(step.step, step.workplaces[0].id, house.arrival())
    assert code_of(refused) == "step-over"
    assert await house.rows("select session from session where ended_at is null") == []


async def test_another_password_and_signing_out_everywhere_end_a_sign_in_that_waits(house: House) -> None:
    _, secret, step = await before_the_last_step(house)
    thief = house.arrival()
    house.device = ""
    house.time.pass_(30)
    begun = await house.with_password(NUMBER)
    assert isinstance(begun, Next)
    code = code_at(secret, house.time.now)
    chosen = await house.accounts.signing_in.with_second(begun.step, Method.TOTP, code, house.arrival())
    assert isinstance(chosen, Next)
    place = chosen.workplaces[0].id
    owner = await house.accounts.signing_in.choose_workplace(chosen.step, place, house.arrival())
    await house.accounts.enrolling.change_password(owner.signed_in, OWN)
    with pytest.raises(Refusal) as refused:
        await house.accounts.signing_in.choose_workplace(step.step, place, thief)
    assert code_of(refused) == "step-over"
