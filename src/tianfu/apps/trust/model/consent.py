"""What a person can be asked to agree to, in which words, and what was decided.  Ward rule: docs/rules/consent.md"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any

from tianfu.kernel.ids import FHIR_ID
from tianfu.kernel.instants import Instant
from tianfu.kernel.refusal import Refusal

TEXTS_FILE = Path(__file__).with_name("consent_texts.json")


class Decision(StrEnum):
    """What a person says to an offer; the values are those of Consent.provision.type."""

    PERMIT = "permit"
    DENY = "deny"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wording:
    """One text in one language: what a person reads before deciding, part by part."""

    title: str
    what: str
    who: str
    how_long: str
    take_back: str

    @property
    def whole(self) -> str:
        """The text as it is kept with the signature."""
        return "\n".join((self.title, self.what, self.who, self.how_long, self.take_back))


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """One version of an offer's text, in every language."""

    version: str
    since: date
    wordings: Mapping[str, Wording]

    def in_language(self, tag: str) -> Wording:
        """The wording in a language; Chinese if there is none, because that one counts."""
        return self.wordings.get(tag) or self.wordings["zh-CN"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """Something that can be agreed to: for which purposes of use, and which special labels it opens, if any.

    `scope` and `confidentiality` are codes of the Consent; `without` says what holds as long as nothing is decided,
    `open` or `closed`.  Where an institution is named, a yes is for that one alone and a no for all.
    """

    key: str
    purposes: tuple[str, ...]
    scope: str
    labels: tuple[tuple[str, str], ...]
    confidentiality: str
    names_institution: bool
    without: str

    texts: tuple[Text, ...]

    def text_on(self, day: date) -> Text:
        """The text that is read on a day: the newest that had begun."""
        begun = [text for text in self.texts if text.since <= day]
        return max(begun or self.texts[:1], key=lambda text: text.since)

    def text(self, version: str) -> Text | None:
        """A version of the text; None if it is not ours."""
        return next((text for text in self.texts if text.version == version), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """One version of one Consent record: who said what to which text, and when."""

    id: str
    version: int
    patient: str
    institution: str
    """The id of the Organization that it is for; empty if it is for all."""

    offer: str
    text_version: str
    decision: Decision
    is_active: bool
    at: Instant
    by: str
    """`Patient/…` or `RelatedPerson/…`: whose word it is."""

    is_confirmed: bool
    """Whether the person gave it himself; at a desk it is written down for him."""

    @property
    def is_yes(self) -> bool:
        """Whether it is a yes that stands."""
        return self.is_active and self.decision == Decision.PERMIT

    @property
    def is_no(self) -> bool:
        """Whether it is a no that stands."""
        return self.is_active and self.decision == Decision.DENY


class ConsentState(StrEnum):
    """Where an offer stands for a person with all his records."""

    UNDECIDED = "undecided"
    GIVEN = "given"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"
    MIXED = "mixed"
    """Libraries differ: not every record of the person says the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """One offer and what the person's records say to it: for each Patient record and institution the last word."""

    offer: Offer
    state: ConsentState
    signed: tuple[Signed, ...]

    @property
    def institutions(self) -> tuple[str, ...]:
        """Those for which a yes stands, in the order in which they were named."""
        given = [one for one in sorted(self.signed, key=lambda one: one.at) if one.is_yes]
        return tuple(dict.fromkeys(one.institution for one in given if one.institution))

    @property
    def newest(self) -> Signed | None:
        """The last word."""
        return max(self.signed, key=lambda one: one.at, default=None)

    @property
    def can_be_withdrawn(self) -> bool:
        """Whether something stands that can be taken back."""
        return any(one.is_active for one in self.signed)

    def has_newer_text(self, today: date) -> bool:
        """Whether the text has changed since it was signed."""
        newest = self.newest
        return newest is not None and newest.is_active and newest.text_version != self.offer.text_on(today).version


@cache
def offers() -> Mapping[str, Offer]:
    """All offers by key, in the order of the file."""
    rows = json.loads(TEXTS_FILE.read_text("utf-8"))["offers"]
    return {row["key"]: _offer(row) for row in rows}


def offer_called(key: str) -> Offer:
    """The offer; raises Refusal `not-found` if there is none of that name."""
    found = offers().get(key)
    if found is None:
        raise Refusal("not-found", next_step="start-again")
    return found


def _offer(row: Mapping[str, Any]) -> Offer:
    return Offer(
        key=row["key"],
        purposes=tuple(row["purposes"]),
        scope=row["scope"],
        labels=tuple((one["system"], one["code"]) for one in row["labels"]),
        confidentiality=row["confidentiality"],
        names_institution=row["names_institution"],
        without=row["without"],
        texts=tuple(
            Text(
                version=text["version"],
                since=date.fromisoformat(text["since"]),
                wordings={tag: Wording(**wording) for tag, wording in text["wordings"].items()},
            )
            for text in row["texts"]
        ),
    )


def standings(signed: Iterable[Signed], patients: Sequence[str]) -> tuple[Standing, ...]:
    """Every offer with where it stands for a person who has these Patient records."""
    newest: dict[tuple[str, str, str], Signed] = {}
    for one in sorted(signed, key=lambda one: one.at):
        if one.patient in patients:
            newest[one.offer, one.patient, one.institution] = one
    return tuple(
        standing_of(offer, [one for (of, _, _), one in newest.items() if of == key], patients)
        for key, offer in offers().items()
    )


def standing_of(offer: Offer, signed: Sequence[Signed], patients: Sequence[str]) -> Standing:
    """Where one offer stands: a yes or a no counts as one only if every record of the person says so."""
    refusals = {one.patient for one in signed if one.is_no}
    yeses = {
        institution: {one.patient for one in signed if one.is_yes and one.institution == institution}
        for institution in {one.institution for one in signed if one.is_yes}
    }
    everybody = set(patients)
    if not signed:
        state = ConsentState.UNDECIDED
    elif not refusals and not yeses:
        state = ConsentState.WITHDRAWN
    elif refusals == everybody and not yeses:
        state = ConsentState.REFUSED
    elif not refusals and all(of == everybody for of in yeses.values()):
        state = ConsentState.GIVEN
    else:
        state = ConsentState.MIXED
    return Standing(offer=offer, state=state, signed=tuple(signed))


def ended_by(decision: Decision, signed: Iterable[Signed], institution: str) -> tuple[Signed, ...]:
    """What a new word ends: a no ends every yes, a yes ends every no; the same record of the same institution stays,
    because the new word is written over it."""
    return tuple(
        one
        for one in signed
        if one.institution != institution and (one.is_yes if decision == Decision.DENY else one.is_no)
    )


def institution_of(offer: Offer, decision: Decision, institution: str) -> str:
    """For which institution a decision is; raises Refusal `institution-missing` for a yes that must name one."""
    if not offer.names_institution or decision == Decision.DENY:
        return ""
    if not FHIR_ID.match(institution):
        raise Refusal("institution-missing")
    return institution


def read_decision(text: str) -> Decision:
    """What the form says; there is no default, so raises Refusal `decision-missing` for anything else."""
    if text not in set(Decision):
        raise Refusal("decision-missing")
    return Decision(text)
