"""Immunisations: the childhood schedule of the year of birth, campaigns for older children, and doses that are due."""

from __future__ import annotations

from datetime import date, timedelta

from demo.dice import Dice
from demo.facilities import Place, centre_place
from demo.libraries import Chart, Resource
from demo.lives.life import Life
from demo.shapes.concepts import CVX, HL7, OWN, coding, concept, moment, quantity, reference
from demo.shapes.plans import recommend_doses
from demo.times import months_after, office_hour, working_day
from tianfu.standards.china.immunisation import Dose, Vaccine, campaigns, schedule_for, vaccines

MISSED_SHARE = 0.02
PANDEMIC_DOSES = (date(2021, 5, 10), date(2021, 6, 7), date(2021, 12, 20))
PANDEMIC_SHARE = 0.8

_ROUTES = {"IM": "肌内注射", "ID": "皮内注射", "SC": "皮下注射", "PO": "口服"}
_ROUTES_ENGLISH = {"IM": "Injection, intramuscular", "ID": "Injection, intradermal", "SC": "Injection, subcutaneous"}


def tell(life: Life) -> None:
    """Tell the doses that were given, and which come next."""
    if life.person.birth is not None:
        _childhood(life)
    _pandemic(life)


def vaccine_concept(vaccine: Vaccine) -> Resource:
    """A vaccine as a concept."""
    return concept(
        vaccine.name,
        coding(CVX, vaccine.cvx, vaccine.cvx_display),
        coding(f"{OWN}/vaccine", vaccine.key, vaccine.short),
    )


def give(
    chart: Chart,
    place: Place,
    dice: Dice,
    day: date,
    *,
    vaccine: Resource,
    dose: int,
    series: str,
    route: str,
    amount_ml: float,
    targets: tuple[str, ...] = (),
) -> str:
    """Write one dose that was given."""
    start = office_hour(day, dice)
    route_concept = concept(_ROUTES[route])
    if route in _ROUTES_ENGLISH:
        system = f"{HL7}/v3-RouteOfAdministration"
        code = {"IM": "IM", "ID": "IDINJ", "SC": "SQ"}[route]
        route_concept = concept(_ROUTES[route], coding(system, code, _ROUTES_ENGLISH[route]))
    return chart.write(
        {
            "resourceType": "Immunization",
            "status": "completed",
            "vaccineCode": vaccine,
            "patient": chart.subject,
            "occurrenceDateTime": moment(start),
            "recorded": moment(start),
            "primarySource": True,
            "location": reference(place.location),
            "lotNumber": f"{day.year}{dice.randrange(1, 13):02}{dice.randrange(100):03}",
            "expirationDate": (day + timedelta(days=dice.randrange(120, 700))).isoformat(),
            "site": concept("口服" if route == "PO" else dice.pick(("左上臂三角肌", "右上臂三角肌", "左大腿前外侧"))),
            "route": route_concept,
            "doseQuantity": quantity(amount_ml, "mL"),
            "performer": [{"actor": reference(*place.doctors[0])}],
            "protocolApplied": [
                {"series": series, "doseNumberPositiveInt": dose}
                | ({"targetDisease": [{"text": target} for target in targets]} if targets else {})
            ],
        }
    )


def _childhood(life: Life) -> None:
    schedule = schedule_for(life.person.born)
    if schedule is None:
        return
    due: list[tuple[Resource, int, date]] = []
    series = f"国家免疫规划（{schedule.edition}年版）"
    for dose in (*schedule.doses, *_campaign_doses(life)):
        day = _dose_day(life, dose)
        vaccine = vaccines()[dose.vaccine]
        if day > life.today:
            due.append((vaccine_concept(vaccine), dose.number, day))
        elif life.holds(day) and not life.dice.happens(MISSED_SHARE):
            _give_dose(life, vaccine, dose, day, series)
    soon = [each for each in due if each[2] < life.today + timedelta(days=420)]
    if soon and not life.person.died:
        place = centre_place(life.public_health.library, life.person.home, "vaccination")
        recommend_doses(life.public_health, place.organisation, life.today, sorted(soon, key=lambda each: each[2])[:6])


def _give_dose(life: Life, vaccine: Vaccine, dose: Dose, day: date, series: str) -> None:
    chart = life.public_health
    give(
        chart,
        centre_place(chart.library, life.person.home, "vaccination"),
        life.dice,
        day,
        vaccine=vaccine_concept(vaccine),
        dose=dose.number,
        series=series,
        route=vaccine.route,
        amount_ml=vaccine.amount_ml,
        targets=vaccine.targets,
    )


def _dose_day(life: Life, dose: Dose) -> date:
    """The day of a dose: never before it is due, birth doses within a day, later ones within a few weeks."""
    if dose.age_months == 0:
        return life.person.born + timedelta(days=1)
    late = int(life.dice.expovariate(1 / 9))
    return working_day(months_after(life.person.born, dose.age_months) + timedelta(days=min(late, 60)))


def _campaign_doses(life: Life) -> list[Dose]:
    return [
        dose
        for campaign in campaigns()
        if campaign.sex == life.person.sex and campaign.born_from <= life.person.born
        for dose in campaign.doses
        if months_after(life.person.born, dose.age_months) >= campaign.starts
    ]


def _pandemic(life: Life) -> None:
    """The COVID-19 vaccination of 2021, for those of twelve and more who took part."""
    if life.age(PANDEMIC_DOSES[0]) < 12 or not life.dice.happens(PANDEMIC_SHARE):
        return
    product = concept(
        "新型冠状病毒灭活疫苗（Vero细胞）",
        coding(CVX, "511", "COVID-19 IV Non-US Vaccine (CoronaVac, Sinovac)"),
        coding(f"{OWN}/vaccine", "COVID-19", "新冠灭活疫苗"),
    )
    for number, start in enumerate(PANDEMIC_DOSES, 1):
        day = start + timedelta(days=life.dice.randrange(25))
        if not life.holds(day) or (number == 3 and life.dice.happens(0.3)):
            return
        place = centre_place(life.public_health.library, life.person.home, "vaccination")
        give(
            life.public_health,
            place,
            life.dice,
            day,
            vaccine=product,
            dose=number,
            series="新冠病毒疫苗",
            route="IM",
            amount_ml=0.5,
        )
