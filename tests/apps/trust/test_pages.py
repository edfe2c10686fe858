"""The pages of trust, as a person, a guardian, a doctor and an officer meet them."""

from __future__ import annotations

import base64
import html
import re
from dataclasses import replace
from typing import Any

import pytest

from tests.apps.trust.conftest import BrowserOf, Clock
from tests.apps.trust.made_up import (
    DESK,
    DOCTOR,
    HER_NUMBER,
    NURSE,
    OFFICER,
    OTHER_DOCTOR,
    WOMAN,
    looked,
    patient,
    related,
)
from tests.apps.trust.memory_store import MemoryStore, minutes
from tests.web.conftest import NOON
from tianfu.access.caller import IMPORTER, Caller
from tianfu.access.emergency import emergency_relations
from tianfu.kernel.instants import Instant, to_fhir_instant

LEDGER = "/trust/people/w-hospital/ledger"
CONSENTS = "/trust/people/w-hospital/consents"
REASON = "昏迷送来急诊，家属联系不上，用药前要知道过敏史"


def words(page: str) -> str:
    """What a reader sees of a page."""
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", page)))


def main(page: str) -> str:
    """The words of the page's main part."""
    return words(page[page.index("<main") : page.index('<p class="printed')])


def lines(page: str) -> list[str]:
    """The lines of a ledger."""
    return [
        words(each)
        for each in re.findall(r'<li class="look".*?(?=<li class="look"|</ul>\s*</section>)', page, re.DOTALL)
    ]


# The ledger


def test_a_person_reads_who_looked_when_why_and_at_what(browser_of: BrowserOf) -> None:
    page = browser_of(WOMAN).get(LEDGER).text
    first = next(line for line in lines(page) if "09:31–09:42" in line)
    for said in ("周岚", "医生", "示例医院", "为了看病", "化验和测量 12 条", "过敏和警示 1 条", "基本信息 1 条"):
        assert said in first
    assert "2026年11月20日 星期五" in words(page)


def test_the_ledger_shows_no_code_and_no_number(browser_of: BrowserOf) -> None:
    for tag in ("zh-CN", "en"):
        said = main(browser_of(WOMAN).get(LEDGER, params={"sort": "all", "lang": tag}).text)
        for code in ("TREAT", "Observation", "w-hospital", "doctor-7", "p7", HER_NUMBER, "success", "citizen-1"):
            assert code not in said


def test_acts_of_one_look_stand_in_one_line(browser_of: BrowserOf) -> None:
    page = browser_of(WOMAN).get(LEDGER).text
    assert len(lines(page)) == 3
    assert "这一页有 3 次查看" in words(page)


def test_an_emergency_and_a_refusal_are_marked(browser_of: BrowserOf) -> None:
    said = lines(browser_of(WOMAN).get(LEDGER).text)
    assert any("紧急查看" in line and "为了急救" in line for line in said)
    assert any("没有允许" in line and "没有得到任何内容" in line for line in said)


@pytest.mark.parametrize(("sort", "count"), [("others", 3), ("emergency", 1), ("own", 1), ("all", 4), ("nonsense", 3)])
def test_a_person_chooses_which_looks_to_see(browser_of: BrowserOf, sort: str, count: int) -> None:
    assert len(lines(browser_of(WOMAN).get(LEDGER, params={"sort": sort}).text)) == count


def test_a_month_shows_its_looks_alone(browser_of: BrowserOf, store: MemoryStore) -> None:
    store.seen("w-centre", looked("old", "2026-09-30T23:59:00+08:00"), looked("edge", "2026-10-01T00:00:00+08:00"))
    browser = browser_of(WOMAN)
    assert len(lines(browser.get(LEDGER, params={"month": "2026-09"}).text)) == 1
    assert len(lines(browser.get(LEDGER, params={"month": "2026-10"}).text)) == 1
    assert "没有别人看过" in words(browser.get(LEDGER, params={"month": "2026-08"}).text)


def test_a_long_ledger_has_more_pages(browser_of: BrowserOf, store: MemoryStore) -> None:
    for day in range(1, 29):
        for hour in range(10):
            store.seen("w-hospital", looked(f"m{day}-{hour}", f"2026-05-{day:02}T{hour:02}:00:00+08:00"))
    browser = browser_of(WOMAN)
    more = re.search(r'href="([^"]+cursor=[^"]+)"', browser.get(LEDGER).text)
    assert more is not None
    page = browser.get(html.unescape(more[1])).text
    assert "2026年5月1日" in words(page)
    assert "回到最新" in words(page)


def test_nobody_else_reads_a_persons_ledger(browser_of: BrowserOf) -> None:
    stranger = replace(WOMAN, id="citizen-2", patients=("somebody",), related=())
    for caller in (stranger, DOCTOR, OFFICER, NURSE):
        assert browser_of(caller).get(LEDGER).status_code == 404


