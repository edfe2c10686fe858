"""Dates at the ends of the calendar, and lives without any: a page is shown all the same."""

from __future__ import annotations

import html
import re
from typing import Any

import pytest
from litestar.testing import TestClient

from tests.apps.lifelong.made_up import measured, patient, visit
from tests.apps.lifelong.memory_store import MemoryStore

Browser = TestClient[Any]

LIFE = "/lifelong/people/odd"


def given(store: MemoryStore, *records: dict[str, Any], **person: Any) -> None:
    store.put({**patient("odd", "odd", "温知夏", number=None), **person})
    store.put(visit("usual", "2020-01-01", "门诊", of="odd"), *records)


@pytest.mark.parametrize("density", ["clinician", "citizen"])
@pytest.mark.parametrize(
    "person",
    [
        {"birthDate": "0001"},
        {"birthDate": "0001-01-01"},
        {"birthDate": "9998-12-31"},
        {"birthDate": "9999"},
        {"birthDate": "9999-12-31"},
        {"deceasedDateTime": "9999-12-31"},
        {"deceasedDateTime": "9999-12-31T23:59:59Z"},
        {"deceasedDateTime": "0001-01-01"},
    ],
)
def test_person_with_a_date_at_the_end_of_the_calendar_is_shown(
    browser: Browser, store: MemoryStore, density: str, person: dict[str, Any]
) -> None:
    browser.cookies.set("look", f"light.{density}.off")
    given(store, **person)
    assert browser.get(LIFE).status_code == 200
    assert browser.get(f"{LIFE}/trend").status_code == 200
    assert browser.get("/lifelong/records/Patient/odd").status_code == 200


@pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31T23:59:59Z", "9999-12-31"])
@pytest.mark.parametrize("density", ["clinician", "citizen"])
def test_record_with_a_date_at_the_end_of_the_calendar_is_shown(
    browser: Browser, store: MemoryStore, density: str, day: str
) -> None:
    browser.cookies.set("look", f"light.{density}.off")
    subject = {"subject": {"reference": "Patient/odd"}}
    taken = {
        "resourceType": "MedicationStatement",
        "id": "taken",
        "status": "active",
        "medicationCodeableConcept": {"text": "叶酸片"},
        "effectivePeriod": {"start": "2020-01-01", "end": day},
        **subject,
    }
    stay = {**visit("stay", "2020-01-01", "住院", of="odd"), "period": {"start": "2020-01-01", "end": day}}
    value = measured("value", "2020-01-01", "29463-7", "体重", 60, "kg", effectiveDateTime=day, **subject)
    given(store, taken, stay, value)
    assert browser.get(LIFE).status_code == 200
    assert browser.get(f"{LIFE}?measure=http://loinc.org|29463-7").status_code == 200
    for record in ("MedicationStatement/taken", "Encounter/stay", "Observation/value"):
        assert browser.get(f"/lifelong/records/{record}").status_code == 200


def test_values_as_large_as_numbers_go_are_drawn(browser: Browser, store: MemoryStore) -> None:
    subject = {"subject": {"reference": "Patient/odd"}}
    values = [
        measured(f"v{number}", f"2020-01-0{number}", "29463-7", "体重", value, "kg", **subject)
        for number, value in enumerate((1e308, -1e308, 0, 5e-324), 1)
    ]
    given(store, *values)
    assert browser.get(f"{LIFE}/trend?measure=http://loinc.org|29463-7").status_code == 200
    assert browser.get(LIFE).status_code == 200


@pytest.mark.parametrize("dated", [0, 3, 130])
def test_many_undated_records_are_all_reached(browser: Browser, store: MemoryStore, dated: int) -> None:
    given(store)
    store.put(*(visit(f"d{n}", f"2019-{n % 12 + 1:02}-{n % 28 + 1:02}", f"门诊{n}", of="odd") for n in range(dated)))
    undated = [visit(f"u{n}", "2019-01-01", f"急诊{n}", of="odd") for n in range(300)]
    store.put(*({name: value for name, value in one.items() if name != "period"} for one in undated))
    seen: list[str] = []
    address: str | None = LIFE
    while address:
        page = browser.get(address).text
        seen += re.findall("(?:门诊|急诊)[0-9]+", page)
        more = re.search(r'href="([^"]+)" rel="next"', page)
        address = html.unescape(more[1]) if more else None
    assert len(set(seen)) == 300 + dated
