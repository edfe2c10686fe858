"""Trends, differences between versions, rows of a record, and how values are said."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import orjson
import pytest

from tests.apps.lifelong.made_up import LOINC, concept, measured, pressure
from tests.web.test_languages import FOLDERS
from tianfu.apps.lifelong.mapping.elements import concept_of, decoded, when_of
from tianfu.apps.lifelong.mapping.findings import finding_of
from tianfu.apps.lifelong.mapping.masking import masked, numbers_in
from tianfu.apps.lifelong.mapping.record_rows import rows_of
from tianfu.apps.lifelong.model.differences import changes_between
from tianfu.apps.lifelong.model.rows import Hidden
from tianfu.apps.lifelong.model.trend import Reading, trend_of
from tianfu.apps.lifelong.model.when import Precision, When
from tianfu.apps.lifelong.queries.record import indented
from tianfu.apps.lifelong.speech import Speech
from tianfu.web.languages import load_languages

LANGUAGES = load_languages(FOLDERS)
CHINESE, ENGLISH = Speech(LANGUAGES["zh-CN"]), Speech(LANGUAGES["en"])


def readings(*resources: dict[str, Any]) -> list[Reading]:
    made = []
    for resource in resources:
        when = when_of(resource)
        assert when is not None
        made.append(Reading(id=resource["id"], when=when, finding=finding_of(resource), patient="a"))
    return made


def weights(*values: float, unit: str = "kg") -> list[dict[str, Any]]:
    return [
        measured(f"w{place}{unit}", f"2026-10-{place + 1:02}", "29463-7", "体重", value, unit)
        for place, value in enumerate(values)
    ]


def test_blood_pressure_makes_two_series() -> None:
    trend = trend_of(readings(pressure("a", "2026-11-06", 128, 80), pressure("b", "2026-11-20", 134, 86)))
    assert [series.name.text for series in trend.series] == ["收缩压", "舒张压"]
    assert [row.id for row in trend.rows] == ["b", "a"]


def test_values_in_another_unit_share_no_axis_and_are_counted() -> None:
    trend = trend_of(readings(*weights(130, 131, unit="斤"), *weights(64, 65, 66)))
    assert [series.unit for series in trend.series] == ["kg"]
    assert (trend.left_out, trend.left_out_units) == (2, ("斤",))


@pytest.mark.parametrize(("values", "run"), [((1, 2, 3, 4), 3), ((9, 4, 3, 2), -3), ((1, 2, 2), 0), ((3, 1, 2), 1)])
def test_a_run_goes_on_until_the_last_turn(values: tuple[float, ...], run: int) -> None:
    assert trend_of(readings(*weights(*values))).steady_run == run


def test_a_person_without_numbers_has_no_trend() -> None:
    assert trend_of([]).series == ()


def test_every_changed_element_is_told_with_its_path() -> None:
    before = {"status": "final", "note": [{"text": "a"}], "meta": {"versionId": "1", "tag": [{"code": "x"}]}}
    after = {"status": "amended", "note": [{"text": "a"}, {"text": "b"}], "meta": {"versionId": "2"}, "id": "n"}
    told = [("/".join(change.path), change.before, change.after) for change in changes_between(before, after)]
    assert told == [
        ("status", "final", "amended"),
        ("note/2", None, {"text": "b"}),
        ("meta/tag", [{"code": "x"}], None),
        ("id", None, "n"),
    ]


def test_a_version_that_only_the_store_touched_has_no_changes() -> None:
    assert changes_between({"meta": {"versionId": "1"}}, {"meta": {"versionId": "2", "lastUpdated": "now"}}) == ()


def test_decimals_stay_as_they_were_written() -> None:
    text = b'{"resourceType":"Observation","id":"a","valueQuantity":{"value":1.50,"unit":"kg"}}'
    assert CHINESE.value(finding_of(decoded(text))) == "1.50"
    assert '"value": 1.50' in indented(decoded(text))


def test_digits_that_only_a_computer_makes_are_left_out_of_lists() -> None:
    assert CHINESE.number(Decimal("166.74588263642073")) == "166.7"
    assert CHINESE.number(Decimal("0.0125")) == "0.0125"


def test_a_blood_pressure_is_said_as_people_say_it() -> None:
    finding = finding_of(pressure("a", "2026-11-06", 128, 80))
    assert f"{CHINESE.value(finding)} {CHINESE.unit(finding)}" == "128/80 mmHg"


def test_a_value_above_its_range_carries_an_arrow() -> None:
    finding = finding_of(pressure("a", "2026-11-06", 150, 80))
    assert CHINESE.arrow(finding) == "↑"
    assert CHINESE.arrow(finding_of(pressure("a", "2026-11-06", 120, 80))) == ""


def test_names_are_said_in_the_readers_language_where_any_source_has_them() -> None:
    weight = concept_of(concept("体重", "29463-7", LOINC, "Body weight Measured"))
    assert CHINESE.concept(weight).text == "体重"
    assert ENGLISH.concept(weight).text == "Body weight"
    unknown = concept_of(concept("孕产期保健", "pregnancy", "urn:own"))
    assert (ENGLISH.concept(unknown).text, ENGLISH.concept(unknown).tag) == ("孕产期保健", "zh-CN")


@pytest.mark.parametrize(
    ("text", "precision", "said"),
    [
        ("1992", Precision.YEAR, "1992年"),
        ("1992-04", Precision.MONTH, "1992年4月"),
        ("1992-04-18", Precision.DAY, "1992年4月18日"),
        ("2026-11-06T01:30:00Z", Precision.TIME, "2026年11月6日 09:30"),
    ],
)
def test_a_date_is_said_as_exactly_as_it_is_known(text: str, precision: Precision, said: str) -> None:
    when = When.read(text)
    assert when.precision is precision
    assert CHINESE.when(when) == said


def test_the_margin_names_the_weekday_this_year_and_the_year_before_it() -> None:
    today = date(2026, 11, 23)
    assert CHINESE.margin(When.read("2026-11-20"), today) == ("11月20日", "星期五")
    assert CHINESE.margin(When.read("2021-11-20"), today) == ("2021年", "11月20日")
    assert CHINESE.margin(When.read("1992-04"), today) == ("1992年", "4月")


def test_every_element_of_a_record_has_a_row_and_numbers_show_their_tail_only() -> None:
    resource = {
        "resourceType": "Patient",
        "id": "a",
        "identifier": [{"system": "urn:oid:2.16.156.10011.1.3", "value": "510104199204180428"}],
        "telecom": [{"system": "phone", "value": "10012345678"}],
        "gender": "female",
        "birthDate": "1992-04-18",
        "contact": [{"name": {"text": "冉桂兰"}, "relationship": [{"text": "母亲"}]}],
    }
    rows, technical = rows_of(resource)
    assert [row.name for row in rows] == ["telecom", "gender", "birthDate", "contact"]
    [number] = technical[0].values
    assert isinstance(number, Hidden)
    assert number.tail == "0428"
    assert "510104" not in repr(rows) + repr(technical)


def test_numbers_of_a_person_are_masked_wherever_they_stand() -> None:
    number, telephone = "510104199204180428", "10012345678"
    resource = {
        "resourceType": "Patient",
        "id": number,
        "text": {"status": "generated", "div": f"<div>{number} {telephone}</div>"},
        "identifier": [{"system": "urn:x", "value": number}],
        "contact": [{"telecom": [{"system": "phone", "value": telephone}]}],
        "extension": [{"url": "urn:y", "valueIdentifier": {"value": "MZ-7001-22"}}],
        "contained": [{"resourceType": "Practitioner", "telecom": [{"value": "10087654321"}]}],
        "birthDate": "1992-04-18",
    }
    text = indented(masked(resource, numbers_in(resource)))
    assert '"value": "····0428"' in text
    assert "<div>····0428 ····5678</div>" in text
    assert '"birthDate": "1992-04-18"' in text
    for secret in ("MZ-7001", "1008765", telephone):
        assert secret not in text
    assert text.count(number) == 1


def test_a_narrative_of_the_sender_is_not_set_into_our_page() -> None:
    rows, technical = rows_of(
        {"resourceType": "Patient", "id": "a", "text": {"status": "generated", "div": "<div>x</div>"}}
    )
    assert "<div>" not in repr(rows) + repr(technical)


def test_rows_survive_whatever_a_valid_record_holds() -> None:
    resource = orjson.loads(
        b'{"resourceType":"Observation","id":"a","status":"final","code":{"text":"x"},"valueRatio":{"numerator":'
        b'{"value":1}},"extension":[{"url":"urn:x","valueString":"y"}],"contained":[{"resourceType":"Patient","id":"c",'
        b'"active":true}]}'
    )
    rows, technical = rows_of(resource)
    assert {row.name for row in rows} == {"status", "code", "value"}
    assert {row.name for row in technical} == {"extension", "contained"}
