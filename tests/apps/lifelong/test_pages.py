"""The pages of the life-long record, as a person meets them."""

from __future__ import annotations

import html
import re
from typing import Any
from urllib.parse import unquote

import pytest
from litestar.testing import TestClient

from tests.apps.lifelong.made_up import CENTRE, HER_NUMBER, HOSPITAL, OTHER, allergy, measured, patient, visit
from tests.apps.lifelong.memory_store import MemoryStore
from tianfu.access.purpose import Purpose

Browser = TestClient[Any]

LIFE = f"/lifelong/people/{HOSPITAL}"


def words(page: str) -> str:
    """What a reader sees of a page."""
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", page)))


def find(browser: Browser, who: str, **fields: str) -> Any:
    return browser.post("/lifelong/find", data={"who": who, **fields})


def titles(page: str) -> list[str]:
    return [words(title).strip() for title in re.findall(r'<a class="title"[^>]*>(.*?)</a>', page, re.DOTALL)]


def found_people(page: str) -> list[str]:
    return re.findall(r'class="who" href="/lifelong/people/([^"]+)"', page)


def ways_back(page: str) -> set[str]:
    """Where the first step of the path at the head of a page leads."""
    return {ordered(html.unescape(each)) for each in re.findall(r'<nav class="crumbs"[^>]*>\s*<a href="([^"]+)"', page)}


def ordered(address: str) -> str:
    """An address with the fields of its query in order."""
    path, _, query = address.partition("?")
    return f"{path}?{'&'.join(sorted(query.split('&')))}" if query else path


# Finding a person


@pytest.mark.parametrize(
    "who", ["温知夏", "温", "wenzhixia", "wen zhixia", "wzx", HER_NUMBER, HER_NUMBER[-4:], "1992-04-18"]
)
def test_a_person_is_found_by_name_pinyin_number_tail_or_birth_date(browser: Browser, who: str) -> None:
    page = find(browser, who).text
    assert f'href="{LIFE}"' in page or f'href="/lifelong/people/{CENTRE}"' in page


def test_records_of_two_libraries_with_one_number_are_one_person(browser: Browser) -> None:
    page = words(find(browser, "温知夏").text)
    assert "找到 2 人" in page
    assert "示例医院、示例卫生服务中心" in page


def test_a_found_person_is_told_apart_by_sex_age_birth_date_and_tail(browser: Browser) -> None:
    page = words(find(browser, HER_NUMBER).text)
    for said in ("女", "34岁", "1992年4月18日", HER_NUMBER[-4:]):
        assert said in page
    assert HER_NUMBER not in page.replace(f'value="{HER_NUMBER}"', "")


def test_nobody_found_says_what_to_try_next(browser: Browser) -> None:
    page = words(find(browser, "诸葛亮").text)
    assert "没有找到这样的人" in page
    assert "找到 0 人" not in page
    assert "换一个写法" in page


def test_too_many_say_how_many_and_how_to_narrow(browser: Browser, store: MemoryStore) -> None:
    for number in range(60):
        store.put(
            {"resourceType": "Patient", "id": f"p{number}", "name": [{"text": "李明"}], "birthDate": "1980-01-01"}
        )
    first = find(browser, "李明").text
    assert "找到 60 人" in words(first)
    assert "显示第 1–50 人，共 60 人" in words(first)
    [more] = re.findall(r'rel="next" href="([^"]+)"', first)
    second = browser.get(html.unescape(more)).text
    assert "显示第 51–60 人，共 60 人" in words(second)
    assert 'rel="prev"' in second
    assert 'rel="next"' not in second
    assert len(set(found_people(first)) | set(found_people(second))) == 60


def test_far_too_many_say_how_to_narrow(browser: Browser, store: MemoryStore) -> None:
    store.put(*({"resourceType": "Patient", "id": f"p{number}", "name": [{"text": "李明"}]} for number in range(201)))
    assert "有 201 份档案符合，只排了前 200 人" in words(find(browser, "李明").text)


def test_exact_names_come_first_then_everybody_by_sound(browser: Browser, store: MemoryStore) -> None:
    for number, name in enumerate(["李明珠", "李明阿", "李明"]):
        store.put({"resourceType": "Patient", "id": f"p{number}", "name": [{"text": name}]})
    page = find(browser, "李明").text
    assert found_people(page) == ["p2", "p1", "p0"]
    assert "姓名完全相同的在前" in page


