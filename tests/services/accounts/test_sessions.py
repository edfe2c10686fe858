"""Sessions against the real database: what is stolen, planted, idle, ended or left behind opens nothing."""

from __future__ import annotations

import pytest

from tests.services.accounts.conftest import NUMBER, PASSWORD, TREE, House, house_of
from tianfu.db import Database
from tianfu.kernel.refusal import Refusal
from tianfu.services.accounts.model.people import Method
from tianfu.services.accounts.sessions import BELIEVED_SECONDS, new_secret, refuse_unless_fresh
from tianfu.services.accounts.signing_in import Entered
from tianfu.services.accounts.store import THE_OPERATOR, Post
from tianfu.services.accounts.totp import code_at

pytestmark = pytest.mark.anyio


async def is_over(house: House, entered: Entered) -> bool:
    """Whether a session is over for a worker that has believed all it may."""
    house.time.pass_(BELIEVED_SECONDS)
    try:
        await house.look_up(entered)
    except Refusal as refusal:
        assert refusal.code == "session-over"
        return True
    return False


async def test_a_secret_that_was_planted_before_is_worth_nothing(house: House) -> None:
    planted = new_secret()
    house.device = new_secret()
    first = await house.with_code()
    house.time.pass_(61)
    second = await house.with_code()
    assert len({planted, house.device, first.secret, second.secret}) == 4
    assert first.signed_in.session != second.signed_in.session
    with pytest.raises(Refusal, match="session-over"):
        await house.accounts.sessions.look_up(planted, house.device)


async def test_a_stolen_cookie_without_its_device_opens_nothing_not_even_while_it_is_believed(house: House) -> None:
    entered = await house.with_code()
    await house.look_up(entered)
    for device in ("", new_secret(), entered.secret, entered.device[:-1], entered.device + "A"):
        with pytest.raises(Refusal, match="session-over"):
            await house.accounts.sessions.look_up(entered.secret, device)
    with pytest.raises(Refusal, match="session-over"):
        await house.accounts.sessions.look_up(entered.device, entered.secret)
    assert (await house.look_up(entered)).session == entered.signed_in.session


async def test_the_database_holds_digests_of_secrets_only(house: House) -> None:
    entered = await house.with_code()
    rows = await house.rows("select digest, device from session")
    said = b"".join(bytes(each) for row in rows for each in row)
    assert len(said) == 64
    for secret in (entered.secret, entered.device):
        assert secret.encode() not in said


async def test_a_session_ends_when_it_lies_idle_and_lives_while_it_is_used(house: House) -> None:
    entered = await house.with_code()
    for _ in range(5):
        house.time.pass_(29 * 60)
        await house.look_up(entered)
    house.time.pass_(30 * 60)
    assert await is_over(house, entered)


async def test_a_session_ends_after_its_time_however_much_it_is_used(house: House) -> None:
    entered = await house.with_code()
    for _ in range(12 * 6 - 1):
        house.time.pass_(600)
        await house.look_up(entered)
    house.time.pass_(600)
    assert await is_over(house, entered)


async def test_a_session_that_was_ended_is_over_in_another_worker_within_a_second(house: House) -> None:
    entered = await house.with_code()
    async with await Database.open(house.addresses) as other_database:
        other = await house_of(other_database, house.addresses, house.time, house.telephone)
        await other.look_up(entered)
        await house.accounts.signing_in.sign_out(entered.signed_in)
        house.time.pass_(BELIEVED_SECONDS - 0.01)
        await other.look_up(entered)  # still believed
        house.time.pass_(0.01)
        with pytest.raises(Refusal, match="session-over"):
            await other.look_up(entered)
        other.accounts.passwords.close()


async def test_a_session_that_was_ended_is_over_at_once_in_the_same_worker(house: House) -> None:
    entered = await house.with_code()
    await house.look_up(entered)
    await house.accounts.signing_in.sign_out(entered.signed_in)
    with pytest.raises(Refusal, match="session-over"):
        await house.look_up(entered)


async def test_somebody_sees_and_ends_his_own_sessions_and_nobody_elses(house: House) -> None:
    first = await house.with_code()
    house.device = ""
    strangers = await house.with_code("13800009999")
    house.time.pass_(61)
    house.device = ""
    second = await house.with_code()
    listed = await house.accounts.sessions.sessions_of(first.signed_in.account.id)
    assert {each.session for each in listed} == {first.signed_in.session, second.signed_in.session}
    with pytest.raises(Refusal, match="session-unknown"):
        await house.accounts.signing_in.end_session(first.signed_in, strangers.signed_in.session)
    assert await house.accounts.signing_in.end_other_sessions(second.signed_in) == 1
    assert await is_over(house, first)
    assert not await is_over(house, second)
    assert not await is_over(house, strangers)


async def test_leaving_ends_every_session_credential_and_place_of_work_at_once(house: House) -> None:
    account, _ = await house.doctor()
    secret = await house.authenticator(account)
    sessions = [await house.with_both(secret) for _ in range(3)]
    await house.accounts.people.leave(THE_OPERATOR, account.id, TREE)
    assert [await is_over(house, each) for each in sessions] == [True] * 3
    left = await house.rows(
        "select (select count(*) from session where ended_at is null),"
        " (select count(*) from credential where ended_at is null),"
        " (select count(*) from workplace where until is null),"
        " (select count(*) from account where left_at is null)"
    )
    assert left == [(0, 0, 0, 0)]
    with pytest.raises(Refusal, match="sign-in-refused"):
        await house.with_password()


