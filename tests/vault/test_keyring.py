"""The keyring: who learns of which key when, and that no key seals more often than it may."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.made_up_keys import made_up_keys

from tianfu.kernel.refusal import Refusal
from tianfu.vault import keyring
from tianfu.vault.ciphers import SEALINGS_MAX
from tianfu.vault.keyring import RESERVED_AT_ONCE, SEALINGS_BEFORE_NEW_KEY, Keyring, KeyUse, WrappedKey

KEYS = made_up_keys(b"k" * 32)


class Shelf:
    """Wrapped keys in memory, for several keyrings."""

    def __init__(self) -> None:
        self.keys: dict[int, WrappedKey] = {}
        self.reserved: dict[int, int] = {}
        self.looks = 0
        self._lock = threading.Lock()

    def wrapped(self) -> Sequence[WrappedKey]:
        self.looks += 1
        return list(self.keys.values())

    def add(self, use: KeyUse, cipher: str, wrap: Callable[[int], bytes], *, instead_of: int | None) -> None:
        with self._lock:
            now = next((n for n, key in self.keys.items() if key.use == use and key.state == "current"), None)
            if now != instead_of:
                return
            if now is not None:
                self.keys[now] = self._in_state(now, "old")
            number = len(self.keys) + 1
            self.keys[number] = WrappedKey(number=number, use=use, cipher=cipher, wrapped=wrap(number), state="current")
            self.reserved[number] = 0

    def _in_state(self, number: int, state: keyring.KeyState) -> WrappedKey:
        key = self.keys[number]
        return WrappedKey(number=number, use=key.use, cipher=key.cipher, wrapped=key.wrapped, state=state)

    def reserve(self, number: int, sealings: int, *, within: int) -> int | None:
        with self._lock:
            if self.reserved[number] + sealings > within:
                return None
            self.reserved[number] += sealings
            return self.reserved[number]


def test_all_processes_have_the_same_keys() -> None:
    shelf = Shelf()
    one, other = Keyring.open(KEYS, shelf), Keyring.open(KEYS, shelf)
    number, cipher = one.sealing(1)
    assert one.index_secret == other.index_secret
    assert other.opening(number).open(cipher.seal(b"a", b"b"), b"b") == b"a"
    assert len(shelf.keys) == 2


def test_another_master_key_opens_nothing() -> None:
    shelf = Shelf()
    Keyring.open(KEYS, shelf)
    with pytest.raises(Refusal, match="key-not-unwrapped"):
        Keyring.open(made_up_keys(b"o" * 32), shelf)


def test_a_wrapped_key_in_anothers_place_is_refused() -> None:
    shelf = Shelf()
    ring = Keyring.open(KEYS, shelf)
    ring.begin_new_key()
    numbers = [number for number, key in shelf.keys.items() if key.use == "fields"]
    one, other = (shelf.keys[number] for number in numbers)
    shelf.keys[one.number] = WrappedKey(
        number=one.number, use="fields", cipher=one.cipher, wrapped=other.wrapped, state="old"
    )
    with pytest.raises(Refusal, match="key-not-unwrapped"):
        Keyring.open(KEYS, shelf)


def test_a_process_learns_of_a_key_when_it_meets_its_number() -> None:
    shelf = Shelf()
    old, new = Keyring.open(KEYS, shelf), Keyring.open(KEYS, shelf)
    number = new.begin_new_key()
    sealed = new.sealing(1)[1].seal(b"a", b"b")
    assert old.current != number
    assert old.opening(number).open(sealed, b"b") == b"a"
    assert old.current == number


def test_a_number_that_nobody_made_is_refused_and_seldom_looked_for() -> None:
    shelf = Shelf()
    ring = Keyring.open(KEYS, shelf)
    before = shelf.looks
    for _ in range(100):
        with pytest.raises(Refusal, match="key-unknown"):
            ring.opening(77)
    assert shelf.looks - before <= 1


def test_a_retired_key_opens_nothing_any_more() -> None:
    shelf = Shelf()
    ring = Keyring.open(KEYS, shelf)
    first = ring.current
    ring.begin_new_key()
    shelf.keys[first] = WrappedKey(number=first, use="fields", cipher="sm4", wrapped=b"", state="retired")
    with pytest.raises(Refusal, match="key-unknown"):
        Keyring.open(KEYS, shelf).opening(first)


@given(st.lists(st.integers(1, 3_000_000), max_size=30), st.integers(1, 3))
def test_every_sealing_is_counted_before_it_is_done(wishes: list[int], processes: int) -> None:
    shelf = Shelf()
    rings = [Keyring.open(KEYS, shelf) for _ in range(processes)]
    done: dict[int, int] = {}
    for place, wish in enumerate(wishes):
        number, _ = rings[place % processes].sealing(wish)
        done[number] = done.get(number, 0) + wish
    for number, sealings in done.items():
        assert (
            sealings
            <= shelf.reserved[number]
            <= sealings + processes * RESERVED_AT_ONCE + len(wishes) * RESERVED_AT_ONCE
        )


def test_a_new_key_begins_by_itself_long_before_the_limit() -> None:
    shelf = Shelf()
    ring = Keyring.open(KEYS, shelf)
    first = ring.current
    shelf.reserved[first] = SEALINGS_BEFORE_NEW_KEY - 1
    number, _ = ring.sealing(1)
    assert number != first
    assert shelf.keys[first].state == "old"
    assert ring.opening(first)


def test_no_key_seals_beyond_its_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    shelf = Shelf()
    ring = Keyring.open(KEYS, shelf)
    # Nobody can make a new key: the one that provides them is not there.
    monkeypatch.setattr(shelf, "add", lambda *_, **__: None)
    shelf.reserved[ring.current] = SEALINGS_MAX
    with pytest.raises(Refusal, match="key-used-up"):
        ring.sealing(1)


def test_the_setting_chooses_the_cipher_of_new_keys_and_old_ones_still_open() -> None:
    shelf = Shelf()
    first = Keyring.open(KEYS, shelf)
    number, cipher = first.sealing(1)
    sealed = cipher.seal(b"a", b"b")
    other = Keyring.open(made_up_keys(b"k" * 32, "aes"), shelf)
    newer = other.begin_new_key()
    assert [shelf.keys[each].cipher for each in (number, newer)] == ["sm4", "aes"]
    assert other.opening(number).open(sealed, b"b") == b"a"
    assert other.sealing(1)[0] == newer
