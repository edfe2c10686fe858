"""SM2 signatures checked from the standard's numbers alone (GB/T 32918.2-2016, curve of GB/T 32918.5-2017)."""

from __future__ import annotations

import base64
from dataclasses import dataclass

from cryptography.hazmat.primitives.hashes import SM3, Hash

P = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF00000000FFFFFFFFFFFFFFFF
A = P - 3
B = 0x28E9FA9E9D9F5E344D5A9E4BCF6509A7F39789F515AB8F92DDBCBD414D940E93
N = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54123
G = (
    0x32C4AE2C1F1981195F9904466A39C9948FE30BBFF2660BE1715A4589334C74C7,
    0xBC3736A2F4F6779C59BDCEE36B692153D0A9877CC62A474002DF32E52139F0A0,
)

_SIGNER = b"1234567812345678"
_KEY_HEAD = bytes.fromhex("3059301306072a8648ce3d020106082a811ccf5501822d03420004")
"""What stands before the two coordinates in the DER of an SM2 public key: algorithm, curve, uncompressed point."""

Affine = tuple[int, int]
Jacobian = tuple[int, int, int]
_INFINITY: Jacobian = (1, 1, 0)


def sm3(data: bytes) -> bytes:
    """The digest of GB/T 32905-2016."""
    digest = Hash(SM3())
    digest.update(data)
    return digest.finalize()


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A point of the curve, and the name under which signatures mention the key."""

    name: str
    point: Affine

    @staticmethod
    def of_pem(text: bytes) -> PublicKey:
        """The key of a PEM file; raises ValueError if it holds none."""
        body = b"".join(line for line in text.splitlines() if line and not line.startswith(b"-----"))
        der = base64.b64decode(body, validate=True)
        if not der.startswith(_KEY_HEAD) or len(der) != len(_KEY_HEAD) + 64:
            raise ValueError("not an SM2 public key")
        x, y = (int.from_bytes(part) for part in (der[-64:-32], der[-32:]))
        if x >= P or y >= P or (y * y - (x * x * x + A * x + B)) % P:
            raise ValueError("not a point of the curve")
        return PublicKey(sm3(text).hex()[:16], (x, y))

    def has_signed(self, message: bytes, signature: bytes) -> bool:
        """Whether the signature is this key's signature of the message."""
        numbers = _two_integers(signature)
        if numbers is None:
            return False
        r, s = numbers
        t = (r + s) % N
        if not (0 < r < N and 0 < s < N and t):
            return False
        x = _x_of_sum(s, G, t, self.point)
        return x is not None and (int.from_bytes(sm3(self._preface() + message)) + x) % N == r

    def _preface(self) -> bytes:
        parts = [A, B, *G, *self.point]
        head = (len(_SIGNER) * 8).to_bytes(2) + _SIGNER
        return sm3(head + b"".join(part.to_bytes(32) for part in parts))


def _two_integers(der: bytes) -> tuple[int, int] | None:
    """The integers of a DER sequence of two, each below 2 to the 256."""
    if len(der) < 8 or der[0] != 0x30 or der[1] != len(der) - 2:
        return None
    found = []
    rest = der[2:]
    for _ in range(2):
        if len(rest) < 3 or rest[0] != 0x02 or not 1 <= rest[1] <= 33 or len(rest) < 2 + rest[1]:
            return None
        found.append(int.from_bytes(rest[2 : 2 + rest[1]], signed=True))
        rest = rest[2 + rest[1] :]
    return (found[0], found[1]) if not rest else None


def _x_of_sum(s: int, first: Affine, t: int, second: Affine) -> int | None:
    """The x coordinate of s times one point plus t times another, both walked bit by bit together."""
    one, two = (*first, 1), (*second, 1)
    both = _add(one, two)
    total = _INFINITY
    for bit in range(max(s.bit_length(), t.bit_length()) - 1, -1, -1):
        total = _double(total)
        match (s >> bit & 1, t >> bit & 1):
            case (1, 1):
                total = _add(total, both)
            case (1, 0):
                total = _add(total, one)
            case (0, 1):
                total = _add(total, two)
            case _:
                pass
    x, _, z = total
    return None if z == 0 else x * pow(z, -2, P) % P


def _double(point: Jacobian) -> Jacobian:
    x, y, z = point
    if z == 0 or y == 0:
        return _INFINITY
    square = z * z % P
    slope = 3 * (x - square) * (x + square) % P  # because a is -3
    y2 = y * y % P
    s = 4 * x * y2 % P
    new_x = (slope * slope - 2 * s) % P
    return new_x, (slope * (s - new_x) - 8 * y2 * y2) % P, 2 * y * z % P


def _add(first: Jacobian, second: Jacobian) -> Jacobian:
    x1, y1, z1 = first
    x2, y2, z2 = second
    if z1 == 0:
        return second
    if z2 == 0:
        return first
    z1z1, z2z2 = z1 * z1 % P, z2 * z2 % P
    u1, u2 = x1 * z2z2 % P, x2 * z1z1 % P
    s1, s2 = y1 * z2 * z2z2 % P, y2 * z1 * z1z1 % P
    if u1 == u2:
        return _double(first) if s1 == s2 else _INFINITY
    h, r = (u2 - u1) % P, (s2 - s1) % P
    h2 = h * h % P
    h3 = h * h2 % P
    v = u1 * h2 % P
    x3 = (r * r - h3 - 2 * v) % P
    return x3, (r * (v - x3) - s1 * h3) % P, h * z1 * z2 % P
