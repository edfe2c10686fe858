"""What was measured of a baby, the newest of each kind, as the record has it: not live, and no alarm.

No record is open to an expert from elsewhere: the platform reads this for him, and only this, while his consultation
lasts; each reading stands in the baby's trail in his name before he has it.  Rule: docs/rules/newborn-consultations.md
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from tianfu.access.labels import labels_of_resource
from tianfu.apps.newborn.mapping.codes import VISITS
from tianfu.apps.newborn.mapping.diary import LOINC
from tianfu.apps.newborn.mapping.guardians import name_of
from tianfu.apps.newborn.mapping.visits import Element, id_in
from tianfu.apps.newborn.ports import RecordStore
from tianfu.apps.newborn.queries.family_visit import Expert, FamilyVisit
from tianfu.apps.newborn.queries.records import PLATFORM, read_all
from tianfu.apps.newborn.visit_ports import Windows
from tianfu.kernel.instants import Instant, range_of
from tianfu.records.searching import SearchRequest

LOOKED_AT_MAX = 200
"""The newest so many values are looked through; what was measured last before that is not shown."""

ORDINARY = 4
"""The highest level that treating somebody opens: access/rules.json."""

NAMED: Final = frozenset(
    {
        "29463-7",
        "76516-4",
        "8302-2",
        "9843-4",
        "8867-4",
        "9279-1",
        "2708-6",
        "59408-5",
        "8310-5",
        "85354-9",
        "8478-0",
    }
)
"""Codes of LOINC for which there are words of ours: weight, gestation, length, head, pulse, breath, oxygen, heat,
pressure."""

READ_MEASURED = "read-measured"
STANDING = "final,amended,corrected,preliminary"


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """The last value of one kind.

    `code` is that of LOINC where there are words of ours, else `name` says what it is; `day` is set where only a day
    is known; `source` is a person, a house or a device by name, or empty.
    """

    code: str
    name: str
    value: str
    at: Instant
    day: date | None
    source: str


async def read_measured(windows: Windows, expert: Expert, found: FamilyVisit) -> tuple[Measured, ...]:
    """The last value of each kind for who is asked, the newest first; nothing where it is not open to him now.

    What cannot be traced is not read: whatever refuses the trace is raised.
    """
    if not found.is_open_to_expert:
        return ()
    facts = {"visit": found.booked.id}
    await windows.house.trail.did(expert.caller, READ_MEASURED, patient=found.booked.baby, facts=facts)
    return await _last_of_each(windows.nursery.store, found.booked.baby)


async def _last_of_each(store: RecordStore, baby: str) -> tuple[Measured, ...]:
    wanted = SearchRequest(
        type="Observation",
        parameters=(
            ("patient", f"Patient/{baby}"),
            ("status", STANDING),
            ("_sort", "-date"),
            ("_count", str(LOOKED_AT_MAX)),
        ),
    )
    last: dict[tuple[str, str], Element] = {}
    for record in (await store.search(VISITS, PLATFORM, wanted)).records:
        kind = _kind(record.value)
        level, labels = labels_of_resource(dict(record.value), has_patient=True)
        if level > ORDINARY or labels:
            continue  # what needs more than treating somebody is not opened by being asked about him
        if kind is not None and _value(record.value) and _time(record.value):
            last.setdefault(kind, record.value)
    names = await _names(store, last.values())
    read = [_measured(kind, each, names) for kind, each in last.items()]
    return tuple(sorted(read, key=lambda each: (-each.at, each.name, each.code)))


def _measured(kind: tuple[str, str], observation: Element, names: dict[str, str]) -> Measured:
    time = _time(observation)
    system, code = kind
    return Measured(
        code=code if system == LOINC and code in NAMED else "",
        name=_words(observation.get("code")) or code,
        value=_value(observation),
        at=range_of(time)[0],
        day=date.fromisoformat(time) if len(time) == 10 else None,
        source=_source(observation, names),
    )


def _kind(observation: Element) -> tuple[str, str] | None:
    codings = (observation.get("code") or {}).get("coding", ())
    if codings:
        return str(codings[0].get("system", "")), str(codings[0].get("code", ""))
    text = _words(observation.get("code"))
    return ("", text) if text else None


def _time(observation: Element) -> str:
    """When it was measured; empty where that is not told in a form that we read, or only as a month or a year."""
    said = observation.get("effectiveDateTime") or (observation.get("effectivePeriod") or {}).get("start")
    text = str(said or observation.get("effectiveInstant") or "")
    try:
        range_of(text)
    except ValueError:
        return ""
    return text if len(text) >= 10 else ""


def _value(holder: Element) -> str:
    """The value in words, with its unit; of a panel its parts."""
    if quantity := holder.get("valueQuantity"):
        sign = str(quantity.get("comparator", ""))
        return f"{sign}{quantity.get('value', '')} {quantity.get('unit') or quantity.get('code') or ''}".strip()
    for name in ("valueString", "valueInteger", "valueDateTime"):
        if name in holder:
            return str(holder[name])
    if concept := holder.get("valueCodeableConcept"):
        return _words(concept)
    parts = [f"{_words(each.get('code'))} {value}" for each in holder.get("component", ()) if (value := _value(each))]
    return " · ".join(parts)


def _words(concept: Element | None) -> str:
    said: Any = concept or {}
    first: Element = next(iter(said.get("coding", ())), {})
    return str(said.get("text") or first.get("display") or first.get("code") or "")


async def _names(store: RecordStore, observations: Iterable[Element]) -> dict[str, str]:
    """What those are called who measured, as far as the directory knows them."""
    wanted = {
        (kind, found)
        for each in observations
        for one in each.get("performer", ())
        for kind in ("Practitioner", "Organization")
        if (found := id_in(one, kind))
    }
    read = await read_all(store, VISITS, PLATFORM, sorted(wanted))
    return {
        f"{kind}/{name}": name_of(each.value) if kind == "Practitioner" else str(each.value.get("name", ""))
        for (kind, name), each in read.items()
    }


def _source(observation: Element, names: dict[str, str]) -> str:
    device = str((observation.get("device") or {}).get("display", ""))
    if device:
        return device
    for each in observation.get("performer", ()):
        said = str(each.get("display", "")) or names.get(str(each.get("reference", "")), "")
        if said:
            return said
    return ""
