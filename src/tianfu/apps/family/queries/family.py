"""Who may look for somebody, for whom he looks, and who asks him to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

from tianfu.access.caller import Caller
from tianfu.access.elements import choices
from tianfu.access.purpose import Purpose
from tianfu.apps.family.mapping.elements import HL7, Element, codes_in, day_in, id_in, name_of, value_in
from tianfu.apps.family.mapping.namings import NAMING, Given, given_of, is_named, telephones_of
from tianfu.apps.family.model.naming import ADULT_FROM_YEARS, Naming, What, age_on, guardianship_ends
from tianfu.apps.family.ports import FamilyStore, Ties
from tianfu.kernel.instants import Instant, china_date, range_of
from tianfu.kernel.refusal import Refusal
from tianfu.records.outcomes import Found, Record
from tianfu.records.searching import SearchRequest
from tianfu.services.accounts.model.people import SignedIn
from tianfu.standards.china.names import folded

WHY = Purpose.PATIENT_REQUEST
FOUND_MAX = 100

Standing = Literal["guardian", "proxy"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Acting:
    """Somebody for whom the reader looks; `until` is when he sees less or nothing, None if that is not known.

    `naming` is empty for a child, whom nobody can lay down.
    """

    patient: str
    name: str
    born: date | None
    age: int | None
    standing: Standing
    until: date | None
    naming: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """Somebody who asks the reader to look for him; `related` are the records by which he would."""

    naming: str
    name: str
    until: date
    what: What
    related: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """Everything that the page shows; `given` are the Consents by which the reader named somebody, with their text."""

    namings: tuple[Naming, ...]
    acting: tuple[Acting, ...]
    offers: tuple[Offer, ...]
    given: tuple[tuple[Given, Element], ...]
    age: int | None


async def read_family(store: FamilyStore, ties: Ties, signed_in: SignedIn, *, now: Instant) -> Family:
    """What the page shows to whoever signed in; nobody's, if his real name is not known yet."""
    caller, today = signed_in.caller, china_date(now)
    given = await _given(store, caller)
    standing = [each for each, _ in given if each.is_in_force_on(today)]
    people = await _resources(store, caller, [("RelatedPerson", each.related) for each in standing])
    own = await _resources(store, caller, [("Patient", each) for each in caller.patients])
    born = next((day for each in own.values() if (day := day_in(each.get("birthDate"))) is not None), None)
    accepted = await ties.accepted([each.related for each in standing]) if standing else {}
    return Family(
        namings=tuple(_naming(each, people, accepted) for each in _first_of_each(standing)),
        acting=tuple(await _acting(store, caller, now)),
        offers=tuple(await _offers(store, signed_in, now)),
        given=tuple(given),
        age=age_on(born, today),
    )


async def _given(store: FamilyStore, caller: Caller) -> list[tuple[Given, Element]]:
    """The Consents by which somebody named others for his own records."""
    if not caller.patients:
        return []
    mine = ",".join(f"Patient/{each}" for each in caller.patients)
    fields = (("patient", mine), ("status", "active"), ("_count", str(FOUND_MAX)))
    page = await store.search(caller, WHY, SearchRequest(type="Consent", parameters=fields))
    read = [(given_of(record.value, version=record.version), record.value) for record in page.records]
    return [(each, value) for each, value in read if each is not None and each.patient in caller.patients]


def _first_of_each(given: Sequence[Given]) -> list[Given]:
    """One of each naming: what stands in several libraries is one."""
    return list({each.naming: each for each in reversed(given)}.values())


def _naming(given: Given, people: dict[tuple[str, str], Element], accepted: Any) -> Naming:
    person = people.get(("RelatedPerson", given.related), {})
    telephone = next(iter(telephones_of(person)), "")
    return Naming(
        id=given.naming,
        name=name_of(person),
        tail=telephone[-4:],
        since=given.since,
        until=given.until,
        what=given.what,
        accepted_at=accepted.get(given.related),
    )


