"""Whom the directory lists as experts to be asked from elsewhere.  Rule: docs/rules/newborn-consultations.md"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tianfu.access.caller import Caller
from tianfu.apps.newborn.mapping.codes import NEWBORN, REMOTE_EXPERT, VISITS
from tianfu.apps.newborn.mapping.guardians import name_of
from tianfu.apps.newborn.mapping.visits import Element, id_in
from tianfu.apps.newborn.ports import RecordStore
from tianfu.apps.newborn.queries.records import PLATFORM, WARD_WORK, found_all, read_all
from tianfu.records.outcomes import Record
from tianfu.records.searching import SearchRequest

ROLE = f"{NEWBORN}|{REMOTE_EXPERT}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A doctor whom the directory lists as an expert to be asked; `house` is where he works."""

    practitioner: str
    name: str
    house: str


async def read_experts(store: RecordStore, caller: Caller) -> tuple[Listed, ...]:
    """Whom the directory lists, by name, however many they are."""
    found = await found_all(store, caller, WARD_WORK, "PractitionerRole", role=ROLE, active="true")
    roles = [each.value for each in found]
    houses = {id_in(each.get("practitioner"), "Practitioner"): _house(each) for each in roles}
    names = await read_all(store, caller, WARD_WORK, [*practitioners(houses), *organisations(houses.values())])
    listed = [
        Listed(practitioner=who, name=name_in(names, "Practitioner", who), house=name_in(names, "Organization", house))
        for who, house in houses.items()
        if ("Practitioner", who) in names
    ]
    return tuple(sorted(listed, key=lambda each: (each.house, each.name)))


async def is_listed(store: RecordStore, practitioner: str) -> bool:
    """Whether the directory lists a Practitioner now."""
    whose = ("practitioner", f"Practitioner/{practitioner}")
    wanted = SearchRequest(
        type="PractitionerRole", parameters=(whose, ("role", ROLE), ("active", "true"), ("_count", "1"))
    )
    return bool((await store.search(VISITS, PLATFORM, wanted)).records)


async def houses_of(store: RecordStore, experts: Sequence[str]) -> dict[str, str]:
    """Where each of these works as an expert, listed now or before."""
    if not experts:
        return {}
    whose = ",".join(f"Practitioner/{each}" for each in experts)
    found = await found_all(store, VISITS, PLATFORM, "PractitionerRole", practitioner=whose, role=ROLE)
    return {id_in(each.value.get("practitioner"), "Practitioner"): _house(each.value) for each in found}


def practitioners(ids: Iterable[str]) -> list[tuple[str, str]]:
    """The Practitioners of these ids, to be read."""
    return [("Practitioner", each) for each in ids if each]


def organisations(ids: Iterable[str]) -> list[tuple[str, str]]:
    """The Organizations of these ids, to be read."""
    return [("Organization", each) for each in ids if each]


def name_in(found: dict[tuple[str, str], Record], kind: str, logical_id: str) -> str:
    """What somebody or something is called; empty where it was not found."""
    record = found.get((kind, logical_id))
    if record is None:
        return ""
    return name_of(record.value) if kind == "Practitioner" else str(record.value.get("name", ""))


def _house(role: Element) -> str:
    return id_in(role.get("organization"), "Organization")