def test_a_search_says_how_it_was_understood(browser: Browser) -> None:
    page = words(find(browser, "wen 1992").text)
    assert "查找的是： 姓名 wen、出生 1992年" in page
    assert "找到" in page


@pytest.mark.parametrize("language", ["zh-CN", "en"])
def test_a_change_of_language_after_a_mistake_keeps_the_form(browser: Browser, language: str) -> None:
    page = find(browser, "温知夏", year="0000")
    assert page.status_code == 422
    other = browser.get(str(page.url), params={"lang": language}).text
    said = {
        "zh-CN": ("<title>错误：找人", "错误：</span>年份写"),
        "en": ("<title>Error: Find", "Error: </span>Write a"),
    }
    assert all(each in other for each in said[language])
    assert 'value="温知夏"' in other
    assert ("Error" in other) is (language == "en")


def test_the_address_that_takes_forms_leads_to_the_form(browser: Browser) -> None:
    answer = browser.get("/lifelong/find?lang=en")
    assert answer.status_code == 200
    assert str(answer.url).endswith("/lifelong")


@pytest.mark.parametrize("who", ["温知夏", HER_NUMBER])
def test_nothing_that_was_typed_is_in_an_address(browser: Browser, who: str) -> None:
    answer = find(browser, who)
    visited = [unquote(str(each.url)) for each in (*answer.history, answer)]
    assert all(who not in address for address in visited)


def test_a_form_with_a_mistake_comes_back_with_what_was_typed(browser: Browser) -> None:
    answer = find(browser, "温知夏", year="1992", day="8")
    assert answer.status_code == 422
    assert 'value="温知夏"' in answer.text
    assert 'href="#month"' in answer.text
    assert "写了日，也要写月" in answer.text


def test_an_empty_form_asks_for_something(browser: Browser) -> None:
    assert "写下姓名、号码或出生日期" in find(browser, " ").text


def test_a_link_to_results_that_somebody_changed_is_not_found(browser: Browser) -> None:
    assert browser.get("/lifelong/found/AAAA").status_code == 404


# A life


def test_a_life_unites_the_libraries_and_keeps_strangers_out(browser: Browser) -> None:
    page = browser.get(LIFE).text
    assert "由 2 份档案合成" in page
    assert OTHER not in page
    assert {"产前检查（第5次）", "首次产前检查", "乙肝疫苗"} <= set(titles(page))


def test_the_banner_tells_who_it_is_and_what_is_dangerous(browser: Browser) -> None:
    banner = words(re.search(r'<section class="banner".*?</section>', browser.get(LIFE).text, re.DOTALL)[0])  # type: ignore[index]  # it is there
    for said in ("温知夏", "女", "34岁", "1992年4月18日", HER_NUMBER[-4:], "28周+3", "过敏：青霉素（休克）"):
        assert said in banner


def test_nothing_known_about_allergies_is_said(browser: Browser) -> None:
    assert "没有过敏记录" in words(browser.get(f"/lifelong/people/{OTHER}").text)


def test_undated_allergies_reach_the_banner_and_the_timeline(browser: Browser, store: MemoryStore) -> None:
    page = words(browser.get(LIFE).text)
    assert "过敏：青霉素（休克）" in page
    assert "没有日期的记录" in page


def test_too_many_alerts_are_said_aloud(browser: Browser, store: MemoryStore) -> None:
    store.put(*(allergy(f"a{number}", code={"text": f"物质{number}"}) for number in range(201)))
    assert "警示太多" in words(browser.get(LIFE).text)


def test_results_stand_in_their_report_with_arrow_and_range(browser: Browser) -> None:
    page = words(browser.get(LIFE).text)
    assert "葡萄糖耐量试验 检查检验结果互认 1 项异常" in page
    assert "空腹血糖 5.4 ↑ 偏高 mmol/L (≤5.1)" in page


