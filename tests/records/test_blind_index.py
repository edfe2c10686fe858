"""What must not be read in the index is not there, and is found all the same."""

from __future__ import annotations

from hashlib import blake2b, sha256
from typing import Any

import pytest
from tests.records.conftest import KEYS, WHO, WHY, Desk, patient

from tianfu.db import Database, Query
from tianfu.kernel.refusal import Refusal
from tianfu.records.index.hashing import BLIND_PREFIX_LENGTH_MAX, identifier_hash
from tianfu.records.opening import open_parts
from tianfu.records.store import SearchRequest
from tianfu.standards.china.identity_number import check_character
from tianfu.standards.fhir.definitions import definitions
from tianfu.vault.hashing import hmac_sm3, sm3

pytestmark = pytest.mark.anyio

SYSTEM = "urn:made-up:resident"
STREET = "武侯区示例大道一百二十八号"
_INDEX = ("identifier", "string", "token", "reference", "audit", "feed", "resource", "history")


def numbers(count: int) -> list[str]:
    """Made-up numbers with right check characters, from a county and a day that few need to guess."""
    beginnings = [f"51010719900101{sequence:03}" for sequence in range(count)]
    return [beginning + check_character(beginning) for beginning in beginnings]


async def given(desk: Desk, **more: Any) -> str:
    written = await desk.create(
        **patient(
            identifier=[{"system": SYSTEM, "value": numbers(1)[0]}],
            telecom=[{"system": "phone", "value": "13800001234"}],
            address=[{"text": f"四川省成都市{STREET}", "line": [STREET], "city": "成都市", "postalCode": "610041"}],
            **more,
        )
    )
    return written.id


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("identifier", f"{SYSTEM}|{numbers(1)[0]}"),
        ("identifier", numbers(1)[0]),
        ("identifier-tail", numbers(1)[0][-4:]),
        ("phone", "13800001234"),
        ("telecom", "13800001234"),
        ("address", "武侯"),
        ("address", STREET),
        ("address", "四川省成都市武侯区"),
        ("address", "成都"),
        ("address", "6100"),
        ("address:exact", STREET),
        ("address:exact", "成都市"),
        ("address-city", "成都"),
        ("address-city:contains", "都"),
        ("address-postalcode", "610041"),
        ("address:missing", "false"),
    ],
)
async def test_who_is_looked_for_is_found(desk: Desk, name: str, value: str) -> None:
    found = await given(desk)
    await desk.create(**patient(address=[{"line": ["别的路"], "city": "绵阳市"}]))
    expected = [found] if name != "address:missing" else 2
    ids = await desk.ids("Patient", (name, value))
    assert (ids if isinstance(expected, list) else len(ids)) == expected


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("address", "侯区"),  # not a beginning
        ("address", STREET + "之一"),
        ("address:exact", STREET[:-1]),
        ("identifier", numbers(2)[1]),
        ("phone", "1380000123"),
        ("phone", numbers(1)[0]),  # another field's value
    ],
)
async def test_nobody_else_is_found(one_desk: Desk, name: str, value: str) -> None:
    await given(one_desk)
    assert await one_desk.ids("Patient", (name, value)) == []


async def test_case_and_width_do_not_matter_in_a_street(one_desk: Desk) -> None:
    written = await one_desk.create(**patient(address=[{"line": ["Ｅxample Road 7"]}]))
    for typed in ("example", "EXAMPLE ROAD", "Example road 7"):
        assert await one_desk.ids("Patient", ("address", typed)) == [written.id], typed
    assert await one_desk.ids("Patient", ("address:missing", "false")) == [written.id]


async def test_a_long_address_is_compared_by_its_first_characters(one_desk: Desk) -> None:
    long = "x" * (BLIND_PREFIX_LENGTH_MAX + 20)
    written = await one_desk.create(**patient(address=[{"line": [long]}]))
    assert await one_desk.ids("Patient", ("address", long)) == [written.id]
    assert await one_desk.ids("Patient", ("address", long[: BLIND_PREFIX_LENGTH_MAX - 1] + "y")) == []


async def test_a_part_within_an_encrypted_address_is_refused_by_name(one_desk: Desk) -> None:
    with pytest.raises(Refusal, match=r"search-not-supported.*part-of-what-is-encrypted"):
        await one_desk.ids("Patient", ("address:contains", "大道"))


async def test_an_organisations_address_is_public_and_found_by_any_part(one_desk: Desk) -> None:
    written = await one_desk.create(
        resourceType="Organization", name="示例医院", address=[{"line": [STREET], "city": "成都市"}]
    )
    assert await one_desk.ids("Organization", ("address:contains", "大道")) == [written.id]


async def test_addresses_sort_by_what_may_be_read(one_desk: Desk) -> None:
    made = [
        (await one_desk.create(**patient(address=[{"line": [f"Road {9 - n}"], "city": city}]))).id
        for n, city in enumerate(["b", "c", "a"])
    ]
    page = await one_desk.search("Patient", _sort="address")
    assert [record.id for record in page.records] == [made[2], made[0], made[1]]


