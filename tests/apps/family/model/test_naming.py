"""Whom a person may name, for how long and for what."""

from __future__ import annotations

from datetime import date

import pytest

from tianfu.access.naming import NAMED_MAX, age_on, born_of, refuse_unless_may_name
from tianfu.apps.family.model.naming import What, guardianship_ends, read_wish
from tianfu.kernel.refusal import Refusal

TODAY = date(2026, 11, 23)
OWN = "13800001234"
FORM = {"name": "示例女儿", "telephone": "139 0000 5678", "until": "2027-03-01", "what": "ordinary"}


def test_a_wish_that_is_whole_is_read() -> None:
    wish = read_wish(FORM, own_telephone=OWN, today=TODAY)
    assert (wish.name, wish.telephone, wish.until) == ("示例女儿", "13900005678", date(2027, 3, 1))
    assert wish.what is What.ORDINARY


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"name": "  "}, ("name", "proxy-name-missing")),
        ({"name": "长" * 51}, ("name", "proxy-name-missing")),
        ({"telephone": "12345"}, ("telephone", "proxy-telephone")),
        ({"telephone": OWN}, ("telephone", "proxy-oneself")),
        ({"until": ""}, ("until", "proxy-until")),
        ({"until": "soon"}, ("until", "proxy-until")),
        ({"until": "2026-11-23"}, ("until", "proxy-until")),
        ({"until": "2027-11-24"}, ("until", "proxy-until")),
        ({"what": ""}, ("what", "proxy-what")),
        ({"what": "everything"}, ("what", "proxy-what")),
    ],
)
def test_each_field_says_what_is_wrong_with_it(changes: dict[str, str], fault: tuple[str, str]) -> None:
    with pytest.raises(Refusal, match="proxy-unusable") as refusal:
        read_wish({**FORM, **changes}, own_telephone=OWN, today=TODAY)
    assert [(each.path, each.code) for each in refusal.value.faults] == [fault]


@pytest.mark.parametrize("until", ["2026-11-24", "2027-11-23"])
def test_the_first_and_the_last_day_count(until: str) -> None:
    assert read_wish({**FORM, "until": until}, own_telephone=OWN, today=TODAY).until == date.fromisoformat(until)


@pytest.mark.parametrize(
    ("age", "standing", "code"),
    [
        (18, 0, None),
        (90, NAMED_MAX - 1, None),
        (17, 0, "proxy-not-of-age"),
        (None, 0, "proxy-not-of-age"),
        (40, NAMED_MAX, "too-many-proxies"),
    ],
)
def test_only_grown_people_name_and_no_crowd(age: int | None, standing: int, code: str | None) -> None:
    if code is None:
        refuse_unless_may_name(age, standing)
    else:
        with pytest.raises(Refusal, match=code):
            refuse_unless_may_name(age, standing)


@pytest.mark.parametrize(
    ("born", "ends"),
    [
        (date(2020, 5, 1), date(2034, 5, 1)),
        (date(2012, 11, 24), date(2026, 11, 24)),
        (date(2012, 11, 23), date(2030, 11, 23)),
        (date(2016, 2, 29), date(2030, 3, 1)),
        (date(2000, 1, 1), None),
        (None, None),
    ],
)
def test_a_guardian_sees_less_at_fourteen_and_nothing_at_eighteen(born: date | None, ends: date | None) -> None:
    assert guardianship_ends(born, TODAY) == ends


def test_years_are_whole() -> None:
    assert age_on(date(2008, 11, 24), TODAY) == 17
    assert age_on(date(2008, 11, 23), TODAY) == 18
    assert age_on(None, TODAY) is None


def test_whose_records_differ_counts_as_the_younger() -> None:
    assert born_of([None, date(2000, 5, 1), date(2010, 5, 1)]) == date(2010, 5, 1)
    assert born_of([None, None]) is None