async def _acting(store: FamilyStore, caller: Caller, now: Instant) -> list[Acting]:
    """For whom somebody looks: those whose records the store opens to him by his ties, and no others."""
    found = await _resources(store, caller, [("RelatedPerson", each) for each in caller.related])
    related = [each for each in found.values() if _is_in_force(each, now)]
    patients = await _resources(store, caller, [("Patient", id_in(each.get("patient"), "Patient")) for each in related])
    made: dict[str, Acting] = {}
    for each in related:
        patient = patients.get(("Patient", id_in(each.get("patient"), "Patient")))
        acting = None if patient is None else _acting_for(each, patient, china_date(now))
        if acting is not None:
            made.setdefault(acting.naming or f"{acting.name} {acting.born}", acting)
    return list(made.values())


def _acting_for(related: Element, patient: Element, today: date) -> Acting | None:
    born = day_in(patient.get("birthDate"))
    age = age_on(born, today)
    guardians = choices()["guardian"]["codings"][f"{HL7}/v3-RoleCode"]
    is_guardian = not codes_in(related, "relationship", f"{HL7}/v3-RoleCode").isdisjoint(guardians)
    if is_guardian and age is not None and age < ADULT_FROM_YEARS:
        standing: Standing = "guardian"
        until = guardianship_ends(born, today)
    elif is_named(related):
        standing, until = "proxy", day_in((related.get("period") or {}).get("end"))
    else:
        return None
    return Acting(
        patient=patient["id"],
        name=name_of(patient),
        born=born,
        age=age,
        standing=standing,
        until=until,
        naming=value_in(related, NAMING) if standing == "proxy" else "",
    )


async def _offers(store: FamilyStore, signed_in: SignedIn, now: Instant) -> list[Offer]:
    """Who names somebody of this real name and telephone that he has not answered yet.

    Asked in the system's name, because nothing is open to him before he accepts: he learns the name of whoever named
    him, until when and for what.
    """
    account = signed_in.account
    if not account.name_stands or not account.number:
        return []
    searcher = Caller(id=account.id, role="system", session=signed_in.session)
    fields = (("phone", account.number), ("active", "true"), ("_count", str(FOUND_MAX)))
    page = await store.search(searcher, Purpose.OPERATIONS, SearchRequest(type="RelatedPerson", parameters=fields))
    meant = [record for record in page.records if _is_meant(record, signed_in, now)]
    if not meant:
        return []
    actors = ",".join(f"RelatedPerson/{each.id}" for each in meant)
    wanted = SearchRequest(
        type="Consent", parameters=(("actor", actors), ("status", "active"), ("_count", str(FOUND_MAX)))
    )
    consents = await store.search(searcher, Purpose.OPERATIONS, wanted)
    read = [given_of(each.value, version=each.version) for each in consents.records]
    given = [each for each in read if each is not None and each.is_in_force_on(china_date(now))]
    patients = await _resources(store, searcher, [("Patient", each.patient) for each in given], Purpose.OPERATIONS)
    made = []
    for one in _first_of_each(given):
        person = patients.get(("Patient", one.patient), {})
        related = tuple(each.related for each in given if each.naming == one.naming)
        made.append(Offer(naming=one.naming, name=name_of(person), until=one.until, what=one.what, related=related))
    return made


def _is_meant(record: Record, signed_in: SignedIn, now: Instant) -> bool:
    """Whether a RelatedPerson means somebody who is signed in, and whom it does not stand for yet."""
    person, account = record.value, signed_in.account
    return (
        is_named(person)
        and record.id not in account.related
        and account.number in telephones_of(person)
        and folded(name_of(person)) == folded(account.name)
        and id_in(person.get("patient"), "Patient") not in account.patients
        and _is_in_force(person, now)
    )


def _is_in_force(person: Element, now: Instant) -> bool:
    period = person.get("period") or {}
    begins = range_of(period["start"])[0] if "start" in period else Instant(0)
    ends = range_of(period["end"])[1] if "end" in period else None
    return person.get("active", True) is True and begins <= now and (ends is None or now < ends)


async def _resources(
    store: FamilyStore, caller: Caller, references: Sequence[tuple[str, str]], purpose: Purpose = WHY
) -> dict[tuple[str, str], Element]:
    """Those of these records that the caller may see."""
    wanted = [each for each in dict.fromkeys(references) if each[1]]
    if not wanted:
        return {}
    answers = await store.read_many(caller, purpose, wanted)
    return {
        reference: answer.record.value
        for reference, answer in zip(wanted, answers, strict=True)
        if isinstance(answer, Found)
    }


def not_found() -> Refusal:
    """What is answered for a naming that is none, not any more, or another's."""
    return Refusal("not-found", next_step="start-again")
