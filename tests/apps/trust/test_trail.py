"""The officer's search of the trail, over a store in memory."""

from __future__ import annotations

import csv
import html
import io
import re
from datetime import date
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.apps.trust.conftest import BrowserOf
from tests.apps.trust.made_up import DESK, DOCTOR, HER_NUMBER, NURSE, OFFICER, WOMAN
from tests.apps.trust.memory_store import MemoryStore, at, minutes
from tests.apps.trust.test_pages import main, words
from tests.web.conftest import NOON
from tianfu.access.purpose import Purpose
from tianfu.apps.trust.queries.trail import EXPORTED_MAX
from tianfu.kernel.instants import Instant
from tianfu.records.trail.reading import TrailEvent, TrailQuestion
from tianfu.standards.china.identity_number import compose_identity_number

TRAIL = "/trust/trail"
WRITER = "0f" * 16
NOBODYS_NUMBER = compose_identity_number(area="510104", born=date(1950, 1, 1), sequence=1)


def happened(number: int, /, **more: Any) -> TrailEvent:
    """An event of a doctor's, so many minutes before the pages' now."""
    said: dict[str, Any] = {
        "id": f"{WRITER}-1-{number}",
        "at": Instant(NOON - minutes(number)),
        "writer": WRITER,
        "lane": 1,
        "number": number,
        "caller": "doctor-7",
        "practitioner": "p7",
        "organisation": "house",
        "session": "session-1",
        "role": "doctor",
        "purpose": "TREAT",
        "interaction": "read",
        "rule": "doctor-treats",
        "outcome": "success",
        "type": "Condition",
        "patients": ("Patient/w-hospital",),
        "records": ("Condition/c1",),
        "further": 0,
        "query": None,
        "request": f"r{number}",
        **more,
    }
    return TrailEvent(**said)


@pytest.fixture
def store(store: MemoryStore) -> MemoryStore:
    store.events = [
        happened(1),
        happened(2, interaction="search", outcome="role-cannot-do-this", rule="no-rule", records=(), patients=()),
        happened(3, caller="nurse-1", practitioner=None, organisation="centre", role="nurse", session="session-2"),
        happened(
            4,
            caller="citizen-1",
            practitioner=None,
            organisation=None,
            role="citizen",
            purpose="PATRQT",
            interaction="ledger",
            type="AuditEvent",
            records=(),
        ),
        happened(60 * 24 * 3, interaction="export", outcome="begun", purpose="ETREAT", further=40),
    ]
    return store


def rows(page: str) -> list[str]:
    return [words(each) for each in re.findall(r'<li class="look">.*?</div>\s*</div>\s*</li>', page, re.DOTALL)]


def numbers(page: str) -> list[int]:
    """Which events a page lists."""
    return [int(each) for each in re.findall(rf'class="what" href="{TRAIL}/{WRITER}-1-(\d+)"', page)]


def last_asked(store: MemoryStore) -> TrailQuestion:
    question = store.asked[-1][1]
    assert isinstance(question, TrailQuestion)
    return question


def test_a_row_says_when_who_where_why_by_which_rule_what_and_how_it_ended(browser_of: BrowserOf) -> None:
    first, refused, *_ = rows(browser_of(OFFICER).get(TRAIL).text)
    for said in ("打开一条记录", "已完成", "诊断 1 条", "周岚", "医生", "示例医院", "为了看病", "就诊、团队、签约"):
        assert said in first
    for said in ("搜索记录", "没有允许", "角色不能为这个目的这样做", "问的是：诊断", "没有一条规则允许"):
        assert said in refused


def test_a_search_begins_with_today_newest_first_and_says_how_many(browser_of: BrowserOf) -> None:
    page = browser_of(OFFICER).get(TRAIL).text
    assert numbers(page) == [1, 2, 3, 4]
    assert "共 4 条，新的在前" in words(page)
    assert re.search(r'aria-current="true">今天', page)


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({"span": "7"}, [1, 2, 3, 4, 4320]),
        ({"person": "w-hospital"}, [1, 3, 4]),
        ({"who": "p7"}, [1, 2]),
        ({"who": "nurse-1"}, [3]),
        ({"where": "centre"}, [3]),
        ({"role": "citizen"}, [4]),
        ({"deed": "look"}, [1, 2, 3]),
        ({"deed": "ledger"}, [4]),
        ({"outcome": "done"}, [1, 3, 4]),
        ({"outcome": "refused"}, [2]),
        ({"outcome": "role-cannot-do-this"}, [2]),
        ({"outcome": "not-found"}, []),
        ({"session": "session-2"}, [3]),
        ({"record": "Condition/c1"}, [1, 3]),
        ({"from": "2026-11-20", "to": "2026-11-20"}, [4320]),
        ({"who": "p7", "outcome": "done", "deed": "read"}, [1]),
    ],
)
def test_every_condition_narrows_the_search(browser_of: BrowserOf, asked: dict[str, str], found: list[int]) -> None:
    assert numbers(browser_of(OFFICER).get(TRAIL, params=asked).text) == found