def test_an_order_not_to_give_is_seen_in_the_timeline_and_in_its_record(browser: Browser, store: MemoryStore) -> None:
    store.put(
        {
            "resourceType": "MedicationRequest",
            "id": "never",
            "status": "active",
            "intent": "order",
            "doNotPerform": True,
            "medicationCodeableConcept": {"text": "阿司匹林肠溶片"},
            "subject": {"reference": f"Patient/{HOSPITAL}"},
            "authoredOn": "2026-11-20",
        }
    )
    page = browser.get(LIFE).text
    assert "阿司匹林肠溶片 不得使用" in words(page)
    assert "阿司匹林" not in words(page[page.index('aria-labelledby="problems"') :])
    assert "阿司匹林肠溶片 不得使用" in words(browser.get("/lifelong/records/MedicationRequest/never").text)


@pytest.mark.parametrize("density", ["clinician", "citizen"])
@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"deceasedDateTime": "2010-06-01"}, "年龄 18岁（去世时）"),
        ({"deceasedBoolean": True}, "去世 日期不详"),
        ({"deceasedDateTime": "1929-06-01"}, "去世日期早于出生日期，请核对"),
    ],
)
def test_a_life_that_ended_has_nothing_current_and_no_today(
    browser: Browser, store: MemoryStore, density: str, more: dict[str, Any], said: str
) -> None:
    browser.cookies.set("look", f"light.{density}.off")
    store.put({**patient("late", "late", "温知夏", number=None), **more})
    store.put(visit("v", "2009-01-01", "门诊", of="late"), visit("after", "2026-01-01", "尸检", of="late"))
    page = words(browser.get("/lifelong/people/late").text)
    assert said in page
    assert "生前的问题与用药" in page
    assert "当前问题" not in page
    assert "今天" not in page


def test_a_birth_ahead_is_noted_and_still_shows_the_life(browser: Browser, store: MemoryStore) -> None:
    store.put({**patient("ahead", "ahead", "温知夏", number=None), "birthDate": "2028-01-01"})
    page = browser.get("/lifelong/people/ahead")
    assert page.status_code == 200
    assert "出生日期在将来，请核对" in words(page.text)
    assert "年龄" not in words(page.text)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"link": [{"type": "replaced-by", "other": {"reference": "Patient/newer"}}]}, "已被另一份档案取代"),
        ({"active": False}, "已停用"),
    ],
)
def test_a_record_file_that_was_replaced_says_so_on_the_life_and_in_the_list(
    browser: Browser, store: MemoryStore, more: dict[str, Any], said: str
) -> None:
    store.put({**patient("older", "older", "温知夏", number=None), **more})
    page = browser.get("/lifelong/people/older").text
    assert f"older的这份档案{said}" in words(page)
    assert ('href="/lifelong/people/newer"' in page) == ("link" in more)
    assert said in words(find(browser, "温知夏").text)


def test_an_antenatal_appointment_ahead_lies_in_the_pregnancy(browser: Browser, store: MemoryStore) -> None:
    store.put(
        {
            "resourceType": "Appointment",
            "id": "ahead",
            "status": "booked",
            "serviceType": [{"text": "产前检查预约"}],
            "start": "2026-12-21T09:00:00+08:00",
            "participant": [{"actor": {"reference": f"Patient/{HOSPITAL}"}, "status": "accepted"}],
        }
    )
    page = browser.get(f"{LIFE}?phase=pregnancy").text
    assert any("产前检查预约" in title for title in titles(page))
    assert "2026年7月 – 预产期2027年2月" in words(page)


def cancer(verification: str) -> dict[str, Any]:
    return {
        "resourceType": "Condition",
        "id": "cancer",
        "clinicalStatus": {"coding": [{"code": "active"}]},
        "verificationStatus": {"coding": [{"code": verification}]},
        "code": {"text": "肺癌"},
        "subject": {"reference": f"Patient/{HOSPITAL}"},
        "recordedDate": "2026-11-21",
    }


@pytest.mark.parametrize(
    ("verification", "said"),
    [("provisional", "疑似"), ("refuted", "已排除"), ("entered-in-error", "已作废（录入有误）")],
)
def test_a_doubtful_diagnosis_says_so_wherever_it_is_shown(
    browser: Browser, store: MemoryStore, verification: str, said: str
) -> None:
    diagnosed = {
        **visit("diagnosed", "2026-11-21", "门诊"),
        "diagnosis": [{"condition": {"reference": "Condition/cancer", "display": "肺癌"}}],
    }
    store.put(cancer(verification), diagnosed)
    page = browser.get(LIFE).text
    timeline, problems = page.split('aria-labelledby="problems"')
    assert f"肺癌 {said}" in words(timeline)
    assert f"{said} ：肺癌" in words(timeline)
    assert (f"肺癌 {said}" in words(problems)) == (verification == "provisional")
    assert f"肺癌 {said}" in words(browser.get("/lifelong/records/Condition/cancer").text)
    assert f"肺癌 {said}" in words(browser.get("/lifelong/records/Encounter/diagnosed").text)


