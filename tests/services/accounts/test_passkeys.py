"""Passkeys against the real database, shown by a device in software: who gets in, and every attack that must not."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from tests.services.accounts.conftest import HOSPITAL, TELEPHONE, TREE, House
from tests.services.accounts.software_key import BACKED_UP, HOST, PRESENT, VERIFIED, SoftwareKey, text
from tests.services.accounts.test_passkey_answers import GARBAGE, UNFIT
from tianfu.kernel.refusal import Refusal
from tianfu.services.accounts.credentials import PASSKEYS_MAX
from tianfu.services.accounts.model.people import Kind, Method, SignedIn
from tianfu.services.accounts.sessions import new_secret
from tianfu.services.accounts.signing_in import WORKPLACE, Entered, Next
from tianfu.services.accounts.steps import LIFE_SECONDS
from tianfu.services.accounts.store import THE_OPERATOR, Post
from tianfu.services.accounts.totp import code_at

pytestmark = pytest.mark.anyio


async def refused(work: Any) -> Refusal:
    with pytest.raises(Refusal) as caught:
        await work
    return caught.value


async def set_up(house: House, entered: Entered, key: SoftwareKey, **lies: Any) -> tuple[Entered, tuple[str, ...]]:
    """Set a passkey up, as the browser of this session does."""
    passkeys, signed_in = house.accounts.passkeys, await house.look_up(entered)
    begun = await passkeys.begin_set_up(signed_in, house.arrival())
    return await passkeys.set_up(signed_in, begun.step, key.make(begun.options, **lies), "My key", house.arrival())


async def resident_with_key(house: House) -> tuple[Entered, SoftwareKey]:
    key = SoftwareKey()
    entered, _ = await set_up(house, await house.with_code(), key)
    return entered, key


async def doctor_with_key(house: House) -> tuple[Entered, SoftwareKey]:
    await house.doctor()
    begun = await house.with_password()
    assert isinstance(begun, Entered)
    key = SoftwareKey()
    entered, _ = await set_up(house, begun, key)
    return entered, key


async def show(house: House, key: SoftwareKey, **lies: Any) -> Next | Entered:
    """Sign in by passkey."""
    begun = await house.accounts.passkeys.begin_sign_in(house.arrival())
    house.device = begun.device
    return await house.accounts.passkeys.sign_in(begun.step, key.show(begun.options, **lies), house.arrival())


async def reason(house: House) -> tuple[str, str, str]:
    """Interaction, outcome and reason of the trail's last event."""
    interaction, outcome, _, _, query = (await house.events())[-1]
    told = dict(each.split("=", 1) for each in query.split("&"))
    return interaction, outcome, told["reason"]


async def test_a_resident_sets_up_a_passkey_and_signs_in_by_it_alone(house: House) -> None:
    entered, key = await resident_with_key(house)
    assert entered.signed_in.methods == {Method.TELEPHONE, Method.PASSKEY}
    again = await show(house, key)
    assert isinstance(again, Entered)
    signed_in = await house.look_up(again)
    assert signed_in.account.id == entered.signed_in.account.id
    assert signed_in.methods == {Method.PASSKEY}


async def test_staff_set_up_a_passkey_as_their_second_factor_and_get_a_whole_session(house: House) -> None:
    await house.doctor()
    begun = await house.with_password()
    assert isinstance(begun, Entered)
    assert (await house.look_up(begun)).needs_second_factor
    entered, codes = await set_up(house, begun, SoftwareKey())
    assert len(codes) == 10
    assert not (await house.look_up(entered)).needs_second_factor
    assert (await refused(house.look_up(begun))).code == "session-over"
    assert entered.secret != begun.secret


async def test_an_office_signs_in_by_passkey_with_nothing_else(house: House) -> None:
    await house.doctor(role="security")
    begun = await house.with_password()
    assert isinstance(begun, Entered)
    key = SoftwareKey()
    await set_up(house, begun, key)
    entered = await show(house, key)
    assert isinstance(entered, Entered)
    signed_in = await house.look_up(entered)
    assert (signed_in.caller.role, signed_in.needs_second_factor) == ("security", False)


