"""Screen: the patients of a clinician, where a doctor, nurse or family doctor begins."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from tianfu.access.relation import Kind
from tianfu.apps.lifelong.mapping.elements import decoded
from tianfu.apps.lifelong.mapping.patients import patient_of
from tianfu.apps.lifelong.model.people import Person, people_among
from tianfu.apps.lifelong.queries.find_person import with_library_names
from tianfu.apps.lifelong.store import LifeStore
from tianfu.kernel.instants import china_date
from tianfu.kernel.refusal import Refusal
from tianfu.records.tied import Behind, TiedPatient
from tianfu.web.asking import Asking

CLINICIANS = frozenset({"doctor", "nurse", "township"})
"""Who has patients of his own or of his unit; a family doctor works as doctor or in the township."""

PER_PAGE = 25


@dataclass(frozen=True, slots=True, kw_only=True)
class MyPatient:
    """One person of the list; `reasons` are keys of phrases, the newest tie began on `since`."""

    person: Person
    reasons: tuple[str, ...]
    since: date
    is_named: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class MyPatients:
    """A page of the list; `next` says where the page after begins, None on the last."""

    people: tuple[MyPatient, ...]
    next: Behind | None
    is_first: bool


async def read_my_patients(store: LifeStore, asking: Asking, after: Behind | None) -> MyPatients:
    """Whom the reader treats now; records of several libraries that one page holds are one person by the usual rule."""
    page = await store.my_patients(asking.caller, asking.purpose, after=after, limit=PER_PAGE)
    tied = {each.record.id: each for each in page.patients}
    patients = [patient_of(decoded(each.record.text)) for each in page.patients]
    people = people_among(await with_library_names(store, asking, patients)) if patients else ()
    return MyPatients(
        people=tuple(_mine(person, [tied[one] for one in person.ids if one in tied]) for person in people),
        next=page.next,
        is_first=after is None,
    )


def _mine(person: Person, ties: Sequence[TiedPatient]) -> MyPatient:
    kinds = {kind for tie in ties for kind in tie.kinds}
    return MyPatient(
        person=person,
        reasons=tuple(_REASONS[kind] for kind in _REASONS if kind in kinds),
        since=china_date(max(tie.since for tie in ties)),
        is_named=any(tie.is_named for tie in ties),
    )


_REASONS: Mapping[Kind, str] = {
    Kind.ENCOUNTER: "mine.visit",
    Kind.TEAM: "mine.team",
    Kind.FAMILY_DOCTOR: "mine.contract",
    Kind.REFERRAL: "mine.referral",
}


def behind(fields: Mapping[str, str]) -> Behind:
    """Where a page begins, as an address of ours said it; raises Refusal `address-not-ours`."""
    try:
        return Behind(int(fields["since"]), int(fields["patient"]))
    except (KeyError, ValueError) as error:
        raise Refusal("address-not-ours", next_step="start-again") from error


def told_behind(place: Behind) -> Mapping[str, str]:
    """The same for an address."""
    return {"since": str(place.since), "patient": str(place.patient)}
