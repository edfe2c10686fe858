"""What a program may ask for, as far as the authorisation server must understand it.

What a scope lets its bearer do is decided by `tianfu.access`; here scopes are compared, and never widened.
SMART App Launch 2.2, section 3.0.2 (https://hl7.org/fhir/smart-app-launch/scopes-and-launch-context.html).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

OPENID = "openid"
FHIR_USER = "fhirUser"
PROFILE = "profile"
OFFLINE = "offline_access"
ONLINE = "online_access"
LAUNCH = "launch"
LAUNCH_PATIENT = "launch/patient"

PLAIN_SCOPES = frozenset({OPENID, FHIR_USER, PROFILE, OFFLINE, ONLINE, LAUNCH, LAUNCH_PATIENT})

SCOPES_MAX = 100
SCOPES_LETTERS_MAX = 8_000

_RESOURCE = re.compile(r"(patient|user|system)/(\*|[A-Z][A-Za-z]{1,63})\.(c?r?u?d?s?|read|write|\*)(\?[!-~]{1,400})?\Z")


class ScopesMalformed(ValueError):  # noqa: N818 - says what is wrong
    """A text that is no list of scopes of ours; the message is a stable reason."""


def scopes_of(text: str) -> tuple[str, ...]:
    """The scopes of a text, each once, in their order; raises ScopesMalformed for what no scope of ours looks like."""
    if len(text) > SCOPES_LETTERS_MAX:
        raise ScopesMalformed("too-long")
    scopes = tuple(dict.fromkeys(text.split(" "))) if text else ()
    if len(scopes) > SCOPES_MAX:
        raise ScopesMalformed("too-many")
    for scope in scopes:
        if not is_scope(scope):
            raise ScopesMalformed("unknown")
    return scopes


def is_scope(scope: str) -> bool:
    """Whether a scope is one of ours."""
    if scope in PLAIN_SCOPES:
        return True
    found = _RESOURCE.match(scope)
    return found is not None and bool(found[3])


def is_for_patient(scope: str) -> bool:
    """Whether a scope reaches the records of the one patient of the launch."""
    return scope.startswith("patient/")


def is_for_system(scope: str) -> bool:
    """Whether a scope is a program's own, without a person."""
    return scope.startswith("system/")


def needs_patient(scopes: Iterable[str]) -> bool:
    """Whether an authorisation makes sense only for one patient."""
    return any(scope == LAUNCH_PATIENT or is_for_patient(scope) for scope in scopes)


def allowed(asked: Sequence[str], registered: Sequence[str], *, is_backend: bool) -> tuple[str, ...]:
    """Those of the scopes asked for that a client was registered with, and that its way of asking can give.

    A scope is compared as it stands: one with a narrower query is another scope and must be registered too, unless
    the whole of it is.
    """
    return tuple(scope for scope in asked if _covers(registered, scope) and is_for_system(scope) == is_backend)


def _covers(registered: Sequence[str], scope: str) -> bool:
    if scope in registered:
        return True
    whole, _, query = scope.partition("?")
    return bool(query) and whole in registered


def is_within(narrower: Iterable[str], wider: Sequence[str]) -> bool:
    """Whether a refresh asks for nothing that was not given (RFC 6749, section 6)."""
    return all(scope in wider for scope in narrower)
