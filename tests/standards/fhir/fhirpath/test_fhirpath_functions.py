"""Tables of cases by function family, beside those of HL7's suite.  http://hl7.org/fhirpath/N1/#functions"""

from __future__ import annotations

import pytest

from tianfu.standards.fhir.fhirpath import FailedEvaluation, InvalidMeaning, Services, compile_expression
from tianfu.standards.fhir.fhirpath.nodes import Item, Json, Node

PATIENT = {
    "resourceType": "Patient",
    "id": "made-up",
    "active": True,
    "gender": "female",
    "birthDate": "1990-02",
    "_birthDate": {"extension": [{"url": "https://example.org/about", "valueString": "as told"}]},
    "multipleBirthInteger": 2,
    "name": [
        {"use": "official", "family": "Demo", "given": ["Ai", None, "Bo"], "_given": [None, {"id": "x"}]},
        {"use": "nickname", "given": ["Ai"]},
    ],
    "contact": [{"name": {"family": "Sample"}}],
    "contained": [{"resourceType": "Organization", "id": "org", "name": "Made-up Hospital"}],
    "managingOrganization": {"reference": "#org"},
    "generalPractitioner": [{"reference": "Practitioner/7"}, {"reference": "urn:uuid:1", "type": "Organization"}],
    "extension": [
        {"url": "https://example.org/weight", "valueQuantity": {
            "value": 3.5, "unit": "kg", "system": "http://unitsofmeasure.org", "code": "kg"}},
    ],
}  # fmt: skip


def result(text: str, services: Services | None = None) -> list[Json]:
    """Plain values of an expression over the patient."""
    items = compile_expression(text, base_type="Patient").evaluate(PATIENT, services=services or Services())
    return [_shown(item) for item in items]


def _shown(item: Item) -> Json:
    if isinstance(item, Node):
        return item.value
    return item if isinstance(item, bool | int) else str(item)