CRITICAL = {"interpretation": [{"coding": [{"code": "HH"}]}], "referenceRange": [{"high": {"value": 5.3}}]}
CRITICAL_TAG = r'<span class="tag critical"><svg [^>]*><use href="[^"]*#i-stop"/></svg>危急偏高</span>'


@pytest.mark.parametrize(
    "address",
    [
        f"{LIFE}?measure=http://loinc.org|2823-3",
        f"{LIFE}/trend?measure=http://loinc.org|2823-3",
        "/lifelong/records/Observation/potassium",
    ],
)
def test_a_critical_value_is_told_with_its_tag_everywhere(browser: Browser, store: MemoryStore, address: str) -> None:
    store.put(measured("potassium", "2026-11-21", "2823-3", "血钾", 7.2, "mmol/L", category="laboratory", **CRITICAL))
    page = browser.get(address).text
    assert re.search(CRITICAL_TAG, page)
    if "measure" in address:
        assert 'class="mark critical"' in page
        assert 'data-said="2026年11月21日 血钾 7.2 mmol/L 危急偏高"' in page
        assert "7.2 ↑↑" in words(page)


def test_a_value_taken_back_says_so_inside_its_visit(browser: Browser, store: MemoryStore) -> None:
    wrong = measured("weight-2", "2026-11-06", "29463-7", "体重", 642, "kg", encounter={"reference": "Encounter/check"})
    store.put({**wrong, "status": "entered-in-error"})
    assert "642 已作废（录入有误）" in words(browser.get(LIFE).text)


def test_a_life_before_birth_shows_the_mothers_visits_and_nothing_else_of_hers(browser: Browser) -> None:
    page = browser.get(LIFE).text
    assert "关联母亲 冉桂兰 的产前记录 · 1 条" in words(page)
    assert "<bdi>冉桂兰</bdi>" in page
    assert "产前检查（第3次） 母亲" in words(page)
    assert "胃痛" not in page


@pytest.mark.parametrize("query", ["chosen=1&kind=result", f"source={HOSPITAL}", "phase=before-birth&kind=medicine"])
def test_a_filter_leaves_out_the_mothers_records_too_and_says_so(browser: Browser, query: str) -> None:
    query += f"&source={HOSPITAL}&source={CENTRE}" if query.startswith("chosen") else ""
    page = browser.get(f"{LIFE}?{query}").text
    assert "产前检查（第3次）" not in titles(page)
    assert "母亲有 1 条产前记录，现在的筛选没有选到" in page


def test_the_mothers_records_of_a_chosen_library_stay(browser: Browser) -> None:
    assert "产前检查（第3次）" in titles(browser.get(f"{LIFE}?source={CENTRE}").text)


def test_the_counts_of_phases_are_those_of_what_is_shown(browser: Browser) -> None:
    whole, filtered = (words(browser.get(f"{LIFE}{query}").text) for query in ("", "?kind=immunisation"))
    assert "孕产期 2026年7月 – 预产期2027年2月 · 34岁 · 11 条" in whole
    assert re.search(r"婴幼儿 1992年 – 1999年 · 0–6岁 · 1 条", filtered)
    assert "孕产期 2026年" not in filtered


def test_a_phase_that_goes_on_on_the_next_page_says_so(browser: Browser, store: MemoryStore) -> None:
    store.put(*(visit(f"v{n}", f"2015-{n % 12 + 1:02}-{n % 28 + 1:02}", f"门诊{n}") for n in range(150)))
    assert re.search(r"青年 .{,30}· 这里 \d+ 条，共 150 条", words(browser.get(LIFE).text))


def test_without_a_mother_the_page_says_why_it_is_empty(browser: Browser) -> None:
    assert "没有关联到母亲的产前记录" in browser.get(f"/lifelong/people/{OTHER}").text


def test_bills_are_counted_but_not_shown_at_first(browser: Browser) -> None:
    page = browser.get(LIFE).text
    assert "费用及其他" in page
    assert "费用申报" not in titles(page)
    assert "显示 13 / 15" in words(page)


