"""The names of organisations and practitioners that records refer to without saying them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from tianfu.apps.lifelong.mapping.patients import written_name
from tianfu.apps.lifelong.model.entries import Entry, fold
from tianfu.apps.lifelong.store import LifeStore
from tianfu.records.outcomes import Found
from tianfu.web.asking import Asking


async def names_of(store: LifeStore, asking: Asking, references: Iterable[str]) -> Mapping[str, str]:
    """The name behind each `Type/id`; references that cannot be read have none."""
    wanted = sorted({one for one in references if one.count("/") == 1 and not one.startswith("urn:")})
    if not wanted:
        return {}
    parts = [one.split("/") for one in wanted]
    answers = await store.read_many(asking.caller, asking.purpose, [(type_, identity) for type_, identity in parts])
    names: dict[str, str] = {}
    for reference, answer in zip(wanted, answers, strict=True):
        if isinstance(answer, Found):
            said = answer.record.value.get("name", "")
            names[reference] = said if isinstance(said, str) else written_name(said[0]) if said else ""
    return names


async def named_entries(store: LifeStore, asking: Asking, entries: Sequence[Entry]) -> tuple[Entry, ...]:
    """Entries folded together, with the names of organisations and practitioners in place of references."""
    folded = fold(entries)
    wanted = [name for entry in folded for name in (entry.organisation, entry.practitioner) if _is_reference(name)]
    names = await names_of(store, asking, wanted)
    return tuple(
        replace(entry, organisation=_said(entry.organisation, names), practitioner=_said(entry.practitioner, names))
        for entry in folded
    )


def _is_reference(name: str) -> bool:
    return name.startswith(("Organization/", "Practitioner/"))


def _said(name: str, names: Mapping[str, str]) -> str:
    return names.get(name, "") if _is_reference(name) else name
