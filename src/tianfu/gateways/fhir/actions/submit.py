"""A bundle of requests: a transaction, done whole or not at all, or a batch, each by itself.

https://hl7.org/fhir/R4/http.html#transaction
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import orjson

from tianfu.gateways.fhir.actions.write import record_of, resource_body
from tianfu.gateways.fhir.addresses import Target
from tianfu.gateways.fhir.admission import tells_who
from tianfu.gateways.fhir.answers import record_or_refusal
from tianfu.gateways.fhir.bundles import bundle
from tianfu.gateways.fhir.door import Visit
from tianfu.gateways.fhir.exchange import Answer, read_form
from tianfu.gateways.fhir.negotiation import etag
from tianfu.gateways.fhir.queries.search import searchset
from tianfu.kernel.instants import to_fhir_instant
from tianfu.kernel.refusal import Fault, Refusal
from tianfu.records.outcomes import Found, Gone, NotFound, Page, Unchanged, Written
from tianfu.records.store import BundleAnswer
from tianfu.standards.fhir.parsing import BundleEntry, ParsedBundle, parse_bundle
from tianfu.web.failures import new_reference
from tianfu.web.outcome import outcome_of, status_of

_CONDITIONAL_REFERENCE = re.compile(rb'"[A-Z][A-Za-z]{2,40}(?:\?|\\\\u003[fF])')


async def submit(visit: Visit, target: Target) -> Answer:
    """Do a bundle and answer with one entry for each of its requests, in their order."""
    del target
    request, store = visit.request, visit.door.store
    asked = parse_bundle(await resource_body(request))
    if asked.type not in {"transaction", "batch"}:
        raise Refusal("bundle-invalid", faults=(Fault("Bundle.type", "bundle-type-not-done"),))
    await _count(visit, asked)
    do = store.transaction if asked.type == "transaction" else store.batch
    answers = await do(request.caller, request.purpose, asked)
    entries = [await _entry(visit, each) for each in answers]
    body = bundle(f"{asked.type}-response", at=visit.door.clock(), links=[], total=None, entries=entries)
    return Answer(status=200, body=body)


async def _count(visit: Visit, asked: ParsedBundle) -> None:
    """Each entry counts, and each question that could be used to guess who somebody is counts as such."""
    doorkeeper, admitted = visit.door.doorkeeper, visit.request.admitted
    await doorkeeper.count(admitted, "bundle", count=max(1, len(asked.entries)))
    guesses = sum(_guesses(entry) for entry in asked.entries)
    if guesses:
        await doorkeeper.count(admitted, "identity-search", count=guesses)


def _guesses(entry: BundleEntry) -> int:
    """How many questions of an entry could be used to guess; a reference by search counts whatever it names."""
    asked = [(entry.url or "").partition("?")[2], entry.if_none_exist or ""]
    by_search = len(_CONDITIONAL_REFERENCE.findall(entry.resource)) if entry.resource else 0
    return by_search + sum(tells_who(name for name, _ in read_form(each.encode())) for each in asked if each)


async def _entry(visit: Visit, answer: BundleAnswer) -> bytes:
    """One entry of the answer: what a single request would have been told."""
    match answer.outcome:
        case Written() | Unchanged() as done:
            return await _written_entry(visit, answer, done)
        case Found() | Gone() | NotFound() as found:
            try:
                record = record_or_refusal(found)
            except Refusal as refusal:
                return _refused_entry(visit, refusal)
            response = _response(200, version=record.version, changed_at=record.changed_at)
            return _joined(response, resource=record.text)
        case Page() as page:
            return _joined(_response(200), resource=searchset(visit, page.plan.type, page, []))
        case Refusal() as refusal:
            return _refused_entry(visit, refusal)


async def _written_entry(visit: Visit, answer: BundleAnswer, done: Written | Unchanged) -> bytes:
    if answer.request.method == "DELETE":
        return _joined(_response(204, version=done.version if isinstance(done, Written) else None))
    is_created = isinstance(done, Written) and done.is_created
    response = _response(201 if is_created else 200, version=done.version, changed_at=done.changed_at)
    response["location"] = f"{visit.request.base}/{done.type}/{done.id}/_history/{done.version}"
    if visit.request.preferences.representation != "representation":
        return _joined(response)
    return _joined(response, resource=(await record_of(visit, done)).text)


def _refused_entry(visit: Visit, refusal: Refusal) -> bytes:
    outcome = outcome_of(refusal, language=visit.language, reference=new_reference())
    return _joined(_response(status_of(refusal)), outcome=outcome)


def _response(status: int, *, version: int | None = None, changed_at: int | None = None) -> dict[str, Any]:
    response: dict[str, Any] = {"status": f"{status} {HTTPStatus(status).phrase}"}
    if version is not None:
        response["etag"] = etag(version).decode()
    if changed_at is not None:
        response["lastModified"] = to_fhir_instant(changed_at)
    return response


def _joined(response: Mapping[str, Any], *, resource: bytes = b"", outcome: bytes = b"") -> bytes:
    told = orjson.dumps(response)
    if outcome:
        told = told[:-1] + b',"outcome":' + outcome + b"}"
    return b'{"resource":%s,"response":%s}' % (resource, told) if resource else b'{"response":%s}' % told
