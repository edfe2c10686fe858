"""What is typed about a member of staff, and which roles a page offers."""

from __future__ import annotations

import pytest

from tests.services.accounts.conftest import CITY, HOSPITAL, OTHER, TREE, WARD
from tianfu.apps.administration.model.posts import (
    ROLES,
    read_joining,
    read_post,
    roles_to_offer,
    years_of_practice,
)
from tianfu.kernel.refusal import Refusal
from tianfu.services.accounts.model.offices import OFFICES, STAFF_ROLES
from tianfu.services.accounts.model.people import Workplace

YEAR = 2026
GOOD = {
    "name": "Bei Demo",
    "number": "b100",
    "organisation": "hospital",
    "role": "doctor",
    "title": "",
    "licence": " 110 ",
    "practising_since": "2016",
    "practitioner": "",
}


def place(role: str, organisation: str, since: int | None = None) -> Workplace:
    return Workplace(id="w", account="a", organisation=organisation, role=role, practising_since=since)


def test_pages_list_every_role_that_can_be_given() -> None:
    assert len(ROLES) == len(set(ROLES))
    assert set(ROLES) == OFFICES | STAFF_ROLES


def test_what_was_left_empty_is_nothing() -> None:
    person, wish = read_joining(GOOD, year=YEAR)
    assert (person.name, wish.title, wish.licence, wish.practising_since) == ("Bei Demo", None, "110", 2016)


@pytest.mark.parametrize(
    ("field", "text", "code"),
    [
        ("name", " ", "staff-name-missing"),
        ("name", "x" * 101, "staff-name-unreadable"),
        ("name", "a\u202eb", "staff-name-unreadable"),
        ("number", "", "staff-number-missing"),
        ("number", "a b c!", "staff-number-malformed"),
        ("organisation", "", "organisation-missing"),
        ("organisation", "../x", "organisation-missing"),
        ("role", "", "role-missing"),
        ("role", "citizen", "role-missing"),
        ("role", "desk", "role-missing"),
        ("licence", "x" * 101, "entry-too-long"),
        ("title", "a\nb", "entry-too-long"),
        ("practising_since", "1955", "practising-year-odd"),
        ("practising_since", "2027", "practising-year-odd"),
        ("practising_since", "²016", "practising-year-odd"),
        ("practitioner", "a/b", "practitioner-malformed"),
    ],
)
def test_each_field_says_what_is_wrong_with_it(field: str, text: str, code: str) -> None:
    with pytest.raises(Refusal) as refusal:
        read_joining({**GOOD, field: text}, year=YEAR)
    assert [(each.path, each.code) for each in refusal.value.faults] == [(field, code)]


def test_a_post_alone_needs_no_name() -> None:
    assert read_post({**GOOD, "name": "", "number": ""}, year=YEAR).role == "doctor"


@pytest.mark.parametrize(
    ("appointer", "where", "roles"),
    [
        (place("security", CITY), CITY, STAFF_ROLES),
        (place("security", CITY), HOSPITAL, STAFF_ROLES | OFFICES),
        (place("security", CITY), WARD, STAFF_ROLES | OFFICES),
        (place("security", CITY), OTHER, frozenset()),
        (place("administrator", CITY), HOSPITAL, frozenset()),
    ],
)
def test_offered_is_what_may_be_given(appointer: Workplace, where: str, roles: frozenset[str]) -> None:
    assert set(roles_to_offer(appointer, where, TREE)) == roles


def test_years_of_practice_are_counted_from_the_year_that_was_told() -> None:
    assert years_of_practice(place("doctor", CITY, 2016), year=YEAR) == 10
    assert years_of_practice(place("doctor", CITY), year=YEAR) is None
