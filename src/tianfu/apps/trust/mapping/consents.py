"""Decisions as Consent resources and back.  https://hl7.org/fhir/R4/consent.html

One Consent for each Patient record and offer; deciding again and withdrawing are new versions of it.
"""

from __future__ import annotations

import base64
import hashlib

from tianfu.apps.trust.mapping.elements import HL7, Element, Resource, code_in, id_in, instant_in, to
from tianfu.apps.trust.model.consent import Decision, Offer, Signed, Text
from tianfu.kernel.instants import Instant, to_fhir_instant

TEXT_SYSTEM = "urn:tianfu:consent-text"
"""The system of our texts: the code is the offer, the version the version of its text."""

SCOPE = {"coding": [{"system": f"{HL7}/consentscope", "code": "patient-privacy"}]}
CATEGORY = [{"coding": [{"system": "http://loinc.org", "code": "59284-0", "display": "Consent Document"}]}]


def consent_resource(
    offer: Offer,
    text: Text,
    decision: Decision,
    *,
    patient_id: str,
    by: str,
    is_confirmed: bool,
    language: str,
    now: Instant,
) -> Resource:
    """The Consent by which `by` (`Patient/…` or `RelatedPerson/…`) decides for a Patient; the text lies in it."""
    moment = to_fhir_instant(now)
    words = text.in_language(language).whole.encode()
    provision: Resource = {
        "type": decision.value,
        "period": {"start": moment},
        "purpose": [{"system": f"{HL7}/v3-ActReason", "code": purpose} for purpose in offer.purposes],
    }
    if offer.labels:
        provision["securityLabel"] = [{"system": system, "code": code} for system, code in offer.labels]
    return {
        "resourceType": "Consent",
        "status": "active",
        "scope": SCOPE,
        "category": CATEGORY,
        "patient": to("Patient", patient_id),
        "dateTime": moment,
        "performer": [{"reference": by}],
        "sourceAttachment": {
            "contentType": "text/plain; charset=utf-8",
            "language": language,
            "data": base64.b64encode(words).decode(),
            "size": len(words),
            # FHIR asks for SHA-1 here; it finds a mistake in passing on, it proves nothing.
            "hash": base64.b64encode(hashlib.sha1(words, usedforsecurity=False).digest()).decode(),
            "title": f"{offer.key} {text.version}",
            "creation": text.since.isoformat(),
        },
        "policyRule": {"coding": [{"system": TEXT_SYSTEM, "version": text.version, "code": offer.key}]},
        "verification": [{"verified": is_confirmed, "verifiedWith": {"reference": by}, "verificationDate": moment}],
        "provision": provision,
    }


def withdrawn(resource: Element, *, by: str, is_confirmed: bool, now: Instant) -> Resource:
    """The same Consent, no longer in force; who took it back stands beside who gave it."""
    moment = to_fhir_instant(now)
    said = {"verified": is_confirmed, "verifiedWith": {"reference": by}, "verificationDate": moment}
    kept = {name: value for name, value in resource.items() if name != "meta"}
    provision = {**kept.get("provision", {})}
    provision["period"] = {**provision.get("period", {}), "end": moment}
    return {
        **kept,
        "status": "inactive",
        "verification": [*kept.get("verification", ()), said],
        "provision": provision,
    }


def signed_of(resource: Element, *, version: int) -> Signed | None:
    """What a version of a Consent says; None for one that is not about an offer of ours."""
    key = code_in(resource.get("policyRule"), TEXT_SYSTEM)
    if not key:
        return None
    coding = next(one for one in resource["policyRule"]["coding"] if one.get("system") == TEXT_SYSTEM)
    last = (resource.get("verification") or [{}])[-1]
    return Signed(
        id=resource["id"],
        version=version,
        patient=id_in(resource.get("patient"), "Patient"),
        offer=key,
        text_version=coding.get("version", ""),
        decision=Decision(resource["provision"].get("type", Decision.PERMIT)),
        is_active=resource["status"] == "active",
        at=instant_in(last.get("verificationDate") or resource.get("dateTime")),
        by=str((last.get("verifiedWith") or {}).get("reference", "")),
        is_confirmed=last.get("verified") is True,
    )


def text_in(resource: Element) -> str:
    """The text that was signed, as it lies in the Consent."""
    data = (resource.get("sourceAttachment") or {}).get("data", "")
    return base64.b64decode(data).decode("utf-8", "replace")
