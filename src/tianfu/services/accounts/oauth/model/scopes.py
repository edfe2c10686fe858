"""What a program asks for, is registered for and is given; what scopes mean is decided by `tianfu.access.scopes`.

SMART App Launch 2.2: https://hl7.org/fhir/smart-app-launch/scopes-and-launch-context.html
"""

from __future__ import annotations

from collections.abc import Iterable

from tianfu.access.scopes import Scopes, allowed_scopes, parse_scopes, understood
from tianfu.kernel.refusal import Refusal

OPENID = "openid"
FHIR_USER = "fhirUser"
OFFLINE = "offline_access"
ONLINE = "online_access"
LAUNCH = "launch"

Words = tuple[str, ...]
"""Scopes as they are kept: each a word of its own, written in one way."""


class ScopesMalformed(ValueError):  # noqa: N818 - says what is wrong
    """A text that is no list of scopes of ours."""


def scopes_of(words: Iterable[str]) -> Scopes:
    """The scopes behind words of ours; raises Refusal `scope-not-understood` for others."""
    return parse_scopes(" ".join(words))


def words_of(text: str) -> Words:
    """The words of a text in which every scope is understood; raises ScopesMalformed."""
    try:
        return _words(parse_scopes(text))
    except Refusal as error:
        raise ScopesMalformed(error.code) from error


def asked_words(text: str) -> Words:
    """Those of the scopes asked for that we understand; raises ScopesMalformed for a text that is too long."""
    try:
        return _words(understood(text).scopes)
    except Refusal as error:
        raise ScopesMalformed(error.code) from error


def is_for_system(word: str) -> bool:
    """Whether a scope is a program's own, without a person."""
    return word.startswith("system/")


def allowed(asked: Words, registered: Words, *, is_backend: bool) -> Words:
    """What of the scopes asked for a program was registered with; a person's and a program's own never mix."""
    found = _words(allowed_scopes(scopes_of(asked), scopes_of(registered)))
    return tuple(word for word in found if is_for_system(word) == is_backend)


def opens_nothing(words: Words) -> bool:
    """Whether scopes let their bearer do nothing at all, so that giving them would be an empty promise."""
    found = scopes_of(words)
    return not found.resources and OPENID not in found.others


def needs_patient(words: Words) -> bool:
    """Whether an authorisation means nothing without one patient."""
    return scopes_of(words).needs_patient


def is_within(narrower: Words, wider: Words) -> bool:
    """Whether a refresh asks for nothing that was not given (RFC 6749, section 6)."""
    asked, given = scopes_of(narrower), scopes_of(wider)
    held = all(any(each.holds(wanted) for each in given.resources) for wanted in asked.resources)
    return held and asked.others <= given.others


def _words(scopes: Scopes) -> Words:
    return tuple(str(scopes).split(" ")) if str(scopes) else ()
