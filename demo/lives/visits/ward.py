"""Who lies in a hospital today: a stay that goes on, so that a doctor there has somebody to look after."""

from __future__ import annotations

from datetime import timedelta

from demo.dice import Dice
from demo.facilities import department_place
from demo.lives.life import PUBLIC_HEALTH, Life
from demo.shapes.concepts import HL7, coding, moment, own_concept, reference
from demo.times import office_hour
from tianfu.standards.china import identifier_systems as systems

ADULT_YEARS = 18
RICH_FROM_YEARS = 50
SHARE = 0.012
"""Which share of the adults whom a hospital knows lies there on one day."""


def tell(life: Life) -> None:
    """Admit somebody a few days ago, to the general ward of a hospital that knows him, and do not let him go."""
    dice = Dice("ward", life.household.number, life.person.key)
    charts = [each for each in life.charts.opened_for(life.person) if each.library.key != PUBLIC_HEALTH]
    age = life.age(life.today)
    is_told_in_full = life.person.rich and age >= RICH_FROM_YEARS
    if not charts or life.person.died is not None or age < ADULT_YEARS or life.pregnant_on(life.today):
        return
    if not is_told_in_full and not dice.happens(SHARE):
        return
    chart = charts[0]
    day = life.today - timedelta(days=dice.randrange(2, 6))
    place = department_place(chart.library, "general")
    chart.write(
        {
            "resourceType": "Encounter",
            "identifier": [
                {"system": systems.INPATIENT_NUMBER, "value": f"Z{day:%y%m%d}{dice.randrange(10**5):05}"},
            ],
            "status": "in-progress",
            "class": coding(f"{HL7}/v3-ActCode", "IMP", "inpatient encounter"),
            "type": [own_concept("住院：观察治疗", "visit-type", "stay", "Hospital stay: observation and treatment")],
            "serviceType": own_concept(
                place.department_name, "department", place.department_key, place.department_english
            ),
            "subject": reference(chart.patient),
            "participant": [{"individual": reference(*place.doctors[0])}],
            "period": {"start": moment(office_hour(day, dice))},
            "location": [{"location": reference(place.location)}],
            "serviceProvider": reference(place.organisation, place.organisation_name),
        }
    )