def test_each_condition_is_said_and_can_be_taken_away(browser_of: BrowserOf) -> None:
    asked = {"who": "p7", "where": "house", "deed": "look", "outcome": "done", "session": "session-1", "span": "7"}
    page = browser_of(OFFICER).get(TRAIL, params=asked).text
    chips = page[page.index('class="conditions"') : page.index("</ul>", page.index('class="conditions"'))]
    for said in ("周岚 (p7)", "示例医院", "查看", "结果：已完成", "会话 session-1"):
        assert said in words(chips)
    without = [
        parse_qs(urlsplit(html.unescape(each)).query) for each in re.findall(r'class="chip" href="([^"]+)"', chips)
    ]
    assert [set(asked) - set(each) for each in without] == [{"who"}, {"where"}, {"deed"}, {"outcome"}, {"session"}]


def test_a_form_leads_to_an_address_with_ids_for_the_names_in_it(browser_of: BrowserOf, store: MemoryStore) -> None:
    page = browser_of(OFFICER).post(TRAIL, data={"who": "周岚", "where": "示例医", "span": "7"})
    assert page.status_code == 200
    assert parse_qs(page.url.query.decode()) == {"who": ["p7"], "where": ["house"], "span": ["7"]}
    assert numbers(page.text) == [1, 2, 4320]


def test_an_identity_number_finds_all_records_of_the_person_and_stands_in_no_address(browser_of: BrowserOf) -> None:
    page = browser_of(DESK).post(TRAIL, data={"person": f"{HER_NUMBER[:6]} {HER_NUMBER[6:]}"})
    assert parse_qs(page.url.query.decode())["person"] == ["w-hospital,w-centre"]
    assert numbers(page.text) == [1, 3, 4]
    for each in (page, *page.history):
        assert HER_NUMBER not in str(each.url) + each.headers.get("location", "")
    assert HER_NUMBER not in page.text


def test_a_number_that_came_in_an_address_is_not_looked_up_and_not_shown(
    browser_of: BrowserOf, store: MemoryStore
) -> None:
    page = browser_of(OFFICER).get(TRAIL, params={"person": HER_NUMBER})
    assert page.status_code == 422
    assert "身份证号不能写在网址里" in words(page.text)
    assert HER_NUMBER not in page.text[page.text.index("<main") :]
    assert store.asked == []


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        ({"person": "510104199106099820"}, "身份证号不对"),
        ({"person": NOBODYS_NUMBER}, "您的岗位不能用身份证号查人"),
        ({"who": "没有这人"}, "没有找到叫这个名字的医务人员"),
        ({"where": "没有这家"}, "没有找到这样开头的机构"),
        ({"from": "昨天"}, "写成年-月-日"),
        ({"to-time": "09:30"}, "写了时间，也要写日期"),
    ],
)
def test_a_form_that_cannot_be_asked_comes_back_with_what_was_typed(
    browser_of: BrowserOf, store: MemoryStore, sent: dict[str, str], said: str
) -> None:
    page = browser_of(OFFICER).post(TRAIL, data={**sent, "deed": "vread"})
    assert page.status_code == 422
    [(field, typed)] = sent.items()
    summary = page.text[page.text.index("nhsuk-error-summary") :]
    assert said in words(summary)
    assert re.search(rf'name="{field}" value="{typed}"', page.text)
    assert 'value="vread" selected' in page.text
    assert store.asked == []


