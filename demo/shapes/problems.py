"""Problems: diagnoses, allergies and warnings."""

from __future__ import annotations

from datetime import date, datetime

from demo.libraries import Chart, Resource
from demo.shapes.concepts import (
    ATC,
    OWN,
    coding,
    concept,
    diagnosis_concept,
    hl7_concept,
    moment,
    own_concept,
    reference,
)
from demo.shapes.visits import Visit
from demo.tables import Row


def diagnose(
    visit: Visit, row: Row, *, over: date | None = None, since: date | datetime | None = None, main: bool = True
) -> str:
    """Write a diagnosis made at a visit; `over` is the day it ended, without it the illness lasts."""
    onset = since or visit.start
    body: Resource = {
        "resourceType": "Condition",
        "clinicalStatus": _one(hl7_concept("condition-clinical", "resolved" if over else "active", "")),
        "verificationStatus": _one(hl7_concept("condition-ver-status", "confirmed", "Confirmed")),
        "category": hl7_concept("condition-category", "encounter-diagnosis", "Encounter Diagnosis")
        if over
        else hl7_concept("condition-category", "problem-list-item", "Problem List Item"),
        "code": diagnosis_concept(row),
        **visit.context,
        "onsetDateTime": moment(onset) if isinstance(onset, datetime) else onset.isoformat(),
        "recordedDate": moment(visit.start),
        "recorder": reference(*visit.doctor),
    }
    if over:
        body["abatementDateTime"] = over.isoformat()
    if not main:
        body["note"] = [{"text": "次要诊断"}]
    return visit.write(body)


def note_penicillin_allergy(visit: Visit, *, severe: bool) -> str:
    """Write a penicillin allergy found at a visit."""
    penicillin = concept(
        "青霉素类",
        coding(ATC, "J01C", "Beta-lactam antibacterials, penicillins"),
        coding(f"{OWN}/allergen", "penicillin", "青霉素类"),
    )
    reaction = "皮试后过敏性休克，抢救成功" if severe else "皮试阳性，皮疹"
    return visit.write(
        {
            "resourceType": "AllergyIntolerance",
            "clinicalStatus": _one(hl7_concept("allergyintolerance-clinical", "active", "Active")),
            "verificationStatus": _one(hl7_concept("allergyintolerance-verification", "confirmed", "Confirmed")),
            "type": "allergy",
            "category": ["medication"],
            "criticality": "high" if severe else "low",
            "code": penicillin,
            "patient": visit.chart.subject,
            "encounter": reference(visit.reference),
            "onsetDateTime": moment(visit.start),
            "recordedDate": moment(visit.start),
            "recorder": reference(*visit.doctor),
            "reaction": [
                {
                    "substance": penicillin,
                    "manifestation": [{"text": reaction}],
                    "description": reaction,
                    "severity": "severe" if severe else "mild",
                }
            ],
        }
    )


def warn(chart: Chart, *, key: str, text: str, start: date, end: date | None = None, author: str | None = None) -> str:
    """Write a warning that every reader should see while it holds."""
    body: Resource = {
        "resourceType": "Flag",
        "status": "inactive" if end else "active",
        "category": hl7_concept("flag-category", "clinical", "Clinical"),
        "code": own_concept(text, "flag", key),
        "subject": chart.subject,
        "period": {"start": start.isoformat()} | ({"end": end.isoformat()} if end else {}),
    }
    if author:
        body["author"] = reference(author)
    return chart.write(body)


def _one(concepts: list[Resource]) -> Resource:
    """The only concept of a list; codes whose display says nothing new go without."""
    found = concepts[0]["coding"][0]
    if not found.get("display"):
        found = coding(found["system"], found["code"])
    return {"coding": [found]}
