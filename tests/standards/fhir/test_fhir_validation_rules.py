"""Each rule of validation with resources that keep it and resources that break it."""

from __future__ import annotations

from copy import deepcopy
from datetime import date, timedelta
from threading import Thread
from typing import Any

import pytest
from made_resources import BAD, GOOD

from tianfu.standards.fhir.depth import JSON_DEPTH_MAX
from tianfu.standards.fhir.validation import formats, validate
from tianfu.standards.fhir.validation.quick import is_surely_valid
from tianfu.standards.fhir.validation.walk import FAULTS_MAX

PATIENT: dict[str, Any] = {
    "resourceType": "Patient",
    "id": "made-up",
    "name": [{"family": "王", "given": ["小", "明"]}, {"text": "王小明"}],
    "gender": "male",
    "birthDate": "1980-02-29",
    "deceasedBoolean": False,
    "generalPractitioner": [{"reference": "Practitioner/1"}],
}


def patient(**changes: Any) -> dict[str, Any]:
    """The made-up patient with other members; None takes one away."""
    value = deepcopy(PATIENT) | changes
    return {name: item for name, item in value.items() if item is not None}


def faults(value: object) -> list[tuple[str, str]]:
    found = [(fault.path, fault.code) for fault in validate(value)]
    assert not (found and is_surely_valid(value))
    return found


def primitive(type_: str, written: Any) -> dict[str, Any]:
    name = "value" + type_[0].upper() + type_[1:]
    return {"resourceType": "Basic", "code": {"text": "a"}, "extension": [{"url": "a", name: written}]}


def narrated(div: str) -> dict[str, Any]:
    return patient(text={"status": "generated", "div": div})


def xhtml(inner: str) -> str:
    return f'<div xmlns="http://www.w3.org/1999/xhtml">{inner}</div>'


def test_a_valid_resource_has_no_fault() -> None:
    assert faults(PATIENT) == []
    assert is_surely_valid(PATIENT)


@pytest.mark.parametrize(
    ("value", "path", "code"),
    [
        (patient(colour="red"), "Patient.colour", "element-unknown"),
        (patient(name=[{"given": ["a"], "colour": 1}]), "Patient.name[0].colour", "element-unknown"),
        (patient(**{"Wang Xiaoming": 1}), "Patient.(unnamed)", "element-unknown"),
        (patient(name=[{"resourceType": "HumanName", "text": "a"}]), "Patient.name[0].resourceType", "element-unknown"),
        (patient(valueString="a"), "Patient.valueString", "element-unknown"),
        (patient(name={"text": "a"}), "Patient.name", "array-expected"),
        (patient(gender=["male"]), "Patient.gender", "array-unexpected"),
        (patient(name=[]), "Patient.name", "array-empty"),
        (patient(name=[{"given": []}]), "Patient.name[0].given", "array-empty"),
        (patient(name=[{}]), "Patient.name[0]", "element-empty"),
        (patient(name=[{"id": "a"}]), "Patient.name[0]", "element-empty"),
        (patient(name=[{"family": ""}]), "Patient.name[0].family", "string-empty"),
        (patient(name=[None]), "Patient.name[0]", "null-unexpected"),
        (patient(name=["王小明"]), "Patient.name[0]", "type-wrong"),
        (patient(active="true"), "Patient.active", "type-wrong"),
        (patient(birthDate={"a": 1}), "Patient.birthDate", "type-wrong"),
        (patient(birthDate="2021-02-29"), "Patient.birthDate", "date-impossible"),
        (patient(birthDate="29.2.2020"), "Patient.birthDate", "format-wrong"),
        (patient(name=[{"given": ["a", "\x00"]}]), "Patient.name[0].given[1]", "control-character"),
        (patient(multipleBirthInteger=2**31), "Patient.multipleBirth", "number-out-of-range"),
        (patient(deceasedDateTime="2020"), "Patient.deceased", "choice-several"),
        (patient(deceasedString="a"), "Patient.deceasedString", "element-unknown"),
        (patient(gender="Male"), "Patient.gender", "code-not-in-value-set"),
        (
            patient(managingOrganization={"reference": "Patient/1"}),
            "Patient.managingOrganization.reference",
            "reference-target",
        ),
        (patient(link=[{"other": {"reference": "Patient/1"}}]), "Patient.link[0].type", "required-missing"),
        ({"resourceType": "Observation", "status": "final"}, "Observation.code", "required-missing"),
        (patient(extension=[{"valueString": "a"}]), "Patient.extension[0].url", "required-missing"),
        ({"resourceType": "Wizard"}, "Resource.resourceType", "resource-type-unknown"),
        ({"resourceType": "DomainResource"}, "Resource.resourceType", "resource-type-unknown"),
        ({"resourceType": ["Patient"]}, "Resource.resourceType", "resource-type-unknown"),
        ({"id": "a"}, "Resource.resourceType", "required-missing"),
        ([], "Resource", "type-wrong"),
        (None, "Resource", "type-wrong"),
        ({1: 2, "resourceType": "Patient"}, "Patient.(unnamed)", "element-unknown"),
        (patient(birthDate=date(2020, 1, 1)), "Patient.birthDate", "type-wrong"),
    ],
)
def test_a_broken_rule_is_one_fault_where_it_is_broken(value: Any, path: str, code: str) -> None:
    assert faults(value) == [(path, code)]