def test_too_many_of_one_name_are_not_searched_for(browser_of: BrowserOf, store: MemoryStore) -> None:
    store.put(*({"resourceType": "Practitioner", "id": f"x{n}", "name": [{"text": "单名"}]} for n in range(21)))
    page = browser_of(OFFICER).post(TRAIL, data={"who": "单名"})
    assert page.status_code == 422
    assert "一次最多查 20 个" in words(page.text)


def test_pages_turn_by_a_place_and_stay_the_same_tomorrow(browser_of: BrowserOf, store: MemoryStore) -> None:
    store.events = [happened(each) for each in range(1, 121)]
    browser = browser_of(OFFICER)
    first = browser.get(TRAIL, params={"span": "7"}).text
    assert numbers(first) == list(range(1, 51))
    assert "最新的 50 条，后面还有" in words(first)
    more = re.search(r'rel="next" href="([^"]+)"', first)
    assert more is not None
    fields = parse_qs(urlsplit(html.unescape(more[1])).query)
    assert fields == {"cursor": ["50"], "from": ["2026-11-17"]}
    second = browser.get(html.unescape(more[1])).text
    assert numbers(second) == list(range(51, 101))
    last = browser.get(TRAIL, params={**{name: each[0] for name, each in fields.items()}, "cursor": "100"}).text
    assert "这一页 20 条，到此为止" in words(last)
    assert "回到最新" in words(last)


def test_an_empty_search_says_why_and_offers_more_time(browser_of: BrowserOf, store: MemoryStore) -> None:
    browser = browser_of(OFFICER)
    narrowed = browser.get(TRAIL, params={"who": "somebody"}).text
    assert "没有一条同时符合" in words(narrowed)
    assert "看最近 30 天" in words(narrowed)
    assert "没有任何痕迹" in words(browser.get(TRAIL, params={"from": "2020-01-01", "to": "2020-01-02"}).text)
    assert "看全部时间" not in words(browser.get(TRAIL, params={"who": "somebody", "span": "all"}).text)
    store.looked_until = at("2026-11-22T08:00:00+08:00")
    stopped = browser.get(TRAIL, params={"who": "somebody"}).text
    assert "翻过的这一段里没有" in words(stopped)
    assert "2026年11月22日 08:00:00" in words(stopped)
    assert "接着往回翻" in words(stopped)


def test_one_event_says_everything_and_its_place_in_the_chain(browser_of: BrowserOf) -> None:
    page = browser_of(OFFICER).get(f"{TRAIL}/{WRITER}-1-3").text
    said = main(page)
    for each in ("nurse-1", "session-2", "r3", WRITER, "Condition/c1", "Patient/w-hospital", "doctor-treats", "TREAT"):
        assert each in said
    assert "您看不到" in said
    assert re.search(r"链 1 序号 3", said)
    assert {f"{TRAIL}/{WRITER}-1-2", f"{TRAIL}/{WRITER}-1-4"} <= set(re.findall(r'href="([^"]+)"', page))


def ways(page: str) -> dict[str, str]:
    """Where an event's ways on lead, by their words."""
    found = re.findall(r'<a class="btn line" href="([^"]+)">(.*?)</a>', page)
    return {words(label).strip(): html.unescape(address) for address, label in found}


def test_ways_on_from_an_event_find_what_they_say(browser_of: BrowserOf) -> None:
    browser = browser_of(OFFICER)
    refused = ways(browser.get(f"{TRAIL}/{WRITER}-1-2").text)
    assert numbers(browser.get(refused["这个账号当天的全部"]).text) == [1, 2]
    assert numbers(browser.get(refused["这次会话的全部"]).text) == [1, 2, 4]
    assert numbers(browser.get(refused["同样被拒绝的"]).text) == [2]
    assert "这个人的全部" not in refused
    done = ways(browser.get(f"{TRAIL}/{WRITER}-1-1").text)
    assert numbers(browser.get(done["这个人的全部"]).text) == [1, 3, 4, 4320]
    assert "同样被拒绝的" not in done


def test_an_event_from_before_the_chain_says_that_nothing_vouches_for_it(
    browser_of: BrowserOf, store: MemoryStore
) -> None:
    store.events.append(happened(9, id="before-17-9", lane=None, number=None))
    assert "没有凭证" in main(browser_of(OFFICER).get(f"{TRAIL}/before-17-9").text)


