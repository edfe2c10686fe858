"""Numbers change hands and proofs grow old: whoever holds a number later, or shares it, comes into nobody's account."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.services.accounts.conftest import HOSPITAL, NUMBER, TELEPHONE, TREE, House
from tests.services.accounts.software_key import SoftwareKey
from tests.services.accounts.test_passkeys import set_up, show
from tianfu.kernel.refusal import Refusal
from tianfu.services.accounts.model.lapsing import lapses
from tianfu.services.accounts.model.people import Account, Assurance, Method, SignedIn
from tianfu.services.accounts.papers import Paper
from tianfu.services.accounts.signing_in import WHOSE, Entered, Next
from tianfu.services.accounts.store import THE_OPERATOR

pytestmark = pytest.mark.anyio

DAY_SECONDS = 86_400
OTHER_NUMBER = "13800009999"
IDENTITY = "510104199106099826"
RECORD = "made-up-patient"
TIES: Any = [("Patient", RECORD)]


async def refused(work: Any) -> str:
    with pytest.raises(Refusal) as caught:
        await work
    return caught.value.code


async def named(house: House, number: str = TELEPHONE) -> Entered:
    """A resident whose record is tied under a real name."""
    entered = await house.with_code(number)
    assert await house.accounts.real_names.tie(entered.signed_in, "安示例", TIES)
    return entered


async def with_key(house: House, entered: Entered) -> SoftwareKey:
    key = SoftwareKey()
    await set_up(house, entered, key)
    return key


async def account_of(house: House, entered: Entered) -> Account:
    return await house.accounts.people.account(entered.signed_in.account.id)


async def patients(house: House, entered: Entered) -> tuple[str, ...]:
    house.time.pass_(2)  # a worker believes a session for a second
    return (await house.look_up(entered)).caller.patients


def days(count: float, house: House) -> None:
    house.time.pass_(count * DAY_SECONDS)


async def waits(house: House, number: str = TELEPHONE) -> Next:
    answer = await house.after_code(number)
    assert isinstance(answer, Next)
    assert answer.stage == WHOSE
    return answer


async def anew(house: House, number: str = TELEPHONE) -> Entered:
    return await house.accounts.whose.begin_anew((await waits(house, number)).step, house.arrival())


async def test_a_number_that_was_used_lately_opens_its_account_and_stays_young_by_it(house: House) -> None:
    first = await named(house)
    for _ in range(4):
        days(lapses().telephone_days - 1, house)
        again = await house.after_code()
        assert isinstance(again, Entered)
        assert again.signed_in.account.id == first.signed_in.account.id


async def test_whoever_holds_a_recycled_number_sees_nothing_of_the_account_before_him(house: House) -> None:
    old = await named(house)
    days(lapses().telephone_days, house)
    new = await anew(house)
    assert new.signed_in.account.id != old.signed_in.account.id
    assert await patients(house, new) == ()
    assert new.signed_in.account.name == ""
    assert len(await house.accounts.sessions.sessions_of(new.signed_in.account.id)) == 1
    lost = await account_of(house, old)
    assert (lost.number, lost.name, lost.patients) == ("", "安示例", (RECORD,))
    assert lost.telephone_lost_at is not None


async def test_nothing_tells_a_new_number_from_one_that_had_an_account_with_a_name_or_without(house: House) -> None:
    await named(house)
    await house.with_code(OTHER_NUMBER)
    days(lapses().telephone_days, house)
    found = [await waits(house, each) for each in (TELEPHONE, OTHER_NUMBER, "13800007777")]
    shapes = {
        (each.stage, each.methods, each.workplaces, each.again_in_seconds, each.is_sent, len(each.step), each.until)
        for each in found
    }
    assert len(shapes) == 1
    told = [row for row in await house.events() if row[0] == "sign-in-step"][-3:]
    assert len({(row[1], row[2], row[4]) for row in told}) == 1


async def test_the_new_holder_cannot_be_sent_back_into_the_old_account_by_its_step_or_code(house: House) -> None:
    await named(house)
    days(lapses().telephone_days, house)
    begun = await house.accounts.signing_in.send_code(TELEPHONE, house.arrival())
    house.device = begun.device
    answer = await house.accounts.signing_in.with_code(begun.step, house.telephone.code, house.arrival())
    assert isinstance(answer, Next)
    again = house.accounts.signing_in.with_code(begun.step, house.telephone.code, house.arrival())
    assert await refused(again) == "step-over"
    assert await refused(house.accounts.whose.begin_anew(begun.step, house.arrival())) == "step-over"


async def test_of_two_who_begin_anew_by_one_step_one_does(house: House) -> None:
    answer = await waits(house)
    await house.warm()
    work = [house.accounts.whose.begin_anew(answer.step, house.arrival()) for _ in range(6)]
    done = await asyncio.gather(*work, return_exceptions=True)
    assert sum(isinstance(each, Entered) for each in done) == 1
    assert {each.code for each in done if isinstance(each, Refusal)} == {"step-over"}
    assert await house.rows("select count(*) from account") == [(1,)]


async def test_the_owner_of_a_passkey_keeps_his_account_and_is_told_that_his_number_is_another_s(house: House) -> None:
    old = await named(house)
    key = await with_key(house, old)
    days(lapses().telephone_days, house)
    await anew(house)
    entered = await show(house, key)
    assert isinstance(entered, Entered)
    account = entered.signed_in.account
    assert account.id == old.signed_in.account.id
    assert account.telephone_lost_at is not None
    assert account.name_is_over  # the telephone by which his name was proved is another's
    assert await patients(house, entered) == ()


async def test_no_code_goes_to_a_number_that_may_be_another_s_to_prove_again(house: House) -> None:
    key = await with_key(house, await named(house))
    days(lapses().telephone_days, house)
    entered = await show(house, key)
    assert isinstance(entered, Entered)
    sent = len(house.telephone.sent)
    signing_in = house.accounts.signing_in
    assert await refused(signing_in.send_step_up_code(entered.signed_in, house.arrival())) == "method-not-yours"
    proof = signing_in.step_up(entered.signed_in, Method.TELEPHONE, "000000", house.arrival())
    assert await refused(proof) == "method-not-yours"
    assert len(house.telephone.sent) == sent


async def by_key(house: House, key: SoftwareKey, step: str) -> Next | Entered:
    """Show a passkey after the code."""
    begun = await house.accounts.passkeys.begin_sign_in(house.arrival(), whose=step)
    return await house.accounts.passkeys.sign_in(begun.step, key.show(begun.options), house.arrival())


async def test_a_passkey_after_the_code_makes_an_old_number_young_again_and_keeps_the_name(house: House) -> None:
    old = await named(house)
    key = await with_key(house, old)
    days(lapses().telephone_days, house)
    entered = await by_key(house, key, (await waits(house)).step)
    assert isinstance(entered, Entered)
    assert entered.signed_in.account.id == old.signed_in.account.id
    assert await patients(house, entered) == (RECORD,)
    house.time.pass_(61)
    assert isinstance(await house.after_code(), Entered)


async def test_another_number_is_taken_by_a_passkey_and_closes_the_records_until_the_name_is_proved_again(
    house: House,
) -> None:
    old = await named(house)
    key = await with_key(house, old)
    entered = await by_key(house, key, (await waits(house, OTHER_NUMBER)).step)
    assert isinstance(entered, Entered)
    account = await account_of(house, entered)
    assert (account.id, account.number) == (old.signed_in.account.id, OTHER_NUMBER)
    assert account.name_is_over
    assert await patients(house, entered) == ()
    assert await house.accounts.real_names.tie(entered.signed_in, "安示例", TIES)
    assert await patients(house, entered) == (RECORD,)
    house.time.pass_(61)
    assert isinstance(await house.after_code(TELEPHONE), Next)  # the old number is nobody's


async def test_a_passkey_takes_no_number_that_is_another_s_yet(house: House) -> None:
    """Two steps wait for one number; the second comes when the first has begun an account by it."""
    old = await named(house)
    key = await with_key(house, old)
    step = (await waits(house, OTHER_NUMBER)).step
    device = house.device
    house.time.pass_(61)
    other = await anew(house, OTHER_NUMBER)
    house.device = device
    entered = await by_key(house, key, step)
    assert isinstance(entered, Entered)
    assert (await account_of(house, entered)).number == TELEPHONE
    assert (await account_of(house, other)).number == OTHER_NUMBER


async def test_a_passkey_of_staff_takes_no_telephone(house: House) -> None:
    await house.doctor()
    begun = await house.with_password(NUMBER)
    assert isinstance(begun, Entered)
    key = await with_key(house, begun)
    entered = await by_key(house, key, (await waits(house)).step)
    assert isinstance(entered, Entered)
    assert (await account_of(house, entered)).number == NUMBER


async def test_a_name_that_agrees_leads_back_into_the_account_that_had_the_number(house: House) -> None:
    old = await named(house)
    days(lapses().telephone_days, house)
    entered = await house.accounts.whose.by_name((await waits(house)).step, "安示例", TIES, house.arrival())
    assert entered is not None
    assert entered.signed_in.account.id == old.signed_in.account.id
    assert await patients(house, entered) == (RECORD,)


async def test_a_name_leads_from_another_number_into_no_account(house: House) -> None:
    old = await named(house)
    answer = await waits(house, OTHER_NUMBER)
    assert await house.accounts.whose.by_name(answer.step, "安示例", TIES, house.arrival()) is None
    assert (await account_of(house, old)).number == TELEPHONE
    assert await house.accounts.whose.begin_anew(answer.step, house.arrival())  # the step stands, to try otherwise


async def test_a_name_that_is_nobody_s_yet_begins_an_account_with_its_records(house: House) -> None:
    entered = await house.accounts.whose.by_name((await waits(house)).step, "安示例", TIES, house.arrival())
    assert entered is not None
    assert await patients(house, entered) == (RECORD,)
    assert entered.signed_in.account.number == TELEPHONE


async def test_records_close_when_a_name_was_proved_too_long_ago_even_in_a_session_that_stands(house: House) -> None:
    entered = await named(house)
    key = await with_key(house, entered)
    days(lapses().name_days - 0.01, house)
    session = await show(house, key)
    assert isinstance(session, Entered)
    assert await patients(house, session) == (RECORD,)
    house.time.pass_(0.02 * DAY_SECONDS)
    assert await patients(house, session) == ()
    assert (await account_of(house, session)).patients == (RECORD,)  # kept, and closed
    assert await house.accounts.real_names.tie(session.signed_in, "安示例", TIES)
    assert await patients(house, session) == (RECORD,)


async def test_what_a_desk_saw_stands_longer_than_what_records_say(house: House) -> None:
    entered = await named(house)
    account = entered.signed_in.account.id
    await house.accounts.people.retell(account, assurance=Assurance.SEEN)
    days(lapses().name_days + 1, house)
    assert (await house.accounts.people.account(account)).name_stands
    days(lapses().seen_days, house)
    assert not (await house.accounts.people.account(account)).name_stands


async def test_a_shared_number_opens_nobody_s_account_by_a_code_alone(house: House) -> None:
    old = await seen(house, is_shared=True)
    key = await with_key(house, old)
    house.time.pass_(61)
    second = await anew(house)
    assert second.signed_in.account.id != old.signed_in.account.id
    assert second.signed_in.account.number == ""  # the number stays whose it is
    assert await patients(house, second) == ()
    assert (await account_of(house, old)).number == TELEPHONE
    house.time.pass_(61)
    answer = await waits(house)
    assert await house.accounts.whose.by_name(answer.step, "安示例", TIES, house.arrival()) is None
    entered = await by_key(house, key, answer.step)
    assert isinstance(entered, Entered)
    assert await patients(house, entered) == (RECORD,)


async def test_no_code_proves_again_where_a_number_is_shared(house: House) -> None:
    old = await seen(house, is_shared=True)
    here = await house.look_up(old)
    signing_in = house.accounts.signing_in
    assert here.account.is_shared
    assert not signing_in.proves_by_code(here.account)
    assert await refused(signing_in.send_step_up_code(here, house.arrival())) == "method-not-yours"
    proof = signing_in.step_up(here, Method.TELEPHONE, "000000", house.arrival())
    assert await refused(proof) == "method-not-yours"


async def test_a_registrar_proves_himself_before_he_writes_a_paper(house: House) -> None:
    by = await registrar(house)
    house.time.pass_(301)
    assert await refused(house.accounts.papers.write(by, IDENTITY)) == "proof-too-old"
    assert await house.rows("select from desk_paper") == []


async def registrar(house: House, role: str = "registrar") -> SignedIn:
    await house.doctor("R510001", role=role, organisation=HOSPITAL)
    begun = await house.with_password("R510001")
    assert isinstance(begun, Entered)
    entered, _ = await set_up(house, begun, SoftwareKey())
    return entered.signed_in


async def paper(house: House, number: str = IDENTITY) -> Paper:
    found = await house.accounts.papers.write(await registrar(house), number)
    house.device = ""
    return found


async def use(house: House, entered: Entered, code: str, *, number: str = IDENTITY, is_shared: bool = False) -> bool:
    return await house.accounts.real_names.tie_by_paper(
        entered.signed_in, "安示例", TIES, number=number, paper=code, is_shared=is_shared
    )


async def seen(house: House, *, is_shared: bool) -> Entered:
    code = (await paper(house)).code
    entered = await house.with_code()
    assert await use(house, entered, code, is_shared=is_shared)
    return entered


async def test_a_paper_opens_records_once_and_by_its_own_number_alone(house: House) -> None:
    code = (await paper(house)).code
    entered = await house.with_code()
    assert not await use(house, entered, code, number="510104198801029865")
    assert not await use(house, entered, "AAAA-BBBB-CCCC")
    assert not await use(house, entered, "")
    assert await patients(house, entered) == ()
    assert await use(house, entered, code.lower().replace("-", " "))
    assert (await account_of(house, entered)).assurance is Assurance.SEEN
    other = await house.with_code(OTHER_NUMBER)
    assert not await use(house, other, code)
    assert await patients(house, entered) == (RECORD,)


async def test_of_many_who_bring_one_paper_at_one_moment_one_gets_the_records(house: House) -> None:
    code = (await paper(house)).code
    all_ = [await house.with_code(f"138000043{number:02}") for number in range(6)]
    await house.warm()
    assert sorted(await asyncio.gather(*(use(house, each, code) for each in all_))) == [*[False] * 5, True]


async def test_a_paper_is_over_after_its_day(house: House) -> None:
    code = (await paper(house)).code
    house.time.pass_(lapses().paper_hours * 3_600)
    assert not await use(house, await house.with_code(), code)


async def test_a_paper_takes_records_from_a_relative_who_opened_them_as_his_own(house: House) -> None:
    relative = await named(house, OTHER_NUMBER)
    session = await house.look_up(relative)
    assert session.caller.patients == (RECORD,)
    code = (await paper(house)).code
    young = await house.with_code()
    assert await use(house, young, code)
    assert await patients(house, young) == (RECORD,)
    assert (await house.accounts.people.account(relative.signed_in.account.id)).patients == ()
    told = [row[4] for row in await house.events() if row[0] in {"write-paper", "tie-record"}]
    assert any(f"account={relative.signed_in.account.id}&ended=Patient/{RECORD}" in each for each in told)
    written = next(each for each in told if each.startswith("paper="))
    assert sum(written in each for each in told) >= 3  # where it was written, used, and what it ended


async def test_a_paper_takes_all_that_was_opened_by_another_in_that_name_also_a_child_s_records(house: House) -> None:
    ties: Any = [*TIES, ("RelatedPerson", "mother-of-a-child")]
    relative = await house.with_code(OTHER_NUMBER)
    assert await house.accounts.real_names.tie(relative.signed_in, "安示例", ties)
    code = (await paper(house)).code
    her = await house.with_code()
    assert await house.accounts.real_names.tie_by_paper(
        her.signed_in, "安示例", ties, number=IDENTITY, paper=code, is_shared=False
    )
    house.time.pass_(2)
    caller = (await house.look_up(relative)).caller
    assert (caller.patients, caller.related) == ((), ())
    account = await house.accounts.people.account(relative.signed_in.account.id)
    assert not account.name_stands  # it was not his: no offer that is meant for her is his to accept
    assert (await house.look_up(her)).caller.related == ("mother-of-a-child",)


@pytest.mark.parametrize("role", ["doctor", "nurse", "steward", "township"])
async def test_nobody_but_a_registrar_writes_papers(house: House, role: str) -> None:
    assert await refused(house.accounts.papers.write(await registrar(house, role), IDENTITY)) == "not-found"
    resident = (await house.with_code()).signed_in
    assert await refused(house.accounts.papers.write(resident, IDENTITY)) == "not-found"


async def test_neither_the_table_nor_the_trail_tells_a_paper_or_a_number(house: House) -> None:
    code = (await paper(house)).code
    text = str(await house.rows("select * from desk_paper")) + str(await house.rows("select * from audit"))
    assert IDENTITY not in text
    assert code not in text
    assert code.replace("-", "") not in text


async def test_whoever_left_and_comes_again_by_his_number_begins_anew(house: House) -> None:
    old = await named(house)
    await house.accounts.people.leave(THE_OPERATOR, old.signed_in.account.id, TREE)
    house.time.pass_(61)
    assert (await anew(house)).signed_in.account.id != old.signed_in.account.id


async def test_who_shows_another_name_later_does_not_open_again_what_was_open_under_the_first(house: House) -> None:
    first = await named(house)
    other: Any = [("Patient", "another-patient")]
    house.time.pass_(61)
    for _ in range(5):
        days(lapses().telephone_days - 1, house)
        entered = await house.after_code()  # whoever has the telephone now keeps it young
        assert isinstance(entered, Entered)
    assert entered.signed_in.account.id == first.signed_in.account.id
    assert entered.signed_in.account.name_is_over
    assert await house.accounts.real_names.tie(entered.signed_in, "别示例", other)
    assert await patients(house, entered) == ("another-patient",)
