"""What keeps a page from leaking or being framed, and what keeps strangers' pages from posting here.

Content Security Policy: https://www.w3.org/TR/CSP3/ .  Fetch metadata: https://www.w3.org/TR/fetch-metadata/ .
"""

from __future__ import annotations

from collections.abc import Collection

from litestar.datastructures import Headers
from litestar.enums import ScopeType
from litestar.exceptions import PermissionDeniedException
from litestar.middleware import ASGIMiddleware
from litestar.types import ASGIApp, Message, Receive, Scope, Send

LOOPBACK_HOSTS = frozenset({"localhost", "127.0.0.1", "[::1]"})
"""The names of this machine; nobody else is let in until people can sign in."""

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})

CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)

PROTECTIVE_HEADERS = (
    (b"content-security-policy", CONTENT_SECURITY_POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=()"),
)


async def add_protective_headers(message: Message, _scope: Scope) -> None:
    """Add the headers to every answer, errors included; a handler's own header of that name stays."""
    if message["type"] != "http.response.start":
        return
    headers = list(message["headers"])
    present = {name.lower() for name, _ in headers}
    message["headers"] = [*headers, *(pair for pair in PROTECTIVE_HEADERS if pair[0] not in present)]


class OwnVisitorsOnly(ASGIMiddleware):
    """Refuse requests for another host name, and writes that another site's page sends."""

    def __init__(self, hosts: Collection[str]) -> None:
        self._hosts = frozenset(hosts)

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        if scope["type"] == ScopeType.HTTP:
            headers = Headers.from_scope(scope)
            if host_name(headers.get("host", "")) not in self._hosts:
                raise PermissionDeniedException("host-not-ours")
            if scope["method"] not in SAFE_METHODS and is_from_elsewhere(headers):
                raise PermissionDeniedException("sent-by-another-site")
        await next_app(scope, receive, send)


def host_name(host: str) -> str:
    """The host of a Host header without its port; an IPv6 address keeps its brackets."""
    if host.startswith("["):
        return host.partition("]")[0] + "]"
    return host.partition(":")[0].lower()


def is_from_elsewhere(headers: Headers) -> bool:
    """Whether a browser says that another site's page made this request; programs send neither header."""
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site not in {"same-origin", "none"}
    origin = headers.get("origin")
    return origin is not None and origin.partition("://")[2] != headers.get("host", "")
