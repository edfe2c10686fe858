"""What people agreed to, and the emergency accesses of two of the families told in full: one reviewed, one waiting."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from demo.facilities import Place, centre_place, department_place
from demo.libraries import Chart, Resource
from demo.lives.life import PUBLIC_HEALTH, Life
from demo.times import at, office_hour, working_day
from tianfu.apps.trust.mapping.consents import Decided, consent_resource
from tianfu.apps.trust.mapping.notices import EMERGENCY_OPENED, REVIEW_ANSWERED, notice_resources
from tianfu.apps.trust.mapping.tasks import emergency_resource, ended, reviewed
from tianfu.apps.trust.model.consent import Decision, offers
from tianfu.apps.trust.model.emergency import EmergencyWish, ReasonKind
from tianfu.apps.trust.model.tasks import Finding, Verdict
from tianfu.kernel.instants import SECOND, Instant

CONSENT_SHARE = 0.12
ADULT_YEARS = 18

DECISIONS = (
    ("treatment-sharing", Decision.PERMIT, 1.0),
    ("public-health-follow-up", Decision.PERMIT, 0.6),
    ("research", Decision.DENY, 0.3),
)
"""What who decides at all says to each offer, and which share of them."""

REVIEWED = "温知夏"
WAITING = "解素芳"


def tell(life: Life) -> None:
    """Ask an adult for consents; tell the emergency accesses of those who had one."""
    if life.person.died is not None or life.age(life.today) < ADULT_YEARS:
        return
    if life.person.rich or life.dice.happens(CONSENT_SHARE):
        _decide(life)
    if life.person.name.text == REVIEWED:
        _emergency(
            life,
            days_ago=9,
            hour=22,
            reason="晕厥送来急诊，怀孕二十多周，说不清过敏史，用药前需要核对",
            is_reviewed=True,
        )
    if life.person.name.text == WAITING:
        _emergency(
            life, days_ago=2, hour=3, reason="夜间胸痛由邻居送来，家属联系不上，需要知道在用的药", is_reviewed=False
        )


def _decide(life: Life) -> None:
    day = working_day(life.today - timedelta(days=life.dice.randrange(30, 300)))
    moment = _instant(office_hour(day, life.dice))
    for key, decision, share in DECISIONS:
        if not life.dice.happens(share):
            continue
        offer = offers()[key]
        for chart in life.charts.opened_for(life.person):
            said = Decided(
                offer=offer,
                text=offer.text_on(day),
                decision=decision,
                institution="",
                by=chart.patient,
                is_confirmed=True,
                language="zh-CN",
                at=moment,
            )
            chart.write(consent_resource(said, _id(chart.patient)))


def _emergency(life: Life, *, days_ago: int, hour: int, reason: str, is_reviewed: bool) -> None:
    """A doctor of the first library that keeps the person opens the record at night."""
    chart = _chart(life)
    place = _place(life, chart)
    doctor, _ = place.doctors[0]
    opened = _instant(at(life.today - timedelta(days=days_ago), hour, 12))
    task = emergency_resource(
        EmergencyWish(patient=_id(chart.patient), number="", kind=ReasonKind.UNCONSCIOUS, reason=reason),
        patient_id=_id(chart.patient),
        practitioner_id=_id(doctor),
        group=f"demo-{_id(chart.patient)}",
        now=opened,
    )
    task = ended(task, now=Instant(opened + 17 * 60 * SECOND))
    answered = Instant(opened + 11 * 3_600 * SECOND)
    if is_reviewed:
        task = reviewed(task, _finding(answered))
    about = chart.write(task)
    _tell(chart, place, EMERGENCY_OPENED, about, opened)
    if is_reviewed:
        _tell(chart, place, REVIEW_ANSWERED, about, answered)


def _finding(when: Instant) -> Finding:
    return Finding(
        verdict=Verdict.JUSTIFIED,
        comment="核对了急诊登记和用药记录，时间和内容相符",
        answer="医生当时在抢救您，看了过敏史和诊断，十七分钟后就关闭了。",
        officer="demo-officer",
        at=when,
    )


def _tell(chart: Chart, place: Place, kind: str, about: str, when: Instant) -> None:
    notices: Sequence[Resource] = notice_resources(
        kind, patient_id=_id(chart.patient), about=about, organisation_id=_id(place.organisation), now=when
    )
    for notice in notices[: 2 if kind == EMERGENCY_OPENED else 1]:
        chart.write(notice)


def _chart(life: Life) -> Chart:
    """A hospital's chart if there is one, else the health centre's."""
    charts = life.charts.opened_for(life.person)
    return next((each for each in charts if each.library.key != PUBLIC_HEALTH), charts[0])


def _place(life: Life, chart: Chart) -> Place:
    if chart.library.key == PUBLIC_HEALTH:
        return centre_place(chart.library, life.person.home)
    return department_place(chart.library, "emergency")


def _id(reference: str) -> str:
    return reference.partition("/")[2]


def _instant(moment: datetime) -> Instant:
    return Instant(int(moment.timestamp()) * SECOND)
