"""Type 2 diabetes: fasting glucose each quarter, HbA1c each half-year; target below 7.0 fasting."""

from __future__ import annotations

from demo.lives.lasting.follow_up import LONG_SUPPLY_DAYS, follow
from demo.lives.life import Life
from demo.shapes.measurements import observe, observe_pressure, report_panel
from demo.shapes.treatments import prescribe
from demo.shapes.visits import Visit

TARGET_FASTING = 7.0


def tell(life: Life) -> None:
    """Tell the follow-ups of somebody with type 2 diabetes."""
    since = life.person.nature.diabetes_since
    if since is None:
        return
    course = _Course(life)
    follow(life, illness="diabetes", since=since, title="2型糖尿病", kind="diabetes-follow-up", follow_up=course.visit)


class _Course:
    """One person's course: how high the glucose starts, how well treatment works, which medicines."""

    def __init__(self, life: Life) -> None:
        self._start = life.dice.around(8.9, 1.4, low=7.1, high=14.5)
        self._response = life.dice.around(2.0, 0.8, low=0.2, high=3.8)
        self._medicines = ["metformin"]

    def visit(self, visit: Visit, number: int, condition: str) -> bool:
        """Measure, judge, prescribe; whether to come again in two weeks."""
        dice = visit.dice
        glucose = dice.around(self._start - self._response * min(1, number / 4), 0.7, low=3.6, high=17.5)
        if number % 2 == 0:
            report_panel(visit, "diabetes-control", {"glucose-fasting": glucose, "hba1c": 2.6 + glucose * 0.58})
        else:
            observe(visit, "glucose-fasting", glucose)
        if number % 4 == 0:
            observe_pressure(visit, dice.around(128, 9, low=102, high=162), dice.around(77, 6, low=58, high=96))
        missed = glucose >= TARGET_FASTING and number > 0
        if missed and len(self._medicines) < 3 and dice.happens(0.25):
            self._medicines.append(["gliclazide", "insulin-glargine"][len(self._medicines) - 1])
            self._response += 1.1
        if number % 2 == 0 or missed:
            for medicine in self._medicines:
                prescribe(visit, medicine, reason=condition, days=LONG_SUPPLY_DAYS)
        return missed and dice.happens(0.35)