EXISTENCE = [
    ("name.exists(use = 'nickname')", [True]),
    ("photo.exists()", [False]),
    ("photo.all(false)", [True]),
    ("name.all(use = 'official')", [False]),
    ("(true | false).anyTrue()", [True]),
    ("(true | false).allFalse()", [False]),
    ("{}.allTrue()", [True]),
    ("{}.anyFalse()", [False]),
    ("{}.count()", [0]),
    ("name.given.distinct().count()", [3]),
    ("name.given.isDistinct()", [False]),
    ("{}.isDistinct()", [True]),
    ("('a' | 'b').subsetOf('a' | 'b' | 'c')", [True]),
    ("{}.subsetOf({})", [True]),
    ("('a').supersetOf('a' | 'b')", [False]),
    ("active.not()", [False]),
    ("name.count() > 1 and photo.empty()", [True]),
]
FILTERING = [
    ("name.where(given = 'Ai').use", ["nickname"]),
    ("name.where($index = 1).use", ["nickname"]),
    ("name.select(given.first())", ["Ai", "Ai"]),
    ("name.select(use & '!')", ["official!", "nickname!"]),
    ("descendants().ofType(HumanName).count()", [3]),
    ("repeat(contained | contact).count()", [2]),
    ("(1 | 2 | 3).aggregate($total + $this, 0)", [6]),
    ("(3 | 1 | 2).sort()", [1, 2, 3]),
    ("(3 | 1 | 2).sort($this desc)", [3, 2, 1]),
    ("name.sort(family).use", ["nickname", "official"]),
    ("name.sort(-family).use", ["nickname", "official"]),
    ("coalesce(photo, name.family)", ["Demo"]),
]
SUBSETTING = [
    ("name.given[0]", ["Ai"]),
    ("name.given[9]", []),
    ("name.given[-1]", []),
    ("name.given.last()", ["Ai"]),
    ("name.tail().use", ["nickname"]),
    ("name.skip(1).use", ["nickname"]),
    ("name.take(1).use", ["official"]),
    ("name.take(-1)", []),
    ("name.skip(-1).count()", [2]),
    ("('a' | 'b' | 'c').intersect('c' | 'a')", ["a", "c"]),
    ("'a'.combine('a').exclude('b')", ["a", "a"]),
    ("'a'.combine('a').union('a')", ["a"]),
    ("name.use.single()", FailedEvaluation),
]
CONVERSION = [
    ("'y'.toBoolean()", [True]),
    ("'maybe'.toBoolean()", []),
    ("'+12'.toInteger()", [12]),
    ("'12345678901'.toInteger()", []),
    ("true.toDecimal()", ["1"]),
    ("'1.50'.toDecimal()", ["1.50"]),
    ("birthDate.toString()", ["1990-02"]),
    ("active.toString()", ["true"]),
    ("'2015-02-04T10:00'.toDate()", ["2015-02-04"]),
    ("@2015.toDateTime() is DateTime", [True]),
    ("'25:00'.convertsToTime()", [False]),
    ("'2015-02-30'.convertsToDate()", [False]),
    ("'4 days'.toQuantity()", ["4 days"]),
    ("'4 \\'mg\\''.toQuantity()", ["4 'mg'"]),
    ("4000 'mg'.toQuantity('g') = 4 'g'", [True]),
    ("'mg'.convertsToQuantity()", [False]),
    ("name.toString()", FailedEvaluation),
    ("iif(active, 'yes', 'no')", ["yes"]),
    ("iif({}, 'yes')", []),
    ("iif(gender, 1, 2)", FailedEvaluation),
]
STRINGS = [
    ("'héllo'.length()", [5]),
    ("'abcb'.lastIndexOf('b')", [3]),
    ("'abc'.substring(1, 0)", [""]),
    ("'abc'.substring(3)", []),
    ("'a.b'.split('.')", ["a", "b"]),
    ("name.given.join()", ["AiBoAi"]),
    ("{}.join(',')", []),
    ("'ab'.toChars()", ["a", "b"]),
    ("' x '.trim()", ["x"]),
    ("'ab'.encode('hex').decode('hex')", ["ab"]),
    ("'?'.encode('rot13')", []),
    ("'zz'.decode('hex')", FailedEvaluation),
    ("'<a>'.escape('html').unescape('html')", ["<a>"]),
    ("'2015-02'.replaceMatches('(\\\\d+)-(\\\\d+)', '$2/$1')", ["02/2015"]),
    ("'abc'.matches('b')", [True]),
    ("'abc'.matchesFull('b')", [False]),
    ("'a\\nb'.matches('a.b')", [True]),
    ("'abc'.matches('(')", FailedEvaluation),
    ("active.startsWith('t')", FailedEvaluation),
    ("name.given.upper()", FailedEvaluation),
    ("gender.contains('mal')", [True]),
]
MATHEMATICS = [
    ("(-7) div 2", [-3]),
    ("(-7) mod 2", [-1]),
    ("7.5 mod 2", ["1.5"]),
    ("2.5.round()", ["3"]),
    ("(-2.5).round()", ["-3"]),
    ("(-1.5).truncate()", [-1]),
    ("1.2.ceiling()", [2]),
    ("8.log(2)", ["3"]),
    ("0.ln()", []),
    ("1.exp().ln().round(10) = 1", [True]),
    ("2.power(100)", []),
    ("2.0.power(9999999999)", []),
    ("2147483647 + 1", []),
    ("1 / 3 * 3 ~ 1", [True]),
    ("multipleBirth + 1", [3]),
    ("(-2 'mg').abs()", ["2 'mg'"]),
    ("'2' * 2", FailedEvaluation),
]
MOMENTS = [
    ("@2020-01-31 + 1 month", ["2020-02-29"]),
    ("@2020-02-29 - 1 year", ["2019-02-28"]),
    ("@2020-01 + 40 days", ["2020-02"]),
    ("@2020-03-01 - 1 day", ["2020-02-29"]),
    ("@T23:30 + 45 minutes", ["00:15"]),
    ("@2020-01-01T23:00:00+08:00 + 90 minutes", ["2020-01-02T00:30:00+08:00"]),
    ("@2020-01-01T00:00:00.000Z + 0.25 seconds", ["2020-01-01T00:00:00.250Z"]),
    ("@2020-01-01 + 1 'a'", FailedEvaluation),
    ("@2020-01-01 + 1 hour", FailedEvaluation),
    ("@T10:00 + 1 day", FailedEvaluation),
    ("@9999-12-31 + 1 day", []),
    ("@2020-13-01", FailedEvaluation),
    ("birthDate < @1990-03", [True]),
    ("birthDate < @1990-02-10", []),
    ("birthDate.lowBoundary()", ["1990-02-01"]),
    ("birthDate.highBoundary()", ["1990-02-28"]),
    ("@T10:30.highBoundary(4)", ["10:30"]),
    ("@2014.lowBoundary(7)", []),
    ("birthDate.precision()", [6]),
    ("@2012-01-01T10:00:00Z = @2012-01-01T18:00:00+08:00", [True]),
    ("@2012-01-01T10:00:00Z < @2012-01-03T10:00:00", [True]),
    ("@2012-01-01T10:00:00Z < @2012-01-01T20:00:00", []),
]
TYPES = [
    ("gender is code and gender is string", [True]),
    ("gender.as(string)", []),
    ("gender.ofType(code)", ["female"]),
    ("active is System.Boolean", [False]),
    ("multipleBirth is integer", [True]),
    ("multipleBirth.ofType(boolean)", []),
    ("contained is Organization", [True]),
    ("contained is DomainResource", [True]),
    ("contact is BackboneElement", [True]),
    ("contact.type().name", ["Patient.contact"]),
    ("1.type().namespace", ["System"]),
    ("gender is Nonsense", FailedEvaluation),
    ("1 'mg' is Quantity", [True]),
    ("extension.value is Quantity", [True]),
]
FHIR = [
    ("birthDate.extension('https://example.org/about').value", ["as told"]),
    ("extension('https://example.org/weight').value > 3 'kg'", [True]),
    ("extension.value = 3500 'g'", [True]),
    ("name.given.where(hasValue().not()).id", ["x"]),
    ("name.given.count()", [4]),
    ("gender.getValue() is System.String", [True]),
    ("managingOrganization.resolve().name", ["Made-up Hospital"]),
    ("managingOrganization.resolve() is Organization", [True]),
    ("generalPractitioner.where(resolve() is Practitioner).reference", ["Practitioner/7"]),
    ("generalPractitioner.where(resolve() is Organization).reference", ["urn:uuid:1"]),
    ("gender.memberOf('http://hl7.org/fhir/ValueSet/administrative-gender')", [True]),
    ("'red'.memberOf('http://hl7.org/fhir/ValueSet/administrative-gender')", [False]),
    ("gender.memberOf('https://example.org/unknown')", FailedEvaluation),
    ("conformsTo('https://example.org/unknown')", FailedEvaluation),
    ("%resource.id = %rootResource.id and %context.id = id", [True]),
    ("%`ext-birthPlace`", ["http://hl7.org/fhir/StructureDefinition/birthPlace"]),
    ("%\"vs-languages\"", ["http://hl7.org/fhir/ValueSet/languages"]),
    ("%unknown", FailedEvaluation),
]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "wanted"),
    [*EXISTENCE, *FILTERING, *SUBSETTING, *CONVERSION, *STRINGS, *MATHEMATICS, *MOMENTS, *TYPES, *FHIR],
)
def test_a_function_does_as_the_specification_says(text: str, wanted: list[Json] | type[Exception]) -> None:
    if isinstance(wanted, list):
        assert result(text) == wanted
    else:
        with pytest.raises(wanted):
            result(text)