def test_a_person_is_led_to_his_own_ledger_and_consents(browser_of: BrowserOf) -> None:
    browser = browser_of(WOMAN)
    assert browser.get("/trust").url.path == LEDGER
    assert browser.get("/trust/consents").url.path == CONSENTS
    assert browser_of(OFFICER).get("/trust").url.path == "/trust/reviews"
    assert browser_of(DOCTOR).get("/trust").url.path == "/trust/emergency"


def test_the_desk_is_told_how_to_begin(browser_of: BrowserOf) -> None:
    assert "先找到这个人" in words(browser_of(DESK).get("/trust").text)


# Family


def test_a_mother_reads_her_childs_ledger(browser_of: BrowserOf, store: MemoryStore) -> None:
    store.seen("child", looked("k1", "2026-11-20T09:31:00+08:00"))
    page = browser_of(WOMAN).get("/trust/people/child/ledger").text
    assert "谁看过单小满的档案" in words(page)
    assert "您是监护人" in words(page)
    assert len(lines(page)) == 1


def test_an_ended_tie_opens_nothing(browser_of: BrowserOf, store: MemoryStore) -> None:
    store.put(related("mother-of", "child", "MTH", period={"end": "2026-11-01"}))
    assert browser_of(WOMAN).get("/trust/people/child/ledger").status_code == 404


def test_an_inactive_tie_opens_nothing(browser_of: BrowserOf, store: MemoryStore) -> None:
    store.put({**related("mother-of", "child", "MTH"), "active": False})
    assert browser_of(WOMAN).get("/trust/people/child/ledger").status_code == 404


def test_an_aunt_is_no_guardian(browser_of: BrowserOf, store: MemoryStore) -> None:
    store.put(related("mother-of", "child", "AUNT"))
    assert browser_of(WOMAN).get("/trust/people/child/ledger").status_code == 404


def test_a_grown_child_is_nobodys_ward(browser_of: BrowserOf, store: MemoryStore) -> None:
    store.put(patient("child", "单小满", born="2008-11-22", number=HER_NUMBER))
    assert browser_of(WOMAN).get("/trust/people/child/ledger").status_code == 404


OF_TWO = replace(WOMAN, related=(*WOMAN.related, "mother-of-other"))


def another_child_file(store: MemoryStore, **more: Any) -> None:
    """A second library's record of a child of the same name and birth date, without an identity number."""
    told = patient("child-2", "单小满", born="2019-05-06", number="")
    del told["identifier"]
    keeper = {"reference": "Organization/clinic", "display": "示例卫生院"}
    store.put({**told, "managingOrganization": keeper, **more}, related("mother-of-other", "child-2", "MTH"))


def pills(page: str) -> list[str]:
    return re.findall(r'<a class="member".*?</a>', page, re.DOTALL)


def test_two_files_of_one_name_without_a_proof_are_two_pills_told_apart(
    browser_of: BrowserOf, store: MemoryStore
) -> None:
    another_child_file(store)
    shown = [words(each) for each in pills(browser_of(OF_TWO).get("/trust/people/child/ledger").text)]
    of_child = [each for each in shown if "单小满" in each]
    assert len(of_child) == 2
    assert [("示例卫生院" in each) for each in of_child] == [False, True]
    assert of_child[0] != of_child[1]


def test_two_files_that_are_linked_are_one_pill(browser_of: BrowserOf, store: MemoryStore) -> None:
    another_child_file(store, link=[{"other": {"reference": "Patient/child"}, "type": "seealso"}])
    shown = [words(each) for each in pills(browser_of(OF_TWO).get("/trust/people/child/ledger").text)]
    assert len([each for each in shown if "单小满" in each]) == 1


# Objections


def object_to(browser: Any, event: str, reason: str) -> Any:
    page = browser.get(LEDGER).text
    address = next(
        html.unescape(each)
        for each in re.findall(r'href="([^"]+/objection\?[^"]+)"', page)
        if f"event={event}&" in html.unescape(each)
    )
    form = browser.get(address).text
    fields = dict(re.findall(r'<input type="hidden" name="(event|at)" value="([^"]*)"', form))
    return browser.post(LEDGER.replace("ledger", "objection"), data={**fields, "reason": reason})


def test_a_person_objects_and_sees_where_it_stands(browser_of: BrowserOf, store: MemoryStore) -> None:
    page = object_to(browser_of(WOMAN), "e1", "那天我没有去过这家医院").text
    assert "异议已提交" in words(page)
    line = next(line for line in lines(page) if "09:31–09:42" in line)
    assert "那天我没有去过这家医院" in line
    assert "我有异议" not in line
    [task] = store.of("Task")
    assert task["status"] == "requested"
    assert task["for"]["reference"] == "Patient/w-hospital"
    assert task["requester"]["reference"] == "Patient/w-hospital"
    assert {one["value"] for one in task["identifier"]} == {"e1", "e2"}
    assert task["meta"]["security"][0]["code"] == "R"


@pytest.mark.parametrize("reason", ["", "  \n ", "不行", "太长" * 600])
def test_an_objection_without_a_usable_reason_is_shown_again(
    browser_of: BrowserOf, store: MemoryStore, reason: str
) -> None:
    answer = object_to(browser_of(WOMAN), "e1", reason)
    assert answer.status_code == 422
    assert "请改一下再提交" in words(answer.text)
    assert store.of("Task") == []