async def test_no_table_shows_a_number_a_telephone_or_a_street(desk: Desk) -> None:
    logical_id = await given(desk)
    await desk.update(logical_id, **patient(identifier=[{"value": numbers(3)[2]}], address=[{"city": "成都市"}]))
    for name, value in (("identifier", numbers(1)[0]), ("phone", "13800001234"), ("address", STREET)):
        await desk.ids("Patient", (name, value))
    await desk.ids("Observation", ("subject:identifier", f"{SYSTEM}|{numbers(1)[0]}"))
    await desk.ids("Patient", ("name", numbers(1)[0]))  # typed into the wrong field
    said = await everything(desk.database)
    for secret in (numbers(1)[0], numbers(3)[2], numbers(1)[0][-4:], "13800001234", STREET, STREET[:5]):
        assert secret not in said
        assert secret.encode().hex() not in said
    assert "成都市" in said  # a city is not what finds a house


async def test_the_trace_can_be_asked_who_looked_for_a_number_by_who_holds_the_key(one_desk: Desk) -> None:
    await one_desk.store.search(WHO, WHY, SearchRequest(type="Patient", parameters=(("identifier", numbers(1)[0]),)))
    await one_desk.store.search(WHO, WHY, SearchRequest(type="Patient", parameters=(("identifier", numbers(1)[0]),)))
    async with one_desk.database.connection("owner") as owner:
        rows = await owner.all(Query.composed("told", "select query from audit where interaction = 'search'"))
    assert len(rows) == 2
    assert len({row[0] for row in rows}) == 1
    assert rows[0][0].startswith("identifier=~")


async def test_a_thief_who_knows_every_number_but_not_the_key_finds_none(one_desk: Desk) -> None:
    """The dictionary attack: a thousand numbers, one of which is in the index, hashed in every way one might guess."""
    await given(one_desk)
    preparer, _ = await open_parts(one_desk.database, KEYS)
    parameter = definitions().search_parameter("Patient", "identifier")
    assert parameter is not None
    async with one_desk.database.connection("owner") as owner:
        stolen = {
            bytes.fromhex(str(row[0]).replace("-", ""))
            for row in await owner.all(Query.composed("all", "select hash::text from identifier"))
        }
        wrapped = [bytes(row[0]) for row in await owner.all(Query.composed("keys", "select wrapped from vault_key"))]
    for number in numbers(1_000):
        for text in (number, f"*\n{number}", f"|{SYSTEM}\n{number}", f"{SYSTEM}|{number}"):
            data = text.encode()
            guesses = [sm3(data), sha256(data).digest(), blake2b(data, digest_size=16).digest()]
            guesses += [hmac_sm3(key, data) for key in (b"", bytes(32), b"identifiers", *wrapped)]
            guesses += [identifier_hash(key, parameter.number, SYSTEM, number) for key in (bytes(32), *wrapped)]
            assert stolen.isdisjoint(guess[:16] for guess in guesses)
    # With the key the same list finds the one that is there, so the attack itself works.
    hits = [
        n for n in numbers(1_000) if identifier_hash(preparer.identifier_key, parameter.number, SYSTEM, n) in stolen
    ]
    assert hits == numbers(1)


async def test_equal_numbers_of_two_fields_have_unlike_hashes(one_desk: Desk) -> None:
    value = numbers(1)[0]
    await one_desk.create(**patient(identifier=[{"value": value}], telecom=[{"system": "phone", "value": value}]))
    async with one_desk.database.connection("owner") as owner:
        rows = await owner.all(Query.composed("all", "select param, hash from identifier"))
    by_parameter: dict[int, set[object]] = {}
    for parameter, hashed in rows:
        by_parameter.setdefault(parameter, set()).add(hashed)
    every = [hashed for hashes in by_parameter.values() for hashed in hashes]
    assert len(by_parameter) >= 3
    assert len(set(every)) == len(every)


async def everything(database: Database) -> str:
    """All rows of all tables, and bodies decompressed as far as anybody without a key can."""
    preparer, _ = await open_parts(database, KEYS)
    said = []
    async with database.connection("owner") as owner:
        for table in _INDEX:
            rows = await owner.all(Query.composed("rows", f"select to_jsonb(t)::text from {table} t"))  # noqa: S608
            said += [row[0] for row in rows]
        for table in ("resource", "history"):
            bodies = await owner.all(Query.composed("bodies", f"select body from {table} where body is not null"))  # noqa: S608
            for (body,) in bodies:
                whole = bytes(body)
                said.append(whole.decode("utf-8", "replace"))
                for at in range(len(whole)):
                    if whole[at] < 32:
                        said += _decompressed(preparer.sealer.codec, whole[at:])
    assert said
    return "\n".join(said)


def _decompressed(codec: Any, data: bytes) -> list[str]:
    try:
        return [codec.decompress(data).decode("utf-8", "replace")]
    except Refusal:
        return []
