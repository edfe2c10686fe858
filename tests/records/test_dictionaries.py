"""Dictionaries keep every body readable, and hold nothing of a real person."""

from __future__ import annotations

import re

import pytest
from tests.records.made import KEYS

from tianfu.db import Database, Query
from tianfu.kernel.refusal import Refusal
from tianfu.records.codec import DICTIONARY_FIRST, Codec
from tianfu.records.dictionaries import committed
from tianfu.records.opening import open_parts

STORED = b'\n"status":"final","code":{"coding":[{"system":"http://loinc.org","code":"8302-2"}]},"issued":"2020-01-02"'


def test_every_body_comes_back_as_it_was() -> None:
    codec = Codec(tuple(committed()))
    for dictionary in committed():
        body = codec.compress(dictionary.resource_type, STORED)
        assert body[0] == dictionary.number
        assert codec.decompress(body) == STORED


def test_a_body_with_an_unknown_dictionary_is_refused() -> None:
    with pytest.raises(Refusal, match="body-unreadable"):
        Codec(()).decompress(bytes([DICTIONARY_FIRST]) + b"whatever")


def test_each_type_has_one_dictionary_of_at_most_32_kilobytes() -> None:
    found = list(committed())
    assert found
    assert len({each.number for each in found}) == len({each.name for each in found}) == len(found)
    assert all(len(each.bytes) <= 32 * 1024 for each in found)


def test_dictionaries_hold_only_text_of_the_demo_province() -> None:
    for dictionary in committed():
        text = dictionary.bytes.decode("utf-8", "replace")
        addresses = set(re.findall(r'"system":"([a-z]+:[^"]+)"', text))
        assert "synthea" not in text.lower()
        assert not re.search(r"urn:bench|us-core|hospital\.smarthealthit", text), dictionary.name
        assert all(address.isascii() for address in addresses)


@pytest.mark.anyio
async def test_a_store_enters_them_once_and_never_changes_them(database: Database) -> None:
    await open_parts(database, KEYS)
    async with database.connection("owner") as owner:
        first = await owner.all(Query.composed("all", "select number, name, bytes from dictionary order by number"))
        await open_parts(database, KEYS)
        assert (
            await owner.all(Query.composed("all", "select number, name, bytes from dictionary order by number"))
            == first
        )
    assert [row[0] for row in first] == [each.number for each in committed()]