def test_one_look_takes_one_objection(browser_of: BrowserOf, store: MemoryStore) -> None:
    browser = browser_of(WOMAN)
    sent = {"event": "e1", "at": str(looked("e1", "2026-11-20T09:31:00+08:00").at), "reason": "那天我没有去过这家医院"}
    assert browser.post("/trust/people/w-hospital/objection", data=sent).status_code == 200
    again = browser.post("/trust/people/w-hospital/objection", data=sent)
    assert "已经对这次查看提出过异议" in words(again.text)
    assert len(store.of("Task")) == 1


def test_a_look_with_many_events_behind_it_takes_an_objection(browser_of: BrowserOf, store: MemoryStore) -> None:
    own = [looked(f"many-{each}", "2026-11-20T12:00:00+08:00", caller="w") for each in range(450)]
    store.trail["w-hospital"] = [*store.trail["w-hospital"], *own]
    sent = {"event": "e1", "at": str(looked("e1", "2026-11-20T09:31:00+08:00").at), "reason": "那天我没有去过这家医院"}
    assert browser_of(WOMAN).post("/trust/people/w-hospital/objection", data=sent).status_code == 200
    assert len(store.of("Task")) == 1


def test_ones_own_look_takes_no_objection(browser_of: BrowserOf, store: MemoryStore) -> None:
    own = looked("e5", "2026-11-22T20:00:00+08:00")
    answer = browser_of(WOMAN).post(
        "/trust/people/w-hospital/objection", data={"event": "e5", "at": str(own.at), "reason": "我反对我自己"}
    )
    assert answer.status_code == 422
    assert store.of("Task") == []


def test_what_the_platform_did_by_itself_takes_no_objection_and_says_why(
    browser_of: BrowserOf, store: MemoryStore
) -> None:
    moment = "2026-11-22T21:00:00+08:00"
    nobody = {"role": "system", "practitioner": "", "organisation": "", "purpose": "HOPERAT"}
    by_itself = looked("e9", moment, caller=IMPORTER.id, **nobody)
    browser = browser_of(WOMAN)
    store.trail["w-hospital"] = [looked("e8", moment, caller="somebody", **nobody)]
    assert "objection?event=e8" in browser.get("/trust/people/w-hospital/ledger").text  # who acts in its name answers
    store.trail["w-hospital"] = [by_itself]
    page = browser.get("/trust/people/w-hospital/ledger").text
    assert "由平台自动处理，不需要提出异议" in words(page)
    assert "objection?event=" not in page
    objection = f"/trust/people/w-hospital/objection?event=e9&at={by_itself.at}"
    alone = browser.get(objection).text
    assert "不需要提出异议" in words(alone)
    assert "<textarea" not in alone
    sent = {"event": "e9", "at": str(by_itself.at), "reason": "我不想让平台看我的档案"}
    assert browser.post("/trust/people/w-hospital/objection", data=sent).status_code == 422
    assert store.of("Task") == []


@pytest.mark.parametrize("sent", [{"event": "e1", "at": "x"}, {"event": "nothing", "at": "1795406400000000"}, {}])
def test_an_objection_to_nothing_is_not_found(browser_of: BrowserOf, sent: dict[str, str]) -> None:
    answer = browser_of(WOMAN).post("/trust/people/w-hospital/objection", data={**sent, "reason": "那天我没有去过"})
    assert answer.status_code == 404


# Consents


def decide(browser: Any, key: str, decision: str, *, at: str = CONSENTS, **more: str) -> Any:
    version = re.search(r'name="text" value="([^"]*)"', browser.get(f"{at}/{key}").text)
    assert version is not None
    return browser.post(f"{at}/{key}", data={"decision": decision, "text": version[1], **more})


def test_nothing_is_decided_beforehand(browser_of: BrowserOf) -> None:
    page = browser_of(WOMAN).get(CONSENTS).text
    assert words(page).count("还没有决定") == 5
    assert " checked" not in browser_of(WOMAN).get(f"{CONSENTS}/research").text


def test_a_yes_is_one_write_with_the_text_that_was_read(browser_of: BrowserOf, store: MemoryStore) -> None:
    page = decide(browser_of(WOMAN), "treatment-sharing", "permit").text
    assert "已同意，马上生效" in words(page)
    assert store.written == [["Consent", "Consent"]]
    for consent in store.of("Consent"):
        assert consent["status"] == "active"
        assert consent["provision"]["type"] == "permit"
        assert [one["code"] for one in consent["provision"]["purpose"]] == ["TREAT"]
        assert consent["performer"] == [{"reference": f"Patient/{consent['patient']['reference'].split('/')[1]}"}]
        assert consent["verification"][0]["verified"] is True
        assert consent["policyRule"]["coding"][0] == {
            "system": "urn:tianfu:consent-text",
            "version": "1",
            "code": "treatment-sharing",
        }
        text = base64.b64decode(consent["sourceAttachment"]["data"]).decode()
        assert text.startswith("给我看病的其他医疗机构可以调阅我的档案")


