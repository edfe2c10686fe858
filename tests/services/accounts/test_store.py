"""People and places of work against the real database: who may appoint whom, and what lies there sealed."""

from __future__ import annotations

import asyncio

import pytest

from tests.services.accounts.conftest import CITY, HOSPITAL, NUMBER, OTHER, PROVINCE, TELEPHONE, TREE, House
from tianfu.access.caller import OPERATOR
from tianfu.db import Query, StatementFailed, UniqueViolation
from tianfu.kernel.refusal import Refusal
from tianfu.records.resealing import retire_keys
from tianfu.services.accounts.model.people import Assurance, Kind, SignedIn
from tianfu.services.accounts.store import THE_OPERATOR, Post

pytestmark = pytest.mark.anyio


async def security_at(house: House, organisation: str, number: str = "S1") -> SignedIn:
    """A security administrator who has signed in with both factors."""
    account, _ = await house.doctor(number, role="security", organisation=organisation)
    secret = await house.authenticator(account)
    return (await house.with_both(secret, number)).signed_in


async def test_a_security_administrator_lets_staff_join_below_himself_only(house: House) -> None:
    by = await security_at(house, CITY)
    people = house.accounts.people
    await people.join_staff(by, name="Li Demo", number="H1", post=Post(organisation=HOSPITAL, role="doctor"), tree=TREE)
    for organisation, role in ((OTHER, "doctor"), (PROVINCE, "nurse"), (CITY, "officer")):
        with pytest.raises(Refusal, match="not-below-you"):
            post = Post(organisation=organisation, role=role)
            await people.join_staff(by, name="Li Demo", number="H2", post=post, tree=TREE)
    assert await house.rows("select count(*) from account") == [(2,)]


async def test_a_doctor_and_a_session_without_second_factor_appoint_nobody(house: House) -> None:
    account, _ = await house.doctor()
    secret = await house.authenticator(account)
    doctor = (await house.with_both(secret)).signed_in
    await house.doctor("S2", role="security", organisation=PROVINCE)
    half = await house.with_password("S2")
    for by in (doctor, half.signed_in):  # type: ignore[union-attr]  # one place of work, so it entered
        with pytest.raises(Refusal, match="appointing-not-yours"):
            post = Post(organisation=HOSPITAL, role="doctor")
            await house.accounts.people.join_staff(by, name="Li Demo", number="H2", post=post, tree=TREE)


async def test_nobody_appoints_dismisses_or_ends_himself(house: House) -> None:
    by = await security_at(house, PROVINCE)
    assert by.workplace is not None
    people = house.accounts.people
    with pytest.raises(Refusal, match="appointing-oneself"):
        await people.appoint(by, by.account.id, Post(organisation=HOSPITAL, role="doctor"), TREE)
    with pytest.raises(Refusal, match="appointing-oneself"):
        await people.dismiss(by, by.workplace.id, TREE)
    with pytest.raises(Refusal, match="appointing-oneself"):
        await people.leave(by, by.account.id, TREE)


async def test_nobody_lets_somebody_leave_who_works_above_him_too(house: House) -> None:
    by = await security_at(house, CITY)
    account, _ = await house.doctor()
    await house.accounts.people.appoint(THE_OPERATOR, account.id, Post(organisation=OTHER, role="doctor"), TREE)
    with pytest.raises(Refusal, match="not-below-you"):
        await house.accounts.people.leave(by, account.id, TREE)
    with pytest.raises(Refusal, match="not-below-you"):
        await house.accounts.enrolling.hand_over_password(by, account.id, TREE)


async def test_two_offices_are_refused_even_to_the_operator(house: House) -> None:
    account, _ = await house.doctor("S1", role="officer", organisation=PROVINCE)
    with pytest.raises(Refusal, match="two-offices"):
        await house.accounts.people.appoint(THE_OPERATOR, account.id, Post(organisation=CITY, role="security"), TREE)


