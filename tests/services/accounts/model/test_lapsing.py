"""When a proof says nothing any more, and what times are refused.  Rule: docs/rules/growing-old.md"""

from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest

from tianfu.kernel.instants import DAY, Instant
from tianfu.services.accounts.model.lapsing import TELEPHONE_DAYS_MAX, checked, lapses
from tianfu.services.accounts.model.people import Account, Assurance, Kind

THEN = Instant(20_000 * DAY)
ACCOUNT = Account(
    id="made-up",
    kind=Kind.RESIDENT,
    name="",
    number="13800001234",
    assurance=Assurance.NAMED,
    telephone_at=THEN,
    named_at=THEN,
)


def after(days: float) -> Instant:
    return Instant(THEN + int(days * DAY))


@pytest.mark.parametrize(("days", "stands"), [(0, True), (89.999, True), (90, False), (4_000, False), (-0.001, False)])
def test_a_telephone_stands_for_as_long_as_nobody_else_can_have_got_it(days: float, stands: bool) -> None:
    assert lapses().telephone_stands(ACCOUNT, after(days)) is stands


@pytest.mark.parametrize(
    ("assurance", "days", "stands"),
    [
        (Assurance.NAMED, 0, True),
        (Assurance.NAMED, 364.999, True),
        (Assurance.NAMED, 365, False),
        (Assurance.NAMED, -1, False),
        (Assurance.SEEN, 365, True),
        (Assurance.SEEN, 1_826, False),
        (Assurance.TELEPHONE, 0, False),
        (Assurance.NOTHING, 0, False),
    ],
)
def test_a_name_stands_for_its_time(assurance: Assurance, days: float, stands: bool) -> None:
    judged = lapses().judged(replace(ACCOUNT, assurance=assurance), after(days))
    assert judged.name_stands is stands
    assert judged.name_is_over is (assurance >= Assurance.NAMED and not stands)


def test_an_account_that_nobody_judged_opens_nothing() -> None:
    assert not ACCOUNT.name_stands
    assert not lapses().telephone_stands(replace(ACCOUNT, telephone_at=Instant(0)), THEN)


@pytest.mark.parametrize(
    "change",
    [
        {"version": 2},
        {"telephone_days": TELEPHONE_DAYS_MAX + 1},
        {"telephone_days": 0},
        {"name_days": 0},
        {"seen_days": -1},
        {"paper_hours": 0},
        {"name_days": "365"},
        {"more": 1},
    ],
    ids=str,
)
def test_unsafe_times_are_refused(change: dict[str, object]) -> None:
    text = msgspec.json.encode(msgspec.to_builtins(lapses()) | change)
    with pytest.raises((ValueError, msgspec.MsgspecError)):
        checked(text)