def test_a_filter_shows_only_what_was_chosen(browser: Browser) -> None:
    page = browser.get(f"{LIFE}?chosen=1&kind=immunisation&source={CENTRE}").text
    assert titles(page)[0] == "乙肝疫苗"
    assert "显示 1 / 15" in words(page)
    assert 'value="immunisation" checked' in page
    assert 'value="result" checked' not in page


def test_a_library_that_was_unticked_is_left_out(browser: Browser) -> None:
    page = browser.get(f"{LIFE}?chosen=1&kind=encounter&source={HOSPITAL}").text
    assert "产前检查（第5次）" in titles(page)
    assert "首次产前检查" not in titles(page)


def test_a_record_file_without_records_is_listed_with_none(browser: Browser, store: MemoryStore) -> None:
    store.put(patient("empty-patient", "empty", "温知夏", number=HER_NUMBER))
    answer = browser.get(LIFE)
    assert answer.status_code == 200
    assert "empty 0" in words(answer.text)


def test_a_phase_shows_only_its_years(browser: Browser) -> None:
    page = browser.get(f"{LIFE}?phase=infancy").text
    assert titles(page) == ["乙肝疫苗"]
    assert "看整个一生" in page


def test_nothing_left_by_a_filter_leads_back_to_everything(browser: Browser) -> None:
    assert "没有符合的记录" in browser.get(f"{LIFE}?phase=school").text


def test_a_long_life_is_paged_by_whole_days_without_losing_a_record(browser: Browser, store: MemoryStore) -> None:
    store.put(*(visit(f"v{n}", f"20{10 + n // 100}-{n % 12 + 1:02}-{n % 7 + 1:02}", f"门诊{n}") for n in range(300)))
    seen: list[str] = []
    address: str | None = f"{LIFE}?chosen=1&kind=encounter&source={HOSPITAL}"
    while address:
        page = browser.get(address).text
        seen += titles(page)
        more = re.search(r'href="([^"]+)" rel="next"', page)
        address = html.unescape(more[1]) if more else None
    assert len([title for title in seen if re.match(r"门诊\d+$", title)]) == 300
    assert len(seen) == len(set(seen))


def test_undated_records_come_on_the_last_page(browser: Browser, store: MemoryStore) -> None:
    store.put(*(visit(f"v{n}", f"2020-{n % 12 + 1:02}-{n % 28 + 1:02}", f"门诊{n}") for n in range(150)))
    first = browser.get(LIFE).text
    assert "日期不详" not in first
    more = re.search(r'href="([^"]+)" rel="next"', first)
    assert more is not None
    assert "日期不详" in browser.get(html.unescape(more[1])).text


def test_a_day_with_more_records_than_a_page_is_shown_whole(browser: Browser, store: MemoryStore) -> None:
    store.put(*(visit(f"v{n}", "2026-11-22", f"门诊{n}") for n in range(200)))
    page = browser.get(LIFE).text
    assert len([title for title in titles(page) if re.match(r"门诊\d+$", title)]) == 200


def test_a_person_without_a_birth_date_has_a_life_without_phases(browser: Browser, store: MemoryStore) -> None:
    store.put({"resourceType": "Patient", "id": "unborn", "name": [{"text": "佚名"}]})
    store.put(visit("v", "2020-01-01", "急诊", of="unborn"))
    page = browser.get("/lifelong/people/unborn")
    assert page.status_code == 200
    assert "不分阶段" in page.text
    assert titles(page.text) == ["急诊"]


def test_a_person_without_records_is_told_kindly(browser: Browser) -> None:
    assert "这个人没有您可以看的记录" in browser.get(f"/lifelong/people/{OTHER}").text


@pytest.mark.parametrize(
    "path", ["/lifelong/people/nobody", "/lifelong/records/Observation/none", "/lifelong/records/Nonsense/x"]
)
def test_what_does_not_exist_is_not_found(browser: Browser, path: str) -> None:
    assert browser.get(path).status_code == 404


# The way back


