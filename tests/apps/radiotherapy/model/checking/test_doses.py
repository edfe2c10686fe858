"""Faults of doses, each found by its rule and by no other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.apps.radiotherapy.model.checking.plants import (
    PAROTID_L,
    Plant,
    Planted,
    case,
    found,
    given,
    grays,
    plan,
    planted,
    sound_checked,
    with_dose,
)
from tianfu.apps.radiotherapy.model.checking.subjects import Checked
from tianfu.standards.dicom.doses import Dose
from tianfu.standards.dicom.grids import Volume


def _point(point: tuple[float, float, float] | None) -> Plant:
    return given(lambda one: replace(one, dose_point_mm=point))


def _volume(dose: Dose, values: Any, **grid: Any) -> Dose:
    changed = replace(dose.volume.grid, shape=values.shape, **grid)
    return replace(dose, volume=Volume(grid=changed, values=np.ascontiguousarray(values)))


def _coarse(dose: Dose) -> Dose:
    return _volume(dose, dose.volume.values[::2, ::2, ::2], spacing=dose.volume.grid.spacing * 2)


def _cut_at(x_mm: float, *, is_faded: bool) -> Plant:
    """The grid ends at this x; its last plane without dose if it is faded."""

    def edit(dose: Dose) -> Dose:
        grid = dose.volume.grid
        values = dose.volume.values[:, :, : int((x_mm - grid.origin[0]) / grid.spacing[0]) + 1].copy()
        if is_faded:
            values[:, :, -1] = 0
        return _volume(dose, values)

    return with_dose(edit)


def _padded(dose: Dose) -> Dose:
    grid = dose.volume.grid
    values = np.pad(dose.volume.values, ((0, 0), (0, 0), (6, 0)))
    return _volume(dose, values, origin=grid.origin - np.array([6 * grid.spacing[0], 0, 0]))


def _aside(dose: Dose) -> Dose:
    """By two voxels, five millimetres: what is given around the target still covers nearly all of it."""
    return _volume(dose, np.roll(dose.volume.values, 2, axis=2))


def _second(checked: Checked) -> Checked:
    dose = checked.dose
    return case(doses=(dose, replace(dose, instance="2.25.9")))(checked)


def _beam_doses(share: float) -> Plant:
    def plant(checked: Checked) -> Checked:
        dose, count = checked.dose, len(checked.beams)
        part = replace(dose.volume, values=dose.volume.values / np.float32(count) * np.float32(share))
        parts = tuple(
            replace(dose, summation="BEAM", beams=(beam.number,), instance=f"2.25.9{beam.number}", volume=part)
            for beam in checked.beams
        )
        return case(doses=(dose, *parts))(checked)

    return plant


def _edge(values: Any, checked: Checked) -> None:
    _, row, column = np.array(values.shape) // 2
    values[0, row, column] = 40


def _hotter(values: Any, _: Checked) -> None:
    values *= np.float32(1.15)


def _colder(values: Any, checked: Checked) -> None:
    """Less in a tenth of the target, far from its middle."""
    places = np.argwhere(checked.inside_dose(checked.target))
    values[tuple(places[: len(places) // 10].T)] = 46


def _in(structure: int | None, gray: float) -> Plant:
    """One voxel of a structure, or one in the body that is in none, gets so much."""

    def edit(values: Any, checked: Checked) -> None:
        masks = {one.number: checked.inside_dose(one) for one in checked.drawn}
        others = np.any([mask for number, mask in masks.items() if number != 1], axis=0)
        inside = masks[1] & ~others if structure is None else masks[structure]
        places = np.argwhere(inside)
        # In the middle of all places, so that it is at no edge.
        values[tuple(places[len(places) // 2])] = gray

    return grays(edit)


def _by(factor: float) -> Callable[[Any, Checked], None]:
    def edit(values: Any, _: Checked) -> None:
        values *= factor

    return edit


def _in_air(values: Any, checked: Checked) -> None:
    places = np.argwhere(~checked.inside_dose(checked.body))
    values[tuple(places[len(places) // 2])] = 55


FAULTS = [
    planted("dose-missing", case(doses=())),
    planted("doses-several", _second),
    planted("dose-not-of-plan", plan(doses=("2.25.9",))),
    planted("dose-grid-coarse", with_dose(_coarse)),
    planted("dose-grid-cuts-target", _cut_at(15.0, is_faded=False), also=["dose-cut-by-grid"]),
    planted("dose-grid-near-target", _cut_at(26.0, is_faded=True)),
    planted("dose-cut-by-grid", grays(_edge)),
    planted("dose-grid-beyond-image", with_dose(_padded)),
    planted("heterogeneity-not-corrected", with_dose(lambda one: replace(one, heterogeneity=("WATER",)))),
    planted("dose-differs-from-prescription", _point(None), grays(_hotter)),
    planted("target-underdosed", grays(_colder)),
    planted("dose-middle-beside-target", with_dose(_aside)),
    planted("dose-maximum-high", _in(2, 65)),
    planted("hot-spot-outside-target", _in(None, 55)),
    planted("dose-in-air", grays(_in_air)),
    planted("organ-limit-exceeded", _in(PAROTID_L, 48)),
    planted("point-dose-differs", _point((0.0, 35.0, 0.0))),
    planted("beam-doses-differ-from-sum", _beam_doses(1.1)),
]

LESSER = [planted("point-dose-differs", grays(_by(1.052)))]
"""Faults that are found though there is less of them."""


@pytest.mark.parametrize("fault", [*FAULTS, *LESSER], ids=lambda fault: fault.rule)
def test_a_fault_is_found_by_its_rule_alone(fault: Planted) -> None:
    assert found(fault.plant(sound_checked())) == {fault.rule} | fault.also


@pytest.mark.parametrize(("beyond_mm", "is_cut"), [(0.004, False), (0.2, True)])
def test_a_grid_that_ends_where_the_target_does_does_not_cut_it(beyond_mm: float, *, is_cut: bool) -> None:
    """Contours and grids are written with two or three decimals: what ends together may be that far apart."""
    low = sound_checked().points(sound_checked().target)[:, 0].min()

    def edit(dose: Dose) -> Dose:
        grid = dose.volume.grid
        first = int((low - grid.origin[0]) / grid.spacing[0])
        origin = grid.origin + np.array([low + beyond_mm - grid.origin[0], 0.0, 0.0])
        return _volume(dose, dose.volume.values[:, :, first:], origin=origin)

    rules = found(with_dose(edit)(sound_checked()))
    assert ("dose-grid-cuts-target" in rules) == is_cut
    assert ("dose-grid-near-target" in rules) != is_cut


def test_beam_doses_that_add_up_are_no_fault() -> None:
    assert found(_beam_doses(1.0)(sound_checked())) == set()


def test_the_dose_at_a_point_between_voxels_is_that_between_them() -> None:
    checked = sound_checked()
    grid, (point,) = checked.dose.volume.grid, {one.dose_point_mm for one in checked.given.values()}
    column = round(float(grid.indices(np.array(point))[0]))
    aside = np.array(point) + 0.45 * grid.spacing[0] * grid.axes[0]

    def slanting(values: Any, _: Checked) -> None:
        values *= 1 + 0.1 * (np.arange(values.shape[2]) - column - 0.45)

    assert "point-dose-differs" in found(grays(slanting)(checked))
    assert "point-dose-differs" not in found(_point((aside[0], aside[1], aside[2]))(grays(slanting)(checked)))
