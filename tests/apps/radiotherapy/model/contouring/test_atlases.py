"""Atlases of other sizes and another orientation, fitted onto a made chest whose parts are known by their equations."""

from __future__ import annotations

import locale
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pytest
from demo.radiotherapy.thorax import Thorax, thorax_grid

from tests.apps.radiotherapy.model.contouring.made import CORONAL, dice, unheard
from tianfu.apps.radiotherapy.model.contouring.atlases import Atlas, Atlases, agreement_of
from tianfu.apps.radiotherapy.model.contouring.levels import ADULT
from tianfu.apps.radiotherapy.model.contouring.providers import Contouring, Drawn, NotDrawn, contoured, mask_from
from tianfu.kernel.refusal import Refusal
from tianfu.standards.dicom.grids import Grid, Volume

SLICES, FRONTS = thorax_grid(spacing_mm=(6.0, 6.0, 5.0)), thorax_grid(spacing_mm=(6.0, 5.0, 6.0), axes=CORONAL)
PATIENT = Thorax()
SMALL = Thorax(half_x_mm=150, half_y_mm=100, lungs_mm=(46, 60, 85), lungs_apart_mm=140, spine_y_mm=46)
LARGE = Thorax(half_x_mm=170, half_y_mm=110, lungs_mm=(54, 66, 95), lungs_apart_mm=158, spine_y_mm=54)
TURNED = Thorax(half_x_mm=165, half_y_mm=100, lungs_mm=(48, 60, 80), spine_y_mm=45)


def labels(thorax: Thorax, grid: Grid) -> dict[str, np.ndarray]:
    parts = thorax.parts(grid)
    return {"Lung_L": parts["Lung_L"], "Lung_R": parts["Lung_R"], "SpinalCanal": thorax.canal(grid)}


def atlas(
    name: str, thorax: Thorax, grid: Grid, *, more: Mapping[str, np.ndarray] | None = None, origin: str = "made"
) -> Atlas:
    drawn = {**labels(thorax, grid), **(more or {})}
    return Atlas(
        id=name,
        ct=thorax.ct(grid, seed=len(name)),
        labels={each: mask_from(inside) for each, inside in drawn.items()},
        origin=origin,
        consent="made up, nobody's",
    )


def ball(grid: Grid, *, x_mm: float, y_mm: float) -> np.ndarray:
    x, y, z = np.moveaxis(grid.points(np.moveaxis(np.indices(grid.shape)[::-1], 0, -1).astype(float)), -1, 0)
    return np.asarray((x - x_mm) ** 2 + (y - y_mm) ** 2 + z**2 <= 15**2)


def provider(atlases: Sequence[Atlas], *, agreement_min: float = 0.7, working_mm: float = 6.0) -> Atlases:
    return Atlases(atlases=tuple(atlases), working_mm=working_mm, agreement_min=agreement_min, levels=ADULT)


@pytest.fixture(scope="module")
def done() -> Contouring:
    pytest.importorskip("SimpleITK")
    atlases = [
        atlas("small", SMALL, SLICES, more={"Heart": ball(SLICES, x_mm=12, y_mm=-60)}),
        atlas("large", LARGE, SLICES, more={"Heart": ball(SLICES, x_mm=-12, y_mm=-60)}),
        atlas("turned", TURNED, FRONTS, more={"Liver": ball(FRONTS, x_mm=0, y_mm=0)}),
    ]
    return contoured(PATIENT.ct(SLICES, seed=9), provider=provider(atlases), on_progress=unheard)


def one(done: Contouring, name: str) -> Drawn | NotDrawn:
    (found,) = [each for each in done.outcomes if each.name == name]
    return found


@pytest.mark.slow  # three atlases are fitted
@pytest.mark.parametrize(("name", "least"), [("Lung_L", 0.97), ("Lung_R", 0.97), ("SpinalCanal", 0.8)])
def test_what_edges_show_is_drawn_where_the_patient_has_it(done: Contouring, name: str, least: float) -> None:
    """A canal of 16 mm on voxels of 6 mm is three voxels wide: half a voxel costs it a tenth."""
    found = one(done, name)
    assert isinstance(found, Drawn)
    assert found.confidence is not None
    assert found.confidence >= 0.7
    assert dice(found.mask.full(), labels(PATIENT, SLICES)[name]) >= least


