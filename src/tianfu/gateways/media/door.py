"""The door for pictures: WHIP in (RFC 9725), WHEP out (draft-ietf-wish-whep), as one small ASGI application.

A grant and the proof of a device's key are all that counts here.  No cookie is looked at, so that no other site's page
can do anything in a person's name; and a request that another site's page sent is refused besides.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from pathlib import Path

import orjson
import structlog
from litestar.datastructures import Headers

from tianfu.gateways.media.exchange import (
    FRAGMENT,
    PROBLEM,
    SDP,
    Answer,
    ClientLeft,
    Header,
    Receive,
    Scope,
    Send,
    content_type,
    read_body,
    sdp_text,
    send_answer,
)
from tianfu.kernel.refusal import Refusal, place_of, unexpected
from tianfu.services.limits.limiter import Limiter
from tianfu.services.realtime.doors import Doors, Entered
from tianfu.services.realtime.grants import Connection, Grants, Shown
from tianfu.services.realtime.protocol.credentials import is_credential
from tianfu.services.realtime.protocol.proofs import Device, proven
from tianfu.services.realtime.turn import IceServer, Relay
from tianfu.web.bearers import bearer_text
from tianfu.web.failures import new_reference, retry_after
from tianfu.web.languages import Language, choose_language, load_languages
from tianfu.web.outcome import CODE_SYSTEM, sentence_of, status_of
from tianfu.web.pages import WEB_FOLDER
from tianfu.web.protection import LOOPBACK_HOSTS, ONLY_HTTPS, SAFE_METHODS, host_name, is_from_elsewhere
from tianfu.web.proxies import client_of

BASE_SEGMENT = "media"
"""The first segment of every address of this door."""

WHIP_PATH, WHEP_PATH = f"/{BASE_SEGMENT}/whip", f"/{BASE_SEGMENT}/whep"
CONNECTION_PATH = f"/{BASE_SEGMENT}/connection/"
"""What follows is the connection's secret."""

VOICE = "/voice"
"""What follows the secret where a voice comes over a connection of its own: `OffersFirst`."""

ALWAYS: tuple[Header, ...] = (
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),  # an address of this door may be a secret
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
)

RESTART = "*"
"""What `If-Match` says where ICE begins anew (RFC 9725, section 4.3.3)."""

_GUESSES = frozenset(
    {"grant-missing", "grant-refused", "connection-unknown", "device-proof-missing", "device-proof-refused"}
    | {"publish-credential-refused"}
)
"""What somebody gets who tries: it counts against the address that it comes from."""

_log = structlog.get_logger("tianfu.gateways.media")

Handler = Callable[["_Request"], Awaitable[Answer]]


class _Request:
    """One request, and what is asked of it."""

    def __init__(self, scope: Scope, receive: Receive, *, is_production: bool) -> None:
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self.headers: Mapping[bytes, bytes] = dict(scope["headers"])
        self.client = client_of(scope)
        # In production a proxy speaks HTTPS in front of this server, which hears plain HTTP.
        self._scheme = "https" if is_production else scope.get("scheme", "http")
        self._receive = receive

    def header(self, name: bytes) -> str:
        return self.headers.get(name, b"").decode("latin-1")

    def credential(self) -> str:
        """What an encoder shows that has no key of its own to sign with; empty for everybody else."""
        shown = self.headers.get(b"authorization", b"")
        text = bearer_text(shown).decode("latin-1") if shown and b"dpop" not in self.headers else ""
        return text if is_credential(text) else ""

    async def body(self) -> bytes:
        return await read_body(self.headers, self._receive)

    def device(self, grant: str, body: bytes) -> Device:
        address = f"{self._scheme}://{self.header(b'host')}{self.path}"
        return proven(self.header(b"dpop"), method=self.method, address=address, grant=grant, body=body)


