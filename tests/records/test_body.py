"""Stored forms and bodies."""

from __future__ import annotations

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tianfu.kernel.refusal import Refusal
from tianfu.records.body import resource_text, stored_form
from tianfu.records.codec import Codec, Dictionary
from tianfu.records.references import conditional_references, resolve_from, rewritten

values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(min_size=1), inner, max_size=4),
    max_leaves=12,
)
# A valid resource has element names only; what lies inside them may be anything.
names = st.from_regex(r"_?[a-z][A-Za-z0-9]{0,20}", fullmatch=True).filter(lambda name: name not in {"id", "meta"})
members = st.dictionaries(names, values)


@given(members, st.dictionaries(st.sampled_from(["tag", "source", "versionId", "profile"]), values))
def test_a_resource_survives_storing_whatever_it_holds(content: dict[str, object], meta: dict[str, object]) -> None:
    text = orjson.dumps({"resourceType": "Basic", "id": "x", "meta": meta, **content})
    back = orjson.loads(resource_text("Basic", "y", 3, 1_700_000_000_000_001, stored_form(text)))
    kept = {name: value for name, value in meta.items() if name != "versionId"}
    ours = {"versionId": "3", "lastUpdated": "2023-11-14T22:13:20.000001Z"}
    assert back == {"resourceType": "Basic", "id": "y", "meta": {**ours, **kept}, **content}


@given(st.binary(max_size=4_000))
def test_every_body_comes_back_from_compression(stored: bytes) -> None:
    codec = Codec(())
    assert codec.decompress(codec.compress("Patient", stored)) == stored


def test_a_body_of_an_unknown_dictionary_is_refused_not_guessed() -> None:
    with pytest.raises(Refusal, match="body-unreadable"):
        Codec(()).decompress(b"\x63whatever")


def test_a_damaged_body_is_refused() -> None:
    body = Codec(()).compress("Patient", b'"name":"' + b"abc" * 200 + b'"')
    with pytest.raises(Refusal, match="body-unreadable"):
        Codec(()).decompress(body[:-7])


def test_a_body_names_its_dictionary() -> None:
    raw = b"".join(b'"status":"final","code":{"coding":[{"code":"%d"}]}' % number for number in range(400))
    dictionary = Dictionary(number=7, name="Observation/1", bytes=raw)
    codec = Codec((dictionary,))
    body = codec.compress("Observation", raw[:300])
    assert body[0] == 7
    assert codec.decompress(body) == raw[:300]
    assert codec.compress("Patient", raw[:300])[0] == 1


def test_only_whole_reference_values_are_rewritten() -> None:
    text = orjson.dumps(
        {"subject": {"reference": "urn:uuid:a"}, "note": 'say "reference":"urn:uuid:a"', "x": "urn:uuid:a"}
    )
    new, unresolved = rewritten(text, resolve_from({b"urn:uuid:a": b"Patient/1"}))
    back = orjson.loads(new)
    assert back == {"subject": {"reference": "Patient/1"}, "note": 'say "reference":"urn:uuid:a"', "x": "urn:uuid:a"}
    assert unresolved == []


def test_local_references_that_nothing_resolves_are_told() -> None:
    _, unresolved = rewritten(b'{"reference":"urn:uuid:b","url":"urn:uuid:c"}', resolve_from({}))
    assert unresolved == ["urn:uuid:b"]


def test_a_question_mark_in_an_address_elsewhere_is_no_condition() -> None:
    text = b'{"reference":"http://x/Patient?a=b"},{"reference":"Patient?identifier=1"}'
    assert conditional_references(text) == [b"Patient?identifier=1"]
