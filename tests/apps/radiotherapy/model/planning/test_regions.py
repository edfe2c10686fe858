"""What a wish makes of the body around a structure."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.radiotherapy_plan import WISH, small_subject, small_wish
from tianfu.apps.radiotherapy.model.optimisation.objectives import EquivalentAtLeast, MinimumDose
from tianfu.apps.radiotherapy.model.planning.regions import objectives_of, region_mask, regions_of, to_surface
from tianfu.apps.radiotherapy.model.planning.subjects import dose_grid_over
from tianfu.apps.radiotherapy.model.planning.wishes import RegionWish
from tianfu.apps.radiotherapy.model.shapes import Shape
from tianfu.kernel.refusal import Refusal
from tianfu.standards.dicom.grids import Volume


def region(*, from_mm: float, to_mm: float | None, without: tuple[str, ...] = ()) -> np.ndarray:
    wish = RegionWish(name="r", around=("PTV_5000",), from_mm=from_mm, to_mm=to_mm, without=without, share=1.0)
    return region_mask(wish, small_subject())


def test_target_ring_and_what_lies_beyond_are_the_whole_body_and_share_nothing() -> None:
    subject = small_subject()
    parts = [subject.masks["PTV_5000"], region(from_mm=0.0, to_mm=15.0), region(from_mm=15.0, to_mm=None)]
    assert np.array_equal(np.any(parts, axis=0), subject.body)
    assert np.sum(parts) == subject.body.sum()


def test_a_region_is_without_what_is_said() -> None:
    cord = small_subject().masks["SpinalCord"]
    whole = region(from_mm=0.0, to_mm=None)
    assert np.array_equal(region(from_mm=0.0, to_mm=None, without=("SpinalCord",)), whole & ~cord)
    assert (whole & cord).any()


def test_the_dose_grid_holds_the_middle_of_every_voxel_of_the_body() -> None:
    image = small_subject().density.grid
    body = small_subject().density.values > 0
    for spacing_mm in (4.0, 6.0, 7.0):
        grid = dose_grid_over(body, image, spacing_mm=spacing_mm)
        places = grid.local(image.points(np.argwhere(body)[:, ::-1].astype(np.float64)))
        assert places.min() > -0.01
        assert (grid.extent - places.max(axis=0) > -0.01).all()
        assert (grid.extent - places.max(axis=0) < spacing_mm).all()


def test_a_grid_that_no_memory_holds_is_refused() -> None:
    body = small_subject().density.values > 0
    with pytest.raises(Refusal, match="dose-grid-too-large"):
        dose_grid_over(body, small_subject().density.grid, spacing_mm=0.1)


def test_a_fingerprint_is_of_everything_that_a_plan_follows_from() -> None:
    one = small_subject()
    dense = Volume(grid=one.density.grid, values=one.density.values * np.float32(1.01))
    cord = {**one.masks, "SpinalCord": one.masks["PTV_5000"]}
    moved = replace(one.grid, origin=one.grid.origin + 1.0)
    drawn = replace(one.target, shape=Shape(planes=one.target.shape.planes[1:]))
    others = [
        replace(one, touched={}),
        replace(one, density=dense),
        replace(one, masks=cord),
        replace(one, grid=moved),
        replace(one, target=drawn),
    ]
    assert replace(one).fingerprint == one.fingerprint
    assert len({each.fingerprint for each in (one, *others)}) == 6


def test_a_target_is_asked_for_its_least_dose_in_all_voxels_that_it_lies_in_and_for_its_most_in_its_own() -> None:
    subject, wish = small_subject(), small_wish()
    least, most, *_ = objectives_of(wish, subject)
    assert isinstance(least, MinimumDose)
    assert (least.structure, most.structure) == (to_surface("PTV_5000"), "PTV_5000")
    regions = regions_of(wish, subject)
    own, touched = set(regions["PTV_5000"].rows.tolist()), set(regions[to_surface("PTV_5000")].rows.tolist())
    assert own < touched
    # a ball of 22 mm in voxels of 6 mm: those beyond its middle ones are fewer than a shell of one voxel
    assert len(touched) < len(own) * ((22 + 6) / 22) ** 3


def test_what_no_target_is_is_asked_in_its_own_voxels_alone() -> None:
    mean = {"kind": "equivalent-at-least", "structure": "SpinalCord", "weight": 1.0, "dose_gy": 1.0, "exponent": 1.0}
    wish = small_wish(objectives=[*WISH["objectives"], mean])
    found = [each for each in objectives_of(wish, small_subject()) if isinstance(each, EquivalentAtLeast)]
    assert [each.structure for each in found] == ["SpinalCord"]


def test_where_touched_voxels_are_not_known_the_mask_stands_for_them() -> None:
    bare = replace(small_subject(), touched={})
    assert {each.structure for each in objectives_of(small_wish(), bare)} == {
        each.structure for each in small_wish().objectives
    }