def test_what_atlases_disagree_on_is_told_and_not_drawn(done: Contouring) -> None:
    """Two balls of radius 15 mm whose middles are 24 mm apart share 1 - 3/2 t + t³/2 with t = 24/30, that is 0.06."""
    found = one(done, "Heart")
    assert isinstance(found, NotDrawn)
    assert found.confidence is not None
    assert found.confidence < 0.3
    assert [reason.code for reason in found.reasons] == ["atlases-disagree"]


def test_what_only_one_atlas_has_is_told_and_not_drawn(done: Contouring) -> None:
    found = one(done, "Liver")
    assert isinstance(found, NotDrawn)
    assert [(reason.code, reason.details) for reason in found.reasons] == [("atlas-in-few", {"count": "1", "of": "3"})]


def test_fitting_leaves_the_language_of_the_process_alone(done: Contouring) -> None:
    assert done.provider == "tianfu-atlases"
    assert locale.setlocale(locale.LC_CTYPE).lower().endswith(("utf-8", "utf8"))


@pytest.mark.slow  # two atlases are fitted, twice
def test_the_same_atlases_draw_the_same_voxels_again() -> None:
    pytest.importorskip("SimpleITK")
    grid = thorax_grid(spacing_mm=(8.0, 8.0, 8.0))
    two, ct = [atlas("small", SMALL, grid), atlas("large", LARGE, grid)], PATIENT.ct(grid, seed=10)
    first, second = (contoured(ct, provider=provider(two, working_mm=6.0), on_progress=unheard) for _ in range(2))
    assert [each.confidence for each in first.outcomes] == [each.confidence for each in second.outcomes]
    for before, after in zip(first.drawn, second.drawn, strict=True):
        assert np.array_equal(before.mask.full(), after.mask.full())


@pytest.mark.slow  # two atlases are fitted
def test_an_atlas_of_something_else_is_left_out_and_told() -> None:
    """A ball of water is no chest: affine and demons make it no chest either, so its body stays another's."""
    pytest.importorskip("SimpleITK")
    grid = thorax_grid(spacing_mm=(8.0, 8.0, 8.0))
    there = ball(grid, x_mm=0, y_mm=0) | ball(grid, x_mm=0, y_mm=60)
    rod = np.where(there, np.int16(30), np.int16(-1000))
    other = replace(atlas("other", SMALL, grid), ct=Volume(grid=grid, values=rod), id="other")
    made = contoured(
        PATIENT.ct(grid, seed=11),
        provider=provider([atlas("small", SMALL, grid), other], working_mm=6.0),
        on_progress=unheard,
    )
    assert made.drawn == ()
    assert {reason.code for each in made.not_drawn for reason in each.reasons} == {"atlas-in-few", "atlas-not-fitted"}


def test_agreement_is_the_mean_dice_of_every_two() -> None:
    """Boxes of 4, 4 and 2 voxels, the last within both: 1, and twice 2 x 2 / 6."""
    four, two = np.zeros((1, 1, 8), np.float32), np.zeros((1, 1, 8), np.float32)
    four[..., :4], two[..., :2] = 1, 1
    assert agreement_of([four, four, two]) == pytest.approx((1 + 2 / 3 + 2 / 3) / 3)
    assert agreement_of([four, np.zeros_like(four)]) == 0.0


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"atlases": 1}, "atlas-needs-two"),
        ({"atlases": 0}, "atlas-needs-two"),
        ({"same": True}, "atlas-needs-two"),
        ({"agreement_min": 1.01}, "atlas-number-out-of-range"),
        ({"working_mm": 0.1}, "atlas-number-out-of-range"),
        ({"working_mm": float("nan")}, "atlas-number-out-of-range"),
        ({"origin": " "}, "atlas-without-origin"),
    ],
)
def test_atlases_that_cannot_be_judged_are_refused(change: dict[str, object], code: str) -> None:
    grid = thorax_grid(spacing_mm=(30.0, 30.0, 30.0))
    origin = str(change.get("origin", "made"))
    two = [atlas("a", SMALL, grid, origin=origin), atlas("a" if "same" in change else "b", LARGE, grid, origin=origin)]
    numbers = {name: value for name, value in change.items() if name in {"agreement_min", "working_mm"}}
    with pytest.raises(Refusal, match=code):
        provider(two[: int(str(change.get("atlases", 2)))], **numbers)  # type: ignore[arg-type] - a table
