"""Refusals of the authorisation server, and how OAuth calls them (RFC 6749, sections 4.1.2.1 and 5.2)."""

from __future__ import annotations

from collections.abc import Mapping

from tianfu.kernel.refusal import Refusal

OAUTH_ERRORS: Mapping[str, str] = {
    "oauth-request-malformed": "invalid_request",
    "oauth-client-unknown": "invalid_client",
    "oauth-client-not-allowed": "unauthorized_client",
    "oauth-grant-refused": "invalid_grant",
    "oauth-grant-type-unknown": "unsupported_grant_type",
    "oauth-response-type-unknown": "unsupported_response_type",
    "oauth-scope-refused": "invalid_scope",
    "oauth-target-refused": "invalid_target",
    "oauth-not-approved": "access_denied",
    "oauth-sign-in-needed": "login_required",
    "oauth-approval-needed": "consent_required",
    "oauth-patient-missing": "access_denied",
    "token-missing": "invalid_request",
    "token-refused": "invalid_token",
    "token-expired": "invalid_token",
    "token-ended": "invalid_token",
    "token-scope-missing": "insufficient_scope",
    "too-many-requests": "temporarily_unavailable",
    "database-unavailable": "temporarily_unavailable",
}
"""What a program is told; all else is `server_error`."""


def refused(code: str, reason: str) -> Refusal:
    """A refusal of the authorisation server; `reason` is for the trail and the log, never for the sender."""
    return Refusal(code, next_step="ask-the-app-maker", details={"reason": reason})


def oauth_error(refusal: Refusal) -> str:
    """The error code that a program reads."""
    return OAUTH_ERRORS.get(refusal.code, "server_error")
