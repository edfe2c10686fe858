"""Whether somebody must prove anew who he is before a program is let in (OpenID Connect Core 1.0, section 3.1.2.1)."""

from __future__ import annotations

from tianfu.kernel.instants import SECOND, Instant
from tianfu.services.accounts.oauth.model.requests import AuthorisationRequest

NEW_SECONDS = 5 * 60
"""How long a proof that was given for a request counts as given for it."""


def must_prove(request: AuthorisationRequest, *, proved_at: Instant, sent_at: Instant | None, now: Instant) -> bool:
    """Whether a proof of `proved_at` is not enough; `sent_at` is when we sent its owner away for this request.

    `prompt=login` asks for a proof that is given for it, however new another one is; `max_age=0` asks for the same.
    """
    if sent_at is not None and sent_at <= proved_at and now - proved_at < NEW_SECONDS * SECOND:
        return False
    if "login" in request.prompts:
        return True
    return request.age_seconds_max is not None and now - proved_at > request.age_seconds_max * SECOND
