"""Doses that are not those of the plan."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from demo.dice import Dice
from demo.radiotherapy.blind_faults.blind import blind
from demo.radiotherapy.blind_faults.changing import box_of, of_kind, sideways, with_dose
from tianfu.standards.dicom.cases import Case
from tianfu.standards.dicom.grids import Volume


@blind(
    wrong="The dose grid ends within the target.",
    harm="What the rest of the target and what lies beyond gets is not known.",
    counts="A quarter of the target.",
)
def dose_grid_ends_in_the_target(case: Case, dice: Dice) -> Case:
    volume = case.doses[0].volume
    least, most = box_of(of_kind(case, "PTV")[0])
    height = least[2] + (most[2] - least[2]) * dice.uniform(0.4, 0.75)
    planes = max(2, int((height - volume.grid.origin[2]) / volume.grid.spacing[2]))
    grid = replace(volume.grid, shape=(planes, *volume.grid.shape[1:]))
    return with_dose(case, volume=Volume(grid=grid, values=np.ascontiguousarray(volume.values[:planes])))


@blind(
    wrong="The dose was computed on a coarse grid.",
    harm="Gradients beside organs are smoothed: the cord's maximum is told too low.",
    counts="More than five millimetres.",
)
def dose_grid_is_coarse(case: Case, dice: Dice) -> Case:
    volume, every = case.doses[0].volume, dice.randrange(3, 5)
    values = np.ascontiguousarray(volume.values[::every, ::every, ::every])
    grid = replace(volume.grid, spacing=volume.grid.spacing * every, shape=values.shape)
    return with_dose(case, volume=Volume(grid=grid, values=values))


@blind(
    wrong="The dose was normalised to a wrong value.",
    harm="The target gets too little, or everything too much.",
    counts="A tenth of the prescription.",
)
def dose_wrongly_normalised(case: Case, dice: Dice) -> Case:
    factor = dice.pick((dice.uniform(0.75, 0.9), dice.uniform(1.12, 1.3)))
    return _with_values(case, case.doses[0].volume.values * np.float32(factor))


@blind(
    wrong="The dose lies beside where it is given: its grid's corner was lost or shifted.",
    harm="What is judged over the anatomy is not what the patient gets.",
    counts="Twelve millimetres.",
)
def dose_is_shifted(case: Case, dice: Dice) -> Case:
    volume = case.doses[0].volume
    origin = volume.grid.origin + sideways(dice, least_mm=12, most_mm=25)
    return with_dose(case, volume=Volume(grid=replace(volume.grid, origin=origin), values=volume.values))


@blind(
    wrong="The dose was computed as if all of the patient were water.",
    harm="Behind lung or bone the dose is wrong by up to tens of per cent.",
    counts="No correction for tissue.",
)
def dose_without_heterogeneity(case: Case, dice: Dice) -> Case:
    return with_dose(case, heterogeneity=("WATER",))


@blind(
    wrong="A hot spot lies in healthy tissue outside the target.",
    harm="Necrosis where nobody looks.",
    counts="A fifth above the prescription, over a centimetre wide.",
)
def hot_spot_in_healthy_tissue(case: Case, dice: Dice) -> Case:
    volume = case.doses[0].volume
    least, most = box_of(of_kind(case, "PTV")[0])
    middle = (least + most) / 2
    at = middle + np.array([0.0, -((most[1] - least[1]) / 2 + dice.uniform(18, 22)), dice.uniform(-5, 5)])
    slices, rows, columns = np.indices(volume.values.shape)
    points = volume.grid.points(np.stack([columns, rows, slices], axis=-1).astype(np.float64))
    away = np.linalg.norm(points - at, axis=-1) / dice.uniform(6, 8)
    spot = float(volume.values.max()) * dice.uniform(1.2, 1.5) * np.exp(-(away**4))
    return _with_values(case, np.maximum(volume.values, spot))


@blind(
    wrong="The dose is that of one fraction, and says that it is the plan's.",
    harm="Limits for the course are held against a thirtieth of it: nothing seems too high.",
    counts="The course divided by its fractions.",
)
def dose_of_one_fraction(case: Case, dice: Dice) -> Case:
    fractions = case.plans[0].fraction_groups[0].fractions or 1
    return _with_values(case, case.doses[0].volume.values / fractions)


def _with_values(case: Case, values: np.ndarray) -> Case:
    return with_dose(case, volume=Volume(grid=case.doses[0].volume.grid, values=values.astype(np.float32)))
