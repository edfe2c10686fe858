"""What was measured is put beside what the model gives; what can be computed is never taken from a file."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache
from typing import Any, get_args

import pytest
from demo.radiotherapy.machines import made_machine

from tests.radiotherapy_machine import closed_dose
from tianfu.apps.radiotherapy.model.machines.commissioning import refuse_unless_commissioned
from tianfu.apps.radiotherapy.model.machines.machines import Kind, Machine
from tianfu.apps.radiotherapy.model.machines.measuring import commissioned, measurement_of, read_measurements
from tianfu.apps.radiotherapy.model.machines.modelling import MEANS, refuse_unless_modelled_so
from tianfu.apps.radiotherapy.model.machines.reading import read_machine
from tianfu.apps.radiotherapy.model.machines.writing import write_machine
from tianfu.kernel.instants import Instant
from tianfu.kernel.refusal import Refusal

AT = Instant(1_774_000_000_000_000)
FIELD = {"field_mm": 100.0, "depth_mm": 100.0, "surface_mm": 900.0}

SET_UPS: dict[str, dict[str, float]] = {
    "output": FIELD,
    "output-factor": {**FIELD, "field_mm": 40.0, "reference_field_mm": 100.0},
    "depth-dose": {**FIELD, "reference_depth_mm": 15.0},
}


@cache
def machine() -> Machine:
    return made_machine()


def typed(kind: str, **changes: Any) -> dict[str, Any]:
    """A measurement of a kind as somebody would type it."""
    means = MEANS.get(kind)  # type: ignore[call-overload]  # kinds of tests are texts
    told: dict[str, Any] = {
        "kind": kind,
        "what": f"{kind} of this test",
        "unit": "%" if means is None else means.unit,
        "measured": 1.0,
        "tolerance": 1.0,
        "mark": "measured",
        "set_up": SET_UPS.get(kind, {}),
    }
    if means is None:
        told["modelled"] = 1.0
    return {**told, **changes}


def file_of(*told: dict[str, Any]) -> bytes:
    return json.dumps({"schema": 1, "measurements": told}).encode()


def modelled(kind: str, **changes: Any) -> float:
    (taken,) = read_measurements(file_of(typed(kind, **changes)))
    return measurement_of(machine(), taken).modelled


def closed(**changes: float) -> float:
    """Gray per monitor unit by the made-up beam's closed form."""
    return closed_dose(**{**FIELD, **changes}) * machine().calibration.gy_per_mu


def test_an_output_is_that_of_the_closed_form() -> None:
    # The beam's tables, read in straight lines between radii of 1 mm, are some tenths of a percent off: made_beam.
    assert modelled("output") == pytest.approx(closed(), rel=0.005)


def test_the_reference_output_of_a_machine_is_what_it_says() -> None:
    told = machine().calibration
    set_up = {"field_mm": told.field_mm, "depth_mm": told.depth_mm, "surface_mm": told.surface_mm}
    assert modelled("output", set_up=set_up) == pytest.approx(told.output_gy_per_mu, rel=1e-6)


def test_an_output_factor_is_that_of_the_closed_form() -> None:
    assert modelled("output-factor") == pytest.approx(closed(field_mm=40.0) / closed(), rel=0.005)


def test_a_depth_dose_is_that_of_the_closed_form() -> None:
    assert modelled("depth-dose") == pytest.approx(100 * closed() / closed(depth_mm=15.0), rel=0.005)


def test_leaves_are_modelled_as_the_machine_says() -> None:
    assert modelled("leaf-transmission") == 100 * machine().leaves.transmission
    assert modelled("leaf-gap") == 2 * machine().leaves.rounded_end_mm


def test_a_profile_has_to_be_said_and_is_marked_so() -> None:
    (taken,) = read_measurements(file_of(typed("profile", modelled=98.0)))
    told = measurement_of(machine(), taken)
    assert (told.modelled, told.modelled_by) == (98.0, "said")
    (taken,) = read_measurements(file_of(typed("output")))
    assert measurement_of(machine(), taken).modelled_by == "computed"


@pytest.mark.parametrize("kind", MEANS)
def test_a_typed_model_is_not_believed_where_it_can_be_computed(kind: str) -> None:
    with pytest.raises(Refusal, match="measurement-modelled-said"):
        modelled(kind, modelled=1.0)


