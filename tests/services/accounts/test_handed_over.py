"""A password that somebody else knows opens nothing but the page to choose one's own, whoever handed it over."""

from __future__ import annotations

import pytest

from tests.services.accounts.conftest import NUMBER, PASSWORD, TREE, House, code_of
from tianfu.kernel.refusal import Refusal
from tianfu.services.accounts.model.people import SignedIn, refuse_unless_settled
from tianfu.services.accounts.signing_in import Entered
from tianfu.services.accounts.store import THE_OPERATOR

pytestmark = pytest.mark.anyio

OWN = "mountain snow in may"


async def handed_over(house: House) -> tuple[str, Entered]:
    """A doctor signs in by a password that the operator gave him."""
    account, _ = await house.doctor()
    password = await house.accounts.enrolling.hand_over_password(THE_OPERATOR, account.id, TREE)
    entered = await house.with_password(NUMBER, password)
    assert isinstance(entered, Entered)
    return password, entered


async def test_a_session_of_a_handed_over_password_needs_an_own_one(house: House) -> None:
    _, entered = await handed_over(house)
    assert entered.signed_in.needs_own_password
    looked_up = await house.look_up(entered)
    assert looked_up == entered.signed_in
    with pytest.raises(Refusal) as refused:
        refuse_unless_settled(looked_up)
    assert code_of(refused) == "password-handed-over"


async def test_it_opens_once_an_own_one_is_chosen_and_the_old_one_is_worth_nothing(house: House) -> None:
    given, entered = await handed_over(house)
    await house.accounts.enrolling.change_password(entered.signed_in, OWN)
    now = await house.look_up(entered)
    assert (now.needs_own_password, now.needs_second_factor) == (False, True)
    with pytest.raises(Refusal, match="sign-in-refused"):
        await house.with_password(NUMBER, given)
    again = await house.with_password(NUMBER, OWN)
    assert isinstance(again, Entered)
    assert not again.signed_in.needs_own_password


async def test_the_handed_over_one_is_no_own_one(house: House) -> None:
    given, entered = await handed_over(house)
    with pytest.raises(Refusal, match="password-unchanged"):
        await house.accounts.enrolling.change_password(entered.signed_in, given)
    assert (await house.look_up(entered)).needs_own_password


async def test_nothing_else_can_be_done_with_it(house: House) -> None:
    _, entered = await handed_over(house)
    here = entered.signed_in
    for act in (
        house.accounts.signing_in.change_workplace(here, "whatever", house.arrival()),
        house.accounts.enrolling.new_recovery_codes(here),
        house.accounts.enrolling.end_credential(here, "whatever"),
    ):
        with pytest.raises(Refusal, match="password-handed-over"):
            await act


async def test_a_security_administrator_appoints_nobody_before_it(house: House) -> None:
    account, _ = await house.doctor("H1", role="security", organisation="province")
    password = await house.accounts.enrolling.hand_over_password(THE_OPERATOR, account.id, TREE)
    entered = await house.with_password("H1", password)
    assert isinstance(entered, Entered)
    _, workplace = await house.doctor("H2")
    with pytest.raises(Refusal, match="appointing-not-yours"):
        await house.accounts.people.dismiss(entered.signed_in, workplace.id, TREE)


async def test_a_password_of_ones_own_needs_no_other(house: House) -> None:
    await house.doctor()
    entered = await house.with_password(NUMBER, PASSWORD)
    assert isinstance(entered, Entered)
    assert isinstance(entered.signed_in, SignedIn)
    assert not entered.signed_in.needs_own_password
