"""What families say about visits is read by the nurses of that ward, and counted for its head nurse."""

from __future__ import annotations

import re
from datetime import date

import pytest

from tests.apps.newborn.conftest import Ward
from tests.records.made import put
from tests.services.accounts.conftest import WARD as UNIT
from tianfu.apps.newborn.mapping.feedback import feedback_of
from tianfu.apps.newborn.mapping.visits import Booked, appointment_of, live_encounter
from tianfu.apps.newborn.model.feedback import by_month
from tianfu.apps.newborn.model.visit import State
from tianfu.apps.newborn.queries.feedback import PAGE
from tianfu.kernel.instants import DAY, SECOND, Instant, day_start

pytestmark = pytest.mark.anyio

AT = "/newborn/desk/feedback"


async def said(
    ward: Ward, number: int, words: str, *, of_ward: str = "ward-1", unit: str = UNIT, care: str = "good", back: int = 0
) -> None:
    """A visit of the third baby so many days ago that is over, and what its mother said an hour later."""
    start = Instant(ward.house.time.now - back * DAY - 7200 * SECOND)
    booked = Booked(
        id=f"visit-{number}",
        version=0,
        state=State.CLOSED,
        baby="baby-3",
        guardian="mother-3",
        ward=of_ward,
        start=start,
        end=Instant(start + 1200 * SECOND),
    )
    answers = {"picture": "middling", "care": care}
    later = Instant(start + 3600 * SECOND)
    for resource in (
        appointment_of(booked),
        live_encounter(None, booked, booked.visit, bed="bed-2", was_seen=True, now=start),
        feedback_of(
            booked, name=f"said-{number}", sender="mother-3", unit=unit, answers=answers, words=words, now=later
        ),
    ):
        members = {name: value for name, value in resource.items() if name not in {"resourceType", "id"}}
        await put(ward.store, resource["resourceType"], resource["id"], **members)


async def test_nurses_read_what_families_of_their_ward_said_and_nobody_else_does(ward: Ward) -> None:
    nurse = await ward.staff("nurse")
    assert "No family has said anything yet" in (await nurse.get(AT)).text
    await said(ward, 1, "谢谢 <b>大家</b>\n辛苦了", back=1)
    await said(ward, 2, "在别的病区时写的", of_ward="ward-2", unit="other")
    page = (await nurse.get(AT)).text
    assert "谢谢 &lt;b&gt;大家&lt;/b&gt;\n辛苦了" in page
    assert "在别的病区时写的" not in page
    text = re.sub(r"\s*<[^>]*>\s*", " ", page)
    assert "02床" in text, "the bed of the visit, not the baby's bed now"
    assert "示例宝宝3" not in text
    assert "mother-3" not in page
    elsewhere = await ward.staff("doctor")
    assert (await elsewhere.get(AT)).status_code == 404
    assert (await (await ward.staff("head", organisation="other")).get(AT)).text.count("worklist") == 0
    rows = await ward.house.rows("select interaction from audit where query like '%visit-feedback%'")
    assert rows, "a reading of feedback is traced"


async def test_what_was_said_comes_by_page_newest_first(ward: Ward) -> None:
    nurse = await ward.staff("nurse")
    for number in range(PAGE + 1):
        await said(ward, number, f"第 {number} 句", back=number)
    page = (await nurse.get(AT)).text
    assert re.findall(r"第 (\d+) 句", page) == [str(each) for each in range(PAGE)]
    [further] = re.findall(rf'rel="next" href="({AT}[^"]+)"', page)
    assert re.findall(r"第 (\d+) 句", (await nurse.get(further)).text) == [str(PAGE)]
    assert (await nurse.get(f"{AT}?cursor=made-up")).status_code == 400


async def test_the_report_counts_what_was_said_by_month_and_ward(ward: Ward) -> None:
    head = await ward.staff("head")
    await said(ward, 1, "", care="bad")
    await said(ward, 2, "", care="bad", back=40)
    await said(ward, 3, "", of_ward="ward-2", unit="other")
    page = " ".join(re.sub(r"<[^>]*>", " ", (await head.get("/newborn/desk/report")).text).split())
    rows = re.findall(r"(\w+ \d{4}) (\d+) (\d+) (\d+) (\d+) (\d+) (\d+) (\d+)", page)
    assert [row[1:] for row in rows if row[1] != "0"] == [("1", "0", "1", "0", "0", "0", "1")] * 2


def test_each_answer_counts_in_the_month_in_which_it_was_sent_in_china() -> None:
    last = Instant(day_start(date(2026, 1, 1)) - 1)
    months = by_month([(last, {"care": "good"}), (Instant(last + 1), {"care": "bad"})], date(2026, 1, 31))
    assert [(each.first, each.all) for each in months][:3] == [
        (date(2026, 1, 1), 1),
        (date(2025, 12, 1), 1),
        (date(2025, 11, 1), 0),
    ]
    assert (months[0].counts["care", "bad"], months[1].counts["care", "good"]) == (1, 1)
    assert months[0].counts["care", "good"] == 0