async def test_whoever_works_in_two_places_chooses_after_the_passkey(house: House) -> None:
    entered, key = await doctor_with_key(house)
    post = Post(organisation=HOSPITAL, role="nurse")
    await house.accounts.people.appoint(THE_OPERATOR, entered.signed_in.account.id, post, TREE)
    begun = await show(house, key)
    assert isinstance(begun, Next)
    assert (begun.stage, len(begun.workplaces)) == (WORKPLACE, 2)
    chosen = begun.workplaces[1].id
    assert await house.accounts.signing_in.choose_workplace(begun.step, chosen, house.arrival())


async def test_a_passkey_opens_a_handle_that_guesses_closed(house: House) -> None:
    _, key = await doctor_with_key(house)
    for _ in range(6):
        await refused(house.with_password(password="not the right one", address="198.51.100.9"))
    assert (await refused(house.with_password(address="198.51.100.10"))).code == "sign-in-closed"
    assert isinstance(await show(house, key), Entered)


async def test_a_device_that_does_not_count_gets_in_again_and_again(house: House) -> None:
    _, key = await resident_with_key(house)
    key.counts = False
    assert isinstance(await show(house, key), Entered)
    assert isinstance(await show(house, key), Entered)


# What the browser is asked


async def test_a_new_passkey_is_asked_to_know_its_owner_and_to_be_kept_and_nothing_is_told_about_him(
    house: House,
) -> None:
    entered = await house.with_code()
    signed_in = await house.look_up(entered)
    asked = json.loads((await house.accounts.passkeys.begin_set_up(signed_in, house.arrival())).options)
    assert asked["rp"] == {"id": HOST, "name": "Tianfu Demo"}
    assert asked["authenticatorSelection"] == {
        "residentKey": "required",
        "requireResidentKey": True,
        "userVerification": "required",
    }
    assert asked["attestation"] == "none"
    assert TELEPHONE not in json.dumps(asked)
    assert asked["user"]["name"] == "138****1234"


async def test_a_device_is_told_which_passkeys_there_are_already(house: House) -> None:
    entered, key = await resident_with_key(house)
    begun = await house.accounts.passkeys.begin_set_up(await house.look_up(entered), house.arrival())
    assert [each["id"] for each in json.loads(begun.options)["excludeCredentials"]] == [text(key.key_id)]


async def test_signing_in_names_nobody_beforehand(house: House) -> None:
    await resident_with_key(house)
    asked = json.loads((await house.accounts.passkeys.begin_sign_in(house.arrival())).options)
    assert asked["allowCredentials"] == []
    assert asked["userVerification"] == "required"
    assert asked["rpId"] == HOST


async def test_no_challenge_comes_twice(house: House) -> None:
    begun = [await house.accounts.passkeys.begin_sign_in(house.arrival()) for _ in range(5)]
    assert len({json.loads(each.options)["challenge"] for each in begun}) == 5


# Attacks on signing in: one refusal to the person, the reason to the trail

LIES: dict[str, tuple[dict[str, Any], str]] = {
    "another site's page": ({"origin": "https://tianfu.example.evil.example"}, "wrong-origin"),
    "our name without TLS": ({"origin": "http://tianfu.example"}, "wrong-origin"),
    "another port": ({"origin": "https://tianfu.example:8443"}, "wrong-origin"),
    "a frame in another site": ({"crossOrigin": True}, "framed"),
    "a page above it": ({"topOrigin": "https://evil.example"}, "framed"),
    "another relying party": ({"host": "evil.example"}, "wrong-party"),
    "nobody looked whose finger it is": ({"flags": PRESENT}, "not-verified"),
    "nobody was there": ({"flags": VERIFIED}, "not-verified"),
    "a challenge of its own": ({"challenge": text(b"x" * 32)}, "wrong-challenge"),
    "an answer to another act": ({"type": "webauthn.create"}, "wrong-ceremony"),
    "another's user handle": ({"user": text(b"somebody else")}, "wrong-user"),
    "no user handle": ({"user": None}, "wrong-user"),
    "a wrong signature": ({"signature": b"\x30\x06\x02\x01\x01\x02\x01\x01"}, "not-genuine"),
    "no signature": ({"signature": b""}, "not-genuine"),
    "backed up although it cannot be": ({"flags": PRESENT | VERIFIED | BACKED_UP}, "not-genuine"),
    "a passkey that nobody has": ({"key_id": b"u" * 32}, "unknown"),
    "another passkey's number beside it": ({"answer": {"id": text(b"v" * 32)}}, "malformed"),
    "authenticator data cut short": ({"told_instead": b"\x00" * 36}, "malformed"),
    "bytes after the end": ({"told_instead": b"\x00" * 33 + b"\x00\x00\x00\x09\x00"}, "malformed"),
}


