"""Signing in against the real database: who gets in by what, and every attack that must not get in."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from tests.services.accounts.conftest import (
    CITY,
    HOSPITAL,
    NUMBER,
    OTHER,
    PASSWORD,
    TELEPHONE,
    TREE,
    House,
    house_of,
)
from tianfu.db import Database
from tianfu.kernel.refusal import Refusal
from tianfu.services.accounts.argon2id import Argon2id
from tianfu.services.accounts.grounds import NO_GROUNDS
from tianfu.services.accounts.model.people import Assurance, Kind, Method
from tianfu.services.accounts.signing_in import SECOND, WORKPLACE, Entered, Next
from tianfu.services.accounts.store import THE_OPERATOR, Post
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


async def test_a_wrong_password_and_a_number_that_nobody_has_get_the_same_refusal(house: House) -> None:
    await house.doctor()
    wrong = await refused(house.with_password(password="not the right one"))
    nobody = await refused(house.with_password("H999999"))
    assert (wrong.code, wrong.next_step, wrong.details) == (nobody.code, nobody.next_step, nobody.details)
    assert wrong.code == "sign-in-refused"


async def test_a_number_that_nobody_has_costs_one_hash_as_well(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[str] = []
    real = Argon2id.is_right

    def is_right(self: Argon2id, digest: str, password: bytes) -> bool:
        compared.append(digest)
        return real(self, digest, password)

    monkeypatch.setattr(Argon2id, "is_right", is_right)
    await house.doctor()
    await refused(house.with_password(password="not the right one"))
    await refused(house.with_password("H999999"))
    await refused(house.with_password("no number at all", "x"))
    assert len(compared) == 3
    assert {digest.rsplit("$", 2)[0] for digest in compared} == {compared[0].rsplit("$", 2)[0]}  # one cost for all


async def test_five_failures_close_a_handle_even_for_the_right_password_and_for_nobodys(house: House) -> None:
    await house.doctor()
    for number in (NUMBER, "H999999"):
        for _ in range(5):
            assert (await refused(house.with_password(number, "not the right one"))).code == "sign-in-refused"
        closed = await refused(house.with_password(number))
        assert (closed.code, closed.details) == ("sign-in-closed", {"seconds": "60"})
    house.time.pass_(60)
    assert isinstance(await house.with_password(), Entered)


async def test_a_closed_handle_does_not_close_another_way_in(house: House) -> None:
    account, _ = await house.doctor()
    for _ in range(5):
        await refused(house.with_password(password="not the right one", address="198.51.100.9"))
    entered = await house.accounts.signing_in.proved(account, Method.PASSKEY, NO_GROUNDS, house.arrival())
    assert isinstance(entered, Entered)


async def test_workers_count_failures_together_even_at_one_moment(house: House) -> None:
    await house.doctor()
    async with await Database.open(house.addresses) as other_database:
        other = await house_of(other_database, house.addresses, house.time, house.telephone)
        guesses = [(house, other)[each % 2].with_password(password=f"guess number {each}") for each in range(24)]
        await house.warm()
        await other.warm()
        answers = await asyncio.gather(*guesses, return_exceptions=True)
        other.accounts.passwords.close()
    codes = [each.code for each in answers if isinstance(each, Refusal)]
    assert len(codes) == 24
    assert codes.count("sign-in-refused") == 5
    assert codes.count("sign-in-closed") == 19


async def test_an_address_that_fails_thirty_times_is_closed_for_every_number(house: House) -> None:
    await house.doctor()
    for number in range(30):
        await refused(house.with_password(f"H6{number:05}"))
    assert (await refused(house.with_password())).code == "sign-in-closed"
    assert isinstance(await house.with_password(address="198.51.100.9"), Entered)


async def test_a_right_password_does_not_forgive_what_was_guessed_at_the_second_factor(house: House) -> None:
    account, _ = await house.doctor()
    secret = await house.authenticator(account)
    refusals = []
    for _ in range(8):
        try:
            begun = await house.with_password()
            assert isinstance(begun, Next)
            await house.accounts.signing_in.with_second(begun.step, Method.TOTP, "000000", house.arrival())
        except Refusal as refusal:
            refusals.append(refusal.code)
    assert refusals == ["sign-in-refused"] * 5 + ["sign-in-closed"] * 3
    assert code_at(secret, house.time.now) != "000000"


async def test_a_sign_in_forgives_the_failures_before_it(house: House) -> None:
    await house.doctor()
    for _ in range(3):
        for _ in range(4):
            await refused(house.with_password(password="not the right one"))
        assert isinstance(await house.with_password(), Entered)


async def test_an_authenticators_code_is_refused_when_it_comes_again(house: House) -> None:
    account, _ = await house.doctor()
    secret = await house.authenticator(account)
    await house.with_both(secret)
    begun = await house.with_password()
    assert isinstance(begun, Next)
    replayed = code_at(secret, house.time.now)
    again = house.accounts.signing_in.with_second(begun.step, Method.TOTP, replayed, house.arrival())
    assert (await refused(again)).code == "sign-in-refused"


async def test_a_code_from_before_the_last_one_is_refused(house: House) -> None:
    account, _ = await house.doctor()
    secret = await house.authenticator(account)
    before = code_at(secret, house.time.now)
    await house.with_both(secret)
    assert not await house.accounts.credentials.use_totp(account.id, before)


async def test_of_many_who_bring_one_authenticators_code_at_one_moment_one_gets_in(house: House) -> None:
    account, _ = await house.doctor()
    secret = await house.authenticator(account)
    code = code_at(secret, house.time.now)
    await house.warm()
    used = await asyncio.gather(*(house.accounts.credentials.use_totp(account.id, code) for _ in range(12)))
    assert sum(each is not None for each in used) == 1


async def test_a_telephones_code_is_refused_when_it_comes_again(house: House) -> None:
    await house.with_code()
    code = house.telephone.code
    house.time.pass_(61)
    begun = await house.accounts.signing_in.send_code(TELEPHONE, house.arrival())
    if house.telephone.code == code:
        pytest.fail("two codes in a row were alike: once in a million")
    again = house.accounts.signing_in.with_code(begun.step, code, house.arrival())
    assert (await refused(again)).code == "sign-in-refused"


async def test_of_many_who_bring_one_telephone_code_at_one_moment_one_gets_in(house: House) -> None:
    begun = await house.accounts.signing_in.send_code(TELEPHONE, house.arrival())
    handle = house.accounts.signing_in._parts.keys.handle(Kind.RESIDENT, TELEPHONE)
    code, now = house.telephone.code, house.time.now
    await house.warm()
    used = await asyncio.gather(*(house.accounts.codes.use(handle, code, now=now) for _ in range(4)))
    assert used.count(True) == 1
    arrived = house.arrival(device=begun.device)
    assert (await refused(house.accounts.signing_in.with_code(begun.step, code, arrived))).code == "sign-in-refused"


async def test_of_two_who_go_on_from_one_step_at_one_moment_one_gets_in(house: House) -> None:
    account, workplace = await house.doctor()
    post = Post(organisation=CITY, role="doctor")
    await house.accounts.people.appoint(THE_OPERATOR, account.id, post, TREE)
    begun = await house.with_password()
    assert isinstance(begun, Next)
    signing_in = house.accounts.signing_in
    both = (signing_in.choose_workplace(begun.step, workplace.id, house.arrival()) for _ in range(2))
    await house.warm()
    answers = await asyncio.gather(*both, return_exceptions=True)
    assert sorted(type(each).__name__ for each in answers) == ["Entered", "Refusal"]


async def test_a_code_lives_five_minutes_and_five_tries(house: House) -> None:
    codes = house.accounts.codes
    handle = b"h" * 32
    await codes.send(handle, TELEPHONE, now=house.time.now)
    right = house.telephone.code
    wrong = f"{(int(right) + 1) % 1_000_000:06}"
    house.time.pass_(300)
    assert not await codes.use(handle, right, now=house.time.now)
    await codes.send(handle, TELEPHONE, now=house.time.now)
    right = house.telephone.code
    wrong = f"{(int(right) + 1) % 1_000_000:06}"
    for _ in range(5):
        assert not await codes.use(handle, wrong, now=house.time.now)
    assert not await codes.use(handle, right, now=house.time.now)


async def test_a_number_gets_one_code_a_minute_and_ten_a_day(house: House) -> None:
    codes, handle = house.accounts.codes, b"h" * 32
    assert (await codes.send(handle, TELEPHONE, now=house.time.now)).is_new
    house.time.pass_(59)
    second = await codes.send(handle, TELEPHONE, now=house.time.now)
    assert (second.is_new, second.again_in_seconds) == (False, 1)
    for _ in range(9):
        house.time.pass_(60)
        assert (await codes.send(handle, TELEPHONE, now=house.time.now)).is_new
    house.time.pass_(60)
    assert (await refused(codes.send(handle, TELEPHONE, now=house.time.now))).code == "codes-used-up"
    assert len(house.telephone.sent) == 10
    house.time.pass_(86_400)
    assert (await codes.send(handle, TELEPHONE, now=house.time.now)).is_new


async def test_a_code_that_could_not_be_sent_opens_nothing_and_the_next_need_not_wait(house: House) -> None:
    house.telephone.is_broken = True
    assert (await refused(house.accounts.signing_in.send_code(TELEPHONE, house.arrival()))).code == "code-not-sent"
    house.telephone.is_broken = False
    assert (await house.accounts.signing_in.send_code(TELEPHONE, house.arrival())).is_sent


async def test_a_code_is_kept_as_a_keyed_digest_for_its_number_alone(house: House) -> None:
    await house.accounts.signing_in.send_code(TELEPHONE, house.arrival())
    (kept,) = await house.rows("select digest from one_time_code")
    keys = house.accounts.signing_in._parts.keys
    code = house.telephone.code
    assert kept[0] == keys.code(keys.handle(Kind.RESIDENT, TELEPHONE), code)
    assert kept[0] != keys.code(keys.handle(Kind.RESIDENT, "13800009999"), code)
    assert kept[0] != replace(keys, secret=b"another installation's secret...").code(
        keys.handle(Kind.RESIDENT, TELEPHONE), code
    )


async def test_a_step_is_worth_nothing_in_another_browser_at_another_stage_or_later(house: House) -> None:
    begun = await house.accounts.signing_in.send_code(TELEPHONE, house.arrival())
    signing_in, code = house.accounts.signing_in, house.telephone.code
    elsewhere = (await signing_in.send_code("13800009999", house.arrival(device=""))).device
    assert (await refused(signing_in.with_code(begun.step, code, house.arrival(device=elsewhere)))).code == "step-over"
    here = house.arrival(device=begun.device)
    assert (await refused(signing_in.with_second(begun.step, Method.TOTP, code, here))).code == "step-over"
    assert (await refused(signing_in.choose_workplace(begun.step, "w", here))).code == "step-over"
    house.time.pass_(300)
    assert (await refused(signing_in.with_code(begun.step, code, here))).code == "step-over"


async def test_a_recovery_code_opens_once(house: House) -> None:
    account, _ = await house.doctor()
    await house.authenticator(account)
    async with house.database.transaction("app") as transaction:
        codes = await house.accounts.credentials.new_recovery_codes(transaction, account.id)
    assert len(set(codes)) == 10
    for expected in ("Entered", "Refusal"):
        begun = await house.with_password()
        assert isinstance(begun, Next)
        typed = codes[0].lower().replace("-", " ")
        try:
            answer: object = await house.accounts.signing_in.with_second(
                begun.step, Method.RECOVERY, typed, house.arrival()
            )
        except Refusal as refusal:
            answer = refusal
        assert type(answer).__name__ == expected
    assert await house.accounts.credentials.recovery_codes_left(account.id) == 9
    kept = {bytes(row[0]) for row in await house.rows("select secret from credential where kind = 'recovery'")}
    assert len(kept) == 10
    assert not any(code.replace("-", "").encode() in secret for code in codes for secret in kept)


async def test_another_accounts_recovery_code_opens_nothing(house: House) -> None:
    first, _ = await house.doctor()
    second, _ = await house.doctor("H510002")
    async with house.database.transaction("app") as transaction:
        codes = await house.accounts.credentials.new_recovery_codes(transaction, first.id)
    assert not await house.accounts.credentials.use_recovery(second.id, codes[0])
    assert await house.accounts.credentials.use_recovery(first.id, codes[0])


async def test_whoever_works_in_several_places_chooses_one_of_his_own(house: House) -> None:
    account, _ = await house.doctor()
    elsewhere = await house.accounts.people.appoint(
        THE_OPERATOR, account.id, Post(organisation=OTHER, role="nurse"), TREE
    )
    _, strangers = await house.doctor("H510002")
    begun = await house.with_password()
    assert isinstance(begun, Next)
    assert begun.stage == WORKPLACE
    assert {each.organisation for each in begun.workplaces} == {HOSPITAL, OTHER}
    signing_in = house.accounts.signing_in
    stolen = signing_in.choose_workplace(begun.step, strangers.id, house.arrival())
    assert (await refused(stolen)).code == "workplace-unknown"
    entered = await signing_in.choose_workplace(begun.step, elsewhere.id, house.arrival())
    caller = (await house.look_up(entered)).caller
    assert (caller.role, caller.organisation) == ("nurse", OTHER)


async def test_whoever_works_nowhere_is_not_let_in(house: House) -> None:
    _, workplace = await house.doctor()
    await house.accounts.people.dismiss(THE_OPERATOR, workplace.id, TREE)
    assert (await refused(house.with_password())).code == "workplace-missing"


async def test_nobody_learns_that_somebody_works_nowhere_by_a_password_alone(house: House) -> None:
    account, workplace = await house.doctor()
    secret = await house.authenticator(account)
    await house.accounts.people.dismiss(THE_OPERATOR, workplace.id, TREE)
    begun = await house.with_password()
    assert isinstance(begun, Next)
    assert begun.stage == SECOND
    wrong = house.accounts.signing_in.with_second(begun.step, Method.TOTP, "000000", house.arrival())
    assert (await refused(wrong)).code == "sign-in-refused"
    right = house.accounts.signing_in.with_second(
        begun.step, Method.TOTP, code_at(secret, house.time.now), house.arrival()
    )
    assert (await refused(right)).code == "workplace-missing"


HOSTILE = [
    "",
    " ",
    "\x00",
    "H510001\x00",
    "\ud800",
    "' or '1'='1",
    "\u202eH510001",
    "é" * 5_000,
    "9" * 5_000_000,
    "%s%(x)s{}",
    "\r\nSet-Cookie: a=b",
]


@pytest.mark.parametrize("text", HOSTILE, ids=lambda each: each[:12].encode("unicode_escape").decode())
async def test_hostile_and_huge_input_is_refused_like_any_other(house: House, text: str) -> None:
    await house.doctor()
    assert (await refused(house.with_password(text, text))).code == "sign-in-refused"
    assert (await refused(house.with_password(NUMBER, text))).code == "sign-in-refused"
    assert (await refused(house.accounts.signing_in.send_code(text, house.arrival()))).code == "number-malformed"
    begun = await house.accounts.signing_in.send_code(TELEPHONE, house.arrival(device=text, agent=text, address=text))
    arrived = house.arrival(device=begun.device, agent=text, address=text)
    signing_in = house.accounts.signing_in
    assert (await refused(signing_in.with_code(begun.step, text, arrived))).code == "sign-in-refused"
    assert (await refused(signing_in.with_code(text, house.telephone.code, arrived))).code == "step-over"
    assert (await refused(house.accounts.sessions.look_up(text, text))).code == "session-over"
    waits = await signing_in.with_code(begun.step, house.telephone.code, arrived)
    assert isinstance(waits, Next)
    assert (await refused(house.accounts.whose.begin_anew(text, arrived))).code == "step-over"
    entered = await house.accounts.whose.begin_anew(waits.step, arrived)
    assert len((await house.accounts.sessions.sessions_of(entered.signed_in.account.id))[0].agent) <= 200


async def test_each_success_and_each_refusal_leaves_an_event_without_a_number_or_name(house: House) -> None:
    account, _ = await house.doctor()
    secret = await house.authenticator(account)
    await refused(house.with_password(password="not the right one"))
    await refused(house.with_password("H999999"))
    entered = await house.with_both(secret)
    await house.accounts.signing_in.sign_out(entered.signed_in)
    await house.with_code()
    events = await house.events()
    assert [(interaction, outcome) for interaction, outcome, *_ in events] == [
        ("join", "success"),
        ("sign-in", "sign-in-refused"),
        ("sign-in", "sign-in-refused"),
        ("sign-in-step", "success"),
        ("sign-in", "success"),
        ("sign-out", "success"),
        ("send-code", "success"),
        ("sign-in-step", "success"),
        ("join", "success"),
        ("sign-in", "success"),
    ]
    assert [caller for _, _, caller, *_ in events[1:5]] == [account.id, "nobody", account.id, account.id]
    assert events[4][3] == entered.signed_in.session
    said = " ".join(map(str, events))
    for hidden in (NUMBER, "H999999", TELEPHONE, "An Demo", PASSWORD, house.sent_by, house.telephone.code):
        assert hidden not in said
