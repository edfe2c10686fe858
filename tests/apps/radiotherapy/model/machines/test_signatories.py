"""Who may sign: a file that people type, so it is read strictly."""

from __future__ import annotations

from typing import Any

import pytest

from tests.radiotherapy_signing import CHEN, LIN, SATURDAY, measured_machine, people, public, signatories, signed
from tianfu.apps.radiotherapy.model.machines.signatories import (
    PRIME,
    SMALL,
    is_small,
    read_signatories,
    refuse_unless_name,
    signatory_line,
)
from tianfu.apps.radiotherapy.model.machines.signatures import approval_of
from tianfu.kernel.instants import to_fhir_instant
from tianfu.kernel.refusal import Refusal


def code_of(data: bytes) -> str:
    with pytest.raises(Refusal) as refused:
        read_signatories(data)
    return refused.value.code


def changed(**changes: Any) -> bytes:
    """Lin with these, beside Chen."""
    lin, chen = people()
    return signatories({**lin, **changes}, chen)


def test_the_people_of_a_file_are_read_with_their_roles_and_keys() -> None:
    read = read_signatories(changed(until="2026-06-30"))
    assert list(read) == ["Lin", "Chen"]
    assert read["Chen"].roles == {"physicist", "approver"}
    assert (read["Lin"].public_key, read["Chen"].public_key) == (public(LIN), public(CHEN))
    assert read["Chen"].until is None
    # The last microsecond of that day in China.
    assert to_fhir_instant(read["Lin"].until or 0) == "2026-06-30T15:59:59.999999Z"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"name": "Chen"}, "signatory-twice"),
        ({"name": "\uff23\uff28\uff25\uff2e"}, "signatory-twice"),
        ({"name": ""}, "signatory-name-not-fit"),
        ({"name": " Lin"}, "signatory-name-not-fit"),
        ({"name": "Lin\u202e"}, "signatory-name-not-fit"),
        ({"name": "L" * 101}, "signatory-name-not-fit"),
        ({"roles": []}, "signatory-without-role"),
        ({"roles": ["physicist", "physicist"]}, "signatory-without-role"),
        ({"roles": ["director"]}, "signatories-not-understood"),
        ({"public_key": public(CHEN).hex()}, "signatory-key-twice"),
        ({"public_key": public(LIN).hex()[:-2]}, "signatory-key-not-fit"),
        ({"public_key": public(LIN).hex().upper()}, "signatory-key-not-fit"),
        ({"public_key": public(LIN).hex() + "00"}, "signatory-key-not-fit"),
        ({"public_key": "٣" * 64}, "signatory-key-not-fit"),
        ({"public_key": "00" * 32}, "signatory-key-not-fit"),
        ({"until": "tomorrow"}, "signatory-until-not-fit"),
        ({"until": "2026-02-30"}, "signatory-until-not-fit"),
        ({"until": 5}, "signatories-not-understood"),
        ({"more": 1}, "signatories-not-understood"),
    ],
)
def test_what_is_not_right_about_a_person_is_refused(changes: dict[str, Any], code: str) -> None:
    assert code_of(changed(**changes)) == code


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff",
        b"[]",
        b"[" * 100_000,
        b" " * 300_000,
        signatories().replace(b'"schema": 1', b'"schema": 2'),
        signatories().replace(b'"schema": 1', b'"schema": 1, "schema": 1'),
        signatories().replace(b'"until": null', b'"until": null, "roles": ["approver"]', 1),
        signatories().replace(b', "until": null', b"", 1),
    ],
)
def test_what_is_no_file_of_signatories_or_says_something_twice_is_refused(data: bytes) -> None:
    assert code_of(data) == "signatories-not-understood"


def test_a_line_for_the_file_has_no_role_until_somebody_gives_it() -> None:
    line = signatory_line(name="Lin", public_key=public(LIN))
    data = b'{"schema": 1, "signatories": [' + line.encode() + b"]}"
    assert code_of(data) == "signatory-without-role"
    assert read_signatories(data.replace(b'"roles": []', b'"roles": ["physicist"]'))["Lin"].public_key == public(LIN)


@pytest.mark.parametrize("name", ["Lin", "林静", "O'Neill-Chen, Ph.D."])
def test_names_of_people_are_names(name: str) -> None:
    refuse_unless_name(name)


@pytest.mark.parametrize(("until", "is_good"), [("2026-03-20", False), (to_fhir_instant(SATURDAY), True)])
def test_whoever_signed_after_his_right_ended_signed_nothing(until: str, is_good: bool) -> None:
    machine = measured_machine(purpose="clinical")
    both = signed(machine, "physicist"), signed(machine, "approver")
    if is_good:
        assert approval_of(machine, both, read_signatories(changed(until=until))).physicist == "Lin"
        return
    with pytest.raises(Refusal, match="signed-after-right-ended"):
        approval_of(machine, both, read_signatories(changed(until=until)))


def test_whoever_is_taken_out_or_has_another_key_now_signed_nothing() -> None:
    machine = measured_machine(purpose="clinical")
    both = signed(machine, "physicist"), signed(machine, "approver")
    with pytest.raises(Refusal, match="signer-not-known"):
        approval_of(machine, both, read_signatories(signatories(people()[0])))
    with pytest.raises(Refusal, match="signature-false"):
        approval_of(machine, both, read_signatories(changed(public_key=public(b"4" * 32).hex())))


def doubled(ordinate: int) -> int:
    """The ordinate of twice a point of edwards25519: (y^2 + x^2) / (2 - y^2 + x^2), x^2 = (y^2 - 1) / (d y^2 + 1)."""
    d = -121665 * pow(121666, -1, PRIME)
    y_squared = ordinate * ordinate % PRIME
    x_squared = (y_squared - 1) * pow(d * y_squared + 1, -1, PRIME) % PRIME
    return (y_squared + x_squared) * pow(2 - y_squared + x_squared, -1, PRIME) % PRIME


@pytest.mark.parametrize("ordinate", sorted(SMALL))
@pytest.mark.parametrize("sign", [0, 1 << 255])
def test_a_key_with_which_anybody_could_sign_is_none(ordinate: int, sign: int) -> None:
    assert doubled(doubled(doubled(ordinate))) == 1
    for same in (ordinate, ordinate + PRIME):
        if same < 1 << 255:
            assert is_small((same | sign).to_bytes(32, "little"))
    assert not is_small(public(LIN))
