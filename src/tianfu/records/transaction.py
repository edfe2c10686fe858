"""A transaction bundle: everything in it happens together or not at all.

Rules: https://hl7.org/fhir/R4/http.html#transaction .  Resources are parsed once, references are resolved in
memory, and each table is touched by one statement.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from tianfu.kernel.ids import FHIR_ID, new_uuid7
from tianfu.kernel.instants import Instant
from tianfu.kernel.refusal import Fault, Refusal
from tianfu.records.outcomes import Unchanged
from tianfu.records.prepare import Prepared, Preparer, deletion, refuse_invalid
from tianfu.records.references import conditional_references, resolve_from, rewritten
from tianfu.records.write import Change
from tianfu.standards.fhir.definitions import definitions
from tianfu.standards.fhir.parsing import BundleEntry, ParsedResource, parse_resource

ENTRIES_MAX = 20_000
_METHODS = ("DELETE", "POST", "PUT", "GET", "HEAD")
_UNKNOWN = Instant(0)
"""The time of a record that was matched but not read."""


class Condition(NamedTuple):
    """A search that decides what an entry means: `type` and the query string."""

    type: str
    query: str


Matches = Mapping[Condition, Sequence[str]]
"""The ids that match each condition; two are enough to know that it is not one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What one entry asks for.  `id` is None where a condition or the server decides it."""

    index: int
    method: str
    type: str
    id: str | None
    condition: Condition | None
    expected_version: int | None
    full_url: str | None
    resource: bytes | None
    url: str

    @property
    def path(self) -> str:
        return f"Bundle.entry[{self.index}]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """One entry once its id is known: a change to make, or None where nothing is to be done."""

    request: Request
    id: str
    change: Change | None
    answer: Unchanged | None = None


def read_requests(entries: Sequence[BundleEntry]) -> list[Request]:
    """The entries' requests in the order of the bundle; raises Refusal `bundle-invalid` with each entry's path."""
    if len(entries) > ENTRIES_MAX:
        raise Refusal("bundle-too-long", next_step="send-in-parts", details={"entries_max": str(ENTRIES_MAX)})
    return [_request(index, entry) for index, entry in enumerate(entries)]


def _request(index: int, entry: BundleEntry) -> Request:
    path = f"Bundle.entry[{index}].request"
    method, url = entry.method, entry.url
    if method is None or url is None or method not in _METHODS:
        raise _invalid(f"{path}.method", "method-not-supported", method=method or "")
    if method in {"GET", "HEAD"}:
        return _request_of(index, entry, method, "", None, None)
    address, _, query = url.partition("?")
    resource_type, _, logical_id = address.strip("/").partition("/")
    if resource_type not in definitions().type_numbers:
        raise _invalid(f"{path}.url", "type-unknown")
    if logical_id and not FHIR_ID.match(logical_id):
        raise _invalid(f"{path}.url", "id-invalid")
    if method in {"POST", "PUT"} and not entry.resource:
        raise _invalid(f"Bundle.entry[{index}].resource", "missing")
    condition = None
    if method == "POST":
        if logical_id or query:
            raise _invalid(f"{path}.url", "url-not-allowed")
        condition = Condition(resource_type, entry.if_none_exist) if entry.if_none_exist else None
    elif not logical_id:
        if not query:
            raise _invalid(f"{path}.url", "id-missing")
        condition = Condition(resource_type, query)
    return _request_of(index, entry, method, resource_type, logical_id or None, condition)


def _request_of(
    index: int, entry: BundleEntry, method: str, resource_type: str, logical_id: str | None, condition: Condition | None
) -> Request:
    return Request(
        index=index,
        method=method,
        type=resource_type,
        id=logical_id,
        condition=condition,
        expected_version=expected_version(entry.if_match, f"Bundle.entry[{index}].request.ifMatch"),
        full_url=entry.full_url,
        resource=entry.resource,
        url=entry.url or "",
    )


def expected_version(if_match: str | None, path: str) -> int | None:
    """The version number in an If-Match entity tag (`W/"3"`)."""
    if if_match is None:
        return None
    digits = if_match.strip().removeprefix("W/").strip('"')
    if not digits.isascii() or not digits.isdigit() or len(digits) > 9:
        raise _invalid(path, "version-invalid")
    return int(digits)


def conditions_of(requests: Sequence[Request]) -> list[Condition]:
    """All searches that must be answered before the bundle's meaning is known, each once."""
    found: dict[Condition, None] = {}
    for request in requests:
        if request.condition is not None:
            found[request.condition] = None
        if request.resource is not None and b"?" in request.resource:
            for reference in conditional_references(request.resource):
                found[reference_condition(reference)] = None
    return list(found)