async def test_two_offices_are_refused_by_the_database_itself(house: House) -> None:
    account, _ = await house.doctor("S1", role="officer", organisation=PROVINCE)
    second = Query.composed(
        "second_office",
        "insert into workplace (workplace, account, organisation, role, since, by)"
        " values ('w2', %(account)s, 'elsewhere', 'administrator', 0, 'somebody with SQL')",
    )
    with pytest.raises(UniqueViolation, match="workplace_one_office"):
        async with house.database.connection("app") as connection:
            await connection.run(second, account=account.id)


async def test_of_two_offices_given_at_one_moment_one_is_held(house: House) -> None:
    account, workplace = await house.doctor()
    await house.accounts.people.dismiss(THE_OPERATOR, workplace.id, TREE)
    posts = [Post(organisation=CITY, role=role) for role in ("officer", "security", "administrator", "doctor")]
    appoint = house.accounts.people.appoint
    await house.warm()
    given = await asyncio.gather(
        *(appoint(THE_OPERATOR, account.id, post, TREE) for post in posts), return_exceptions=True
    )
    assert sum(not isinstance(each, Refusal) for each in given) == 1
    assert await house.rows("select count(*) from workplace where until is null") == [(1,)]


async def test_a_move_is_one_step_and_ends_the_sessions_from_the_old_place(house: House) -> None:
    account, workplace = await house.doctor()
    secret = await house.authenticator(account)
    entered = await house.with_both(secret)
    new = await house.accounts.people.move(THE_OPERATOR, workplace.id, Post(organisation=CITY, role="doctor"), TREE)
    assert await house.accounts.people.workplaces(account.id) == (new,)
    house.time.pass_(1)
    with pytest.raises(Refusal, match="session-over"):
        await house.look_up(entered)


async def test_a_move_that_is_refused_changes_nothing(house: House) -> None:
    account, workplace = await house.doctor()
    by = await security_at(house, CITY)
    with pytest.raises(Refusal, match="not-below-you"):
        await house.accounts.people.move(by, workplace.id, Post(organisation=OTHER, role="doctor"), TREE)
    assert await house.accounts.people.workplaces(account.id) == (workplace,)


async def test_one_number_is_one_persons_until_he_leaves(house: House) -> None:
    account, _ = await house.doctor()
    with pytest.raises(Refusal, match="number-taken"):
        await house.doctor(f" {NUMBER.lower()} ")
    await house.accounts.people.leave(THE_OPERATOR, account.id, TREE)
    again, _ = await house.doctor()
    assert again.id != account.id


async def test_a_handed_over_password_ends_all_that_was_before(house: House) -> None:
    account, _ = await house.doctor()
    secret = await house.authenticator(account)
    entered = await house.with_both(secret)
    password = await house.accounts.enrolling.hand_over_password(THE_OPERATOR, account.id, TREE)
    with pytest.raises(Refusal, match="session-over"):
        await house.look_up(entered)
    answer = await house.with_password(password=password)
    assert answer.signed_in.needs_second_factor  # type: ignore[union-attr]  # the authenticator is gone, so it entered


async def test_names_and_numbers_lie_sealed_and_open_only_in_their_own_row(house: House) -> None:
    first, _ = await house.doctor()
    second, _ = await house.doctor("H510002")
    await house.with_code()
    rows = await house.rows("select account::text, handle, told from account")
    said = b"".join(bytes(each) for _, *row in rows for each in row)
    for hidden in (NUMBER, TELEPHONE, "An Demo", "H510002"):
        assert hidden.encode() not in said
    async with house.database.connection("owner") as owner:
        swap = "update account set told = (select told from account where account = %(a)s) where account = %(b)s"
        await owner.run(Query.composed("swap", swap), a=first.id, b=second.id)
    with pytest.raises(Refusal, match="field-not-authentic"):
        await house.accounts.people.account(second.id)


