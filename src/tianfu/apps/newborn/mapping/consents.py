"""A guardian's consent to visits as Consent, and back.  https://hl7.org/fhir/R4/consent.html

It has no provision: it says what may be done at the bed and opens no record (docs/rules/newborn-record.md).
"""

from __future__ import annotations

import base64
from collections.abc import Iterable
from dataclasses import dataclass

from tianfu.apps.newborn.mapping.codes import CONSENT, HL7
from tianfu.apps.newborn.mapping.visits import Element, Resource, id_in
from tianfu.apps.newborn.model.consent import Scope, Words, current_version, text_of
from tianfu.kernel.instants import Instant, to_fhir_instant

VERSION = "urn:tianfu:newborn-consent-text"
"""The system of the versions of the text, and of the identifier by which one Consent is found."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What a guardian agreed to; nothing where it was taken back."""

    id: str
    version: int
    guardian: str
    baby: str
    scopes: frozenset[Scope]
    text: str

    @property
    def lets_begin(self) -> bool:
        """Whether he agreed to the text of today that the baby is seen: by an older one nothing new is booked.

        What is booked, or written in the diary, goes on by the text that he signed until he takes it back.
        """
        return Scope.VIEW in self.scopes and self.text == current_version()


def consent_of(guardian: str, baby: str, words: Words, scopes: Iterable[Scope], *, now: Instant) -> Resource:
    """What a guardian agrees to, with the words that were read."""
    given = sorted(set(scopes))
    return {
        "resourceType": "Consent",
        "identifier": [{"system": VERSION, "value": f"{guardian}.{baby}"}],
        "status": "active",
        "scope": {"coding": [{"system": f"{HL7}/consentscope", "code": "patient-privacy"}]},
        "category": [
            {"coding": [{"system": "http://loinc.org", "code": "59284-0", "display": "Consent Document"}]},
            *({"coding": [{"system": CONSENT, "code": each.value}]} for each in given),
        ],
        "patient": {"reference": f"Patient/{baby}"},
        "dateTime": to_fhir_instant(now),
        "performer": [{"reference": f"RelatedPerson/{guardian}"}],
        "sourceAttachment": {
            "contentType": "text/plain; charset=utf-8",
            "language": words.language,
            "data": base64.b64encode(text_of(words, given).encode()).decode(),
        },
        "policyRule": {"coding": [{"system": VERSION, "code": words.version}]},
    }


def withdrawn(consent: Element) -> Resource:
    """The same consent, taken back."""
    return {**{name: value for name, value in consent.items() if name != "meta"}, "status": "inactive"}


def given_of(consent: Element, *, version: int) -> Given | None:
    """What a Consent to visits says; None for any other."""
    codes = {
        one.get("code")
        for each in consent.get("category", ())
        for one in each.get("coding", ())
        if one.get("system") == CONSENT
    } & {each.value for each in Scope}
    performers = {id_in(each, "RelatedPerson") for each in consent.get("performer", ())} - {""}
    texts = [
        one.get("code", "")
        for one in (consent.get("policyRule") or {}).get("coding", ())
        if one.get("system") == VERSION
    ]
    if not codes or len(performers) != 1:
        return None
    is_active = consent.get("status") == "active"
    return Given(
        id=str(consent["id"]),
        version=version,
        guardian=performers.pop(),
        baby=id_in(consent.get("patient"), "Patient"),
        scopes=frozenset(Scope(each) for each in codes) if is_active else frozenset(),
        text=next(iter(texts), ""),
    )
