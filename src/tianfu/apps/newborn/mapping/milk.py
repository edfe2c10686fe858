"""A check of milk as Task, with the bottle as a contained Specimen.  Rules: docs/rules/newborn-diary.md

https://hl7.org/fhir/R4/task.html , https://hl7.org/fhir/R4/specimen.html
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tianfu.apps.newborn.mapping.codes import MILK_CHECK, NEWBORN, concept
from tianfu.apps.newborn.mapping.guardians import INPATIENT
from tianfu.apps.newborn.mapping.visits import Element, Resource, id_in
from tianfu.apps.newborn.mapping.wards import bands_worn
from tianfu.apps.newborn.model.milk import Kind, Scanned, Verdict, Wearer, rules
from tianfu.kernel.instants import Instant, range_of, to_fhir_instant

MILK_RULES = "milk-rules"


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One check as it lies in the record."""

    at: Instant
    verdict: Verdict
    kind: Kind
    since: Instant
    by: str


def wearer_of(patient: Element, stays: tuple[Element, ...], *, now: Instant) -> Wearer:
    """The bands that a baby wears now and the number of its one open stay; empty if that is not clear."""
    bands = frozenset(bands_worn(patient, now=now))
    numbers = {
        str(each["value"])
        for stay in stays
        if stay.get("status") == "in-progress"
        for each in stay.get("identifier", ())
        if each.get("system") == INPATIENT and each.get("value")
    }
    return Wearer(wristbands=bands, number=numbers.pop() if len(numbers) == 1 else "")


def check_resource(scanned: Scanned, verdict: Verdict, *, baby: str, by: str, now: Instant) -> Resource:
    """What was checked and what came out; another baby's codes are not kept with this one's record."""
    about = {"reference": f"Patient/{baby}"}
    return {
        "resourceType": "Task",
        "contained": [
            {
                "resourceType": "Specimen",
                "id": "milk",
                "type": concept(scanned.kind.value),
                "subject": about,
                "collection": {"collectedDateTime": to_fhir_instant(scanned.since)},
            }
        ],
        "status": "completed" if verdict is Verdict.MAY_BE_FED else "rejected",
        "intent": "order",
        "code": concept(MILK_CHECK),
        "statusReason": concept(verdict.value),
        "for": about,
        "focus": {"reference": "#milk"},
        "authoredOn": to_fhir_instant(now),
        "lastModified": to_fhir_instant(now),
        "requester": {"reference": f"Practitioner/{by}"},
        "owner": {"reference": f"Practitioner/{by}"},
        "input": [{"type": concept(MILK_RULES), "valueString": rules()["version"]}],
    }


def check_from(task: Element) -> Check | None:
    """The check in a Task; None for any other."""
    milk: Mapping[str, Any] = next(iter(task.get("contained", ())), {})
    try:
        if _code(task.get("code")) != MILK_CHECK:
            return None
        return Check(
            at=range_of(task["authoredOn"])[0],
            verdict=Verdict(_code(task.get("statusReason"))),
            kind=Kind(_code(milk.get("type"))),
            since=range_of(milk["collection"]["collectedDateTime"])[0],
            by=id_in(task.get("owner"), "Practitioner"),
        )
    except (KeyError, ValueError):
        return None


def _code(concept: Element | None) -> str:
    codings = (concept or {}).get("coding", ())
    return next((str(each.get("code")) for each in codings if each.get("system") == NEWBORN), "")
