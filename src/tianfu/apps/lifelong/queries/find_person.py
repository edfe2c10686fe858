"""Screen: find a person by name, pinyin, identifier, last four characters or birth date."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from tianfu.apps.lifelong.mapping.elements import decoded
from tianfu.apps.lifelong.mapping.patients import patient_of
from tianfu.apps.lifelong.model.people import LibraryPatient, Person, people_among
from tianfu.apps.lifelong.model.wish import Wish
from tianfu.apps.lifelong.queries.names import names_of
from tianfu.apps.lifelong.store import LifeStore
from tianfu.kernel.refusal import Refusal
from tianfu.records.store import SearchRequest
from tianfu.standards.china.identifier_systems import IDENTITY_NUMBER
from tianfu.standards.china.identity_number import parse_identity_number, shortened
from tianfu.standards.china.names import folded, pinyin, search_keys
from tianfu.web.asking import Asking

PATIENTS_MAX = 200
"""So many Patient records are fetched and put in order; whoever has more to choose from should say more."""

PEOPLE_PER_PAGE = 50

JOINED_MAX = 200
"""Patient records that may share the identity numbers of those found."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundPeople:
    """A page of those who were found, in order; `total` counts Patient records, `count` the people whom they make.

    `is_cut_off` says that more records fit than were put in order.
    """

    people: tuple[Person, ...]
    count: int
    page: int
    total: int
    is_cut_off: bool

    @property
    def first(self) -> int:
        """The place of the first of them among all."""
        return self.page * PEOPLE_PER_PAGE + 1

    @property
    def last(self) -> int:
        """The place of the last of them among all."""
        return self.page * PEOPLE_PER_PAGE + len(self.people)

    @property
    def has_more(self) -> bool:
        """Whether another page follows."""
        return self.last < self.count


def page_number(text: str) -> int:
    """The page that an address asks for, counted from 0; the first for anything else."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 4 else 0


async def find_people(store: LifeStore, asking: Asking, wish: Wish, *, page: int = 0) -> FoundPeople:
    """Everybody who fits every part of the wish, with their records from all libraries.

    Exact matches of the name come first, then everybody by name.
    """
    fields = (*_parameters(wish), ("_count", str(PATIENTS_MAX)), ("_total", "accurate"))
    answer = await store.search(asking.caller, asking.purpose, SearchRequest(type="Patient", parameters=fields))
    found = [patient_of(decoded(record.text)) for record in answer.records]
    ordered = people_among(sorted(found, key=lambda one: _place(one, wish)))
    shown = ordered[page * PEOPLE_PER_PAGE : (page + 1) * PEOPLE_PER_PAGE]
    return FoundPeople(
        people=await _whole(store, asking, shown),
        count=len(ordered),
        page=page,
        total=answer.total or len(found),
        is_cut_off=answer.next_cursor is not None,
    )


def _place(patient: LibraryPatient, wish: Wish) -> tuple[bool, str, str, str]:
    """Where a record stands in the list: exact names first, then by the sound of the name."""
    wanted = folded(wish.name)
    is_exact = any(wanted in search_keys(name) for name in (patient.name, *patient.other_names))
    return (not is_exact, pinyin(patient.name), patient.name, patient.id)


async def _whole(store: LifeStore, asking: Asking, people: Sequence[Person]) -> tuple[Person, ...]:
    """The same people with their records of all libraries, also those that do not fit the wish."""
    found = [patient for person in people for patient in person.patients]
    joined = await patients_with(store, asking, {one.identity_number for one in found if one.identity_number})
    together = {one.id: one for one in (*found, *joined)}
    return people_among(await with_library_names(store, asking, list(together.values())))


async def patients_with(store: LifeStore, asking: Asking, numbers: Iterable[str]) -> list[LibraryPatient]:
    """The Patient records of all libraries that carry one of these identity numbers, in either form."""
    wanted = ",".join(f"{IDENTITY_NUMBER}|{form}" for number in sorted(numbers) for form in both_forms(number))
    if not wanted:
        return []
    fields = (("identifier", wanted), ("_count", str(JOINED_MAX)))
    page = await store.search(asking.caller, asking.purpose, SearchRequest(type="Patient", parameters=fields))
    if page.next_cursor is not None:
        raise Refusal("too-many-found", next_step="narrow-search")
    return [patient_of(decoded(record.text)) for record in page.records]


def both_forms(number: str) -> tuple[str, ...]:
    """An identity number as it is written today, and as it was written until 1999 if it is that old."""
    long = parse_identity_number(number).text
    return (long, shortened(long)) if long[6:8] == "19" else (long,)


async def with_library_names(
    store: LifeStore, asking: Asking, patients: Sequence[LibraryPatient]
) -> tuple[LibraryPatient, ...]:
    """The same records with the names of the organisations that keep them."""
    names = await names_of(store, asking, [one.organisation for one in patients if not one.library_name])
    return tuple(
        one if one.library_name else replace(one, library_name=names.get(one.organisation, one.library))
        for one in patients
    )


def _parameters(wish: Wish) -> Iterable[tuple[str, str]]:
    if wish.name:
        yield "name", _escaped(wish.name)
    if wish.identifier:
        forms = both_forms(wish.identifier) if _is_identity_number(wish.identifier) else (wish.identifier,)
        yield "identifier", ",".join(map(_escaped, forms))
    if wish.tail:
        yield "identifier-tail", _escaped(wish.tail)
    if wish.born:
        yield "birthdate", wish.born


def _is_identity_number(text: str) -> bool:
    try:
        parse_identity_number(text)
    except Refusal:
        return False
    return True


def _escaped(value: str) -> str:
    """A value in which FHIR's separators stand for themselves (https://hl7.org/fhir/R4/search.html#escaping)."""
    for mark in "\\$,|":
        value = value.replace(mark, "\\" + mark)
    return value
