"""Lasting illness at the health centre: the quarterly follow-ups of hypertension and of type 2 diabetes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta

from demo.facilities import centre_place
from demo.lives.life import Life
from demo.shapes.plans import plan_care
from demo.shapes.problems import diagnose
from demo.shapes.visits import Visit, hold_visit
from demo.tables import table
from demo.times import office_hour, working_day

FOLLOWED_FROM = date(2023, 10, 1)
FOLLOWED_FROM_RICH = date(2014, 1, 1)
QUARTER_DAYS = 90
LONG_SUPPLY_DAYS = 84
"""A long-term prescription for stable illness: at most twelve weeks."""

FollowUp = Callable[[Visit, int, str], bool]
"""Tells one follow-up: the visit, its number, the Condition; True when the person must be seen again in two weeks."""


def follow(life: Life, *, illness: str, since: date, title: str, kind: str, follow_up: FollowUp) -> None:
    """Diagnose at the first visit, then follow up at least four times a year until today or death."""
    day = working_day(max(since, FOLLOWED_FROM_RICH if life.person.rich else FOLLOWED_FROM))
    if not life.holds(day):
        return
    visit = _hold(life, day, f"{title}确诊登记" if day >= since else title, kind)
    condition = _diagnosis(visit, illness, since)
    number = 0
    again = follow_up(visit, number, condition)
    while True:
        number += 1
        gap = 14 if again else QUARTER_DAYS + life.dice.randrange(-8, 9)
        day = working_day(day + timedelta(days=gap))
        if not life.holds(day):
            break
        again = follow_up(_hold(life, day, f"{title}随访", kind), number, condition) and not again
    if not life.person.died:
        _plan(life, visit, title, kind, condition, day)


def _hold(life: Life, day: date, title: str, kind: str) -> Visit:
    chart = life.public_health
    return hold_visit(
        chart,
        life.dice,
        centre_place(chart.library, life.person.home),
        title=title,
        kind=kind,
        start=office_hour(day, life.dice),
    )


def _diagnosis(visit: Visit, illness: str, since: date) -> str:
    return diagnose(visit, table("conditions")["named"][illness], since=min(since, visit.start.date()))


def _plan(life: Life, first: Visit, title: str, kind: str, condition: str, due: date) -> None:
    plan_care(
        life.public_health,
        key=kind,
        title=f"{title}患者健康管理",
        start=first.start.date(),
        end=date(life.today.year, 12, 31),
        author=first.doctor[0],
        acts=[(f"{title}随访", due), ("限盐、控制体重、规律运动", None)],
        conditions=(condition,),
    )
