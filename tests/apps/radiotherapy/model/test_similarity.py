"""Overlap and distance of structures."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.extra import numpy as arrays

from tests.apps.radiotherapy.model.solids import box, circle, sphere
from tianfu.apps.radiotherapy.model.shapes import Shape, shape_from
from tianfu.apps.radiotherapy.model.similarity import (
    added_path_length_mm,
    overlap,
    overlap_of_masks,
    surface_distances,
)
from tianfu.apps.radiotherapy.model.surfaces import surface_of
from tianfu.kernel.refusal import Refusal

NOTHING = Shape(planes=())


def test_the_dice_of_concentric_spheres_is_that_of_their_volumes() -> None:
    """2 r³ / (r³ + R³)."""
    found = overlap(sphere(10.0), sphere(13.0), step_mm=3.0, slab_mm=1.0)
    assert found.dice == pytest.approx(2000 / (1000 + 13**3), rel=2e-3)
    assert found.jaccard == pytest.approx(1000 / 13**3, rel=2e-3)


@pytest.mark.slow  # forty slabs are cut out of each other
def test_the_dice_of_shifted_spheres_is_that_of_their_lens() -> None:
    """The lens of two spheres s apart is pi (2 r - s)² (s² + 4 s r) / (12 s)."""
    r, s = 20.0, 6.0
    lens = np.pi * (2 * r - s) ** 2 * (s * s + 4 * s * r) / (12 * s)
    found = overlap(sphere(r), sphere(r, x=s), step_mm=3.0, slab_mm=1.0)
    assert found.dice == pytest.approx(lens / (4 / 3 * np.pi * r**3), rel=2e-3)


@pytest.mark.slow  # two surfaces of ten thousand triangles are measured
def test_concentric_spheres_are_everywhere_as_far_apart_as_their_radii_differ() -> None:
    found = surface_distances(sphere(20.0), sphere(24.0), step_mm=3.0, pitch_mm=2.0)
    assert found.hausdorff_mm(100) == pytest.approx(4.0, abs=0.1)
    assert found.hausdorff_mm(95) == pytest.approx(4.0, abs=0.1)
    assert found.mean_mm == pytest.approx(4.0, abs=0.02)
    assert found.surface_dice(tolerance_mm=3.8) == 0.0
    assert found.surface_dice(tolerance_mm=4.2) == 1.0


@pytest.mark.slow  # two surfaces of ten thousand triangles are measured
def test_shifted_spheres_are_apart_as_the_shift_projects() -> None:
    """From a point at angle u = cos(t) of one sphere to the other: |sqrt(r² + s² - 2 r s u) - r|, u even in -1 to 1."""
    r, s, tolerance = 20.0, 6.0, 3.0
    u = np.linspace(-1, 1, 200_001)
    away = np.abs(np.sqrt(r * r + s * s - 2 * r * s * u) - r)
    found = surface_distances(sphere(r), sphere(r, x=s), step_mm=3.0, pitch_mm=2.0)
    assert found.hausdorff_mm(100) == pytest.approx(s, abs=0.05)
    assert found.hausdorff_mm(95) == pytest.approx(np.quantile(away, 0.95), abs=0.05)
    assert found.mean_mm == pytest.approx(away.mean(), abs=0.02)
    assert found.surface_dice(tolerance_mm=tolerance) == pytest.approx((away <= tolerance).mean(), abs=0.01)


def test_a_box_has_the_surface_of_a_box() -> None:
    """Width 20, depth 30, height 7 steps of 3 mm; each upright edge is cut off within one cell of the lattice."""
    surface = surface_of(box(20.0, 30.0, 7), step_mm=3.0, pitch_mm=0.5)
    assert surface.areas_mm2.sum() == pytest.approx(2 * (20 * 30 + 20 * 21 + 30 * 21), rel=0.01)


def test_cubes_one_around_the_other_are_apart_by_a_corner_at_most() -> None:
    """A cube 2 mm larger to all sides but z: its corner edges are sqrt(8) away, its walls 2."""
    found = surface_distances(box(20.0, 20.0, 7), box(24.0, 24.0, 7), step_mm=3.0, pitch_mm=1.0)
    assert found.hausdorff_mm(100) == pytest.approx(np.sqrt(8), abs=0.3)


@settings(max_examples=50, deadline=None)
@given(masks=arrays.arrays(np.bool_, (2, 3, 4, 5)))
def test_dice_is_symmetric_and_within_bounds(masks: np.ndarray) -> None:
    one, other = masks
    if not (one.any() and other.any()):
        with pytest.raises(Refusal, match="structure-without-area"):
            overlap_of_masks(one, other, voxel_mm3=2.0)
        return
    there, back = overlap_of_masks(one, other, voxel_mm3=2.0), overlap_of_masks(other, one, voxel_mm3=2.0)
    assert there.dice == back.dice
    assert 0 <= there.jaccard <= there.dice <= 1
    assert there.dice == pytest.approx(2 * there.jaccard / (1 + there.jaccard))
    assert overlap_of_masks(one, one, voxel_mm3=2.0).dice == 1.0


def test_surface_distances_do_not_depend_on_who_is_first() -> None:
    there, back = (
        surface_distances(*pair, step_mm=3.0, pitch_mm=2.0)
        for pair in ((sphere(10.0), box(15.0, 15.0, 4)), (box(15.0, 15.0, 4), sphere(10.0)))
    )
    assert there.mean_mm == pytest.approx(back.mean_mm)
    assert there.hausdorff_mm(95) == back.hausdorff_mm(95)


def test_the_added_path_is_the_part_of_the_ring_that_the_other_misses() -> None:
    """A circle shifted by s is |s cos t| away for small s: within s / 2 for two thirds of all t."""
    reference = shape_from((z, circle(30.0)) for z in (0.0, 3.0))
    automatic = shape_from([(0.0, circle(30.0, x=2.0))])
    whole = 2 * np.pi * 30
    assert added_path_length_mm(reference, reference, tolerance_mm=0.1) == 0.0
    found = added_path_length_mm(reference, automatic, tolerance_mm=1.0)
    assert found == pytest.approx(whole + whole * 2 / 3, rel=0.02)


@pytest.mark.parametrize("pair", [(sphere(5.0), NOTHING), (NOTHING, sphere(5.0))])
def test_nothing_is_like_nothing(pair: tuple[Shape, Shape]) -> None:
    with pytest.raises(Refusal, match="structure-without-area"):
        overlap(*pair, step_mm=3.0, slab_mm=1.0)
    with pytest.raises(Refusal, match="structure-without-area"):
        surface_distances(*pair, step_mm=3.0, pitch_mm=1.0)


def test_no_reference_has_no_path() -> None:
    with pytest.raises(Refusal, match="structure-without-area"):
        added_path_length_mm(NOTHING, sphere(5.0), tolerance_mm=1.0)
