"""Hashes by which index values compare: 64 bits for tokens, 128 keyed bits for identifiers, and blind addresses.

What is keyed is HMAC-SM3 under a key per search parameter (`tianfu.vault.blind`).
"""

from __future__ import annotations

from functools import lru_cache
from hashlib import blake2b

from tianfu.vault.blind import blind

HASHES_CACHED = 65_536
TOKEN_LENGTH_MAX = 400
BLIND_PREFIX_LENGTH_MAX = 64
"""Characters of an address by which it is found; what follows is not compared."""

UNIT_PARAMETER = 0
"""Units and the code half of composite parameters are hashed under this number: they belong to no parameter."""


@lru_cache(HASHES_CACHED)
def token_hash(parameter: int, system: str, code: str) -> int:
    """The signed 64-bit hash of one coding under one search parameter; `system` is empty if the coding has none."""
    text = f"{parameter}\n{system}\n{code}".encode("utf-8", "surrogatepass")
    return int.from_bytes(blake2b(text, digest_size=8, person=b"tianfu-token").digest(), "big", signed=True)


def token_text(text: str) -> str:
    """A system or code as the dictionary of tokens holds it: a long one by its beginning and its hash.

    A B-tree entry cannot be longer than about 2,700 bytes, and some addresses are.
    """
    if len(text) <= TOKEN_LENGTH_MAX:
        return text
    digest = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16, person=b"tianfu-long").hexdigest()
    return f"{text[:TOKEN_LENGTH_MAX]}#{digest}"


def pair_hash(parameter: int, first: int, second: int) -> int:
    """The hash of two values that must stand together (composite parameters of two tokens)."""
    return token_hash(parameter, "$pair", f"{first}${second}")


def identifier_hash(key: bytes, parameter: int, system: str | None, value: str) -> bytes:
    """The 16-byte keyed hash of an identifier; `system=None` gives the form that compares by value alone.

    Keyed, so that a stolen index cannot be searched for ID numbers without the key.
    """
    text = f"{'*' if system is None else '|' + system}\n{value.strip()}"
    return blind(key, f"identifier {parameter}", _bytes(text), size_bytes=16)


def blind_text(key: bytes, parameter: int, text: str) -> str:
    """What stands in the index for a text that must not be read there, compared as a whole."""
    return blind(key, f"text {parameter}", _bytes(text), size_bytes=16).hex()


def blind_prefixes(key: bytes, parameter: int, folded: str) -> list[int]:
    """Signed 64-bit keyed hashes of every beginning of a text, up to BLIND_PREFIX_LENGTH_MAX characters."""
    return [
        blind_prefix(key, parameter, folded[:size]) for size in range(1, min(len(folded), BLIND_PREFIX_LENGTH_MAX) + 1)
    ]


def blind_prefix(key: bytes, parameter: int, beginning: str) -> int:
    """The signed 64-bit keyed hash of one beginning; a longer one compares by its first characters."""
    text = _bytes(beginning[:BLIND_PREFIX_LENGTH_MAX])
    return int.from_bytes(blind(key, f"prefix {parameter}", text, size_bytes=8), "big", signed=True)


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def canonical_number(url: str) -> int:
    """The number under which a reference by canonical URL or other absolute address is indexed."""
    return token_hash(UNIT_PARAMETER, "$address", url)
