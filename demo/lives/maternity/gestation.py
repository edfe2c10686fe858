"""One pregnancy as the scripts see it: its weeks, how it ended, how big the child is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from math import exp

from demo.dice import Dice
from demo.facilities import department_place
from demo.libraries import Chart
from demo.lives.life import Life
from demo.people import Birth, Person
from demo.shapes.measurements import observe_pressure
from demo.shapes.visits import Visit, hold_visit
from demo.times import office_hour
from tianfu.standards.china import identifier_systems as systems

GESTATION_DAYS = 280
LYING_IN_DAYS = 42
DETAILED_FROM = date(2016, 1, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pregnancy:
    """One pregnancy: when it began, how it ended if it has, and what came with it."""

    since: date
    hospital: str
    born: tuple[Person, ...]
    diabetes: bool
    anaemia: bool

    @property
    def birth(self) -> Birth | None:
        """How the pregnancy ended."""
        return self.born[0].birth if self.born else None

    @property
    def ended(self) -> date | None:
        """The day of birth."""
        return self.born[0].born if self.born else None

    @property
    def is_detailed(self) -> bool:
        """Whether it fell into the years of which everything is on record."""
        return self.since >= DETAILED_FROM

    def day_of(self, week: float) -> date:
        """The day on which a week of pregnancy is complete."""
        return self.since + timedelta(days=round(week * 7))

    def weeks_on(self, day: date) -> float:
        """Weeks of pregnancy on a day."""
        return (day - self.since).days / 7


def fetal_size(dice: Dice, weeks: float) -> dict[str, float]:
    """What an ultrasound measures at this week, after the middle of customary tables."""
    if weeks < 15:
        return {"nuchal-translucency": dice.around(1.4, 0.3, low=0.8, high=2.4)}
    # Hadlock's curve of 1991: the logarithm of the weight is a parabola of the week.
    grams = exp(0.578 + 0.332 * weeks - 0.00354 * weeks * weeks)
    return {
        "biparietal-diameter": (weeks * 0.32 - 1.5 - max(0, weeks - 28) * 0.11) * 10 + dice.gauss(0, 1.2),
        "femur-length": (weeks * 0.235 - 1.3) * 10 + dice.gauss(0, 1),
        "fetal-abdomen": (weeks * 1.02 - 4.6) * 10 + dice.gauss(0, 5),
        "fetal-weight": grams * (1 + dice.gauss(0, 0.05)),
    }


def visit_obstetrics(life: Life, pregnancy: Pregnancy, day: date, title: str) -> Visit:
    """Hold a visit to the obstetric outpatients of the pregnancy's hospital."""
    chart = life.hospital(pregnancy.hospital)
    return hold_visit(
        chart,
        life.dice,
        department_place(chart.library, "obstetrics"),
        title=title,
        kind="obstetric-visit",
        start=office_hour(day, life.dice),
        minutes=180,
        number=(systems.OUTPATIENT_NUMBER, f"M{day:%y%m%d}{life.dice.randrange(10**5):05}"),
    )


def measure_pressure(visit: Visit, pregnancy: Pregnancy, weeks: float) -> None:
    """Blood pressure falls a little towards the middle of pregnancy and rises after; more so with diabetes."""
    rising = 21 if pregnancy.diabetes else 5
    later = max(0, (weeks - 16) / 12) - (0.2 if 14 < weeks < 20 else 0)
    systolic = visit.dice.around(112 + rising * later, 2.5, low=92, high=148)
    observe_pressure(visit, systolic, visit.dice.around(70 + rising * 0.7 * later, 2, low=55, high=96))


def child_in_chart(life: Life, pregnancy: Pregnancy, chart: Chart) -> str | None:
    """The Patient of the unborn child in a mother's library; None while nobody is born."""
    if not pregnancy.born:
        return None
    return life.charts.of(chart.library.key, pregnancy.born[0]).patient