@pytest.mark.parametrize(
    ("kind", "changes", "code"),
    [
        ("output", {"unit": "cGy/MU"}, "measurement-of-another-unit"),
        ("output", {"set_up": {"field_mm": 100.0}}, "measurement-set-up-not-fit"),
        ("output", {"set_up": {**FIELD, "tilt": 1.0}}, "measurement-set-up-not-fit"),
        ("output", {"set_up": {**FIELD, "field_mm": 0.0}}, "measurement-set-up-not-fit"),
        ("output", {"set_up": {**FIELD, "field_mm": 1e9}}, "measurement-set-up-not-fit"),
        ("output", {"set_up": {**FIELD, "depth_mm": -1.0}}, "measurement-set-up-not-fit"),
        ("output", {"set_up": {**FIELD, "surface_mm": 100.0}}, "surface-beyond-kernels"),
        ("leaf-gap", {"set_up": FIELD}, "measurement-set-up-not-fit"),
        ("profile", {"set_up": FIELD}, "measurement-set-up-not-fit"),
    ],
)
def test_a_set_up_that_does_not_fit_is_refused(kind: str, changes: dict[str, Any], code: str) -> None:
    with pytest.raises(Refusal) as refused:
        modelled(kind, **changes)
    assert refused.value.code == code


def test_a_profile_without_a_model_is_refused() -> None:
    told = typed("profile")
    del told["modelled"]
    (taken,) = read_measurements(file_of(told))
    with pytest.raises(Refusal, match="measurement-modelled-unsaid"):
        measurement_of(machine(), taken)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[" * 100_000,
        b" " * 2_000_000,
        file_of(),
        file_of(*[typed("leaf-gap")] * 501),
        file_of(typed("wedge")),
        file_of(typed("output", tolerance=0)),
        file_of(typed("output", tolerance=-1)),
        file_of(typed("output", what="")),
        file_of(typed("output", what="\x1b[2J")),
        file_of(typed("output", more=1)),
        file_of(typed("output", mark="sure")),
        file_of(typed("output")).replace(b'"measured": 1.0', b'"measured": 1e999'),
        file_of(typed("output")).replace(b'"measured": 1.0', b'"measured": NaN'),
        file_of(typed("output")).replace(b'"measured": 1.0', b'"measured": 1.0, "measured": 2.0'),
        file_of(typed("output")).replace(b'"schema": 1', b'"schema": 2'),
    ],
)
def test_what_is_no_file_of_measurements_is_refused(data: bytes) -> None:
    with pytest.raises(Refusal, match="measurements-not-understood"):
        read_measurements(data)


def test_a_new_version_carries_what_was_measured_and_is_read_again() -> None:
    told = [typed(kind) for kind in get_args(Kind)]
    for each in told:
        each["measured"] = modelled(**each)
    new = commissioned(machine(), read_measurements(file_of(*told)), version=2, purpose="clinical", by="Lin", at=AT)
    refuse_unless_commissioned(new)
    assert replace(new, version=1, purpose="demonstration", commissioning=None) == machine()
    assert write_machine(read_machine(write_machine(new))) == write_machine(new)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"modelled": 0.0066}, "measurement-modelled-otherwise"),
        ({"modelled_by": "said"}, "measurement-modelled-otherwise"),
        ({"unit": "cGy/MU"}, "measurement-modelled-otherwise"),
        ({"set_up": {**FIELD, "depth_mm": 90.0}}, "measurement-modelled-otherwise"),
        ({"set_up": {}}, "measurement-set-up-not-fit"),
    ],
)
def test_a_model_that_somebody_wrote_into_a_file_is_found_out(changes: dict[str, Any], code: str) -> None:
    taken = read_measurements(file_of(typed("output"), typed("profile")))
    new = commissioned(machine(), taken, version=2, purpose="demonstration", by="Lin", at=AT)
    refuse_unless_modelled_so(new)
    assert new.commissioning is not None
    output, profile = new.commissioning.measurements
    told = replace(new.commissioning, measurements=(replace(output, **changes), profile))
    with pytest.raises(Refusal) as refused:
        refuse_unless_modelled_so(replace(new, commissioning=told))
    assert refused.value.code == code


def test_what_nothing_here_computes_is_not_told_as_computed() -> None:
    taken = read_measurements(file_of(typed("profile")))
    new = commissioned(machine(), taken, version=2, purpose="demonstration", by="Lin", at=AT)
    assert new.commissioning is not None
    (profile,) = new.commissioning.measurements
    told = replace(new.commissioning, measurements=(replace(profile, modelled_by="computed"),))
    with pytest.raises(Refusal, match="measurement-modelled-unsaid"):
        refuse_unless_modelled_so(replace(new, commissioning=told))


@pytest.mark.parametrize("version", [1, 0, -3])
def test_a_version_is_later_than_the_one_before(version: int) -> None:
    with pytest.raises(Refusal, match="machine-version-not-newer"):
        commissioned(
            machine(),
            read_measurements(file_of(typed("output"))),
            version=version,
            purpose="demonstration",
            by="Lin",
            at=AT,
        )