async def test_every_lie_gets_one_refusal_and_only_the_trail_knows_why(house: House) -> None:
    _, key = await resident_with_key(house)
    told, whys = set(), {}
    for lie, (lies, _) in LIES.items():
        house.sent_by = f"address of {lie}"  # so that none is refused for the others
        refusal = await refused(show(house, key, **lies))
        told.add((refusal.code, refusal.next_step, refusal.kept, str(refusal)))
        whys[lie] = await reason(house)
        assert isinstance(await show(house, key), Entered), lie  # the same device without the lie gets in
    assert told == {("passkey-refused", "start-again", "nothing-changed", "passkey-refused")}
    assert whys == {lie: ("sign-in", "passkey-refused", why) for lie, (_, why) in LIES.items()}


async def test_a_count_that_does_not_grow_is_refused_and_told_with_whose_passkey_it_is(house: House) -> None:
    entered, key = await resident_with_key(house)
    assert isinstance(await show(house, key, count=7), Entered)
    for count in (7, 3, 0):
        assert (await refused(show(house, key, count=count))).code == "passkey-refused"
        assert await reason(house) == ("sign-in", "passkey-refused", "count-not-grown")
        assert (await house.events())[-1][2] == entered.signed_in.account.id
    assert isinstance(await show(house, key, count=8), Entered)


async def test_who_cannot_sign_makes_nobody_believe_that_a_key_was_copied(house: House) -> None:
    _, key = await resident_with_key(house)
    assert isinstance(await show(house, key, count=7), Entered)
    await refused(show(house, key, count=3, signature=b"\x30\x06\x02\x01\x01\x02\x01\x01"))
    assert await reason(house) == ("sign-in", "passkey-refused", "not-genuine")


async def test_two_devices_with_one_key_at_one_moment_get_in_once(house: House) -> None:
    _, key = await resident_with_key(house)
    passkeys = house.accounts.passkeys
    begun = [await passkeys.begin_sign_in(house.arrival()) for _ in range(4)]
    answers = [key.show(each.options, count=5) for each in begun]
    await house.warm()
    shown = [passkeys.sign_in(each.step, answer, house.arrival()) for each, answer in zip(begun, answers, strict=True)]
    results = await asyncio.gather(*shown, return_exceptions=True)
    assert sorted(type(each).__name__ for each in results) == ["Entered", "Refusal", "Refusal", "Refusal"]


async def test_an_answer_is_worth_nothing_a_second_time(house: House) -> None:
    _, key = await resident_with_key(house)
    key.counts = False  # so that the challenge alone stands against it
    passkeys = house.accounts.passkeys
    begun = await passkeys.begin_sign_in(house.arrival())
    answer = key.show(begun.options)
    assert isinstance(await passkeys.sign_in(begun.step, answer, house.arrival()), Entered)
    assert (await refused(passkeys.sign_in(begun.step, answer, house.arrival()))).code == "passkey-refused"
    assert (await reason(house))[2] == "no-challenge"
    other = await passkeys.begin_sign_in(house.arrival())
    assert (await refused(passkeys.sign_in(other.step, answer, house.arrival()))).code == "passkey-refused"
    assert (await reason(house))[2] == "wrong-challenge"


async def test_of_many_who_bring_one_answer_at_one_moment_one_gets_in(house: House) -> None:
    _, key = await resident_with_key(house)
    key.counts = False
    passkeys = house.accounts.passkeys
    begun = await passkeys.begin_sign_in(house.arrival())
    answer = key.show(begun.options)
    await house.warm()
    results = await asyncio.gather(
        *(passkeys.sign_in(begun.step, answer, house.arrival()) for _ in range(6)), return_exceptions=True
    )
    assert [type(each).__name__ for each in results].count("Entered") == 1