def test_a_withdrawal_is_one_write_that_ends_it(browser_of: BrowserOf, store: MemoryStore) -> None:
    browser = browser_of(WOMAN)
    decide(browser, "treatment-sharing", "permit")
    page = browser.post(f"{CONSENTS}/treatment-sharing/withdrawal").text
    assert "已撤回，马上生效" in words(page)
    assert len(store.written) == 2
    for consent in store.of("Consent"):
        assert consent["status"] == "inactive"
        assert consent["provision"]["period"]["end"] == to_fhir_instant(NOON)


def test_what_is_not_there_cannot_be_withdrawn(browser_of: BrowserOf, store: MemoryStore) -> None:
    answer = browser_of(WOMAN).post(f"{CONSENTS}/treatment-sharing/withdrawal")
    assert answer.status_code == 422
    assert store.written == []


def test_a_decision_that_is_none_is_refused(browser_of: BrowserOf, store: MemoryStore) -> None:
    for decision in ("", "maybe"):
        assert decide(browser_of(WOMAN), "treatment-sharing", decision).status_code == 422
    assert store.of("Consent") == []


def test_words_that_have_changed_since_they_were_read_are_read_again(browser_of: BrowserOf, store: MemoryStore) -> None:
    answer = browser_of(WOMAN).post(f"{CONSENTS}/research", data={"decision": "deny", "text": "0"})
    assert "刚刚有了新版本" in words(answer.text)
    assert store.of("Consent") == []


def test_an_institution_must_be_named_where_the_text_asks_for_it(browser_of: BrowserOf, store: MemoryStore) -> None:
    answer = decide(browser_of(WOMAN), "special-hiv", "permit")
    assert answer.status_code == 422
    assert "选择一家机构" in words(answer.text)
    assert store.of("Consent") == []


def test_a_yes_for_an_institution_names_it_with_label_and_height(browser_of: BrowserOf, store: MemoryStore) -> None:
    browser = browser_of(WOMAN)
    page = decide(browser, "special-hiv", "permit", institution="house").text
    assert re.search("已同意的机构 ?： ?示例医院", words(page))
    provision = store.of("Consent")[0]["provision"]
    assert provision["actor"][0]["reference"] == {"reference": "Organization/house"}
    assert [one["code"] for one in provision["securityLabel"]] == ["HIV", "R"]


def test_two_institutions_stand_side_by_side_until_one_is_withdrawn(browser_of: BrowserOf, store: MemoryStore) -> None:
    browser = browser_of(WOMAN)
    decide(browser, "special-hiv", "permit", institution="house")
    decide(browser, "special-hiv", "permit", institution="centre")
    browser.post(f"{CONSENTS}/special-hiv/withdrawal", data={"institution": "house"})
    active = {
        one["provision"]["actor"][0]["reference"]["reference"]
        for one in store.of("Consent")
        if one["status"] == "active"
    }
    assert active == {"Organization/centre"}


def test_a_no_ends_every_yes_and_a_yes_every_no(browser_of: BrowserOf, store: MemoryStore) -> None:
    browser = browser_of(WOMAN)
    decide(browser, "special-hiv", "permit", institution="house")
    page = decide(browser, "special-hiv", "deny").text
    assert "不同意" in words(page)
    assert {one["provision"]["type"] for one in store.of("Consent") if one["status"] == "active"} == {"deny"}
    denied = next(one for one in store.of("Consent") if one["status"] == "active")
    assert [one["code"] for one in denied["provision"]["securityLabel"]] == ["HIV"]
    decide(browser, "special-hiv", "permit", institution="house")
    assert {one["provision"]["type"] for one in store.of("Consent") if one["status"] == "active"} == {"permit"}


def test_a_change_of_mind_is_a_new_version_and_its_history_is_told(
    browser_of: BrowserOf, store: MemoryStore, clock: Clock
) -> None:
    browser = browser_of(WOMAN)
    for number, decision in enumerate(("permit", "deny")):
        clock.now = Instant(NOON + minutes(number))
        decide(browser, "treatment-sharing", decision)
    clock.now = Instant(NOON + minutes(2))
    browser.post(f"{CONSENTS}/treatment-sharing/withdrawal")
    clock.now = Instant(NOON + minutes(3))
    said = words(browser.get(f"{CONSENTS}/treatment-sharing/history").text)
    assert [said.count(time) for time in ("12:00", "12:01", "12:02")] == [1, 1, 1]
    assert said.index("12:02") < said.index("12:01") < said.index("12:00")
    assert "当时看到的文字（第 1 版）" in said
    assert len({one["id"] for one in store.of("Consent")}) == 2


def test_a_guardian_decides_for_a_child_under_fourteen(browser_of: BrowserOf, store: MemoryStore) -> None:
    at = "/trust/people/child/consents"
    page = browser_of(WOMAN).get(f"{at}/research").text
    assert "为单小满同意" in words(page)
    decide(browser_of(WOMAN), "research", "deny", at=at)
    [consent] = store.of("Consent")
    assert consent["performer"] == [{"reference": "RelatedPerson/mother-of"}]
    assert consent["verification"][0]["verifiedWith"] == {"reference": "RelatedPerson/mother-of"}


