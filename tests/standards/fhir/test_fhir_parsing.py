"""Reading FHIR JSON: the exact text is kept, what is unclear is refused, and the refusal says where."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tianfu.kernel.refusal import Refusal
from tianfu.standards.fhir.depth import JSON_DEPTH_MAX
from tianfu.standards.fhir.parsing import BundleEntry, parse_bundle, parse_resource


def refusal(data: bytes) -> tuple[str, dict[str, str]]:
    with pytest.raises(Refusal) as caught:
        parse_resource(data)
    return caught.value.code, dict(caught.value.details)


def bundle_refusal(data: bytes) -> Refusal:
    with pytest.raises(Refusal) as caught:
        parse_bundle(data)
    return caught.value


def test_the_text_is_what_was_sent_without_space_between_tokens() -> None:
    sent = (
        '{ "resourceType" :\t"Patient",\r\n "id":"a", "x": [1.50 , -0.0,1E2, 1e-7],'
        '"y":" {a : \\"b\\"  , \\u738b/\\/ "}\n'
    )
    value, text = parse_resource(sent.encode())
    assert text == b'{"resourceType":"Patient","id":"a","x":[1.50,-0.0,1E2,1e-7],"y":" {a : \\"b\\"  , \\u738b/\\/ "}'
    assert value["x"] == [1.5, 0.0, 100.0, 1e-7]
    assert value["y"] == ' {a : "b"  , 王// '


def test_text_without_spaces_stays_as_it_is() -> None:
    sent = b'{"resourceType":"Patient","id":"a"}'
    assert parse_resource(sent).text == sent


@pytest.mark.parametrize(
    ("data", "details"),
    [
        (b"", {"reason": "empty"}),
        (b" \n\t ", {"reason": "empty"}),
        (b'\xef\xbb\xbf{"resourceType":"Patient"}', {"reason": "byte-order-mark", "offset": "0"}),
        (b'{"resourceType":"Patient","id":"\xff"}', {"reason": "not-utf-8", "offset": "32"}),
        (b'{"resourceType":"Patient","id":"\xed\xa0\x80"}', {"reason": "not-utf-8", "offset": "32"}),
        ('{"resourceType":"Patient"}'.encode("utf-16"), {"reason": "not-utf-8", "offset": "0"}),
        (b'{"resourceType":"Patient",\n "id":tru}', {"reason": "syntax", "line": "2", "column": "7"}),
        (b'{"resourceType":"Patient"}\n{}', {"reason": "trailing-content", "line": "2", "column": "1"}),
        (b'{"resourceType":"Patient"', {"reason": "syntax", "line": "1", "column": "26"}),
        (b'{"resourceType":"Patient",}', {"reason": "syntax", "line": "1", "column": "26"}),
        (b'{"a":NaN}', {"reason": "not-a-number", "line": "1", "column": "6"}),
        (b'{"a":[Infinity]}', {"reason": "not-a-number", "line": "1", "column": "7"}),
        (b'{"a":1e999}', {"reason": "number-out-of-range", "line": "1", "column": "6"}),
        (b'{"a":' + b"9" * 5000 + b"}", {"reason": "number-out-of-range", "line": "1", "column": "6"}),
        (b'{"a":"\\ud800"}', {"reason": "lone-surrogate", "line": "1", "column": "7"}),
        (b'{"a":"\\udc00"}', {"reason": "lone-surrogate", "line": "1", "column": "7"}),
        (b'{"a":"b\nc"}', {"reason": "syntax", "line": "1", "column": "8"}),
        (b"{'a':1}", {"reason": "syntax", "line": "1", "column": "2"}),
        (b'{"a":01}', {"reason": "syntax", "line": "1", "column": "7"}),
        (b"\x00", {"reason": "syntax", "line": "1", "column": "1"}),
    ],
)
def test_what_is_not_json_is_refused_with_its_place(data: bytes, details: dict[str, str]) -> None:
    code, found = refusal(data)
    assert code == "json-invalid"
    assert found["reason"] == details["reason"]
    assert {name: found[name] for name in found if name != "column"} == {
        n: details[n] for n in details if n != "column"
    }
    # The parser may point at the character before or behind the one a person would.
    assert abs(int(found.get("column", 0)) - int(details.get("column", 0))) <= 1


@pytest.mark.parametrize(
    ("data", "details"),
    [
        (b'{"resourceType":"Patient","id":"a","id":"a"}', {"line": "1", "column": "36", "element": "id"}),
        (
            b'{"resourceType":"Patient",\n"name":[{"text":"a"},{"text":"b",\n "text":"c"}]}',
            {"line": "3", "column": "2", "element": "text"},
        ),
        (b'{"resourceType":"Patient","id":"a","\\u0069d":"b"}', {"line": "1", "column": "36", "element": "id"}),
        (b'{"resourceType":"Patient","a b":1,"a b":1}', {"line": "1", "column": "35"}),
        (b'{"resourceType":"Patient","x":{"y":{"z":{"":1,"":1}}}}', {"line": "1", "column": "47"}),
    ],
)
def test_a_key_written_twice_is_refused_with_its_place(data: bytes, details: dict[str, str]) -> None:
    assert refusal(data) == ("json-duplicate-key", details)


def test_the_same_key_in_two_objects_is_no_duplicate() -> None:
    data = b'{"resourceType":"Patient","name":[{"text":"\\"text\\":"},{"text":"b"}],"x":1.0}'
    assert parse_resource(data).value["name"][1] == {"text": "b"}


@pytest.mark.parametrize("levels", [JSON_DEPTH_MAX, 200, 1_000, 1_030, 10_000, 1_000_000])
def test_deep_nesting_is_refused(levels: int) -> None:
    for data in (b"[" * levels + b"]" * levels, b'{"a":' * levels + b"1" + b"}" * levels):
        resource = b'{"resourceType":"Patient","a":' + data + b"}"
        assert refusal(resource) == ("json-too-deep", {"levels_max": str(JSON_DEPTH_MAX)})


def test_nesting_up_to_the_limit_is_read() -> None:
    levels = JSON_DEPTH_MAX - 1
    value = parse_resource(b'{"resourceType":"Patient","a":' + b"[" * levels + b"]" * levels + b"}").value
    assert value["resourceType"] == "Patient"


@pytest.mark.parametrize(
    ("data", "details"),
    [
        (b"[]", {"reason": "not-an-object"}),
        (b"null", {"reason": "not-an-object"}),
        (b'"Patient"', {"reason": "not-an-object"}),
        (b"{}", {"reason": "resource-type-missing"}),
        (b'{"resourceType":null}', {"reason": "resource-type-missing"}),
        (b'{"resourceType":"Wizard"}', {"reason": "resource-type-unknown", "type": "Wizard"}),
        (b'{"resourceType":"DomainResource"}', {"reason": "resource-type-unknown", "type": "DomainResource"}),
        (b'{"resourceType":"Wang Xiaoming 1980"}', {"reason": "resource-type-unknown"}),
        (b'{"resourceType":["Patient"]}', {"reason": "resource-type-unknown"}),
        (b'{"resourceType":{"a":1}}', {"reason": "resource-type-unknown"}),
    ],
)
def test_what_is_no_resource_is_refused(data: bytes, details: dict[str, str]) -> None:
    assert refusal(data) == ("not-a-resource", details)


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.decimals(allow_nan=False, allow_infinity=False, min_value=-1000, max_value=1000)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=20,
)
spaces = st.text(" \t\r\n", max_size=3)


def spaced(value: Any, draw: Any) -> str:
    """JSON text with white space anywhere, and with each string escaped or not."""
    gap = lambda: draw(spaces)  # noqa: E731 - drawn anew each time
    if isinstance(value, dict):
        members = [f"{spaced(k, draw)}:{spaced(v, draw)}" for k, v in value.items()]
        return gap() + "{" + (",".join(members) or gap()) + "}" + gap()
    if isinstance(value, list):
        return gap() + "[" + (",".join(spaced(item, draw) for item in value) or gap()) + "]" + gap()
    if isinstance(value, Decimal):
        return gap() + f"{value:f}" + gap()
    return gap() + json.dumps(value, ensure_ascii=draw(st.booleans())) + gap()


def as_held(digits: str) -> int | float:
    """How a whole number is held: one that 64 bits do not hold, and no element of FHIR may be, as a float."""
    number = int(digits)
    return number if -(2**63) <= number < 2**64 else float(number)


@pytest.mark.parametrize("number", [-(2**63) - 1, 2**64 + 1])
def test_a_number_beyond_64_bits_keeps_its_digits_in_the_text(number: int) -> None:
    parsed = parse_resource(f'{{"resourceType":"Basic","x":{number}}}'.encode())
    assert str(number).encode() in parsed.text
    assert parsed.value["x"] == as_held(str(number)) != number


@given(json_values, st.data())
def test_the_text_means_what_was_sent_to_the_last_digit(value: Any, data: st.DataObject) -> None:
    sent = spaced({"resourceType": "Basic", "x": value}, data.draw)
    parsed = parse_resource(sent.encode())
    exactly = {"parse_float": Decimal, "parse_int": str}
    assert json.loads(parsed.text, **exactly) == json.loads(sent, **exactly)
    digits = {"parse_float": str, "parse_int": str}
    assert json.loads(parsed.text, **digits) == json.loads(sent, **digits)
    assert parsed.value == json.loads(sent, parse_int=as_held)
    assert msgspec.json.format(parsed.text, indent=-1) == parsed.text


CODES = {"json-invalid", "json-too-deep", "json-duplicate-key", "not-a-resource", "bundle-invalid"}


def refused(data: bytes) -> list[Refusal]:
    """What both readers say against the data."""
    found = []
    for read in (parse_resource, parse_bundle):
        try:
            read(data)
        except Refusal as one:
            found.append(one)
    return found


@given(st.binary())
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    assert CODES.issuperset(one.code for one in refused(data))


@given(st.text('{}[]:,"a1.e-\\u \n', max_size=60))
def test_anything_like_json_is_read_or_refused(text: str) -> None:
    for data in (text.encode(), b'{"resourceType":"Bundle","entry":[{"a":' + text.encode() + b"}]}"):
        assert CODES.issuperset(one.code for one in refused(data))


# --- bundles


def test_a_bundle_is_taken_apart() -> None:
    data = b"""{"resourceType": "Bundle", "id": "a", "type": "transaction", "entry": [
        {"fullUrl": "urn:uuid:1", "resource": {"resourceType": "Patient", "x": 1.50},
         "request": {"method": "POST", "url": "Patient", "ifNoneExist": "identifier=a"}},
        {"request": {"url": "Patient/1", "method": "DELETE", "ifMatch": "W/\\"1\\""}, "link": []},
        {"request": {"url": "Patient/1", "method": "GET", "ifNoneMatch": "*"}},
        {"resource": {"resourceType": "Patient"}}
    ]}"""
    bundle = parse_bundle(data)
    first = b'{"resourceType":"Patient","x":1.50}'
    assert bundle.type == "transaction"
    assert bundle.entries == (
        BundleEntry("urn:uuid:1", "POST", "Patient", "identifier=a", None, None, first),
        BundleEntry(None, "DELETE", "Patient/1", None, 'W/"1"', None, None),
        BundleEntry(None, "GET", "Patient/1", None, None, "*", None),
        BundleEntry(None, None, None, None, None, None, b'{"resourceType":"Patient"}'),
    )
    assert parse_resource(first).text == first


def test_a_bundle_may_be_empty() -> None:
    assert parse_bundle(b'{"resourceType":"Bundle","type":"batch"}').entries == ()


@pytest.mark.parametrize(
    ("data", "path", "code"),
    [
        (b'{"resourceType":"Bundle","type":1}', "Bundle.type", "element-type"),
        (b'{"resourceType":"Bundle","entry":{}}', "Bundle.entry", "element-type"),
        (b'{"resourceType":"Bundle","entry":[{},{"fullUrl":3}]}', "Bundle.entry[1].fullUrl", "element-type"),
        (
            b'{"resourceType":"Bundle","entry":[{"request":{"url":"a"}}]}',
            "Bundle.entry[0].request.method",
            "required-missing",
        ),
        (b'{"resourceType":"Bundle","entry":[null]}', "Bundle.entry[0]", "element-type"),
    ],
)
def test_a_bundle_of_another_shape_is_refused_with_the_path(data: bytes, path: str, code: str) -> None:
    found = bundle_refusal(data)
    assert found.code == "bundle-invalid"
    assert [(fault.path, fault.code) for fault in found.faults] == [(path, code)]


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "json-invalid"),
        (b'{"resourceType":"Bundle","entry":[{"resource":{"a":tru}}]}', "json-invalid"),
        (b'{"resourceType":"Bundle","x":"\xff"}', "json-invalid"),
        (b'{"resourceType":"Bundle","type":"\xff"}', "json-invalid"),
        (b'{"resourceType":"Bundle","x":1e999}', "json-invalid"),
        (b'{"resourceType":"Bundle","type":"batch","type":"transaction"}', "json-duplicate-key"),
        (b'{"resourceType":"Bundle","entry":[{"resource":{"a":1},"resource":{"a":1}}]}', "json-duplicate-key"),
        (b'{"resourceType":"Bundle","entry":[{"resource":{"a":1},"resource":{"a":2}}]}', "json-duplicate-key"),
        (
            b'{"resourceType":"Bundle","entry":[{"request":{"method":"GET","method":"PUT","url":"a"}}]}',
            "json-duplicate-key",
        ),
        (b'{"resourceType":"Bundle","entry":[],"entry":[]}', "json-duplicate-key"),
        (b'{"resourceType":"Bundle","x":' + b"[" * 10_000 + b"]" * 10_000 + b"}", "json-too-deep"),
        (b'{"resourceType":"Bundle","entry":[{"resource":' + b"[" * 10_000 + b"]" * 10_000 + b"}]}", "json-too-deep"),
        (b"[]", "not-a-resource"),
        (b'{"resourceType":"Patient"}', "not-a-resource"),
        (b'{"type":"batch"}', "not-a-resource"),
    ],
)
def test_an_unclear_bundle_is_refused(data: bytes, code: str) -> None:
    assert bundle_refusal(data).code == code


def test_what_is_wrong_inside_a_resource_shows_when_it_is_read() -> None:
    data = b'{"resourceType":"Bundle","entry":[{"resource":{"resourceType":"Patient","id":"a","id":"b"}}]}'
    (entry,) = parse_bundle(data).entries
    assert entry.resource is not None
    assert refusal(entry.resource)[0] == "json-duplicate-key"


def test_refusals_repeat_nothing_of_the_patient() -> None:
    secret = "王小明5101"
    texts = [
        f'{{"resourceType":"{secret}"}}',
        f'{{"resourceType":"Patient","{secret}":1,"{secret}":2}}',
        f'{{"resourceType":"Patient","id":{secret}}}',
        f'{{"resourceType":"Bundle","type":["{secret}"],"{secret}":1}}',
    ]
    for text in texts:
        found = refused(text.encode())
        assert found
        assert secret not in " ".join(map(str, found))
