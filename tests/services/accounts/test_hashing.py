"""Passwords at their real cost: it is OWASP's, memory stays bounded, and old digests are made anew."""

from __future__ import annotations

import asyncio
import threading

import pytest
from argon2 import Parameters, PasswordHasher, extract_parameters
from argon2.low_level import Type, hash_secret_raw
from argon2.profiles import RFC_9106_LOW_MEMORY

from tests.services.accounts.conftest import CHEAP, House
from tianfu.kernel.refusal import Refusal
from tianfu.services.accounts.argon2id import Argon2id
from tianfu.services.accounts.hashing import RECOMMENDED, Passwords
from tianfu.services.accounts.model.passwords import LENGTH_MAX

pytestmark = pytest.mark.anyio


async def test_the_cost_is_the_first_that_owasp_recommends() -> None:
    passwords = Passwords()
    digest = await passwords.digest("lotus pond at dusk 7")
    assert digest.startswith(b"$argon2id$v=19$m=47104,t=1,p=1$")
    assert (await passwords.compare(digest, "lotus pond at dusk 7")).is_right
    assert not (await passwords.compare(digest, "lotus pond at dusk 8")).is_right
    nobodys = extract_parameters(passwords._nobodys)
    assert nobodys == extract_parameters(digest.decode())
    passwords.close()


@pytest.mark.parametrize("cost", [RECOMMENDED, RFC_9106_LOW_MEMORY, CHEAP], ids=["owasp", "rfc-9106", "cheap"])
def test_digests_are_those_of_the_library(cost: Parameters) -> None:
    ours, theirs = Argon2id(cost), PasswordHasher.from_parameters(cost)
    for password in (b"", b"lotus pond at dusk 7", "荷塘".encode() * 40):
        assert theirs.verify(ours.digest(password), password)
        digest = theirs.hash(password)
        assert ours.is_right(digest, password)
        assert not ours.is_right(digest, password + b" ")
        assert not ours.is_outdated(digest)


def test_lanes_come_out_the_same_whoever_computes_them() -> None:
    """Four lanes by one thread are the same digest as by four: the reference library says so."""
    cost = Parameters(type=Type.ID, version=19, salt_len=16, hash_len=32, time_cost=3, memory_cost=64, parallelism=4)
    salt = b"somesaltsomesalt"
    ours = Argon2id(cost)._raw(b"password", salt)
    assert ours == hash_secret_raw(b"password", salt, 3, 64, 4, 32, Type.ID)


async def test_a_digest_of_more_memory_than_is_kept_is_still_compared() -> None:
    passwords = Passwords(CHEAP)
    dear = PasswordHasher.from_parameters(RFC_9106_LOW_MEMORY).hash("lotus").encode()
    compared = await passwords.compare(dear, "lotus")
    assert (compared.is_right, compared.is_outdated) == (True, True)
    assert not (await passwords.compare(dear, "lotos")).is_right
    passwords.close()


async def test_few_hashes_run_at_once_and_whoever_comes_behind_many_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    running, most, lock, may_end = 0, 0, threading.Lock(), threading.Event()

    def verify(_: Argon2id, digest: str, password: bytes) -> bool:
        nonlocal running, most
        with lock:
            running, most = running + 1, max(most, running + 1)
        may_end.wait(10)
        with lock:
            running -= 1
        return True

    monkeypatch.setattr(Argon2id, "is_right", verify)
    passwords = Passwords(CHEAP, at_once=2, waiting_max=3)
    digest = await passwords.digest("x")
    asked = [asyncio.create_task(passwords.compare(digest, "x")) for _ in range(5)]
    await asyncio.sleep(0.1)
    with pytest.raises(Refusal, match="sign-in-busy"):
        await passwords.compare(digest, "x")
    may_end.set()
    await asyncio.gather(*asked)
    assert most == 2
    await asyncio.sleep(0)
    assert (await passwords.compare(digest, "x")).is_right
    passwords.close()


async def test_a_hash_that_nobody_waits_for_any_more_gives_its_place_back() -> None:
    passwords = Passwords(CHEAP, at_once=1, waiting_max=0)
    for _ in range(5):
        task = asyncio.create_task(passwords.digest("x"))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await asyncio.sleep(0.05)
    assert await passwords.digest("x")
    passwords.close()


async def test_a_digest_of_another_cost_is_made_anew_when_the_password_is_shown(house: House) -> None:
    account, _ = await house.doctor()
    dear = Passwords(type(CHEAP)(**{**_members(CHEAP), "time_cost": 2}))
    house.accounts.credentials._passwords = dear
    assert not await house.accounts.credentials.password_is(account.id, "not the right one")
    (before,) = await house.rows("select secret from credential")
    assert await house.accounts.credentials.password_is(account.id, "lotus pond at dusk 7")
    (after,) = await house.rows("select secret from credential")
    assert (b"t=1" in before[0], b"t=2" in after[0]) == (True, True)
    assert await house.accounts.credentials.password_is(account.id, "lotus pond at dusk 7")
    dear.close()


async def test_a_damaged_digest_is_nobodys_password() -> None:
    passwords = Passwords(CHEAP)
    for digest in (b"", b"x", b"$argon2id$v=19$m=64,t=1,p=1$AAAA$AAAA", b"lotus"):
        assert not (await passwords.compare(digest, "lotus")).is_right
    passwords.close()


async def test_only_the_whole_password_is_right_and_what_is_longer_than_any_is_wrong() -> None:
    passwords = Passwords(CHEAP)
    longest = "q" * LENGTH_MAX
    digest = await passwords.digest(longest)
    assert (await passwords.compare(digest, longest)).is_right
    assert not (await passwords.compare(digest, longest + "q")).is_right
    assert not (await passwords.compare(digest, longest[:-1])).is_right
    assert not (await passwords.compare(digest, "q" * 10_000_000)).is_right
    passwords.close()


def _members(cost: object) -> dict[str, object]:
    return {
        name: getattr(cost, name)
        for name in ("type", "version", "salt_len", "hash_len", "time_cost", "memory_cost", "parallelism")
    }
