"""Penalties by hand, and their slopes against differences."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tianfu.apps.radiotherapy.model.optimisation.objectives import (
    AtLeastVolume,
    AtMostVolume,
    EquivalentAtLeast,
    EquivalentAtMost,
    MaximumDose,
    MinimumDose,
    Objective,
    equivalent_dose_gy,
    mean_at_most,
    penalty,
)
from tianfu.kernel.refusal import Refusal

DOSES = np.array([10.0, 20.0, 30.0, 40.0])


@pytest.mark.parametrize(
    ("objective", "value", "slope"),
    [
        # 2 (20² + 10²) / 4 for those at 10 and 20 Gy; the slope is 2 · 2 · beyond / 4
        (MinimumDose(structure="PTV", weight=2, dose_gy=30), 250.0, [-20.0, -10.0, 0.0, 0.0]),
        (MaximumDose(structure="PTV", weight=2, dose_gy=25), 125.0, [0.0, 0.0, 5.0, 15.0]),
        # a quarter may get more than 15 Gy: the hottest; 20 and 30 Gy are 5 and 15 beyond
        (AtMostVolume(structure="Cord", weight=4, dose_gy=15, volume_percent=25), 250.0, [0.0, 10.0, 30.0, 0.0]),
        # three quarters must get 35 Gy: the coldest need not, 20 and 30 Gy lack 15 and 5
        (AtLeastVolume(structure="PTV", weight=4, dose_gy=35, volume_percent=75), 250.0, [0.0, -30.0, -10.0, 0.0]),
        (AtMostVolume(structure="Cord", weight=4, dose_gy=15, volume_percent=100), 0.0, [0.0] * 4),
        # the mean is 25 Gy, 5 beyond: 5² and 2 · 5 / 4
        (mean_at_most("Cord", weight=1, dose_gy=20), 25.0, [2.5] * 4),
        (mean_at_most("Cord", weight=1, dose_gy=26), 0.0, [0.0] * 4),
        (EquivalentAtLeast(structure="PTV", weight=1, dose_gy=27, exponent=1), 4.0, [-1.0] * 4),
    ],
)
def test_a_penalty_is_what_a_hand_reckons(objective: Objective, value: float, slope: list[float]) -> None:
    reached = penalty(objective, DOSES)
    assert reached[0] == pytest.approx(value)
    assert reached[1] == pytest.approx(np.array(slope))


def objectives() -> st.SearchStrategy[Objective]:
    """Any wish for a dose between those of the voxels below."""
    doses, weights = st.floats(5, 70), st.floats(0.1, 10)
    common = {"structure": st.just("PTV"), "weight": weights, "dose_gy": doses}
    volumes = st.floats(0, 100)
    exponents = st.sampled_from([-20.0, -8.0, 0.5, 1.0, 3.0, 12.0])
    return st.one_of(
        st.builds(MinimumDose, **common),
        st.builds(MaximumDose, **common),
        st.builds(AtMostVolume, **common, volume_percent=volumes),
        st.builds(AtLeastVolume, **common, volume_percent=volumes),
        st.builds(EquivalentAtMost, **common, exponent=exponents),
        st.builds(EquivalentAtLeast, **common, exponent=exponents),
    )


@settings(deadline=None)
@given(objective=objectives(), order=st.permutations(range(12)))
def test_slopes_are_those_of_differences(objective: Objective, order: list[int]) -> None:
    """Doses lie so far apart that a difference changes no rank among them."""
    doses = 4.0 + 5.0 * np.array(order)
    step = 1e-4
    slope = penalty(objective, doses)[1]
    for voxel in range(len(doses)):
        move = step * (np.arange(len(doses)) == voxel)
        difference = (penalty(objective, doses + move)[0] - penalty(objective, doses - move)[0]) / (2 * step)
        # a limit within the step has a kink: second derivatives are at most about the weight's twice
        assert slope[voxel] == pytest.approx(difference, abs=1e-3 * objective.weight, rel=1e-4)


@settings(deadline=None)
@given(dose=st.floats(0.1, 80), exponent=st.floats(-40, 40).filter(lambda a: abs(a) > 0.1))
def test_an_even_dose_is_its_own_equivalent(dose: float, exponent: float) -> None:
    assert equivalent_dose_gy(np.full(9, dose), exponent=exponent) == pytest.approx(dose)


@pytest.mark.parametrize(
    "make",
    [
        lambda: MinimumDose(structure="PTV", weight=0, dose_gy=50),
        lambda: MaximumDose(structure="PTV", weight=1, dose_gy=-1),
        lambda: AtMostVolume(structure="PTV", weight=1, dose_gy=5, volume_percent=101),
        lambda: EquivalentAtMost(structure="PTV", weight=1, dose_gy=5, exponent=0),
        lambda: MinimumDose(structure="PTV", weight=float("nan"), dose_gy=50),
    ],
)
def test_what_is_no_wish_is_refused(make: object) -> None:
    with pytest.raises(Refusal, match="objective-not-sound"):
        make()  # type: ignore[operator]
