"""Birth: the newborn's first days in hospital, the certificate, and the visit at home."""

from __future__ import annotations

from datetime import datetime, timedelta

from demo.dice import Dice
from demo.facilities import centre_place, department_place
from demo.lives.family_links import link_mother
from demo.lives.life import PUBLIC_HEALTH, Life
from demo.people import Birth, Person
from demo.shapes.documents import file_visit_document
from demo.shapes.measurements import observe, observe_coded
from demo.shapes.problems import diagnose
from demo.shapes.treatments import perform
from demo.shapes.visits import Visit, hold_visit
from demo.tables import table
from demo.times import at, office_hour

ORDER_NAMES = "甲乙丙"
JAUNDICE_SHARE = 0.18


def tell(life: Life) -> None:
    """Tell the first two weeks of somebody born in a hospital of the province."""
    birth = life.person.birth
    if birth is None:
        return
    mother = life.household.by_key[birth.mother]
    _hospital_days(life, birth, mother)
    link_mother(life.charts, PUBLIC_HEALTH, life.person, mother)
    _home_visit(life, birth)


def birth_moment(person: Person) -> datetime:
    """The hour of birth; twins follow each other within minutes."""
    dice = Dice("hour of birth", person.mother, person.born)
    order = person.birth.order if person.birth else 1
    return at(person.born, dice.randrange(20), dice.randrange(50)) + timedelta(minutes=4 * (order - 1))


def newborn_name(person: Person, mother: Person) -> str:
    """What the ward calls a newborn: the mother's name with `son` or `daughter`, and 甲 or 乙 for twins."""
    birth = person.birth
    order = ORDER_NAMES[birth.order - 1] if birth and birth.of > 1 else ""
    return f"{mother.name.text}之{'子' if person.male else '女'}{order}"


def _hospital_days(life: Life, birth: Birth, mother: Person) -> None:
    chart = life.charts.of(birth.hospital, life.person)
    chart.newborn_name, chart.seen_as_newborn_only = newborn_name(life.person, mother), True
    born = birth_moment(life.person)
    stay = min(timedelta(days=3 + birth.caesarean), _days_lived(life))
    visit = hold_visit(
        chart,
        life.dice,
        department_place(chart.library, "newborns" if birth.weeks < 37 else "obstetrics"),
        title="出生",
        kind="birth",
        start=born,
        minutes=stay.total_seconds() / 60,
        visit_class="IMP",
        number=(f"{chart.library.source}/newborn", f"N{born:%y%m%d}{life.dice.randrange(10**6):06}"),
    )
    link_mother(life.charts, birth.hospital, life.person, mother)
    _first_measurements(visit, birth)
    named = table("conditions")["named"]
    diagnose(visit, named["live-twin" if birth.of > 1 else "live-birth"], over=visit.end.date())
    if birth.weeks < 37:
        diagnose(visit, named["preterm"], over=visit.end.date(), main=False)
    if stay.days >= 3:
        _jaundice(visit, birth)
        observe_coded(visit, "hearing", "双耳通过" if life.dice.happens(0.95) else "左耳未通过，42天复查", minutes=2800)
    file_visit_document(visit, "birth-certificate", _certificate(life.person, birth, mother, born))


def _first_measurements(visit: Visit, birth: Birth) -> None:
    small = birth.weeks < 35
    first = visit.dice.pick((7, 8, 8) if small else (9, 9, 10, 10))
    observe(visit, "gestational-age", birth.weeks + birth.extra_days / 7, minutes=1)
    observe(visit, "apgar-1", first, minutes=1)
    observe(visit, "apgar-5", min(10, first + 1), minutes=5)
    observe(visit, "birth-weight", birth.weight_g, minutes=12)
    observe(visit, "birth-length", birth.length_cm, minutes=13)


def _jaundice(visit: Visit, birth: Birth) -> None:
    ill = visit.dice.happens(JAUNDICE_SHARE + (0.3 if birth.weeks < 37 else 0))
    values = (7.9, 13.6, 10.2) if ill else (5.8, 8.4)
    for number, value in enumerate(values):
        observe(visit, "skin-bilirubin", value + visit.dice.random(), minutes=1440 * (number + 1) - 200)
    if ill:
        condition = diagnose(
            visit,
            table("conditions")["named"]["neonatal-jaundice"],
            over=visit.end.date(),
            since=visit.later(2000),
            main=False,
        )
        perform(visit, "newborn-phototherapy", reason=condition, start=visit.later(2100), end=visit.later(2800))


def _certificate(person: Person, birth: Birth, mother: Person, born: datetime) -> str:
    manner = "剖宫产" if birth.caesarean else "顺产"
    return (
        f"出生医学证明（演示）\n新生儿：{newborn_name(person, mother)}　性别：{'男' if person.male else '女'}\n"
        f"出生时间：{born:%Y年%m月%d日%H时%M分}\n出生孕周：{birth.weeks}周　{manner}\n"
        f"出生体重：{birth.weight_g}克　出生身长：{birth.length_cm}厘米\n母亲：{mother.name.text}"
    )


def _home_visit(life: Life, birth: Birth) -> None:
    day = life.person.born + timedelta(days=life.dice.randrange(6, 10))
    if not life.holds(day):
        return
    place = centre_place(life.public_health.library, life.person.home, "maternal-child")
    visit = hold_visit(
        life.public_health,
        life.dice,
        place,
        title="新生儿家庭访视",
        kind="newborn-home-visit",
        start=office_hour(day, life.dice),
        visit_class="HH",
    )
    observe(visit, "body-weight", birth.weight_g / 1000 + 0.1 + life.dice.random() * 0.15)
    observe(visit, "temperature", 36.5 + life.dice.random() * 0.5)
    observe(visit, "skin-bilirubin", 6 + life.dice.random() * 5)
    observe_coded(visit, "feeding", life.dice.pick(("纯母乳喂养", "纯母乳喂养", "混合喂养", "人工喂养")))


def _days_lived(life: Life) -> timedelta:
    """How long the newborn's stay may be, so that nothing lies in the future."""
    return max(timedelta(hours=3), at(life.today, 8) - birth_moment(life.person))
