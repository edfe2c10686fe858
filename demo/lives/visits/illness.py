"""Ordinary illness: outpatient visits to hospitals and health centres, with tests, medicines and the bill."""

from __future__ import annotations

from datetime import date, timedelta

from demo.facilities import Place, centre_place, department_place
from demo.libraries import Chart
from demo.lives.life import PUBLIC_HEALTH, Life
from demo.people import Person
from demo.shapes.documents import file_visit_document
from demo.shapes.measurements import observe, report_panel
from demo.shapes.problems import diagnose
from demo.shapes.settlement import Charge, medicine_charge, panel_charge, procedure_charge, settle, study_charge
from demo.shapes.studies import examine
from demo.shapes.treatments import perform, prescribe, suitable
from demo.shapes.visits import Visit, hold_visit
from demo.tables import Row, table
from demo.times import YEAR_DAYS, age_years, office_hour
from tianfu.standards.china import identifier_systems as systems

RECORDED_FROM = date(2020, 1, 1)
RECORDED_FROM_RICH = date(2012, 1, 1)
CENTRE_SHARE = 0.3
DOCUMENT_SHARE = 0.3


def tell(life: Life) -> None:
    """Tell the illnesses that were treated without a stay."""
    day = max(RECORDED_FROM_RICH if life.person.rich else RECORDED_FROM, life.person.born + timedelta(days=35))
    lasting: set[str] = set()
    while True:
        rate = yearly_visits(life, day)
        day += timedelta(days=1 + int(life.dice.expovariate(rate) * YEAR_DAYS))
        if not life.holds(day):
            return
        key = _illness(life, day, lasting)
        if key:
            _fall_ill(life, key, day, known=key in lasting)
            if table("conditions")["conditions"][key].get("chronic"):
                lasting.add(key)


def yearly_visits(life: Life, day: date) -> float:
    """How often somebody of this age sees a doctor in a year, by our records."""
    age = life.age(day)
    if life.person.rich:
        return 2.4 if age < 7 else 1.4
    return 0.55 if age < 7 else 0.22 if age < 18 else 0.15 if age < 45 else 0.2 if age < 65 else 0.3


def may_have(row: Row, person: Person, day: date) -> bool:
    """Whether an illness fits a person's age and sex, and the season where it has one."""
    fits = row["from"] <= age_years(person.born, day) <= row["to"]
    return fits and row.get("sex", person.sex) == person.sex and day.month in row.get("months", (day.month,))


def _illness(life: Life, day: date, lasting: set[str]) -> str | None:
    """Which illness; one that lasts is likely to bring the person back."""
    if lasting and life.dice.happens(0.35):
        return life.dice.pick(sorted(lasting))
    rows = table("conditions")["conditions"]
    likely = {key: float(row["weight"]) for key, row in rows.items() if may_have(row, life.person, day)}
    return life.dice.weighted(likely) if likely else None


def _fall_ill(life: Life, key: str, day: date, *, known: bool) -> None:
    row = table("conditions")["conditions"][key]
    at_centre = life.dice.happens(CENTRE_SHARE) and "study" not in row
    chart = life.public_health if at_centre else life.hospital(life.nearest(day))
    place = _place(life, chart, row, day)
    urgent = row["department"] == "emergency"
    visit = hold_visit(
        chart,
        life.dice,
        place,
        title=f"{'急诊' if urgent else '门诊'}：{row['name']}",
        kind="emergency-visit" if urgent else "outpatient-visit",
        english=f"{'Emergency' if urgent else 'Outpatient'}: {row['english']}",
        start=office_hour(day, life.dice),
        minutes=90,
        visit_class="EMER" if urgent else "AMB",
        complaint=tuple(row["complaint"]),
        number=(systems.OUTPATIENT_NUMBER, f"M{day:%y%m%d}{life.dice.randrange(10**5):05}"),
    )
    lasts = bool(row.get("chronic"))
    over = None if lasts else min(day + timedelta(days=life.dice.randrange(4, 15)), life.until)
    conditions = () if known else (diagnose(visit, row, over=over),)
    charges = [Charge(kind="registration", text=f"{place.department_name}诊察费", price=12 if at_centre else 25)]
    pregnant = life.pregnant_on(day)
    charges += _findings(visit, row, pregnant=pregnant) + _treatment(visit, row, conditions, pregnant=pregnant)
    if not at_centre:
        settle(visit, charges, conditions=conditions)
    if life.dice.happens(DOCUMENT_SHARE):
        file_visit_document(visit, "outpatient-record", _note(row, visit))


def _place(life: Life, chart: Chart, row: Row, day: date) -> Place:
    if chart.library.key == PUBLIC_HEALTH:
        return centre_place(chart.library, life.person.home)
    young = life.age(day) < 14 and row["department"] in ("general", "respiratory")
    return department_place(chart.library, "paediatrics" if young else row["department"])


def _findings(visit: Visit, row: Row, *, pregnant: bool) -> list[Charge]:
    charges: list[Charge] = []
    if visit.dice.happens(row.get("fever", 0)):
        observe(visit, "temperature", visit.dice.around(38.3, 0.6, low=37.3, high=40.2))
    panel = row.get("panel")
    if panel and visit.dice.happens(row["often"] * (0.5 if visit.chart.library.key == PUBLIC_HEALTH else 0.8)):
        inflamed = {"leukocytes": 11.8, "neutrophils": 79.0, "crp": 21.0} if visit.dice.happens(0.4) else {}
        if panel == "lipids":
            inflamed = {"cholesterol": 6.1, "ldl": 4.2, "triglyceride": 2.3}
        report_panel(visit, panel, {key: value * (1 + visit.dice.gauss(0, 0.1)) for key, value in inflamed.items()})
        charges.append(panel_charge(panel))
    if "study" in row and not pregnant and visit.dice.happens(0.4):
        examine(visit, row["study"])
        charges.append(study_charge(row["study"]))
    return charges


def _treatment(visit: Visit, row: Row, conditions: tuple[str, ...], *, pregnant: bool) -> list[Charge]:
    young = age_years(visit.chart.person.born, visit.start.date()) < 14
    medicines = row["child_medicines"] if young and "child_medicines" in row else row["medicines"]
    chosen = suitable(visit.chart.person, medicines, pregnant=pregnant)[: visit.dice.randrange(1, 3)]
    reason = conditions[0] if conditions else None
    charges: list[Charge] = []
    for key in chosen:
        prescribe(visit, key, reason=reason)
        charges.append(medicine_charge(key, visit.dice.randrange(1, 3)))
    if "procedure" in row:
        perform(visit, row["procedure"], reason=reason)
        charges.append(procedure_charge(row["procedure"]))
    return charges


def _note(row: Row, visit: Visit) -> str:
    person = visit.chart.person
    return (
        f"门诊病历（演示）\n就诊时间：{visit.start:%Y-%m-%d %H:%M}\n科室：{visit.place.department_name}\n"
        f"性别：{'男' if person.male else '女'}　年龄：{age_years(person.born, visit.start.date())}岁\n"
        f"主诉：{row['complaint'][0]}\n诊断：{row['name']}\n处理：对症治疗，注意休息，多饮水，症状加重及时复诊。\n医师：{visit.doctor[1]}"
    )
