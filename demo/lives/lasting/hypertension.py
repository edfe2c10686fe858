"""Hypertension: blood pressure that responds to treatment, sometimes not; target below 140/90."""

from __future__ import annotations

from demo.lives.lasting.follow_up import LONG_SUPPLY_DAYS, follow
from demo.lives.life import Life
from demo.shapes.measurements import observe, observe_coded, observe_pressure
from demo.shapes.treatments import prescribe
from demo.shapes.visits import Visit
from demo.times import age_years

FIRST_MEDICINES = ("amlodipine", "valsartan", "enalapril")
SECOND_MEDICINES = ("hydrochlorothiazide", "metoprolol")


def tell(life: Life) -> None:
    """Tell the follow-ups of somebody with hypertension."""
    since = life.person.nature.hypertension_since
    if since is None:
        return
    course = _Course(life)
    follow(
        life, illness="hypertension", since=since, title="高血压", kind="hypertension-follow-up", follow_up=course.visit
    )


class _Course:
    """One person's course: how high it starts, how well treatment works, which medicines."""

    def __init__(self, life: Life) -> None:
        dice = life.dice
        self._life = life
        self._height = dice.around(156, 7, low=142, high=182)
        self._response = dice.around(20, 7, low=4, high=34)
        self._medicines = [dice.pick(FIRST_MEDICINES)]

    def visit(self, visit: Visit, number: int, condition: str) -> bool:
        """Measure, judge, prescribe; whether to come again in two weeks."""
        dice = visit.dice
        effect = self._response * min(1.0, number / 3)
        # Blood pressure is higher in the cold months.
        season = 4 if visit.start.month in (12, 1, 2) else -2 if visit.start.month in (6, 7, 8) else 0
        systolic = dice.around(self._height - effect + season, 6, low=108, high=196)
        observe_pressure(visit, systolic, dice.around(systolic * 0.58 + 3, 4, low=56, high=112))
        if number % 4 == 0:
            nature = visit.chart.person.nature
            observe(visit, "body-weight", nature.body_mass_index * (nature.height_cm / 100) ** 2 + dice.gauss(0, 0.8))
            observe_coded(visit, "smoking", "每日吸烟" if nature.smoker else "从不吸烟")
        limit = 150 if age_years(visit.chart.person.born, visit.start.date()) >= 65 else 140
        missed = systolic >= limit and number > 0
        if missed and len(self._medicines) == 1 and dice.happens(0.4):
            self._medicines.append(dice.pick(SECOND_MEDICINES))
            self._response += 8
        if number % 2 == 0 or missed:
            for medicine in self._medicines:
                prescribe(visit, medicine, reason=condition, days=LONG_SUPPLY_DAYS)
        return missed and dice.happens(0.5)
