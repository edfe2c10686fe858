"""The resource that a write brings, and the record that it leaves behind."""

from __future__ import annotations

import re

from tianfu.gateways.fhir.addresses import Target
from tianfu.gateways.fhir.answers import record_or_refusal
from tianfu.gateways.fhir.door import Visit
from tianfu.gateways.fhir.exchange import Request
from tianfu.gateways.fhir.limits import BODY_BYTES_MAX
from tianfu.gateways.fhir.negotiation import expected_version, refuse_unless_json_is_sent
from tianfu.kernel.refusal import Refusal
from tianfu.records.body import resource_text
from tianfu.records.outcomes import Record, Unchanged, Written
from tianfu.records.references import rewritten
from tianfu.records.write import NO_VERSION
from tianfu.standards.fhir.parsing import ParsedResource, parse_resource

_RELATIVE = re.compile(rb"[A-Z][A-Za-z]+/[A-Za-z0-9\-.]{1,64}(?:/_history/[A-Za-z0-9\-.]{1,64})?\Z")
"""A reference to a record, of characters that need no escaping; what else follows our address stays as it was sent."""


async def resource_body(request: Request) -> bytes:
    """The resource that was sent; its form is looked at before it is read."""
    content_type = request.header(b"content-type")
    if content_type:
        refuse_unless_json_is_sent(content_type)
    body = await request.body(bytes_max=BODY_BYTES_MAX)
    if not body:
        raise Refusal("body-missing")
    if not content_type:
        raise Refusal("format-not-taken", next_step="send-fhir-json")
    return _without_own_base(body, f"{request.base}/".encode())


def _without_own_base(body: bytes, base: bytes) -> bytes:
    """Absolute references to this server made relative: they mean its own records, whatever it is called."""
    if base not in body and base.replace(b"/", rb"\/") not in body:
        return body

    def resolve(target: bytes) -> bytes | None:
        relative = target.removeprefix(base)
        return relative if relative != target and _RELATIVE.match(relative) else None

    return rewritten(body, resolve)[0]


async def resource_for(request: Request, target: Target) -> ParsedResource:
    """The resource that was sent, if it is what the address says."""
    parsed = parse_resource(await resource_body(request))
    if parsed.value["resourceType"] != target.type:
        raise Refusal("type-in-address-differs", details={"expected": target.type})
    if target.id and parsed.value.get("id") != target.id:
        raise Refusal("id-in-address-differs")
    return parsed


def criteria(request: Request) -> str:
    """The search in the address of a conditional write; an empty one would mean everything."""
    if not request.query_string:
        raise Refusal("condition-missing", next_step="name-a-record-or-a-condition")
    return _plain(request.query_string)


def if_none_exist(request: Request) -> str | None:
    """The search in the header of a conditional create; None without the header."""
    header = request.headers.get(b"if-none-exist")
    return None if header is None else _plain(header)


def wanted_version(request: Request) -> int | None:
    """The version that an update expects: of If-Match, or none at all (`If-None-Match: *`)."""
    if request.header(b"if-none-match").strip() == "*":
        return NO_VERSION
    return expected_version(request.header(b"if-match"))


def _plain(query: bytes) -> str:
    """A query string; one that is not percent-encoded could match nothing, or something else, and is refused."""
    try:
        return query.decode("ascii")
    except UnicodeDecodeError as error:
        raise Refusal("search-not-understood", details={"expected": "percent-encoded UTF-8"}) from error


async def record_of(visit: Visit, done: Written | Unchanged) -> Record:
    """The record as it stands after a write."""
    if isinstance(done, Written) and done.stored is not None:
        return Record(
            type=done.type,
            id=done.id,
            version=done.version,
            changed_at=done.changed_at,
            text=resource_text(done.type, done.id, done.version, done.changed_at, done.stored),
        )
    request = visit.request
    return record_or_refusal(await visit.door.store.read(request.caller, request.purpose, done.type, done.id))
