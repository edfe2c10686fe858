"""Decisions as Consent resources and back.  https://hl7.org/fhir/R4/consent.html

One Consent for each Patient record, offer and institution; deciding again and withdrawing are new versions of it.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass

from tianfu.apps.trust.mapping.elements import HL7, Element, Resource, code_in, id_in, instant_in, to
from tianfu.apps.trust.model.consent import Decision, Offer, Signed, Text
from tianfu.kernel.instants import Instant, to_fhir_instant

TEXT_SYSTEM = "urn:tianfu:consent-text"
"""The system of our texts: the code is the offer, the version the version of its text."""

CATEGORY = [{"coding": [{"system": "http://loinc.org", "code": "59284-0", "display": "Consent Document"}]}]
RECIPIENT = {"coding": [{"system": f"{HL7}/v3-ParticipationType", "code": "IRCP"}]}


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """What was said: `by` is `Patient/…` or `RelatedPerson/…`, `institution` an id or empty, `language` a tag."""

    offer: Offer
    text: Text
    decision: Decision
    institution: str
    by: str
    is_confirmed: bool
    language: str
    at: Instant


def consent_resource(said: Decided, patient_id: str) -> Resource:
    """The Consent by which somebody decides about a Patient record; the text he read lies in it."""
    moment = to_fhir_instant(said.at)
    words = said.text.in_language(said.language).whole.encode()
    return {
        "resourceType": "Consent",
        "status": "active",
        "scope": {"coding": [{"system": f"{HL7}/consentscope", "code": said.offer.scope}]},
        "category": CATEGORY,
        "patient": to("Patient", patient_id),
        "dateTime": moment,
        "performer": [{"reference": said.by}],
        "sourceAttachment": {
            "contentType": "text/plain; charset=utf-8",
            "language": said.language,
            "data": base64.b64encode(words).decode(),
            "size": len(words),
            # FHIR asks for SHA-1 here; it finds a mistake in passing on, it proves nothing.
            "hash": base64.b64encode(hashlib.sha1(words, usedforsecurity=False).digest()).decode(),
            "title": f"{said.offer.key} {said.text.version}",
            "creation": said.text.since.isoformat(),
        },
        "policyRule": {"coding": [{"system": TEXT_SYSTEM, "version": said.text.version, "code": said.offer.key}]},
        "verification": [
            {"verified": said.is_confirmed, "verifiedWith": {"reference": said.by}, "verificationDate": moment}
        ],
        "provision": _provision(said, moment),
    }


def _provision(said: Decided, moment: str) -> Resource:
    provision: Resource = {
        "type": said.decision.value,
        "period": {"start": moment},
        "purpose": [{"system": f"{HL7}/v3-ActReason", "code": purpose} for purpose in said.offer.purposes],
    }
    if said.institution:
        provision["actor"] = [{"role": RECIPIENT, "reference": to("Organization", said.institution)}]
    labels = [{"system": system, "code": code} for system, code in said.offer.labels]
    if said.offer.confidentiality and said.decision == Decision.PERMIT:
        # How high a permission reaches; in a denial it would close everything below as well.
        labels.append({"system": f"{HL7}/v3-Confidentiality", "code": said.offer.confidentiality})
    return {**provision, **({"securityLabel": labels} if labels else {})}


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
        institution=next(
            (
                found
                for one in resource["provision"].get("actor", ())
                if (found := id_in(one["reference"], "Organization"))
            ),
            "",
        ),
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