def test_the_way_back_leads_to_the_same_filter_page_and_phase(browser: Browser) -> None:
    query = f"chosen=1&kind=encounter&source={HOSPITAL}&source={CENTRE}&before=2026-11-21"
    for address in re.findall(r'href="(/lifelong/records/[^"]+)"', browser.get(f"{LIFE}?{query}").text):
        page = browser.get(address).text
        steps = [address, *re.findall(r'href="(/lifelong/records/[^"]+/(?:history|versions/1)[^"]*)"', page)]
        for step in steps:
            assert ways_back(browser.get(step).text) <= {ordered(f"{LIFE}?{query}"), "/lifelong/people/mother"}


def test_the_way_back_from_another_librarys_record_leads_to_the_page_one_came_from(browser: Browser) -> None:
    page = browser.get(f"/lifelong/records/Immunization/dose?from={HOSPITAL}%3Fphase%3Dinfancy").text
    assert ways_back(page) == {f"{LIFE}?phase=infancy"}


def test_the_way_back_from_a_trend_keeps_the_page_too(browser: Browser) -> None:
    page = browser.get(f"{LIFE}?kind=check").text
    [large] = re.findall(r'href="([^"]+/trend[^"]+)"', page)
    trend = browser.get(html.unescape(large)).text
    assert ways_back(trend) == {f"{LIFE}?kind=check"}
    assert f'name="from" value="{HOSPITAL}?kind=check"' in trend


@pytest.mark.parametrize(
    "said",
    [
        "//elsewhere.example",
        "https://elsewhere.example",
        "mother?kind=result",
        f"{HOSPITAL}/../../preferences",
        f"{CENTRE}?back=//elsewhere.example",
        "",
    ],
)
def test_a_way_back_that_somebody_made_up_leads_to_the_life(browser: Browser, said: str) -> None:
    page = browser.get("/lifelong/records/Immunization/dose", params={"from": said}).text
    assert ways_back(page) == {f"/lifelong/people/{CENTRE}"}


# What is small and still matters


def test_no_dot_hangs_where_a_source_is_missing(browser: Browser, store: MemoryStore) -> None:
    store.put({"resourceType": "Patient", "id": "bare", "name": [{"text": "佚名"}], "birthDate": "1990-01-01"})
    store.put(measured("lonely", "2026-11-06", "29463-7", "体重", 60, "kg", of="bare"))
    assert re.search(r"· *</p>", browser.get("/lifelong/people/bare").text) is None


def test_one_record_file_is_said_in_the_singular(browser: Browser) -> None:
    page = words(browser.get(f"/lifelong/people/{OTHER}", params={"lang": "en"}).text)
    assert "0 records from 1 record file ·" in page


def test_a_citizen_sees_really_everything_and_can_leave_out_a_source(browser: Browser) -> None:
    browser.cookies.set("look", "light.citizen.off")
    first = browser.get(f"{LIFE}?phase=pregnancy").text
    assert re.search(r'aria-current="true">主要', first)
    [everything] = re.findall(r'<a class="chip" href="([^"]+)">全部', first)
    page = browser.get(html.unescape(everything)).text
    assert re.search(r'aria-current="true">全部', page)
    assert "phase=pregnancy" in everything
    assert "显示 15 / 15" in words(browser.get(html.unescape(everything).replace("phase=pregnancy&", "")).text)
    assert f'name="source" value="{CENTRE}" checked' in page
    one = browser.get(f"{LIFE}?chosen=1&kind=encounter&source={HOSPITAL}").text
    assert '<details class="nhsuk-details" open>' in one
    assert "首次产前检查" not in titles(one)


# Charts


def test_a_chart_says_in_one_sentence_what_it_draws(browser: Browser) -> None:
    page = browser.get(LIFE).text
    label = re.search(r'<svg class="chart"[^>]*aria-label="([^"]+)"', page)
    assert label is not None
    assert "血压最近一次 134/86 mmHg（2026年11月20日）" in label[1]
    assert "收缩压共 3 次，最低 112，最高 134" in label[1]


def test_every_charted_value_is_also_in_a_table_with_its_record(browser: Browser) -> None:
    page = browser.get(f"{LIFE}/trend?measure=http://loinc.org|85354-9").text
    for identity in ("pressure-1", "pressure-2", "pressure-3"):
        assert f'href="/lifelong/records/Observation/{identity}?' in page
    assert "看成表格" in browser.get(LIFE).text


