"""Masks as rings: holes stay holes, smoothing stays below a voxel."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tests.apps.radiotherapy.model.contouring.made import dice
from tianfu.apps.radiotherapy.model.contouring.outlines import outlined
from tianfu.apps.radiotherapy.model.contouring.providers import mask_from
from tianfu.apps.radiotherapy.model.masks import mask_of
from tianfu.standards.dicom.grids import Grid

GRID = Grid(origin=np.array([-63.0, -60.0, 0.0]), axes=np.eye(3), spacing=np.array([2.0, 2.0, 3.0]), shape=(9, 61, 64))
ROWS, COLUMNS = np.meshgrid(np.arange(61) * 2.0 - 60, np.arange(64) * 2.0 - 63, indexing="ij")


def again(inside: np.ndarray, grid: Grid, **fineness: float) -> np.ndarray:
    shape = outlined(mask_from(inside), grid, **fineness)
    return mask_of(shape, grid, step_mm=float(grid.spacing[2])).full()


@pytest.mark.parametrize("hole_mm", [0.0, 12.0])
@pytest.mark.parametrize(("softness", "tolerance"), [(0.0, 0.0), (0.7, 0.1), (1.0, 0.2)])
def test_a_round_body_and_its_hole_come_back(hole_mm: float, softness: float, tolerance: float) -> None:
    ring = (np.hypot(ROWS, COLUMNS) <= 50) & (np.hypot(ROWS, COLUMNS - 10) > hole_mm)
    inside = np.repeat(ring[None], 9, axis=0)
    assert dice(again(inside, GRID, softness_voxels=softness, tolerance_mm=tolerance), inside) >= 0.99


def test_smooth_rings_of_a_disc_run_nearer_to_it_than_steps_do() -> None:
    """Every point of the disc's edge is 50 mm from its middle; steps of 2 mm are up to half a diagonal off."""
    inside = np.zeros(GRID.shape, dtype=np.bool_)
    inside[4] = np.hypot(ROWS, COLUMNS) <= 50
    offsets = {}
    for softness in (0.0, 0.7):
        (plane,) = outlined(mask_from(inside), GRID, softness_voxels=softness, tolerance_mm=0.0).planes
        (ring,) = plane.rings
        offsets[softness] = np.abs(np.linalg.norm(ring + GRID.origin[:2], axis=1) - 50).mean()
    assert offsets[0.7] < 0.7 * offsets[0.0]


def test_few_points_are_left_of_a_large_ring() -> None:
    inside = np.repeat((np.hypot(ROWS, COLUMNS) <= 50)[None], 9, axis=0)
    many = outlined(mask_from(inside), GRID, softness_voxels=0.7, tolerance_mm=0.0)
    few = outlined(mask_from(inside), GRID, softness_voxels=0.7, tolerance_mm=0.1)
    assert sum(len(plane.rings[0]) for plane in few.planes) < sum(len(plane.rings[0]) for plane in many.planes) / 2


def test_a_single_voxel_is_not_smoothed_away() -> None:
    inside = np.zeros(GRID.shape, dtype=np.bool_)
    inside[3, 20, 30] = True
    assert np.array_equal(again(inside, GRID, softness_voxels=0.7, tolerance_mm=0.1), inside)


@settings(max_examples=40, deadline=None)
@given(arrays(np.bool_, (2, 7, 8), elements=st.booleans()))
def test_rings_that_are_not_smoothed_make_any_mask_again(inside: np.ndarray) -> None:
    grid = Grid(origin=np.zeros(3), axes=np.eye(3), spacing=np.array([1.5, 2.5, 3.0]), shape=(2, 7, 8))
    assert np.array_equal(again(inside, grid, softness_voxels=0.0, tolerance_mm=0.0), inside)
