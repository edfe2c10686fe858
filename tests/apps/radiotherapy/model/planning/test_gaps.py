"""Leaves that open in one segment stand apart in all of their field, and jaws as far as they must."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.apps.radiotherapy.model.optimisation.leaf_rules import leaves_of
from tianfu.apps.radiotherapy.model.machines.collimators import Jaws
from tianfu.apps.radiotherapy.model.optimisation.apertures import FieldSegments, Segment, Span
from tianfu.apps.radiotherapy.model.planning.gaps import with_gaps, with_open_jaws

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


@pytest.mark.parametrize(
    ("span", "expected"),
    [((-10.0, 10.0), (-10.0, 10.0)), ((5.0, 7.5), (3.75, 8.75)), ((197.5, 200.0), (195.0, 200.0))],
    ids=["wide-enough", "about-its-middle", "at-the-end-of-their-travel"],
)
def test_jaws_about_less_than_they_can_close_to_stand_as_near_as_they_can(span: Span, expected: Span) -> None:
    """One column of 2.5 mm, between jaws that close to 5 mm."""
    jaws = Jaws(moves_along="x", least_mm=-200.0, most_mm=200.0, gap_mm=5.0, transmission=0.005)
    (narrow,) = field(([0.0, 0.0, 0.0], [0.0, 2.0, 0.0]))
    (part,) = with_open_jaws((replace(narrow, jaws_x_mm=span),), (jaws,))
    assert part.jaws_x_mm == pytest.approx(expected)
    assert part.jaws_y_mm == narrow.jaws_y_mm
