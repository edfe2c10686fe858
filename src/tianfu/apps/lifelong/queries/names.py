"""The names of organisations and practitioners that records refer to without saying them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from tianfu.apps.lifelong.mapping.patients import written_name
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
