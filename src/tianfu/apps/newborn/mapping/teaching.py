"""Discharge teaching as QuestionnaireResponse and CarePlan, the points as Questionnaire.

Rules: docs/rules/newborn-diary.md

https://hl7.org/fhir/R4/questionnaireresponse.html , https://hl7.org/fhir/R4/careplan.html
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tianfu.apps.newborn.mapping.codes import NEWBORN
from tianfu.apps.newborn.mapping.visits import Element, Resource, id_in
from tianfu.apps.newborn.model.teaching import Answer, Plan
from tianfu.kernel.instants import Instant, range_of, to_fhir_instant

TEACHING = "urn:tianfu:newborn-teaching"
"""The system of the identifier by which a baby's response is found, and the canonical name of the questions."""


_ACTIVITY = {None: "not-started", Answer.AGAIN: "in-progress", Answer.OWN_WORDS: "completed"}
"""http://hl7.org/fhir/ValueSet/care-plan-activity-status"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Taught:
    """What a family told so far; answers to points of an older version are left out where those points are gone."""

    id: str
    version: int
    baby: str
    plan_version: str
    answers: Mapping[str, Answer]
    is_complete: bool
    by: str
    at: Instant


def questionnaire_id(plan: Plan) -> str:
    """The logical id of a version of the points."""
    return f"newborn-teaching-{plan.version}"


def questionnaire_of(plan: Plan) -> Resource:
    """The points as a definition that other systems read."""
    return {
        "resourceType": "Questionnaire",
        "id": questionnaire_id(plan),
        "url": TEACHING,
        "version": plan.version,
        "status": "active" if plan.is_checked else "draft",
        "experimental": not plan.is_checked,
        "subjectType": ["Patient"],
        "title": "Before going home",
        "item": [
            {
                "linkId": each.id,
                "text": each.words["zh-CN"],
                "type": "choice",
                "required": True,
                "answerOption": [{"valueCoding": {"system": NEWBORN, "code": answer.value}} for answer in Answer],
            }
            for each in plan.points
        ],
    }


def response_of(
    plan: Plan, answers: Mapping[str, Answer], *, baby: str, by: str, now: Instant, logical_id: str = ""
) -> Resource:
    """What a family told; completed only when it told everything in its own words."""
    return {
        "resourceType": "QuestionnaireResponse",
        **({"id": logical_id} if logical_id else {}),
        "identifier": {"system": TEACHING, "value": baby},
        "questionnaire": f"{TEACHING}|{plan.version}",
        "status": "completed" if plan.is_complete(answers) else "in-progress",
        "subject": {"reference": f"Patient/{baby}"},
        "authored": to_fhir_instant(now),
        "author": {"reference": f"Practitioner/{by}"},
        "item": [
            {
                "linkId": each.id,
                "text": each.words["zh-CN"],
                "answer": [{"valueCoding": {"system": NEWBORN, "code": answers[each.id].value}}],
            }
            for each in plan.points
            if each.id in answers
        ],
    }


def care_plan_of(
    plan: Plan, answers: Mapping[str, Answer], *, baby: str, response: str, by: str, logical_id: str = ""
) -> Resource:
    """What is still to be told before going home, an activity for each point; `response` is how the answers are named.

    What must be told again is in progress: somebody heard it once.
    """
    return {
        "resourceType": "CarePlan",
        **({"id": logical_id} if logical_id else {}),
        "identifier": [{"system": TEACHING, "value": baby}],
        "status": "completed" if plan.is_complete(answers) else "active",
        "intent": "plan",
        "title": "Before going home",
        "subject": {"reference": f"Patient/{baby}"},
        "author": {"reference": f"Practitioner/{by}"},
        "supportingInfo": [{"reference": response}],
        "activity": [
            {
                "detail": {
                    "code": {"coding": [{"system": TEACHING, "code": each.id}], "text": each.words["zh-CN"]},
                    "status": _ACTIVITY[answers.get(each.id)],
                    "description": each.words["en"],
                }
            }
            for each in plan.points
        ],
    }


def taught_from(response: Element, *, version: int) -> Taught | None:
    """What a family told, in a QuestionnaireResponse to our questions; None for any other."""
    url, _, plan_version = str(response.get("questionnaire", "")).partition("|")
    if url != TEACHING:
        return None
    answers: dict[str, Answer] = {}
    for item in response.get("item", ()):
        for answer in item.get("answer", ()):
            coding = answer.get("valueCoding") or {}
            if coding.get("system") == NEWBORN and coding.get("code") in {each.value for each in Answer}:
                answers[str(item.get("linkId"))] = Answer(coding["code"])
    try:
        at = range_of(str(response.get("authored", "")))[0]
    except ValueError:
        return None
    return Taught(
        id=str(response["id"]),
        version=version,
        baby=id_in(response.get("subject"), "Patient"),
        plan_version=plan_version,
        answers=answers,
        is_complete=response.get("status") == "completed",
        by=id_in(response.get("author"), "Practitioner"),
        at=at,
    )
