"""Histograms that move: those of the voxels that an iteration has, for structures that a wish is about."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.radiotherapy_plan import small_subject, small_wish
from tianfu.apps.radiotherapy.model.optimisation.fluence import Step
from tianfu.apps.radiotherapy.model.planning.following import Follower, at_least_percents, followed
from tianfu.standards.dicom.grids import Floats

POINTS = 11


def follower(*, most: int = 12) -> Follower:
    return Follower(wish=small_wish(), subject=small_subject(), most=most, points=POINTS)


def rows_of(*names: str) -> np.ndarray:
    subject = small_subject()
    return np.flatnonzero(subject.together(names).ravel()[subject.wanted.voxels])


def step(rows: np.ndarray, doses: Floats) -> Step:
    return Step(iteration=3, objective=1.0, rows=rows, doses=doses.astype(np.float32))


@given(doses=st.lists(st.floats(0.0, 80.0, width=32), min_size=1, max_size=50), level=st.floats(0.0, 90.0))
def test_a_percent_is_the_share_of_voxels_with_at_least_that_dose(doses: list[float], level: float) -> None:
    found = at_least_percents(np.sort(doses), np.array([level]))
    assert found[0] == pytest.approx(100 * np.mean(np.array(doses) >= level), abs=0.05)


def test_each_structure_has_the_curve_of_its_own_voxels() -> None:
    """A target of even 50 Gy and a cord of 10 Gy, on an axis to 1.2 times the prescribed 50 Gy: steps of 6 Gy."""
    rows = rows_of("PTV_5000", "SpinalCord")
    doses = np.where(np.isin(rows, rows_of("PTV_5000")), 50.0, 10.0)
    found = follower().curves(step(rows, doses))
    assert found.top_gy == 60.0
    target, cord = found.curves
    assert (target.structure, target.role, target.mean_gy, target.highest_gy) == ("PTV_5000", "target", 50.0, 50.0)
    assert target.percents == (100.0,) * 9 + (0.0,) * 2
    assert (cord.structure, cord.role, cord.mean_gy) == ("SpinalCord", "organ", 10.0)
    assert cord.percents == (100.0,) * 2 + (0.0,) * 9


def test_the_axis_reaches_the_highest_dose() -> None:
    rows = rows_of("PTV_5000")
    found = follower().curves(step(rows, np.linspace(40.0, 90.0, len(rows))))
    assert found.top_gy == 90.0
    assert found.curves[0].percents[-1] == pytest.approx(100 / len(rows), abs=0.05)


def test_a_structure_of_which_some_voxels_have_no_dose_is_left_out() -> None:
    rows = rows_of("PTV_5000", "SpinalCord")[1:]
    assert [each.structure for each in follower().curves(step(rows, np.ones(len(rows)))).curves] == ["SpinalCord"]


def test_other_rows_are_looked_for_anew() -> None:
    one, both = rows_of("PTV_5000"), rows_of("PTV_5000", "SpinalCord")
    same = follower()
    assert len(same.curves(step(one, np.ones(len(one)))).curves) == 1
    assert len(same.curves(step(both, np.ones(len(both)))).curves) == 2


def test_targets_come_first_regions_never_and_no_more_than_there_is_room_for() -> None:
    assert followed(small_wish()) == [("PTV_5000", "target"), ("SpinalCord", "organ")]
    rows = rows_of("PTV_5000", "SpinalCord")
    found = follower(most=1).curves(step(rows, np.ones(len(rows))))
    assert [each.structure for each in found.curves] == ["PTV_5000"]
