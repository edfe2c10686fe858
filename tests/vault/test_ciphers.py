"""Sealing: what comes out opens for its own place alone, and no nonce comes twice."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from hypothesis import given
from hypothesis import strategies as st

from tianfu.vault.ciphers import CIPHER_NAMES, NONCE_BYTES, CipherName, NotAuthentic, cipher_of, new_key

SEALINGS = 20_000
ciphers = st.sampled_from(CIPHER_NAMES)


def test_sm4_gcm_gives_the_answer_of_rfc_8998() -> None:
    """https://www.rfc-editor.org/rfc/rfc8998#appendix-A.1"""
    key = bytes.fromhex("0123456789abcdeffedcba9876543210")
    nonce = bytes.fromhex("00001234567800000000abcd")
    plain = b"".join(bytes([each]) * 8 for each in (0xAA, 0xBB, 0xCC, 0xDD, 0xEE, 0xFF, 0xEE, 0xAA))
    place = bytes.fromhex("feedfacedeadbeeffeedfacedeadbeefabaddad2")
    sealed = bytes.fromhex(
        "17f399f08c67d5ee19d0dc9969c4bb7d5fd46fd3756489069157b282bb200735"
        "d82710ca5c22f0ccfa7cbf93d496ac15a56834cbcf98c397b4024a2691233b8d"
    )
    tag = bytes.fromhex("83de3541e4c2b58177e065a9bf7b62ec")
    assert cipher_of("sm4", key).open(nonce + sealed + tag, place) == plain
    # and what we seal is what any other SM4-GCM opens
    ours = cipher_of("sm4", key).seal(plain, place)
    opening = Cipher(algorithms.SM4(key), modes.GCM(ours[:NONCE_BYTES], ours[-16:])).decryptor()
    opening.authenticate_additional_data(place)
    assert opening.update(ours[NONCE_BYTES:-16]) + opening.finalize() == plain


@given(ciphers, st.binary(max_size=300), st.binary(max_size=60))
def test_what_was_sealed_opens(name: CipherName, plain: bytes, place: bytes) -> None:
    cipher = cipher_of(name, new_key(name))
    assert cipher.open(cipher.seal(plain, place), place) == plain


@given(ciphers, st.binary(max_size=80), st.binary(max_size=40), st.data())
def test_a_flipped_bit_is_refused(name: CipherName, plain: bytes, place: bytes, data: st.DataObject) -> None:
    cipher = cipher_of(name, new_key(name))
    sealed = bytearray(cipher.seal(plain, place))
    bit = data.draw(st.integers(0, len(sealed) * 8 - 1))
    sealed[bit // 8] ^= 1 << bit % 8
    with pytest.raises(NotAuthentic):
        cipher.open(bytes(sealed), place)


@given(ciphers, st.binary(max_size=80), st.data())
def test_a_shortened_value_is_refused(name: CipherName, plain: bytes, data: st.DataObject) -> None:
    cipher = cipher_of(name, new_key(name))
    sealed = cipher.seal(plain, b"here")
    with pytest.raises(NotAuthentic):
        cipher.open(sealed[: data.draw(st.integers(0, len(sealed) - 1))], b"here")


@given(ciphers, st.binary(max_size=80), st.binary(max_size=40), st.binary(max_size=40))
def test_a_value_opens_at_no_other_place_and_with_no_other_key(
    name: CipherName, plain: bytes, place: bytes, other: bytes
) -> None:
    cipher = cipher_of(name, new_key(name))
    sealed = cipher.seal(plain, place)
    with pytest.raises(NotAuthentic):
        cipher.open(sealed, place + b"!" if other == place else other)
    with pytest.raises(NotAuthentic):
        cipher_of(name, new_key(name)).open(sealed, place)


@pytest.mark.parametrize("name", CIPHER_NAMES)
def test_no_nonce_comes_twice(name: CipherName) -> None:
    cipher = cipher_of(name, new_key(name))
    sealed = [cipher.seal(b"the same", b"here") for _ in range(SEALINGS)]
    assert len({each[:NONCE_BYTES] for each in sealed}) == SEALINGS
    assert len({each[NONCE_BYTES:] for each in sealed}) == SEALINGS
    ones = [sum(each[:NONCE_BYTES].hex().count(digit) for each in sealed) for digit in "0123456789abcdef"]
    # Every half byte is as frequent as any other: 30,000 each, six standard deviations either way.
    assert max(ones) - min(ones) < 2 * 6 * 168
