"""Allergies, warnings, pregnancies, lasting problems and medicines out of their resources."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, timedelta

from tianfu.apps.lifelong.mapping.elements import Element, concept_of, display_in, medicine_of, when_in, when_of, words
from tianfu.apps.lifelong.mapping.states import doubt_of, is_forbidden, is_mistaken, is_void, state_of
from tianfu.apps.lifelong.model.background import (
    DAYS_TO_TERM,
    LYING_IN_DAYS,
    Alert,
    Background,
    Lasting,
    plausible,
    with_due_date,
)
from tianfu.apps.lifelong.model.phases import Pregnancy
from tianfu.apps.lifelong.model.when import Precision
from tianfu.apps.lifelong.model.wording import CHINESE, NOTHING, Concept

BACKGROUND_TYPES = (
    "Condition",
    "EpisodeOfCare",
    "MedicationRequest",
    "MedicationStatement",
)
ALERT_TYPES = ("AllergyIntolerance", "Flag")

LOINC = "http://loinc.org"
LAST_PERIOD_CODE = "8665-2"
DUE_DATE_CODE = "11778-8"
ABO_CODE = "883-9"
RHESUS_CODE = "10331-7"
FACT_CODES = tuple(f"{LOINC}|{code}" for code in (LAST_PERIOD_CODE, DUE_DATE_CODE, ABO_CODE, RHESUS_CODE))

SNOMED = "http://snomed.info/sct"
PREGNANCY_CODES = frozenset({"pregnancy", "72892002", "77386006", "47200007"})
"""Our own episode, and SNOMED CT's normal pregnancy, patient currently pregnant, high-risk pregnancy."""

NO_ALLERGY_CODES = frozenset({"716186003", "409137002", "716184000", "428607008"})
"""SNOMED CT: no known allergy, no known drug allergy, no known latex allergy, no known environmental allergy."""

ACTIVE_MEDICINES = frozenset({"active", "on-hold", "intended"})
ACTIVE_PROBLEMS = frozenset({"active", "recurrence", "relapse"})

LASTING_CATEGORY = "problem-list-item"

Owned = tuple[str, Element]
"""The patient in whose compartment a resource lies, and the resource."""


def background_of(
    alerts: Iterable[Owned], lasting: Sequence[Owned], facts: Sequence[Owned], *, is_cut_off: bool
) -> Background:
    """Put the background together; what was entered in error or refuted does not count."""
    first_days = tuple(day for _, one in facts if not is_mistaken(one) and (day := _first_day(one)))
    valid = [(patient, one) for patient, one in lasting if not is_void(one)]
    return Background(
        alerts=_distinct(one for _, resource in alerts if (one := _alert(resource)) is not None),
        problems=tuple(_lasting(patient, one) for patient, one in valid if _is_lasting_problem(one)),
        medicines=tuple(_medicine(patient, one) for patient, one in valid if _is_current_medicine(one)),
        pregnancies=_pregnancies(valid, first_days),
        first_days=first_days,
        blood_groups=_answers(facts, ABO_CODE),
        rhesus=tuple(map(_rhesus, _answers(facts, RHESUS_CODE))),
        is_cut_off=is_cut_off,
    )


def _rhesus(said: str) -> str:
    """Positive and negative in the sign that every reader knows; any other answer as it was told."""
    if "阳" in said or "pos" in said.lower() or "+" in said:
        return "Rh+"
    return "Rh−" if "阴" in said or "neg" in said.lower() or "-" in said else said


def _first_day(observation: Element) -> date | None:
    """The first day of the last period, told as such or by the due date."""
    told = when_in(observation.get("valueDateTime"))
    code = concept_of(observation.get("code"))
    if told is None or told.precision not in (Precision.DAY, Precision.TIME):
        return None
    if code.has(LOINC, [LAST_PERIOD_CODE]):
        return told.day
    return told.day - timedelta(days=DAYS_TO_TERM) if code.has(LOINC, [DUE_DATE_CODE]) else None


def _answers(observations: Sequence[Owned], code: str) -> tuple[str, ...]:
    """What the valid Observations of a code say, newest first."""
    fitting = [
        one for _, one in observations if concept_of(one.get("code")).has(LOINC, [code]) and not is_mistaken(one)
    ]
    answers = [concept_of(one.get("valueCodeableConcept")) for one in fitting]
    said = [answer.named(CHINESE) for answer in answers]
    return tuple(one.text for one in said if one)