async def test_a_challenge_that_was_answered_wrongly_is_gone(house: House) -> None:
    _, key = await resident_with_key(house)
    passkeys = house.accounts.passkeys
    begun = await passkeys.begin_sign_in(house.arrival())
    await refused(passkeys.sign_in(begun.step, "{}", house.arrival()))
    assert (await refused(passkeys.sign_in(begun.step, key.show(begun.options), house.arrival()))).code == (
        "passkey-refused"
    )
    assert (await reason(house))[2] == "no-challenge"


async def test_a_challenge_of_another_browser_is_none(house: House) -> None:
    _, key = await resident_with_key(house)
    passkeys = house.accounts.passkeys
    begun = await passkeys.begin_sign_in(house.arrival())
    answer = key.show(begun.options)
    for device in (new_secret(), "", "x"):
        refusal = await refused(passkeys.sign_in(begun.step, answer, house.arrival(device=device)))
        assert refusal.code == "passkey-refused"
        assert (await reason(house))[2] == "no-challenge"
    assert isinstance(await passkeys.sign_in(begun.step, answer, house.arrival()), Entered)


async def test_a_challenge_lives_five_minutes(house: House) -> None:
    _, key = await resident_with_key(house)
    passkeys = house.accounts.passkeys
    begun = await passkeys.begin_sign_in(house.arrival())
    house.time.pass_(LIFE_SECONDS)
    refusal = await refused(passkeys.sign_in(begun.step, key.show(begun.options), house.arrival()))
    assert refusal.code == "passkey-refused"


async def test_a_step_of_another_way_in_is_no_challenge(house: House) -> None:
    _, key = await resident_with_key(house)
    begun = await house.accounts.signing_in.send_code("13900005678", house.arrival())
    asked = await house.accounts.passkeys.begin_sign_in(house.arrival())
    answer = key.show(asked.options)
    assert (await refused(house.accounts.passkeys.sign_in(begun.step, answer, house.arrival()))).code == (
        "passkey-refused"
    )


async def test_somebody_who_left_is_refused_as_a_stranger_even_if_his_passkey_stood(house: House) -> None:
    entered, key = await doctor_with_key(house)
    account = entered.signed_in.account.id
    await house.accounts.people.leave(THE_OPERATOR, account, TREE)
    assert (await refused(show(house, key))).code == "passkey-refused"
    assert (await reason(house))[2] == "unknown"
    await house.rows("update credential set ended_at = null where kind = 'passkey' returning 1")
    assert (await refused(show(house, key))).code == "passkey-refused"


async def test_a_passkey_that_was_taken_away_opens_nothing(house: House) -> None:
    entered, key = await resident_with_key(house)
    [credential] = await house.accounts.credentials.listed(entered.signed_in.account.id)
    await house.accounts.enrolling.end_credential(await house.look_up(entered), credential.credential)
    assert (await refused(show(house, key))).code == "passkey-refused"


async def test_thirty_wrong_passkeys_close_their_address_and_no_other(house: House) -> None:
    _, key = await resident_with_key(house)
    for _ in range(30):
        await refused(show(house, SoftwareKey(user=b"x")))
    assert (await refused(show(house, key))).code == "sign-in-closed"
    house.sent_by = "198.51.100.9"
    assert isinstance(await show(house, key), Entered)


async def test_a_refusal_leaves_no_number_or_address_in_the_trail(house: House) -> None:
    _, key = await resident_with_key(house)
    await refused(show(house, key, origin="https://evil.example"))
    told = json.dumps(await house.events())
    assert TELEPHONE not in told
    assert house.sent_by not in told
    assert "evil.example" not in told


# What is no answer at all