def test_from_fourteen_on_the_child_decides(browser_of: BrowserOf, store: MemoryStore) -> None:
    store.put(patient("child", "单小满", born="2012-11-23", number=HER_NUMBER))
    browser = browser_of(WOMAN)
    at = "/trust/people/child/consents"
    assert "由单小满自己决定" in words(browser.get(at).text)
    answer = browser.post(f"{at}/research", data={"decision": "deny", "text": "1"})
    assert answer.status_code == 422
    assert store.of("Consent") == []
    child = Caller(id="citizen-3", role="citizen", patients=("child",))
    assert "已记下您不同意" in words(decide(browser_of(child), "research", "deny", at=at).text)


def test_a_child_under_fourteen_sees_but_does_not_decide(browser_of: BrowserOf, store: MemoryStore) -> None:
    child = Caller(id="citizen-3", role="citizen", patients=("child",))
    browser = browser_of(child)
    at = "/trust/people/child/consents"
    assert "由监护人替您决定" in words(browser.get(at).text)
    assert browser.post(f"{at}/research", data={"decision": "deny", "text": "1"}).status_code == 422
    assert browser.post(f"{at}/research/withdrawal").status_code == 422
    assert store.of("Consent") == []


def test_a_proxy_looks_but_does_not_decide(browser_of: BrowserOf, store: MemoryStore) -> None:
    store.put(
        patient("child", "柏若兰", born="1963-10-02", number=HER_NUMBER),
        related("mother-of", "child", "HPOWATT", period={"end": "2027-01-01"}),
    )
    browser = browser_of(WOMAN)
    assert "您受委托查看" in words(browser.get("/trust/people/child/ledger").text)
    assert (
        browser.post("/trust/people/child/consents/research", data={"decision": "deny", "text": "1"}).status_code == 422
    )
    assert store.of("Consent") == []


def test_what_a_desk_writes_down_is_not_confirmed(browser_of: BrowserOf, store: MemoryStore) -> None:
    page = decide(browser_of(DESK), "treatment-sharing", "deny").text
    assert "窗口代为登记" in words(page)
    assert {one["verification"][0]["verified"] for one in store.of("Consent")} == {False}


def test_an_offer_that_is_none_is_not_found(browser_of: BrowserOf) -> None:
    assert browser_of(WOMAN).get(f"{CONSENTS}/everything").status_code == 404


# Emergency access


def break_the_glass(browser: Any, **changes: str) -> Any:
    form = {"patient": "w-hospital", "kind": "unconscious", "reason": REASON, "understood": "yes", **changes}
    return browser.post("/trust/emergency", data=form)


def test_a_doctor_opens_a_life_for_half_an_hour(browser_of: BrowserOf, store: MemoryStore) -> None:
    answer = break_the_glass(browser_of(DOCTOR))
    assert "紧急查看进行中" in words(answer.text)
    assert "30:00" in words(answer.text)
    assert answer.headers["refresh"] == "1801"
    [task] = store.of("Task")
    assert task["owner"] == {"reference": "Practitioner/p7"}
    [relation] = emergency_relations(task)
    assert relation.until - relation.since == minutes(30)


def test_the_page_shows_what_treatment_needs_the_dangers_first(browser_of: BrowserOf) -> None:
    page = break_the_glass(browser_of(DOCTOR)).text
    said = words(page)
    for shown in ("温知夏", "青霉素", "过敏性休克", "妊娠期糖尿病", "10012345678"):
        assert shown in said
    assert said.index("青霉素") < said.index("妊娠期糖尿病")


def test_person_and_officer_are_told_in_the_same_transaction(browser_of: BrowserOf, store: MemoryStore) -> None:
    break_the_glass(browser_of(DOCTOR))
    assert store.written == [["Task", "Communication", "Communication"]]
    [task] = store.of("Task")
    notices = store.of("Communication")
    assert [one["recipient"][0].get("reference") for one in notices] == ["Patient/w-hospital", "Organization/house"]
    assert {one["about"][0]["reference"] for one in notices} == {f"Task/{task['id']}"}
    page = browser_of(WOMAN).get("/trust/people/w-hospital/notices").text
    for said in ("周岚", REASON, "等待复核", "12:00 起，到 12:30"):
        assert said in words(page)
    assert "周岚在" in words(browser_of(WOMAN).get(LEDGER).text)


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"reason": ""}, "理由至少写 10 个字"),
        ({"reason": "急"}, "理由至少写 10 个字"),
        ({"reason": " \n\t   "}, "理由至少写 10 个字"),
        ({"kind": ""}, "选择为什么现在就要看"),
        ({"kind": "curious"}, "选择为什么现在就要看"),
        ({"understood": ""}, "您知道本人会收到通知"),
        ({"patient": ""}, "写下病人的身份证号"),
        ({"patient": "", "number": HER_NUMBER[:-1] + ("1" if HER_NUMBER[-1] != "1" else "2")}, "身份证号不对"),
        ({"patient": "", "number": "温知夏"}, "身份证号不对"),
    ],
)
def test_without_a_whole_reason_the_glass_stays_whole(
    browser_of: BrowserOf, store: MemoryStore, changes: dict[str, str], fault: str
) -> None:
    answer = break_the_glass(browser_of(DOCTOR), **changes)
    assert answer.status_code == 422
    assert fault in words(answer.text)
    assert store.of("Task") == store.of("Communication") == []


