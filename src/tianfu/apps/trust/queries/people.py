"""For whom the reader may look: himself, his children, elders who asked for it, or whoever stands at the desk."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date

from tianfu.access.caller import Caller
from tianfu.access.purpose import Purpose
from tianfu.access.same_person import Shown, joined, told_apart
from tianfu.apps.trust.mapping.people import PatientFile, Tie, file_of, tie_of
from tianfu.apps.trust.model.people import Person, Standing, standing_of
from tianfu.apps.trust.queries.names import names_of
from tianfu.apps.trust.store import TrustStore
from tianfu.kernel.instants import Instant, china_date
from tianfu.kernel.refusal import Refusal
from tianfu.records.outcomes import Found
from tianfu.records.store import SearchRequest
from tianfu.standards.china.identifier_systems import IDENTITY_NUMBER

DESK_ROLE = "desk"
JOINED_MAX = 50
"""So many Patient records of one identity number are shown as one person's at the desk."""


async def people_of(store: TrustStore, caller: Caller, *, now: Instant) -> tuple[Person, ...]:
    """Everybody for whom the caller may look, himself first; nobody for a caller who is no person of the register."""
    ties = await _ties(store, caller, now)
    wanted = [*caller.patients, *(tie.patient for tie in ties)]
    files = {one.id: one for one in await _files(store, caller, list(dict.fromkeys(wanted)))}
    own = [files[each] for each in caller.patients if each in files]
    people = [_person(own, Standing.SELF, "")] if own else []
    for together in _joined([tie for tie in ties if tie.patient in files], files):
        of = [files[tie.patient] for tie in together]
        standing = standing_of(
            frozenset().union(*(tie.relationship for tie in together)),
            age=_age(of, china_date(now)),
            is_in_force=True,
        )
        if standing is not None:
            people.append(_person(of, standing, together[0].id))
    return await _told_apart(store, caller, people, files)


async def _told_apart(
    store: TrustStore, caller: Caller, people: Sequence[Person], files: Mapping[str, PatientFile]
) -> tuple[Person, ...]:
    """The same, with the library beside those who look alike: nothing proves that they are one."""
    alike = Counter((each.name, each.born) for each in people)
    doubtful = [files[each.id] for each in people if alike[each.name, each.born] > 1]
    if not doubtful:
        return tuple(people)
    keepers = [("Organization", each.organisation) for each in doubtful if each.organisation and not each.library]
    names = await names_of(store, caller, Purpose.PATIENT_REQUEST, keepers)
    shown = [
        Shown(
            looks=(each.name, each.born),
            library=files[each.id].library or names.get(("Organization", files[each.id].organisation), ""),
            record=each.id,
        )
        for each in people
    ]
    return tuple(replace(each, told_by=label) for each, label in zip(people, told_apart(shown), strict=True))


async def person_of(store: TrustStore, caller: Caller, patient_id: str, *, now: Instant) -> Person:
    """The person behind a Patient record, if the caller may look for him; raises Refusal `not-found` if not."""
    if caller.role == DESK_ROLE:
        return await _at_the_desk(store, caller, patient_id)
    for person in await people_of(store, caller, now=now):
        if patient_id in person.patients:
            return person
    raise _not_found()


async def _at_the_desk(store: TrustStore, caller: Caller, patient_id: str) -> Person:
    """Whoever stands there, with his records in all libraries if one identity number joins them."""
    files = await _files(store, caller, [patient_id])
    if not files:
        raise _not_found()
    chosen = files[0]
    joined = await _files_with(store, caller, chosen.number) if chosen.number else []
    others = [one for one in joined if one.id != chosen.id]
    return _person([chosen, *others], Standing.DESK, "")


async def _files_with(store: TrustStore, caller: Caller, number: str) -> list[PatientFile]:
    """The Patient records that carry an identity number."""
    fields = (("identifier", f"{IDENTITY_NUMBER}|{number}"), ("_count", str(JOINED_MAX)))
    page = await store.search(caller, Purpose.PATIENT_REQUEST, SearchRequest(type="Patient", parameters=fields))
    return [file_of(record.value) for record in page.records]


async def _ties(store: TrustStore, caller: Caller, now: Instant) -> list[Tie]:
    if not caller.related:
        return []
    references = [("RelatedPerson", each) for each in caller.related]
    answers = await store.read_many(caller, Purpose.PATIENT_REQUEST, references)
    ties = [tie_of(answer.record.value) for answer in answers if isinstance(answer, Found)]
    return [tie for tie in ties if tie.patient and tie.is_in_force(now)]


async def _files(store: TrustStore, caller: Caller, patients: Sequence[str]) -> list[PatientFile]:
    if not patients:
        return []
    answers = await store.read_many(caller, Purpose.PATIENT_REQUEST, [("Patient", each) for each in patients])
    return [file_of(answer.record.value) for answer in answers if isinstance(answer, Found)]


def _joined(ties: Sequence[Tie], files: Mapping[str, PatientFile]) -> list[list[Tie]]:
    """Ties to one person together: the same Patient record, or records that are proven to be one person's."""
    people = joined({tie.patient: files[tie.patient].proofs for tie in ties})
    return [[tie for tie in ties if tie.patient in patients] for patients in people]


def _age(files: Sequence[PatientFile], today: date) -> int | None:
    person = _person(files, Standing.GUARDIAN, "")
    return person.age_on(today)


def _person(files: Sequence[PatientFile], standing: Standing, related: str) -> Person:
    first = files[0]
    return Person(
        patients=tuple(dict.fromkeys(one.id for one in files)),
        name=first.name,
        sex=first.sex,
        born=next((one.born for one in files if one.born is not None), None),
        number_tail=next((one.number[-4:] for one in files if one.number), ""),
        standing=standing,
        related=related,
    )


def _not_found() -> Refusal:
    return Refusal("not-found", next_step="start-again")
