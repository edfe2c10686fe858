"""Trends, differences between versions, rows of a record, and how values are said."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import orjson
import pytest

from tests.apps.lifelong.made_up import LOINC, concept, measured, pressure
from tests.web.test_languages import FOLDERS
from tianfu.apps.lifelong.mapping.elements import concept_of, decoded, medicine_of, when_of
from tianfu.apps.lifelong.mapping.findings import finding_of
from tianfu.apps.lifelong.mapping.masking import masked, numbers_in
from tianfu.apps.lifelong.mapping.record_rows import rows_of
from tianfu.apps.lifelong.model.differences import changes_between
from tianfu.apps.lifelong.model.entries import Flag
from tianfu.apps.lifelong.model.phases import Pregnancy
from tianfu.apps.lifelong.model.rows import Hidden
from tianfu.apps.lifelong.model.trend import Life, Reading, Series, Trend, trend_of
from tianfu.apps.lifelong.model.when import Precision, When
from tianfu.apps.lifelong.queries.record import indented
from tianfu.apps.lifelong.speech import Speech
from tianfu.web.languages import load_languages

LANGUAGES = load_languages(FOLDERS)
CHINESE, ENGLISH = Speech(LANGUAGES["zh-CN"]), Speech(LANGUAGES["en"])

LIFE = Life(today=date(2026, 11, 23))


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
    trend = trend_of(readings(pressure("a", "2026-11-06", 128, 80), pressure("b", "2026-11-20", 134, 86)), LIFE)
    assert [series.name.text for series in trend.series] == ["收缩压", "舒张压"]
    assert [row.id for row in trend.rows] == ["b", "a"]


def test_values_in_another_unit_share_no_axis_and_are_counted() -> None:
    trend = trend_of(readings(*weights(130, 131, unit="斤"), *weights(64, 65, 66)), LIFE)
    assert [series.unit for series in trend.series] == ["kg"]
    assert (trend.left_out, trend.left_out_units) == (2, ("斤",))


@pytest.mark.parametrize(("values", "run"), [((1, 2, 3, 4), 3), ((9, 4, 3, 2), -3), ((1, 2, 2), 0), ((3, 1, 2), 1)])
def test_a_run_goes_on_until_the_last_turn(values: tuple[float, ...], run: int) -> None:
    assert trend_of(readings(*weights(*values)), LIFE).steady_run == run


def test_a_person_without_numbers_has_no_trend() -> None:
    assert trend_of([], LIFE).series == ()


def only(trend: Trend) -> Series:
    [series] = trend.series
    return series


def test_a_value_that_is_only_bounded_keeps_its_sign() -> None:
    bounded = measured("a", "2026-11-06", "1", "甲", 7.2, "mmol/L")
    bounded["valueQuantity"]["comparator"] = ">"
    assert CHINESE.point(only(trend_of(readings(bounded), LIFE)).last) == ">7.2"


@pytest.mark.parametrize(
    ("comparator", "value", "flag"),
    [
        ("", 7, None),
        (">", 7, Flag.HIGH),
        (">=", 7, None),
        ("<", 9, None),
        ("<", 3, Flag.LOW),
        ("<=", 3, None),
        (">", 1, None),
        ("<", 1, Flag.LOW),
    ],
)
def test_a_bounded_value_is_flagged_only_as_far_as_its_bound_proves(
    comparator: str, value: int, flag: Flag | None
) -> None:
    told = measured(
        "a", "2026-11-06", "1", "甲", value, "g", referenceRange=[{"low": {"value": 3}, "high": {"value": 7}}]
    )
    told["valueQuantity"]["comparator"] = comparator
    assert finding_of(told).flag is flag


def test_a_value_dated_in_the_future_is_never_the_last() -> None:
    ahead = measured("ahead", "2027-01-01", "29463-7", "体重", 99, "kg")
    trend = trend_of(readings(*weights(64, 65), ahead), LIFE)
    assert (only(trend).last.value, trend.ahead, trend.count) == (65, 1, 3)
    assert [point.is_ahead for row in trend.rows for point in row.points if point] == [True, False, False]
    assert trend_of(readings(ahead), LIFE).series == ()


def test_a_preliminary_value_says_so_and_one_taken_back_is_counted_but_not_drawn() -> None:
    states = ("final", "preliminary", "entered-in-error")
    told = [{**one, "status": status} for one, status in zip(weights(64, 65, 66), states, strict=True)]
    trend = trend_of(readings(*told), LIFE)
    assert [point.is_preliminary for point in only(trend).points] == [False, True]
    assert (trend.count, trend.withdrawn) == (3, 1)


@pytest.mark.parametrize(
    ("highs", "shared"), [((5.1, 5.1), 5.1), ((6.1, 5.1), None), ((None, 5.1), None), ((5.1, None), None)]
)
def test_a_range_is_drawn_only_if_every_value_has_it(highs: tuple[float | None, ...], shared: float | None) -> None:
    told = [
        {**one, **({"referenceRange": [{"high": {"value": high}}]} if high else {})}
        for one, high in zip(weights(4, 5), highs, strict=True)
    ]
    limits = only(trend_of(readings(*told), LIFE)).range
    assert (limits and limits.high) == (None if shared is None else Decimal(str(shared)))


def test_a_series_has_the_name_that_most_of_its_values_have() -> None:
    names = ("空腹血糖", "空腹血糖", "糖耐量空腹血糖")
    told = [{**one, "code": concept(name, "14771-0")} for one, name in zip(weights(4, 5, 6), names, strict=True)]
    trend = trend_of(readings(*told), LIFE)
    assert (trend.name.text, only(trend).name.text) == ("空腹血糖", "空腹血糖")


FIRST, SECOND = (
    Pregnancy(since=date(2023, 2, 1), until=date(2023, 10, 1)),
    Pregnancy(since=date(2024, 3, 1), until=None),
)


@pytest.mark.parametrize(
    ("code", "name", "days", "life", "stretches"),
    [
        ("11727-5", "胎儿估重", ("2023-05-01", "2023-08-01"), LIFE, 1),
        ("11727-5", "胎儿估重", ("2023-08-01", "2024-08-01"), LIFE, 2),
        ("", "胎心率", ("2023-08-01", "2024-08-01"), LIFE, 2),
        ("11881-0", "宫高", ("2023-09-01", "2024-05-01"), LIFE, 1),
        ("11881-0", "宫高", ("2023-09-01", "2024-05-01"), replace(LIFE, pregnancies=(FIRST, SECOND)), 2),
        ("11881-0", "宫高", ("2023-09-01", "2024-05-01"), replace(LIFE, first_days=(date(2024, 1, 5),)), 2),
        ("29463-7", "体重", ("2023-08-01", "2024-08-01"), replace(LIFE, pregnancies=(FIRST, SECOND)), 1),
    ],
)
def test_no_line_runs_from_one_pregnancy_to_the_next(
    code: str, name: str, days: tuple[str, str], life: Life, stretches: int
) -> None:
    told = [measured(day, day, code or "own", name, 1 + place, "g") for place, day in enumerate(days)]
    series = only(trend_of(readings(*told), life))
    assert len({point.stretch for point in series.points}) == stretches
    assert series.run == (0 if stretches == 2 else 1)


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


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("0.00045", "0.00045"),
        ("0.000012", "0.000012"),
        ("1.2E-7", "0.00000012"),
        ("0.000123456789012", "0.0001235"),
        ("-0.00045", "-0.00045"),
        ("0.00000", "0.00000"),
        ("98.60000", "98.60000"),
        ("1.50", "1.50"),
        ("1234567.891234567", "1\u202f234\u202f568"),
        ("12500", "12\u202f500"),
        ("1E+4", "10\u202f000"),
    ],
)
def test_a_number_keeps_the_digits_its_source_wrote_and_is_never_zero_unless_it_is(written: str, said: str) -> None:
    assert CHINESE.number(Decimal(written)) == said


@pytest.mark.parametrize(
    ("written", "chinese", "english"),
    [
        ("10*9/L", "10⁹/L", "10⁹/L"),
        ("10^12/L", "10¹²/L", "10¹²/L"),
        ("kg/m2", "kg/m²", "kg/m²"),
        ("mL/min/{1.73_m2}", "mL/min/1.73 m²", "mL/min/1.73 m²"),
        ("mm[Hg]", "mmHg", "mmHg"),
        ("cm[H2O]", "cmH2O", "cmH2O"),
        ("m[IU]/L", "mIU/L", "mIU/L"),
        ("umol/L", "μmol/L", "μmol/L"),
        ("Cel", "℃", "℃"),
        ("mmol/L", "mmol/L", "mmol/L"),
        ("次/分", "次/分", "/min"),
        ("/min", "次/分", "/min"),
        ("周", "周", "weeks"),
        ("{score}", "分", "points"),
        ("斤", "斤", "斤"),
    ],
)
def test_units_are_written_as_people_write_them(written: str, chinese: str, english: str) -> None:
    assert (CHINESE.unit_text(written), ENGLISH.unit_text(written)) == (chinese, english)


@pytest.mark.parametrize(
    ("name", "display", "english"),
    [
        ("琥珀酸亚铁片 0.1 g×20片", "ferrous succinate", "ferrous succinate 0.1 g×20 tablets"),
        ("甘精胰岛素注射液 3 mL:300单位", "insulin glargine", "insulin glargine 3 mL:300 units"),
        ("5%葡萄糖注射液 500 mL", "glucose", "glucose 5% 500 mL"),
        ("布洛芬", "ibuprofen", "ibuprofen"),
        ("盐酸二甲双胍片 0.5 g", "metformin 0.5 g", "metformin 0.5 g"),
    ],
)
def test_no_name_of_a_medicine_loses_its_strength(name: str, display: str, english: str) -> None:
    medicine = medicine_of(concept(name, "X", "urn:x", display))
    assert ENGLISH.concept(medicine).text == english
    assert CHINESE.concept(medicine).text == name


def test_a_bare_code_is_no_name() -> None:
    married = concept_of(concept("M", "M", "http://terminology.hl7.org/CodeSystem/v3-MaritalStatus", "M"))
    assert (CHINESE.concept(married).text, ENGLISH.concept(married).text) == ("已婚", "Married")


def test_a_date_that_answers_is_said_as_a_date() -> None:
    told = {"resourceType": "Observation", "id": "a", "code": concept("末次月经"), "valueDateTime": "2026-05-08"}
    assert CHINESE.value(finding_of(told)) == "2026年5月8日"


@pytest.mark.parametrize(
    ("name", "chinese", "english"),
    [
        ("valueQuantity", "结果", "Result"),
        ("effectiveDateTime", "测量时间", "Measured at"),
        ("medicationCodeableConcept", "药品", "Medication"),
        ("deceasedBoolean", "去世", "Deceased"),
        ("birthDate", "出生日期", "Birth date"),
    ],
)
def test_an_element_has_one_name_whatever_its_type(name: str, chinese: str, english: str) -> None:
    assert (CHINESE.element(name).text, ENGLISH.element(name).text) == (chinese, english)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ({"value": Decimal("5.40"), "unit": "mmol/L"}, "5.40 mmol/L"),
        ({"value": Decimal(9), "comparator": ">", "code": "10*9/L"}, ">9 10⁹/L"),
        ("2026-11-06", "2026年11月6日"),
        ("2026-11-06T09:40:00+08:00", "2026年11月6日 09:40"),
        ("2026-11", "2026年11月"),
        ("1993", "1993"),
        (Decimal("1500.0"), "1\u202f500.0"),
    ],
)
def test_a_changed_value_is_said_with_its_unit_and_its_date_as_a_date(value: Any, said: str) -> None:
    assert CHINESE.json_value(value) == said


def test_a_number_and_its_unit_change_together() -> None:
    before = {"valueQuantity": {"value": 5.4, "unit": "mmol/L"}}
    after = {"valueQuantity": {"value": 97, "unit": "mg/dL"}}
    [change] = changes_between(before, after)
    assert (change.path, change.after) == (("valueQuantity",), {"value": 97, "unit": "mg/dL"})


def test_a_telephone_is_named_in_the_readers_language() -> None:
    rows, _ = rows_of({"resourceType": "Patient", "id": "a", "telecom": [{"system": "phone", "value": "10012345678"}]})
    [number] = rows[0].values
    assert isinstance(number, Hidden)
    assert (CHINESE.code("telecom", number.code).text, number.tail) == ("电话", "5678")


def test_a_small_value_is_read_from_json_as_it_was_written() -> None:
    text = b'{"resourceType":"Observation","id":"a","valueQuantity":{"value":4.5e-5,"unit":"ng/mL"}}'
    assert CHINESE.value(finding_of(decoded(text))) == "0.000045"


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