@pytest.mark.parametrize(("type_", "written"), [(t, v) for t in GOOD if t != "xhtml" for v in GOOD[t]])
def test_a_well_written_primitive_is_valid(type_: str, written: Any) -> None:
    assert faults(primitive(type_, written)) == []
    assert is_surely_valid(primitive(type_, written))


@pytest.mark.parametrize(("type_", "written"), [(t, v) for t in BAD if t != "xhtml" for v in BAD[t]])
def test_a_badly_written_primitive_is_not(type_: str, written: Any) -> None:
    assert [path for path, _ in faults(primitive(type_, written))] == ["Basic.extension[0].value"]


def test_every_real_day_is_a_date_and_no_other() -> None:
    check = formats.check_of("date")
    real = {(date(1896, 1, 1) + timedelta(days)).isoformat() for days in range(80_000)}
    for year in range(1897, 2110):
        for month in range(1, 13):
            for day in range(1, 33):
                text = f"{year:04}-{month:02}-{day:02}"
                assert (check(text) is None) == (text in real), text


def test_leap_days_are_those_of_the_calendar() -> None:
    check = formats.check_of("dateTime")
    for year in range(1, 10_000):
        is_leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
        assert (check(f"{year:04}-02-29T00:00:00Z") is None) == is_leap, year


def test_a_string_has_a_longest_length() -> None:
    longest = "a" * formats.STRING_LENGTH_MAX
    assert faults(patient(name=[{"text": longest}])) == []
    assert faults(patient(name=[{"text": longest + "a"}])) == [("Patient.name[0].text", "string-too-long")]


# --- primitives with parts


@pytest.mark.parametrize(
    "changes",
    [
        {"_birthDate": {"extension": [{"url": "a", "valueString": "b"}]}},
        {"_birthDate": {"id": "a"}},
        {"birthDate": None, "_birthDate": {"extension": [{"url": "a", "valueString": "b"}]}},
        {"name": [{"given": ["a", None], "_given": [None, {"extension": [{"url": "a", "valueString": "b"}]}]}]},
        {"name": [{"given": ["a", "b"], "_given": [{"id": "a"}]}]},
        {"name": [{"_given": [{"extension": [{"url": "a", "valueString": "b"}]}]}]},
        {"_deceasedBoolean": {"extension": [{"url": "a", "valueString": "b"}]}},
        {"deceasedBoolean": None, "_deceasedDateTime": {"extension": [{"url": "a", "valueString": "b"}]}},
    ],
)
def test_a_primitive_may_have_an_id_and_extensions(changes: dict[str, Any]) -> None:
    assert faults(patient(**changes)) == []


def test_an_extension_can_stand_for_a_required_primitive() -> None:
    value = {
        "resourceType": "Observation",
        "code": {"text": "a"},
        "_status": {"extension": [{"url": "a", "valueCode": "b"}]},
    }
    assert faults(value) == []
    value["_status"] = {"id": "a"}
    assert faults(value) == [("Observation.status", "element-empty")]


