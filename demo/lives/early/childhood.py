"""Childhood: check-ups from the first month to six years, growth along a curve, and school examinations."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from datetime import date, timedelta

from demo.facilities import centre_place
from demo.lives.life import Life
from demo.people import Sex
from demo.shapes.measurements import observe, observe_coded
from demo.shapes.treatments import perform
from demo.shapes.visits import Visit, hold_visit
from demo.tables import table
from demo.times import months_after, office_hour, working_day, years_after

CHECK_UPS = {
    1: "满月健康检查",
    3: "3月龄健康检查",
    6: "6月龄健康检查",
    8: "8月龄健康检查",
    12: "12月龄健康检查",
    18: "18月龄健康检查",
    24: "24月龄健康检查",
    30: "30月龄健康检查",
    36: "3岁健康检查",
    48: "4岁健康检查",
    60: "5岁健康检查",
    72: "6岁健康检查",
}
BLOOD_TESTS = (8, 18, 30)
MASSAGES = (6, 12, 18, 24)
ATTENDED_SHARE = 0.9
SCHOOL_ATTENDED_SHARE = 0.4


@dataclass(frozen=True, slots=True, kw_only=True)
class Growth:
    """How a child grows: above or below the middle, the same way all along."""

    sex: Sex
    tall: float
    heavy: float

    def height_cm(self, months: float) -> float:
        """The length or height at an age."""
        return _middle("height_cm", self.sex, months) * (1 + 0.035 * self.tall)

    def weight_kg(self, months: float) -> float:
        """The weight at an age."""
        return _middle("weight_kg", self.sex, months) * (1 + 0.09 * self.heavy + 0.03 * self.tall)

    def head_cm(self, months: float) -> float:
        """The head circumference up to three years."""
        return _middle("head_cm", self.sex, months) + 0.4 * self.tall


def _middle(measure: str, sex: Sex, months: float) -> float:
    """The median at an age, between two rows of the table by the rule of three."""
    curves = table("growth")
    ages, values = curves["months"], curves[measure][sex]
    place = min(max(1, bisect_right(ages, months)), len(values) - 1)
    low, high = ages[place - 1], ages[place]
    part = min(1.0, max(0.0, (months - low) / (high - low)))
    return float(values[place - 1] + (values[place] - values[place - 1]) * part)


def tell(life: Life) -> None:
    """Tell the check-ups of a child whose birth is on record, and later its school examinations."""
    if life.person.birth is None:
        return
    growth = growth_of(life)
    for months, title in CHECK_UPS.items():
        if life.dice.happens(ATTENDED_SHARE) or life.person.rich:
            _check_up(life, growth, months, title)
    for age in range(7, 18):
        if life.dice.happens(SCHOOL_ATTENDED_SHARE) or life.person.rich:
            _school_examination(life, growth, age)


def growth_of(life: Life) -> Growth:
    """The growth that a child brings along."""
    dice = life.dice
    return Growth(
        sex=life.person.sex,
        tall=dice.around(0, 0.9, low=-2.3, high=2.3),
        heavy=dice.around(0, 0.8, low=-2, high=2.5),
    )


def _check_up(life: Life, growth: Growth, months: int, title: str) -> None:
    day = months_after(life.person.born, months) + timedelta(days=life.dice.randrange(-2 if months == 1 else 0, 14))
    day = working_day(day)
    if not life.holds(day):
        return
    place = centre_place(life.public_health.library, life.person.home, "maternal-child")
    visit = hold_visit(
        life.public_health,
        life.dice,
        place,
        title=title,
        kind="child-check-up",
        start=office_hour(day, life.dice),
    )
    # Prematurely born children catch up by their second year; until then they are as old as their due day says.
    early = max(0, 39 - (life.person.birth.weeks if life.person.birth else 39)) / 4.3
    age = max(0.5, (day - life.person.born).days / 30.44 - (early if months < 24 else 0))
    _measure(visit, growth, age, months)
    if months in MASSAGES and life.dice.happens(0.35):
        perform(visit, "traditional-massage")


def _measure(visit: Visit, growth: Growth, age: float, months: int) -> None:
    dice = visit.dice
    observe(visit, "body-weight", growth.weight_kg(age) * (1 + dice.gauss(0, 0.012)))
    observe(visit, "body-length" if months < 24 else "body-height", growth.height_cm(age) + dice.gauss(0, 0.3))
    if months <= 24:
        observe(visit, "head-circumference", growth.head_cm(age) + dice.gauss(0, 0.15))
    if months in BLOOD_TESTS:
        observe(visit, "haemoglobin", dice.around(121, 9, low=88, high=146), minutes=12)
    if months >= 24 and months % 12 == 0:
        observe_coded(visit, "vision", "未见异常" if dice.happens(0.88) else "疑似远视储备不足，建议复查")
    if abs(growth.heavy) > 1.6 or months in (12, 36, 72):
        observe_coded(visit, "growth-judgement", _judged(growth))


def _judged(growth: Growth) -> str:
    if growth.heavy > 1.6:
        return "超重"
    if growth.heavy < -1.6:
        return "低体重"
    return "生长迟缓" if growth.tall < -2 else "正常"


def _school_examination(life: Life, growth: Growth, age: int) -> None:
    birthday = years_after(life.person.born, age)
    day = working_day(date(birthday.year, 9, 10) + timedelta(days=life.dice.randrange(40)))
    if day < birthday or not life.holds(day):
        return
    place = centre_place(life.public_health.library, life.person.home)
    visit = hold_visit(
        life.public_health,
        life.dice,
        place,
        title="学生健康体检",
        kind="school-examination",
        start=office_hour(day, life.dice),
    )
    months = (day - life.person.born).days / 30.44
    observe(visit, "body-weight", growth.weight_kg(months) * (1 + life.dice.gauss(0, 0.02)))
    observe(visit, "body-height", growth.height_cm(months))
    sight = "双眼5.0" if life.dice.happens(max(0.25, 0.85 - 0.05 * age)) else "右4.7 左4.6，建议散瞳验光"
    observe_coded(visit, "vision", sight)
