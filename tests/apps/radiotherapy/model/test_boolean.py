"""Union, intersection, difference and exclusive or."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from tests.apps.radiotherapy.model.solids import circle, grid, rectangle, sphere
from tianfu.apps.radiotherapy.model.boolean import difference, exclusive_or, intersection, union
from tianfu.apps.radiotherapy.model.masks import mask_of, shape_of_mask
from tianfu.apps.radiotherapy.model.polygons import area_of
from tianfu.apps.radiotherapy.model.shapes import Shape, shape_from
from tianfu.kernel.refusal import Refusal

SIZE = (3, 7, 7)
HERE = grid(SIZE)
MASKS = arrays.arrays(np.bool_, st.just(SIZE))


def filled(shape: Shape) -> np.ndarray:
    return mask_of(shape, HERE, step_mm=3.0).full()


@pytest.mark.slow  # sixty pairs of masks go through four operations
@settings(max_examples=60, deadline=None)
@given(one=MASKS, other=MASKS)
def test_operations_on_rings_are_those_on_their_voxels(one: np.ndarray, other: np.ndarray) -> None:
    one[:, 0, 0] = other[:, 6, 6] = True  # a slice without any would be one that was not drawn
    first, second = shape_of_mask(one, HERE), shape_of_mask(other, HERE)
    assert np.array_equal(filled(union(first, second, resample=False)), one | other)
    assert np.array_equal(filled(intersection(first, second, resample=False)), one & other)
    assert np.array_equal(filled(difference(first, second, resample=False)), one & ~other)
    assert np.array_equal(filled(exclusive_or(first, second, resample=False)), one ^ other)


def test_two_circles_share_a_lens() -> None:
    """Two circles of radius r, their middles r apart, share r² (2 pi / 3 - sqrt(3) / 2)."""
    shared = intersection(sphere(10.0), shape_from([(0.0, circle(10.0, x=10.0))]), resample=False)
    assert area_of(shared.planes[0].rings).area == pytest.approx(100 * (2 * np.pi / 3 - np.sqrt(3) / 2), rel=1e-3)


def test_what_is_cut_out_of_the_middle_leaves_a_hole() -> None:
    left = difference(shape_from([(0.0, circle(9.0))]), shape_from([(0.0, circle(4.0))]), resample=False)
    assert len(left.planes[0].rings) == 2
    assert area_of(left.planes[0].rings).area == pytest.approx(np.pi * (81 - 16))


def test_planes_beyond_the_other_structure_meet_nothing() -> None:
    long = shape_from((z, rectangle(4, 4)) for z in (0.0, 3.0, 6.0))
    short = shape_from([(3.04, rectangle(4, 4))])
    assert [plane.z_mm for plane in difference(long, short, resample=False).planes] == [0.0, 6.0]
    assert [plane.z_mm for plane in union(long, short, resample=False).planes] == [0.0, 3.0, 6.0]


def test_structures_on_different_slices_are_refused_or_resampled() -> None:
    coarse, fine = sphere(10.0, step=3.0), sphere(10.0, step=2.0)
    with pytest.raises(Refusal, match="planes-not-shared"):
        union(coarse, fine, resample=False)
    both = union(coarse, fine, resample=True)
    assert [plane.z_mm for plane in both.planes] == [-9, -8, -6, -4, -3, -2, 0, 2, 3, 4, 6, 8, 9]
    for plane in both.planes:
        assert area_of(plane.rings).area == pytest.approx(np.pi * (100 - plane.z_mm**2), rel=0.02)


def test_a_plane_in_a_gap_of_the_other_meets_nothing() -> None:
    parts = shape_from((z, rectangle(4, 4)) for z in (0.0, 3.0, 6.0, 15.0, 18.0))
    bridge = shape_from((z, rectangle(4, 4)) for z in (9.0, 12.0))
    assert [plane.z_mm for plane in union(parts, bridge, resample=False).planes] == [0, 3, 6, 9, 12, 15, 18]
    assert intersection(parts, bridge, resample=False).planes == ()
