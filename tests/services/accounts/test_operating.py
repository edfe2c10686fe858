"""What the operator does with accounts: the first security administrator, ending sessions, unlocking; all traced."""

from __future__ import annotations

import pytest

from tests.services.accounts.conftest import NUMBER, PROVINCE, TELEPHONE, House, code_of
from tests.trails import auditor_of
from tianfu.kernel.refusal import Refusal
from tianfu.services.accounts.operating import Operating
from tianfu.services.accounts.signing_in import Entered

pytestmark = pytest.mark.anyio


async def operating_of(house: House) -> Operating:
    return Operating(house.database, house.keyring, house.accounts, await auditor_of(house.database), clock=house.time)


async def test_the_first_security_administrator_signs_in_by_what_was_printed_and_there_is_no_second(
    house: House,
) -> None:
    operating = await operating_of(house)
    password = await operating.make_first_security(name="An Demo", number="S1", organisation=PROVINCE)
    entered = await house.with_password("S1", password)
    assert isinstance(entered, Entered)
    assert entered.signed_in.needs_own_password
    assert (entered.signed_in.caller.role, entered.signed_in.caller.organisation) == ("security", PROVINCE)
    with pytest.raises(Refusal) as refused:
        await operating.make_first_security(name="Bo Demo", number="S2", organisation=PROVINCE)
    assert code_of(refused) == "security-there-already"
    with pytest.raises(Refusal, match="security-there-already"):
        await operating.make_first_security(name="An Demo", number="S1", organisation=PROVINCE)
    told = [event[0] for event in await house.events() if event[2] == "command-line"]
    assert told == ["join", "change-credentials"]


async def test_one_that_was_cut_off_before_its_password_is_finished(house: House) -> None:
    operating = await operating_of(house)
    await operating.make_first_security(name="An Demo", number="S1", organisation=PROVINCE)
    async with house.database.transaction("app") as transaction:
        account = await operating._named("S1")
        await house.accounts.credentials.end_all(transaction, account.id)
    password = await operating.make_first_security(name="An Demo", number="S1", organisation=PROVINCE)
    assert isinstance(await house.with_password("S1", password), Entered)


async def test_all_sessions_of_a_number_end_and_the_trail_says_so(house: House) -> None:
    await house.doctor()
    entered = await house.with_password()
    assert isinstance(entered, Entered)
    assert await (await operating_of(house)).end_sessions(NUMBER) == 1
    house.time.pass_(1)
    with pytest.raises(Refusal, match="session-over"):
        await house.look_up(entered)
    assert (await house.events())[-1][:3] == ("sign-out", "success", "command-line")


async def test_a_residents_sessions_end_by_telephone(house: House) -> None:
    await house.with_code()
    assert await (await operating_of(house)).end_sessions(TELEPHONE) == 1


async def test_an_unlocked_number_opens_at_once_and_the_trail_says_so(house: House) -> None:
    await house.doctor()
    for _ in range(5):
        with pytest.raises(Refusal, match="sign-in-refused"):
            await house.with_password(password="not the right one")
    with pytest.raises(Refusal, match="sign-in-closed"):
        await house.with_password()
    await (await operating_of(house)).unlock(NUMBER)
    assert (await house.events())[-1][:3] == ("unlock", "success", "command-line")
    assert isinstance(await house.with_password(), Entered)


@pytest.mark.parametrize("number", ["H999999", "13899999999", "no number at all"])
async def test_a_number_that_nobody_has_is_said_to_the_operator(house: House, number: str) -> None:
    operating = await operating_of(house)
    for act in (operating.end_sessions(number), operating.unlock(number)):
        with pytest.raises(Refusal, match="account-unknown"):
            await act
