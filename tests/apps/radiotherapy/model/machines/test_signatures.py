"""Who answers for a machine, and what it may be used for then."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import get_args

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from demo.radiotherapy.machines import made_beam
from hypothesis import given, settings
from hypothesis import strategies as st

from tianfu.apps.radiotherapy.model.machines.generic import generic_linac
from tianfu.apps.radiotherapy.model.machines.machines import Commissioning, Kind, Machine, Measurement
from tianfu.apps.radiotherapy.model.machines.signatures import (
    Signatory,
    Signature,
    approval_of,
    read_signature,
    sign_machine,
    write_signature,
)
from tianfu.apps.radiotherapy.model.machines.uses import refuse_unless_for
from tianfu.apps.radiotherapy.model.machines.writing import fingerprint_of
from tianfu.kernel.instants import Instant
from tianfu.kernel.refusal import Refusal

LIN, CHEN, STRANGER = b"1" * 32, b"2" * 32, b"3" * 32
FRIDAY, SATURDAY, SUNDAY = Instant(1_000), Instant(2_000), Instant(3_000)


def public(private: bytes) -> bytes:
    return Ed25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw()


PEOPLE = {
    "Lin": Signatory(name="Lin", roles=frozenset({"physicist"}), public_key=public(LIN), until=None),
    "Chen": Signatory(name="Chen", roles=frozenset({"physicist", "approver"}), public_key=public(CHEN), until=None),
}


@cache
def generic() -> Machine:
    return generic_linac(made_beam(spacing_mm=10.0))


@cache
def commissioned() -> Machine:
    """As if somebody had measured it."""
    measurements = tuple(
        Measurement(
            kind=kind,
            what=kind,
            set_up={},
            unit="%",
            modelled=100.0,
            modelled_by="said",
            measured=101.0,
            tolerance=1.0,
            mark="measured",
        )
        for kind in get_args(Kind)
    )
    commissioning = Commissioning(by="Lin", at=FRIDAY, measurements=measurements)
    return replace(generic(), purpose="clinical", commissioning=commissioning)


def by_lin(machine: Machine, at: Instant = SATURDAY) -> Signature:
    return sign_machine(machine, signer="Lin", role="physicist", at=at, private_key=LIN)


def by_chen(machine: Machine, at: Instant = SUNDAY) -> Signature:
    return sign_machine(machine, signer="Chen", role="approver", at=at, private_key=CHEN)


@cache
def both() -> tuple[Signature, ...]:
    return by_lin(commissioned()), by_chen(commissioned())


def code_of(act: Callable[[], object]) -> str:
    with pytest.raises(Refusal) as refused:
        act()
    return refused.value.code


def code_of_approval(*signatures: Signature, people: dict[str, Signatory] = PEOPLE) -> str:
    return code_of(lambda: approval_of(commissioned(), signatures, people))


def code_of_clinical_use(machine: Machine, signatures: tuple[Signature, ...]) -> str:
    return code_of(lambda: refuse_unless_for("clinical", machine, signatures=signatures, people=PEOPLE))


def test_two_persons_make_an_approval() -> None:
    approval = approval_of(commissioned(), both(), PEOPLE)
    assert (approval.physicist, approval.approver, approval.approved_at) == ("Lin", "Chen", SUNDAY)
    assert approval.fingerprint == fingerprint_of(commissioned())
    refuse_unless_for("clinical", commissioned(), signatures=both(), people=PEOPLE)


def test_a_machine_without_anything_is_for_demonstrations_alone() -> None:
    refuse_unless_for("demonstration", generic(), signatures=(), people={})
    assert code_of_clinical_use(generic(), ()) == "machine-only-for-demonstration"
    assert code_of_clinical_use(replace(generic(), purpose="clinical"), ()) == "machine-not-commissioned"
    assert code_of_clinical_use(commissioned(), ()) == "machine-not-signed"


def test_a_machine_that_is_not_sound_is_for_nothing() -> None:
    broken = replace(generic(), version=0)
    assert (
        code_of(lambda: refuse_unless_for("demonstration", broken, signatures=(), people={})) == "machine-out-of-range"
    )


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"tolerance": 0.5}, "measurement-out-of-tolerance"),
        ({"measured": float("nan")}, "measurement-out-of-tolerance"),
        ({"mark": "memory"}, "measurement-not-measured"),
        ({"kind": "profile"}, "commissioning-incomplete"),
    ],
)
def test_nobody_can_sign_what_was_not_measured_well(change: dict[str, object], code: str) -> None:
    commissioning = commissioned().commissioning
    assert commissioning is not None
    first, *others = commissioning.measurements
    worse = replace(commissioning, measurements=(replace(first, **change), *others))
    assert code_of(lambda: by_lin(replace(commissioned(), commissioning=worse))) == code
    assert code_of(lambda: approval_of(replace(commissioned(), commissioning=worse), both(), PEOPLE)) == code


@settings(max_examples=40, deadline=None)
@given(place=st.integers(0, 18 * 3 * 3 - 1), bit=st.integers(0, 63))
def test_one_bit_of_the_kernels_voids_both_signatures(place: int, bit: int) -> None:
    kernels = commissioned().beam.kernels.copy()
    kernels.reshape(-1).view(np.uint64)[place] ^= np.uint64(1 << bit)
    changed = replace(commissioned(), beam=replace(commissioned().beam, kernels=kernels))
    if not np.isfinite(kernels).all():
        return  # written by nobody
    for signature in both():
        assert code_of(lambda one=signature: approval_of(changed, (one,), PEOPLE)) == "signature-of-another-machine"


def test_another_version_must_be_signed_anew() -> None:
    assert code_of_clinical_use(replace(commissioned(), version=2), both()) == "signature-of-another-machine"


@settings(max_examples=40, deadline=None)
@given(place=st.integers(0, 63), bit=st.integers(0, 7))
def test_a_signature_with_a_wrong_bit_is_false(place: int, bit: int) -> None:
    value = bytearray(both()[0].value)
    value[place] ^= 1 << bit
    assert code_of_approval(replace(both()[0], value=bytes(value)), both()[1]) == "signature-false"


@pytest.mark.parametrize("change", [{"at": SUNDAY}, {"role": "physicist", "signer": "Chen"}, {"value": b""}])
def test_what_is_said_in_a_signature_is_signed(change: dict[str, object]) -> None:
    assert code_of_approval(replace(both()[0], **change), both()[1]) == "signature-false"


def test_a_stranger_and_a_strangers_key_do_not_count() -> None:
    forged = sign_machine(commissioned(), signer="Lin", role="physicist", at=SATURDAY, private_key=STRANGER)
    assert code_of_approval(forged, both()[1]) == "signature-false"
    assert code_of_approval(*both(), people={"Lin": PEOPLE["Lin"]}) == "signer-not-known"
    assert code_of_approval(*both(), people={**PEOPLE, "Chen": PEOPLE["Lin"]}) == "signer-not-known"


def test_one_person_cannot_be_both() -> None:
    alone = replace(commissioned(), commissioning=replace(commissioned().commissioning, by="Chen"))
    first = sign_machine(alone, signer="Chen", role="physicist", at=SATURDAY, private_key=CHEN)
    assert code_of(lambda: approval_of(alone, (first, by_chen(alone)), PEOPLE)) == "machine-signed-by-one-person"


def test_one_key_under_two_names_is_one_person() -> None:
    people = {**PEOPLE, "Wu": Signatory(name="Wu", roles=frozenset({"approver"}), public_key=public(LIN), until=None)}
    second = sign_machine(commissioned(), signer="Wu", role="approver", at=SUNDAY, private_key=LIN)
    assert code_of_approval(both()[0], second, people=people) == "machine-signed-by-one-person"


def test_each_signs_in_a_role_that_is_his() -> None:
    lin = sign_machine(commissioned(), signer="Lin", role="approver", at=SUNDAY, private_key=LIN)
    assert code_of_approval(both()[0], lin) == "signer-without-role"


@pytest.mark.parametrize("place", [0, 1])
def test_one_signature_is_not_enough(place: int) -> None:
    assert code_of_approval(both()[place]) == "machine-not-signed"


def test_the_physicist_who_commissioned_it_signs() -> None:
    other = replace(commissioned(), commissioning=replace(commissioned().commissioning, by="Wu"))
    assert code_of(lambda: approval_of(other, (by_lin(other), by_chen(other)), PEOPLE)) == "signer-not-commissioner"


@pytest.mark.parametrize(("first", "second"), [(SUNDAY, SATURDAY), (Instant(0), SUNDAY)])
def test_measured_then_signed_then_approved(first: Instant, second: Instant) -> None:
    signatures = by_lin(commissioned(), at=first), by_chen(commissioned(), at=second)
    assert code_of_approval(*signatures) == "signed-out-of-order"


def test_a_signature_comes_back_from_its_bytes() -> None:
    for signature in both():
        assert read_signature(write_signature(signature)) == signature


@settings(max_examples=150, deadline=None)
@given(at=st.integers(0, 250), by=st.integers(1, 255))
def test_a_changed_byte_of_a_signature_is_refused_or_false(at: int, by: int) -> None:
    data = bytearray(write_signature(both()[0]))
    data[at % len(data)] ^= by
    with pytest.raises(Refusal):
        approval_of(commissioned(), (read_signature(bytes(data)), both()[1]), PEOPLE)


@pytest.mark.parametrize("data", [b"", b"{}", b"[" * 9_000, b" " * 20_000, b"\xff", b'{"at":1}'])
def test_what_is_no_signature_is_refused(data: bytes) -> None:
    assert code_of(lambda: read_signature(data)) == "signature-not-understood"
