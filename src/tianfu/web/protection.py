"""What keeps a page from leaking or being framed, and what keeps strangers' pages from posting here.

Content Security Policy: https://www.w3.org/TR/CSP3/ .  Fetch metadata: https://www.w3.org/TR/fetch-metadata/ .
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection

from litestar.datastructures import Headers
from litestar.enums import ScopeType
from litestar.exceptions import PermissionDeniedException
from litestar.middleware import ASGIMiddleware
from litestar.types import ASGIApp, Message, Receive, Scope, Send

LOOPBACK_HOSTS = frozenset({"localhost", "127.0.0.1", "[::1]"})
"""The names of this machine."""

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
    # Not no-referrer: with it, browsers send our own forms with the origin "null" (https://fetch.spec.whatwg.org/#origin-header).
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=()"),
)


ONLY_HTTPS = (b"strict-transport-security", b"max-age=31536000")
"""In production: for a year, browsers come by HTTPS alone (RFC 6797)."""

Before = Callable[[Message, Scope], Awaitable[None]]


def protective_headers(*, is_production: bool) -> Before:
    """Adds the headers to every answer, errors included; a handler's own header of that name stays.

    In production no cookie is set that could travel without HTTPS.
    """
    always = (*PROTECTIVE_HEADERS, ONLY_HTTPS) if is_production else PROTECTIVE_HEADERS

    async def add(message: Message, _scope: Scope) -> None:
        if message["type"] != "http.response.start":
            return
        headers = [_over_https(*pair) for pair in message["headers"]] if is_production else list(message["headers"])
        present = {name.lower() for name, _ in headers}
        message["headers"] = [*headers, *(pair for pair in always if pair[0] not in present)]

    return add


def _over_https(name: bytes, value: bytes) -> tuple[bytes, bytes]:
    if name.lower() != b"set-cookie" or b"secure" in {part.strip().lower() for part in value.split(b";")}:
        return name, value
    return name, value + b"; Secure"


class OwnVisitorsOnly(ASGIMiddleware):
    """Refuse requests for another host name, and writes that another site's page sends.

    Browsers say where a write comes from, all of them since 2020.  In production, and where a session could be used,
    a write that does not say it is refused: an old browser must not be what lets another site's form through.
    """

    def __init__(self, hosts: Collection[str], *, is_production: bool, session_cookie: str) -> None:
        self._hosts = frozenset(hosts)
        self._is_production = is_production
        self._session_cookie = f"{session_cookie}="

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        if scope["type"] == ScopeType.HTTP:
            headers = Headers.from_scope(scope)
            if host_name(headers.get("host", "")) not in self._hosts:
                raise PermissionDeniedException("host-not-ours")
            if scope["method"] not in SAFE_METHODS:
                must_say = self._is_production or self._session_cookie in headers.get("cookie", "")
                if is_from_elsewhere(headers) or (must_say and not says_where_from(headers)):
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


def says_where_from(headers: Headers) -> bool:
    """Whether a request says which site's page made it."""
    return "sec-fetch-site" in headers or "origin" in headers