async def test_leaving_that_fails_ends_nothing(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    account, _ = await house.doctor()
    secret = await house.authenticator(account)
    entered = await house.with_both(secret)

    async def fails(*_: object) -> None:
        raise RuntimeError("the trace could not be left")

    monkeypatch.setattr(house.accounts.people, "_trace", fails)
    with pytest.raises(RuntimeError):
        await house.accounts.people.leave(THE_OPERATOR, account.id, TREE)
    assert not await is_over(house, entered)


async def test_dismissal_ends_the_sessions_from_there_and_no_others(house: House) -> None:
    account, here = await house.doctor()
    secret = await house.authenticator(account)
    from_here = await house.with_both(secret)
    there = await house.accounts.people.appoint(
        THE_OPERATOR, account.id, Post(organisation="city", role="doctor"), TREE
    )
    from_there = await house.accounts.signing_in.change_workplace(from_here.signed_in, there.id, house.arrival())
    assert await is_over(house, from_here)  # another place is another session
    assert from_there.secret != from_here.secret
    back = await house.accounts.signing_in.change_workplace(from_there.signed_in, here.id, house.arrival())
    await house.accounts.people.dismiss(THE_OPERATOR, there.id, TREE)
    assert not await is_over(house, back)
    await house.accounts.people.dismiss(THE_OPERATOR, here.id, TREE)
    assert await is_over(house, back)


async def test_another_place_of_work_is_no_new_proof(house: House) -> None:
    account, here = await house.doctor()
    secret = await house.authenticator(account)
    entered = await house.with_both(secret)
    house.time.pass_(299)
    changed = await house.accounts.signing_in.change_workplace(entered.signed_in, here.id, house.arrival())
    house.time.pass_(1)
    with pytest.raises(Refusal, match="proof-too-old"):
        refuse_unless_fresh(await house.look_up(changed), house.time.now)


async def test_stepping_up_needs_the_second_factor_and_makes_the_proof_fresh(house: House) -> None:
    account, _ = await house.doctor()
    secret = await house.authenticator(account)
    entered = await house.with_both(secret)
    house.time.pass_(600)
    signed_in = await house.look_up(entered)
    with pytest.raises(Refusal, match="proof-too-old"):
        refuse_unless_fresh(signed_in, house.time.now)
    step_up = house.accounts.signing_in.step_up
    with pytest.raises(Refusal, match="method-not-yours"):
        await step_up(signed_in, Method.PASSWORD, PASSWORD, house.arrival())
    with pytest.raises(Refusal, match="method-not-yours"):
        await step_up(signed_in, Method.PASSKEY, "", house.arrival())
    with pytest.raises(Refusal, match="sign-in-refused"):
        await step_up(signed_in, Method.TOTP, "", house.arrival())
    await step_up(signed_in, Method.TOTP, code_at(secret, house.time.now), house.arrival())
    refuse_unless_fresh(await house.look_up(entered), house.time.now)


async def test_setting_up_an_authenticator_makes_a_new_session_and_ends_the_old_one(house: House) -> None:
    await house.doctor()
    entered = await house.with_password()
    assert isinstance(entered, Entered)
    enrolling = house.accounts.enrolling
    offer = await enrolling.offer_totp(entered.signed_in, house.arrival())
    assert NUMBER in offer.uri
    secret = _typed_in(offer.secret)
    with pytest.raises(Refusal, match="code-wrong"):
        await enrolling.confirm_totp(entered.signed_in, offer.step, "12345", "mine", house.arrival())
    code = code_at(secret, house.time.now)
    full, codes = await enrolling.confirm_totp(entered.signed_in, offer.step, code, "mine", house.arrival())
    assert len(codes) == 10
    assert not (await house.look_up(full)).needs_second_factor
    assert await is_over(house, entered)
    assert not await house.accounts.credentials.use_totp(full.signed_in.account.id, code)


async def test_an_old_proof_sets_up_nothing(house: House) -> None:
    await house.doctor()
    entered = await house.with_password()
    assert isinstance(entered, Entered)
    house.time.pass_(300)
    with pytest.raises(Refusal, match="proof-too-old"):
        await house.accounts.enrolling.offer_totp(entered.signed_in, house.arrival())
    with pytest.raises(Refusal, match="proof-too-old"):
        await house.accounts.enrolling.change_password(entered.signed_in, "another lotus pond 8")


async def test_a_new_password_ends_the_other_sessions_and_the_old_password(house: House) -> None:
    account, _ = await house.doctor()
    secret = await house.authenticator(account)
    other = await house.with_both(secret)
    mine = await house.with_both(secret)
    await house.accounts.enrolling.change_password(mine.signed_in, "another lotus pond 8")
    assert await is_over(house, other)
    assert not await is_over(house, mine)
    assert not await house.accounts.credentials.password_is(account.id, PASSWORD)
    assert await house.accounts.credentials.password_is(account.id, "another lotus pond 8")


def _typed_in(shown: str) -> bytes:
    from base64 import b32decode

    return b32decode(shown.replace(" ", ""))
