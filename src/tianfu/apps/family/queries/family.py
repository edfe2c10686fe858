"""Who may look for somebody, for whom he looks, and who asks him to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Literal

from tianfu.access.caller import Caller
from tianfu.access.elements import choices
from tianfu.access.naming import age_on, born_of
from tianfu.access.purpose import Purpose
from tianfu.access.same_person import Shown, joined, proofs_of, told_apart
from tianfu.apps.family.mapping.elements import HL7, Element, codes_in, day_in, id_in, name_of, value_in
from tianfu.apps.family.mapping.namings import NAMING, Given, given_of, is_named, named_in, telephones_of
from tianfu.apps.family.model.naming import ADULT_FROM_YEARS, Naming, What, guardianship_ends
from tianfu.apps.family.ports import FamilyStore, Ties
from tianfu.kernel.instants import Instant, china_date, range_of
from tianfu.kernel.refusal import Refusal
from tianfu.records.outcomes import Found, Record
from tianfu.records.searching import SearchRequest
from tianfu.services.accounts.model.namings import Answer, Named, Told
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
    told_by: str = ""
    """What tells him apart from somebody else of the same name and age in the list; mostly nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """Somebody who asks the reader to look for him; `named` are the records by which he would."""

    name: str
    until: date
    what: What
    named: Named

    @property
    def naming(self) -> str:
        """The number of the naming."""
        return self.named.naming


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """What became of a naming since its asker last looked; `at` is the moment, or that at which its time was over."""

    name: str
    how: Answer | Literal["over"]
    at: Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """Everything that the page shows; `given` are the Consents by which the reader named somebody, with their text.

    `declined` are offers that stand and to which the reader said no; `answered` is what he has not seen of his own.
    """

    namings: tuple[Naming, ...]
    answered: tuple[Answered, ...]
    acting: tuple[Acting, ...]
    offers: tuple[Offer, ...]
    declined: tuple[Offer, ...]
    given: tuple[tuple[Given, Element], ...]
    age: int | None


async def read_family(store: FamilyStore, ties: Ties, signed_in: SignedIn, *, now: Instant) -> Family:
    """What the page shows to whoever signed in; nobody's, if his real name is not known yet."""
    caller, today = signed_in.caller, china_date(now)
    given = await _given(store, caller)
    named = _first_of_each([each for each, _ in given])
    told = await ties.answers(signed_in, [each.naming for each in named]) if named else {}
    standing = [each for each, _ in given if each.is_in_force_on(today)]
    wanted = [each.related for each in [*named, *standing]]
    people = await _resources(store, caller, [("RelatedPerson", each) for each in wanted])
    own = await _resources(store, caller, [("Patient", each) for each in caller.patients])
    born = born_of(day_in(each.get("birthDate")) for each in own.values())
    accepted = await ties.accepted([each.related for each in standing]) if standing else {}
    offers = await _offers(store, ties, signed_in, now)
    declined = await ties.declined(signed_in, [each.naming for each in offers]) if offers else frozenset()
    return Family(
        namings=tuple(_naming(each, people, accepted, told) for each in _first_of_each(standing)),
        answered=tuple(_answered(named, people, told, now)),
        acting=tuple(await _acting(store, caller, now)),
        offers=tuple(each for each in offers if each.naming not in declined),
        declined=tuple(each for each in offers if each.naming in declined),
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


def _answered(
    namings: Sequence[Given], people: Mapping[tuple[str, str], Element], told: Mapping[str, Told], now: Instant
) -> Iterator[Answered]:
    """What the reader has not seen of what became of his namings."""
    for each in namings:
        known = told.get(each.naming)
        if known is None or known.answer is None or known.at is None or known.is_seen:
            continue
        name = name_of(people.get(("RelatedPerson", each.related), {}))
        if known.answer == "accepted" and known.until <= now:
            yield Answered(name=name, how="over", at=known.until)
        else:
            yield Answered(name=name, how=known.answer, at=known.at)


def _naming(
    given: Given,
    people: Mapping[tuple[str, str], Element],
    accepted: Mapping[str, Instant],
    told: Mapping[str, Told],
) -> Naming:
    known = told.get(given.naming)
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
        answer=None if known is None else known.answer,
    )


async def _acting(store: FamilyStore, caller: Caller, now: Instant) -> list[Acting]:
    """For whom somebody looks: those whose records the store opens to him by his ties, and no others."""
    found = await _resources(store, caller, [("RelatedPerson", each) for each in caller.related])
    related = [each for each in found.values() if _is_in_force(each, now)]
    patients = await _resources(store, caller, [("Patient", id_in(each.get("patient"), "Patient")) for each in related])
    made: dict[str, tuple[Acting, Element]] = {}
    for each in related:
        patient = patients.get(("Patient", id_in(each.get("patient"), "Patient")))
        acting = None if patient is None else _acting_for(each, patient, china_date(now))
        if acting is not None and patient is not None:
            # A naming is one relation in several libraries: whoever named said that these records are his.
            made.setdefault(acting.naming or acting.patient, (acting, patient))
    proofs = {key: {key} if acting.naming else proofs_of(patient) for key, (acting, patient) in made.items()}
    one_of_each = [made[together[0]] for together in joined(proofs)]
    libraries = await _libraries(store, caller, [patient for _, patient in one_of_each])
    shown = [
        Shown(looks=(acting.name, acting.born), library=library, record=acting.patient)
        for (acting, _), library in zip(one_of_each, libraries, strict=True)
    ]
    return [replace(acting, told_by=label) for (acting, _), label in zip(one_of_each, told_apart(shown), strict=True)]


async def _libraries(store: FamilyStore, caller: Caller, patients: Sequence[Element]) -> list[str]:
    """The names of the organisations that keep these records; empty where none is known."""
    keepers = [each.get("managingOrganization") or {} for each in patients]
    wanted = [("Organization", id_in(each, "Organization")) for each in keepers if "display" not in each]
    names = await _resources(store, caller, wanted)
    return [
        str(each.get("display") or names.get(("Organization", id_in(each, "Organization")), {}).get("name", ""))
        for each in keepers
    ]


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


async def _offers(store: FamilyStore, ties: Ties, signed_in: SignedIn, now: Instant) -> list[Offer]:
    """Who names somebody of this real name and telephone, but for those whom he looks for and whom he does not hear.

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
    silent = await ties.not_heard(signed_in, [each.patient for each in given]) if given else frozenset()
    made = [_offer(one, given, patients) for one in _first_of_each(given)]
    # To whom he said no that often is shown no more, unless it is one that he declined and may think about again.
    answered = await ties.declined(signed_in, [each.naming for each in made]) if silent else frozenset()
    return [each for each in made if each.naming in answered or silent.isdisjoint(each.named.patients)]


def _offer(one: Given, given: Sequence[Given], patients: Mapping[tuple[str, str], Element]) -> Offer:
    of_it = [each for each in given if each.naming == one.naming]
    return Offer(
        name=name_of(patients.get(("Patient", one.patient), {})),
        until=one.until,
        what=one.what,
        named=named_in(of_it),
    )


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