def test_a_case_for_review_opens_from_its_event_and_no_other_task_does(
    browser_of: BrowserOf, store: MemoryStore
) -> None:
    form = {"patient": "w-hospital", "kind": "unconscious", "reason": "昏迷送来急诊，要知道过敏史", "understood": "yes"}
    assert browser_of(DOCTOR).post("/trust/emergency", data=form).status_code == 200
    case = store.of("Task")[0]["id"]
    store.events.append(happened(9, records=(f"Task/{case}", "Task/other", "Condition/c1")))
    page = browser_of(OFFICER).get(f"{TRAIL}/{WRITER}-1-9").text
    assert re.findall(r'href="(/trust/reviews/[^"]+)"', page) == [f"/trust/reviews/{case}"]
    assert "/lifelong/records" not in page


def test_an_event_that_is_not_there_is_not_found(browser_of: BrowserOf) -> None:
    for name in ("nothing", f"{WRITER}-1-99"):
        assert browser_of(OFFICER).get(f"{TRAIL}/{name}").status_code == 404


def downloaded(page: Any) -> list[list[str]]:
    assert page.content.startswith("\ufeff".encode())
    return list(csv.reader(io.StringIO(page.content.decode("utf-8-sig"), newline=""), strict=True))


def test_a_download_holds_what_was_found_with_names_and_leaves_an_event(
    browser_of: BrowserOf, store: MemoryStore
) -> None:
    store.events[0] = happened(1, request="=cmd|' /C calc'!A0")
    page = browser_of(OFFICER).get(f"{TRAIL}.csv", params={"who": "p7", "span": "7"})
    assert page.headers["content-type"] == "text/csv; charset=utf-8"
    assert page.headers["content-disposition"].startswith("attachment")
    assert page.headers["cache-control"] == "no-store"
    head, *lines = downloaded(page)
    assert len(lines) == 3
    first = dict(zip(head, lines[0], strict=True))
    assert first["姓名"] == "周岚"
    assert first["时间（北京）"] == "2026-11-23T11:59:00.000000+08:00"
    assert first["请求编号"] == "'=cmd|' /C calc'!A0"
    assert [name for name, _ in store.asked] == ["audit_export"]
    assert last_asked(store).before == NOON


def test_a_download_stops_at_its_limit_and_says_so(browser_of: BrowserOf, store: MemoryStore) -> None:
    one = happened(1)
    store.events = [one] * (EXPORTED_MAX + 1)
    _, *lines = downloaded(browser_of(OFFICER).get(f"{TRAIL}.csv"))
    assert len(lines) == EXPORTED_MAX + 1
    assert lines[-1] == ["到 10000 条为止，更早的没有写进这个文件。请缩短时间再下载。"]


def test_a_download_that_looked_no_further_says_how_far(browser_of: BrowserOf, store: MemoryStore) -> None:
    store.looked_until = at("2026-11-22T08:00:00+08:00")
    *_, last = downloaded(browser_of(OFFICER).get(f"{TRAIL}.csv"))
    assert last == ["往回翻到 2026年11月22日 08:00:00 为止，更早的没有翻。请缩短时间再下载。"]


def test_the_search_is_the_officers_and_the_desks_alone(browser_of: BrowserOf, store: MemoryStore) -> None:
    addresses = (TRAIL, f"{TRAIL}.csv", f"{TRAIL}/{WRITER}-1-1")
    for caller in (WOMAN, DOCTOR, NURSE):
        for address in addresses:
            assert browser_of(caller, Purpose.OPERATIONS).get(address).status_code == 404
        assert browser_of(caller, Purpose.OPERATIONS).post(TRAIL, data={"person": HER_NUMBER}).status_code == 404
    assert browser_of(OFFICER, Purpose.TREATMENT).get(TRAIL).status_code == 404
    assert store.asked == []
    for address in addresses:
        assert browser_of(DESK).get(address).status_code == 200


@pytest.mark.parametrize("tag", ["zh-CN", "en"])
def test_every_page_of_the_search_speaks_both_languages(browser_of: BrowserOf, tag: str) -> None:
    browser = browser_of(OFFICER)
    for address in (f"{TRAIL}?span=7", f"{TRAIL}?who=nobody&from=x", f"{TRAIL}/{WRITER}-1-1"):
        page = browser.get(address, params={"lang": tag})
        assert page.status_code in {200, 422}
        assert re.findall(r"trail\.[a-z-]+|fault\.[a-z-]+|\{[a-z]+\}", main(page.text)) == []
