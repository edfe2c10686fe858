"""Screens: what a person was asked to agree to and said, and the history of one of these decisions."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from tianfu.access.caller import Caller
from tianfu.access.purpose import Purpose
from tianfu.apps.trust.mapping.consents import signed_of, text_in
from tianfu.apps.trust.mapping.elements import HL7, name_of
from tianfu.apps.trust.model.consent import Offer, Signed, Standing, Text, offer_called, standings
from tianfu.apps.trust.model.people import Person, Say, say_of
from tianfu.apps.trust.queries.names import Names, names_of
from tianfu.apps.trust.queries.people import people_of, person_of
from tianfu.apps.trust.store import TrustStore
from tianfu.kernel.instants import Instant, china_date
from tianfu.kernel.refusal import Refusal
from tianfu.records.outcomes import Record
from tianfu.records.search.escapes import escaped
from tianfu.records.store import SearchRequest

WHY = Purpose.PATIENT_REQUEST
CONSENTS_MAX = 500
VERSIONS_PER_PAGE = 50
INSTITUTIONS_MAX = 100
"""So many institutions are offered at once; whoever has more to choose from writes how the name begins."""

PROVIDER = f"{HL7}/organization-type|prov"


@dataclass(frozen=True, slots=True, kw_only=True)
class Consents:
    """Every offer with where it stands; `others` counts consents that were written elsewhere in words not ours."""

    person: Person
    family: tuple[Person, ...]
    say: Say
    standings: tuple[Standing, ...]
    others: int
    names: Names
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
        names=await names_of(store, caller, WHY, [("Organization", one.institution) for one in ours]),
        records={record.id: record for record in page.records if signed[record.id] is not None},
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class OneOffer:
    """One offer with the text that is read today."""

    consents: Consents
    standing: Standing
    text: Text
    choices: tuple[tuple[str, str], ...]
    """The institutions that can be named, by id and name; none for an offer that names none."""

    are_cut_off: bool


async def read_offer(
    store: TrustStore, caller: Caller, patient_id: str, key: str, *, wanted: str = "", now: Instant
) -> OneOffer:
    """What a person is asked, and what he said so far; raises Refusal `not-found` for an offer that is none.

    `wanted` is how the name of the institution begins that the person looks for.
    """
    offer = offer_called(key)
    consents = await read_consents(store, caller, patient_id, now=now)
    choices, are_cut_off = await _institutions(store, caller, wanted) if offer.names_institution else ((), False)
    return OneOffer(
        consents=consents,
        standing=consents.standing(offer.key),
        text=offer.text_on(china_date(now)),
        choices=choices,
        are_cut_off=are_cut_off,
    )


async def _institutions(store: TrustStore, caller: Caller, wanted: str) -> tuple[tuple[tuple[str, str], ...], bool]:
    """Institutions that treat people, whose name begins as wanted, in order of name."""
    named = (("name", escaped(wanted)),) if wanted else ()
    fields = (("type", PROVIDER), ("active", "true"), *named, ("_count", str(INSTITUTIONS_MAX)))
    page = await store.search(caller, WHY, SearchRequest(type="Organization", parameters=fields))
    found = sorted((name_of(record.value.get("name")), record.id) for record in page.records)
    return tuple((logical_id, name) for name, logical_id in found), page.next_cursor is not None


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
    names: Names
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
    words: list[Word] = []
    is_cut_off = False
    # The records of several libraries were written together: for each institution the longest of them tells all.
    told = {one.institution: one for one in sorted(signed, key=lambda one: one.version)}
    pages = await asyncio.gather(
        *(store.history(caller, WHY, "Consent", one.id, limit=VERSIONS_PER_PAGE) for one in told.values())
    )
    for page in pages:
        is_cut_off = is_cut_off or page.next_cursor is not None
        words += [
            Word(signed=one, text=text_in(entry.record.value))
            for entry in page.entries
            if entry.record is not None and (one := signed_of(entry.record.value, version=entry.version))
        ]
    return ConsentHistory(
        person=consents.person,
        offer=offer,
        words=tuple(sorted(words, key=lambda word: -word.signed.at)),
        names=consents.names,
        today=china_date(now),
        is_cut_off=is_cut_off,
    )
