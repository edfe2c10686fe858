"""The yearly examination that some employers pay for, in a hospital."""

from __future__ import annotations

from datetime import date, timedelta

from demo.facilities import department_place
from demo.lives.life import Life
from demo.shapes.measurements import observe, observe_pressure, report_panel
from demo.shapes.studies import examine
from demo.shapes.visits import hold_visit
from demo.times import office_hour, working_day

EXAMINED_FROM_YEAR = 2021
EXAMINED_FROM_YEAR_RICH = 2013
EMPLOYED_SHARE = 0.05


def tell(life: Life) -> None:
    """Tell the examinations of somebody with such an employer."""
    employed = life.dice.happens(EMPLOYED_SHARE) or life.person.rich
    if not employed:
        return
    step = 1 if life.person.rich else 2
    first = EXAMINED_FROM_YEAR_RICH if life.person.rich else EXAMINED_FROM_YEAR
    for year in range(first, life.today.year + 1, step):
        day = working_day(date(year, 4, 1) + timedelta(days=life.dice.randrange(200)))
        if life.holds(day) and 21 <= life.age(day) <= 59:
            _examination(life, day)


def _examination(life: Life, day: date) -> None:
    chart, dice, nature = life.hospital(life.nearest(day)), life.dice, life.person.nature
    visit = hold_visit(
        chart,
        dice,
        department_place(chart.library, "general"),
        title="单位健康体检",
        kind="employment-examination",
        start=office_hour(day, dice),
        minutes=150,
    )
    observe_pressure(visit, dice.around(117, 9, low=92, high=158), dice.around(73, 7, low=54, high=100))
    observe(visit, "body-weight", nature.body_mass_index * (nature.height_cm / 100) ** 2 + dice.gauss(0, 1.2))
    observe(visit, "body-mass-index", nature.body_mass_index + dice.gauss(0, 0.3))
    observe(visit, "glucose-fasting", dice.around(5.2, 0.4, low=4.0, high=7.4), minutes=10)
    report_panel(visit, "blood-count")
    report_panel(visit, "lipids")
    examine(visit, "abdomen-ultrasound")
    if life.person.rich:
        report_panel(visit, "liver-kidney")
        report_panel(visit, "urine")
        examine(visit, "electrocardiogram")
