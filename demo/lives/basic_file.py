"""The resident's basic file: opened once at the health centre, and the family doctor's contract."""

from __future__ import annotations

from datetime import date, timedelta

from demo.facilities import centre_place
from demo.lives.life import Life
from demo.shapes.measurements import observe, observe_coded
from demo.shapes.plans import sign_family_doctor
from demo.shapes.visits import hold_visit
from demo.times import office_hour, working_day

OPENED_FROM = date(2011, 3, 1)
OPENED_DAYS = 2200
CONTRACT_SHARE = 0.35
CONTRACT_SHARE_AT_RISK = 0.75


def tell(life: Life) -> None:
    """Open the file and sign a contract."""
    _open_file(life)
    _sign(life)


def _open_file(life: Life) -> None:
    day = working_day(OPENED_FROM + timedelta(days=life.dice.randrange(OPENED_DAYS)))
    if life.age(day) < 7 or not life.holds(day):
        return
    place = centre_place(life.public_health.library, life.person.home)
    visit = hold_visit(
        life.public_health,
        life.dice,
        place,
        title="建立居民健康档案",
        kind="basic-file",
        start=office_hour(day, life.dice),
    )
    if life.age(day) >= 18:
        observe(visit, "body-height", life.person.nature.height_cm)
        observe_coded(visit, "smoking", "每日吸烟" if life.person.nature.smoker else "从不吸烟")


def _sign(life: Life) -> None:
    nature = life.person.nature
    at_risk = bool(nature.hypertension_since or nature.diabetes_since or life.age(life.today) >= 65)
    if not life.dice.happens(CONTRACT_SHARE_AT_RISK if at_risk or life.person.rich else CONTRACT_SHARE):
        return
    day = working_day(life.today - timedelta(days=life.dice.randrange(10, 360)))
    if life.holds(day):
        place = centre_place(life.public_health.library, life.person.home)
        sign_family_doctor(life.public_health, place, day, package="重点人群服务包" if at_risk else "基础服务包")
