"""What was on paper: the childhood of those born before electronic records, entered later from their old booklets."""

from __future__ import annotations

from datetime import date, timedelta

from demo.facilities import centre_place
from demo.libraries import PAPER_TAG
from demo.lives.early.childhood import Growth, growth_of
from demo.lives.family_links import link_mother
from demo.lives.life import PUBLIC_HEALTH, Life
from demo.shapes.concepts import CVX, OWN, coding, concept, reference
from demo.shapes.documents import file_visit_document
from demo.shapes.measurements import observe, observe_coded, observe_pressure
from demo.shapes.visits import Visit, hold_visit
from demo.times import at, months_after, office_hour, working_day, years_after

CHECK_UP_MONTHS = (1, 3, 6, 9, 12, 18, 24, 36, 48, 60, 72)
OLD_VACCINES = {
    "BCG": ("卡介苗", "19", "BCG", (0,)),
    "OPV": ("口服脊髓灰质炎减毒活疫苗", "02", "OPV", (2, 3, 4, 48)),
    "DTP": ("百日咳白喉破伤风联合疫苗", "01", "DTP", (3, 4, 5, 18)),
    "MV": ("麻疹减毒活疫苗", "05", "measles", (8, 84)),
    "HepB": ("乙型肝炎疫苗", "08", "Hep B, adolescent or pediatric", (0, 1, 6)),
    "JE": ("流行性乙型脑炎疫苗", "129", "Japanese Encephalitis, unspecified formulation", (12, 24)),
}


def tell(life: Life) -> None:
    """Tell the early years of a person whose booklets were kept."""
    if not life.person.rich or life.person.birth is not None or life.person.born.year < 1978:
        return
    growth = growth_of(life)
    mother = life.household.by_key.get(life.person.mother or "")
    if mother:
        link_mother(life.charts, PUBLIC_HEALTH, life.person, mother)
        _before_birth(life, mother.key)
    _birth(life)
    for months in CHECK_UP_MONTHS:
        _check_up(life, growth, months)
    _vaccinations(life)
    for age in range(8, 18):
        _school(life, growth, age)


def _before_birth(life: Life, mother_key: str) -> None:
    """Two antenatal visits of the mother, from her booklet."""
    mother = life.household.by_key[mother_key]
    chart = life.charts.of(PUBLIC_HEALTH, mother)
    for number, weeks_before in enumerate((28, 6), 1):
        visit = hold_visit(
            chart,
            life.dice,
            centre_place(chart.library, mother.home, "maternal-child"),
            title=f"产前检查（第{number}次）",
            kind="antenatal-visit",
            start=office_hour(working_day(life.person.born - timedelta(weeks=weeks_before)), life.dice),
            tags=(PAPER_TAG,),
        )
        observe_pressure(visit, 108 + 4 * number, 68 + 2 * number)
        observe(visit, "fundal-height", 12 if number == 1 else 32)
        observe(visit, "fetal-heart-rate", 142 + number)


def _hold(life: Life, day: date, title: str, kind: str) -> Visit:
    chart = life.public_health
    return hold_visit(
        chart,
        life.dice,
        centre_place(chart.library, life.person.home, "maternal-child"),
        title=title,
        kind=kind,
        start=office_hour(day, life.dice),
        tags=(PAPER_TAG,),
    )


def _birth(life: Life) -> None:
    visit = _hold(life, life.person.born, "出生", "birth")
    observe(visit, "gestational-age", 40)
    observe(visit, "birth-weight", 3150)
    observe(visit, "birth-length", 50)
    text = f"出生医学证明（扫描件，演示）\n出生日期：{life.person.born:%Y年%m月%d日}\n孕40周 顺产 3150克"
    file_visit_document(visit, "paper-record", text)


def _check_up(life: Life, growth: Growth, months: int) -> None:
    visit = _hold(life, working_day(months_after(life.person.born, months)), "儿童健康检查", "child-check-up")
    observe(visit, "body-weight", growth.weight_kg(months) * 0.96)
    observe(visit, "body-length" if months < 24 else "body-height", growth.height_cm(months) * 0.98)


def _school(life: Life, growth: Growth, age: int) -> None:
    day = working_day(date(years_after(life.person.born, age).year, 10, 8))
    visit = _hold(life, day, "学生健康体检", "school-examination")
    months = (day - life.person.born).days / 30.44
    observe(visit, "body-weight", growth.weight_kg(months))
    observe(visit, "body-height", growth.height_cm(months))
    observe_coded(visit, "vision", "双眼5.0" if age < 13 else "右4.8 左4.7")


def _vaccinations(life: Life) -> None:
    chart = life.public_health
    place = centre_place(chart.library, life.person.home, "vaccination")
    for key, (name, cvx, english, ages) in OLD_VACCINES.items():
        for number, months in enumerate(ages, 1):
            day = life.person.born + timedelta(days=1) if months == 0 else months_after(life.person.born, months)
            chart.write(
                {
                    "resourceType": "Immunization",
                    "status": "completed",
                    "vaccineCode": concept(name, coding(CVX, cvx, english), coding(f"{OWN}/vaccine", key, name)),
                    "patient": chart.subject,
                    "occurrenceDateTime": day.isoformat(),
                    "recorded": at(date(2012, 6, 4), 10).isoformat(),
                    "primarySource": False,
                    "reportOrigin": concept("预防接种证（纸质）"),
                    "location": reference(place.location),
                    "protocolApplied": [{"series": "计划免疫（纸质档案）", "doseNumberPositiveInt": number}],
                },
                tags=(PAPER_TAG,),
            )