def test_another_measure_can_be_chosen(browser: Browser) -> None:
    page = browser.get(f"{LIFE}?measure=http://loinc.org|29463-7").text
    assert "体重最近一次 64.2 kg" in words(page)


def test_a_trend_of_one_phase_says_that_it_covers_only_that(browser: Browser) -> None:
    page = words(browser.get(f"{LIFE}?phase=pregnancy").text)
    assert "血压在本阶段（孕产期 34岁）最近一次 134/86 mmHg" in page
    assert "只看孕产期 34岁" in page
    english = words(browser.get(f"{LIFE}?phase=pregnancy&lang=en").text)
    assert "last in this phase (Pregnancy 34) 134/86 mmHg" in english


def test_the_count_in_the_menu_is_the_count_in_the_text(browser: Browser, store: MemoryStore) -> None:
    store.put(
        measured("weight-2", "2026-10-01", "29463-7", "体重", 63, "kg"),
        measured("weight-3", "2026-10-02", "29463-7", "体重", 126, "斤"),
        {**measured("weight-4", "2026-10-03", "29463-7", "体重", 640, "kg"), "status": "entered-in-error"},
        measured("weight-5", "2027-10-03", "29463-7", "体重", 70, "kg"),
    )
    page = words(browser.get(f"{LIFE}?measure=http://loinc.org|29463-7").text)
    assert "体重 (5)" in page
    assert "体重共 5 次，画出 2 次，最低 63，最高 64.2" in page
    assert "体重最近一次 64.2 kg" in page
    for said in ("另有 1 个数值的单位不同", "另有 1 个数值已作废", "有 1 个数值的日期在将来", "70 日期在将来"):
        assert said in page


def test_a_value_that_stands_alone_tells_its_year(browser: Browser) -> None:
    page = browser.get(f"{LIFE}/trend?measure=http://loinc.org|29463-7").text
    assert ">2026年11月6日</text>" in page


def test_a_value_taken_back_is_not_drawn(browser: Browser, store: MemoryStore) -> None:
    wrong = measured("weight-2", "2026-11-21", "29463-7", "体重", 642, "kg")
    store.put({**wrong, "status": "entered-in-error"})
    assert "642" not in words(browser.get(f"{LIFE}/trend?measure=http://loinc.org|29463-7").text)


# Records and their history


def test_every_entry_and_finding_opens_its_record(browser: Browser) -> None:
    page = browser.get(LIFE).text
    addresses = set(re.findall(r'href="(/lifelong/records/[^"]+)"', page))
    assert len(addresses) > 10
    assert {address for address in addresses if browser.get(address).status_code != 200} == set()


def test_a_record_reads_as_labelled_rows_and_names_what_it_points_to(browser: Browser) -> None:
    page = words(browser.get("/lifelong/records/DiagnosticReport/tolerance").text)
    for said in ("状态 最终", "类别 检验", "病人 温知夏", "空腹血糖 5.4 ↑ 偏高 mmol/L (≤5.1)"):
        assert said in page


def test_a_record_shows_its_raw_data_last(browser: Browser) -> None:
    page = browser.get("/lifelong/records/Observation/weight").text
    assert "&#34;resourceType&#34;: &#34;Observation&#34;" in page


def test_no_page_of_a_patient_record_holds_a_whole_number(browser: Browser, store: MemoryStore) -> None:
    older = patient(OTHER, "other", "温知夏", number=HER_NUMBER)
    store.put({**older, "telecom": [{"system": "phone", "value": "10012345678"}]}, older)
    for page in ("", "/history", "/versions/2"):
        held = browser.get(f"/lifelong/records/Patient/{OTHER}{page}").text
        assert HER_NUMBER not in held
        assert "10012345678" not in held
    assert "····5678" in held
    assert "只显示最后四位" in held


def test_markup_in_a_record_stays_text(browser: Browser, store: MemoryStore) -> None:
    store.put(visit("v", "2026-11-21", "<script>alert(1)</script>"))
    for address in (LIFE, "/lifelong/records/Encounter/v"):
        assert "<script>alert" not in browser.get(address).text


def test_a_history_tells_what_changed_from_version_to_version(browser: Browser, store: MemoryStore) -> None:
    store.put(allergy("allergy", criticality="low"))
    store.delete("AllergyIntolerance", "allergy")
    page = words(browser.get("/lifelong/records/AllergyIntolerance/allergy/history").text)
    assert "第 3 版 删除" in page
    assert "严重程度 高 低" in page
    assert "第 1 版 新建" in page


