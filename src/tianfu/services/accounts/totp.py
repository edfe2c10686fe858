"""Codes that change each half minute (TOTP, RFC 6238): how a secret is made, told to a telephone and looked at.

SHA-1, six digits and thirty seconds, because these are what every authenticator understands.
"""

from __future__ import annotations

import hmac
import re
from base64 import b32encode
from secrets import token_bytes

from pyotp import TOTP

from tianfu.kernel.instants import SECOND, Instant

SECRET_BYTES = 20
"""RFC 4226, section 4, R6: at least 128 bits, better 160."""

STEP_SECONDS = 30
DRIFT_STEPS = 1
"""A telephone's clock may be one step before or behind ours (RFC 6238, section 5.2)."""

_CODE = re.compile(r"\d{6}\Z", re.ASCII)


def new_secret() -> bytes:
    """A secret for one authenticator."""
    return token_bytes(SECRET_BYTES)


def provisioning_uri(secret: bytes, *, number: str, issuer: str) -> str:
    """What an authenticator reads from a square code; it holds the secret, so it is shown once and never logged."""
    return _totp(secret).provisioning_uri(name=number, issuer_name=issuer)


def shown_secret(secret: bytes) -> str:
    """The secret for whoever types it in, in groups of four letters."""
    text = b32encode(secret).decode()
    return " ".join(text[at : at + 4] for at in range(0, len(text), 4))


def step_of(secret: bytes, code: str, now: Instant) -> int | None:
    """The step whose code this is, or None; whoever keeps the steps that were used must refuse one that was."""
    plain = "".join(code[:32].split())
    if not _CODE.match(plain):
        return None
    current = now // (STEP_SECONDS * SECOND)
    totp = _totp(secret)
    found = None
    for step in range(current - DRIFT_STEPS, current + DRIFT_STEPS + 1):
        if hmac.compare_digest(totp.generate_otp(step), plain):
            found = step
    return found


def code_at(secret: bytes, now: Instant) -> str:
    """The code of an instant, as an authenticator shows it; demonstrations print it."""
    return _totp(secret).generate_otp(now // (STEP_SECONDS * SECOND))


def _totp(secret: bytes) -> TOTP:
    return TOTP(b32encode(secret).decode(), interval=STEP_SECONDS)
