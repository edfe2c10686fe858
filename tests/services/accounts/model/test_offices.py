"""Who may appoint whom, where: a table of cases, and what holds for every tree."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tianfu.access.organisations import OrganisationTree, Unit
from tianfu.access.rules import roles
from tianfu.kernel.ids import record_number
from tianfu.kernel.refusal import Refusal
from tianfu.services.accounts.model.offices import (
    APPOINTER,
    OFFICES,
    STAFF_ROLES,
    refuse_unless_below,
    refuse_unless_holdable,
    refuse_unless_other,
)
from tianfu.services.accounts.model.people import Workplace

ABOVE = {
    "province": None,
    "city": "province",
    "other-city": "province",
    "county": "city",
    "hospital": "county",
    "ward": "hospital",
}


def tree_of(above: dict[str, str | None]) -> OrganisationTree:
    def number(name: str | None) -> int | None:
        return None if name is None else record_number("Organization", name)

    return OrganisationTree(
        Unit(number=record_number("Organization", name), part_of=number(part_of), is_inside=name == "ward")
        for name, part_of in above.items()
    )


def at(organisation: str, role: str = APPOINTER, account: str = "appointer") -> Workplace:
    return Workplace(id="w", account=account, organisation=organisation, role=role)


@pytest.mark.parametrize(
    ("own", "role", "organisation", "code"),
    [
        ("province", "security", "city", None),
        ("province", "administrator", "other-city", None),
        ("province", "officer", "ward", None),
        ("province", "security", "province", "not-below-you"),
        ("province", "officer", "province", "not-below-you"),
        ("province", "doctor", "province", None),
        ("city", "doctor", "hospital", None),
        ("city", "nurse", "ward", None),
        ("city", "registrar", "city", None),
        ("city", "doctor", "province", "not-below-you"),
        ("city", "doctor", "other-city", "not-below-you"),
        ("city", "security", "county", None),
        ("city", "security", "city", "not-below-you"),
        ("hospital", "administrator", "city", "not-below-you"),
        ("ward", "doctor", "hospital", "not-below-you"),
        ("ward", "doctor", "ward", None),
        ("city", "doctor", "nowhere", "not-below-you"),
        ("nowhere", "doctor", "nowhere", None),
        ("nowhere", "officer", "nowhere", "not-below-you"),
    ],
)
def test_staff_are_appointed_here_and_below_and_offices_below(
    own: str, role: str, organisation: str, code: str | None
) -> None:
    assert code_of(lambda: refuse_unless_below(at(own), role, organisation, tree_of(ABOVE))) == code


@pytest.mark.parametrize("role", sorted(STAFF_ROLES | OFFICES - {APPOINTER}))
def test_only_the_security_administrator_appoints(role: str) -> None:
    refusal = code_of(lambda: refuse_unless_below(at("province", role), "doctor", "ward", tree_of(ABOVE)))
    assert refusal == "appointing-not-yours"


@pytest.mark.parametrize(
    ("role", "held", "code"),
    [
        ("doctor", [], None),
        ("doctor", ["doctor"], None),
        ("nurse", ["doctor", "researcher"], None),
        ("officer", [], None),
        ("officer", ["officer"], "two-offices"),
        ("officer", ["security"], "two-offices"),
        ("security", ["administrator"], "two-offices"),
        ("administrator", ["officer"], "two-offices"),
        ("officer", ["doctor"], "office-stands-alone"),
        ("doctor", ["officer"], "office-stands-alone"),
        ("system", [], "role-not-given"),
        ("desk", [], "role-not-given"),
        ("citizen", [], "role-not-given"),
        ("hospital-system", [], "role-not-given"),
        ("nobody", [], "role-not-given"),
        ("", [], "role-not-given"),
        ("Doctor", [], "role-not-given"),
    ],
)
def test_nobody_holds_two_offices_or_an_office_beside_care(role: str, held: list[str], code: str | None) -> None:
    assert code_of(lambda: refuse_unless_holdable(role, held)) == code


def test_nobody_appoints_himself() -> None:
    assert code_of(lambda: refuse_unless_other(at("province", account="me"), "me")) == "appointing-oneself"
    assert code_of(lambda: refuse_unless_other(at("province", account="me"), "you")) is None


def test_every_role_with_rules_is_an_office_a_staff_role_or_no_persons_workplace() -> None:
    assert set(roles()) == OFFICES | STAFF_ROLES | {"desk", "system", "citizen", "hospital-system"}


NAMES = [f"unit-{number}" for number in range(8)]


@given(st.lists(st.sampled_from([None, *NAMES]), min_size=8, max_size=8), st.data())
def test_whoever_appoints_below_reaches_nothing_that_is_not_below_even_in_a_ring(
    above: list[str | None], data: st.DataObject
) -> None:
    parts = dict(zip(NAMES, above, strict=True))
    own, wanted = data.draw(st.sampled_from(NAMES)), data.draw(st.sampled_from(NAMES))
    allowed = code_of(lambda: refuse_unless_below(at(own), "doctor", wanted, tree_of(parts))) is None
    assert allowed == (own in way_up(wanted, parts))


def way_up(name: str, parts: dict[str, str | None]) -> set[str]:
    """A unit and everything above it, walked the other way than the program does."""
    seen: set[str] = set()
    here: str | None = name
    while here is not None and here not in seen:
        seen.add(here)
        here = parts[here]
    return seen


def code_of(work: object) -> str | None:
    try:
        work()  # type: ignore[operator]  # any function without arguments
    except Refusal as refusal:
        return refusal.code
    return None
