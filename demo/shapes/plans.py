"""What is planned or goes on: episodes of care, care plans, signed teams, appointments, doses that are due."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from demo.facilities import Place
from demo.libraries import Chart, Resource
from demo.shapes.concepts import HL7, coding, moment, own_concept, period, reference


def open_episode(chart: Chart, *, key: str, text: str, place: Place, start: date, end: date | None) -> str:
    """Write a stretch of care with one aim, such as a pregnancy; its end may be known beforehand."""
    return chart.write(
        {
            "resourceType": "EpisodeOfCare",
            "status": "finished" if end and end < chart.today else "active",
            "type": [own_concept(text, "episode", key)],
            "patient": chart.subject,
            "managingOrganization": reference(place.organisation, place.organisation_name),
            "period": period(start, end),
            "careManager": reference(*place.doctors[0]),
        }
    )


def sign_family_doctor(chart: Chart, place: Place, start: date, *, package: str) -> str:
    """Write the family doctor's team and the year's contract."""
    end = start + timedelta(days=364)
    team = chart.write(
        {
            "resourceType": "CareTeam",
            "status": "active",
            "category": [own_concept("家庭医生团队", "care-team", "family-doctor")],
            "name": f"{place.organisation_name}家庭医生团队",
            "subject": chart.subject,
            "period": period(start, end),
            "participant": [{"member": reference(*doctor)} for doctor in place.doctors],
            "managingOrganization": [reference(place.organisation, place.organisation_name)],
        }
    )
    return plan_care(
        chart,
        key="family-doctor",
        title=f"家庭医生签约服务（{package}）",
        start=start,
        end=end,
        author=place.doctors[0][0],
        team=team,
        acts=[("健康咨询与预约转诊", None), ("健康评估", None)],
    )


def plan_care(
    chart: Chart,
    *,
    key: str,
    title: str,
    start: date,
    end: date | None,
    author: str,
    acts: list[tuple[str, date | None]],
    team: str | None = None,
    conditions: tuple[str, ...] = (),
    finished: bool = False,
) -> str:
    """Write a plan; each act has words and, where known, the day it is due."""
    body: Resource = {
        "resourceType": "CarePlan",
        "status": "completed" if finished else "active",
        "intent": "plan",
        "category": [own_concept(title, "care-plan", key)],
        "title": title,
        "subject": chart.subject,
        "period": period(start, end),
        "created": start.isoformat(),
        "author": reference(author),
        "activity": [_act(text, due) for text, due in acts],
    }
    if team:
        body["careTeam"] = [reference(team)]
    if conditions:
        body["addresses"] = [reference(condition) for condition in conditions]
    return chart.write(body)


def book(chart: Chart, place: Place, when: datetime, *, title: str) -> str:
    """Write an appointment that is still to come."""
    return chart.write(
        {
            "resourceType": "Appointment",
            "status": "booked",
            "serviceType": [own_concept(title, "department", place.department_key)],
            "description": title,
            "start": moment(when),
            "end": moment(when + timedelta(minutes=15)),
            "created": moment(when - timedelta(days=6)),
            "participant": [
                {"actor": chart.subject, "status": "accepted"},
                {"actor": reference(*place.doctors[0]), "status": "accepted"},
                {"actor": reference(place.location), "status": "accepted"},
            ],
        }
    )


def recommend_doses(chart: Chart, authority: str, today: date, due: list[tuple[Resource, int, date]]) -> str:
    """Write which doses come next: vaccine concept, number of the dose, day it is due."""
    return chart.write(
        {
            "resourceType": "ImmunizationRecommendation",
            "patient": chart.subject,
            "date": today.isoformat(),
            "authority": reference(authority),
            "recommendation": [_dose_due(vaccine, number, day, today) for vaccine, number, day in due],
        }
    )


def _dose_due(vaccine: Resource, number: int, day: date, today: date) -> Resource:
    status = ("overdue", "Overdue") if day < today - timedelta(days=30) else ("due", "Due")
    return {
        "vaccineCode": [vaccine],
        "forecastStatus": {"coding": [coding(f"{HL7}/immunization-recommendation-status", *status)]},
        "dateCriterion": [
            {
                "code": {"coding": [coding("http://loinc.org", "30981-5", "Earliest date to give")]},
                "value": day.isoformat(),
            }
        ],
        "doseNumberPositiveInt": number,
    }


def _act(text: str, due: date | None) -> Resource:
    detail: Resource = {"code": {"text": text}, "status": "scheduled" if due else "in-progress"}
    if due:
        detail["scheduledPeriod"] = {"start": due.isoformat()}
    return {"detail": detail}