@pytest.mark.parametrize(
    ("changes", "path", "code"),
    [
        ({"_birthDate": {}}, "Patient.birthDate", "element-empty"),
        ({"_birthDate": "a"}, "Patient.birthDate", "type-wrong"),
        ({"_birthDate": None, "birthDate": "2020", "_gender": []}, "Patient.gender", "array-unexpected"),
        ({"_birthDate": {"value": "a"}}, "Patient.birthDate.value", "element-unknown"),
        ({"birthDate": None, "_birthDate": {"id": "a"}}, "Patient.birthDate", "element-empty"),
        ({"_name": [{"id": "a"}]}, "Patient._name", "element-unknown"),
        ({"name": [{"given": ["a", None]}]}, "Patient.name[0].given[1]", "null-unexpected"),
        ({"name": [{"given": [None], "_given": [None]}]}, "Patient.name[0].given[0]", "null-unexpected"),
        ({"name": [{"given": ["a"], "_given": {"id": "a"}}]}, "Patient.name[0].given", "array-expected"),
        ({"_deceasedDateTime": {"id": "a"}}, "Patient.deceased", "choice-several"),
    ],
)
def test_parts_of_primitives_have_rules(changes: dict[str, Any], path: str, code: str) -> None:
    assert (path, code) in faults(patient(**changes))


# --- codes


CLINICAL_STATUS = "http://terminology.hl7.org/CodeSystem/condition-clinical"


@pytest.mark.parametrize(
    ("status", "is_valid"),
    [
        ({"coding": [{"system": CLINICAL_STATUS, "code": "active"}]}, True),
        ({"coding": [{"code": "x"}, {"system": CLINICAL_STATUS, "code": "active"}]}, True),
        ({"extension": [{"url": "http://example.org/absent", "valueCode": "unknown"}]}, True),
        ({"coding": [{"system": "http://example.org", "code": "active"}]}, False),
        ({"coding": [{"code": "active"}]}, False),
        ({"text": "active"}, False),
    ],
)
def test_a_bound_concept_has_a_coding_of_the_value_set(status: dict[str, Any], *, is_valid: bool) -> None:
    value = {"resourceType": "Condition", "subject": {"reference": "Patient/1"}, "clinicalStatus": status}
    assert faults(value) == ([] if is_valid else [("Condition.clinicalStatus", "code-not-in-value-set")])


def test_a_code_that_the_specification_does_not_list_is_free() -> None:
    assert faults({"resourceType": "Binary", "contentType": "application/x-made-up"}) == []


# --- references


@pytest.mark.parametrize(
    "reference",
    [
        *("Patient/1", "Patient/1/_history/2", "Group/a", "Patient?identifier=a|b"),
        *("#contained", "#", "urn:uuid:1", "urn:oid:1.2"),
        *("http://example.org/fhir/Patient/1", "https://example.org/Group/1/_history/1", "http://example.org/anything"),
        *("http://example.org/Wizard/1", "ftp://example.org/a"),
    ],
)
def test_a_reference_may_point_to_an_allowed_type_or_one_that_cannot_be_seen(reference: str) -> None:
    assert faults(observed(subject={"reference": reference})) == []


@pytest.mark.parametrize(
    ("reference", "code"),
    [
        ("Practitioner/1", "reference-target"),
        ("http://example.org/fhir/Practitioner/1", "reference-target"),
        ("http://example.org/fhir/Practitioner/1/_history/1", "reference-target"),
        ("Practitioner?identifier=1", "reference-target"),
        ("Wizard/1", "reference-type-unknown"),
        ("Patient/1/2", "reference-format"),
        ("Patient", "reference-format"),
        ("Patient/" + "x" * 65, "reference-format"),
        ("patient 1", "reference-format"),
        ("Patient/a_b", "reference-format"),
    ],
)
def test_a_reference_elsewhere_is_faulted(reference: str, code: str) -> None:
    assert faults(observed(subject={"reference": reference}))[-1] == ("Observation.subject.reference", code)


@pytest.mark.parametrize(
    ("type_", "expected"),
    [
        ("Patient", []),
        ("http://hl7.org/fhir/StructureDefinition/Patient", []),
        ("Practitioner", [("Observation.subject.type", "reference-target")]),
        ("Wizard", [("Observation.subject.type", "reference-type-unknown")]),
    ],
)
def test_the_type_of_a_reference_is_checked_too(type_: str, expected: list[tuple[str, str]]) -> None:
    assert faults(observed(subject={"type": type_, "display": "a"})) == expected


def test_a_reference_to_any_type_needs_a_type_that_exists() -> None:
    assert faults(observed(focus=[{"reference": "Endpoint/1"}])) == []
    assert faults(observed(focus=[{"reference": "Wizard/1"}])) == [
        ("Observation.focus[0].reference", "reference-type-unknown")
    ]


def observed(**changes: Any) -> dict[str, Any]:
    return {"resourceType": "Observation", "status": "final", "code": {"text": "a"}, **changes}


