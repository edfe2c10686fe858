"""Monitor units after scaling are what the machine can set, and the dose is what was prescribed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.apps.radiotherapy.model.optimisation.leaf_rules import LIMITS
from tianfu.apps.radiotherapy.model.optimisation.apertures import FieldSegments, Segment
from tianfu.apps.radiotherapy.model.planning.normalising import normalised, set_mu
from tianfu.kernel.refusal import Refusal


def parts_of(*units: float) -> tuple[FieldSegments, ...]:
    segments = tuple(Segment(first_mm=np.zeros(2), second_mm=np.ones(2), mu=mu) for mu in units)
    return (FieldSegments(field=0, jaws_x_mm=(-5.0, 5.0), jaws_y_mm=(-5.0, 5.0), segments=segments),)


@given(units=st.lists(st.floats(5.0, 90.0), min_size=2, max_size=8), gy=st.floats(0.3, 0.5))
def test_any_segments_are_scaled_to_the_prescription_on_the_machines_steps(units: list[float], gy: float) -> None:
    fine = replace(LIMITS, mu_step=0.01, segment_mu_least=0.5)
    found = normalised(parts_of(*units), fine, lambda parts: gy * sum(part.mu for part in parts), wanted_gy=50.0)
    assert gy * sum(part.mu for part in found) == pytest.approx(50.0 * 1.0005, rel=0.0005)
    assert all(segment.mu == set_mu(segment.mu, fine) for part in found for segment in part.segments)


def test_segments_that_scaling_makes_too_small_get_the_least_and_others_less() -> None:
    found = normalised(parts_of(4.0, 100.0), LIMITS, lambda parts: parts[0].mu, wanted_gy=50.0)
    small, large = (segment.mu for segment in found[0].segments)
    assert small == LIMITS.segment_mu_least
    assert small + large == pytest.approx(50.0 * 1.0005, rel=0.0005)


@pytest.mark.parametrize(
    ("gy_per_mu", "units", "code"),
    [
        (0.0, (10.0,), "plan-without-dose"),
        (0.001, (10.0,), "beam-of-too-many-units"),
        (100.0, (10.0,), "plan-not-normalised"),
    ],
)
def test_what_cannot_be_reached_is_refused(gy_per_mu: float, units: tuple[float, ...], code: str) -> None:
    with pytest.raises(Refusal, match=code):
        normalised(parts_of(*units), LIMITS, lambda parts: gy_per_mu * parts[0].mu, wanted_gy=50.0)


def test_more_segments_than_the_machine_gives_are_refused() -> None:
    few = replace(LIMITS, segments_most=1)
    with pytest.raises(Refusal, match="too-many-segments"):
        normalised(parts_of(10.0, 10.0), few, lambda parts: parts[0].mu, wanted_gy=20.0)
