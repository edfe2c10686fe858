"""A transaction bundle: everything in it happens together or not at all.

Rules: https://hl7.org/fhir/R4/http.html#transaction .  Resources are parsed once, references are resolved in
memory, and each table is touched by one statement.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from tianfu.kernel.ids import FHIR_ID, new_uuid7
from tianfu.kernel.instants import Instant
from tianfu.kernel.refusal import Fault, Refusal
from tianfu.records.matching import Condition, Matches
from tianfu.records.outcomes import Unchanged
from tianfu.records.prepare import Prepared, Preparer, deletion, refuse_invalid
from tianfu.records.references import Resolve, conditional_references, resolve_from, rewritten
from tianfu.records.write import ANY_VERSION, NO_VERSION, Change
from tianfu.standards.fhir.definitions import definitions
from tianfu.standards.fhir.parsing import BundleEntry, ParsedResource, parse_resource

ENTRIES_MAX = 20_000
_METHODS = ("DELETE", "POST", "PUT", "GET", "HEAD")
_UNKNOWN = Instant(0)
"""The time of a record that was matched but not read."""


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


def read_requests(entries: Sequence[BundleEntry], *, first: int = 0) -> list[Request]:
    """The entries' requests in the order of the bundle; raises Refusal `bundle-invalid` with an entry's path.

    `first` is the place in its bundle of the first of these entries.
    """
    requests = [_request(index, entry) for index, entry in enumerate(entries, first)]
    _refuse_equal_addresses(requests)
    return requests


def refuse_too_many(entries: Sequence[BundleEntry]) -> None:
    """Raise Refusal `bundle-too-long`."""
    if len(entries) > ENTRIES_MAX:
        raise Refusal("bundle-too-long", next_step="send-in-parts", details={"entries_max": str(ENTRIES_MAX)})


def _refuse_equal_addresses(requests: Sequence[Request]) -> None:
    """Two entries of one name: a reference to it would go to either (https://hl7.org/fhir/R4/bundle.html, bdl-7)."""
    seen: set[str] = set()
    for request in requests:
        if request.full_url and request.resource is not None:
            if request.full_url in seen:
                raise _invalid(f"{request.path}.fullUrl", "full-url-twice")
            seen.add(request.full_url)


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
        condition = None if entry.if_none_exist is None else Condition(resource_type, entry.if_none_exist)
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
    """The version number in an If-Match entity tag (`W/"3"`), or ANY_VERSION (`*`)."""
    if if_match is None:
        return None
    if if_match.strip() == "*":
        return ANY_VERSION
    digits = if_match.strip().removeprefix("W/").strip('"')
    if not digits.isascii() or not digits.isdigit() or len(digits) > 9:
        raise _invalid(path, "version-invalid")
    return int(digits)


def conditions_of(requests: Sequence[Request]) -> tuple[list[Condition], list[Condition]]:
    """The searches that decide what is written, and those that references ask; each once."""
    deciding = dict.fromkeys(request.condition for request in requests if request.condition is not None)
    asking = dict.fromkeys(
        reference_condition(reference)
        for request in requests
        if request.resource is not None and b"?" in request.resource
        for reference in conditional_references(request.resource)
    )
    return list(deciding), list(asking)


def identities_of(requests: Sequence[Request], preparer: Preparer) -> set[bytes]:
    """The identities of what conditional entries would write; a faulty entry has none and is refused later."""
    found: set[bytes] = set()
    for request in requests:
        if request.condition is not None and request.resource is not None:
            with suppress(Refusal):
                found |= preparer.identities(parse_resource(request.resource))
    return found


def reference_condition(reference: bytes) -> Condition:
    """The search of a conditional reference."""
    resource_type, _, query = reference.decode("utf-8", "replace").partition("?")
    return Condition(resource_type, query)


def plan(requests: Sequence[Request], matches: Matches, preparer: Preparer) -> list[Planned]:
    """Give every entry its id, resolve the references between them, and prepare the writes."""
    made: dict[Hashable, str] = {}
    planned = [_identified(request, matches, made) for request in requests if request.method not in {"GET", "HEAD"}]
    _refuse_doubles(planned)
    names = _names(planned)
    for condition, ids in matches.ids.items():
        if len(ids) == 1:
            names.everywhere[f"{condition.type}?{condition.query}".encode()] = f"{condition.type}/{ids[0]}".encode()
    return [_prepared(each, names, matches, preparer) for each in planned]


def _identified(request: Request, matches: Matches, made: dict[Hashable, str]) -> Planned:
    """An entry with its id; `made` are the ids of new records by what was looked for in vain."""
    if request.condition is None:
        return Planned(request=request, id=request.id or new_uuid7(), change=None)
    ids = matches.ids[request.condition]
    if len(ids) > 1:
        raise Refusal(
            "condition-matches-several",
            next_step="narrow-the-condition",
            faults=(Fault(request.path, "condition-matches-several", {"type": request.type}),),
        )
    meaning = matches.meanings[request.condition]
    if request.method == "POST" and (ids or meaning in made):
        # What an earlier entry of this bundle makes is there for those that follow.
        return _answered(request, ids[0] if ids else made[meaning])
    if request.method == "DELETE":
        return Planned(request=request, id=ids[0], change=None) if ids else _answered(request, "")
    if meaning in made:
        raise _invalid(request.path, "record-twice-in-bundle")
    logical_id = _own_id(request, ids) or new_uuid7()
    if not ids:
        made[meaning] = logical_id
    return Planned(request=request, id=logical_id, change=None)


def _own_id(request: Request, ids: Sequence[str]) -> str | None:
    """The id of a conditional update's record: the one that matches, else the one that the client gave."""
    given = None
    if request.method == "PUT":
        given = parse_in(request.resource or b"", f"{request.path}.resource").value.get("id")
        if given is not None and not (isinstance(given, str) and FHIR_ID.match(given)):
            raise _invalid(f"{request.path}.resource.id", "id-invalid")
        if given is not None and ids and given != ids[0]:
            raise _invalid(f"{request.path}.resource.id", "id-differs-from-match")
    return ids[0] if ids else given


def _answered(request: Request, logical_id: str) -> Planned:
    unchanged = Unchanged(type=request.type, id=logical_id, version=0, changed_at=_UNKNOWN)
    return Planned(request=request, id=logical_id, change=None, answer=unchanged)


def _refuse_doubles(planned: Sequence[Planned]) -> None:
    """Refuse a bundle whose outcome would hang on the order of its entries (http.html#trules)."""
    seen: set[tuple[str, str]] = set()
    gone = {(each.request.type, each.id) for each in planned if each.request.method == "DELETE" and each.id}
    for each in planned:
        key = each.request.type, each.id
        if (each.answer is None and key in seen) or (key in gone and each.request.method != "DELETE"):
            raise _invalid(each.request.path, "record-twice-in-bundle")
        seen.add(key)


@dataclass(frozen=True, slots=True)
class _Names:
    """New names by old: by whole address, and by `Type/id` among the entries that share a base."""

    everywhere: dict[bytes, bytes]
    beneath: dict[str, dict[bytes, bytes]]

    def resolver(self, full_url: str | None) -> Resolve:
        """Resolves the references of one entry (https://hl7.org/fhir/R4/bundle.html#references)."""
        near = self.beneath.get(_base_of(full_url), {})
        return resolve_from({**self.everywhere, **near} if near else self.everywhere)


def _base_of(full_url: str | None) -> str:
    """What stands before `Type/id` in an entry's address; entries without one of their own share the empty base."""
    return "" if not full_url or full_url.startswith("urn:") else full_url.rsplit("/", 2)[0]


def _names(planned: Sequence[Planned]) -> _Names:
    names = _Names({}, defaultdict(dict))
    bases: defaultdict[bytes, set[str]] = defaultdict(set)
    for each in planned:
        full_url = each.request.full_url
        if full_url and each.request.method in {"POST", "PUT"}:
            new = f"{each.request.type}/{each.id}".encode()
            names.everywhere[full_url.encode()] = new
            if not full_url.startswith("urn:"):
                relative = "/".join(full_url.rsplit("/", 2)[-2:]).encode()
                names.beneath[_base_of(full_url)][relative] = new
                bases[relative].add(_base_of(full_url))
    # An entry without a base may mean the only one of that name.
    for relative, where in bases.items():
        if len(where) == 1:
            names.beneath[""].setdefault(relative, names.beneath[next(iter(where))][relative])
    return names


def _prepared(each: Planned, names: _Names, matches: Matches, preparer: Preparer) -> Planned:
    request = each.request
    if each.answer is not None:
        return each
    if request.method == "DELETE":
        return replace(each, change=_change(request, deletion(request.type, each.id), matches))
    text, unresolved = request.resource or b"", list[str]()
    if request.type != "Bundle":  # a bundle within resolves its references itself
        text, unresolved = rewritten(text, names.resolver(request.full_url))
    if unresolved:
        raise _invalid(f"{request.path}.resource", "reference-unresolved", reference=unresolved[0])
    _refuse_unmatched(text, request, matches)
    parsed = parse_in(text, f"{request.path}.resource")
    if parsed.value["resourceType"] != request.type:
        raise _invalid(f"{request.path}.resource.resourceType", "type-differs-from-url")
    if request.method == "PUT" and request.id is not None and parsed.value.get("id") != request.id:
        raise _invalid(f"{request.path}.resource.id", "id-differs-from-url")
    refuse_invalid(parsed.value, at=lambda path: f"{request.path}.resource.{path}")
    return replace(each, change=_change(request, preparer.write(parsed, each.id, is_valid=True), matches))


def _refuse_unmatched(text: bytes, request: Request, matches: Matches) -> None:
    if b"?" not in text:
        return
    for reference in conditional_references(text):
        found = len(matches.ids.get(reference_condition(reference), ()))
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


def _change(request: Request, write: Prepared, matches: Matches) -> Change:
    is_found = request.condition is not None and bool(matches.ids[request.condition])
    expected = request.expected_version
    if request.method == "PUT" and request.condition is not None and not is_found and expected is None:
        expected = NO_VERSION  # what does not match the condition is not overwritten
    return Change(write=write, is_new=request.method == "POST", expected_version=expected)


def _invalid(path: str, code: str, **details: str) -> Refusal:
    return Refusal("bundle-invalid", faults=(Fault(path, code, details),))
