"""Before birth: antenatal visits to the health centre, ultrasound and glucose tolerance at the hospital."""

from __future__ import annotations

from datetime import date, timedelta

from demo.facilities import centre_place
from demo.lives.life import Life
from demo.lives.maternity.gestation import (
    GESTATION_DAYS,
    Pregnancy,
    child_in_chart,
    fetal_size,
    measure_pressure,
    visit_obstetrics,
)
from demo.shapes.measurements import observe, observe_coded, observe_date, report_panel
from demo.shapes.plans import plan_care
from demo.shapes.problems import diagnose, warn
from demo.shapes.settlement import Charge, panel_charge, settle, study_charge
from demo.shapes.studies import examine
from demo.shapes.treatments import prescribe
from demo.shapes.visits import Visit, hold_visit
from demo.tables import table
from demo.times import office_hour, working_day

VISITS = {
    "首次产前检查，建册": (9, 12),
    "产前检查（第2次）": (16, 19),
    "产前检查（第3次）": (21, 23),
    "产前检查（第4次）": (29, 34),
    "产前检查（第5次）": (37, 38),
}
EXTRA_VISITS = {"产前检查（加强）": (24, 25), "产前检查（高危随访）": (26, 27)}
STUDIES = {12: "obstetric-early", 22: "obstetric-anatomy", 32: "obstetric-growth"}


def visit_centre(life: Life, pregnancy: Pregnancy, episode: str) -> None:
    """Tell the antenatal visits to the health centre; of early years only the first two are on record."""
    plan = dict(VISITS) if pregnancy.is_detailed or life.person.rich else dict(list(VISITS.items())[:2])
    if life.person.rich and not pregnancy.born:
        plan |= EXTRA_VISITS
    first = True
    for title, (low, high) in sorted(plan.items(), key=lambda each: each[1]):
        day = working_day(pregnancy.day_of(life.dice.randrange(low, high + 1)) + timedelta(days=life.dice.randrange(5)))
        if not life.holds(day) or (pregnancy.ended and day >= pregnancy.ended):
            break
        _antenatal_visit(life, pregnancy, day, title, episode, first=first)
        first = False


def _antenatal_visit(life: Life, pregnancy: Pregnancy, day: date, title: str, episode: str, *, first: bool) -> None:
    chart = life.public_health
    visit = hold_visit(
        chart,
        life.dice,
        centre_place(chart.library, life.person.home, "maternal-child"),
        title=title,
        kind="antenatal-visit",
        start=office_hour(day, life.dice),
        minutes=40,
        episode=episode,
    )
    weeks = pregnancy.weeks_on(day)
    if first:
        _booking(visit, pregnancy)
    _mother_and_child(visit, pregnancy, weeks, focus=child_in_chart(life, pregnancy, chart))


def _booking(visit: Visit, pregnancy: Pregnancy) -> None:
    observe_date(visit, "last-menstruation", pregnancy.since)
    observe_date(visit, "expected-delivery", pregnancy.since + timedelta(days=GESTATION_DAYS))
    observe_coded(visit, "pregnancy-risk", "绿色（低风险）")
    report_panel(visit, "blood-group")
    observe(visit, "haemoglobin", visit.dice.around(123, 8, low=95, high=145), minutes=20)
    prescribe(visit, "folic-acid")


def _mother_and_child(visit: Visit, pregnancy: Pregnancy, weeks: float, *, focus: str | None) -> None:
    dice, nature = visit.dice, visit.chart.person.nature
    before = nature.body_mass_index * (nature.height_cm / 100) ** 2
    measure_pressure(visit, pregnancy, weeks)
    observe(visit, "body-weight", before + max(0, weeks - 8) * 0.39 + dice.gauss(0, 0.4))
    if weeks >= 16:
        observe(visit, "fundal-height", weeks * 0.92 + dice.gauss(0, 0.6))
        observe(visit, "abdominal-girth", 72 + weeks * 0.75 + dice.gauss(0, 1))
        observe(visit, "fetal-heart-rate", dice.around(144, 6, low=118, high=160), focus=focus)
    if 26 <= weeks < 36 and pregnancy.anaemia:
        observe(visit, "haemoglobin", dice.around(103, 4, low=92, high=109), minutes=20)
        condition = diagnose(
            visit,
            table("conditions")["named"]["pregnancy-anaemia"],
            over=pregnancy.ended,
        )
        prescribe(visit, "ferrous-succinate", reason=condition)


def visit_for_ultrasound(life: Life, pregnancy: Pregnancy) -> None:
    """Tell the three ultrasound examinations."""
    for week, study in STUDIES.items():
        day = working_day(pregnancy.day_of(week) + timedelta(days=life.dice.randrange(6)))
        if not life.holds(day) or (pregnancy.ended and day >= pregnancy.ended):
            return
        visit = visit_obstetrics(life, pregnancy, day, "产科门诊")
        weeks = pregnancy.weeks_on(day)
        focus = child_in_chart(life, pregnancy, visit.chart)
        size = fetal_size(life.dice, weeks)
        results = tuple(observe(visit, key, value, minutes=50, focus=focus) for key, value in size.items())
        examine(visit, study, results=results, minutes=55)
        measure_pressure(visit, pregnancy, weeks)
        settle(visit, [Charge(kind="registration", text="产科诊察费", price=25), study_charge(study)])


def test_glucose_tolerance(life: Life, pregnancy: Pregnancy) -> None:
    """Tell the test, and what follows from a high result."""
    day = working_day(pregnancy.day_of(24 + 3.5 * life.dice.random()))
    if not life.holds(day) or (pregnancy.ended and day >= pregnancy.ended):
        return
    visit = visit_obstetrics(life, pregnancy, day, "葡萄糖耐量试验")
    high = {"ogtt-0": 5.4, "ogtt-1": 9.6, "ogtt-2": 8.1} if pregnancy.diabetes else None
    report_panel(visit, "glucose-tolerance", high, minutes=130)
    conditions = (_gestational_diabetes(visit, pregnancy, day),) if pregnancy.diabetes else ()
    settle(
        visit,
        [Charge(kind="registration", text="产科诊察费", price=25), panel_charge("glucose-tolerance")],
        conditions=conditions,
    )


def _gestational_diabetes(visit: Visit, pregnancy: Pregnancy, day: date) -> str:
    condition = diagnose(visit, table("conditions")["named"]["gestational-diabetes"], over=pregnancy.ended)
    plan_care(
        visit.chart,
        key="gestational-diabetes",
        title="妊娠期糖尿病管理",
        start=day,
        end=pregnancy.ended or pregnancy.since + timedelta(days=GESTATION_DAYS),
        author=visit.doctor[0],
        acts=[("饮食控制，监测血糖", None), ("营养门诊", None if pregnancy.ended else day + timedelta(days=7))],
        conditions=(condition,),
        finished=bool(pregnancy.ended),
    )
    if not pregnancy.ended:
        warn(visit.chart, key="gestational-diabetes", text="妊娠期糖尿病", start=day, author=visit.doctor[0])
    return condition
