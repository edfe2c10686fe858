"""Pregnancy: from the booking visit to the check after six weeks; also the one that is under way today."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from math import exp

from demo.dice import Dice
from demo.facilities import centre_place, department_place
from demo.homes import nearest_maternity
from demo.libraries import Chart
from demo.lives.birth import birth_moment
from demo.lives.life import Life
from demo.people import Birth, Person
from demo.shapes.documents import compose
from demo.shapes.measurements import observe, observe_coded, observe_date, observe_pressure, report_panel
from demo.shapes.plans import book, open_episode, plan_care
from demo.shapes.problems import diagnose, warn
from demo.shapes.settlement import Charge, panel_charge, procedure_charge, settle, study_charge
from demo.shapes.studies import examine
from demo.shapes.treatments import perform, prescribe
from demo.shapes.visits import Visit, hold_visit
from demo.tables import table
from demo.times import at, office_hour, working_day
from tianfu.standards.china import identifier_systems as systems

DETAILED_FROM = date(2016, 1, 1)
GESTATION_DAYS = 280
LYING_IN_DAYS = 42
DIABETES_SHARE = 0.13
ANAEMIA_SHARE = 0.12

VISITS = {
    "首次产前检查，建册": (9, 12),
    "产前检查（第2次）": (16, 19),
    "产前检查（第3次）": (21, 23),
    "产前检查（第4次）": (29, 34),
    "产前检查（第5次）": (37, 38),
}
EXTRA_VISITS = {"产前检查（加强）": (25, 26), "产前检查（高危随访）": (27, 28)}
STUDIES = {12: "obstetric-early", 22: "obstetric-anatomy", 32: "obstetric-growth"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Pregnancy:
    """One pregnancy: when it began, how it ended if it has, and what came with it."""

    since: date
    hospital: str
    born: tuple[Person, ...]
    diabetes: bool
    anaemia: bool
    episode: str | None = None
    focus: tuple[str, ...] = ()

    @property
    def birth(self) -> Birth | None:
        """How the pregnancy ended."""
        return self.born[0].birth if self.born else None

    @property
    def ended(self) -> date | None:
        """The day of birth."""
        return self.born[0].born if self.born else None

    def day_of(self, week: float) -> date:
        """The day on which a week of pregnancy is complete."""
        return self.since + timedelta(days=round(week * 7))

    def weeks_on(self, day: date) -> float:
        """Weeks of pregnancy on a day."""
        return (day - self.since).days / 7


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
    detailed = pregnancy.since >= DETAILED_FROM or life.person.rich
    _antenatal_visits(life, pregnancy, episode, detailed=detailed)
    if detailed:
        _hospital_studies(life, pregnancy)
        _glucose_tolerance(life, pregnancy)
    if pregnancy.born:
        _delivery(life, pregnancy)
        _after_birth(life, pregnancy, episode)
    else:
        _what_comes_next(life, pregnancy)


# At the health centre


def _antenatal_visits(life: Life, pregnancy: Pregnancy, episode: str, *, detailed: bool) -> None:
    plan = dict(VISITS) if detailed else dict(list(VISITS.items())[:2])
    if life.person.rich and not pregnancy.born:
        plan |= EXTRA_VISITS
    first = True
    for title, (low, high) in sorted(plan.items(), key=lambda each: each[1]):
        day = working_day(pregnancy.day_of(life.dice.randrange(low, high + 1)) + timedelta(days=life.dice.randrange(5)))
        if not life.holds(day) or (pregnancy.ended and day >= pregnancy.ended):
            break
        _antenatal_visit(life, pregnancy, day, title, episode, first=first)
        first = False


def _antenatal_visit(life: Life, pregnancy: Pregnancy, day: date, title: str, episode: str, *, first: bool) -> None:
    chart = life.public_health
    visit = hold_visit(
        chart,
        life.dice,
        centre_place(chart.library, life.person.home, "maternal-child"),
        title=title,
        kind="antenatal-visit",
        start=office_hour(day, life.dice),
        minutes=40,
        episode=episode,
    )
    weeks = pregnancy.weeks_on(day)
    if first:
        _booking(visit, pregnancy)
    _mother_and_child(visit, pregnancy, weeks)


def _booking(visit: Visit, pregnancy: Pregnancy) -> None:
    observe_date(visit, "last-menstruation", pregnancy.since)
    observe_date(visit, "expected-delivery", pregnancy.since + timedelta(days=GESTATION_DAYS))
    observe_coded(visit, "pregnancy-risk", "绿色（低风险）")
    report_panel(visit, "blood-group")
    observe(visit, "haemoglobin", visit.dice.around(123, 8, low=95, high=145), minutes=20)
    prescribe(visit, "folic-acid")


def _mother_and_child(visit: Visit, pregnancy: Pregnancy, weeks: float) -> None:
    dice, nature = visit.dice, visit.chart.person.nature
    before = nature.body_mass_index * (nature.height_cm / 100) ** 2
    _pressure(visit, pregnancy, weeks)
    observe(visit, "body-weight", before + max(0, weeks - 8) * 0.39 + dice.gauss(0, 0.4))
    if weeks >= 16:
        observe(visit, "fundal-height", weeks * 0.92 + dice.gauss(0, 0.6))
        observe(visit, "abdominal-girth", 72 + weeks * 0.75 + dice.gauss(0, 1))
        observe(visit, "fetal-heart-rate", dice.around(144, 6, low=118, high=160), focus=_focus(pregnancy))
    if 28 <= weeks < 36 and pregnancy.anaemia:
        observe(visit, "haemoglobin", dice.around(103, 4, low=92, high=109), minutes=20)
        condition = diagnose(
            visit,
            table("conditions")["named"]["pregnancy-anaemia"],
            over=pregnancy.ended,
        )
        prescribe(visit, "ferrous-succinate", reason=condition)


def _pressure(visit: Visit, pregnancy: Pregnancy, weeks: float) -> None:
    """Blood pressure falls a little towards the middle of pregnancy and rises after; more so with diabetes."""
    rising = 21 if pregnancy.diabetes else 5
    later = max(0, (weeks - 16) / 12) - (0.2 if 14 < weeks < 20 else 0)
    systolic = visit.dice.around(112 + rising * later, 2.5, low=92, high=148)
    observe_pressure(visit, systolic, visit.dice.around(70 + rising * 0.7 * later, 2, low=55, high=96))


def _focus(pregnancy: Pregnancy) -> str | None:
    return pregnancy.focus[0] if pregnancy.focus else None


# At the hospital


def _hospital_studies(life: Life, pregnancy: Pregnancy) -> None:
    for week, study in STUDIES.items():
        day = working_day(pregnancy.day_of(week) + timedelta(days=life.dice.randrange(6)))
        if not life.holds(day) or (pregnancy.ended and day >= pregnancy.ended):
            return
        visit = _hospital_visit(life, pregnancy, day, "产科门诊")
        weeks = pregnancy.weeks_on(day)
        results = tuple(observe(visit, key, value, minutes=50) for key, value in fetal_size(life.dice, weeks).items())
        examine(visit, study, results=results, minutes=55)
        _pressure(visit, pregnancy, weeks)
        settle(visit, [Charge(kind="registration", text="产科诊察费", price=25), study_charge(study)])


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


def _glucose_tolerance(life: Life, pregnancy: Pregnancy) -> None:
    day = working_day(pregnancy.day_of(24 + 3.5 * life.dice.random()))
    if not life.holds(day) or (pregnancy.ended and day >= pregnancy.ended):
        return
    visit = _hospital_visit(life, pregnancy, day, "葡萄糖耐量试验")
    high = {"ogtt-0": 5.4, "ogtt-1": 9.6, "ogtt-2": 8.1} if pregnancy.diabetes else None
    report_panel(visit, "glucose-tolerance", high, minutes=130)
    conditions: tuple[str, ...] = ()
    if pregnancy.diabetes:
        condition = diagnose(visit, table("conditions")["named"]["gestational-diabetes"], over=pregnancy.ended)
        conditions = (condition,)
        plan_care(
            visit.chart,
            key="gestational-diabetes",
            title="妊娠期糖尿病管理",
            start=day,
            end=pregnancy.ended or pregnancy.since + timedelta(days=GESTATION_DAYS),
            author=visit.doctor[0],
            acts=[("饮食控制，监测血糖", None), ("营养门诊", None if pregnancy.ended else day + timedelta(days=7))],
            conditions=conditions,
            finished=bool(pregnancy.ended),
        )
        if not pregnancy.ended:
            warn(visit.chart, key="gestational-diabetes", text="妊娠期糖尿病", start=day, author=visit.doctor[0])
    settle(
        visit,
        [Charge(kind="registration", text="产科诊察费", price=25), panel_charge("glucose-tolerance")],
        conditions=conditions,
    )


def _hospital_visit(life: Life, pregnancy: Pregnancy, day: date, title: str) -> Visit:
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


# Birth, as the mother's records tell it


def _delivery(life: Life, pregnancy: Pregnancy) -> None:
    birth = pregnancy.birth
    if birth is None:
        return
    born = birth_moment(pregnancy.born[0])
    end = min(born + timedelta(days=3 + 2 * birth.caesarean), max(born + timedelta(hours=3), at(life.today, 8)))
    chart = life.hospital(pregnancy.hospital)
    start = born - timedelta(hours=2 + life.dice.randrange(9))
    visit = hold_visit(
        chart,
        life.dice,
        department_place(chart.library, "obstetrics"),
        title="住院分娩",
        kind="delivery",
        start=start,
        minutes=(end - start).total_seconds() / 60,
        visit_class="IMP",
        number=(systems.INPATIENT_NUMBER, f"Z{start:%y%m%d}{life.dice.randrange(10**5):05}"),
    )
    _delivery_records(visit, pregnancy, birth)


def _delivery_records(visit: Visit, pregnancy: Pregnancy, birth: Birth) -> None:
    manner = "twin-delivery" if birth.of > 1 else "caesarean" if birth.caesarean else "normal-delivery"
    born = birth_moment(pregnancy.born[0])
    condition = diagnose(visit, table("conditions")["named"][manner], over=born.date(), since=born.date())
    operation = "caesarean" if birth.caesarean else "vaginal-delivery"
    performed = perform(visit, operation, reason=condition, start=born - timedelta(minutes=40), end=born)
    report_panel(visit, "blood-count", {"haemoglobin": visit.dice.around(116, 9, low=85, high=138)})
    children = "；".join(
        f"{'男' if child.male else '女'}婴，{child.birth.weight_g}克" for child in pregnancy.born if child.birth
    )
    compose(
        visit,
        "caesarean-birth" if birth.caesarean else "vaginal-birth",
        [
            (
                "分娩经过",
                f"孕{birth.weeks}周+{birth.extra_days}，{'剖宫产' if birth.caesarean else '顺产'}。",
                (performed,),
            ),
            ("新生儿情况", f"{children}，外观无畸形。", ()),
            ("诊断", table("conditions")["named"][manner]["name"], (condition,)),
        ],
    )
    nights = max(1, (visit.end - visit.start).days)
    charges = [
        procedure_charge(operation),
        panel_charge("blood-count"),
        Charge(kind="bed", text="产科床位费", price=60, count=nights),
        Charge(kind="treatment", text="新生儿护理", price=45, count=nights * birth.of),
    ]
    settle(visit, charges, conditions=(condition,), stay=True)


def _after_birth(life: Life, pregnancy: Pregnancy, episode: str) -> None:
    ended = pregnancy.ended
    if ended is None:
        return
    for title, kind, after in (("产后访视", "postpartum-visit", 8), ("产后42天健康检查", "postpartum-check", 42)):
        day = working_day(ended + timedelta(days=after + life.dice.randrange(2)))
        if not life.holds(day) or life.dice.happens(0.08):
            continue
        visit = hold_visit(
            life.public_health,
            life.dice,
            centre_place(life.public_health.library, life.person.home, "maternal-child"),
            title=title,
            kind=kind,
            start=office_hour(day, life.dice),
            visit_class="HH" if after == 8 else "AMB",
            episode=episode,
        )
        observe_pressure(visit, life.dice.around(112, 7, low=92, high=138), life.dice.around(71, 6, low=55, high=88))
        if after == 42:
            observe(visit, "haemoglobin", life.dice.around(122, 9, low=92, high=145), minutes=15)


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
