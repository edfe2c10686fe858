"""Resources as entries of the timeline: what each type calls itself, what to say of it, and how grave it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from tianfu.apps.lifelong.mapping.elements import (
    Element,
    code_in,
    concept_of,
    concepts_of,
    display_in,
    medicine_of,
    reference_in,
    when_of,
    words,
)
from tianfu.apps.lifelong.mapping.findings import finding_of
from tianfu.apps.lifelong.mapping.states import is_forbidden, is_void, state_marks
from tianfu.apps.lifelong.model.consent_titles import is_general, title_of
from tianfu.apps.lifelong.model.entries import Diagnosis, Entry, Finding, Mark, Tone
from tianfu.apps.lifelong.model.kinds import Kind, kind_of
from tianfu.apps.lifelong.model.wording import NOTHING, Concept

Described = Mapping[str, Any]
"""Fields of an Entry that a type decides."""

DEMO_TAG = "demo"
RECOGNISED_TAG = "HR"
KNOWN_TAGS = frozenset({RECOGNISED_TAG, "paper"})
CLASS_ICONS = {
    "IMP": "i-bed",
    "ACUTE": "i-bed",
    "NONAC": "i-bed",
    "EMER": "i-hospital",
    "HH": "i-house",
    "VR": "i-message",
}
"""Encounter classes worth a picture and a word of their own (http://terminology.hl7.org/CodeSystem/v3-ActCode)."""

_ICONS = {
    Kind.ENCOUNTER: "i-steth",
    Kind.CONDITION: "i-heart",
    Kind.RESULT: "i-flask",
    Kind.EXAMINATION: "i-eye",
    Kind.TREATMENT: "i-hospital",
    Kind.MEDICINE: "i-pill",
    Kind.IMMUNISATION: "i-syringe",
    Kind.CHECK: "i-ruler",
    Kind.DOCUMENT: "i-record",
    Kind.OTHER: "i-ticket",
}
_TONES = {Kind.EXAMINATION: Tone.INFO, Kind.RESULT: Tone.INFO, Kind.DOCUMENT: Tone.QUIET, Kind.OTHER: Tone.QUIET}


def entry_of(resource: Element, *, patient: str) -> Entry:
    """The entry of one resource in the compartment of `patient`."""
    type_ = resource["resourceType"]
    kind = kind_of(type_, category_code(resource))
    described = _DESCRIBE.get(type_, _any_type)(resource)
    entry = Entry(
        type=type_,
        id=resource["id"],
        patient=patient,
        kind=kind,
        when=when_of(resource),
        icon=_ICONS[kind],
        tone=_TONES.get(kind, Tone.PLAIN),
        title_key=f"type.{type_}",
        organisation=_organisation(resource),
        practitioner=_practitioner(resource),
        encounter=reference_in(resource.get("encounter") or resource.get("context")),
    )
    entry = _unalarmed(replace(entry, **described)) if is_void(resource) else replace(entry, **described)
    return replace(entry, marks=(*state_marks(resource), *entry.marks, *_tag_marks(resource)))


def _unalarmed(entry: Entry) -> Entry:
    """The entry of what was taken back or ruled out: however grave it was, it warns of nothing any more."""
    marks = tuple(mark for mark in entry.marks if mark.status != "critical")
    return replace(entry, tone=Tone.QUIET, icon=_ICONS[entry.kind], marks=marks)


def category_code(resource: Element) -> str:
    """The code of the first category, as the census counts it; an Encounter's is its class."""
    if resource["resourceType"] == "Encounter":
        return str(resource.get("class", {}).get("code", ""))
    category = resource.get("category")
    first = category[0] if isinstance(category, list) and category else category
    return code_in(first) if isinstance(first, dict) else str(first or "")


def _encounter(resource: Element) -> Described:
    types = concepts_of(resource.get("type"))
    service = concept_of(resource.get("serviceType"))
    titles = [one for one in types or (service,) if one != NOTHING]
    visit_class = resource.get("class", {}).get("code", "")
    stands_out = bool(titles) and visit_class in CLASS_ICONS
    return {
        "title": titles[0] if titles else NOTHING,
        "title_key": f"encounter-class.{visit_class}",
        "icon": CLASS_ICONS.get(visit_class, "i-steth"),
        "marks": (Mark(status="quiet", key=f"encounter-class.{visit_class}"),) if stands_out else (),
        "details": tuple(dict.fromkeys([*titles[1:], *concepts_of(resource.get("reasonCode"))])),
        "diagnoses": _diagnoses(resource),
        "department": service if types else NOTHING,
    }


def _diagnoses(resource: Element) -> tuple[Diagnosis, ...]:
    """The diagnoses that an Encounter names with words; whether they are certain, only their own records know."""
    conditions = [one.get("condition") for one in resource.get("diagnosis", ())]
    return tuple(
        Diagnosis(reference=reference_in(one), name=Concept(text=said))
        for one in conditions
        if (said := display_in(one))
    )


def _condition(resource: Element) -> Described:
    return {
        "title": concept_of(resource.get("code")),
        "details": (*concepts_of([resource["severity"]] if "severity" in resource else []), *_notes(resource)),
    }


def _allergy(resource: Element) -> Described:
    is_grave = resource.get("criticality") == "high"
    reactions = resource.get("reaction", ())
    said = [one for reaction in reactions for one in words(reaction.get("description"))]
    shown = [one for reaction in reactions for one in concepts_of(reaction.get("manifestation"))]
    return {
        "title": concept_of(resource.get("code")),
        "prefix_key": "entry.allergy",
        "icon": "i-stop" if is_grave else "i-warn",
        "tone": Tone.CRITICAL if is_grave else Tone.WARNING,
        "marks": (Mark(status="critical", key="mark.severe"),) if is_grave else (),
        "details": tuple(dict.fromkeys([*shown, *said, *_notes(resource)])),
    }


def _report(resource: Element) -> Described:
    return {
        "title": concept_of(resource.get("code")),
        "details": (*words(resource.get("conclusion")), *concepts_of(resource.get("conclusionCode"))),
        "results": tuple(reference_in(part) for name in ("result", "imagingStudy") for part in resource.get(name, ())),
    }


def _observation(resource: Element) -> Described:
    finding = finding_of(resource)
    return {
        "title": finding.name,
        "findings": (finding,),
        "tone": Tone.CRITICAL if finding.is_critical else Tone.WARNING if finding.is_abnormal else Tone.PLAIN,
        **({"icon": "i-stop", "marks": (_critical_mark(finding),)} if finding.is_critical else {}),
        "details": _notes(resource),
    }


def _critical_mark(finding: Finding) -> Mark:
    return Mark(status="critical", key=f"flag.{finding.gravest}")


def _imaging(resource: Element) -> Described:
    titles = [*words(resource.get("description")), *concepts_of(resource.get("procedureCode"))]
    modalities = [Concept(codings=tuple(_modality(one) for one in resource.get("modality", ())))]
    series = resource.get("series", ())
    if not resource.get("modality") and series:
        modalities = [Concept(codings=tuple(_modality(one["modality"]) for one in series[:1]))]
    sites = [Concept(codings=(_modality(one["bodySite"]),)) for one in series[:1] if "bodySite" in one]
    named = [one for one in (*titles, *modalities) if one.codings or one.text]
    return {"title": named[0] if named else NOTHING, "details": (*named[1:], *sites)}


def _modality(element: Element) -> Any:
    return concept_of({"coding": [element]}).codings[0]


def _procedure(resource: Element) -> Described:
    return {
        "title": concept_of(resource.get("code")),
        "details": (*concepts_of(resource.get("reasonCode")), *words_of(resource, "outcome"), *_notes(resource)),
    }


def words_of(resource: Element, name: str) -> tuple[Concept, ...]:
    """One optional CodeableConcept as a list."""
    return (concept_of(resource[name]),) if name in resource else ()


def _medicine(resource: Element) -> Described:
    medicine = medicine_of(resource.get("medicationCodeableConcept"))
    if medicine == NOTHING:
        medicine = Concept(text=display_in(resource.get("medicationReference")))
    doses = [*resource.get("dosageInstruction", ()), *resource.get("dosage", ())] if _is_list(resource) else []
    return {
        "title": medicine,
        **({"tone": Tone.CRITICAL, "icon": "i-stop"} if is_forbidden(resource) else {}),
        "details": tuple(one for dose in doses for one in words(dose.get("text"))),
    }


def _is_list(resource: Element) -> bool:
    """MedicationAdministration has a single dosage; its text is rarely more than the order said."""
    return isinstance(resource.get("dosage", ()), (list, tuple))


def _immunisation(resource: Element) -> Described:
    doses = [
        one.get("doseNumberPositiveInt") or one.get("doseNumberString") for one in resource.get("protocolApplied", ())
    ]
    return {
        "title": concept_of(resource.get("vaccineCode")),
        "marks": tuple(Mark(status="quiet", key="mark.dose", count=int(dose)) for dose in doses if str(dose).isdigit()),
        "details": _notes(resource),
    }


def _plan(resource: Element) -> Described:
    titles = [*words(resource.get("title")), *concepts_of(resource.get("category"))]
    return {
        "title": titles[0] if titles else NOTHING,
        "icon": "i-calendar",
        "details": words(resource.get("description")),
    }


def _goal(resource: Element) -> Described:
    return {"title": concept_of(resource.get("description")), "icon": "i-target"}


def _document(resource: Element) -> Described:
    titles = [*words(resource.get("title")), *words_of(resource, "type"), *words(resource.get("description"))]
    contents = [one.get("attachment", {}).get("title") for one in resource.get("content", ())]
    named = [*titles, *(Concept(text=title) for title in contents if title)]
    title = named[0] if named else NOTHING
    others = [one for one in dict.fromkeys(named[1:]) if one.text != title.text]
    return {"title": title, "details": tuple(others)}


def _bill(resource: Element) -> Described:
    total = resource.get("total", {})
    amounts = [total] if isinstance(total, dict) else [one.get("amount", {}) for one in total[:1]]
    said = [f"{one['value']} {one.get('currency', '')}".strip() for one in amounts if "value" in one]
    return {"details": (*words_of(resource, "type"), *(Concept(text=text) for text in said))}


def _any_type(resource: Element) -> Described:
    """A type without words of its own: its code or type if it has one, else the name of the type."""
    for name in ("code", "type", "category", "relationship", "serviceType"):
        value = resource.get(name)
        first = value[0] if isinstance(value, list) and value else value
        if isinstance(first, dict) and ("coding" in first or "text" in first):
            return {"title": concept_of(first), "prefix_key": f"type.{resource['resourceType']}"}
    return {}


def _consent(resource: Element) -> Described:
    """A Consent by what it is about, from data; the category that every one of them has says nothing."""
    own = [one for one in concepts_of(resource.get("category")) if not is_general(one)]
    said = [concept_of(resource.get("policyRule")), *own, concept_of(resource.get("scope"))]
    titles = [title for one in said if (title := title_of(one)) is not None] or own
    return {"title": titles[0] if titles else NOTHING}


_DESCRIBE: Mapping[str, Callable[[Element], Described]] = {
    "AllergyIntolerance": _allergy,
    "CarePlan": _plan,
    "Claim": _bill,
    "Composition": _document,
    "Condition": _condition,
    "Consent": _consent,
    "DiagnosticReport": _report,
    "DocumentReference": _document,
    "Encounter": _encounter,
    "ExplanationOfBenefit": _bill,
    "Goal": _goal,
    "ImagingStudy": _imaging,
    "Immunization": _immunisation,
    "MedicationAdministration": _medicine,
    "MedicationDispense": _medicine,
    "MedicationRequest": _medicine,
    "MedicationStatement": _medicine,
    "Observation": _observation,
    "Procedure": _procedure,
}


def _notes(resource: Element) -> tuple[Concept, ...]:
    return tuple(one for note in resource.get("note", ()) for one in words(note.get("text")))


def _tag_marks(resource: Element) -> list[Mark]:
    """Tags with a name that people should see: recognised by other hospitals, entered from paper."""
    tags = [
        tag for tag in resource.get("meta", {}).get("tag", ()) if tag.get("display") and tag.get("code") != DEMO_TAG
    ]
    return [Mark(status="info" if tag.get("code") == RECOGNISED_TAG else "quiet", **_tag_words(tag)) for tag in tags]


def _tag_words(tag: Element) -> Described:
    """Our phrase for a tag that we know, else what the tag calls itself."""
    if tag.get("code") in KNOWN_TAGS:
        return {"key": f"mark.tag-{tag['code']}"}
    return {"concept": concept_of({"coding": [tag]})}


def _organisation(resource: Element) -> str:
    """Where it was: the display of the organisation, else its reference to be looked up."""
    for name in ("serviceProvider", "custodian", "performer", "managingOrganization", "provider", "author"):
        value = resource.get(name)
        for one in value if isinstance(value, list) else [value] if value else []:
            actor = one.get("actor", one)
            if "Organization/" in reference_in(actor) or actor.get("type") == "Organization":
                return display_in(actor) or reference_in(actor)
    return ""


def _practitioner(resource: Element) -> str:
    """Who did it: the display of the first practitioner, else the reference to be looked up."""
    people = [one.get("individual", {}) for one in resource.get("participant", ()) if isinstance(one, dict)]
    for name in ("performer", "requester", "recorder", "asserter", "author", "resultsInterpreter"):
        value = resource.get(name)
        people.extend(one.get("actor", one) for one in (value if isinstance(value, list) else [value] if value else []))
    for actor in people:
        if "Practitioner/" in reference_in(actor):
            return display_in(actor) or reference_in(actor)
    return ""
