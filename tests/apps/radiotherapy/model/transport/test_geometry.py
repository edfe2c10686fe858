"""IEC 61217's turns by cases that one can see: where the source stands and where the collimator's axes point."""

from __future__ import annotations

import numpy as np
import pytest
from demo.radiotherapy.apertures import View as DemoView
from hypothesis import given
from hypothesis import strategies as st

from tests.apps.radiotherapy.model.transport.water import AXIS_MM, a_field
from tianfu.apps.radiotherapy.model.transport.geometry import view_of

LEFT, BACK, HEAD = np.eye(3)
ANGLES = st.floats(0.0, 360.0)


@pytest.mark.parametrize(
    ("gantry", "couch", "source"),
    [
        (0.0, 0.0, -BACK),
        (90.0, 0.0, LEFT),
        (180.0, 0.0, BACK),
        (270.0, 0.0, -LEFT),
        # The couch turned against the clock, seen from above: the head moves away from the source at 90 degrees.
        (90.0, 90.0, -HEAD),
        (270.0, 90.0, HEAD),
        (90.0, 270.0, HEAD),
        (0.0, 45.0, -BACK),
    ],
)
def test_the_source_stands_where_the_standard_says(gantry: float, couch: float, source: np.ndarray) -> None:
    view = view_of(a_field(gantry=gantry, couch=couch), axis_mm=AXIS_MM)
    np.testing.assert_allclose(view.toward_source, source, atol=1e-12)


@pytest.mark.parametrize(
    ("gantry", "collimator", "couch", "x", "y"),
    [
        (0.0, 0.0, 0.0, LEFT, HEAD),
        (90.0, 0.0, 0.0, BACK, HEAD),
        (180.0, 0.0, 0.0, -LEFT, HEAD),
        (0.0, 90.0, 0.0, HEAD, -LEFT),
        (0.0, 0.0, 90.0, -HEAD, LEFT),
        # Seen from in front at gantry 0, couch and collimator turn the same way: they cancel.
        (0.0, 90.0, 90.0, LEFT, HEAD),
    ],
)
def test_the_collimator_s_axes_point_where_the_standard_says(
    gantry: float, collimator: float, couch: float, x: np.ndarray, y: np.ndarray
) -> None:
    view = view_of(a_field(gantry=gantry, collimator=collimator, couch=couch), axis_mm=AXIS_MM)
    np.testing.assert_allclose(view.across, [x, y], atol=1e-12)


@given(gantry=ANGLES, collimator=ANGLES, couch=ANGLES)
def test_axes_are_at_right_angles_and_right_handed(gantry: float, collimator: float, couch: float) -> None:
    view = view_of(a_field(gantry=gantry, collimator=collimator, couch=couch), axis_mm=AXIS_MM)
    frame = np.array([*view.across, view.toward_source])
    np.testing.assert_allclose(frame @ frame.T, np.eye(3), atol=1e-9)
    assert np.linalg.det(frame) == pytest.approx(1.0)


@given(gantry=ANGLES, collimator=ANGLES)
def test_points_are_seen_as_the_demonstration_s_beams_see_them(gantry: float, collimator: float) -> None:
    points = np.array([[10.0, -20.0, 35.0], [0.0, 0.0, 0.0], [-80.0, 45.0, 5.0]])
    theirs = DemoView(isocentre=np.zeros(3), gantry_degrees=gantry, collimator_degrees=collimator)
    ours = view_of(a_field(gantry=gantry, collimator=collimator), axis_mm=AXIS_MM)
    np.testing.assert_allclose(ours.seen(points), theirs.seen(points), atol=1e-9)
