"""Stays in hospital: admission, tests, operation, course and the documents that close it."""

from __future__ import annotations

from datetime import date, timedelta

from demo.facilities import department_place
from demo.lives.life import Life
from demo.lives.visits.illness import may_have
from demo.people import Person
from demo.shapes.documents import compose, file_visit_document
from demo.shapes.measurements import observe, observe_pressure, report_panel
from demo.shapes.problems import diagnose, note_penicillin_allergy
from demo.shapes.settlement import Charge, medicine_charge, panel_charge, procedure_charge, settle, study_charge
from demo.shapes.studies import examine
from demo.shapes.treatments import perform, prescribe, suitable
from demo.shapes.visits import Visit, hold_visit
from demo.tables import Row, table
from demo.times import at, office_hour
from tianfu.standards.china import identifier_systems as systems

RECORDED_FROM_YEAR = 2018


def tell(life: Life) -> None:
    """Tell the stays, and the shock of those who learnt of their penicillin allergy."""
    _shock(life)
    first = max(RECORDED_FROM_YEAR, life.person.born.year)
    for year in range(first, life.today.year + 1):
        day = date(year, 1, 1) + timedelta(days=life.dice.randrange(330))
        if life.holds(day) and life.holds(day + timedelta(days=20)) and life.dice.happens(yearly_stays(life, day)):
            key = _illness(life.person, day, life)
            if key and not life.pregnant_on(day):
                admit(life, key, day)


def yearly_stays(life: Life, day: date) -> float:
    """How likely a stay in this year is."""
    age = life.age(day)
    usual = 0.03 if age < 6 else 0.006 if age < 35 else 0.012 if age < 60 else 0.03
    return usual * (4 if life.person.rich and age > 50 else 1)


def admit(life: Life, key: str, day: date) -> None:
    """Tell one stay from admission to discharge."""
    row = table("conditions")["stays"][key]
    chart = life.hospital(life.nearest(day))
    nights = life.dice.randrange(row["days"][0], row["days"][1] + 1)
    start = office_hour(day, life.dice)
    visit = hold_visit(
        chart,
        life.dice,
        department_place(chart.library, row["department"]),
        title=f"住院：{row['name']}",
        kind="stay",
        english=f"Hospital stay: {row['english']}",
        start=start,
        minutes=nights * 1440,
        visit_class="IMP",
        complaint=tuple(row["complaint"]),
        number=(systems.INPATIENT_NUMBER, f"Z{day:%y%m%d}{life.dice.randrange(10**5):05}"),
        stay={"admitSource": {"text": "门诊"}, "dischargeDisposition": {"text": "医嘱离院"}},
    )
    over = None if row.get("chronic") else visit.end.date()
    condition = diagnose(visit, row, over=over)
    charges = [Charge(kind="bed", text=f"{visit.place.department_name}床位费", price=48, count=nights)]
    charges += _tests(visit, row)
    charges += _treatment(visit, row, condition)
    charges.append(Charge(kind="treatment", text="护理及治疗", price=85, count=nights))
    _documents(visit, row, condition)
    settle(visit, charges, conditions=(condition,), stay=True)


def _illness(person: Person, day: date, life: Life) -> str | None:
    rows = table("conditions")["stays"]
    likely = {key: float(row["weight"]) for key, row in rows.items() if may_have(row, person, day)}
    return life.dice.weighted(likely) if likely else None


def _tests(visit: Visit, row: Row) -> list[Charge]:
    dice = visit.dice
    observe(visit, "temperature", dice.around(37.2, 0.7, low=36.1, high=39.6))
    observe(visit, "heart-rate", dice.around(82, 10, low=54, high=122))
    observe_pressure(visit, dice.around(128, 14, low=88, high=178), dice.around(76, 8, low=52, high=108))
    if row["department"] in ("respiratory", "cardiology"):
        observe(visit, "oxygen-saturation", dice.around(95, 2, low=86, high=99))
    charges: list[Charge] = []
    for panel in row["panels"]:
        report_panel(visit, panel, {"crp": 34.0} if panel.endswith("crp") else None, minutes=150)
        charges.append(panel_charge(panel))
    for study in row["studies"]:
        examine(visit, study, minutes=300)
        charges.append(study_charge(study))
    return charges


def _treatment(visit: Visit, row: Row, condition: str) -> list[Charge]:
    charges: list[Charge] = []
    for key in suitable(visit.chart.person, row["medicines"]):
        prescribe(visit, key, reason=condition)
        charges.append(medicine_charge(key, 2))
    if "procedure" in row:
        start = at(visit.start.date() + timedelta(days=1), 9, 20)
        perform(visit, row["procedure"], reason=condition, start=start, end=start + timedelta(minutes=75))
        charges.append(procedure_charge(row["procedure"]))
    return charges


def _documents(visit: Visit, row: Row, condition: str) -> None:
    nights = (visit.end - visit.start).days
    compose(
        visit,
        "discharge-summary",
        [
            ("入院情况", f"因“{row['complaint'][0]}”入院，神志清楚，生命体征见记录。", ()),
            ("入院诊断", row["name"], (condition,)),
            ("诊疗经过", row["course"], ()),
            ("出院情况", f"住院{nights}天，一般情况好，准予出院。", ()),
            ("出院医嘱", "按时服药，定期复诊，不适随诊。", ()),
        ],
    )


def _shock(life: Life) -> None:
    """The day on which a skin test showed a penicillin allergy; some went into shock."""
    day = life.person.nature.penicillin_allergy_since
    if day is None or not life.holds(day) or not life.holds(day + timedelta(days=1)):
        return
    severe = life.person.rich or life.dice.happens(0.2)
    chart = life.hospital(life.nearest(day))
    visit = hold_visit(
        chart,
        life.dice,
        department_place(chart.library, "emergency"),
        title="急诊：青霉素过敏" if severe else "门诊：青霉素皮试阳性",
        kind="emergency-visit" if severe else "outpatient-visit",
        start=office_hour(day, life.dice),
        minutes=300,
        visit_class="EMER" if severe else "AMB",
    )
    note_penicillin_allergy(visit, severe=severe)
    if severe:
        condition = diagnose(visit, table("conditions")["named"]["penicillin-shock"], over=day)
        perform(visit, "resuscitation", reason=condition)
        observe_pressure(visit, 76, 42)
        file_visit_document(
            visit, "resuscitation", "抢救记录（演示）：青霉素皮试后胸闷、血压下降，予肾上腺素等抢救后好转。"
        )
        settle(visit, [procedure_charge("resuscitation")], conditions=(condition,))
