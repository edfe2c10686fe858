"""The door for programs: tokens, keys and discovery, as one small ASGI application without a framework.

Programs send no browser's headers, so this door stands beside the pages, whose protection refuses such writes.  It
takes no cookie, and so no other site's page can do anything here in a person's name.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import structlog

from tianfu.gateways.smart.exchange import Answer, ClientLeft, Header, Receive, Scope, Send, read_form, send_answer
from tianfu.gateways.smart.metadata import (
    INTROSPECT_PATH,
    KEYS_PATH,
    OAUTH_PATH,
    OPENID_PATH,
    REVOKE_PATH,
    SMART_SUFFIX,
    TOKEN_PATH,
    USER_PATH,
    openid_metadata,
    server_metadata,
    smart_metadata,
)
from tianfu.kernel.refusal import Refusal, place_of
from tianfu.services.accounts.oauth.model.errors import oauth_error
from tianfu.services.accounts.oauth.server import AuthorisationServer
from tianfu.services.limits.limiter import Limiter
from tianfu.services.limits.limits import LimitClass
from tianfu.web.failures import new_reference
from tianfu.web.protection import LOOPBACK_HOSTS, ONLY_HTTPS, host_name

ALWAYS: tuple[Header, ...] = (
    (b"cache-control", b"no-store"),
    (b"pragma", b"no-cache"),
    (b"x-content-type-options", b"nosniff"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    # A browser's app of any origin may ask: without cookies it is worth no more there than anywhere else.
    (b"access-control-allow-origin", b"*"),
)

DISCOVERY_SECONDS = 300
_MAY_BE_KEPT: Header = (b"cache-control", f"public, max-age={DISCOVERY_SECONDS}".encode())

STATUSES: Mapping[str, int] = {
    "invalid_client": 401,
    "invalid_token": 401,
    "insufficient_scope": 403,
    "temporarily_unavailable": 503,
    "server_error": 500,
}
"""All else is 400 (RFC 6749, section 5.2; RFC 6750, section 3.1)."""

_GUESSES = frozenset({"invalid_client", "invalid_grant", "invalid_token"})
"""What somebody gets who tries: it counts against the address that it comes from."""

_log = structlog.get_logger("tianfu.gateways.smart")

Handler = Callable[[Scope, Mapping[bytes, bytes], Receive], Awaitable[Answer]]


class SmartDoor:
    """Answers the addresses in `paths`, letter for letter; whoever mounts it sends it no others."""

    def __init__(
        self,
        server: AuthorisationServer,
        limiter: Limiter,
        *,
        hosts: Collection[str] = LOOPBACK_HOSTS,
        is_production: bool,
    ) -> None:
        self._server = server
        self._limiter = limiter
        self._hosts = frozenset(hosts)
        self._always = (*ALWAYS, ONLY_HTTPS) if is_production else ALWAYS
        issuer = server.issuer
        smart = urlsplit(server.base).path + SMART_SUFFIX
        self._handlers: Mapping[str, Mapping[str, Handler]] = {
            OPENID_PATH: _reading(_telling(openid_metadata(issuer))),
            OAUTH_PATH: _reading(_telling(server_metadata(issuer))),
            smart: _reading(_telling(smart_metadata(issuer))),
            KEYS_PATH: _reading(self._keys),
            USER_PATH: {**_reading(self._user), "POST": self._user},
            TOKEN_PATH: {"POST": self._token},
            INTROSPECT_PATH: {"POST": self._introspect},
            REVOKE_PATH: {"POST": self._revoke},
        }

    @property
    def paths(self) -> frozenset[str]:
        """The addresses of this door."""
        return frozenset(self._handlers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; whatever happens, with JSON at worst."""
        headers = dict(scope["headers"])
        try:
            answer = await self._answered(scope, headers, receive)
        except ClientLeft:
            return
        except Refusal as refusal:
            answer = await self._refused(scope, headers, refusal)
        except Exception as error:  # the last line of defence: a mistake of ours must not become silence
            reference = new_reference()
            _log.error("request_failed", reference=reference, path=scope["path"], error=place_of(error))
            answer = Answer(status=500, body={"error": "server_error", "error_description": reference})
        await send_answer(send, answer, always=self._always, without_body=scope["method"] == "HEAD")

    async def _answered(self, scope: Scope, headers: Mapping[bytes, bytes], receive: Receive) -> Answer:
        if host_name(headers.get(b"host", b"").decode("latin-1")) not in self._hosts:
            return Answer(status=403, body={"error": "invalid_request", "error_description": "host-not-ours"})
        handlers, method = self._handlers[scope["path"]], scope["method"]
        if method == "OPTIONS":
            return _allowed(handlers)
        handler = handlers.get(method)
        if handler is None:
            return replace(_allowed(handlers), status=405, body={"error": "invalid_request"})
        kind: LimitClass = "search" if method == "POST" else "read"
        await self._limiter.take(f"address:{_client(scope)}", "", kind)
        return await handler(scope, headers, receive)

    async def _token(self, scope: Scope, headers: Mapping[bytes, bytes], receive: Receive) -> Answer:
        form = await read_form(scope, headers, receive)
        return Answer(status=200, body=await self._server.exchanging.token(form, _authorization(headers)))

    async def _introspect(self, scope: Scope, headers: Mapping[bytes, bytes], receive: Receive) -> Answer:
        form = await read_form(scope, headers, receive)
        return Answer(status=200, body=await self._server.oversight.introspect(form, _authorization(headers)))

    async def _revoke(self, scope: Scope, headers: Mapping[bytes, bytes], receive: Receive) -> Answer:
        form = await read_form(scope, headers, receive)
        await self._server.oversight.revoke(form, _authorization(headers))
        return Answer(status=200)

    async def _keys(self, _scope: Scope, _headers: Mapping[bytes, bytes], _receive: Receive) -> Answer:
        return Answer(status=200, body=await self._server.keys.key_set(), headers=(_MAY_BE_KEPT,))

    async def _user(self, _scope: Scope, headers: Mapping[bytes, bytes], _receive: Receive) -> Answer:
        scheme, _, text = _authorization(headers).partition(" ")
        if scheme.lower() != "bearer":
            raise Refusal("token-missing", next_step="sign-in-again")
        bearer = await self._server.bearer(text.encode("latin-1"))
        return Answer(status=200, body=await self._server.oversight.user(bearer))

    async def _refused(self, scope: Scope, headers: Mapping[bytes, bytes], refusal: Refusal) -> Answer:
        error = oauth_error(refusal)
        if error in _GUESSES:
            try:
                await self._limiter.take(f"address:{_client(scope)}", "", "bad-credential")
            except Refusal as too_many:
                refusal, error = too_many, oauth_error(too_many)
        reference = new_reference()
        status = 401 if refusal.code == "token-missing" else STATUSES.get(error, 400)
        _log.info("request_refused", reference=reference, status=status, code=refusal.code, path=scope["path"])
        more: list[Header] = []
        if refusal.code == "too-many-requests":
            status, more = 429, [(b"retry-after", refusal.details.get("seconds", "2").encode())]
        if status in {401, 403} and error != "invalid_client":
            more.append((b"www-authenticate", _challenge(refusal, error)))
        elif status == 401 and headers.get(b"authorization"):
            more.append((b"www-authenticate", b'Basic realm="tianfu"'))
        body = {"error": error, "error_description": f"{refusal.code} {reference}"}
        return Answer(status=status, body=body, headers=tuple(more))


def _telling(document: Mapping[str, Any]) -> Handler:
    answer = Answer(status=200, body=document, headers=(_MAY_BE_KEPT,))

    async def tell(_scope: Scope, _headers: Mapping[bytes, bytes], _receive: Receive) -> Answer:
        return answer

    return tell


def _reading(handler: Handler) -> Mapping[str, Handler]:
    return {"GET": handler, "HEAD": handler}


def _allowed(handlers: Mapping[str, Handler]) -> Answer:
    allowed = ", ".join([*handlers, "OPTIONS"]).encode()
    return Answer(
        status=204,
        headers=(
            (b"allow", allowed),
            (b"access-control-allow-methods", allowed),
            (b"access-control-allow-headers", b"authorization, content-type"),
        ),
    )


def _authorization(headers: Mapping[bytes, bytes]) -> str:
    return headers.get(b"authorization", b"").decode("latin-1")


def _client(scope: Scope) -> str:
    client = scope.get("client")
    return client[0] if client else ""


def _challenge(refusal: Refusal, error: str) -> bytes:
    """What a 401 asks for (RFC 6750, section 3); who showed nothing is told of no error."""
    return b'Bearer realm="tianfu"' if refusal.code == "token-missing" else f'Bearer error="{error}"'.encode()
