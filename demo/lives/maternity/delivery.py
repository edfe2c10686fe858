"""Birth and the weeks after it in the records of the mother."""

from __future__ import annotations

from datetime import timedelta

from demo.facilities import centre_place, department_place
from demo.lives.early.birth import birth_moment
from demo.lives.life import Life
from demo.lives.maternity.gestation import Pregnancy
from demo.people import Birth
from demo.shapes.documents import compose
from demo.shapes.measurements import observe, observe_pressure, report_panel
from demo.shapes.problems import diagnose
from demo.shapes.settlement import Charge, panel_charge, procedure_charge, settle
from demo.shapes.treatments import perform
from demo.shapes.visits import Visit, hold_visit
from demo.tables import table
from demo.times import at, office_hour, working_day
from tianfu.standards.china import identifier_systems as systems


def deliver(life: Life, pregnancy: Pregnancy) -> None:
    """Tell the stay in hospital for the birth."""
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


def follow_mother(life: Life, pregnancy: Pregnancy, episode: str) -> None:
    """Tell the visit at home and the check after six weeks."""
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
