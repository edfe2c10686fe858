"""Who may look for whom, and who decides: the tables of docs/rules/consent.md."""

from __future__ import annotations

from datetime import date

import pytest

from tianfu.apps.trust.model.people import Person, Say, Standing, say_of, standing_of

TODAY = date(2026, 11, 23)


def person(standing: Standing, born: date | None) -> Person:
    return Person(patients=("p",), name="单小满", sex="female", born=born, number_tail="", standing=standing)


ADULT, CHILD, FOURTEEN_TODAY, FOURTEEN_TOMORROW = (
    date(1991, 6, 9),
    date(2019, 5, 6),
    date(2012, 11, 23),
    date(2012, 11, 24),
)


@pytest.mark.parametrize(
    ("standing", "born", "say"),
    [
        (Standing.SELF, ADULT, Say.YES),
        (Standing.SELF, None, Say.YES),
        (Standing.SELF, FOURTEEN_TODAY, Say.YES),
        (Standing.SELF, FOURTEEN_TOMORROW, Say.GUARDIAN_DECIDES),
        (Standing.SELF, CHILD, Say.GUARDIAN_DECIDES),
        (Standing.GUARDIAN, CHILD, Say.YES),
        (Standing.GUARDIAN, FOURTEEN_TOMORROW, Say.YES),
        (Standing.GUARDIAN, FOURTEEN_TODAY, Say.PERSON_DECIDES),
        (Standing.GUARDIAN, None, Say.AGE_UNKNOWN),
        (Standing.PROXY, ADULT, Say.PERSON_DECIDES),
        (Standing.DESK, ADULT, Say.YES),
    ],
)
def test_who_decides(standing: Standing, born: date | None, say: Say) -> None:
    assert say_of(person(standing, born), TODAY) == say


@pytest.mark.parametrize(
    ("relationship", "age", "in_force", "standing"),
    [
        ({"MTH"}, 7, True, Standing.GUARDIAN),
        ({"GUARD"}, 17, True, Standing.GUARDIAN),
        ({"FTH"}, None, True, Standing.GUARDIAN),
        ({"MTH"}, 18, True, None),
        ({"MTH"}, 7, False, None),
        ({"HPOWATT"}, 80, True, Standing.PROXY),
        ({"HPOWATT"}, 80, False, None),
        ({"MTH", "HPOWATT"}, 30, True, Standing.PROXY),
        ({"AUNT"}, 7, True, None),
        ({"GRMTH"}, 7, True, None),
        (set(), 7, True, None),
    ],
)
def test_what_a_relative_is(relationship: set[str], age: int | None, in_force: bool, standing: Standing | None) -> None:
    assert standing_of(frozenset(relationship), age=age, is_in_force=in_force) == standing


def test_an_age_is_whole_years_and_a_birthday_counts() -> None:
    assert person(Standing.SELF, FOURTEEN_TODAY).age_on(TODAY) == 14
    assert person(Standing.SELF, FOURTEEN_TOMORROW).age_on(TODAY) == 13
    assert person(Standing.SELF, None).age_on(TODAY) is None
