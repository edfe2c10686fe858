"""Leaves that open in one segment stand apart in all of their field."""

from __future__ import annotations

import numpy as np

from tests.apps.radiotherapy.model.optimisation.leaf_rules import leaves_of
from tianfu.apps.radiotherapy.model.optimisation.apertures import FieldSegments, Segment
from tianfu.apps.radiotherapy.model.planning.gaps import with_gaps

LEAVES = leaves_of(pairs=3)


def field(*segments: tuple[list[float], list[float]]) -> tuple[FieldSegments, ...]:
    made = tuple(Segment(first_mm=np.array(first), second_mm=np.array(second), mu=10.0) for first, second in segments)
    return (FieldSegments(field=0, jaws_x_mm=(-10.0, 10.0), jaws_y_mm=(-7.5, 7.5), segments=made),)


def test_a_pair_that_opens_elsewhere_keeps_the_least_gap_and_one_that_never_does_may_touch() -> None:
    (part,) = with_gaps(
        field(([-20.0, -5.0, -20.0], [-20.0, 5.0, -20.0]), ([-5.0, -20.0, -20.0], [5.0, -20.0, -20.0])), LEAVES
    )
    gaps = [(segment.second_mm - segment.first_mm).tolist() for segment in part.segments]
    np.testing.assert_allclose(gaps, [[0.5, 10.0, 0.0], [10.0, 0.5, 0.0]], atol=1e-9)


def test_leaves_at_the_end_of_their_travel_make_room_inwards() -> None:
    (part,) = with_gaps(field(([200.0, 0.0, 0.0], [200.0, 5.0, 0.0]), ([0.0, 0.0, 0.0], [5.0, 5.0, 0.0])), LEAVES)
    assert part.segments[0].first_mm[0] == 199.5
    assert part.segments[0].second_mm[0] == 200.0


def test_what_is_open_stays_where_it_is() -> None:
    parts = field(([-5.0, 0.0, 0.0], [5.0, 0.0, 0.0]))
    (part,) = with_gaps(parts, LEAVES)
    np.testing.assert_array_equal(part.segments[0].first_mm, parts[0].segments[0].first_mm)
    np.testing.assert_array_equal(part.segments[0].second_mm, parts[0].segments[0].second_mm)
