"""Whose relations count for a caller: his unit, what is below it, and his institution; never what supervises it."""

from __future__ import annotations

import pytest

from tests.access.made import DOCTOR, HOSPITAL, MOTHER
from tianfu.access.caller import Caller
from tianfu.access.organisations import NO_ORGANISATIONS, OrganisationTree, Unit, actors_of, is_inside_type
from tianfu.access.relation import OFFICERS
from tianfu.kernel.ids import record_number


def number(name: str) -> int:
    return record_number("Organization", name)


UNITS = {
    "bureau": (None, False),
    "hospital": ("bureau", False),
    "campus": ("hospital", False),
    "cardiology": ("hospital", True),
    "ward-one": ("cardiology", True),
    "other-hospital": ("bureau", False),
    "lost-department": ("not-here", True),
    "ring-a": ("ring-b", True),
    "ring-b": ("ring-a", True),
}
TREE = OrganisationTree(
    Unit(number=number(name), part_of=number(above) if above else None, is_inside=inside)
    for name, (above, inside) in UNITS.items()
)


@pytest.mark.parametrize(
    ("unit", "count"),
    [
        ("ward-one", {"ward-one", "cardiology", "hospital"}),
        ("cardiology", {"ward-one", "cardiology", "hospital"}),
        ("hospital", {"hospital", "campus", "cardiology", "ward-one"}),
        ("campus", {"campus"}),
        ("bureau", {"bureau", "hospital", "campus", "cardiology", "ward-one", "other-hospital"}),
        ("other-hospital", {"other-hospital"}),
        ("lost-department", {"lost-department", "not-here"}),
        ("never-written", {"never-written"}),
        ("ring-a", {"ring-a", "ring-b"}),
    ],
)
def test_units_that_count(unit: str, count: set[str]) -> None:
    assert set(actors_of(Caller(id="x", role="doctor", organisation=unit), TREE)) == set(map(number, count))


def test_the_practitioner_and_the_related_persons_count_too() -> None:
    someone = Caller(id="x", role="doctor", organisation="hospital", practitioner="chen", related=("mother",))
    assert set(actors_of(someone, NO_ORGANISATIONS)) == {HOSPITAL, DOCTOR, MOTHER}
    assert actors_of(Caller(id="x", role="citizen"), TREE) == ()


def test_departments_and_teams_are_inside_an_institution() -> None:
    system = "http://terminology.hl7.org/CodeSystem/organization-type"
    assert is_inside_type([("", "dept"), (system, "dept")])
    assert is_inside_type([(system, "team")])
    assert not is_inside_type([(system, "prov"), (system, "govt")])
    assert not is_inside_type([])


def test_an_officer_is_one_of_the_officers_of_the_province() -> None:
    assert actors_of(Caller(id="x", role="officer"), TREE) == (OFFICERS,)
    assert OFFICERS not in actors_of(Caller(id="x", role="doctor", organisation="hospital"), TREE)
