"""Images from which no right dose can be computed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from demo.dice import Dice
from demo.radiotherapy.blind_faults.blind import blind
from demo.radiotherapy.blind_faults.changing import box_of, of_kind, with_set
from tianfu.standards.dicom.cases import Case
from tianfu.standards.dicom.grids import Grid, Volume
from tianfu.standards.dicom.images import ImageSeries
from tianfu.standards.dicom.structures import Ring


@blind(
    wrong="The rescale intercept was lost on the way: every value is about a thousand units too high.",
    harm="Tissue counts as bone: the dose at depth is wrong by several per cent to tens of per cent.",
    counts="A thousand Hounsfield units.",
)
def hounsfield_without_intercept(case: Case, dice: Dice) -> Case:
    (series,) = case.images
    return _with_values(case, series, series.volume.values + dice.pick((1000, 1024)))


@blind(
    wrong="The field of view cuts the patient's side off, and the body contour ends there.",
    harm="Beams through that side are computed with too little tissue before the target: underdosed.",
    counts="At least 12 mm of the body on every slice.",
)
def field_of_view_cuts_the_body(case: Case, dice: Dice) -> Case:
    (series,) = case.images
    grid = series.volume.grid
    least, most = box_of(of_kind(case, "EXTERNAL")[0])
    columns, off_mm = grid.shape[2], dice.uniform(12, 25)
    if dice.happens(0.5):
        first, last = 0, int(np.floor((most[0] - off_mm - grid.origin[0]) / grid.spacing[0])) + 1
    else:
        first, last = int(np.ceil((least[0] + off_mm - grid.origin[0]) / grid.spacing[0])), columns
    corner = grid.points(np.array([first, 0.0, 0.0]))
    cut = replace(grid, origin=corner, shape=(grid.shape[0], grid.shape[1], last - first))
    low, high = cut.origin[0], cut.points(np.array([last - first - 1.0, 0.0, 0.0]))[0]
    structures = tuple(
        replace(one, rings=tuple(_clipped(ring, low, high) for ring in one.rings))
        for one in case.structure_sets[0].structures
    )
    values = np.ascontiguousarray(series.volume.values[:, :, first:last], dtype=np.int16)
    changed = replace(series, volume=Volume(grid=cut, values=values))
    return with_set(replace(case, images=(changed,)), structures=structures)


@blind(
    wrong="The scan ends on the target's last slice.",
    harm="Scatter and oblique rays beyond are missing, organs there are not seen, and the target may go on.",
    counts="Nothing of the patient beyond the target's end.",
)
def scan_ends_at_the_target(case: Case, dice: Dice) -> Case:
    (series,) = case.images
    grid = series.volume.grid
    least, most = box_of(of_kind(case, "PTV")[0])
    low, high = (round((edge[2] - grid.origin[2]) / grid.spacing[2]) for edge in (least, most))
    first, last = (0, high + 1) if dice.happens(0.5) else (low, grid.shape[0])
    return _with_slices(case, series, range(first, last))


@blind(
    wrong="A metal implant in the body has no density of its own, and its value is beyond the CT's curve.",
    harm="The dose behind the implant is wrong, unseen.",
    counts="A lump of over a centimetre of several thousand units.",
)
def metal_without_density(case: Case, dice: Dice) -> Case:
    (series,) = case.images
    grid, (least, most) = series.volume.grid, box_of(of_kind(case, "PTV")[0])
    middle = (least + most) / 2
    at = middle + np.array([dice.uniform(-5, 5), -(most[1] - least[1]) / 2 - 14.0, dice.uniform(-5, 5)])
    half = dice.uniform(6, 8)
    slices, rows, columns = np.indices(grid.shape, sparse=True)
    inside = (
        (np.abs(grid.origin[2] + slices * grid.spacing[2] - at[2]) <= half)
        & (np.abs(grid.origin[1] + rows * grid.spacing[1] - at[1]) <= half)
        & (np.abs(grid.origin[0] + columns * grid.spacing[0] - at[0]) <= half)
    )
    return _with_values(case, series, np.where(inside, dice.randrange(5000, 15000), series.volume.values))


@blind(
    wrong="The scan has slices so thick that small organs are on two or three of them.",
    harm="Volumes, margins and pictures for positioning are wrong by half a slice.",
    counts="Slices of nine millimetres or more.",
)
def slices_are_thick(case: Case, dice: Dice) -> Case:
    (series,) = case.images
    every = int(np.ceil(9.0 / series.volume.grid.spacing[2]))
    return _with_slices(case, series, range(dice.randrange(every), series.volume.grid.shape[0], every))


def _with_values(case: Case, series: ImageSeries, values: np.ndarray) -> Case:
    volume = Volume(grid=series.volume.grid, values=values.astype(np.int16))
    return replace(case, images=(replace(series, volume=volume),))


def _with_slices(case: Case, series: ImageSeries, kept: range) -> Case:
    """Some slices of the scan, and what was drawn on them."""
    grid = series.volume.grid
    thin: Grid = replace(
        grid,
        origin=grid.points(np.array([0.0, 0.0, float(kept.start)])),
        spacing=grid.spacing * np.array([1.0, 1.0, float(kept.step)]),
        shape=(len(kept), *grid.shape[1:]),
    )
    values = np.ascontiguousarray(series.volume.values[kept.start : kept.stop : kept.step], dtype=np.int16)
    changed = replace(
        series,
        instances=tuple(series.instances[number] for number in kept),
        volume=Volume(grid=thin, values=values),
        thickness_mm=float(thin.spacing[2]),
    )
    there = set(changed.instances)
    structure_set = case.structure_sets[0]
    structures = tuple(
        replace(one, rings=tuple(ring for ring in one.rings if ring.image in there)) for one in structure_set.structures
    )
    (images,) = structure_set.images
    return with_set(
        replace(case, images=(changed,)),
        structures=structures,
        images=(replace(images, instances=changed.instances),),
    )


def _clipped(ring: Ring, low: float, high: float) -> Ring:
    points = ring.points.copy()
    points[:, 0] = np.clip(points[:, 0], low, high)
    return replace(ring, points=points)
