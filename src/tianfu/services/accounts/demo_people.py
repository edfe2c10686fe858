"""Whom of the demo province a login is for: looked up in its records, so that each has something to see.

A doctor has patients by their visits, a township doctor by their contracts, a citizen has records in several
libraries, and a parent a small child.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from tianfu.access.caller import OPERATOR, Caller
from tianfu.access.purpose import Purpose
from tianfu.kernel.instants import DAY, Instant, range_of
from tianfu.kernel.refusal import Refusal
from tianfu.records.outcomes import Answer, Found, Page
from tianfu.records.store import SearchRequest
from tianfu.standards.china import identifier_systems as systems

LOOKED_AT_MAX = 500
"""So many records of a type are looked at; in the demo province the first few fit already."""

CHILD_DAYS_MAX = 13 * 365
"""A child that is younger for a year to come is wholly its guardian's to see (docs/rules/permission.md)."""

OPEN_AFTER_DAYS = 6
"""A visit opens to its doctor for a week after its end (docs/rules/permission.md): a day of that should be left."""

BED_OF_TWIN = "urn:tianfu:bed-code|NICU-05"
"""By what the label of one bed says, the ward of newborns is found, and a mother of two who lie there."""

WARD_STAFF = {
    "ward-nurse": "DEMO-NICU-1",
    "second-nurse": "DEMO-NICU-2",
    "head-nurse": "DEMO-NICU-3",
    "neonatologist": "DEMO-NICU-4",
}
"""The staff numbers of a ward of newborns, by what their logins are shown as."""

EXPERT, EXPERT_NUMBER = "expert", "DEMO-EXPERT-1"
"""Whom such a ward may ask from afar; a province that was made before there was one has none."""

EMERGENCY = "urn:tianfu:task|emergency-access"
FAMILY_DOCTOR = "https://tianfu.example/fhir/CodeSystem/care-team|family-doctor"

Resource = Mapping[str, Any]


class DemoStore(Protocol):
    """The calls of `tianfu.records.Store` by which people are found."""

    async def search(self, caller: Caller, purpose: Purpose, wanted: SearchRequest) -> Page:
        """A page of the records that match."""
        ...

    async def read_many(self, caller: Caller, purpose: Purpose, references: list[tuple[str, str]]) -> list[Answer]:
        """The current versions of several records, in the order asked."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoStaff:
    """A member of staff of the province: an Organization's id, and his Practitioner if he has one."""

    organisation: str
    practitioner: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoResident:
    """A resident: the telephone in her records, the Patients that she is, the RelatedPersons that name her."""

    name: str
    telephone: str
    patients: tuple[str, ...]
    related: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoPeople:
    """Those of the province for whom logins are made."""

    doctor: DemoStaff
    township: DemoStaff
    citizen: DemoResident
    parent: DemoResident
    ward: DemoWard | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoWard:
    """The staff of the ward of newborns by what they are shown as, the mother of the twins who lie there, and whom the
    ward may ask from afar."""

    staff: Mapping[str, DemoStaff]
    mother: DemoResident
    expert: DemoStaff | None


async def find_people(store: DemoStore, now: Instant) -> DemoPeople:
    """Find them; raises Refusal `demonstration-incomplete` where the records have nobody of a kind."""
    search = _Search(store)
    citizen = await _citizen(search)
    return DemoPeople(
        doctor=await _doctor(search, now),
        township=await _township(search),
        citizen=citizen,
        parent=await _parent(search, citizen, now),
        ward=await _ward(search),
    )


async def has_ward(store: DemoStore) -> bool:
    """Whether the province has a ward of newborns."""
    return bool(await _Search(store).of("Location", ("identifier", BED_OF_TWIN)))


class _Search:
    """Records as plain values, asked by the command line."""

    def __init__(self, store: DemoStore) -> None:
        self._store = store

    async def of(self, resource_type: str, *fields: tuple[str, str]) -> list[Resource]:
        wanted = SearchRequest(type=resource_type, parameters=(*fields, ("_count", str(LOOKED_AT_MAX))))
        page = await self._store.search(OPERATOR, Purpose.OPERATIONS, wanted)
        return [each.value for each in page.records]

    async def numbered(self, resource_type: str, number: str) -> list[Resource]:
        return await self.of(resource_type, ("identifier", f"{systems.IDENTITY_NUMBER}|{number}"))

    async def read(self, resource_type: str, ids: Iterable[str]) -> list[Resource]:
        references = [(resource_type, each) for each in ids]
        answers = await self._store.read_many(OPERATOR, Purpose.OPERATIONS, references)
        return [each.record.value for each in answers if isinstance(each, Found)]


async def _doctor(search: _Search, now: Instant) -> DemoStaff:
    """Who sees most patients, in a house that has departments: a hospital.

    Visits that are still open to their doctor come before all others.
    """
    departments = await search.of("Organization", ("partof:missing", "false"))
    houses = {_id(each.get("partOf")) for each in departments}
    seen: dict[tuple[str, str], set[str]] = defaultdict(set)
    lately: dict[tuple[str, str], set[str]] = defaultdict(set)
    for visit in await search.of("Encounter", ("_sort", "-date")):
        house = _id(visit.get("serviceProvider"))
        for participant in visit.get("participant", []) if house in houses else []:
            whom = _id(participant.get("individual")), house
            seen[whom].add(_id(visit.get("subject")))
            if _is_open(visit, now):
                lately[whom].add(_id(visit.get("subject")))
    return await _busiest(search, {whom: len(patients) for whom, patients in (lately or seen).items()}, "doctor")


