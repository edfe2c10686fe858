"""Death: the last stay of some, and the certificate."""

from __future__ import annotations

from datetime import timedelta

from demo.facilities import centre_place, department_place
from demo.lives.life import Life
from demo.shapes.documents import compose, file_document
from demo.shapes.problems import diagnose
from demo.shapes.visits import hold_visit
from demo.tables import table
from demo.times import at

IN_HOSPITAL_SHARE = 0.4
CAUSES = ("pneumonia", "copd", "coronary", "stroke")


def tell(life: Life) -> None:
    """Tell how a life ended."""
    died = life.person.died
    if died is None:
        return
    cause = table("conditions")["stays"][life.dice.pick(CAUSES)]
    first = died - timedelta(days=life.dice.randrange(2, 9))
    if life.dice.happens(IN_HOSPITAL_SHARE) and life.holds(first):
        _last_stay(life, cause)
    chart = life.public_health
    place = centre_place(chart.library, life.person.home, "public-health")
    file_document(
        chart,
        "death-certificate",
        f"居民死亡医学证明（演示）\n死亡日期：{died:%Y年%m月%d日}\n直接死亡原因：{cause['name']}",
        when=at(died + timedelta(days=1), 10),
        author=place.doctors[0][0],
        custodian=place.organisation,
    )


def _last_stay(life: Life, cause: dict[str, object]) -> None:
    died = life.person.died
    if died is None:
        return
    chart = life.hospital(life.nearest(died))
    start = at(died - timedelta(days=2), 15)
    # The stay ends before the hour that the Patient record gives as the hour of death.
    minutes = (at(died, 3) - start).total_seconds() / 60
    visit = hold_visit(
        chart,
        life.dice,
        department_place(chart.library, str(cause["department"])),
        title=f"住院：{cause['name']}（死亡）",
        kind="stay",
        english=f"Hospital stay: {cause['english']} (died)",
        start=start,
        minutes=minutes,
        visit_class="IMP",
        stay={"dischargeDisposition": {"text": "死亡"}},
    )
    condition = diagnose(visit, cause)
    text = "经积极抢救无效，宣告临床死亡。"
    compose(visit, "death-record", [("死亡诊断", str(cause["name"]), (condition,)), ("抢救经过", text, ())])