async def test_what_is_no_answer_is_refused_when_signing_in(house: House) -> None:
    _, key = await resident_with_key(house)
    for kind, spoilt in GARBAGE.items():
        house.sent_by = f"address of {kind}"
        begun = await house.accounts.passkeys.begin_sign_in(house.arrival())
        house.device = begun.device
        answer = spoilt(key.show(begun.options))
        refusal = await refused(house.accounts.passkeys.sign_in(begun.step, answer, house.arrival()))
        assert refusal.code == "passkey-refused", kind
        assert (await reason(house))[2] in {"malformed", "too-long"}, kind


async def test_what_is_no_answer_sets_nothing_up(house: House) -> None:
    signed_in = await house.look_up(await house.with_code())
    for kind, spoilt in GARBAGE.items():
        begun = await house.accounts.passkeys.begin_set_up(signed_in, house.arrival())
        answer = spoilt(SoftwareKey().make(begun.options))
        refusal = await refused(house.accounts.passkeys.set_up(signed_in, begun.step, answer, "", house.arrival()))
        assert refusal.code == "passkey-not-set-up", kind
        assert (await reason(house))[2] in {"malformed", "too-long"}, kind
    assert await house.accounts.credentials.listed(signed_in.account.id) == []


# Attacks on setting up


async def test_a_passkey_that_is_unfit_is_not_kept_and_the_trail_knows_why(house: House) -> None:
    entered, whys = await house.with_code(), {}
    for lie, (lies, _) in UNFIT.items():
        assert (await refused(set_up(house, entered, SoftwareKey(), **lies))).code == "passkey-not-set-up", lie
        whys[lie] = await reason(house)
    assert whys == {lie: ("change-credentials", "passkey-not-set-up", why) for lie, (_, why) in UNFIT.items()}
    assert await house.accounts.credentials.listed(entered.signed_in.account.id) == []


async def test_setting_up_needs_a_fresh_proof_when_it_begins_and_when_it_ends(house: House) -> None:
    signed_in = await house.look_up(await house.with_code())
    house.time.pass_(200)
    begun = await house.accounts.passkeys.begin_set_up(signed_in, house.arrival())
    house.time.pass_(101)
    answer = SoftwareKey().make(begun.options)
    work = house.accounts.passkeys.set_up(signed_in, begun.step, answer, "", house.arrival())
    assert (await refused(work)).code == "proof-too-old"
    assert (await refused(house.accounts.passkeys.begin_set_up(signed_in, house.arrival()))).code == "proof-too-old"


async def test_a_challenge_of_another_session_sets_nothing_up(house: House) -> None:
    mine = await house.look_up(await house.with_code())
    begun = await house.accounts.passkeys.begin_set_up(mine, house.arrival())
    house.time.pass_(60)
    again = await house.look_up(await house.with_code())
    answer = SoftwareKey().make(begun.options)
    work = house.accounts.passkeys.set_up(again, begun.step, answer, "", house.arrival())
    assert (await refused(work)).code == "passkey-not-set-up"
    assert (await reason(house))[2] == "of-another-session"


async def test_a_victim_cannot_be_made_to_keep_a_strangers_passkey(house: House) -> None:
    attacker = await house.look_up(await house.with_code("13900005678"))
    begun = await house.accounts.passkeys.begin_set_up(attacker, house.arrival())
    answer = SoftwareKey().make(begun.options)
    house.device = ""
    victim = await house.look_up(await house.with_code())
    work = house.accounts.passkeys.set_up(victim, begun.step, answer, "", house.arrival())
    assert (await refused(work)).code == "passkey-not-set-up"


async def test_one_passkey_is_kept_for_one_person_once(house: House) -> None:
    entered, key = await resident_with_key(house)
    assert (await refused(set_up(house, entered, key))).code == "passkey-known"
    house.device = ""
    other = await house.with_code("13900005678")
    assert (await refused(set_up(house, other, key))).code == "passkey-known"


async def test_nobody_keeps_more_passkeys_than_the_limit_and_no_device_is_asked_in_vain(house: House) -> None:
    entered, _ = await resident_with_key(house)
    for _ in range(PASSKEYS_MAX - 1):
        entered, _ = await set_up(house, entered, SoftwareKey())
    work = house.accounts.passkeys.begin_set_up(await house.look_up(entered), house.arrival())
    assert (await refused(work)).code == "too-many-credentials"