# --- quantities, contained resources, extensions


def test_a_simple_quantity_has_no_comparator() -> None:
    assert faults(observed(valueQuantity={"value": 1, "comparator": "<"})) == []
    value = observed(referenceRange=[{"low": {"value": 1, "comparator": "<"}}])
    assert faults(value) == [("Observation.referenceRange[0].low.comparator", "element-unknown")]


def test_only_the_quantity_of_a_choice_is_simple() -> None:
    rate = {"rateRatio": {"numerator": {"value": 1}, "denominator": {"value": 2}}}
    base = {"resourceType": "MedicationAdministration", "status": "completed", "subject": {"reference": "Patient/1"}}
    value = {**base, "medicationCodeableConcept": {"text": "a"}, "dosage": rate, "effectiveDateTime": "2020"}
    assert faults(value) == []


BASIC = {"resourceType": "Basic", "id": "a", "code": {"text": "a"}}


def test_contained_resources_are_validated() -> None:
    inner = {"resourceType": "Practitioner", "id": "a", "name": [{"text": "李"}]}
    assert faults(patient(contained=[inner])) == []
    assert faults(patient(contained=[inner | {"name": "李"}])) == [("Patient.contained[0].name", "array-expected")]
    assert faults(patient(contained=[inner | {"resourceType": "Wizard"}])) == [
        ("Patient.contained[0].resourceType", "resource-type-unknown")
    ]


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"contained": [BASIC]}, ("Patient.contained[0].contained", "contained-nested")),
        ({"id": None}, ("Patient.contained[0].id", "required-missing")),
        ({"meta": {"versionId": "1"}}, ("Patient.contained[0].meta.versionId", "contained-meta")),
    ],
)
def test_contained_resources_have_rules_of_their_own(changes: dict[str, Any], fault: tuple[str, str]) -> None:
    inner = BASIC | changes
    inner = {name: item for name, item in inner.items() if item is not None}
    assert faults(patient(contained=[inner])) == [fault]


def test_resources_in_bundles_and_parameters_are_validated() -> None:
    entry = {"resource": patient(gender="x"), "request": {"method": "POST", "url": "Patient"}}
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": [entry]}
    assert faults(bundle) == [("Bundle.entry[0].resource.gender", "code-not-in-value-set")]
    parameters = {"resourceType": "Parameters", "parameter": [{"name": "a", "resource": patient(gender="x")}]}
    assert faults(parameters) == [("Parameters.parameter[0].resource.gender", "code-not-in-value-set")]


@pytest.mark.parametrize(
    ("extension", "code"),
    [
        ({"url": "a", "valueString": "b"}, None),
        ({"url": "a", "extension": [{"url": "b", "valueInteger": 1}]}, None),
        (
            {"url": "a", "valueString": "b", "extension": [{"url": "b", "valueInteger": 1}]},
            "extension-value-and-extension",
        ),
        ({"url": "a"}, "extension-empty"),
    ],
)
def test_an_extension_has_a_value_or_extensions(extension: dict[str, Any], code: str | None) -> None:
    assert faults(patient(extension=[extension])) == ([("Patient.extension[0]", code)] if code else [])


def test_elements_refer_to_elements_above_them() -> None:
    item = {
        "linkId": "1",
        "type": "group",
        "item": [{"linkId": "1.1", "type": "group", "item": [{"linkId": "a", "type": "x"}]}],
    }
    value = {"resourceType": "Questionnaire", "status": "draft", "item": [item]}
    assert faults(value) == [("Questionnaire.item[0].item[0].item[0].type", "code-not-in-value-set")]


# --- narratives


@pytest.mark.parametrize(
    "inner",
    [
        "text",
        "<p>王<b>小</b><br/>明</p>",
        "<table border='1'><tbody><tr><td colspan='2' style='color: red'>1</td></tr></tbody></table>",
        '<a href="#a">a</a><a name="a"/><img src="data:image/png;base64,QQ==" alt="a"/>',
        '<img src="a.png"/>',
        "<!-- a --><p>1 &lt; 2 &#160; &amp;</p>",
        '<p xml:lang="zh" lang="zh">a</p>',
    ],
)
def test_plain_narratives_are_valid(inner: str) -> None:
    assert faults(narrated(xhtml(inner))) == []
    assert is_surely_valid(narrated(xhtml(inner)))


BOMB = (
    '<!DOCTYPE d [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">'
    '<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;">]>' + xhtml("&c;")
)