class MediaDoor:
    """Answers every address beneath `/media`."""

    def __init__(
        self,
        doors: Doors,
        grants: Grants,
        relay: Relay,
        limiter: Limiter,
        *,
        hosts: Collection[str] = LOOPBACK_HOSTS,
        is_production: bool,
    ) -> None:
        self._doors = doors
        self._grants = grants
        self._relay = relay
        self._limiter = limiter
        self._hosts = frozenset(hosts)
        self._is_production = is_production
        self._always = (*ALWAYS, ONLY_HTTPS) if is_production else ALWAYS
        self._languages = load_languages([WEB_FOLDER / "languages", Path(__file__).parent / "languages"])
        self._at: Mapping[str, Mapping[str, Handler]] = {
            WHIP_PATH: {"POST": self._publish},
            WHEP_PATH: {"POST": self._watch},
            CONNECTION_PATH: {"PATCH": self._change, "DELETE": self._leave},
            VOICE: {"POST": self._speak},
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; whatever happens, with a problem's description at worst (RFC 9457)."""
        request = _Request(scope, receive, is_production=self._is_production)
        try:
            answer = await self._answered(scope, request)
        except ClientLeft:
            return
        except Refusal as refusal:
            answer = await self._refused(request, refusal)
        except Exception as error:  # the last line of defence: a mistake of ours must not become silence
            answer = self._problem(request, unexpected(), error=place_of(error))
        await send_answer(send, answer, always=self._always)

    async def _answered(self, scope: Scope, request: _Request) -> Answer:
        if host_name(request.header(b"host")) not in self._hosts:
            raise Refusal("host-not-ours", next_step="ask-on-this-machine")
        if request.method not in SAFE_METHODS and is_from_elsewhere(Headers.from_scope(scope)):  # type: ignore[arg-type]  # ours is a plain mapping
            raise Refusal("sent-by-another-site", next_step="start-again")
        handlers = self._at.get(_place(request.path))
        if handlers is None:
            raise Refusal("address-unknown", next_step="start-again")
        if request.method == "OPTIONS":
            return Answer(status=204, headers=_offered(handlers))
        handler = handlers.get(request.method)
        if handler is None:
            details = {"allowed": ", ".join([*handlers, "OPTIONS"])}
            raise Refusal("method-not-allowed", next_step="start-again", details=details)
        if scope["query_string"]:
            raise Refusal("address-unknown", next_step="start-again")
        # Who leaves is not kept in by those who come from his address.
        whose = "leaving" if request.method == "DELETE" else "address"
        await self._limiter.take(f"{whose}:{request.client}", "", "open-form")
        return await handler(request)

    async def _publish(self, request: _Request) -> Answer:
        credential = request.credential()
        if credential:
            body = await request.body()
            if content_type(request.headers) != SDP:
                raise Refusal("format-not-taken", details={"expected": SDP})
            return self._created(await self._doors.publish_plain(credential, _offer_in(body)))
        shown, body = await self._shown(request)
        return self._created(await self._doors.publish(shown, _offer_in(body)))

    async def _watch(self, request: _Request) -> Answer:
        shown, body = await self._shown(request)
        return self._created(await self._doors.watch(shown, sdp_text(body)))

    async def _shown(self, request: _Request) -> tuple[Shown, bytes]:
        """The grant and the device of whoever comes, and his offer; what is missing is told to the trace."""
        body = await request.body()
        if body and content_type(request.headers) != SDP:
            raise Refusal("format-not-taken", details={"expected": SDP})
        try:
            grant = bearer_text(request.headers.get(b"authorization", b"")).decode("latin-1")
            if not grant:
                raise Refusal("grant-missing", next_step="join-again")
            return Shown(grant=grant, device=request.device(grant, body)), body
        except Refusal as refusal:
            await self._grants.refused(refusal)
            raise

    async def _change(self, request: _Request) -> Answer:
        connection, body = await self._proven(request)
        await self._limiter.take(f"room:{connection.participant or connection.camera}", "", "form")
        kind = content_type(request.headers)
        if kind == SDP:
            await self._doors.answer(connection, sdp_text(body))
            return Answer(status=204, headers=((b"etag", _quoted(connection.tag)),))
        if kind != FRAGMENT:
            raise Refusal("format-not-taken", details={"expected": f"{FRAGMENT} {SDP}"})
        _refuse_other_state(request.header(b"if-match"), connection)
        restarted = await self._doors.trickle(connection, sdp_text(body))
        if restarted is None:
            return Answer(status=204)
        return Answer(
            status=200,
            body=restarted.fragment.encode(),
            content_type=FRAGMENT,
            headers=((b"etag", _quoted(restarted.tag)),),
        )

    async def _speak(self, request: _Request) -> Answer:
        """Take an offer to send a voice: no resource of its own, it ends with the connection."""
        connection, body = await self._proven(request)
        await self._limiter.take(f"room:{connection.participant}", "", "form")
        if content_type(request.headers) != SDP:
            raise Refusal("format-not-taken", details={"expected": SDP})
        if not body:
            raise Refusal("body-missing")
        answer = await self._doors.speak(connection, sdp_text(body))
        return Answer(status=200, body=answer.encode(), content_type=SDP)

    async def _leave(self, request: _Request) -> Answer:
        """End a connection.  The secret of its address is enough: a page that is closed has no time to sign."""
        await self._doors.leave(await self._grants.connection(_secret(request.path)))
        return Answer(status=200)

    async def _proven(self, request: _Request) -> tuple[Connection, bytes]:
        """The connection of an address, and the body, which its own device signed."""
        body = await request.body()
        connection = await self._grants.connection(_secret(request.path))
        if await self._grants.is_shown_by(connection, request.credential()):
            return connection, body
        try:
            device = request.device("", body)
            if device.thumbprint != connection.device:
                raise Refusal("grant-other-device", next_step="join-again")
        except Refusal as refusal:
            await self._grants.refused(refusal)
            raise
        return connection, body

    def _created(self, entered: Entered) -> Answer:
        return Answer(
            status=201,
            body=entered.sdp.encode(),
            content_type=SDP,
            headers=(
                (b"location", f"{CONNECTION_PATH}{entered.secret}".encode()),
                (b"etag", _quoted(entered.tag)),
                (b"accept-patch", f"{FRAGMENT}, {SDP}".encode()),
                *_links(self._relay.for_room(entered.room, entered.slot_until)),
            ),
        )

    async def _refused(self, request: _Request, refusal: Refusal) -> Answer:
        if refusal.code in _GUESSES or refusal.code.startswith("grant-other-"):
            try:
                await self._limiter.take(f"address:{request.client}", "", "bad-credential")
            except Refusal as too_many:
                refusal = too_many
        return self._problem(request, refusal)

    def _problem(self, request: _Request, refusal: Refusal, *, error: str = "") -> Answer:
        """What went wrong, as a program reads it and as a page shows it (RFC 9457)."""
        status, reference = status_of(refusal), new_reference()
        # Not the address, which may be a connection's secret.
        if error:
            _log.error("request_failed", reference=reference, method=request.method, error=error)
        else:
            _log.info("request_refused", reference=reference, status=status, code=refusal.code, method=request.method)
        language = self._language(request)
        body = {
            "type": f"{CODE_SYSTEM}:{refusal.code}",
            "status": status,
            "code": refusal.code,
            "title": sentence_of(refusal, language),
            "detail": language.say_either(f"next.{refusal.next_step}", "next.unknown"),
            "retryable": refusal.retryable,
            "reference": reference,
        }
        headers: list[Header] = [(b"content-language", language.tag.encode())]
        headers += [(name.encode(), value.encode()) for name, value in retry_after(refusal).items()]
        if status == 401:
            headers.append((b"www-authenticate", b'Bearer realm="tianfu"'))
        if "allowed" in refusal.details:
            headers.append((b"allow", refusal.details["allowed"].encode()))
        return Answer(status=status, body=orjson.dumps(body), content_type=PROBLEM, headers=tuple(headers))

    def _language(self, request: _Request) -> Language:
        accepted = request.header(b"accept-language") or "en"
        return choose_language(self._languages, asked=None, remembered=None, accepted=accepted)


def _place(path: str) -> str:
    """Which of our addresses one is: a connection's, its voice's, or one that is written out."""
    if not path.startswith(CONNECTION_PATH) or path == CONNECTION_PATH:
        return path
    return VOICE if path.endswith(VOICE) else CONNECTION_PATH


def _secret(path: str) -> str:
    return path[len(CONNECTION_PATH) :].removesuffix(VOICE)


def _offer_in(body: bytes) -> str:
    if not body:
        raise Refusal("body-missing")
    return sdp_text(body)


def _quoted(tag: str) -> bytes:
    return f'"{tag}"'.encode()


def _refuse_other_state(if_match: str, connection: Connection) -> None:
    """Raise Refusal unless a fragment is for the connection as it is now (RFC 9725, section 4.3.1)."""
    if not if_match:
        raise Refusal("connection-tag-missing", next_step="ask-the-app-maker")
    if if_match not in {RESTART, f'"{connection.tag}"'}:
        raise Refusal("connection-changed", next_step="join-again")


def _offered(handlers: Mapping[str, Handler]) -> tuple[Header, ...]:
    allowed = ", ".join([*handlers, "OPTIONS"]).encode()
    accepts = (b"accept-post", SDP.encode()) if "POST" in handlers else (b"accept-patch", f"{FRAGMENT}, {SDP}".encode())
    return (b"allow", allowed), accepts


def _links(servers: Sequence[IceServer]) -> list[Header]:
    """The relays, as RFC 9725, section 4.6, has them."""
    return [
        (
            b"link",
            f'<{address}>; rel="ice-server"; username="{server.username}"; '
            f'credential="{server.credential}"; credential-type="password"'.encode(),
        )
        for server in servers
        for address in server.urls
    ]