def test_an_identity_number_opens_the_records_of_all_libraries(browser_of: BrowserOf, store: MemoryStore) -> None:
    break_the_glass(browser_of(DOCTOR), patient="", number=f" {HER_NUMBER[:6]} {HER_NUMBER[6:]} ")
    tasks = store.of("Task")
    assert {one["for"]["reference"] for one in tasks} == {"Patient/w-hospital", "Patient/w-centre"}
    assert len({one["groupIdentifier"]["value"] for one in tasks}) == 1
    assert len(store.written) == 1


@pytest.mark.parametrize("caller", [WOMAN, NURSE, OFFICER, replace(DOCTOR, id="no-practitioner", practitioner=None)])
def test_emergency_access_does_not_exist_for_anybody_else(
    browser_of: BrowserOf, store: MemoryStore, caller: Caller
) -> None:
    browser = browser_of(caller)
    assert browser.get("/trust/emergency").status_code == 404
    assert break_the_glass(browser).status_code == 404
    assert store.of("Task") == []


def test_an_expired_access_shows_nothing(browser_of: BrowserOf, store: MemoryStore, clock: Clock) -> None:
    browser = browser_of(DOCTOR)
    session = break_the_glass(browser).url.path
    clock.now = Instant(NOON + minutes(29))
    assert "青霉素" in browser.get(session).text
    clock.now = Instant(NOON + minutes(30))
    over = browser.get(session)
    assert "紧急查看已结束" in words(over.text)
    assert "青霉素" not in over.text
    assert "温知夏" not in over.text
    assert "refresh" not in over.headers


def test_a_doctor_ends_it_before_its_time(browser_of: BrowserOf, store: MemoryStore, clock: Clock) -> None:
    browser = browser_of(DOCTOR)
    session = break_the_glass(browser).url.path
    clock.now = Instant(NOON + minutes(5))
    assert "紧急查看已结束" in words(browser.post(f"{session}/end").text)
    [task] = store.of("Task")
    assert task["status"] == "completed"
    assert task["restriction"]["period"]["end"] == to_fhir_instant(clock.now)
    assert emergency_relations(task) == ()


def test_going_on_takes_a_new_reason(browser_of: BrowserOf, store: MemoryStore, clock: Clock) -> None:
    browser = browser_of(DOCTOR)
    session = break_the_glass(browser).url.path
    clock.now = Instant(NOON + minutes(31))
    assert 'href="/trust/emergency?patient=w-hospital"' in browser.get(session).text
    break_the_glass(browser, reason="")
    assert len(store.of("Task")) == 1
    break_the_glass(browser)
    assert len(store.of("Task")) == 2


def test_nobody_opens_a_colleagues_access(browser_of: BrowserOf) -> None:
    session = break_the_glass(browser_of(DOCTOR)).url.path
    other = browser_of(OTHER_DOCTOR)
    assert other.get(session).status_code == 404
    assert other.post(f"{session}/end").status_code == 404


# What a page that is not found offers


def test_a_doctor_who_finds_no_life_is_offered_emergency_access(browser_of: BrowserOf) -> None:
    for known in ("w-hospital", "nobody-at-all"):
        answer = browser_of(DOCTOR).get(f"/trust/people/{known}/ledger")
        assert answer.status_code == 404
        assert f'href="/trust/emergency?patient={known}"' in answer.text


@pytest.mark.parametrize("caller", [WOMAN, OFFICER, NURSE])
def test_nobody_else_is_offered_it(browser_of: BrowserOf, caller: Caller) -> None:
    answer = browser_of(caller).get("/trust/people/nobody-at-all/ledger")
    assert "/trust/emergency" not in answer.text


# Reviews


def reviewed(browser: Any, task: str, **changes: str) -> Any:
    version = re.search(r'name="version" value="(\d+)"', browser.get(f"/trust/reviews/{task}").text)
    form = {
        "verdict": "justified",
        "comment": "核对了急诊登记，时间相符",
        "answer": "医生当时在抢救您，看的是过敏史。",
        "version": version[1] if version else "1",
        **changes,
    }
    return browser.post(f"/trust/reviews/{task}", data=form)


def an_access(browser_of: BrowserOf, store: MemoryStore) -> str:
    """An emergency access that its doctor has ended."""
    doctor = browser_of(DOCTOR)
    doctor.post(f"{break_the_glass(doctor).url.path}/end")
    return str(store.of("Task")[0]["id"])


