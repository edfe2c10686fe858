from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.apps.radiotherapy.model.transport.cones.made import looking
from tianfu.apps.radiotherapy.model.transport.cones.sight import sight_of
from tianfu.apps.radiotherapy.model.transport.fields import Field

ANGLES = st.floats(0.0, 360.0)


@pytest.mark.parametrize(
    ("gantry", "source"), [(0, (0, -1000, 0)), (90, (1000, 0, 0)), (180, (0, 1000, 0)), (270, (-1000, 0, 0))]
)
def test_the_source_is_above_at_0_and_on_the_patients_left_at_90(gantry: int, source: tuple) -> None:
    # IEC 61217:2011, figures 2 and 3, for a patient on his back with his head first.
    assert sight_of(looking(gantry), axis_mm=1000.0).source == pytest.approx(np.array(source), abs=1e-9)


def test_a_couch_turned_against_the_clock_brings_the_feet_to_the_right() -> None:
    # The couch turns against the clock as seen from above, the gantry stays: at gantry 90 and couch 90 the source on
    # the room's right meets the feet.
    sight = sight_of(looking(90.0, couch_degrees=90.0), axis_mm=1000.0)
    assert sight.source == pytest.approx(np.array([0.0, 0.0, -1000.0]), abs=1e-9)


def test_the_collimator_turns_leaves_from_the_left_to_the_head() -> None:
    field = Field(number=1, isocentre=np.zeros(3), gantry_degrees=0.0, collimator_degrees=90.0, couch_degrees=0.0)
    assert sight_of(field, axis_mm=1000.0).axes[0] == pytest.approx(np.array([0.0, 0.0, 1.0]), abs=1e-12)


@given(angles=st.tuples(ANGLES, ANGLES, ANGLES), seen=st.tuples(*[st.floats(-200, 200)] * 2, st.floats(500, 1500)))
def test_axes_are_at_right_angles_and_points_are_seen_where_they_are(angles: tuple, seen: tuple) -> None:
    gantry, collimator, couch = angles
    field = Field(
        number=1,
        isocentre=np.array([7.0, -11.0, 13.0]),
        gantry_degrees=gantry,
        collimator_degrees=collimator,
        couch_degrees=couch,
    )
    sight = sight_of(field, axis_mm=1000.0)
    assert sight.axes @ sight.axes.T == pytest.approx(np.eye(3), abs=1e-12)
    assert sight.seen(sight.points(np.array(seen))) == pytest.approx(np.array(seen), abs=1e-7)
    assert sight.seen(field.isocentre) == pytest.approx(np.array([0.0, 0.0, 1000.0]), abs=1e-9)
