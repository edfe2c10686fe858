"""A request for authorisation as a value, and what is wrong with one (OAuth 2.1, section 4.1.1; SMART App Launch 2.2).

What is wrong before client and redirect address are known is told to the person; nothing is ever sent to an address
that was not registered.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from tianfu.services.accounts.oauth.model.pkce import is_challenge
from tianfu.services.accounts.oauth.model.scopes import (
    LAUNCH,
    ScopesMalformed,
    asked_words,
    is_for_system,
)

PARAMETER_LETTERS_MAX = 8_000
STATE_LETTERS_MAX = 2_000
STATE_LETTERS_MIN = 8
"""A state that is shorter could be guessed; that it holds 122 bits, as SMART asks, is for the program to see to."""

_NONCE = re.compile(r"[!-~]{1,255}\Z")
_PROMPTS = frozenset({"none", "login", "consent"})
_SECONDS = re.compile(r"[0-9]{1,9}\Z")


class RequestMalformed(ValueError):  # noqa: N818 - says what is wrong
    """A request that cannot be carried out: `code` is a refusal's, `reason` for the log."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """The part of a request that says whom to answer, read before anything else."""

    client: str
    redirect: str
    state: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthorisationRequest:
    """What a program asks of a person; `launch` is a handle of ours, empty without one.

    `prompts` are words of `prompt`; `age_seconds_max` is how old the person's proof may be, None for any age
    (OpenID Connect Core 1.0, section 3.1.2.1).
    """

    client: str
    redirect: str
    state: str
    scopes: tuple[str, ...]
    challenge: str
    nonce: str | None
    launch: str
    prompts: frozenset[str]
    age_seconds_max: int | None

    @property
    def is_silent(self) -> bool:
        """Whether no page may be shown."""
        return "none" in self.prompts


Parameters = Sequence[tuple[str, str]]


def once(parameters: Parameters, name: str) -> str:
    """The value of a parameter, empty without one; raises RequestMalformed for one that is given twice."""
    values = [value for key, value in parameters if key == name]
    if len(values) > 1 or any(len(value) > PARAMETER_LETTERS_MAX for value in values):
        raise RequestMalformed("oauth-request-malformed", f"{name}-twice-or-too-long")
    return values[0] if values else ""


def read_asked(parameters: Parameters) -> Asked:
    """Whom to answer; raises RequestMalformed, which is then told to the person alone.

    An absent redirect address is not made up for by the only one that was registered: OAuth 2.1 lets a server insist.
    """
    client, redirect = once(parameters, "client_id"), once(parameters, "redirect_uri")
    if not client or not redirect:
        raise RequestMalformed("oauth-request-malformed", "client-or-redirect-missing")
    return Asked(client=client, redirect=redirect, state=once(parameters, "state"))


def read_request(parameters: Parameters, *, audience: str) -> AuthorisationRequest:
    """The whole request; raises RequestMalformed, which the client at its registered address is told."""
    asked = read_asked(parameters)
    if any(once(parameters, name) for name in ("request", "request_uri", "registration")):
        raise RequestMalformed("oauth-request-malformed", "request-object")
    if once(parameters, "response_type") != "code":
        raise RequestMalformed("oauth-response-type-unknown", "response-type")
    if once(parameters, "response_mode") not in {"", "query"}:
        raise RequestMalformed("oauth-request-malformed", "response-mode")
    if not STATE_LETTERS_MIN <= len(asked.state) <= STATE_LETTERS_MAX:
        raise RequestMalformed("oauth-request-malformed", "state")
    challenge = once(parameters, "code_challenge")
    if not is_challenge(challenge, once(parameters, "code_challenge_method")):
        raise RequestMalformed("oauth-request-malformed", "challenge")
    nonce = once(parameters, "nonce")
    if nonce and _NONCE.match(nonce) is None:
        raise RequestMalformed("oauth-request-malformed", "nonce")
    prompts = frozenset(once(parameters, "prompt").split())
    if not prompts <= _PROMPTS or ("none" in prompts and len(prompts) > 1):
        raise RequestMalformed("oauth-request-malformed", "prompt")
    if (age := once(parameters, "max_age")) and _SECONDS.match(age) is None:
        raise RequestMalformed("oauth-request-malformed", "max-age")
    _refuse_another_audience(parameters, audience)
    scopes, launch = _scopes(parameters), once(parameters, "launch")
    if bool(launch) != (LAUNCH in scopes):
        raise RequestMalformed("oauth-request-malformed", "launch")
    return AuthorisationRequest(
        client=asked.client,
        redirect=asked.redirect,
        state=asked.state,
        scopes=scopes,
        challenge=challenge,
        nonce=nonce or None,
        launch=launch,
        prompts=prompts,
        age_seconds_max=int(age) if age else None,
    )


def _scopes(parameters: Parameters) -> tuple[str, ...]:
    try:
        scopes = asked_words(once(parameters, "scope"))
    except ScopesMalformed as error:
        raise RequestMalformed("oauth-scope-refused", str(error)) from error
    if not scopes or any(is_for_system(scope) for scope in scopes):
        raise RequestMalformed("oauth-scope-refused", "none-or-system")
    return scopes


def _refuse_another_audience(parameters: Parameters, audience: str) -> None:
    """SMART asks for `aud` so that a counterfeit server gets no token that is good here; `resource` is RFC 8707's."""
    named = [value for key, value in parameters if key in {"aud", "resource"}]
    if any(value.rstrip("/") != audience for value in named):
        raise RequestMalformed("oauth-target-refused", "audience")