async def test_setting_up_leaves_its_event_and_residents_get_no_recovery_codes(house: House) -> None:
    entered = await house.with_code()
    _, codes = await set_up(house, entered, SoftwareKey())
    assert codes == ()
    assert ("change-credentials", "success", "added=passkey") in [
        (interaction, outcome, query) for interaction, outcome, _, _, query in await house.events()
    ]


async def test_staff_who_have_recovery_codes_keep_them(house: House) -> None:
    entered, _ = await doctor_with_key(house)
    _, codes = await set_up(house, entered, SoftwareKey())
    assert codes == ()
    assert await house.accounts.credentials.recovery_codes_left(entered.signed_in.account.id) == 10


async def test_a_passkey_by_which_staff_have_a_second_factor_is_asked_for_besides_the_password(house: House) -> None:
    await doctor_with_key(house)
    begun = await house.with_password()
    assert isinstance(begun, Next)


# Proving again


async def prove(house: House, signed_in: SignedIn, key: SoftwareKey, **lies: Any) -> SignedIn:
    begun = await house.accounts.passkeys.begin_proof(signed_in, house.arrival())
    return await house.accounts.passkeys.prove(signed_in, begun.step, key.show(begun.options, **lies), house.arrival())


async def test_a_passkey_proves_again_who_somebody_is(house: House) -> None:
    entered, key = await doctor_with_key(house)
    house.time.pass_(600)
    signed_in = await house.look_up(entered)
    assert (await refused(house.accounts.enrolling.change_password(signed_in, "lotus pond at dawn 8"))).code == (
        "proof-too-old"
    )
    proved = await prove(house, signed_in, key)
    assert proved.proved_at == house.time.now
    await house.accounts.enrolling.change_password(await house.look_up(entered), "lotus pond at dawn 8")


async def test_proving_again_names_ones_own_passkeys_and_takes_one_that_does_not_name_its_owner(house: House) -> None:
    entered, key = await doctor_with_key(house)
    signed_in = await house.look_up(entered)
    begun = await house.accounts.passkeys.begin_proof(signed_in, house.arrival())
    assert [each["id"] for each in json.loads(begun.options)["allowCredentials"]] == [text(key.key_id)]
    answer = key.show(begun.options, user=None)
    assert await house.accounts.passkeys.prove(signed_in, begun.step, answer, house.arrival())


async def test_anothers_passkey_proves_nothing(house: House) -> None:
    _, others = await resident_with_key(house)
    house.device = ""
    entered, _ = await doctor_with_key(house)
    house.time.pass_(600)
    signed_in = await house.look_up(entered)
    assert (await refused(prove(house, signed_in, others))).code == "passkey-refused"
    assert await reason(house) == ("step-up", "passkey-refused", "wrong-user")
    assert (await house.look_up(entered)).proved_at == signed_in.proved_at


async def test_a_challenge_for_signing_in_does_not_prove_again_nor_the_other_way_round(house: House) -> None:
    entered, key = await doctor_with_key(house)
    signed_in, passkeys = await house.look_up(entered), house.accounts.passkeys
    begun = await passkeys.begin_sign_in(house.arrival())
    work = passkeys.prove(signed_in, begun.step, key.show(begun.options), house.arrival())
    assert (await refused(work)).code == "passkey-refused"
    asked = await passkeys.begin_proof(signed_in, house.arrival())
    answer = key.show(asked.options)
    assert (await refused(passkeys.sign_in(asked.step, answer, house.arrival()))).code == "passkey-refused"


async def test_whoever_has_no_passkey_is_not_asked_for_one(house: House) -> None:
    signed_in = await house.look_up(await house.with_code())
    assert (await refused(house.accounts.passkeys.begin_proof(signed_in, house.arrival()))).code == "method-not-yours"


async def test_the_authenticator_still_proves_beside_a_passkey(house: House) -> None:
    entered, _ = await doctor_with_key(house)
    account = entered.signed_in.account
    assert account.kind is Kind.STAFF
    secret = await house.authenticator(account)
    code = code_at(secret, house.time.now)
    assert await house.accounts.signing_in.step_up(await house.look_up(entered), Method.TOTP, code, house.arrival())
