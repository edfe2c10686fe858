"""The door itself: one ASGI application, no framework.

A read costs a database look-up and little else, so that little else is what this file is careful about: a
framework's routing, dependency injection and response objects would cost more than the read.  FHIR's
addresses are few and regular (`addresses.py`), and every answer, each error included, is FHIR JSON.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType

import structlog

from tianfu.gateways.fhir.actions.create import create
from tianfu.gateways.fhir.actions.delete import delete, delete_where
from tianfu.gateways.fhir.actions.submit import submit
from tianfu.gateways.fhir.actions.update import update, update_where
from tianfu.gateways.fhir.addresses import Interaction, Target, methods_at, target_of
from tianfu.gateways.fhir.admission import LIMIT_OF, Doorkeeper, tells_who
from tianfu.gateways.fhir.door import Door, Visit
from tianfu.gateways.fhir.exchange import (
    ALWAYS,
    Answer,
    ClientLeft,
    Receive,
    Request,
    Scope,
    Send,
    send_answer,
)
from tianfu.gateways.fhir.limits import ADDRESS_BYTES_MAX, ANSWER_SECONDS_MAX, HEADER_BYTES_MAX, PATH_SEGMENTS_MAX
from tianfu.gateways.fhir.negotiation import refuse_unless_json_is_taken
from tianfu.gateways.fhir.queries.audit_events import read_trail, search_trail, search_trail_form
from tianfu.gateways.fhir.queries.capabilities import capabilities
from tianfu.gateways.fhir.queries.everything import everything
from tianfu.gateways.fhir.queries.history import history
from tianfu.gateways.fhir.queries.read import read, read_version
from tianfu.gateways.fhir.queries.search import search, search_form
from tianfu.gateways.fhir.resources import indented
from tianfu.kernel.instants import Clock
from tianfu.kernel.refusal import Refusal, place_of, unexpected
from tianfu.records.store import Store
from tianfu.web.callers import Admitted
from tianfu.web.failures import new_reference
from tianfu.web.languages import Language, choose_language, load_languages
from tianfu.web.outcome import outcome_of, status_of
from tianfu.web.pages import WEB_FOLDER
from tianfu.web.protection import ONLY_HTTPS

BASE_SEGMENT = "fhir"
"""The first segment of every address of this door."""

RETRY_AFTER_SECONDS = "2"

NOWHERE: Mapping[str, str] = MappingProxyType({})
"""Programs cannot sign in."""

REALM = 'Bearer realm="tianfu"'
NOTHING_SHOWN = "token-missing"
SCOPE_REFUSALS = frozenset({"scope-insufficient", "token-scope-missing"})

Handler = Callable[[Visit, Target], Awaitable[Answer]]

_HANDLERS: Mapping[Interaction, Handler] = {
    "capabilities": capabilities,
    "submit": submit,
    "history": history,
    "search": search,
    "search-form": search_form,
    "create": create,
    "update": update,
    "update-where": update_where,
    "delete": delete,
    "delete-where": delete_where,
    "read": read,
    "vread": read_version,
    "trail-search": search_trail,
    "trail-search-form": search_trail_form,
    "trail-read": read_trail,
    "everything": everything,
}

_TIMED: frozenset[Interaction] = frozenset(
    {"history", "search", "search-form", "everything", "trail-search", "trail-search-form"}
)
"""Interactions that may take long and may be broken off at any moment without leaving a question."""

_log = structlog.get_logger("tianfu.gateways.fhir")


class FhirApplication:
    """Answers FHIR's REST requests from a record store."""

    def __init__(self, store: Store, *, clock: Clock, doorkeeper: Doorkeeper, sign_in: Mapping[str, str]) -> None:
        self._door = Door(store=store, clock=clock, started_at=clock(), doorkeeper=doorkeeper, sign_in=sign_in)
        self._doorkeeper = doorkeeper
        self._always = (*ALWAYS, ONLY_HTTPS) if doorkeeper.is_production else ALWAYS
        self._languages = load_languages([WEB_FOLDER / "languages", Path(__file__).parent / "languages"])

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; whatever happens, with an OperationOutcome at worst."""
        headers = dict(scope["headers"])
        try:
            answer = await self._answered(scope, headers, receive)
        except ClientLeft:
            return
        except Refusal as refusal:
            answer = self._refused(scope, headers, refusal)
        except Exception as error:  # the last line of defence: a mistake of ours must not become silence
            answer = self._failed(scope, headers, error)
        await send_answer(send, answer, always=self._always, without_body=scope["method"] == "HEAD")

    async def _answered(self, scope: Scope, headers: dict[bytes, bytes], receive: Receive) -> Answer:
        _refuse_too_long(scope)
        self._doorkeeper.refuse_strangers(scope, headers)
        admitted = await self._doorkeeper.admit(scope, headers)
        request = self._request(scope, headers, receive, admitted)
        if request.method == "OPTIONS":
            allowed = ", ".join(methods_at(request.segments)).encode()
            return Answer(status=204, headers=((b"allow", allowed), (b"accept", b"application/fhir+json")))
        target = target_of(request.method, request.segments)
        if target.interaction != "submit":  # which counts its entries
            await self._doorkeeper.count(admitted, LIMIT_OF[target.interaction])
        if request.query_string and tells_who(name for name, _ in request.parameters):
            await self._doorkeeper.count(admitted, "identity-search")
        refuse_unless_json_is_taken(request.parameter("_format") or request.header(b"accept"))
        visit = Visit(door=self._door, request=request, language=self._language(headers))
        try:
            answer = await _in_time(target.interaction, _HANDLERS[target.interaction](visit, target))
        except Refusal as refusal:
            _name_scope(refusal, admitted)
            raise
        if answer.body is not None and request.parameter("_pretty") == "true":
            return replace(answer, body=indented(answer.body))
        return answer

    def _request(self, scope: Scope, headers: dict[bytes, bytes], receive: Receive, admitted: Admitted) -> Request:
        host = headers.get(b"host", b"").decode("latin-1")
        # In production a proxy speaks HTTPS in front of this server, which hears plain HTTP.
        scheme = "https" if self._doorkeeper.is_production else scope.get("scheme", "http")
        return Request(
            method=scope["method"],
            segments=_segments(scope["path"]),
            query_string=scope["query_string"],
            headers=headers,
            base=f"{scheme}://{host}/{BASE_SEGMENT}",
            admitted=admitted,
            receive=receive,
        )

    def _language(self, headers: dict[bytes, bytes]) -> Language:
        return self._language_of(headers.get(b"accept-language", b"").decode("latin-1"))

    @lru_cache(maxsize=256)  # noqa: B019 - one application lives as long as its process
    def _language_of(self, accepted: str) -> Language:
        return choose_language(self._languages, asked=None, remembered=None, accepted=accepted or "en")

    def _refused(self, scope: Scope, headers: dict[bytes, bytes], refusal: Refusal) -> Answer:
        reference = new_reference()
        status = status_of(refusal)
        _log.info("request_refused", reference=reference, status=status, code=refusal.code, method=scope["method"])
        return self._outcome(headers, refusal, status, reference)

    def _failed(self, scope: Scope, headers: dict[bytes, bytes], error: Exception) -> Answer:
        reference = new_reference()
        # The message of an unforeseen error may quote what it worked on; its kind and place may not.
        _log.error("request_failed", reference=reference, method=scope["method"], error=place_of(error))
        return self._outcome(headers, unexpected(), 500, reference)

    def _outcome(self, headers: dict[bytes, bytes], refusal: Refusal, status: int, reference: str) -> Answer:
        body = outcome_of(refusal, language=self._language(headers), reference=reference)
        more: list[tuple[bytes, bytes]] = []
        if refusal.code in {"method-not-allowed", "audit-trail-read-only"}:
            more.append((b"allow", refusal.details.get("allowed", "").encode()))
        if refusal.retryable and status in {429, 503}:
            more.append((b"retry-after", refusal.details.get("seconds", RETRY_AFTER_SECONDS).encode()))
        if status == 401 or refusal.code in SCOPE_REFUSALS:
            more.append((b"www-authenticate", challenge(refusal)))
        return Answer(status=status, headers=tuple(more), body=body)


def fhir_application(
    store: Store, *, clock: Clock, doorkeeper: Doorkeeper, sign_in: Mapping[str, str] = NOWHERE
) -> FhirApplication:
    """The FHIR door in front of a record store, to be mounted under `/fhir`; `sign_in` as `Door` has it."""
    return FhirApplication(store, clock=clock, doorkeeper=doorkeeper, sign_in=sign_in)


def challenge(refusal: Refusal) -> bytes:
    """What a refusal asks for (RFC 6750, section 3); who showed nothing is told of no error.

    The scope is one that would do.
    """
    if refusal.code == NOTHING_SHOWN:
        return REALM.encode()
    if refusal.code not in SCOPE_REFUSALS:
        return f'{REALM}, error="invalid_token"'.encode()
    scope = refusal.details.get("scope", "")
    named = f', scope="{scope}"' if scope else ""
    return f'{REALM}, error="insufficient_scope"{named}'.encode()


def _name_scope(refusal: Refusal, admitted: Admitted) -> None:
    """Have a refusal for want of a scope name one as its program asks for them: `patient/Observation.r`."""
    scopes, missing = admitted.caller.scopes, refusal.details.get("scope", "")
    if refusal.code in SCOPE_REFUSALS and scopes is not None and missing and "/" not in missing:
        whose = next((each.whose for each in scopes.resources), "user")
        refusal.details = {**refusal.details, "scope": f"{whose}/{missing}"}


def _refuse_too_long(scope: Scope) -> None:
    raw = scope.get("raw_path") or scope["path"].encode()
    if len(raw) + len(scope["query_string"]) > ADDRESS_BYTES_MAX:
        raise Refusal("address-too-long", next_step="search-by-form", details={"bytes_max": str(ADDRESS_BYTES_MAX)})
    if sum(len(name) + len(value) for name, value in scope["headers"]) > HEADER_BYTES_MAX:
        raise Refusal("headers-too-large", details={"bytes_max": str(HEADER_BYTES_MAX)})


def _segments(path: str) -> tuple[str, ...]:
    parts = path.split("/", PATH_SEGMENTS_MAX + 2)[2:]
    if parts and parts[-1] == "":
        parts.pop()
    if len(parts) > PATH_SEGMENTS_MAX:
        raise Refusal("address-unknown", next_step="read-the-capability-statement")
    return tuple(parts)


async def _in_time(interaction: Interaction, work: Awaitable[Answer]) -> Answer:
    """The answer, within the time limit if breaking off does no harm; each statement has a limit of its own besides."""
    if interaction not in _TIMED:
        return await work
    try:
        async with asyncio.timeout(ANSWER_SECONDS_MAX):
            return await work
    except TimeoutError as error:
        raise Refusal("deadline-passed", next_step="narrow-the-question", retryable=True) from error