def test_an_officer_sees_what_was_looked_at(browser_of: BrowserOf, store: MemoryStore) -> None:
    task = an_access(browser_of, store)
    store.seen(
        "w-hospital",
        looked("x1", "2026-11-23T12:01:00+08:00", purpose="ETREAT", types=(("Condition", 4),)),
        looked("x2", "2026-11-23T12:02:00+08:00", caller="doctor-8", practitioner="p8", types=(("Condition", 9),)),
    )
    said = words(browser_of(OFFICER).get(f"/trust/reviews/{task}").text)
    assert "诊断 4 条" in said
    assert "诊断 9 条" not in said
    assert REASON in said


def test_a_review_is_a_new_version_with_officer_time_and_answer(browser_of: BrowserOf, store: MemoryStore) -> None:
    task = an_access(browser_of, store)
    page = reviewed(browser_of(OFFICER), task).text
    assert "已保存，本人会收到答复" in words(page)
    assert len(store.versions["Task", task]) == 3
    assert store.of("Task")[0]["businessStatus"]["coding"][0]["code"] == "justified"
    notices = words(browser_of(WOMAN).get("/trust/people/w-hospital/notices").text)
    assert "医生当时在抢救您，看的是过敏史。" in notices
    assert "核对了急诊登记" not in notices
    said = words(browser_of(OFFICER).get(f"/trust/reviews/{task}").text)
    assert "核对了急诊登记，时间相符" in said
    assert "12:00" in said


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"verdict": ""}, "选择这次查看有没有正当理由"),
        ({"verdict": "fine"}, "选择这次查看有没有正当理由"),
        ({"comment": " "}, "写下依据"),
        ({"answer": ""}, "写下给本人的答复"),
    ],
)
def test_a_review_says_what_why_and_answers(
    browser_of: BrowserOf, store: MemoryStore, changes: dict[str, str], fault: str
) -> None:
    task = an_access(browser_of, store)
    answer = reviewed(browser_of(OFFICER), task, **changes)
    assert answer.status_code == 422
    assert fault in words(answer.text)
    assert len(store.versions["Task", task]) == 2


def test_an_inquiry_keeps_the_task_in_the_queue(browser_of: BrowserOf, store: MemoryStore) -> None:
    task = an_access(browser_of, store)
    officer = browser_of(OFFICER)
    page = reviewed(officer, task, verdict="inquiry", answer="").text
    assert "需要调查" in words(page) or "要调查" in words(page)
    assert "没有等待复核的" not in words(page)
    assert reviewed(officer, task).status_code == 200
    assert len(store.versions["Task", task]) == 4


def test_what_was_not_justified_closes_at_once(browser_of: BrowserOf, store: MemoryStore, clock: Clock) -> None:
    session = break_the_glass(browser_of(DOCTOR)).url.path
    task = str(store.of("Task")[0]["id"])
    clock.now = Instant(NOON + minutes(3))
    reviewed(browser_of(OFFICER), task, verdict="not-justified", answer="我们认为这次查看没有理由。")
    assert emergency_relations(store.of("Task")[0]) == ()
    assert "青霉素" not in browser_of(DOCTOR).get(session).text


@pytest.mark.parametrize("verdict", ["justified", "inquiry"])
def test_what_still_runs_can_only_be_closed(browser_of: BrowserOf, store: MemoryStore, verdict: str) -> None:
    break_the_glass(browser_of(DOCTOR))
    answer = reviewed(browser_of(OFFICER), str(store.of("Task")[0]["id"]), verdict=verdict)
    assert answer.status_code == 422
    assert "查看还在进行" in words(answer.text)
    assert emergency_relations(store.of("Task")[0]) != ()


def test_what_was_settled_stays(browser_of: BrowserOf, store: MemoryStore) -> None:
    task = an_access(browser_of, store)
    officer = browser_of(OFFICER)
    reviewed(officer, task)
    again = reviewed(officer, task, verdict="not-justified", version="3")
    assert again.status_code == 422
    assert store.of("Task")[0]["businessStatus"]["coding"][0]["code"] == "justified"


def test_two_officers_at_once_do_not_overwrite_each_other(browser_of: BrowserOf, store: MemoryStore) -> None:
    task = an_access(browser_of, store)
    officer = browser_of(OFFICER)
    reviewed(officer, task, verdict="inquiry", answer="")
    stale = reviewed(officer, task, version="2")
    assert stale.status_code == 412
    assert len(store.versions["Task", task]) == 3


def test_nobody_reviews_his_own_access(browser_of: BrowserOf, store: MemoryStore) -> None:
    task = an_access(browser_of, store)
    himself = browser_of(Caller(id="officer-doctor", role="officer", practitioner="p7"))
    assert "自己的查看不能自己复核" in words(himself.get(f"/trust/reviews/{task}").text)
    assert reviewed(himself, task).status_code == 422
    assert len(store.versions["Task", task]) == 2


