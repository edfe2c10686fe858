"""One person, and the rule by which Patient records of several libraries are one person's.

Until a person index links records, the rule is narrow and explicit: the same resident identity number,
valid by its check character (GB 11643-1999).  Names, birth dates and telephones never join records here:
a wrong join shows one person's life to another.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date

from tianfu.apps.lifelong.model.when import When


@dataclass(frozen=True, slots=True, kw_only=True)
class LibraryPatient:
    """What one library's Patient record says of a person; `identity_number` only if it is valid."""

    id: str
    library: str
    library_name: str
    organisation: str
    name: str
    other_names: tuple[str, ...] = ()
    sex: str
    born: When | None
    died: When | None
    is_dead: bool
    identity_number: str | None
    identifier_tails: tuple[str, ...] = ()
    is_replaced: bool = False

    @property
    def identity_tail(self) -> str:
        """The last four characters of the identity number; empty without one."""
        return self.identity_number[-4:] if self.identity_number else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """One person as all libraries together know them; `patients` begins with the record that speaks for them."""

    patients: tuple[LibraryPatient, ...]

    @property
    def first(self) -> LibraryPatient:
        """The record whose name and facts the banner shows."""
        return self.patients[0]

    @property
    def born(self) -> date | None:
        """The birth date as far as it is known; the first day of a partial one."""
        return self.first.born.day if self.first.born else None

    @property
    def died(self) -> date | None:
        """The day of death as far as it is known."""
        return next((patient.died.day for patient in self.patients if patient.died), None)

    @property
    def is_dead(self) -> bool:
        """Whether any library says that the person has died."""
        return any(patient.is_dead for patient in self.patients)

    @property
    def ids(self) -> tuple[str, ...]:
        """The logical ids of all Patient records."""
        return tuple(patient.id for patient in self.patients)

    @property
    def disagreements(self) -> tuple[str, ...]:
        """Which of `name`, `sex` and `born` the libraries tell differently: shown, never smoothed over."""
        told: dict[str, set[object]] = {
            "name": {patient.name for patient in self.patients},
            "sex": {patient.sex for patient in self.patients},
            "born": {patient.born for patient in self.patients if patient.born},
        }
        return tuple(what for what, answers in told.items() if len(answers) > 1)

    def patient(self, patient_id: str) -> LibraryPatient:
        """The Patient record of that id."""
        return next(patient for patient in self.patients if patient.id == patient_id)


def person_of(chosen: LibraryPatient, others: Iterable[LibraryPatient]) -> Person:
    """The person behind a chosen Patient record, with the records of other libraries that the rule joins."""
    joined = [other for other in others if other.id != chosen.id and is_same_person(chosen, other)]
    return Person(patients=(chosen, *sorted(joined, key=lambda patient: (patient.library, patient.id))))


def is_same_person(one: LibraryPatient, other: LibraryPatient) -> bool:
    """Whether two Patient records carry the same valid identity number."""
    return one.identity_number is not None and one.identity_number == other.identity_number


def people_among(patients: Sequence[LibraryPatient]) -> tuple[Person, ...]:
    """Join a list of found Patient records into people, in the order in which each first appeared."""
    groups: dict[str, list[LibraryPatient]] = {}
    for patient in patients:
        groups.setdefault(patient.identity_number or f"record {patient.id}", []).append(patient)
    return tuple(Person(patients=tuple(group)) for group in groups.values())


def with_organisation(patient: LibraryPatient, name: str) -> LibraryPatient:
    """The same record with the name of its organisation, which had to be read elsewhere."""
    return replace(patient, organisation=patient.organisation or name)
