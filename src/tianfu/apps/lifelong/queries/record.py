"""Screen: one record, readable, with links to what it refers to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import msgspec

from tianfu.apps.lifelong.mapping.elements import Element, decoded, id_in
from tianfu.apps.lifelong.mapping.masking import masked, numbers_in
from tianfu.apps.lifelong.mapping.record_rows import rows_of
from tianfu.apps.lifelong.mapping.timeline import entry_of
from tianfu.apps.lifelong.model.entries import Entry
from tianfu.apps.lifelong.model.rows import Link, Row
from tianfu.apps.lifelong.queries.person import KnownPerson, found_record, know_unless_deleted
from tianfu.apps.lifelong.store import LifeStore
from tianfu.kernel.refusal import Refusal
from tianfu.records.outcomes import Found, Record
from tianfu.standards.fhir.definitions import definitions
from tianfu.web.asking import Asking

_ENCODER = msgspec.json.Encoder(decimal_format="number")

LINKS_MAX = 60
SUBJECT_NAMES = ("subject", "patient", "beneficiary", "individual", "for")
"""Where a resource names the person it is about."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordView:
    """One version of a record; `known` is the person it is about, if it is about one."""

    record: Record
    entry: Entry
    linked: Mapping[str, Entry]
    """What the references without words of their own point to, by `Type/id`."""

    rows: tuple[Row, ...]
    technical: tuple[Row, ...]
    text: str
    known: KnownPerson | None
    is_newest: bool


async def read_record(
    store: LifeStore, asking: Asking, resource_type: str, logical_id: str, *, version: int | None = None
) -> RecordView:
    """The newest version of a record, or the one asked for."""
    if resource_type not in definitions().type_numbers:
        raise Refusal("not-found", next_step="start-again")
    if version is None:
        [answer] = await store.read_many(asking.caller, asking.purpose, [(resource_type, logical_id)])
    else:
        answer = await store.vread(asking.caller, asking.purpose, resource_type, logical_id, version)
    record = found_record(answer)
    resource = decoded(record.text)
    subject = patient_id_in(resource)
    rows, technical = rows_of(resource)
    return RecordView(
        record=record,
        entry=entry_of(resource, patient=subject),
        linked=await _linked(store, asking, rows),
        rows=rows,
        technical=technical,
        text=indented(masked(resource, numbers_in(resource))),
        known=await know_unless_deleted(store, asking, subject),
        is_newest=version is None,
    )


async def _linked(store: LifeStore, asking: Asking, rows: Sequence[Row]) -> dict[str, Entry]:
    """Read what is pointed at without being named, and diagnoses for their certainty; at most `LINKS_MAX`."""
    links = [link for link in _links(rows) if _is_worth_reading(link)][:LINKS_MAX]
    if not links:
        return {}
    answers = await store.read_many(asking.caller, asking.purpose, [(link.type, link.id) for link in links])
    return {
        f"{link.type}/{link.id}": entry_of(decoded(answer.record.text), patient="")
        for link, answer in zip(links, answers, strict=True)
        if isinstance(answer, Found)
    }


def _is_worth_reading(link: Link) -> bool:
    return link.type == "Condition" or (bool(link.type) and not link.display and link.type != "Patient")


def _links(rows: Iterable[Row]) -> Iterable[Link]:
    for row in rows:
        for value in row.values:
            if isinstance(value, Link):
                yield value
            elif isinstance(value, tuple):
                yield from _links(value)


def patient_id_in(resource: Element) -> str:
    """The id of the Patient whom a resource is about; empty if it is about nobody in particular."""
    if resource["resourceType"] == "Patient":
        return str(resource["id"])
    participants = [one.get("actor", {}) for one in resource.get("participant", ()) if isinstance(one, dict)]
    subjects = [resource[name] for name in SUBJECT_NAMES if isinstance(resource.get(name), dict)]
    return next((found for one in (*subjects, *participants) if (found := id_in(one, "Patient"))), "")


def indented(resource: Element) -> str:
    """The resource as indented JSON, its decimals as they were written."""
    return msgspec.json.format(_ENCODER.encode(resource), indent=2).decode()