def _alert(resource: Element) -> Alert | None:
    """An allergy that still holds, or an active warning."""
    if is_void(resource):
        return None
    is_allergy = resource["resourceType"] == "AllergyIntolerance"
    state = state_of(resource)
    if state in ("resolved", "inactive") or (not is_allergy and state != "active"):
        return None
    reactions = resource.get("reaction", ())
    said = [concept for reaction in reactions for concept in words(reaction.get("description"))]
    shown = [concept_of(one) for reaction in reactions for one in reaction.get("manifestation", ())]
    name = concept_of(resource.get("code"))
    return Alert(
        type=resource["resourceType"],
        id=resource["id"],
        name=name,
        says_none=any(coding.code in NO_ALLERGY_CODES for coding in name.codings),
        reaction=next(iter([*shown, *said]), NOTHING),
        is_grave=resource.get("criticality") == "high",
        is_allergy=is_allergy,
        doubt=doubt_of(resource),
    )


def _distinct(alerts: Iterable[Alert]) -> tuple[Alert, ...]:
    """The gravest of alerts with the same name, grave ones first: two libraries may tell of one allergy."""
    kept: dict[str, Alert] = {}
    for alert in sorted(alerts, key=lambda one: (not one.is_grave, not one.is_allergy, bool(one.doubt))):
        kept.setdefault(alert.name.key or alert.name.text, alert)
    return tuple(kept.values())


def _is_lasting_problem(resource: Element) -> bool:
    if resource["resourceType"] != "Condition" or state_of(resource) not in ACTIVE_PROBLEMS:
        return False
    return not any(name.startswith("abatement") for name in resource)


def _lasting(patient: str, resource: Element) -> Lasting:
    return Lasting(
        type=resource["resourceType"],
        id=resource["id"],
        name=concept_of(resource.get("code")),
        since=when_of(resource),
        detail=next(iter(note for one in resource.get("note", ()) for note in words(one.get("text"))), NOTHING),
        patient=patient,
        doubt=doubt_of(resource),
    )


def _is_current_medicine(resource: Element) -> bool:
    """A medicine that goes on; an order not to give one is no medicine."""
    if not resource["resourceType"].startswith("Medication") or is_forbidden(resource):
        return False
    return state_of(resource) in ACTIVE_MEDICINES


def _medicine(patient: str, resource: Element) -> Lasting:
    name = medicine_of(resource.get("medicationCodeableConcept"))
    doses = [*resource.get("dosageInstruction", ()), *resource.get("dosage", ())]
    return Lasting(
        type=resource["resourceType"],
        id=resource["id"],
        name=name if name != NOTHING else Concept(text=display_in(resource.get("medicationReference"))),
        since=when_of(resource),
        detail=next(iter(said for dose in doses for said in words(dose.get("text"))), NOTHING),
        patient=patient,
    )


def _pregnancies(valid: Sequence[Owned], first_days: Sequence[date]) -> tuple[Pregnancy, ...]:
    """All pregnancies, oldest first, with their due dates where a record lets us count."""
    told = [one for _, resource in valid if (one := _pregnancy(resource))]
    return tuple(sorted((with_due_date(one, first_days) for one in told), key=lambda one: one.since))


def _pregnancy(resource: Element) -> Pregnancy | None:
    """A pregnancy told by an episode or a condition; an end is the birth, after which lying-in is added."""
    if resource["resourceType"] == "EpisodeOfCare":
        concepts = [concept_of(one) for one in resource.get("type", ())]
        since, until = resource.get("period", {}).get("start"), resource.get("period", {}).get("end")
        lying_in = 0
    else:
        concepts = [concept_of(resource.get("code"))]
        since, until = resource.get("onsetDateTime"), resource.get("abatementDateTime")
        lying_in = LYING_IN_DAYS
    if not since or not any(coding.code in PREGNANCY_CODES for one in concepts for coding in one.codings):
        return None
    ended = when_in(until)
    started = when_in(since)
    if started is None:
        return None
    told = Pregnancy(since=started.day, until=ended.day + timedelta(days=lying_in + 1) if ended else None)
    return told if told.until is None else plausible(told)
