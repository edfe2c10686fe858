"""Rules against the equations of a made chest: what is inside is known for every voxel."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from demo.radiotherapy.published import TG119_FILE, tg119
from demo.radiotherapy.thorax import TOUCHING, Thorax, thorax_grid
from numpy.typing import NDArray

from tests.apps.radiotherapy.model.contouring.made import CORONAL, GRID, by_rules, codes, dice, dices
from tianfu.apps.radiotherapy.model.contouring.levels import ADULT
from tianfu.apps.radiotherapy.model.contouring.lungs import lungs_of
from tianfu.apps.radiotherapy.model.contouring.orders import patient_order
from tianfu.apps.radiotherapy.model.masks import mask_of
from tianfu.apps.radiotherapy.model.shapes import shape_of
from tianfu.kernel.refusal import Refusal
from tianfu.standards.dicom.grids import Volume

PUBLISHED = Path(__file__).parents[6] / "shared/data/radiotherapy"

LEAST = {"Body": 0.998, "Lung_L": 0.995, "Lung_R": 0.995, "Lungs": 0.995, "Bone": 0.85}
"""A scanner's blur moves an edge of 30 to 700 HU outwards at 150 HU, which a ring of bone of 4 mm feels most."""


def reached(found: dict[str, float]) -> bool:
    return found.keys() == LEAST.keys() and all(found[name] >= least for name, least in LEAST.items())


def test_body_lungs_and_bone_of_a_made_chest_are_where_their_equations_are() -> None:
    thorax = Thorax()
    found = dices(by_rules(thorax.ct(GRID, seed=1)), thorax, GRID)
    assert reached(found), found


def test_without_blur_bone_is_drawn_voxel_for_voxel_and_its_canal_stays_open() -> None:
    thorax = Thorax()
    found = dices(by_rules(thorax.ct(GRID, seed=2, blur_voxels=0.0)), thorax, GRID)
    assert found["Bone"] == 1.0


def test_a_coronal_volume_whose_axes_all_run_backwards_gives_the_same_left_and_right() -> None:
    thorax, grid = Thorax(), thorax_grid(spacing_mm=(2.5, 3.0, 3.5), axes=CORONAL)
    found = dices(by_rules(thorax.ct(grid, seed=3)), thorax, grid)
    assert reached(found), found


def test_a_solid_couch_that_the_back_lies_in_is_cut_off_and_told() -> None:
    thorax = Thorax(couch=TOUCHING)
    contouring = by_rules(thorax.ct(GRID, seed=4))
    assert dices(contouring, thorax, GRID)["Body"] >= 0.998
    assert "body-couch-cut" in codes(contouring, "Body")


def test_no_couch_is_cut_where_there_is_none() -> None:
    thorax = Thorax(couch=None)
    contouring = by_rules(thorax.ct(GRID, seed=5))
    assert dices(contouring, thorax, GRID)["Body"] >= 0.998
    assert codes(contouring, "Body") == set()


def test_lungs_that_touch_are_parted_where_they_touch() -> None:
    thorax = Thorax(lungs_apart_mm=97.0, spine_y_mm=60.0)
    found = dices(by_rules(thorax.ct(GRID, seed=6)), thorax, GRID)
    assert min(found["Lung_L"], found["Lung_R"]) >= 0.98


def test_the_windpipe_is_no_lung() -> None:
    thorax = Thorax()
    contouring, windpipe = by_rules(thorax.ct(GRID, seed=7)), thorax.parts(GRID)["Trachea"]
    drawn = {each.name: each.mask.full() for each in contouring.drawn}
    assert windpipe.any()
    assert not (drawn["Lungs"] & windpipe).any()


def test_a_bulla_in_a_lung_belongs_to_it() -> None:
    thorax = Thorax()
    ct = thorax.ct(GRID, seed=8)
    x, y, z = (GRID.points(np.moveaxis(np.indices(GRID.shape)[::-1], 0, -1))[..., axis] for axis in range(3))
    bulla = (x - 75) ** 2 + (y + 5) ** 2 + z**2 <= 15**2
    values = np.where(bulla, np.int16(-1000), ct.values)
    assert dices(by_rules(Volume(grid=GRID, values=values)), thorax, GRID)["Lung_L"] >= 0.995


def test_a_chest_without_its_left_lung_has_a_right_one_and_says_so() -> None:
    thorax = Thorax()
    ct = thorax.ct(GRID, seed=9)
    values = np.where(thorax.parts(GRID)["Lung_L"], np.int16(30), ct.values)
    contouring = by_rules(Volume(grid=GRID, values=values))
    assert [each.name for each in contouring.not_drawn] == ["Lung_L"]
    assert codes(contouring, "Lung_L") == {"lung-on-one-side"}


def test_a_field_of_view_that_cuts_the_body_is_told_of_everything_in_it() -> None:
    grid = thorax_grid(spacing_mm=(3.0, 3.0, 3.0), half_x_mm=140.0)
    contouring = by_rules(Thorax().ct(grid, seed=10))
    assert all("body-truncated" in codes(contouring, name) for name in LEAST)


def test_a_body_cut_by_a_scanners_round_padding_is_told() -> None:
    ct = Thorax().ct(GRID, seed=11)
    x, y = np.meshgrid(GRID.origin[0] + 4.0 * np.arange(GRID.shape[2]), GRID.origin[1] + 4.0 * np.arange(GRID.shape[1]))
    values = np.where(np.hypot(x, y) > 145, np.int16(-2000), ct.values)
    assert "body-truncated" in codes(by_rules(Volume(grid=GRID, values=values)), "Body")


def test_metal_is_told() -> None:
    ct = Thorax().ct(GRID, seed=12)
    values = ct.values.copy()
    values[20:26, 49:52, 62:65] = 3000
    assert codes(by_rules(Volume(grid=GRID, values=values)), "Bone") == {"bone-metal"}


@pytest.mark.parametrize(
    ("change", "code"),
    [(lambda values: values + 1024, "contouring-no-air"), (lambda values: values * 0 - 1000, "contouring-no-tissue")],
)
def test_values_that_are_no_hounsfield_units_of_a_patient_are_refused(
    change: Callable[[NDArray[np.int16]], NDArray[np.int16]], code: str
) -> None:
    ct = Thorax().ct(GRID, seed=13)
    with pytest.raises(Refusal, match=code):
        by_rules(replace(ct, values=change(ct.values).astype(np.int16)))


def test_other_levels_draw_other_lungs() -> None:
    thorax = Thorax()
    ct, order, body = thorax.ct(GRID, seed=14), patient_order(GRID), thorax.parts(GRID)["Body"]
    nothing = lungs_of(order.turned(ct.values), order.turned(body), order, replace(ADULT, lung_ml=5000.0))
    assert nothing.together is None
    assert {reason.code for reason in nothing.reasons} == {"lung-not-found"}


def test_the_body_of_tg_119_is_that_of_its_authors() -> None:
    """TG-119's C-shape as matRad has it lies on a couch of loose voxels; its authors drew BODY themselves."""
    if not (PUBLISHED / TG119_FILE).exists():
        pytest.skip("the shared data folder is not there")
    case = tg119(PUBLISHED)
    grid = case.ct.grid
    theirs = mask_of(shape_of(case.structure("BODY"), grid), grid, step_mm=float(grid.spacing[2])).full()
    (body,) = [each for each in by_rules(case.ct).drawn if each.name == "Body"]
    assert dice(body.mask.full(), theirs) >= 0.99