def _is_open(visit: Resource, now: Instant) -> bool:
    end = visit.get("period", {}).get("end")
    return end is None or now < range_of(end)[1] + OPEN_AFTER_DAYS * DAY


async def _township(search: _Search) -> DemoStaff:
    """Whose team most residents signed with."""
    signed: Counter[tuple[str, str]] = Counter()
    for team in await search.of("CareTeam", ("category", FAMILY_DOCTOR), ("status", "active")):
        for organisation in team.get("managingOrganization", []):
            for participant in team.get("participant", [])[:1]:
                signed[_id(participant.get("member")), _id(organisation)] += 1
    return await _busiest(search, signed, "township")


async def _busiest(search: _Search, counted: Mapping[tuple[str, str], int], role: str) -> DemoStaff:
    if not counted:
        raise _incomplete(role)
    practitioner, organisation = max(sorted(counted), key=lambda whom: counted[whom])
    found = await search.read("Practitioner", [practitioner])
    if not found:
        raise _incomplete(role)
    return DemoStaff(organisation=organisation, practitioner=practitioner, name=_name(found[0]))


async def _citizen(search: _Search) -> DemoResident:
    """Somebody with records in two libraries: of those whose lives are told in full, if they are there.

    Whose emergency access an officer has answered comes first: on her pages there is most to see.
    """
    opened = await search.of("Task", ("code", EMERGENCY))
    opened.sort(key=lambda task: "output" not in task)
    told = await search.read("Patient", dict.fromkeys(_id(task.get("for")) for task in opened))
    for patient in [*told, *await search.of("Patient")]:
        resident = await _resident(search, _identity_number(patient), _telephone(patient), _name(patient))
        if resident is not None and len(resident.patients) > 1:
            return resident
    raise _incomplete("citizen")


async def _parent(search: _Search, citizen: DemoResident, now: Instant) -> DemoResident:
    """Another mother, of a small child that lives."""
    for related in await search.of("RelatedPerson"):
        children = await search.read("Patient", [_id(related.get("patient"))])
        if not any(_is_small(child, now) for child in children):
            continue
        resident = await _resident(search, _identity_number(related), _telephone(related), _name(related))
        if resident is not None and resident.telephone != citizen.telephone:
            return resident
    raise _incomplete("parent")


async def _ward(search: _Search) -> DemoWard | None:
    """The ward of newborns, if there is one: its people work in the unit to which its beds belong."""
    beds = await search.of("Location", ("identifier", BED_OF_TWIN))
    if not beds:
        return None
    unit = _id(beds[0].get("managingOrganization"))
    staff = {}
    for role, number in WARD_STAFF.items():
        found = await search.of("Practitioner", ("identifier", f"{systems.STAFF_NUMBER}|{number}"))
        if not found:
            raise _incomplete(role)
        staff[role] = DemoStaff(organisation=unit, practitioner=found[0]["id"], name=_name(found[0]))
    return DemoWard(staff=staff, mother=await _mother(search, beds[0]["id"]), expert=await _expert(search))


async def _expert(search: _Search) -> DemoStaff | None:
    for found in await search.of("Practitioner", ("identifier", f"{systems.STAFF_NUMBER}|{EXPERT_NUMBER}")):
        for role in await search.of("PractitionerRole", ("practitioner", f"Practitioner/{found['id']}")):
            house = _id(role.get("organization"))
            return DemoStaff(organisation=house, practitioner=found["id"], name=_name(found))
    return None


async def _mother(search: _Search, bed: str) -> DemoResident:
    """Of the baby who lies in a bed."""
    for stay in await search.of("Encounter", ("location", f"Location/{bed}"), ("status", "in-progress")):
        for related in await search.of("RelatedPerson", ("patient", _id(stay.get("subject")))):
            mother = await _resident(search, _identity_number(related), _telephone(related), _name(related))
            if mother is not None:
                return mother
    raise _incomplete("mother")


async def _resident(search: _Search, number: str, telephone: str, name: str) -> DemoResident | None:
    """Whoever has this identity number, in all libraries; None if it cannot be a login."""
    if not number or not telephone:
        return None
    patients, related = await search.numbered("Patient", number), await search.numbered("RelatedPerson", number)
    if any("deceasedDateTime" in each for each in patients):
        return None
    return DemoResident(
        name=name,
        telephone=telephone,
        patients=tuple(sorted(each["id"] for each in patients)),
        related=tuple(sorted(each["id"] for each in related)),
    )


def _is_small(child: Resource, now: Instant) -> bool:
    born = range_of(child["birthDate"])[0]
    return "deceasedDateTime" not in child and now - born < CHILD_DAYS_MAX * DAY


def _id(reference: Any) -> str:
    return str((reference or {}).get("reference", "")).partition("/")[2]


def _identity_number(person: Resource) -> str:
    return next(_values(person.get("identifier", []), "system", systems.IDENTITY_NUMBER), "")


def _telephone(person: Resource) -> str:
    return next(_values(person.get("telecom", []), "system", "phone"), "")


def _values(rows: Iterable[Resource], key: str, wanted: str) -> Iterator[str]:
    return (each["value"] for each in rows if each.get(key) == wanted)


def _name(person: Resource) -> str:
    return next((each["text"] for each in person.get("name", []) if "text" in each), "")


def _incomplete(role: str) -> Refusal:
    return Refusal("demonstration-incomplete", next_step="make-a-new-installation", details={"role": role})
