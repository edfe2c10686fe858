"""Openings sum up to what was asked, in as few units as Engel proved possible."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from tianfu.apps.radiotherapy.model.optimisation.segmentation import Opened, cost, segmented

LEVELS = arrays(np.int64, array_shapes(min_dims=2, max_dims=2, max_side=7), elements=st.integers(0, 7))


def passes(opened: Opened) -> bool:
    """Whether a leaf stands beyond an opposite neighbour, tips a quarter of a column back from the edges."""
    is_open = opened.right > opened.left
    first = np.where(is_open, opened.left + 0.25, opened.left + 0.5)
    second = np.where(is_open, opened.right - 0.25, first)
    return bool(np.any(first[:-1] > second[1:]) or np.any(first[1:] > second[:-1]))


@settings(deadline=None)
@given(levels=LEVELS)
def test_free_leaves_give_the_fluence_exactly_in_the_fewest_units(levels: np.ndarray) -> None:
    """The fewest are the largest sum of rises of a row: Engel 2005, theorem 2 [memory]."""
    openings = segmented(levels, interdigitates=True)
    assert np.array_equal(sum((each.fluence(levels.shape[1]) for each in openings), np.zeros_like(levels)), levels)
    rises = max(sum(max(b - a, 0) for a, b in zip([0, *row], row, strict=False)) for row in levels.tolist())
    assert sum(each.units for each in openings) == rises == cost(levels)
    assert all(each.units > 0 and np.any(each.right > each.left) for each in openings)


@settings(deadline=None)
@given(levels=LEVELS)
def test_leaves_that_must_not_pass_give_it_exactly_and_never_pass(levels: np.ndarray) -> None:
    openings = segmented(levels, interdigitates=False)
    assert np.array_equal(sum((each.fluence(levels.shape[1]) for each in openings), np.zeros_like(levels)), levels)
    assert not any(passes(each) for each in openings)
    assert sum(each.units for each in openings) >= cost(levels)


def test_rows_that_share_no_column_need_two_openings_if_leaves_must_not_pass() -> None:
    levels = np.array([[1, 1, 0, 0], [0, 0, 1, 1]])
    assert len(segmented(levels, interdigitates=True)) == 1
    assert len(segmented(levels, interdigitates=False)) == 2


@pytest.mark.parametrize("interdigitates", [True, False])
def test_an_even_field_is_one_opening(interdigitates: bool) -> None:
    openings = segmented(np.full((6, 9), 5), interdigitates=interdigitates)
    assert [each.units for each in openings] == [5]


def test_few_openings_are_found() -> None:
    """A staircase of 1, 2, 3 and 4 in one row needs four units; doubling steps could do in three openings at most."""
    assert len(segmented(np.array([[1, 3, 7, 7, 3, 1]]), interdigitates=True)) <= 3


def test_nothing_needs_no_opening() -> None:
    assert segmented(np.zeros((3, 4), np.int64), interdigitates=False) == ()