async def test_an_authenticators_secret_that_was_moved_to_another_row_opens_nothing(house: House) -> None:
    first, _ = await house.doctor()
    second, _ = await house.doctor("H510002")
    await house.authenticator(first)
    await house.authenticator(second)
    async with house.database.connection("owner") as owner:
        swap = (
            "update credential set secret = (select secret from credential where account = %(a)s and kind = 'totp')"
            " where account = %(b)s and kind = 'totp'"
        )
        await owner.run(Query.composed("swap", swap), a=first.id, b=second.id)
    with pytest.raises(Refusal, match="field-not-authentic"):
        await house.accounts.credentials.use_totp(second.id, "123456")


async def test_retelling_seals_anew_and_keeps_one_number_one_persons(house: House) -> None:
    account, _ = await house.doctor()
    await house.doctor("H510002")
    told = await house.accounts.people.retell(account.id, name="An Other Demo", number="H510009")
    assert await house.accounts.people.account(account.id) == told
    with pytest.raises(Refusal, match="number-taken"):
        await house.accounts.people.retell(account.id, number="H510002")
    with pytest.raises(Refusal, match="sign-in-refused"):
        await house.with_password(NUMBER)
    assert (await house.with_password("h510009")).device


async def test_a_residents_records_open_only_from_a_known_name_on(house: House) -> None:
    entered = await house.with_code()
    account = entered.signed_in.account.id
    people = house.accounts.people
    await people.tie_record(OPERATOR, account, "Patient", "li-herself")
    await people.tie_record(OPERATOR, account, "Patient", "li-herself")
    await people.tie_record(OPERATOR, account, "RelatedPerson", "li-mother")
    house.time.pass_(1)
    assert (await house.look_up(entered)).caller.patients == ()
    await people.retell(account, assurance=Assurance.NAMED)
    house.time.pass_(1)
    caller = (await house.look_up(entered)).caller
    assert (caller.patients, caller.related) == (("li-herself",), ("li-mother",))
    async with people.changing(account) as transaction:
        await people.untie_in(transaction, OPERATOR, account, "Patient", "li-herself")
    house.time.pass_(1)
    assert (await house.look_up(entered)).caller.patients == ()


async def test_a_resident_ends_his_own_account_and_nobody_elses(house: House) -> None:
    entered = await house.with_code()
    account, _ = await house.doctor()
    people = house.accounts.people
    with pytest.raises(Refusal, match="appointing-not-yours"):
        await people.leave(entered.signed_in, account.id, TREE)
    await people.leave(entered.signed_in, entered.signed_in.account.id, TREE)
    house.time.pass_(1)
    with pytest.raises(Refusal, match="session-over"):
        await house.look_up(entered)


async def test_staff_are_listed_to_whoever_keeps_them(house: House) -> None:
    by = await security_at(house, CITY)
    _, workplace = await house.doctor()
    people = house.accounts.people
    assert await people.staff_at(by, HOSPITAL, TREE) == [(workplace, "An Demo", NUMBER)]
    with pytest.raises(Refusal, match="not-below-you"):
        await people.staff_at(by, OTHER, TREE)


async def test_the_app_cannot_forget_who_somebody_was(house: House) -> None:
    await house.doctor()
    for table in ("account", "workplace", "credential"):
        with pytest.raises(StatementFailed, match="42501"):
            async with house.database.connection("app") as connection:
                await connection.run(Query.composed("delete", f"delete from {table}"))  # noqa: S608 - fixed names


async def test_an_account_of_staff_and_one_of_a_resident_share_no_handle(house: House) -> None:
    keys = house.accounts.signing_in._parts.keys
    assert keys.handle(Kind.STAFF, TELEPHONE) != keys.handle(Kind.RESIDENT, TELEPHONE)


async def test_a_key_that_still_seals_an_account_is_not_forgotten(house: House) -> None:
    account, _ = await house.doctor()
    old = house.keyring.current
    house.keyring.begin_new_key()
    assert old not in await retire_keys(house.database)
    assert await house.accounts.people.account(account.id) == account
    await house.accounts.people.retell(account.id, name="An Other Demo")
    assert old in await retire_keys(house.database)
    assert (await house.accounts.people.account(account.id)).name == "An Other Demo"
