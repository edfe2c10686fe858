"""Part of a life: before birth, as the mother's own record tells it."""

from __future__ import annotations

from dataclasses import dataclass

from tianfu.apps.lifelong.mapping.elements import concept_of, decoded
from tianfu.apps.lifelong.mapping.patients import identity_number_of
from tianfu.apps.lifelong.mapping.timeline import entry_of
from tianfu.apps.lifelong.model.before_birth import of_the_pregnancy, told_of_the_mother, window
from tianfu.apps.lifelong.model.entries import Entry
from tianfu.apps.lifelong.model.filters import Filter
from tianfu.apps.lifelong.model.people import Person, people_among
from tianfu.apps.lifelong.queries.find_person import patients_with, with_library_names
from tianfu.apps.lifelong.queries.names import named_entries
from tianfu.apps.lifelong.store import LifeStore
from tianfu.kernel.instants import day_start
from tianfu.records.timeline import Slice
from tianfu.web.asking import Asking

RELATIONS_MAX = 50
ANTENATAL_MAX = 500
MOTHER_CODES = frozenset({"MTH", "GESTM", "NMTH", "BIRTHMOTHER"})
"""https://terminology.hl7.org/CodeSystem-v3-RoleCode.html"""


@dataclass(frozen=True, slots=True, kw_only=True)
class BeforeBirth:
    """The mother whom a RelatedPerson with her identity number names, and her antenatal entries.

    `hidden` counts her antenatal records that the reader's filter leaves out.
    """

    person: Person
    entries: tuple[Entry, ...]
    hidden: int

    @property
    def name(self) -> str:
        """The mother's name."""
        return self.person.first.name

    @property
    def count(self) -> int:
        """How many records the entries show."""
        return sum(1 + entry.folded for entry in self.entries)


async def read_before_birth(store: LifeStore, asking: Asking, child: Person, chosen: Filter) -> BeforeBirth | None:
    """The mother's records of the pregnancy that the reader chose; None if no record links the child to a mother."""
    if child.born is None:
        return None
    relations = await store.timeline(
        asking.caller, asking.purpose, child.ids, slices=[Slice(type="RelatedPerson")], limit=RELATIONS_MAX
    )
    numbers = {number for one in relations.entries if (number := _mothers_number(decoded(one.record.text)))}
    if len(numbers) != 1:
        return None
    patients = await with_library_names(store, asking, await patients_with(store, asking, numbers))
    if not patients:
        return None
    [mother] = people_among(patients)
    begins, ends = window(child.born)
    page = await store.timeline(
        asking.caller,
        asking.purpose,
        mother.ids,
        after=day_start(begins),
        before=day_start(ends),
        limit=ANTENATAL_MAX,
    )
    found = of_the_pregnancy([entry_of(decoded(one.record.text), patient=one.patient) for one in page.entries])
    libraries = libraries_of(child, chosen)
    wished = [
        entry
        for entry in found
        if entry.kind in chosen.kinds and (libraries is None or mother.patient(entry.patient).library in libraries)
    ]
    return BeforeBirth(
        person=mother,
        entries=told_of_the_mother(await named_entries(store, asking, wished)),
        hidden=len(found) - len(wished),
    )


def libraries_of(person: Person, chosen: Filter) -> frozenset[str] | None:
    """The libraries that the reader chose; None if none was left out, so that libraries without the child count too."""
    if chosen.patients >= set(person.ids):
        return None
    return frozenset(patient.library for patient in person.patients if patient.id in chosen.patients)


def _mothers_number(relation: dict[str, object]) -> str | None:
    relationships = relation.get("relationship", [])
    identifiers = relation.get("identifier", [])
    if not isinstance(relationships, list) or not isinstance(identifiers, list):
        return None
    codes = {coding.code for one in relationships for coding in concept_of(one).codings}
    return identity_number_of(identifiers) if codes & MOTHER_CODES else None
