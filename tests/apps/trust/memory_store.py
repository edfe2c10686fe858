"""A store in memory that answers like the real one, for tests of pages; it knows nothing of permission."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from tianfu.access.caller import Caller
from tianfu.access.purpose import Purpose
from tianfu.kernel.instants import SECOND, Instant, range_of
from tianfu.kernel.refusal import Refusal
from tianfu.records.outcomes import Answer, Found, HistoryEntry, HistoryPage, NotFound, Record, Written
from tianfu.records.store import BundleAnswer, SearchRequest
from tianfu.records.timeline import Slice, TimelineEntry, TimelinePage
from tianfu.records.trail.reading import TrailEvent, TrailPage, TrailQuestion
from tianfu.records.transaction import read_requests
from tianfu.standards.fhir.parsing import ParsedBundle
from tianfu.standards.fhir.validation import validate


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerEvent:
    """An event as the trail would tell it."""

    id: str
    at: Instant
    caller: str
    role: str
    practitioner: str | None = None
    organisation: str | None = None
    purpose: str = "TREAT"
    rule: str = "care-relationship"
    interaction: str = "read"
    outcome: str = "success"
    types: Sequence[tuple[str, int]] = (("Observation", 3),)


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerPage:
    """A page of the ledger."""

    events: Sequence[LedgerEvent]
    next_cursor: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundRecords:
    """A page of a search."""

    records: tuple[Record, ...]
    next_cursor: str | None
    total: int | None


@dataclass(slots=True)
class MemoryStore:
    """Keeps all versions; answers from the newest."""

    now: Instant
    versions: dict[tuple[str, str], list[Record]] = field(default_factory=dict)
    trail: dict[str, list[LedgerEvent]] = field(default_factory=dict)
    events: list[TrailEvent] = field(default_factory=list)
    """The whole trail, newest first."""

    asked: list[tuple[str, object]] = field(default_factory=list)
    """What was asked of the whole trail, and by which call."""

    looked_until: Instant | None = None
    """If set, every look at the whole trail stops there."""

    written: list[list[str]] = field(default_factory=list)
    """The types that each transaction wrote."""

    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def put(self, *resources: Mapping[str, Any]) -> None:
        """Add resources, or new versions of them; what is not valid FHIR is a mistake of the test."""
        for resource in resources:
            assert list(validate(dict(resource))) == []
            kept = self.versions.setdefault((resource["resourceType"], resource["id"]), [])
            kept.append(
                Record(
                    type=resource["resourceType"],
                    id=resource["id"],
                    version=len(kept) + 1,
                    changed_at=self.now,
                    text=orjson.dumps(resource),
                )
            )

    def seen(self, patient: str, *events: LedgerEvent) -> None:
        """Add events of a patient to the trail."""
        self.trail.setdefault(patient, []).extend(events)

    def of(self, resource_type: str) -> list[dict[str, Any]]:
        """The newest versions of all resources of a type."""
        return [kept[-1].value for (kind, _), kept in self.versions.items() if kind == resource_type]

    async def read_many(
        self, caller: Caller, purpose: Purpose, references: Sequence[tuple[str, str]]
    ) -> Sequence[Answer]:
        found = [self.versions.get(reference) for reference in references]
        return [Found(kept[-1]) if kept else NotFound() for kept in found]

    async def search(self, caller: Caller, purpose: Purpose, wanted: SearchRequest) -> FoundRecords:
        fields = [pair for pair in wanted.parameters if pair[0] not in {"_count", "_sort"}]
        limit = int(dict(wanted.parameters)["_count"])
        found = [
            kept[-1]
            for (kind, _), kept in self.versions.items()
            if kind == wanted.type and all(_matches(kept[-1].value, name, value) for name, value in fields)
        ]
        if sort := dict(wanted.parameters).get("_sort"):
            element = {"-authored-on": "authoredOn", "-sent": "sent"}[sort]
            found.sort(key=lambda record: str(record.value.get(element)), reverse=True)
        more = len(found) > limit
        return FoundRecords(records=tuple(found[:limit]), next_cursor="more" if more else None, total=len(found))

    async def locate(self, caller: Caller, purpose: Purpose, system: str, number: str) -> Sequence[str]:
        if caller.role == "officer":
            raise Refusal("role-cannot-do-this", next_step="ask-your-office")
        return [one["id"] for one in self.of("Patient") if _matches(one, "identifier", f"{system}|{number}")]

    async def history(
        self,
        caller: Caller,
        purpose: Purpose,
        resource_type: str | None,
        logical_id: str | None,
        *,
        limit: int,
        cursor: str | None = None,
    ) -> HistoryPage:
        kept = self.versions[resource_type or "", logical_id or ""]
        entries = [
            HistoryEntry(
                type=record.type,
                id=record.id,
                version=record.version,
                changed_at=record.changed_at,
                operation="create" if record.version == 1 else "update",
                record=record,
            )
            for record in reversed(kept)
        ]
        return HistoryPage(entries=tuple(entries[:limit]), as_of=self.now, next_cursor=None)

    async def timeline(
        self,
        caller: Caller,
        purpose: Purpose,
        patients: Sequence[str],
        *,
        slices: Sequence[Slice] | None = None,
        limit: int,
    ) -> TimelinePage:
        types = {each.type for each in slices or ()}
        entries = [
            TimelineEntry(record=kept[-1], patient=patient, low=None, high=None)
            for (kind, _), kept in self.versions.items()
            if kind in types
            for patient in patients
            if f"Patient/{patient}" in _references(kept[-1].value)
        ]
        return TimelinePage(entries=tuple(entries[:limit]), is_cut_off=len(entries) > limit)

    async def ledger(
        self,
        caller: Caller,
        purpose: Purpose,
        patients: Sequence[str],
        *,
        limit: int,
        cursor: str | None = None,
        after: Instant | None = None,
        before: Instant | None = None,
    ) -> LedgerPage:
        events = sorted(
            (
                event
                for patient in patients
                for event in self.trail.get(patient, ())
                if (after is None or event.at >= after) and (before is None or event.at < before)
            ),
            key=lambda event: -event.at,
        )
        start = int(cursor or 0)
        more = start + limit < len(events)
        return LedgerPage(events=events[start : start + limit], next_cursor=str(start + limit) if more else None)

    async def audit_events(
        self, caller: Caller, purpose: Purpose, wanted: TrailQuestion, *, limit: int, cursor: str | None = None
    ) -> TrailPage:
        self.asked.append(("audit_events", wanted))
        return self._page(wanted, limit, cursor)

    def _page(self, wanted: TrailQuestion, limit: int, cursor: str | None) -> TrailPage:
        found = [event for event in self.events if _is_wanted(event, wanted)]
        start = int(cursor or 0)
        more = str(start + limit) if start + limit < len(found) else None
        stopped = more is None and self.looked_until is not None
        return TrailPage(
            events=tuple(found[start : start + limit]),
            next_cursor=str(len(found)) if stopped else more,
            looked_until=self.looked_until if stopped else None,
        )

    async def audit_event(self, caller: Caller, purpose: Purpose, logical_id: str) -> TrailEvent | None:
        self.asked.append(("audit_event", logical_id))
        return next((event for event in self.events if event.id == logical_id), None)

    async def audit_export(
        self, caller: Caller, purpose: Purpose, wanted: TrailQuestion, *, limit: int
    ) -> AsyncIterator[TrailPage]:
        self.asked.append(("audit_export", wanted))

        async def pages() -> AsyncIterator[TrailPage]:
            cursor: str | None = None
            for start in range(0, limit, 200):
                page = self._page(wanted, min(200, limit - start), cursor)
                yield page
                cursor = page.next_cursor
                if cursor is None or page.looked_until is not None:
                    return

        return pages()

    async def transaction(self, caller: Caller, purpose: Purpose, bundle: ParsedBundle) -> Sequence[BundleAnswer]:
        requests = read_requests(bundle.entries)
        for each in requests:
            kept = self.versions.get((each.type, each.id or ""), [])
            if each.expected_version is not None and len(kept) != each.expected_version:
                raise Refusal("version-conflict")
        ids = {each.index: each.id or f"{each.type.lower()}-{next(self._numbers)}" for each in requests}
        addresses = {each.full_url: f"{each.type}/{ids[each.index]}" for each in requests if each.full_url}
        answers = []
        for each in requests:
            text = (each.resource or b"").decode()
            for address, reference in addresses.items():
                text = text.replace(address, reference)
            self.put({**orjson.loads(text), "id": ids[each.index]})
            record = self.versions[each.type, ids[each.index]][-1]
            outcome = Written(
                type=each.type,
                id=record.id,
                operation="update" if each.id else "create",
                version=record.version,
                changed_at=self.now,
                stored=None,
            )
            answers.append(BundleAnswer(request=each, outcome=outcome))
        self.written.append([answer.request.type for answer in answers])
        return answers


def _is_wanted(event: TrailEvent, wanted: TrailQuestion) -> bool:
    def fits(asked: Sequence[str] | None, *values: str | None) -> bool:
        return asked is None or bool(set(asked) & set(values))

    return all(
        (
            wanted.after is None or event.at >= wanted.after,
            wanted.before is None or event.at < wanted.before,
            wanted.patients is None or bool({f"Patient/{each}" for each in wanted.patients} & set(event.patients)),
            wanted.entities is None or bool({"/".join(each) for each in wanted.entities} & set(event.records)),
            fits(wanted.actors, event.caller, event.practitioner),
            fits(wanted.organisations, event.organisation),
            fits(wanted.sessions, event.session),
            fits(wanted.roles, event.role),
            fits(wanted.interactions, event.interaction),
            fits(wanted.outcomes, event.outcome),
            wanted.succeeded is None or (event.outcome == "success") == wanted.succeeded,
        )
    )


def _matches(resource: Mapping[str, Any], name: str, value: str) -> bool:
    if name == "name":
        given = resource["name"]
        return str(given if isinstance(given, str) else given[0]["text"]).startswith(value)
    return bool(set(value.split(",")) & set(_values(resource, name))) or any(
        wish.endswith("|") and any(one.startswith(wish) for one in _values(resource, name)) for wish in value.split(",")
    )


def _values(resource: Mapping[str, Any], name: str) -> Iterable[str]:
    match name:
        case "_id":
            return [resource["id"]]
        case "patient":
            found = [resource.get("for"), resource.get("patient")]
            return [one["reference"] for one in found if one]
        case "owner":
            return [(resource.get("owner") or {}).get("reference", "")]
        case "recipient":
            return [one.get("reference", "") for one in resource.get("recipient", ())]
        case "code" | "business-status":
            return _codings(resource.get({"code": "code", "business-status": "businessStatus"}[name]))
        case "category":
            return [each for one in resource.get("category", ()) for each in _codings(one)]
        case "type":
            return [each for one in resource.get("type", ()) for each in _codings(one)]
        case "active":
            return [str(resource.get("active", True)).lower()]
        case "identifier":
            return [f"{one.get('system', '')}|{one['value']}" for one in resource.get("identifier", ())]
        case "group-identifier":
            one = resource.get("groupIdentifier") or {}
            return [f"{one.get('system', '')}|{one.get('value', '')}"]
        case _:
            raise Refusal("search-parameter-unknown")


def _codings(concept: Mapping[str, Any] | None) -> list[str]:
    return [f"{one.get('system', '')}|{one.get('code', '')}" for one in (concept or {}).get("coding", ())]


def _references(value: Any) -> set[str]:
    if isinstance(value, list):
        return set().union(*map(_references, value))
    if not isinstance(value, dict):
        return set()
    own = {value["reference"]} if isinstance(value.get("reference"), str) else set()
    return own.union(*map(_references, value.values()))


def minutes(count: float) -> int:
    """Minutes in microseconds."""
    return int(count * 60 * SECOND)


def at(text: str) -> Instant:
    """The first microsecond of a time."""
    return range_of(text)[0]
