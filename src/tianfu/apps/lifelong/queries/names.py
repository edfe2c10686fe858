"""The names of organisations and practitioners that records refer to without saying them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from tianfu.apps.lifelong.mapping.patients import written_name
from tianfu.apps.lifelong.mapping.states import doubt_of
from tianfu.apps.lifelong.model.entries import Diagnosis, Entry, fold
from tianfu.apps.lifelong.store import LifeStore
from tianfu.records.outcomes import Found, Record
from tianfu.web.asking import Asking


async def names_of(store: LifeStore, asking: Asking, references: Iterable[str]) -> Mapping[str, str]:
    """The name behind each `Type/id`; references that cannot be read have none."""
    records = await _records(store, asking, references)
    return {reference: _name(record) for reference, record in records.items()}


async def _records(store: LifeStore, asking: Asking, references: Iterable[str]) -> dict[str, Record]:
    """The record behind each `Type/id` that can be read."""
    wanted = sorted({one for one in references if one.count("/") == 1 and not one.startswith("urn:")})
    if not wanted:
        return {}
    parts = [one.split("/") for one in wanted]
    answers = await store.read_many(asking.caller, asking.purpose, [(type_, identity) for type_, identity in parts])
    return {
        reference: answer.record for reference, answer in zip(wanted, answers, strict=True) if isinstance(answer, Found)
    }


def _name(record: Record) -> str:
    said = record.value.get("name", "")
    return said if isinstance(said, str) else written_name(said[0]) if said else ""


async def named_entries(store: LifeStore, asking: Asking, entries: Sequence[Entry]) -> tuple[Entry, ...]:
    """Entries folded together, with names in place of references, and with what limits the diagnoses of visits."""
    folded = fold(entries)
    named = [name for entry in folded for name in (entry.organisation, entry.practitioner) if _is_reference(name)]
    diagnosed = [one.reference for entry in folded for one in entry.diagnoses]
    records = await _records(store, asking, [*named, *diagnosed])
    names = {reference: _name(record) for reference, record in records.items()}
    return tuple(
        replace(
            entry,
            organisation=_said(entry.organisation, names),
            practitioner=_said(entry.practitioner, names),
            diagnoses=tuple(_weighed(one, records) for one in entry.diagnoses),
        )
        for entry in folded
    )


def _weighed(diagnosis: Diagnosis, records: Mapping[str, Record]) -> Diagnosis:
    record = records.get(diagnosis.reference)
    return diagnosis if record is None else replace(diagnosis, doubt=doubt_of(record.value))


def _is_reference(name: str) -> bool:
    return name.startswith(("Organization/", "Practitioner/"))


def _said(name: str, names: Mapping[str, str]) -> str:
    return names.get(name, "") if _is_reference(name) else name
