"""What a wish makes of the body around a structure."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.radiotherapy_plan import small_subject
from tianfu.apps.radiotherapy.model.planning.regions import region_mask
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
        replace(one, density=dense),
        replace(one, masks=cord),
        replace(one, grid=moved),
        replace(one, target=drawn),
    ]
    assert replace(one).fingerprint == one.fingerprint
    assert len({each.fingerprint for each in (one, *others)}) == 5