def test_a_history_says_numbers_with_their_unit_and_dates_as_dates(browser: Browser, store: MemoryStore) -> None:
    store.put(measured("weight", "2026-11-07", "29463-7", "体重", 65.1, "kg"))
    page = browser.get("/lifelong/records/Observation/weight/history").text
    assert "结果 64.2 kg 65.1 kg" in words(page)
    assert "测量时间 2026年11月6日 09:40 2026年11月7日 09:40" in words(page)


def test_a_deleted_record_is_gone_but_its_versions_open(browser: Browser, store: MemoryStore) -> None:
    store.delete("AllergyIntolerance", "allergy")
    address = "/lifelong/records/AllergyIntolerance/allergy"
    gone = browser.get(address)
    assert gone.status_code == 410
    assert "以前的版本都还在" in gone.text
    old = browser.get(f"{address}/versions/1")
    assert old.status_code == 200
    assert "这是第 1 版，不是现在的样子" in words(old.text)


def test_a_deleted_record_leads_to_its_history(browser: Browser, store: MemoryStore) -> None:
    for resource_type, identity in (("AllergyIntolerance", "allergy"), ("Patient", OTHER)):
        store.delete(resource_type, identity)
        address = f"/lifelong/records/{resource_type}/{identity}"
        assert f'href="{address}/history"' in browser.get(address).text
        assert "第 2 版 删除" in words(browser.get(f"{address}/history").text)


def test_a_long_history_has_more_pages(browser: Browser, store: MemoryStore) -> None:
    for number in range(25):
        store.put(allergy("allergy", note=[{"text": str(number)}]))
    page = browser.get("/lifelong/records/AllergyIntolerance/allergy/history").text
    assert "与上一版的差别在下一页" in page
    more = re.search(r'href="([^"]+cursor=[^"]+)"', page)
    assert more is not None
    assert "第 1 版" in words(browser.get(html.unescape(more[1])).text)


# Languages and purposes

PAGES = [
    "/lifelong",
    LIFE,
    f"{LIFE}?phase=pregnancy",
    f"{LIFE}/trend",
    "/lifelong/records/Encounter/check",
    "/lifelong/records/Observation/pressure-2",
    "/lifelong/records/Patient/hospital-patient",
    "/lifelong/records/AllergyIntolerance/allergy/history",
    "/preferences",
    "/lifelong/people/nobody",
]


@pytest.mark.parametrize("density", ["clinician", "citizen"])
@pytest.mark.parametrize("path", PAGES)
def test_no_page_shows_a_raw_key_in_either_language(browser: Browser, path: str, density: str) -> None:
    browser.cookies.set("look", f"light.{density}.off")
    for tag in ("zh-CN", "en"):
        answer = browser.get(path, params={"lang": tag} if "?" not in path else None)
        assert answer.status_code in (200, 404)
        assert (
            re.findall(r"\b(?:[a-z]+-)*[a-z]+\.[a-z][a-z-]+\b(?!\.[a-z]{2,3}/)", words(answer.text).split("{")[0]) == []
        )


def test_english_pages_mark_chinese_words_as_chinese(browser: Browser) -> None:
    page = browser.get(LIFE, params={"lang": "en"}).text
    assert '<span lang="zh-CN">产前检查（第5次）</span>' in page
    assert "showing 13 of 15" in words(page)


def test_a_look_changes_nothing_about_why_somebody_reads(browser: Browser, store: MemoryStore) -> None:
    browser.get(LIFE)
    assert {purpose for _, purpose in store.asked} == {Purpose.TREATMENT}
    store.asked.clear()
    browser.cookies.set("look", "light.citizen.off")
    browser.get(LIFE)
    assert {purpose for _, purpose in store.asked} == {Purpose.TREATMENT}


def test_the_store_is_asked_a_fixed_number_of_times_however_long_a_life_is(
    browser: Browser, store: MemoryStore
) -> None:
    browser.get(LIFE)
    few = len(store.asked)
    store.asked.clear()
    store.put(*(visit(f"v{n}", f"2020-{n % 12 + 1:02}-{n % 28 + 1:02}", f"门诊{n}") for n in range(100)))
    browser.get(LIFE)
    assert len(store.asked) <= few
