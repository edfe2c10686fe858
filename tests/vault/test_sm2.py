"""Signatures: made by the library, checked by the standard's own arithmetic, and by the library."""

from __future__ import annotations

import base64
import hashlib

import pytest

from tianfu.kernel.refusal import Refusal
from tianfu.vault.sm2 import SIGNER, make_key, public_key, sign, verify

# The recommended curve (GB/T 32918.5-2017).
P = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF00000000FFFFFFFFFFFFFFFF
A = P - 3
B = 0x28E9FA9E9D9F5E344D5A9E4BCF6509A7F39789F515AB8F92DDBCBD414D940E93
N = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54123
G = (
    0x32C4AE2C1F1981195F9904466A39C9948FE30BBFF2660BE1715A4589334C74C7,
    0xBC3736A2F4F6779C59BDCEE36B692153D0A9877CC62A474002DF32E52139F0A0,
)
Point = tuple[int, int] | None


def _plus(one: Point, other: Point) -> Point:
    if one is None or other is None:
        return one or other
    if one[0] == other[0]:
        if (one[1] + other[1]) % P == 0:
            return None
        slope = (3 * one[0] * one[0] + A) * pow(2 * one[1], -1, P)
    else:
        slope = (other[1] - one[1]) * pow(other[0] - one[0], -1, P)
    x = (slope * slope - one[0] - other[0]) % P
    return x, (slope * (one[0] - x) - one[1]) % P


def _times(factor: int, point: Point) -> Point:
    found: Point = None
    while factor:
        if factor & 1:
            found = _plus(found, point)
        point = _plus(point, point)
        factor >>= 1
    return found


def _holds(public: bytes, message: bytes, signature: bytes) -> bool:
    """The check of GB/T 32918.2 section 7, by hand."""
    point = base64.b64decode(b"".join(public.splitlines()[1:-1]))[-64:]
    key = int.from_bytes(point[:32], "big"), int.from_bytes(point[32:], "big")
    first_length = signature[3]
    r = int.from_bytes(signature[4 : 4 + first_length], "big")
    s = int.from_bytes(signature[6 + first_length :], "big")
    parameters = b"".join(each.to_bytes(32, "big") for each in (A, B, *G, *key))
    name = (len(SIGNER) * 8).to_bytes(2, "big") + SIGNER
    e = int.from_bytes(_sm3(_sm3(name + parameters) + message), "big")
    t = (r + s) % N
    if not (0 < r < N and 0 < s < N and t):
        return False
    found = _plus(_times(s, G), _times(t, key))
    return found is not None and (e + found[0]) % N == r


def _sm3(data: bytes) -> bytes:
    return hashlib.new("sm3", data).digest()


def test_a_signature_holds_by_the_standards_own_arithmetic() -> None:
    private = make_key()
    signature = sign(private, b"root of 09:41")
    assert _holds(public_key(private), b"root of 09:41", signature)
    assert not _holds(public_key(private), b"root of 09:42", signature)


def test_the_library_says_the_same() -> None:
    private = make_key()
    signature = sign(private, b"root of 09:41")
    assert verify(public_key(private), b"root of 09:41", signature)
    assert not verify(public_key(private), b"root of 09:42", signature)
    assert not verify(public_key(make_key()), b"root of 09:41", signature)


@pytest.mark.parametrize("bad", [b"", b"\x30\x00", b"no signature at all", b"\x30\x06\x02\x01\x00\x02\x01\x00"])
def test_what_is_no_signature_does_not_hold(bad: bytes) -> None:
    assert verify(public_key(make_key()), b"root", bad) is False


def test_every_flipped_bit_is_noticed() -> None:
    private = make_key()
    public, signature = public_key(private), sign(private, b"root")
    for place in range(len(signature) * 8):
        flipped = bytearray(signature)
        flipped[place // 8] ^= 1 << place % 8
        assert not verify(public, b"root", bytes(flipped))


@pytest.mark.parametrize("bad", [b"", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"])
def test_a_damaged_key_is_refused(bad: bytes) -> None:
    with pytest.raises(Refusal, match="key-damaged"):
        sign(bad, b"root")
    with pytest.raises(Refusal, match="key-damaged"):
        verify(bad, b"root", b"")
