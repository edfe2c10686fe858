"""Pregnancies: those that ended in the births of the household, and the one that is under way today."""

from __future__ import annotations

from datetime import date, timedelta

from demo.facilities import centre_place, department_place
from demo.homes import nearest_maternity
from demo.libraries import Chart
from demo.lives.life import Life
from demo.lives.maternity.antenatal import VISITS, test_glucose_tolerance, visit_centre, visit_for_ultrasound
from demo.lives.maternity.delivery import deliver, follow_mother
from demo.lives.maternity.gestation import GESTATION_DAYS, LYING_IN_DAYS, Pregnancy
from demo.people import Person
from demo.shapes.plans import book, open_episode, plan_care
from demo.times import at, working_day

DIABETES_SHARE = 0.13
ANAEMIA_SHARE = 0.12


def tell(life: Life) -> None:
    """Tell a woman's pregnancies."""
    if life.person.male:
        return
    for children in _births(life):
        birth = children[0].birth
        if birth:
            since = children[0].born - timedelta(days=birth.weeks * 7 + birth.extra_days)
            _tell_one(life, _pregnancy(life, since, birth.hospital, tuple(children)))
    if life.person.expecting_since and not life.person.died:
        hospital = "jinjiangpan" if life.person.rich else nearest_maternity(life.person.home, life.dice)
        _tell_one(life, _pregnancy(life, life.person.expecting_since, hospital, ()))


def _births(life: Life) -> list[list[Person]]:
    """The children by day of birth: twins share one pregnancy."""
    groups: dict[date, list[Person]] = {}
    for child in life.household.children_of(life.person):
        if child.birth:
            groups.setdefault(child.born, []).append(child)
    return list(groups.values())


def _pregnancy(life: Life, since: date, hospital: str, born: tuple[Person, ...]) -> Pregnancy:
    now_rich = life.person.rich and not born
    return Pregnancy(
        since=since,
        hospital=hospital,
        born=born,
        diabetes=now_rich or life.dice.happens(DIABETES_SHARE),
        anaemia=now_rich or life.dice.happens(ANAEMIA_SHARE),
    )


def _tell_one(life: Life, pregnancy: Pregnancy) -> None:
    chart = life.public_health
    place = centre_place(chart.library, life.person.home, "maternal-child")
    episode = open_episode(
        chart,
        key="pregnancy",
        text="孕产期保健",
        place=place,
        start=pregnancy.since,
        end=pregnancy.ended + timedelta(days=LYING_IN_DAYS) if pregnancy.ended else None,
    )
    visit_centre(life, pregnancy, episode)
    if pregnancy.is_detailed or life.person.rich:
        visit_for_ultrasound(life, pregnancy)
        test_glucose_tolerance(life, pregnancy)
    if pregnancy.born:
        deliver(life, pregnancy)
        follow_mother(life, pregnancy, episode)
    else:
        _what_comes_next(life, pregnancy)


def _what_comes_next(life: Life, pregnancy: Pregnancy) -> None:
    """The plan of a pregnancy that goes on."""
    chart: Chart = life.public_health
    place = centre_place(chart.library, life.person.home, "maternal-child")
    acts = [
        (title, working_day(pregnancy.day_of(high)))
        for title, (_, high) in VISITS.items()
        if pregnancy.day_of(high) > life.today
    ]
    if life.person.rich:
        acts.insert(0, ("尿蛋白复查（血压上升）", working_day(life.today + timedelta(days=3))))
    start = working_day(pregnancy.day_of(9))
    if start > life.today or not acts:
        return
    plan_care(
        chart,
        key="antenatal",
        title="孕产期保健计划",
        start=start,
        end=pregnancy.since + timedelta(days=GESTATION_DAYS),
        author=place.doctors[0][0],
        acts=list(acts),
    )
    hospital = life.hospital(pregnancy.hospital)
    when = at(working_day(life.today + timedelta(days=4 + life.dice.randrange(10))), 9, 30)
    book(hospital, department_place(hospital.library, "obstetrics"), when, title="产科门诊复诊")
