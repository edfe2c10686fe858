"""All records about one patient (https://hl7.org/fhir/R4/patient-operation-everything.html)."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import urlencode

from tianfu.gateways.fhir.addresses import Target
from tianfu.gateways.fhir.bundles import bundle, match_entry
from tianfu.gateways.fhir.door import Visit
from tianfu.gateways.fhir.exchange import Answer
from tianfu.gateways.fhir.queries.search import PRESENTATION
from tianfu.records.everything import EverythingPage, EverythingRequest


async def everything(visit: Visit, target: Target) -> Answer:
    """A page: what is about the person, and behind it the people and places that it names."""
    request = visit.request
    parameters = tuple(pair for pair in request.parameters if pair[0] not in PRESENTATION)
    wish = EverythingRequest(patient=target.id, parameters=parameters, strict=request.preferences.strict)
    page = await visit.door.store.everything(request.caller, request.purpose, wish)
    presentation = [pair for pair in request.parameters if pair[0] in PRESENTATION]
    address = "/".join([request.base, *request.segments])
    used = urlencode([*page.asked, *presentation])
    links = [("self", f"{address}?{used}" if used else address)]
    if page.next_cursor is not None:
        links.append(("next", f"{address}?{urlencode([('_cursor', page.next_cursor), *presentation])}"))
    entries = _entries(request.base, page)
    return Answer(status=200, body=bundle("searchset", at=visit.door.clock(), links=links, total=None, entries=entries))


def _entries(base: str, page: EverythingPage) -> Iterable[bytes]:
    for record in page.records:
        yield match_entry(base, record.type, record.id, record.text)
    for record in page.supporting:
        yield match_entry(base, record.type, record.id, record.text, mode="include")
