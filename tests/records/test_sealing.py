"""Sealed bodies: what goes in comes out, and a sealed value is good for nothing anywhere else."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.made_up_keys import made_up_keys

from tianfu.kernel.refusal import Refusal
from tianfu.records.body import stored_form
from tianfu.records.codec import Codec
from tianfu.records.dictionaries import committed
from tianfu.records.protected import protected
from tianfu.records.sealing import NOTHING_SEALED, SEALED, Sealer, Versioned, _parted
from tianfu.standards.fhir.definitions import definitions
from tianfu.vault.keyring import Keyring, KeyUse, WrappedKey

NUMBER = "51010719900101123X"
PHONE = "13800001234"
STREET = "锦江区示例路99号"


class Shelf:
    """One key of each use, in memory."""

    def __init__(self) -> None:
        self.keys: list[WrappedKey] = []

    def wrapped(self) -> Sequence[WrappedKey]:
        return self.keys

    def add(self, use: KeyUse, cipher: str, wrap: Callable[[int], bytes], *, instead_of: int | None) -> None:
        number = len(self.keys) + 1
        old = [replace(each, state="old") if each.use == use else each for each in self.keys]
        self.keys = [*old, WrappedKey(number=number, use=use, cipher=cipher, wrapped=wrap(number), state="current")]

    def reserve(self, number: int, sealings: int, *, within: int) -> int | None:
        return sealings


def new_sealer() -> Sealer:
    return Sealer(Codec(tuple(committed())), Keyring.open(made_up_keys(b"k" * 32), Shelf()))


SEALER = new_sealer()


def stored(**members: Any) -> bytes:
    return stored_form(orjson.dumps(members))


def sealed(resource_type: str, record: int, version: int, text: bytes, sealer: Sealer = SEALER) -> bytes:
    draft = sealer.draft(resource_type, text)
    (body,) = sealer.sealed([Versioned(definitions().type_number(resource_type), record, version, draft)])
    assert (body.sealed_with == NOTHING_SEALED) == (not draft.fields)
    return body.body


PERSON = stored(
    resourceType="Patient",
    meta={"tag": [{"code": "made-up"}]},
    identifier=[{"system": "urn:id", "value": NUMBER}],
    name=[{"text": "罗晚晴"}],
    telecom=[{"system": "phone", "value": PHONE}],
    gender="female",
    address=[{"line": [STREET], "city": "成都市"}],
)

values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(min_size=1), inner, max_size=4),
    max_leaves=8,
)
names = st.sampled_from(
    ["identifier", "telecom", "address", "contact", "text", "name", "photo", "extension", "x", "_x"]
)


@given(
    st.dictionaries(names, values), st.dictionaries(st.sampled_from(["tag", "identifier"]), values), st.integers(1, 9)
)
def test_every_resource_comes_back_as_it_was(members: dict[str, Any], meta: dict[str, Any], version: int) -> None:
    text = stored(resourceType="Patient", meta=meta, **members)
    assert SEALER.opened("Patient", -5, version, sealed("Patient", -5, version, text)) == text


def test_nothing_protected_can_be_read_in_a_body() -> None:
    body = sealed("Patient", 7, 1, PERSON)
    assert body[0] == SEALED
    readable = SEALER.codec.decompress(_parted(body)[2])
    for secret in (NUMBER, PHONE, STREET, "成都市"):
        assert secret.encode() in PERSON
        assert secret.encode() not in readable
        assert secret.encode() not in body
    assert "罗晚晴".encode() in readable  # names are not among the encrypted elements


@pytest.mark.parametrize(
    ("what", "place"),
    [
        ("another row", ("Patient", 8, 3)),
        ("another version", ("Patient", 7, 4)),
        ("another table of records", ("Person", 7, 3)),
    ],
)
def test_a_body_that_was_moved_is_refused(what: str, place: tuple[str, int, int]) -> None:
    body = sealed("Patient", 7, 3, PERSON)
    with pytest.raises(Refusal, match=r"field-not-authentic.*element=identifier"):
        SEALER.opened(*place, body)


def test_a_value_that_was_moved_to_another_member_is_refused() -> None:
    one = _taken_apart(sealed("Patient", 7, 3, PERSON))
    one[1][0], one[1][1] = one[1][1], one[1][0]
    with pytest.raises(Refusal, match="field-not-authentic"):
        SEALER.opened("Patient", 7, 3, _put_together(*one))


def test_a_value_of_an_earlier_version_is_refused_in_a_later_one() -> None:
    earlier, later = (_taken_apart(sealed("Patient", 7, version, PERSON)) for version in (3, 4))
    later[1][2] = earlier[1][2]
    with pytest.raises(Refusal, match=r"field-not-authentic.*element=address"):
        SEALER.opened("Patient", 7, 4, _put_together(*later))


def test_a_member_that_was_renamed_is_refused() -> None:
    number, parts, rest = _taken_apart(sealed("Patient", 7, 3, PERSON))
    skeleton = SEALER.codec.decompress(rest)
    assert b'"telecom":\x01' in skeleton
    renamed = SEALER.codec.compress("Patient", skeleton.replace(b'"telecom":\x01', b'"contact":\x01'))
    with pytest.raises(Refusal, match=r"field-not-authentic.*element=contact"):
        SEALER.opened("Patient", 7, 3, _put_together(number, parts, renamed))


def test_every_flipped_bit_of_a_sealed_value_is_refused() -> None:
    number, parts, rest = _taken_apart(sealed("Patient", 7, 3, PERSON))
    for place in range(len(parts[0]) * 8):
        flipped = bytearray(parts[0])
        flipped[place // 8] ^= 1 << place % 8
        with pytest.raises(Refusal, match="field-not-authentic"):
            SEALER.opened("Patient", 7, 3, _put_together(number, [bytes(flipped), *parts[1:]], rest))


def test_every_shortened_body_is_refused_never_half_read() -> None:
    body = sealed("Patient", 7, 3, PERSON)
    for size in range(1, len(body)):
        with pytest.raises(Refusal, match=r"body-unreadable|field-not-authentic|key-unknown"):
            SEALER.opened("Patient", 7, 3, body[:size])


def test_a_sealed_value_taken_away_or_added_is_refused() -> None:
    number, parts, rest = _taken_apart(sealed("Patient", 7, 3, PERSON))
    for other in (parts[:-1], [*parts, parts[0]]):
        with pytest.raises(Refusal, match="body-unreadable"):
            SEALER.opened("Patient", 7, 3, _put_together(number, other, rest))


def test_another_key_opens_nothing_and_an_unknown_one_is_named() -> None:
    number, parts, rest = _taken_apart(sealed("Patient", 7, 3, PERSON))
    with pytest.raises(Refusal, match=r"key-unknown.*key=999"):
        SEALER.opened("Patient", 7, 3, _put_together(999, parts, rest))
    with pytest.raises(Refusal, match="field-not-authentic"):
        new_sealer().opened("Patient", 7, 3, _put_together(number, parts, rest))


def test_an_older_key_still_opens_and_its_number_is_bound() -> None:
    sealer = new_sealer()
    old = sealed("Patient", 7, 3, PERSON, sealer)
    newer = sealer.keyring.begin_new_key()
    assert sealer.opened("Patient", 7, 3, old) == PERSON
    _, parts, rest = _taken_apart(old)
    with pytest.raises(Refusal, match="field-not-authentic"):
        sealer.opened("Patient", 7, 3, _put_together(newer, parts, rest))


def _taken_apart(body: bytes) -> tuple[int, list[bytes], bytes]:
    return _parted(body)


def _put_together(number: int, parts: Sequence[bytes], rest: bytes) -> bytes:
    assert all(len(part) < 1 << 14 for part in parts)
    lengths = [
        bytes([len(part)]) if len(part) < 128 else bytes([len(part) & 127 | 128, len(part) >> 7]) for part in parts
    ]
    values = b"".join(length + part for length, part in zip(lengths, parts, strict=True))
    return bytes([SEALED]) + number.to_bytes(2, "big") + bytes([len(parts)]) + values + rest


# Which members are sealed


def sealed_members(resource_type: str, **members: Any) -> set[str]:
    draft = SEALER.draft(resource_type, stored(resourceType=resource_type, **members))
    return {name.decode() for name, _ in draft.fields}


@pytest.mark.parametrize(
    ("resource_type", "members", "expected"),
    [
        ("Encounter", {"identifier": [{"value": "V-1"}], "status": "finished"}, {"identifier"}),
        ("Observation", {"subject": {"reference": "Patient/1"}, "status": "final"}, set()),
        ("Observation", {"subject": {"identifier": {"value": "1"}}, "status": "final"}, {"subject"}),
        ("Observation", {"note": [{"text": f"call her at {PHONE}"}], "status": "final"}, {"note"}),
        ("Observation", {"note": [{"text": f"card {NUMBER}"}], "valueString": "12345678901234567"}, {"note"}),
        ("Observation", {"note": [{"text": "nothing"}], "valueString": "1234567890123"}, set()),
        ("DocumentReference", {"masterIdentifier": {"value": "d"}}, {"masterIdentifier"}),
        ("Claim", {"accident": {"date": "2020", "locationAddress": {"city": "x"}}}, {"accident"}),
        ("Patient", {"text": {"div": "x"}, "contact": [{"gender": "male"}], "gender": "male"}, {"text", "contact"}),
        ("Patient", {"contained": [{"resourceType": "RelatedPerson", "telecom": []}]}, {"contained"}),
        ("Patient", {"extension": [{"url": "u", "valueContactPoint": {"value": "1"}}]}, {"extension"}),
        ("Organization", {"identifier": [{"value": "1"}], "telecom": [], "address": []}, set()),
        ("Patient", {"meta": {"extension": [{"url": "u", "valueIdentifier": {"value": "1"}}]}}, {"meta"}),
    ],
)
def test_what_is_sealed(resource_type: str, members: dict[str, Any], expected: set[str]) -> None:
    assert sealed_members(resource_type, **members) == expected


PROTECTED_TYPES = {"Identifier", "ContactPoint", "Address"}


def test_every_element_that_definitions_call_an_identifier_a_telecom_or_an_address_is_sealed() -> None:
    seen = 0
    for resource_type in definitions().resource_types:
        rules = protected(resource_type)
        if rules.is_public:
            continue
        for top, name in _protected_elements(resource_type):
            seen += 1
            raw = f'"{top}":{{"{name}":1}}' if top != name else f'"{top}":1'
            assert rules.holds(top, raw.encode(), numbers=False), f"{resource_type}.{top}…{name}"
    assert seen > 100


def _protected_elements(resource_type: str) -> set[tuple[str, str]]:
    """Top member and own name of every element of a protected type; types of elements are followed once."""
    found: set[tuple[str, str]] = set()

    def look(type_name: str, top: str | None, seen: frozenset[str]) -> None:
        definition = definitions().types.get(type_name)
        if definition is None or type_name in seen:
            return
        for element in definition.elements.values():
            for name, kind in element.json_names().items():
                if kind in PROTECTED_TYPES:
                    found.add((top or name, name))
                elif kind != "Extension" and kind not in definitions().resource_types:
                    look(kind, top or name, seen | {type_name})

    look(resource_type, None, frozenset())
    return found


def test_public_types_exist() -> None:
    assert all(name in definitions().type_numbers for name in definitions().resource_types)
    public = {name for name in definitions().resource_types if protected(name).is_public}
    assert {"Organization", "Location", "ValueSet"} <= public
    assert public.isdisjoint({"Patient", "Person", "RelatedPerson", "Practitioner", "Encounter", "Coverage"})
