"""From 65 on: the yearly examination with self-care score, electrocardiogram, blood lipids and constitution."""

from __future__ import annotations

from datetime import date, timedelta

from demo.facilities import centre_place
from demo.lives.life import Life
from demo.shapes.documents import compose
from demo.shapes.measurements import observe, observe_coded, observe_pressure, report_panel
from demo.shapes.studies import examine
from demo.shapes.visits import Visit, hold_visit
from demo.times import office_hour, working_day

EXAMINED_FROM_YEAR = 2023
EXAMINED_FROM_YEAR_RICH = 2014
ATTENDED_SHARE = 0.66
CONSTITUTIONS = {
    "平和质": 34,
    "气虚质": 18,
    "阳虚质": 14,
    "阴虚质": 12,
    "痰湿质": 10,
    "湿热质": 7,
    "血瘀质": 4,
    "气郁质": 1,
}


def tell(life: Life) -> None:
    """Tell the yearly examinations."""
    constitution = life.dice.weighted(CONSTITUTIONS)
    first = EXAMINED_FROM_YEAR_RICH if life.person.rich else EXAMINED_FROM_YEAR
    for year in range(first, life.today.year + 1):
        day = working_day(date(year, 3, 10) + timedelta(days=life.dice.randrange(220)))
        attended = life.dice.happens(ATTENDED_SHARE) or life.person.rich
        if attended and life.holds(day) and life.age(day) >= 65:
            _examination(life, day, constitution)


def _examination(life: Life, day: date, constitution: str) -> None:
    chart, dice = life.public_health, life.dice
    visit = hold_visit(
        chart,
        dice,
        centre_place(chart.library, life.person.home),
        title="老年人健康体检",
        kind="elderly-examination",
        start=office_hour(day, dice),
        minutes=120,
    )
    _body(visit)
    score = max(0, round(dice.gauss((life.age(day) - 72) / 4, 1.6)))
    observe(visit, "self-care", min(score, 24))
    observe_coded(visit, "constitution", constitution)
    lipids = report_panel(visit, "lipids")
    heart = examine(visit, "electrocardiogram", minutes=40)
    compose(
        visit,
        "adult-exam",
        [
            ("一般状况", f"生活自理能力评分 {min(score, 24)} 分，中医体质：{constitution}。", ()),
            ("辅助检查", "血脂、空腹血糖、心电图见所附报告。", (lipids, heart)),
            ("健康指导", "低盐低脂饮食，适量运动，预防跌倒，按时接种流感和肺炎疫苗。", ()),
        ],
    )


def _body(visit: Visit) -> None:
    dice, nature = visit.dice, visit.chart.person.nature
    high = 12 if nature.hypertension_since and nature.hypertension_since <= visit.start.date() else 0
    sweet = nature.diabetes_since is not None and nature.diabetes_since <= visit.start.date()
    observe_pressure(
        visit, dice.around(128 + high, 9, low=100, high=178), dice.around(75 + high / 2, 6, low=54, high=102)
    )
    observe(visit, "body-weight", nature.body_mass_index * (nature.height_cm / 100) ** 2 + dice.gauss(0, 1))
    observe(visit, "waist", 50 + nature.body_mass_index * 1.45 + dice.gauss(0, 2))
    observe(visit, "glucose-fasting", dice.around(8.0 if sweet else 5.4, 0.6, low=4.1, high=12), minutes=10)
