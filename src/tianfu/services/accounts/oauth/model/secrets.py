"""Secrets that only their holder has: 32 random bytes as text; we keep the SHA-256, which nobody can turn back.

A password needs a slow digest because people choose it; nobody chooses these, so none can be guessed.
"""

from __future__ import annotations

import hmac
import re
from base64 import urlsafe_b64encode
from hashlib import sha256
from typing import NamedTuple

SECRET_BYTES = 32

_FORM = re.compile(r"[A-Za-z0-9_-]{43}\Z")


class Secret(NamedTuple):
    """A secret as its holder keeps it, and what we keep of it."""

    text: str
    digest: bytes


def secret_of(random: bytes) -> Secret:
    """The secret that these random bytes make; `random` is 32 bytes from the system's generator."""
    if len(random) != SECRET_BYTES:
        raise ValueError("a secret is made of 32 random bytes")
    text = letters(random)
    return Secret(text, digest_of(text))


def digest_of(text: str) -> bytes:
    """What we keep of a secret; what has not its form has a digest all the same, which nothing has."""
    return sha256(text.encode("utf-8", "surrogatepass")).digest()


def is_secret(text: str) -> bool:
    """Whether a text has the form of a secret of ours."""
    return _FORM.match(text) is not None


def is_same(shown: str, digest: bytes) -> bool:
    """Whether a secret that was shown is the one we keep the digest of; takes as long for every answer."""
    return hmac.compare_digest(digest_of(shown), digest)


def letters(value: bytes) -> str:
    """Bytes in letters that are safe in an address (RFC 4648, section 5, without padding)."""
    return urlsafe_b64encode(value).decode().rstrip("=")