def test_what_was_opened_in_one_go_is_one_case_and_one_notice(browser_of: BrowserOf, store: MemoryStore) -> None:
    doctor = browser_of(DOCTOR)
    opened = break_the_glass(doctor, patient="", number=HER_NUMBER)
    doctor.post(f"{opened.url.path}/end")
    store.seen("w-centre", looked("z1", "2026-11-23T12:01:00+08:00", purpose="ETREAT", types=(("Procedure", 7),)))
    officer = browser_of(OFFICER)
    cases = set(re.findall(r'href="(/trust/reviews/[^"]+)"', officer.get("/trust/reviews").text))
    assert len(cases) == 1
    case = cases.pop().rpartition("/")[2]
    assert "手术和操作 7 条" in words(officer.get(f"/trust/reviews/{case}").text)
    reviewed(officer, case)
    assert {one["businessStatus"]["coding"][0]["code"] for one in store.of("Task")} == {"justified"}
    notices = words(browser_of(WOMAN).get("/trust/people/w-hospital/notices").text)
    assert notices.count("有人紧急查看了档案") == notices.count("监督员复核了紧急查看") == 1


def test_what_nobody_reviewed_for_a_day_raises_an_alert(
    browser_of: BrowserOf, store: MemoryStore, clock: Clock
) -> None:
    an_access(browser_of, store)
    officer = browser_of(OFFICER)
    clock.now = Instant(NOON + minutes(24 * 60))
    assert "没有超时的" in words(officer.get("/trust/reviews").text)
    clock.now = Instant(NOON + minutes(24 * 60) + 1)
    page = officer.get("/trust/reviews").text
    assert "1 件超过 24 小时没有复核" in words(page)
    assert "<title>(1) " in page
    assert 'class="late"' in page


def test_an_objection_is_answered_where_the_person_asked(browser_of: BrowserOf, store: MemoryStore) -> None:
    browser = browser_of(WOMAN)
    object_to(browser, "e1", "那天我没有去过这家医院")
    task = str(store.of("Task")[0]["id"])
    officer = browser_of(OFFICER)
    page = officer.get(f"/trust/reviews/{task}").text
    assert "那天我没有去过这家医院" in words(page)
    assert "化验和测量 12 条" in words(page)
    reviewed(officer, task, verdict="inquiry", answer="")
    assert 'class="now" aria-current="step"' in browser.get(LEDGER).text
    reviewed(officer, task, verdict="not-justified", answer="您说得对，这次查看没有理由，已经处理。")
    line = next(line for line in lines(browser.get(LEDGER).text) if "09:31–09:42" in line)
    assert "您说得对，这次查看没有理由，已经处理。" in line
    assert store.of("Task")[0]["status"] == "completed"


@pytest.mark.parametrize("caller", [WOMAN, DOCTOR, NURSE])
def test_the_desk_of_reviews_does_not_exist_for_others(
    browser_of: BrowserOf, store: MemoryStore, caller: Caller
) -> None:
    task = an_access(browser_of, store)
    browser = browser_of(caller)
    assert browser.get("/trust/reviews").status_code == 404
    assert browser.get(f"/trust/reviews/{task}").status_code == 404
    assert reviewed(browser, task).status_code == 404


# Languages and places


def test_no_page_shows_a_raw_key_in_either_language(browser_of: BrowserOf, store: MemoryStore) -> None:
    decide(browser_of(WOMAN), "research", "permit", institution="house")
    object_to(browser_of(WOMAN), "e1", "那天我没有去过这家医院")
    session = break_the_glass(browser_of(DOCTOR)).url.path
    tasks = [one["id"] for one in store.of("Task")]
    pages = {
        WOMAN: [
            LEDGER,
            CONSENTS,
            f"{CONSENTS}/research",
            f"{CONSENTS}/research/history",
            LEDGER.replace("ledger", "notices"),
        ],
        DOCTOR: ["/trust/emergency", session, "/trust/people/x/ledger"],
        OFFICER: ["/trust/reviews", *(f"/trust/reviews/{task}" for task in tasks)],
        DESK: ["/trust"],
    }
    for caller, paths in pages.items():
        for density in ("citizen", "clinician"):
            for tag in ("zh-CN", "en"):
                browser = browser_of(caller)
                browser.look = f"light.{density}.off"
                for path in paths:
                    answer = browser.get(path, params={"lang": tag})
                    assert answer.status_code in (200, 404), path
                    assert re.findall(r"\b[a-z]+(?:-[a-z]+)*\.[a-z][a-z-]+\b", words(answer.text)) == [], path


def test_everybody_has_the_places_of_his_role(browser_of: BrowserOf) -> None:
    def places(caller: Caller) -> set[str]:
        page = browser_of(caller).get("/trust/people/nobody/ledger").text
        rail = page[page.index('class="rail"') : page.index("</nav>", page.index('class="rail"'))]
        return set(re.findall(r'href="(/trust[^"]*)"', rail))

    assert places(WOMAN) == {"/trust", "/trust/consents"}
    assert places(DOCTOR) == {"/trust/emergency"}
    assert places(OFFICER) == {"/trust/reviews", "/trust/trail"}
    assert places(NURSE) == set()
