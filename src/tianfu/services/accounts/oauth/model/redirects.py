"""Where an authorisation may lead back to: registered addresses, compared letter by letter.

OAuth 2.1, section 2.3; RFC 8252, section 7 (native apps); RFC 9700, section 4.1 (attacks on looser comparing).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import urlencode, urlsplit

REDIRECT_LETTERS_MAX = 512
REDIRECTS_MAX = 16

LOOPBACK_NAMES = frozenset({"127.0.0.1", "[::1]", "localhost"})

_PLAIN = re.compile(r"[\x21-\x7e]+\Z")
_ESCAPE = re.compile(r"%[0-9A-Fa-f]{2}")
_OWN_SCHEME = re.compile(r"[a-z][a-z0-9+-]*(\.[a-z0-9+-]+)+\Z")
"""Schemes of native apps are reversed domain names, so that they belong to somebody (RFC 8252, section 7.1)."""

_HOST = re.compile(r"(\[[0-9a-f:.]+\]|[a-z0-9]([a-z0-9.-]*[a-z0-9])?)(:[0-9]{1,5})?\Z")


def fault_of_redirect(uri: str) -> str | None:
    """What keeps an address from being registered, None if nothing does.

    Taken are HTTPS, HTTP on this very machine, and schemes of native apps; each without fragment, user or tricks.
    """
    if len(uri) > REDIRECT_LETTERS_MAX or _PLAIN.match(uri) is None or any(each in uri for each in '"<>\\^`{|}'):
        return "letters"
    if "#" in uri:
        return "fragment"
    if "*" in uri:
        return "wildcard"
    if "%" in _ESCAPE.sub("", uri):
        return "escape"
    scheme, _, rest = uri.partition(":")
    if scheme in {"https", "http"}:
        return _fault_of_web(uri, scheme, rest)
    return None if _OWN_SCHEME.match(scheme) and rest.startswith("/") else "scheme"


def _fault_of_web(uri: str, scheme: str, rest: str) -> str | None:
    authority = re.split(r"[/?]", rest.removeprefix("//"), maxsplit=1)[0]
    if not rest.startswith("//") or _HOST.match(authority) is None:
        return "host"  # which also refuses a user before an @, capital letters and nothing at all
    if scheme == "http" and host_of(authority) not in LOOPBACK_NAMES:
        return "not-https"
    path = urlsplit(uri).path
    return "path" if any(part in {".", ".."} for part in path.split("/")) else None


def host_of(authority: str) -> str:
    """The host of an authority without its port; an IPv6 address keeps its brackets."""
    return authority.partition("]")[0] + "]" if authority.startswith("[") else authority.partition(":")[0]


def is_registered(uri: str, registered: Sequence[str]) -> bool:
    """Whether an address is one of those that were registered: the same letters, nothing less and nothing more."""
    return uri in registered


def with_answer(uri: str, answer: Sequence[tuple[str, str]]) -> str:
    """A registered address with an answer in its query; what the query held already stays."""
    return f"{uri}{'&' if '?' in uri else '?'}{urlencode(answer)}"


def place_of_redirect(uri: str) -> str:
    """What a person is told of where an address leads: its host and port, or the scheme of a native app."""
    return urlsplit(uri).netloc or uri.partition(":")[0]


def form_target(uri: str) -> str:
    """What a page's `form-action` must name so that its form may be answered with this address (CSP 3, section 6.4)."""
    parts = urlsplit(uri)
    return f"{parts.scheme}://{parts.netloc}" if parts.scheme in {"https", "http"} else f"{parts.scheme}:"
