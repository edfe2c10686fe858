"""Screens: what a person was asked to agree to and said, and the history of one of these decisions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from tianfu.access.caller import Caller
from tianfu.access.purpose import Purpose
from tianfu.apps.trust.mapping.consents import signed_of, text_in
from tianfu.apps.trust.model.consent import Offer, Signed, Standing, Text, offer_called, standings
from tianfu.apps.trust.model.people import Person, Say, say_of
from tianfu.apps.trust.queries.people import people_of, person_of
from tianfu.apps.trust.store import TrustStore
from tianfu.kernel.instants import Instant, china_date
from tianfu.kernel.refusal import Refusal
from tianfu.records.outcomes import Record
from tianfu.records.store import SearchRequest

WHY = Purpose.PATIENT_REQUEST
CONSENTS_MAX = 500
VERSIONS_PER_PAGE = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Consents:
    """Every offer with where it stands; `others` counts consents that were written elsewhere in words not ours."""

    person: Person
    family: tuple[Person, ...]
    say: Say
    standings: tuple[Standing, ...]
    others: int
    records: Mapping[str, Record]
    """The newest version of each Consent of ours, by its id."""

    def standing(self, key: str) -> Standing:
        """Where one offer stands."""
        return next(each for each in self.standings if each.offer.key == key)


async def read_consents(store: TrustStore, caller: Caller, patient_id: str, *, now: Instant) -> Consents:
    """What a person said to every offer, in all libraries."""
    person = await person_of(store, caller, patient_id, now=now)
    patients = ",".join(f"Patient/{each}" for each in person.patients)
    fields = (("patient", patients), ("_count", str(CONSENTS_MAX)))
    page = await store.search(caller, WHY, SearchRequest(type="Consent", parameters=fields))
    if page.next_cursor is not None:
        raise Refusal("too-many-consents", next_step="try-again-later")
    signed = {record.id: signed_of(record.value, version=record.version) for record in page.records}
    ours = [one for one in signed.values() if one is not None]
    return Consents(
        person=person,
        family=await people_of(store, caller, now=now),
        say=say_of(person, china_date(now)),
        standings=standings(ours, person.patients),
        others=len(signed) - len(ours),
        records={record.id: record for record in page.records if signed[record.id] is not None},
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class OneOffer:
    """One offer with the text that is read today."""

    consents: Consents
    standing: Standing
    text: Text


async def read_offer(store: TrustStore, caller: Caller, patient_id: str, key: str, *, now: Instant) -> OneOffer:
    """What a person is asked, and what he said so far; raises Refusal `not-found` for an offer that is none."""
    offer = offer_called(key)
    consents = await read_consents(store, caller, patient_id, now=now)
    return OneOffer(consents=consents, standing=consents.standing(offer.key), text=offer.text_on(china_date(now)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """One version of a decision, with the text that was signed."""

    signed: Signed
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentHistory:
    """Every word to one offer, newest first."""

    person: Person
    offer: Offer
    words: tuple[Word, ...]
    today: date
    is_cut_off: bool


async def read_consent_history(
    store: TrustStore, caller: Caller, patient_id: str, key: str, *, now: Instant
) -> ConsentHistory:
    """How a person decided about one offer over time; the records of several libraries tell the same story once."""
    consents = await read_consents(store, caller, patient_id, now=now)
    offer = offer_called(key)
    signed = consents.standing(key).signed
    if not signed:
        raise Refusal("not-found", next_step="start-again")
    # Written together, they were decided together: the longest of them tells all.
    told = max(signed, key=lambda one: one.version)
    page = await store.history(caller, WHY, "Consent", told.id, limit=VERSIONS_PER_PAGE)
    words = [
        Word(signed=one, text=text_in(entry.record.value))
        for entry in page.entries
        if entry.record is not None and (one := signed_of(entry.record.value, version=entry.version))
    ]
    return ConsentHistory(
        person=consents.person,
        offer=offer,
        words=tuple(words),
        today=china_date(now),
        is_cut_off=page.next_cursor is not None,
    )
