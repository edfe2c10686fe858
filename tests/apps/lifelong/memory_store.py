"""A store in memory that answers like the real one, for tests of pages; it knows nothing of permission or time."""

from __future__ import annotations

import bisect
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from tianfu.access.caller import Caller
from tianfu.access.purpose import Purpose
from tianfu.apps.lifelong.mapping.elements import when_of
from tianfu.apps.lifelong.queries.record import patient_id_in
from tianfu.kernel.ids import derived_id
from tianfu.kernel.instants import Instant, range_of
from tianfu.kernel.refusal import Refusal
from tianfu.records.outcomes import Answer, Found, Gone, HistoryEntry, HistoryPage, NotFound, Record
from tianfu.records.store import SearchRequest
from tianfu.records.tied import Behind, TiedPage
from tianfu.records.timeline import CensusRow, Measured, Slice, TimelineEntry, TimelinePage
from tianfu.standards.china.names import folded, search_keys

CHANGED_AT = Instant(1_790_000_000_000_000)


def record_of(resource: Mapping[str, Any], *, version: int = 1) -> Record:
    """A record of a resource that already has its id."""
    return Record(
        type=resource["resourceType"],
        id=resource["id"],
        version=version,
        changed_at=Instant(CHANGED_AT + version * 3_600_000_000),
        text=orjson.dumps(resource),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundRecords:
    """A page of a search."""

    records: tuple[Record, ...]
    next_cursor: str | None
    total: int | None


@dataclass(slots=True)
class MemoryStore:
    """Keeps all versions; answers from the newest."""

    versions: dict[tuple[str, str], list[Record | None]] = field(default_factory=dict)
    asked: list[tuple[str, Purpose]] = field(default_factory=list)

    def put(self, *resources: Mapping[str, Any]) -> None:
        """Add resources, or new versions of them."""
        for resource in resources:
            kept = self.versions.setdefault((resource["resourceType"], resource["id"]), [])
            kept.append(record_of(resource, version=len(kept) + 1))

    def delete(self, resource_type: str, logical_id: str) -> None:
        """Mark a record as deleted."""
        self.versions[resource_type, logical_id].append(None)

    def put_library(self, source: str, resources: Iterable[dict[str, Any]]) -> None:
        """Add a library's records as an import would: ids of our own, references that follow, the source marked."""
        for resource in resources:
            resource["id"] = derived_id(source, resource["resourceType"], resource["id"])
            resource.setdefault("meta", {})["source"] = source
            self.put(_relinked(resource, source))

    async def read_many(
        self, caller: Caller, purpose: Purpose, references: Sequence[tuple[str, str]]
    ) -> Sequence[Answer]:
        self.asked.append(("read_many", purpose))
        return [self._answer(*reference) for reference in references]

    async def vread(
        self, caller: Caller, purpose: Purpose, resource_type: str, logical_id: str, version: int
    ) -> Answer:
        kept = self.versions.get((resource_type, logical_id), [])
        record = kept[version - 1] if 0 < version <= len(kept) else None
        return Found(record) if record else NotFound()

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
        kept = self.versions.get((resource_type or "", logical_id or ""))
        if kept is None:
            raise Refusal("not-found", next_step="check-the-address")
        entries = [
            HistoryEntry(
                type=resource_type or "",
                id=logical_id or "",
                version=number,
                changed_at=Instant(CHANGED_AT + number * 3_600_000_000),
                operation="delete" if record is None else "create" if number == 1 else "update",
                record=record,
            )
            for number, record in enumerate(kept, 1)
        ]
        start = int(cursor or 0)
        shown = entries[::-1][start : start + limit]
        more = start + limit < len(entries)
        return HistoryPage(entries=tuple(shown), as_of=Instant(0), next_cursor=str(start + limit) if more else None)

    async def search(self, caller: Caller, purpose: Purpose, wanted: SearchRequest) -> FoundRecords:
        self.asked.append(("search", purpose))
        limit = int(dict(wanted.parameters).get("_count", "20"))
        found = [
            record
            for record in self._current()
            if record.type == wanted.type
            and all(_matches(record.value, name, value) for name, value in wanted.parameters)
        ]
        more = len(found) > limit
        return FoundRecords(records=tuple(found[:limit]), next_cursor="more" if more else None, total=len(found))

    async def my_patients(
        self, caller: Caller, purpose: Purpose, *, after: Behind | None = None, limit: int
    ) -> TiedPage:
        self.asked.append(("my_patients", purpose))
        return TiedPage(patients=(), next=None)  # who is tied to whom is asked of the real store alone

    async def timeline(
        self,
        caller: Caller,
        purpose: Purpose,
        patients: Sequence[str],
        *,
        slices: Sequence[Slice] | None = None,
        codes: Sequence[str] | None = None,
        after: Instant | None = None,
        before: Instant | None = None,
        limit: int,
    ) -> TimelinePage:
        self.asked.append(("timeline", purpose))
        entries = [
            entry
            for entry in self._entries(patients)
            if (slices is None or any(_fits(entry.record, one) for one in slices))
            and (codes is None or _code(entry.record.value) in codes)
            and (after is None or (entry.low is not None and entry.low >= after))
            and (before is None or (entry.low is None and after is None) or (entry.low or 0) < before)
        ]
        return TimelinePage(entries=tuple(entries[:limit]), is_cut_off=len(entries) > limit)

    async def census(
        self, caller: Caller, purpose: Purpose, patients: Sequence[str], *, edges: Sequence[Instant]
    ) -> Sequence[CensusRow]:
        counted = Counter(
            (
                entry.patient,
                entry.record.type,
                _category(entry.record),
                0 if entry.low is None else bisect.bisect_right(edges, entry.low),
            )
            for entry in self._entries(patients)
        )
        return [
            CensusRow(patient=patient, type=type_, category=category, stretch=stretch, count=count)
            for (patient, type_, category, stretch), count in counted.items()
        ]

    async def measured(self, caller: Caller, purpose: Purpose, patients: Sequence[str]) -> Sequence[Measured]:
        newest: dict[str, TimelineEntry] = {}
        counts: Counter[str] = Counter()
        for entry in self._entries(patients):
            value = entry.record.value
            numbers = "valueQuantity" in value or any("valueQuantity" in one for one in value.get("component", ()))
            if entry.record.type == "Observation" and numbers:
                counts[_code(value)] += 1
                newest.setdefault(_code(value), entry)
        return [Measured(code=code, count=counts[code], newest=entry) for code, entry in newest.items()]

    def _current(self) -> Iterable[Record]:
        return [kept[-1] for kept in self.versions.values() if kept[-1] is not None]

    def _answer(self, resource_type: str, logical_id: str) -> Answer:
        kept = self.versions.get((resource_type, logical_id))
        if kept is None:
            return NotFound()
        record = kept[-1]
        return Found(record) if record else Gone(since=CHANGED_AT, version=len(kept))

    def _entries(self, patients: Sequence[str]) -> list[TimelineEntry]:
        entries = [
            TimelineEntry(
                record=record, patient=patient, low=when.low if when else None, high=when.high if when else None
            )
            for record in self._current()
            if record.type != "Patient" and (patient := patient_id_in(record.value)) in patients
            for when in [when_of(record.value)]
        ]
        return sorted(entries, key=lambda entry: (entry.low is None, -(entry.low or 0), entry.record.id))


def _relinked(value: Any, source: str) -> Any:
    if isinstance(value, list):
        return [_relinked(one, source) for one in value]
    if not isinstance(value, dict):
        return value
    made = {name: _relinked(one, source) for name, one in value.items()}
    text = made.get("reference")
    if isinstance(text, str) and text.count("/") == 1:
        type_, identity = text.split("/")
        made["reference"] = f"{type_}/{derived_id(source, type_, identity)}"
    return made


def _code(value: Mapping[str, Any]) -> str:
    coding = (value.get("code") or {}).get("coding") or [{}]
    return f"{coding[0].get('system', '')}|{coding[0].get('code', '')}"


def _category(record: Record) -> str | None:
    if record.type == "Encounter":
        coding = record.value.get("class")
    else:
        category = record.value.get("category")
        first = category[0] if isinstance(category, list) and category else category
        coding = (first.get("coding") or [None])[0] if isinstance(first, dict) else None
    return f"{coding.get('system', '')}|{coding.get('code', '')}" if coding else None


def _fits(record: Record, wanted: Slice) -> bool:
    return record.type == wanted.type and wanted.category in (None, _category(record))


def _matches(resource: Mapping[str, Any], name: str, value: str) -> bool:
    match name:
        case "name":
            wanted = folded(value)
            texts = [
                one.get("text") or one.get("family", "") + "".join(one.get("given", ())) for one in resource["name"]
            ]
            return any(key.startswith(wanted) for text in texts for key in search_keys(text))
        case "identifier":
            wishes = [one.rpartition("|")[2] for one in value.split(",")]
            return any(one["value"] in wishes for one in resource.get("identifier", ()))
        case "identifier-tail":
            return any(one["value"][-4:] == value for one in resource.get("identifier", ()))
        case "birthdate":
            low, high = range_of(value)
            return "birthDate" in resource and low <= range_of(resource["birthDate"])[0] <= high
        case "_count" | "_total":
            return True
        case _:
            raise Refusal("search-parameter-unknown")
