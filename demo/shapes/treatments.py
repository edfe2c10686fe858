"""Treatments: prescriptions and procedures."""

from __future__ import annotations

from datetime import datetime, timedelta

from demo.libraries import Resource
from demo.people import Person
from demo.shapes.concepts import ATC, OWN, coding, concept, moment, own_concept, period, quantity, reference
from demo.shapes.visits import Visit, write_moment
from demo.tables import table
from tianfu.standards.china import identifier_systems as systems

_TIMES = {1: "每日一次", 2: "每日两次", 3: "每日三次", 4: "每日四次"}


def prescribe(visit: Visit, key: str, *, reason: str | None = None, days: int | None = None) -> str:
    """Write a prescription line; `reason` is the Condition it is for."""
    row = table("medicines")["medicines"][key]
    supply = days or row["days"]
    route = row.get("route", "口服")
    shown = row.get("shown", row["unit"].replace("ug", "μg"))
    codings = [coding(ATC, row["atc"], row["english"])] if "atc" in row else []
    codings.append(coding(f"{OWN}/medicine", key, row["name"] if "atc" in row else row["english"]))
    body: Resource = {
        "resourceType": "MedicationRequest",
        "identifier": [
            {"system": systems.PRESCRIPTION_NUMBER, "value": f"R{visit.start:%y%m%d}{visit.dice.randrange(10**6):06}"}
        ],
        "status": "active" if visit.start.date() + timedelta(days=supply) >= visit.chart.today else "completed",
        "intent": "order",
        "medicationCodeableConcept": concept(f"{row['name']} {row['strength']}", *codings),
        **visit.context,
        "authoredOn": write_moment(visit, 15),
        "requester": reference(*visit.doctor),
        "dosageInstruction": [
            {
                "text": f"{route}，每次{row['dose']:g} {shown}，{_TIMES[row['times']]}，共{supply}天",
                "timing": {"repeat": {"frequency": row["times"], "period": 1, "periodUnit": "d"}},
                "route": own_concept(route, "route", route),
                "doseAndRate": [{"doseQuantity": quantity(row["dose"], row["unit"], shown)}],
            }
        ],
        "dispenseRequest": {
            "validityPeriod": {"start": visit.start.date().isoformat()},
            "expectedSupplyDuration": quantity(supply, "d", "天"),
        },
    }
    if reason:
        body["reasonReference"] = [reference(reason)]
    return visit.write(body)


def suitable(person: Person, medicines: list[str], *, pregnant: bool = False) -> list[str]:
    """Those of the medicines that may be given: none in pregnancy, no related antibiotic after an allergy."""
    if pregnant:
        return []
    if person.nature.penicillin_allergy_since is None:
        return medicines
    rows = table("medicines")["medicines"]
    return [key for key in medicines if rows[key].get("class") not in ("penicillin", "cephalosporin")]


def perform(
    visit: Visit, key: str, *, reason: str | None = None, start: datetime | None = None, end: datetime | None = None
) -> str:
    """Write a procedure done at a visit."""
    row = table("procedures")["procedures"][key]
    body: Resource = {
        "resourceType": "Procedure",
        "status": "completed",
        "code": concept(row["name"], coding(f"{OWN}/procedure", key, row["english"])),
        **visit.context,
        "performer": [{"actor": reference(*visit.doctor)}],
    }
    if start and end:
        body["performedPeriod"] = period(start, end)
    else:
        body["performedDateTime"] = moment(visit.later(15))
    if reason:
        body["reasonReference"] = [reference(reason)]
    return visit.write(body)
