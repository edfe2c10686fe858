"""One person, and the rule by which Patient records of several libraries are one person's.

Until a person index links records, the rule is narrow and explicit: the same resident identity number,
valid by its check character (GB 11643-1999).  Names, birth dates and telephones never join records here:
a wrong join shows one person's life to another.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date

from tianfu.apps.lifelong.model.phases import age_on
from tianfu.apps.lifelong.model.when import Precision, When
from tianfu.kernel.instants import china_date


@dataclass(frozen=True, slots=True, kw_only=True)
class Age:
    """From one day to another; `is_about` if the record knows only the year of either."""

    born: date
    on: date
    is_about: bool


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
    replaced_by: str = ""
    """The Patient record that took its place; empty if it is not in this store."""

    is_active: bool = True

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
        return self.death.day if self.death else None

    @property
    def death(self) -> When | None:
        """When the person died, as exactly as any library knows."""
        return next((patient.died for patient in self.patients if patient.died), None)

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

    def date_doubts(self, today: date) -> tuple[str, ...]:
        """Which dates cannot be right: said aloud, and no age is told from them."""
        born, death = self.first.born, self.death
        doubts = {
            "born-ahead": born is not None and born.day > today,
            "died-ahead": death is not None and death.day > today,
            "died-before-birth": born is not None and death is not None and death.high < born.low,
        }
        return tuple(what for what, holds in doubts.items() if holds)

    def age(self, today: date) -> Age | None:
        """The age today, or at death; None without a birth date, without a day of death, or if the dates clash."""
        born, death = self.first.born, self.death
        if born is None or self.date_doubts(today) or (self.is_dead and death is None):
            return None
        on = death.day if death else today
        return Age(born=born.day, on=on, is_about=_is_rough(born, on) or (death is not None and _is_year(death)))

    def lived_until(self, today: date) -> date | None:
        """The last day of a life that ended: today if its day is not known or cannot be right; None while it lasts."""
        if not self.is_dead:
            return None
        return today if self.death is None or self.date_doubts(today) else self.death.day

    @property
    def replaced(self) -> tuple[LibraryPatient, ...]:
        """The record files that another one took the place of, or that are no longer kept."""
        return tuple(patient for patient in self.patients if patient.is_replaced or not patient.is_active)

    def patient(self, patient_id: str) -> LibraryPatient:
        """The Patient record of that id."""
        return next(patient for patient in self.patients if patient.id == patient_id)


def _is_year(when: When) -> bool:
    return when.precision is Precision.YEAR


def _is_rough(born: When, on: date) -> bool:
    """Whether the years of age depend on a day of birth that nobody wrote down."""
    return _is_year(born) or age_on(born.day, on) != age_on(china_date(born.high), on)


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
