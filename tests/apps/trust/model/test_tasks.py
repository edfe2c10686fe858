"""What waits for an officer, in which order, and what he must say: docs/rules/emergency-access.md."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.apps.trust.memory_store import at, minutes
from tianfu.access.caller import Caller
from tianfu.apps.trust.mapping.tasks import emergency_resource, ended, reviewed, task_of
from tianfu.apps.trust.model.emergency import EmergencyWish, ReasonKind, may_break_glass
from tianfu.apps.trust.model.objection import ObjectionState, state_of
from tianfu.apps.trust.model.reviews import belongs
from tianfu.apps.trust.model.tasks import (
    REVIEW_WITHIN,
    Finding,
    TaskSort,
    TrustTask,
    Verdict,
    in_order,
    overdue,
    read_finding,
)
from tianfu.kernel.instants import Instant
from tianfu.kernel.refusal import Refusal
from tianfu.standards.fhir.validation import validate

NOW = at("2026-11-23T12:00:00+08:00")
OFFICER = Caller(id="officer-1", role="officer", practitioner="p9")
WISH = EmergencyWish(
    patient="w1", number="", kind=ReasonKind.UNCONSCIOUS, reason="昏迷送来，家属联系不上，要知道过敏史"
)


def task(
    identity: str = "t", *, waited: float = 0, sort: TaskSort = TaskSort.EMERGENCY, **changes: object
) -> TrustTask:
    opened = Instant(NOW - minutes(waited))
    made = TrustTask(
        id=identity,
        version=1,
        sort=sort,
        person="w1",
        who="p7",
        organisation="house",
        reason_kind="unconscious",
        reason="",
        opened=opened,
        since=opened,
        until=Instant(opened + minutes(30)),
        is_open=True,
        events=("e1",),
        findings=(),
    )
    return replace(made, **changes)  # type: ignore[arg-type]  # fields by name


def finding(verdict: Verdict, *, ago: float = 0) -> Finding:
    return Finding(verdict=verdict, comment="核对了登记", answer="说明", officer="p9", at=Instant(NOW - minutes(ago)))


def test_the_unseen_come_first_the_longest_waiting_on_top_and_the_settled_last() -> None:
    inquiry = task("inquiry", waited=900, findings=(finding(Verdict.INQUIRY),))
    old, new = task("old", waited=300), task("new", waited=3)
    settled = task("settled", waited=5_000, findings=(finding(Verdict.JUSTIFIED, ago=50),))
    newest = task("newest", waited=5_000, findings=(finding(Verdict.NOT_JUSTIFIED, ago=5),))
    assert [each.id for each in in_order([settled, new, inquiry, newest, old])] == [
        "old",
        "new",
        "inquiry",
        "newest",
        "settled",
    ]


def test_a_day_without_a_look_raises_an_alert_and_not_a_moment_earlier() -> None:
    waiting = task(waited=0)
    assert not waiting.is_overdue(Instant(waiting.opened + REVIEW_WITHIN))
    assert waiting.is_overdue(Instant(waiting.opened + REVIEW_WITHIN + 1))
    assert overdue([task(waited=1_500), task(waited=1_400)], NOW) == 1


def test_what_somebody_looks_into_is_not_overdue() -> None:
    assert not task(waited=5_000, findings=(finding(Verdict.INQUIRY),)).is_overdue(NOW)


@pytest.mark.parametrize(
    ("verdict", "comment", "answer", "faults"),
    [
        ("justified", "核对了登记", "医生在抢救您。", []),
        ("inquiry", "要问当班医生", "", []),
        ("justified", "核对了登记", "", ["answer-needed"]),
        ("not-justified", "  \n ", "这次查看没有理由。", ["comment-needed"]),
        ("", "核对了登记", "医生在抢救您。", ["verdict-needed"]),
        ("perhaps", "", "", ["verdict-needed", "comment-needed", "answer-needed"]),
        ("justified", "长" * 1_001, "医生在抢救您。", ["text-too-long"]),
    ],
)
def test_what_an_officer_must_say(verdict: str, comment: str, answer: str, faults: list[str]) -> None:
    found: list[str] = []
    try:
        read_finding(verdict, comment, answer, task=task(waited=60), officer=OFFICER, now=NOW)
    except Refusal as refusal:
        found = [fault.code for fault in refusal.faults]
    assert found == faults


@pytest.mark.parametrize("verdict", list(Verdict))
def test_what_still_runs_can_only_be_closed(verdict: Verdict) -> None:
    found: list[str] = []
    try:
        read_finding(verdict, "核对了登记", "没有理由的说明", task=task(waited=29), officer=OFFICER, now=NOW)
    except Refusal as refusal:
        found = [fault.code for fault in refusal.faults]
    assert found == ([] if verdict == Verdict.NOT_JUSTIFIED else ["review-while-running"])


def test_nobody_reviews_his_own_access() -> None:
    with pytest.raises(Refusal) as refused:
        read_finding("justified", "核对了登记", "说明", task=task(who="p9"), officer=OFFICER, now=NOW)
    assert refused.value.code == "review-of-own-access"


@pytest.mark.parametrize("verdict", [Verdict.JUSTIFIED, Verdict.NOT_JUSTIFIED])
def test_what_was_settled_stays(verdict: Verdict) -> None:
    with pytest.raises(Refusal) as refused:
        read_finding(
            "justified", "核对了登记", "说明", task=task(findings=(finding(verdict),)), officer=OFFICER, now=NOW
        )
    assert refused.value.code == "review-is-settled"


def test_an_officer_without_a_practitioner_is_known_by_his_sign_in() -> None:
    officer = replace(OFFICER, practitioner=None)
    said = read_finding("inquiry", "要问当班医生", "", task=task(waited=60, who=""), officer=officer, now=NOW)
    assert said.officer == "officer-1"


@pytest.mark.parametrize(
    ("findings", "state"),
    [
        ((), ObjectionState.SENT),
        ((finding(Verdict.INQUIRY),), ObjectionState.UNDER_REVIEW),
        ((finding(Verdict.NOT_JUSTIFIED), finding(Verdict.INQUIRY)), ObjectionState.ANSWERED),
    ],
)
def test_where_an_objection_stands(findings: tuple[Finding, ...], state: ObjectionState) -> None:
    assert state_of(task(sort=TaskSort.OBJECTION, findings=findings)) == state


@pytest.mark.parametrize(
    ("caller", "may"),
    [
        (Caller(id="d", role="doctor", practitioner="p", organisation="o"), True),
        (Caller(id="d", role="doctor", practitioner="p"), False),
        (Caller(id="d", role="doctor", organisation="o"), False),
        (Caller(id="n", role="nurse", practitioner="p", organisation="o"), False),
        (Caller(id="c", role="citizen", patients=("w",)), False),
        (Caller(id="o", role="officer", practitioner="p", organisation="o"), False),
    ],
)
def test_who_may_break_the_glass(caller: Caller, may: bool) -> None:
    assert may_break_glass(caller) == may


def test_an_access_survives_ending_and_two_reviews_as_valid_fhir() -> None:
    written = {
        **emergency_resource(WISH, patient_id="w1", practitioner_id="p7", group="g1", now=NOW),
        "id": "t1",
    }
    later = Instant(NOW + minutes(5))
    over = ended(written, now=later)
    asked = reviewed(over, replace(finding(Verdict.INQUIRY), answer=""))
    settled = reviewed(asked, finding(Verdict.JUSTIFIED))
    for resource in (written, over, asked, settled):
        assert list(validate(resource)) == []
    read = task_of(settled, version=4)
    assert [each.verdict for each in read.findings] == [Verdict.JUSTIFIED, Verdict.INQUIRY]
    assert [each.answer for each in read.findings] == ["说明", ""]
    assert (read.reason, read.reason_kind, read.who, read.person) == (WISH.reason, "unconscious", "p7", "w1")
    assert read.until == later
    assert not read.is_open


def test_ending_does_not_lengthen() -> None:
    written = emergency_resource(WISH, patient_id="w1", practitioner_id="p7", group="g1", now=NOW)
    over = ended(written, now=Instant(NOW + minutes(90)))
    assert over["restriction"]["period"] == written["restriction"]["period"]


def test_only_the_looks_in_question_belong_to_a_case() -> None:
    from tests.apps.trust.model.test_ledger import READ

    assert belongs(READ, task())
    assert not belongs(replace(READ, practitioner="p8"), task())
    assert not belongs(replace(READ, practitioner=""), task(who=""))
    assert belongs(READ, task(sort=TaskSort.OBJECTION))
    assert not belongs(replace(READ, id="e9"), task(sort=TaskSort.OBJECTION))