def reference_condition(reference: bytes) -> Condition:
    """The search of a conditional reference."""
    resource_type, _, query = reference.decode("utf-8", "replace").partition("?")
    return Condition(resource_type, query)


def plan(requests: Sequence[Request], matches: Matches, preparer: Preparer) -> list[Planned]:
    """Give every entry its id, resolve the references between them, and prepare the writes."""
    planned = [_identified(request, matches) for request in requests if request.method not in {"GET", "HEAD"}]
    _refuse_doubles(planned)
    names = _new_names(planned)
    for condition, ids in matches.items():
        if len(ids) == 1:
            names[f"{condition.type}?{condition.query}".encode()] = f"{condition.type}/{ids[0]}".encode()
    return [_prepared(each, names, matches, preparer) for each in planned]


def _identified(request: Request, matches: Matches) -> Planned:
    ids = matches[request.condition] if request.condition is not None else ()
    if len(ids) > 1:
        raise Refusal(
            "condition-matches-several",
            next_step="narrow-the-condition",
            faults=(Fault(request.path, "condition-matches-several", {"type": request.type}),),
        )
    if request.method == "POST" and ids:
        unchanged = Unchanged(type=request.type, id=ids[0], version=0, changed_at=_UNKNOWN)
        return Planned(request=request, id=ids[0], change=None, answer=unchanged)
    if request.method == "DELETE" and request.condition is not None and not ids:
        return Planned(
            request=request,
            id="",
            change=None,
            answer=Unchanged(type=request.type, id="", version=0, changed_at=_UNKNOWN),
        )
    logical_id = request.id or (ids[0] if ids else new_uuid7())
    return Planned(request=request, id=logical_id, change=None)


def _refuse_doubles(planned: Sequence[Planned]) -> None:
    seen: set[tuple[str, str]] = set()
    for each in planned:
        key = each.request.type, each.id
        if each.answer is None and key in seen:
            raise _invalid(each.request.path, "record-twice-in-bundle")
        seen.add(key)


def _new_names(planned: Sequence[Planned]) -> dict[bytes, bytes]:
    names: dict[bytes, bytes] = {}
    for each in planned:
        full_url = each.request.full_url
        if full_url and each.request.method in {"POST", "PUT"}:
            new = f"{each.request.type}/{each.id}".encode()
            names[full_url.encode()] = new
            if not full_url.startswith("urn:"):
                names["/".join(full_url.rsplit("/", 2)[-2:]).encode()] = new
    return names


def _prepared(each: Planned, names: Mapping[bytes, bytes], matches: Matches, preparer: Preparer) -> Planned:
    request = each.request
    if each.answer is not None:
        return each
    if request.method == "DELETE":
        return replace(each, change=_change(request, deletion(request.type, each.id), is_new=False))
    text, unresolved = rewritten(request.resource or b"", resolve_from(names))
    if unresolved:
        raise _invalid(f"{request.path}.resource", "reference-unresolved", reference=unresolved[0])
    _refuse_unmatched(text, request, matches)
    parsed = parse_in(text, f"{request.path}.resource")
    if parsed.value["resourceType"] != request.type:
        raise _invalid(f"{request.path}.resource.resourceType", "type-differs-from-url")
    if request.method == "PUT" and request.id is not None and parsed.value.get("id") != request.id:
        raise _invalid(f"{request.path}.resource.id", "id-differs-from-url")
    refuse_invalid(parsed.value, at=lambda path: f"{request.path}.resource.{path}")
    is_new = request.method == "POST" or (request.id is None and not matches.get(_condition(request)))
    return replace(each, change=_change(request, preparer.write(parsed, each.id, is_valid=True), is_new=is_new))


def _condition(request: Request) -> Condition:
    return request.condition or Condition("", "")


def _refuse_unmatched(text: bytes, request: Request, matches: Matches) -> None:
    if b"?" not in text:
        return
    for reference in conditional_references(text):
        found = len(matches.get(reference_condition(reference), ()))
        raise _invalid(
            f"{request.path}.resource", "reference-matches-none" if not found else "reference-matches-several"
        )


def parse_in(text: bytes, path: str) -> ParsedResource:
    """Parse a resource that lies at `path` of something larger."""
    try:
        return parse_resource(text)
    except Refusal as refusal:
        raise Refusal(
            refusal.code,
            next_step=refusal.next_step,
            faults=(Fault(path, refusal.code, refusal.details), *refusal.faults),
            details=refusal.details,
        ) from refusal


def _change(request: Request, write: Prepared, *, is_new: bool) -> Change:
    return Change(write=write, is_new=is_new, expected_version=request.expected_version)


def _invalid(path: str, code: str, **details: str) -> Refusal:
    return Refusal("bundle-invalid", faults=(Fault(path, code, details),))
