"""Rows of structures, samples of them, and rings against a count by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.apps.radiotherapy.model.optimisation.influences import influence_from, square_beamlets
from tianfu.apps.radiotherapy.model.optimisation.regions import (
    Region,
    needed_rows,
    on_rows,
    region_in,
    ring_of,
    sampled,
)
from tianfu.kernel.refusal import Refusal
from tianfu.standards.dicom.grids import Grid

GRID = Grid(origin=np.zeros(3), axes=np.eye(3), spacing=np.array([2.0, 3.0, 5.0]), shape=(9, 11, 13))


def test_a_structure_has_the_rows_whose_voxels_it_has() -> None:
    """Voxels 2, 5 and 9 of ten have rows; of a structure of 5 to 9 two have, its volume is that of five."""
    influence = influence_from(np.ones((10, 1)), square_beamlets(fields=1, rows=1, columns=1))
    influence = replace(influence, voxels=np.array([2, 5, 9], np.int32))
    region = region_in(influence, (np.arange(10) >= 5).reshape(1, 1, 10), structure="PTV")
    assert region.rows.tolist() == [1, 2]
    assert region.volume_cc == pytest.approx(5.0)
    with pytest.raises(Refusal, match="structure-without-voxels structure=PTV"):
        region_in(influence, np.zeros((1, 1, 10), np.bool_), structure="PTV")


def test_regions_speak_of_the_same_voxels_where_only_needed_rows_are_left() -> None:
    regions = {
        "PTV": Region(rows=np.array([3, 5, 8]), volume_cc=1.0),
        "Cord": Region(rows=np.array([5, 11]), volume_cc=2.0),
    }
    rows = needed_rows(regions)
    assert rows.tolist() == [3, 5, 8, 11]
    fewer = on_rows(regions, rows)
    for name, region in regions.items():
        assert rows[fewer[name].rows].tolist() == region.rows.tolist()
        assert fewer[name].volume_cc == region.volume_cc


def test_a_sample_is_the_same_for_the_same_seed_and_keeps_the_volume() -> None:
    whole = Region(rows=np.arange(1000), volume_cc=27.0)
    first, second = (sampled(whole, share=0.2, seed=7) for _ in range(2))
    assert first.rows.tolist() == second.rows.tolist() == sorted(set(first.rows.tolist()))
    assert len(first.rows) == 200
    assert first.volume_cc == 27.0
    assert sampled(whole, share=0.2, seed=8).rows.tolist() != first.rows.tolist()
    with pytest.raises(Refusal, match="share-of-voxels-not-sound"):
        sampled(whole, share=0.0, seed=7)


@settings(deadline=None)
@given(seed=st.integers(0, 99), inner_mm=st.floats(0, 8), width_mm=st.floats(0.5, 8))
def test_a_ring_is_all_that_is_so_far_from_the_target(seed: int, inner_mm: float, width_mm: float) -> None:
    lots = np.random.default_rng(seed)
    target = np.zeros(GRID.shape, np.bool_)
    target[tuple(lots.integers(0, size, 5) for size in GRID.shape)] = True
    places = np.stack(np.indices(GRID.shape), axis=-1) * GRID.spacing[::-1]
    distance = np.linalg.norm(places[..., None, :] - places[target], axis=-1).min(axis=-1)
    is_clear = (np.abs(distance - inner_mm) > 1e-9) & (np.abs(distance - inner_mm - width_mm) > 1e-9)
    ring = ring_of(target, GRID, inner_mm=inner_mm, outer_mm=inner_mm + width_mm)
    expected = (distance > inner_mm) & (distance <= inner_mm + width_mm)
    assert np.array_equal(ring[is_clear], expected[is_clear])


@pytest.mark.parametrize(("inner_mm", "outer_mm"), [(5, 5), (-1, 5), (6, 5)])
def test_a_ring_of_no_width_is_refused(inner_mm: float, outer_mm: float) -> None:
    with pytest.raises(Refusal, match="ring-not-sound"):
        ring_of(np.ones(GRID.shape, np.bool_), GRID, inner_mm=inner_mm, outer_mm=outer_mm)
