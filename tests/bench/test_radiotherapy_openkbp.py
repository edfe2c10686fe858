"""Which voxels count while a clinical dose is mimicked, and how much."""

from __future__ import annotations

import numpy as np
import pytest
from bench.radiotherapy_openkbp import ELSEWHERE_SHARE, Case, drawn_voxels, shares_of

from tianfu.standards.dicom.grids import Grid, Volume

SHAPE = (10, 20, 20)


def _case() -> Case:
    """A target in the upper half that can get dose, and an organ in the lower that cannot."""
    grid = Grid(origin=np.zeros(3), axes=np.eye(3), spacing=np.full(3, 3.0), shape=SHAPE)
    nothing = Volume(grid=grid, values=np.zeros(SHAPE, np.float32))
    possible, target, organ = (np.zeros(SHAPE, bool) for _ in range(3))
    possible[5:] = True
    target[7:, :10] = True
    organ[:2] = True
    return Case(
        density=nothing, reference=nothing, possible=possible, structures={"PTV70": target, "SpinalCord": organ}
    )


def test_all_of_a_structure_counts_and_some_of_the_rest_that_can_get_dose() -> None:
    case = _case()
    drawn = drawn_voxels(case)
    assert not (drawn & ~case.possible).any()
    assert drawn[case.structures["PTV70"]].all()
    rest = case.possible & ~case.structures["PTV70"]
    # Of 1,400 voxels by lot: four standard deviations are 4.6 %.
    assert drawn[rest].mean() == pytest.approx(ELSEWHERE_SHARE, abs=0.05)


def test_the_same_voxels_are_drawn_each_time() -> None:
    assert (drawn_voxels(_case()) == drawn_voxels(_case())).all()


def test_all_voxels_together_weigh_as_much_as_a_structure_even_where_one_gets_no_dose_at_all() -> None:
    case = _case()
    drawn = drawn_voxels(case)
    shares = shares_of(case, drawn)
    assert np.isfinite(shares).all()
    # Once for everything, as near as the draw is, and once for the target; nothing for the organ out of reach.
    assert shares.sum() == pytest.approx(2.0, abs=0.15)
    assert shares[case.structures["PTV70"][drawn]].sum() == pytest.approx(1 + 600 / 2000)