@pytest.mark.parametrize("text", ["name.nothing()", "name.count(1)", "name.where()", "is(1 + 1)", "now(1)"])
def test_a_function_that_does_not_exist_so_is_refused_before_it_runs(text: str) -> None:
    with pytest.raises(InvalidMeaning):
        compile_expression(text)


@pytest.mark.parametrize(
    "text",
    ["nam", "Observation.code", "name.first().given.given", "birthDate + 1", "iif(1, 2, 3)", "name.contains('a')",
     "multipleBirthInteger", "name.where(famly = 'a')", "contact.name.select(family | fist)"],
)  # fmt: skip
def test_strict_compiling_refuses_what_makes_no_sense_for_the_type(text: str) -> None:
    with pytest.raises(InvalidMeaning):
        compile_expression(text, base_type="Patient", strict=True)


@pytest.mark.parametrize(
    "text",
    ["contained.name", "descendants().code", "name.extension.value.unit", "link.other.resolve().name", "id",
     "name.select(given | family).first()", "Resource.meta", "DomainResource.text.div", "contact.organization.display"],
)  # fmt: skip
def test_strict_compiling_lets_pass_what_may_make_sense(text: str) -> None:
    assert compile_expression(text, base_type="Patient", strict=True).text == text


def test_services_are_asked_with_plain_json() -> None:
    asked: list[object] = []
    services = Services(
        resolve=lambda url: asked.append(url) or {"resourceType": "Practitioner", "id": "7"},
        is_member=lambda coded, value_set: asked.append((coded, value_set)) or True,
        conforms=lambda resource, profile: profile == "https://example.org/known",
    )

    assert result("generalPractitioner.first().resolve().id", services) == ["7"]
    assert result("gender.memberOf('https://example.org/colours')", services) == [True]
    assert result("conformsTo('https://example.org/known')", services) == [True]
    assert asked == ["Practitioner/7", ("female", "https://example.org/colours")]


def test_variables_come_from_the_environment() -> None:
    expression = compile_expression("%wanted.count() + %more")

    assert expression.evaluate({}, environment={"wanted": ["a", "b"], "more": 3}) == [5]
