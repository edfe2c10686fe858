from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.standards.dicom.made_objects import decoded, treatment
from tianfu.kernel.refusal import Refusal
from tianfu.standards.dicom.treatments import DeliveredBeam, Treatment, read_treatment, write_treatment


def with_beam(**changes: object) -> Treatment:
    beam: DeliveredBeam = replace(treatment().beams[0], **changes)  # type: ignore[arg-type]
    return replace(treatment(), beams=(beam,))


def codes_of(value: Treatment) -> frozenset[str]:
    return read_treatment(decoded(write_treatment(value))).codes()


def test_a_treatment_comes_back_with_overrides_and_couch_shifts() -> None:
    reading = read_treatment(decoded(write_treatment(treatment())))
    assert reading.value == treatment()
    assert reading.codes() == {"treatment-overridden"}


@pytest.mark.slow  # a hundred files are written and read
@settings(deadline=None)
@given(
    delivered=st.floats(0, 9999, allow_subnormal=False),
    vertical=st.floats(-500, 500, allow_subnormal=False),
    fraction=st.integers(1, 60),
)
def test_any_delivery_comes_back(delivered: float, vertical: float, fraction: int) -> None:
    point = treatment().beams[0].points[0]
    point = replace(point, delivered=delivered, stand=replace(point.stand, table_vertical_mm=vertical))
    value = with_beam(points=(point,), fraction=fraction, delivered=None)
    beam = read_treatment(decoded(write_treatment(value))).value.beams[0]
    assert beam.fraction == fraction
    assert beam.given == pytest.approx(delivered, rel=1e-9)
    assert beam.points[0].stand.table_vertical_mm == pytest.approx(vertical, abs=1e-9)


def test_a_beam_that_ended_early_is_told() -> None:
    value = with_beam(termination="MACHINE", delivered=60.0)
    assert {"treatment-ended-early", "treatment-meterset-differs"} <= codes_of(value)


def test_a_beam_that_nobody_verified_is_told() -> None:
    assert "treatment-not-verified" in codes_of(with_beam(verification=""))


def test_a_record_without_plan_or_fraction_is_told() -> None:
    value = replace(with_beam(fraction=None), plan=None)
    assert {"treatment-without-plan", "treatment-without-fraction"} <= codes_of(value)


def test_a_record_without_beams_is_not_written() -> None:
    with pytest.raises(Refusal, match="treatment-without-beams"):
        write_treatment(replace(treatment(), beams=()))


def test_what_was_given_is_read_at_the_last_control_point_if_nothing_sums_it() -> None:
    beam = replace(treatment().beams[0], delivered=None)
    assert beam.given == 123.39
