"""Proof Key for Code Exchange (RFC 7636), with S256 and nothing else (OAuth 2.1, section 4.1.1)."""

from __future__ import annotations

import hmac
import re

from authlib.oauth2.rfc7636 import create_s256_code_challenge  # type: ignore[import-untyped]  # Authlib has no types

METHOD = "S256"

_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}\Z")
_VERIFIER = re.compile(r"[A-Za-z0-9\-._~]{43,128}\Z")


def is_challenge(challenge: str, method: str) -> bool:
    """Whether a request brings a challenge that a verifier can answer; a missing method would mean `plain`."""
    return method == METHOD and _CHALLENGE.match(challenge) is not None


def answers(verifier: str, challenge: str) -> bool:
    """Whether a verifier is the one whose challenge was given."""
    return _VERIFIER.match(verifier) is not None and hmac.compare_digest(challenge_of(verifier), challenge)


def challenge_of(verifier: str) -> str:
    """The challenge of a verifier."""
    challenge: str = create_s256_code_challenge(verifier)
    return challenge
