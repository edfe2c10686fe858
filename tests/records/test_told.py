"""The trace of a search holds nothing in clear that tells who somebody is."""

from __future__ import annotations

import pytest

from tianfu.records.told import told_query, told_value

KEY = b"k" * 32


@pytest.mark.parametrize(
    "name",
    [
        "identifier",
        "identifier:exact",
        "name",
        "family:exact",
        "given:contains",
        "phonetic",
        "phone",
        "telecom",
        "email",
        "address",
        "address-city",
        "birthdate",
        "subject:identifier",
        "subject:Patient.name",
        "patient.identifier",
        "_has:Patient:link:family",
        "_filter",
        "colour",
        "nam",
    ],
)
def test_what_tells_who_somebody_is_stands_as_its_digest(name: str) -> None:
    told = told_value(KEY, name, "made-up-value")
    assert "made-up-value" not in told
    assert told.startswith("~")
    assert told == told_value(KEY, name, "made-up-value")
    assert told != told_value(b"other" * 8, name, "made-up-value")


@pytest.mark.parametrize(
    ("name", "value"),
    [("_id", "p1"), ("gender", "female"), ("code", "http://loinc.org|29463-7"), ("date", "ge2020"), ("_count", "5")],
)
def test_what_is_about_nobody_stays_readable(name: str, value: str) -> None:
    assert told_value(KEY, name, value) == value


def test_a_character_that_no_database_keeps_is_replaced() -> None:
    assert told_query(KEY, [("_id", "a\0b")]) == "_id=a\ufffdb"
