"""Records that match (https://hl7.org/fhir/R4/http.html#search), asked for by address or by form."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any
from urllib.parse import quote, urlencode

from tianfu.gateways.fhir.addresses import Target
from tianfu.gateways.fhir.admission import tells_who
from tianfu.gateways.fhir.bundles import Link, bundle, match_entry, outcome_entry
from tianfu.gateways.fhir.door import Visit
from tianfu.gateways.fhir.exchange import Answer, read_form
from tianfu.gateways.fhir.limits import FORM_BYTES_MAX
from tianfu.gateways.fhir.negotiation import is_form
from tianfu.gateways.fhir.resources import summarised, with_elements
from tianfu.kernel.refusal import Refusal
from tianfu.records.outcomes import Page, Record
from tianfu.records.search import INCLUDED_MAX, SearchPlan
from tianfu.records.search.whereabouts import yield_of
from tianfu.records.store import SearchRequest
from tianfu.standards.fhir.definitions import definitions
from tianfu.web.outcome import note, outcome_bytes

PRESENTATION = frozenset({"_format", "_pretty"})
"""Parameters about the form of the answer, which no search sees."""


async def search(visit: Visit, target: Target) -> Answer:
    """A search by address."""
    return await _searched(visit, target, visit.request.parameters)


async def search_form(visit: Visit, target: Target) -> Answer:
    """A search by form, for what should not stand in an address or does not fit there."""
    request = visit.request
    body = await request.body(bytes_max=FORM_BYTES_MAX)
    if body and not is_form(request.header(b"content-type")):
        raise Refusal("format-not-taken", next_step="send-a-form")
    sent = read_form(body)
    if tells_who(name for name, _ in sent):
        await visit.door.doorkeeper.count(request.admitted, "identity-search")
    return await _searched(visit, target, [*request.parameters, *sent])


async def _searched(visit: Visit, target: Target, given: Sequence[tuple[str, str]]) -> Answer:
    request = visit.request
    parameters = tuple(
        (name, _without_own_base(target.type, name, value, f"{request.base}/"))
        for name, value in given
        if name not in PRESENTATION
    )
    wish = SearchRequest(type=target.type, parameters=parameters, strict=request.preferences.strict)
    page = await visit.door.store.search(request.caller, request.purpose, wish)
    presentation = [pair for pair in given if pair[0] in PRESENTATION]
    return Answer(status=200, body=searchset(visit, target.type, page, presentation))


def _without_own_base(resource_type: str, name: str, value: str, base: str) -> str:
    """A reference by this server's own address is the same as the relative one; any other address is what it is.

    https://hl7.org/fhir/R4/search.html#reference
    """
    parameter = definitions().search_parameter(resource_type, name.partition(":")[0]) if base in value else None
    return value.replace(base, "") if parameter is not None and "Reference" in yield_of(parameter).types else value


def searchset(visit: Visit, resource_type: str, page: Page, presentation: list[tuple[str, str]]) -> bytes:
    """A page of results as a Bundle."""
    return bundle(
        "searchset",
        at=visit.door.clock(),
        links=_links(visit, resource_type, page, presentation),
        total=page.total,
        entries=_entries(visit, page),
    )


def _links(visit: Visit, resource_type: str, page: Page, presentation: list[tuple[str, str]]) -> list[Link]:
    """What was really searched, and where the next page is; the latter names nobody, for the cursor is sealed."""
    address = f"{visit.request.base}/{resource_type}"
    used = [pair for pair in page.plan.asked if pair[0] not in page.plan.ignored]
    query = urlencode([*used, *presentation], safe=":/,|$", quote_via=quote)
    links = [("self", f"{address}?{query}" if query else address)]
    if page.next_cursor is not None:
        links.append(("next", f"{address}?{urlencode([('_cursor', page.next_cursor), *presentation])}"))
    return links


def _entries(visit: Visit, page: Page) -> Iterable[bytes]:
    base = visit.request.base
    for record in page.records:
        yield match_entry(base, record.type, record.id, _shown(record, page.plan))
    for record in page.included:
        yield match_entry(base, record.type, record.id, _shown(record, page.plan), mode="include")
    notes = [*_ignored(visit, page.plan.ignored), *_cut_off(visit, page)]
    if notes:
        yield outcome_entry(outcome_bytes(notes, language=visit.language))


def _shown(record: Record, plan: SearchPlan) -> bytes:
    if plan.elements:
        return with_elements(record.type, record.text, plan.elements)
    return summarised(record.type, record.text, plan.summary)


def _ignored(visit: Visit, names: Sequence[str]) -> Iterable[dict[str, Any]]:
    for name in names:
        yield note("parameter-ignored", language=visit.language, severity="warning", parameter=name[:100])


def _cut_off(visit: Visit, page: Page) -> Iterable[dict[str, Any]]:
    if page.is_cut_off:
        yield note("included-cut-off", language=visit.language, severity="warning", limit=str(INCLUDED_MAX))
