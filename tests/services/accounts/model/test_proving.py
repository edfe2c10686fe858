"""Which proofs are enough for whom."""

from __future__ import annotations

from itertools import chain, combinations

import pytest

from tianfu.services.accounts.model.offices import OFFICES, STAFF_ROLES
from tianfu.services.accounts.model.people import Kind, Method
from tianfu.services.accounts.model.proving import SECOND_FACTORS, Proof, steps_up, worth

PASSWORD, TOTP, TELEPHONE = Method.PASSWORD, Method.TOTP, Method.TELEPHONE
PASSKEY, RECOVERY, OUTSIDE = Method.PASSKEY, Method.RECOVERY, Method.OUTSIDE
OUTSIDE_FIRST = Method.OUTSIDE_FIRST
EVERY_SET = [
    frozenset(each) for each in chain.from_iterable(combinations(Method, size) for size in range(len(Method) + 1))
]


@pytest.mark.parametrize(
    ("role", "methods", "has_second_factor", "expected"),
    [
        ("doctor", {PASSWORD}, False, Proof.SET_UP),
        ("doctor", {PASSWORD}, True, Proof.MORE),
        ("doctor", {PASSWORD, TOTP}, True, Proof.ENOUGH),
        ("doctor", {PASSWORD, RECOVERY}, True, Proof.ENOUGH),
        ("doctor", {PASSKEY}, True, Proof.ENOUGH),
        ("doctor", {OUTSIDE}, False, Proof.ENOUGH),
        ("doctor", {OUTSIDE_FIRST}, False, Proof.SET_UP),
        ("doctor", {OUTSIDE_FIRST}, True, Proof.MORE),
        ("doctor", {OUTSIDE_FIRST, PASSWORD}, True, Proof.MORE),
        ("doctor", {OUTSIDE_FIRST, TOTP}, True, Proof.ENOUGH),
        ("security", {OUTSIDE_FIRST}, False, Proof.SET_UP),
        ("security", {OUTSIDE_FIRST}, True, Proof.MORE),
        ("doctor", {TOTP}, True, Proof.NOTHING),
        ("doctor", {RECOVERY}, True, Proof.NOTHING),
        ("doctor", {TELEPHONE}, True, Proof.NOTHING),
        ("doctor", set(), False, Proof.NOTHING),
        ("security", {PASSWORD}, False, Proof.SET_UP),
        ("security", {PASSWORD}, True, Proof.MORE),
        ("security", {PASSWORD, TELEPHONE}, True, Proof.MORE),
        ("security", {PASSWORD, TOTP}, True, Proof.ENOUGH),
        ("security", {PASSKEY}, True, Proof.ENOUGH),
        ("administrator", {OUTSIDE}, False, Proof.SET_UP),
        ("officer", {OUTSIDE}, True, Proof.MORE),
        ("officer", {OUTSIDE, TOTP}, True, Proof.ENOUGH),
        ("officer", {OUTSIDE, PASSWORD}, True, Proof.MORE),
    ],
)
def test_staff_need_two_factors_or_a_passkey(
    role: str, methods: set[Method], has_second_factor: bool, expected: Proof
) -> None:
    assert worth(Kind.STAFF, role, methods, has_second_factor=has_second_factor) is expected


@pytest.mark.parametrize(
    ("methods", "expected"),
    [
        ({TELEPHONE}, Proof.ENOUGH),
        ({PASSKEY}, Proof.ENOUGH),
        ({OUTSIDE}, Proof.ENOUGH),
        ({OUTSIDE_FIRST}, Proof.ENOUGH),
        ({PASSWORD}, Proof.NOTHING),
        ({PASSWORD, TOTP}, Proof.NOTHING),
        (set(), Proof.NOTHING),
    ],
)
def test_a_resident_needs_his_telephone_or_a_passkey(methods: set[Method], expected: Proof) -> None:
    assert worth(Kind.RESIDENT, None, methods, has_second_factor=False) is expected


@pytest.mark.parametrize("methods", EVERY_SET, ids=lambda each: "+".join(sorted(each)) or "nothing")
@pytest.mark.parametrize("role", sorted(OFFICES))
def test_no_single_factor_opens_an_office(role: str, methods: frozenset[Method]) -> None:
    if worth(Kind.STAFF, role, methods, has_second_factor=True) is Proof.ENOUGH:
        assert PASSKEY in methods or (methods & SECOND_FACTORS and methods & {PASSWORD, OUTSIDE, OUTSIDE_FIRST})


@pytest.mark.parametrize("methods", EVERY_SET, ids=lambda each: "+".join(sorted(each)) or "nothing")
@pytest.mark.parametrize("role", sorted(OFFICES | STAFF_ROLES))
def test_one_more_proof_never_makes_less(role: str, methods: frozenset[Method]) -> None:
    order = [Proof.NOTHING, Proof.MORE, Proof.ENOUGH]
    before = order.index(worth(Kind.STAFF, role, methods, has_second_factor=True))
    for more in Method:
        assert order.index(worth(Kind.STAFF, role, methods | {more}, has_second_factor=True)) >= before


@pytest.mark.parametrize(
    ("kind", "method", "has_second_factor", "expected"),
    [
        (Kind.RESIDENT, TELEPHONE, False, True),
        (Kind.RESIDENT, PASSKEY, True, True),
        (Kind.RESIDENT, PASSWORD, False, False),
        (Kind.STAFF, PASSWORD, False, True),
        (Kind.STAFF, PASSWORD, True, False),
        (Kind.STAFF, TOTP, True, True),
        (Kind.STAFF, PASSKEY, True, True),
        (Kind.STAFF, RECOVERY, True, False),
        (Kind.STAFF, TELEPHONE, True, False),
        (Kind.STAFF, OUTSIDE, True, False),
        (Kind.STAFF, OUTSIDE_FIRST, False, False),
    ],
)
def test_whoever_has_a_second_factor_steps_up_by_it(
    kind: Kind, method: Method, has_second_factor: bool, expected: bool
) -> None:
    assert steps_up(kind, method, has_second_factor=has_second_factor) is expected