@pytest.mark.parametrize(
    ("div", "code"),
    [
        ("<div>no namespace</div>", "narrative-root"),
        ('<p xmlns="http://www.w3.org/1999/xhtml">a</p>', "narrative-root"),
        ('<div xmlns="http://example.org">a</div>', "narrative-root"),
        (xhtml(""), "narrative-empty"),
        (xhtml(" \n <p> </p>"), "narrative-empty"),
        (xhtml("<p>a"), "narrative-not-well-formed"),
        (xhtml("a") + xhtml("b"), "narrative-not-well-formed"),
        (xhtml("&nbsp;a"), "narrative-not-well-formed"),
        ("text", "narrative-not-well-formed"),
        (xhtml("<script>a</script>"), "narrative-element"),
        (xhtml("<form>a</form>"), "narrative-element"),
        (xhtml("<iframe src='a'/>"), "narrative-element"),
        (xhtml("<object>a</object>"), "narrative-element"),
        (xhtml("<font>a</font>"), "narrative-element"),
        (xhtml("<svg xmlns='http://www.w3.org/2000/svg'>a</svg>"), "narrative-element"),
        (xhtml("<P>a</P>"), "narrative-element"),
        (xhtml("<ins>a</ins>"), "narrative-element"),
        (xhtml("<p onclick='a'>a</p>"), "narrative-attribute"),
        (xhtml("<p href='a'>a</p>"), "narrative-attribute"),
        (xhtml("<a href='javascript:a'>a</a>"), "narrative-script"),
        (xhtml("<a href=' JavaScript:a'>a</a>"), "narrative-script"),
        (xhtml("<a href='java&#9;script:a'>a</a>"), "narrative-script"),
        (xhtml("<a href='&#1;javascript:a'>a</a>"), "narrative-not-well-formed"),
        (xhtml("<a href='data:text/html,a'>a</a>"), "narrative-script"),
        (xhtml("<img src='data:image/svg+xml,a'/>"), "narrative-script"),
        (xhtml("<p style='width: expression(a)'>a</p>"), "narrative-script"),
        (xhtml("<p style='@import url(a)'>a</p>"), "narrative-script"),
        ("<!DOCTYPE div>" + xhtml("a"), "narrative-document-type"),
        ("<?xml-stylesheet href='a'?>" + xhtml("a"), "narrative-instruction"),
        (BOMB, "narrative-document-type"),
    ],
)
def test_other_narratives_are_not(div: str, code: str) -> None:
    assert faults(narrated(div)) == [("Patient.text.div", code)]


# --- limits


def test_many_faults_are_cut_off_and_said_to_be() -> None:
    found = validate(patient(name=[{"colour": 1}] * 500))
    assert len(found) == FAULTS_MAX
    assert (found[-1].path, found[-1].code) == ("Patient", "faults-cut-off")
    assert found[-1].details == {"listed": str(FAULTS_MAX - 1)}


def nested_extensions(levels: int) -> dict[str, Any]:
    extension: dict[str, Any] = {"url": "a", "valueString": "b"}
    for _ in range(levels - 1):
        extension = {"url": "a", "extension": [extension]}
    return patient(extension=[extension])


def test_elements_nest_to_a_limit() -> None:
    # The resource itself is one level; each extension is an array and an object.
    levels_max = (JSON_DEPTH_MAX - 1) // 2
    assert faults(nested_extensions(levels_max)) == []
    assert faults(nested_extensions(levels_max + 1)) == [("Patient", "too-deep")]
    assert faults(nested_extensions(50_000)) == [("Patient", "too-deep")]


def test_a_resource_that_holds_itself_does_not_hang() -> None:
    value = patient(contained=[])
    value["contained"].append(value)
    assert faults(value) == [("Patient", "too-deep")]


def test_faults_repeat_nothing_of_the_patient() -> None:
    secret = "王小明5101"
    value = patient(
        name=[{"family": [secret], secret: secret}],
        gender=secret,
        birthDate=secret,
        managingOrganization={"reference": secret},
    )
    value["text"] = {"status": secret, "div": f"<{secret}>"}
    found = validate(value)
    assert len(found) >= 6
    assert secret not in repr(found)


def test_structs_made_by_several_threads_at_once_are_whole() -> None:
    value = {"resourceType": "Substance", "code": {"text": "a"}, "category": [{"text": "b"}]}
    results: list[bool] = []
    threads = [Thread(target=lambda: results.append(is_surely_valid(value))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [True] * 8
