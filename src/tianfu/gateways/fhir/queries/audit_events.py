"""The trail as AuditEvents: searched and read, never written (https://hl7.org/fhir/R4/auditevent.html)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import urlencode

from tianfu.gateways.fhir.addresses import Target
from tianfu.gateways.fhir.bundles import bundle, match_entry
from tianfu.gateways.fhir.door import Visit
from tianfu.gateways.fhir.exchange import Answer, read_form
from tianfu.gateways.fhir.limits import FORM_BYTES_MAX
from tianfu.gateways.fhir.negotiation import is_form
from tianfu.kernel.instants import Instant, range_of
from tianfu.kernel.refusal import Refusal
from tianfu.records.search.refusals import malformed
from tianfu.records.trail.as_fhir import ACTIONS, CALLERS, INTERACTIONS, ROLES, audit_event_text
from tianfu.records.trail.reading import TrailQuestion
from tianfu.standards.fhir.definitions import definitions

COUNT_DEFAULT = 50
VALUES_MAX = 100

_PRESENTATION = frozenset({"_format", "_pretty"})
_EXECUTIONS = (
    "search",
    "timeline",
    "census",
    "measured",
    "my_patients",
    "transaction",
    "batch",
    "import",
    "ledger",
    "audit_events",
    "audit_export",
)
"""Interactions whose action is E."""


async def search_trail(visit: Visit, target: Target) -> Answer:
    """A page of events, newest first."""
    del target
    return await _searched(visit, visit.request.parameters)


async def search_trail_form(visit: Visit, target: Target) -> Answer:
    """The same, asked by form."""
    del target
    request = visit.request
    body = await request.body(bytes_max=FORM_BYTES_MAX)
    if body and not is_form(request.header(b"content-type")):
        raise Refusal("format-not-taken", next_step="send-a-form")
    return await _searched(visit, [*request.parameters, *read_form(body)])


async def read_trail(visit: Visit, target: Target) -> Answer:
    """One event."""
    request = visit.request
    event = await visit.door.store.audit_event(request.caller, request.purpose, target.id)
    if event is None:
        raise Refusal("not-found", next_step="check-the-address")
    return Answer(status=200, body=audit_event_text(event))


async def _searched(visit: Visit, parameters: Iterable[tuple[str, str]]) -> Answer:
    request = visit.request
    asked = [(name, value) for name, value in parameters if name not in _PRESENTATION]
    given = dict(asked)
    page = await visit.door.store.audit_events(
        request.caller,
        request.purpose,
        question_of(asked),
        limit=_count(given.get("_count", "")),
        cursor=given.get("_cursor"),
    )
    address = f"{request.base}/AuditEvent"
    kept = [(name, value) for name, value in asked if name != "_cursor"]
    links = [("self", f"{address}?{urlencode(asked)}" if asked else address)]
    if page.next_cursor is not None:
        links.append(("next", f"{address}?{urlencode([*kept, ('_cursor', page.next_cursor)])}"))
    entries = [match_entry(request.base, "AuditEvent", each.id, audit_event_text(each)) for each in page.events]
    return Answer(status=200, body=bundle("searchset", at=visit.door.clock(), links=links, total=None, entries=entries))


def question_of(parameters: Iterable[tuple[str, str]]) -> TrailQuestion:
    """What a search asks; a parameter that is not understood is refused by name."""
    asked: dict[str, Any] = {}
    for name, value in parameters:
        if name in {"_count", "_cursor"}:
            continue
        if name == "date":
            _take_date(asked, value)
            continue
        reader = _READERS.get(name)
        if reader is None:
            known = ", ".join(sorted({*_READERS, "date", "_count"}))
            details = {"type": "AuditEvent", "parameter": name[:100], "known": known}
            raise Refusal("search-parameter-unknown", details=details)
        values = value.split(",")
        if not value or len(values) > VALUES_MAX:
            raise malformed(name, "values-between-commas")
        field, read = reader
        found = read(name, values)
        # What is asked twice must hold twice.
        asked[field] = tuple(each for each in found if each in asked[field]) if field in asked else found
    outcome = asked.pop("outcome", None)
    if outcome is not None and len(set(outcome)) == 1:
        asked["succeeded"] = outcome[0] == "0"
    elif outcome == ():
        asked["interactions"] = ()
    return TrailQuestion(**asked)


def _take_date(asked: dict[str, Any], value: str) -> None:
    prefix, text = (value[:2], value[2:]) if value[:2].isalpha() else ("eq", value)
    try:
        low, high = range_of(text.replace(" ", "+"))
    except (ValueError, OverflowError) as error:
        raise malformed("date", "an-instant") from error
    after = {"eq": low, "ge": low, "gt": Instant(high + 1), "sa": Instant(high + 1)}.get(prefix)
    before = {"eq": Instant(high + 1), "le": Instant(high + 1), "lt": low, "eb": low}.get(prefix)
    if after is None and before is None:
        raise malformed("date", "a-prefix-that-a-period-has")
    if after is not None:
        asked["after"] = max(after, asked.get("after", after))
    if before is not None:
        asked["before"] = min(before, asked.get("before", before))


def _ids(kind: str) -> Callable[[str, list[str]], tuple[str, ...]]:
    def read(name: str, values: list[str]) -> tuple[str, ...]:
        return tuple(_reference(name, value, kind)[1] for value in values)

    return read


def _reference(name: str, value: str, kind: str = "") -> tuple[str, str]:
    named, _, logical_id = value.rpartition("/")
    named = named.rpartition("/")[2] or kind
    if not logical_id or (kind and named != kind) or named not in definitions().type_numbers:
        raise malformed(name, "a-reference")
    return named, logical_id


def _entities(name: str, values: list[str]) -> tuple[tuple[str, str], ...]:
    return tuple(_reference(name, value) for value in values)


def _codes(system: str) -> Callable[[str, list[str]], tuple[str, ...]]:
    def read(name: str, values: list[str]) -> tuple[str, ...]:
        found = []
        for value in values:
            given, bar, code = value.rpartition("|")
            if bar and given not in {"", system}:
                continue
            found.append(code)
        return tuple(found)

    return read


def _actions(name: str, values: list[str]) -> tuple[str, ...]:
    unknown = [value for value in values if value not in {"C", "R", "U", "D", "E"}]
    if unknown:
        raise malformed(name, "one-of-C-R-U-D-E")
    named = [interaction for interaction, action in ACTIONS.items() if action in values]
    return (*named, *(_EXECUTIONS if "E" in values else ()))


def _outcomes(name: str, values: list[str]) -> tuple[str, ...]:
    if any(value not in {"0", "4"} for value in values):
        raise malformed(name, "0-or-4")
    return tuple(values)


def _types(name: str, values: list[str]) -> tuple[str, ...]:
    if any(value not in definitions().type_numbers for value in values):
        raise malformed(name, "a-resource-type")
    return tuple(values)


_READERS: dict[str, tuple[str, Callable[[str, list[str]], tuple[Any, ...]]]] = {
    "patient": ("patients", _ids("Patient")),
    "agent": ("practitioners", _ids("Practitioner")),
    "agent:identifier": ("callers", _codes(CALLERS)),
    "altid": ("callers", _codes(CALLERS)),
    "agent-role": ("roles", _codes(ROLES)),
    "action": ("interactions", _actions),
    "subtype": ("interactions", _codes(INTERACTIONS)),
    "outcome": ("outcome", _outcomes),
    "entity": ("entities", _entities),
    "entity:type": ("types", _types),
}
"""Parameters by name: the field of the question that they fill, and how their values are read."""


def _count(text: str) -> int:
    if not text:
        return COUNT_DEFAULT
    if not text.isascii() or not text.isdigit() or len(text) > 9 or int(text) < 1:
        raise malformed("_count", "a-whole-number")
    return int(text)
