"""Every page and form of newborn visits as people who have no business there, with real things of another family."""

from __future__ import annotations

import re
from typing import Any, cast

import pytest

from tests.apps.newborn.conftest import CONSENT, GRANDMOTHER, MOTHER, OTHER_MOTHER, Browser, Ward, current
from tests.permission_table import PageRow, page_rows
from tianfu.services.accounts.signing_in import Entered

pytestmark = [pytest.mark.anyio, pytest.mark.slow]  # it founds a ward and walks every row

ROWS = [
    row
    for row in page_rows()
    if row.path.partition("/{")[0].startswith("/newborn")
    and row.purpose != "open"
    and not (row.method == "POST" and row.path.endswith(("/photo", "/table")))
]
"""Not what is open to everybody, nor what takes a file and says so first: `tests/strangers` walks these, too."""

OWN = {("GET", "/newborn"), ("GET", "/newborn/enrol"), ("POST", "/newborn/enrol"), ("GET", "/newborn/diary")}
"""What every resident has for himself."""


async def things_of(ward: Ward, nurse: Browser) -> tuple[dict[str, str], Browser]:
    """What a family has: a visit, a place on a waiting list, an invitation, a claim; and a mother of another."""
    mother = await ward.guardian(nurse, MOTHER, "baby-1")
    other = await ward.guardian(nurse, OTHER_MOTHER, "baby-3")
    first, second, *_ = await mother.slots()
    await mother.done("/newborn/book/baby-1", start=first, deed="book")
    await other.done("/newborn/book/baby-3", start=second, deed="book")
    await mother.done("/newborn/book/baby-1", start=second, deed="wait")
    await mother.done("/newborn/invited/baby-1", name="示例外婆", telephone=GRANDMOTHER)
    await mother.done("/newborn/enrol", relation="MTH", inpatient="ZY0002", tail="AB02")
    home, desk = (await mother.get("/newborn")).text, (await nurse.get("/newborn/desk")).text
    [invitation] = re.findall(r"/newborn/invitations/([^/]+)/end", (await mother.get("/newborn/invited/baby-1")).text)
    [related] = (await mother.here()).caller.related
    things = {
        "{baby:str}": "baby-1",
        "{visit:str}": re.findall(r"/newborn/visits/([^/]+)/cancel", home)[0],
        "{wish:str}": re.findall(r"/newborn/waiting/([^/]+)/end", home)[0],
        "{claim:str}": re.findall(r"/newborn/desk/claims/([^/]+)/approve", desk)[0],
        "{invitation:str}": invitation,
        "{interpreter:str}": invitation,
        "{related:str}": related,
        "start": second,
    }
    return things, other


def form_of(row: PageRow, things: dict[str, str]) -> dict[str, str]:
    """Everything that any of the forms takes."""
    return {
        "version": current(),
        **CONSENT,
        "start": things["start"],
        "deed": "book",
        "reason": "other",
        "evidence": "birth-certificate",
        "seen": "x",
        "guardian": things["{related:str}"],
        "name": "示例路人",
        "telephone": "13800009999",
        "is": "begun",
        **({"relation": ""} if row.path == "/newborn/enrol" else {"relation": "MTH"}),
    }


async def opens(who: Browser, row: PageRow, things: dict[str, str]) -> tuple[int, str, str]:
    path = row.path
    for name, value in things.items():
        path = path.replace(name, value)
    answer = await who._sent(row.method, path, form_of(row, things) if row.method == "POST" else None)
    return answer.status_code, answer.headers.get("location", ""), answer.text


HELD = "select * from newborn_{} order by 1"
TABLES = ("paper", "claim", "policy", "place", "wish", "invitation")


async def test_nobody_but_those_whose_it_is_opens_or_changes_anything(ward: Ward) -> None:
    nurse = await ward.opened()
    things, stranger = await things_of(ward, nurse)
    elsewhere = await ward.staff("nurse", organisation="other-city")
    nobody = Browser(ward, Entered(secret="", device="", signed_in=cast("Any", None)))
    before = [await ward.house.rows(HELD.format(each)) for each in TABLES]
    records = await ward.house.rows("select count(*), max(changed_at) from resource")
    wrong = []
    served = {route.path for route in ward.site.routes}  # no live part here; `tests/strangers` has it
    rows = [row for row in ROWS if row.path in served]
    assert len(rows) > 25
    for row in rows:
        status, place, _ = await opens(nobody, row, things)
        if status != 303 or not place.startswith("/sign-in"):
            wrong.append(("nobody", row.method, row.path, status, place))
        for name, who in (("another family", stranger), ("another ward", elsewhere)):
            status, place, text = await opens(who, row, things)
            is_own = name == "another family" and (row.method, row.path) in OWN
            if status not in ({200, 303, 422} if is_own else {404}):
                wrong.append((name, row.method, row.path, status, place))
            if "示例宝宝1" in text or "示例宝宝2" in text:
                wrong.append((name, row.method, row.path, 0, "shows a baby"))
    assert wrong == []
    assert [await ward.house.rows(HELD.format(each)) for each in TABLES] == before
    assert await ward.house.rows("select count(*), max(changed_at) from resource") == records
