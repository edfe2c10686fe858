"""Rings made fit to be filled."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.apps.radiotherapy.model.solids import grid, rectangle
from tianfu.apps.radiotherapy.model.masks import mask_of
from tianfu.apps.radiotherapy.model.polygons import area_of
from tianfu.apps.radiotherapy.model.repairs import Flaw, repaired
from tianfu.apps.radiotherapy.model.shapes import Shape, shape_from
from tianfu.standards.dicom.grids import Floats

THOUSANDTHS = st.integers(0, 12_000).map(lambda number: number / 1000)
"""Millimetres as contours are written."""


def flaws_of(*rings: Floats) -> tuple[Shape, list[Flaw]]:
    shape, findings = repaired(shape_from((0.0, ring) for ring in rings))
    return shape, [finding.flaw for finding in findings]


def test_a_sound_ring_stays_as_it_is() -> None:
    ring = rectangle(5, 5)
    shape, flaws = flaws_of(ring, rectangle(2, 2))
    assert flaws == []
    assert shape.planes[0].rings[0] is not None
    assert np.array_equal(shape.planes[0].rings[0], ring)


def test_a_bow_tie_becomes_two_triangles() -> None:
    bow = np.array([(0, 0), (4, 4), (4, 0), (0, 4)], dtype=float)
    shape, flaws = flaws_of(bow)
    assert flaws == [Flaw.CROSSES_ITSELF]
    assert len(shape.planes[0].rings) == 2
    assert area_of(shape.planes[0].rings).area == pytest.approx(8.0)


def test_rings_that_cross_each_other_lose_what_both_hold() -> None:
    shape, flaws = flaws_of(rectangle(4, 4), rectangle(4, 4, x=2.0))
    assert flaws == [Flaw.CROSSES_ANOTHER]
    assert area_of(shape.planes[0].rings).area == pytest.approx(16.0)


def test_points_lines_and_closing_points_are_left_out_and_told() -> None:
    closed = np.vstack([rectangle(4, 4), rectangle(4, 4)[:1]])
    line = np.array([(9, 0), (12, 0), (15, 0)], dtype=float)
    two = np.array([(20, 0), (21, 0)], dtype=float)
    shape, flaws = flaws_of(closed, line, two)
    assert sorted(flaws) == sorted([Flaw.REPEATED_POINTS, Flaw.NO_AREA, Flaw.TOO_FEW_POINTS])
    assert [len(ring) for ring in shape.planes[0].rings] == [4]


def test_a_plane_of_a_point_is_left_out() -> None:
    shape, _ = flaws_of(np.zeros((1, 2)))
    assert shape.planes == ()


@pytest.mark.slow  # a hundred drawings are repaired and filled
@settings(max_examples=150, deadline=None)
@given(rings=st.lists(st.lists(st.tuples(THOUSANDTHS, THOUSANDTHS), min_size=3, max_size=8), min_size=1, max_size=3))
def test_a_repair_keeps_what_is_inside_an_odd_number_of_rings(rings: list) -> None:
    drawn = [np.array(ring) for ring in rings]
    before = shape_from((0.0, ring) for ring in drawn)
    after, _ = repaired(before)
    here = grid((1, 13, 13))
    unlike = mask_of(before, here, step_mm=3.0).full() ^ mask_of(after, here, step_mm=3.0).full()
    lines = shapely.MultiLineString([np.vstack([ring, ring[:1]]) for ring in drawn])
    for _, row, column in np.argwhere(unlike).tolist():  # only centres on an edge may change sides
        assert shapely.distance(lines, shapely.Point(column, row)) < 1e-2


@given(start=st.tuples(THOUSANDTHS, THOUSANDTHS), end=st.tuples(THOUSANDTHS, THOUSANDTHS), share=st.floats(0.1, 0.9))
def test_a_line_drawn_forth_and_back_and_rounded_has_no_area(
    start: tuple[float, float], end: tuple[float, float], share: float
) -> None:
    one, other = np.array(start), np.array(end)
    if np.linalg.norm(other - one) < 0.1:
        return
    ring = np.array([one, other, np.round(one + share * (other - one), 2)])
    shape, flaws = flaws_of(ring)
    assert Flaw.NO_AREA in flaws or Flaw.TOO_FEW_POINTS in flaws
    assert shape.planes == ()


def test_a_thin_ring_that_was_meant_stays() -> None:
    shape, flaws = flaws_of(np.array([(0, 0), (50, 0), (50, 0.1), (0, 0.1)], dtype=float))
    assert flaws == []
    assert len(shape.planes) == 1
