"""Masks of shapes and shapes of masks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import scipy.io
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from tests.apps.radiotherapy.model.solids import box, circle, grid, rectangle, sphere, turned
from tianfu.apps.radiotherapy.model.masks import coverage_of, in_grid, mask_of, shape_of_mask, touched_by
from tianfu.apps.radiotherapy.model.shapes import Plane, Shape, shape_from, shape_of
from tianfu.apps.radiotherapy.model.volumes import volume_ml
from tianfu.kernel.refusal import Refusal
from tianfu.standards.dicom.structures import Ring, Structure

TG119 = Path(__file__).parents[5] / "shared/data/radiotherapy/TG119.mat"
MASKS = arrays.arrays(np.bool_, st.tuples(st.integers(1, 4), st.integers(1, 9), st.integers(1, 9)))
SPACINGS = st.tuples(*[st.floats(0.3, 5.0)] * 3)


@settings(max_examples=200, deadline=None)
@given(inside=MASKS, spacing=SPACINGS)
def test_a_mask_made_a_shape_and_filled_again_is_the_same_mask(inside: np.ndarray, spacing: tuple) -> None:
    here = grid(inside.shape, spacing=spacing)
    shape = shape_of_mask(inside, here)
    assert np.array_equal(mask_of(shape, here, step_mm=spacing[2]).full(), inside)


@settings(max_examples=50, deadline=None)
@given(inside=MASKS, angle=st.floats(-3, 3), about=st.tuples(*[st.floats(0.1, 1)] * 3))
def test_a_mask_survives_the_way_through_the_patient_in_any_orientation(
    inside: np.ndarray, angle: float, about: tuple
) -> None:
    here = grid(inside.shape, axes=turned(np.array(about), angle), origin=(-211.3, 77.7, -1043.2))
    shape = shape_of_mask(inside, here)
    rings = tuple(
        Ring(points=here.patient(np.column_stack([ring, np.full(len(ring), plane.z_mm)])).round(3))
        for plane in shape.planes
        for ring in plane.rings
    )
    structure = Structure(number=1, name="A", kind="ORGAN", colour=None, generation="", rings=rings)
    assert np.array_equal(mask_of(shape_of(structure, here), here, step_mm=3.0).full(), inside)


def test_a_hole_is_a_ring_of_its_own() -> None:
    inside = np.ones((1, 5, 5), dtype=np.bool_)
    inside[0, 2, 2] = False
    (plane,) = shape_of_mask(inside, grid((1, 5, 5))).planes
    assert len(plane.rings) == 2


@settings(max_examples=100, deadline=None)
@given(
    corners=st.lists(st.tuples(st.integers(-2, 12), st.integers(-2, 12)), min_size=1, max_size=6),
    top=st.tuples(st.integers(-2, 12), st.just(-2)),
)
def test_two_structures_that_share_an_edge_share_and_lose_no_voxel(corners: list, top: tuple) -> None:
    """The edge runs over centres on purpose: its corners are whole numbers."""
    edge = [top, *sorted(corners, key=lambda corner: corner[1]), (5, 13)]
    left = np.array([(-3, -2), *edge, (-3, 13)], dtype=float)
    right = np.array([(13, 13), *edge[::-1], (13, -2)], dtype=float)
    whole = np.array([(-3, -2), (13, -2), (13, 13), (-3, 13)], dtype=float)
    here = grid((1, 10, 10))
    one, other, both = (
        mask_of(shape_from([(0.0, ring)]), here, step_mm=3.0).full().astype(int) for ring in (left, right, whole)
    )
    assert np.array_equal(one + other, both)


def test_a_centre_on_the_lower_edge_belongs_and_one_on_the_upper_does_not() -> None:
    ring = np.array([(1, 1), (3, 1), (3, 3), (1, 3)], dtype=float)
    inside = mask_of(shape_from([(0.0, ring)]), grid((1, 5, 5)), step_mm=3.0).full()[0]
    assert np.argwhere(inside).tolist() == [[1, 1], [1, 2], [2, 1], [2, 2]]


def test_a_plane_stands_for_half_a_step_and_a_gap_stays_empty() -> None:
    shape = shape_from((z, rectangle(4, 4, x=3, y=3)) for z in (3.0, 6.0, 12.0))
    filled = mask_of(shape, grid((16, 7, 7), spacing=(1, 1, 1)), step_mm=3.0).full().any(axis=(1, 2))
    assert np.flatnonzero(filled).tolist() == [2, 3, 4, 5, 6, 7, 11, 12, 13]


@pytest.mark.parametrize("off_mm", [0.0, 4.9972402e-07, -4.9972402e-07, 0.002, -0.002])
@pytest.mark.parametrize("step_mm", [2.5, 2.4999999999999996, 2.5000000000000004])
def test_slices_half_way_between_planes_belong_to_the_upper_one_whatever_files_have_rounded(
    off_mm: float, step_mm: float
) -> None:
    shape = shape_from((1.25 + off_mm + 2.5 * number, rectangle(4, 4, x=3, y=3)) for number in range(3))
    filled = mask_of(shape, grid((9, 7, 7), spacing=(1, 1, 2.5)), step_mm=step_mm).full().any(axis=(1, 2))
    assert np.flatnonzero(filled).tolist() == [0, 1, 2]


def test_planes_that_files_have_rounded_to_a_little_more_than_a_step_leave_no_gap() -> None:
    shape = shape_from((z, rectangle(4, 4, x=3, y=3)) for z in (0.62, 1.25, 1.88, 2.5))
    filled = mask_of(shape, grid((30, 7, 7), spacing=(1, 1, 0.125)), step_mm=0.625).full().any(axis=(1, 2))
    assert np.flatnonzero(filled).tolist() == list(range(3, 23))


def test_planes_whose_heights_have_one_decimal_leave_no_gap_for_a_slice_between_them() -> None:
    """1.25 and 3.75 are written as 1.2 and 3.8: 2.6 apart, by noise a hair more than a tenth beyond the step."""
    heights = [round(1.25 + 2.5 * number, 1) for number in range(6)]
    shape = shape_from((z, rectangle(4, 4, x=3, y=3)) for z in heights)
    filled = mask_of(shape, grid((8, 7, 7), spacing=(1, 1, 2.5)), step_mm=2.5).full().any(axis=(1, 2))
    assert np.flatnonzero(filled).tolist() == [0, 1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize("spacing", [(0.7, 0.8, 1.0), (2.5, 2.5, 2.0), (1.0, 1.0, 3.0)])
@pytest.mark.parametrize("offset", [(0.0, 0.0, 0.0), (0.31, -0.47, 0.9)])
def test_a_box_on_a_grid_of_any_spacing_and_offset_has_the_voxels_whose_centres_it_holds(
    spacing: tuple[float, float, float], offset: tuple[float, float, float]
) -> None:
    source = grid((1, 1, 1))
    target = grid((30, 60, 60), spacing=spacing, origin=tuple(np.array((-17.0, -18.0, -7.0)) + offset))
    shape = in_grid(box(20.0, 16.0, 5), source=source, target=target)
    k, j, i = np.indices(target.shape)
    x, y, z = target.points(np.stack([i, j, k], axis=-1).astype(float)).transpose(3, 0, 1, 2)
    x, y, z = (each.round(9) for each in (x, y, z))
    expected = (x >= -10) & (x < 10) & (y >= -8) & (y < 8) & (z >= -1.5) & (z < 13.5)
    assert np.array_equal(mask_of(shape, target, step_mm=3.0).full(), expected)


def test_a_shape_beyond_the_grid_is_cut_at_its_border() -> None:
    inside = mask_of(sphere(20.0), grid((3, 5, 5)), step_mm=3.0)
    assert inside.full().all()
    assert mask_of(sphere(20.0, x=500.0), grid((3, 5, 5)), step_mm=3.0).voxels == 0
    assert mask_of(sphere(20.0, z=500.0), grid((3, 5, 5)), step_mm=3.0).voxels == 0
    assert mask_of(Shape(planes=()), grid((3, 5, 5)), step_mm=3.0).full().shape == (3, 5, 5)


def test_a_flipped_dose_grid_shows_the_same_places() -> None:
    source = grid((20, 40, 40), origin=(-20.0, -20.0, -30.0))
    flipped = grid((20, 40, 40), axes=np.diag([1.0, -1.0, -1.0]), origin=(-20.0, 19.0, 27.0))
    shape = sphere(11.3, x=21.2, y=17.4, z=28.0)
    one = mask_of(shape, source, step_mm=3.0).full()
    other = mask_of(in_grid(shape, source=source, target=flipped), flipped, step_mm=3.0).full()
    assert np.array_equal(other[::-1, ::-1, :], one)


def test_a_tilted_grid_is_refused() -> None:
    tilted = grid((5, 5, 5), axes=turned(np.array([1.0, 0.0, 0.0]), 0.1))
    with pytest.raises(Refusal, match="grids-not-parallel"):
        in_grid(sphere(5.0), source=grid((5, 5, 5)), target=tilted)


def test_shares_of_a_box_between_voxels_are_exact() -> None:
    shape = shape_from([(0.0, rectangle(2.5, 2.0, x=2.0, y=2.0))])
    shares = coverage_of(shape, grid((1, 5, 5)), step_mm=3.0, lines=4).full()[0]
    assert shares.sum() == pytest.approx(5.0)
    assert shares[2].tolist() == pytest.approx([0, 0.75, 1, 0.75, 0])
    assert shares[1].tolist() == pytest.approx([0, 0.375, 0.5, 0.375, 0])


def test_shares_of_a_ring_sum_to_its_area_less_the_hole() -> None:
    plane = Plane(z_mm=0.0, rings=(circle(7.3, x=10.2, y=9.7), circle(3.1, x=9.0, y=11.0)))
    shares = coverage_of(Shape(planes=(plane,)), grid((1, 20, 20)), step_mm=3.0, lines=8).full()
    assert shares.sum() == pytest.approx(np.pi * (7.3**2 - 3.1**2), rel=2e-3)
    assert shares.min() >= 0
    assert shares.max() <= 1 + 1e-12


@pytest.mark.skipif(not TG119.exists(), reason="the phantom of TG-119 is not beside the checkout")
def test_the_structures_of_tg_119_survive_and_keep_their_volume() -> None:
    """AAPM TG-119's C-shaped target around its core, as voxels: a mask's volume and that of its rings differ little."""
    phantom = scipy.io.loadmat(TG119, squeeze_me=True, struct_as_record=False)
    rows, columns, slices = (int(size) for size in phantom["ct"].cubeDim)
    spacing = phantom["ct"].resolution
    here = grid((slices, rows, columns), spacing=(float(spacing.x), float(spacing.y), float(spacing.z)))
    for structure in phantom["cst"]:
        voxels = np.zeros(rows * columns * slices, dtype=np.bool_)
        voxels[np.atleast_1d(structure[3]).astype(int) - 1] = True
        inside = np.ascontiguousarray(voxels.reshape((rows, columns, slices), order="F").transpose(2, 0, 1))
        shape = shape_of_mask(inside, here)
        assert np.array_equal(mask_of(shape, here, step_mm=here.spacing[2]).full(), inside)
        assert volume_ml(shape, step_mm=here.spacing[2]) == pytest.approx(
            inside.sum() * here.voxel_mm3 / 1000, rel=0.02
        )


@pytest.mark.parametrize("least", [0.01, 0.1, 0.2, 0.5, 0.9])
def test_a_voxel_is_touched_if_enough_of_it_is_inside(least: float) -> None:
    """A square from 8.5 to 17.5 mm between 2.5 and 5.5 mm, in voxels of 3 mm: of the voxel whose middle is at 9 mm the
    places 9 and 10 are inside, of that at 18 mm the place 17; of that 3 mm high 3 and 4, of that 6 mm high 5.
    """
    here = grid((5, 9, 9), spacing=(3.0, 3.0, 3.0))
    square = Plane(z_mm=4.0, rings=(np.array([(8.5, 8.5), (17.5, 8.5), (17.5, 17.5), (8.5, 17.5)]),))
    along = np.array([0, 0, 0, 2, 3, 3, 1, 0, 0]) / 3
    above = np.array([0, 2, 1, 0, 0]) / 3
    shares = above[:, None, None] * along[None, :, None] * along[None, None, :]
    touched = touched_by(Shape(planes=(square,)), here, step_mm=3.0, least=least)
    assert np.array_equal(touched, shares >= least)


@settings(max_examples=30, deadline=None)
@given(inside=arrays.arrays(np.bool_, (2, 5, 5)))
def test_on_its_own_grid_a_mask_touches_itself(inside: np.ndarray) -> None:
    here = grid(inside.shape)
    shape = shape_of_mask(inside, here)
    touched = touched_by(shape, here, step_mm=float(here.spacing[2]), least=1e-6)
    assert not (inside & ~touched).any()
