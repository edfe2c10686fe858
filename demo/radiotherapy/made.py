"""A case before it is DICOM: an image, structures drawn on its slices, and a dose; and ways to turn it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from tianfu.apps.radiotherapy.model.masks import shape_of_mask
from tianfu.apps.radiotherapy.model.shapes import Shape
from tianfu.standards.dicom.grids import Floats, Grid, Volume
from tianfu.standards.dicom.structures import Ring, Structure

AIR_HU = -1000


@dataclass(frozen=True, kw_only=True)
class MadeCase:
    """`ct` in Hounsfield units, `dose` in Gy on a grid of its own; `name` says what it was made from."""

    name: str
    ct: Volume[np.int16]
    structures: tuple[Structure, ...]
    dose: Volume[np.float32] | None
    prescribed_gy: float | None

    def structure(self, name: str) -> Structure:
        """The structure of this name; raises KeyError."""
        found = {each.name: each for each in self.structures}
        return found[name]


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """What a structure is beside its form."""

    name: str
    kind: str
    colour: tuple[int, int, int]


def structure_of_mask(number: int, drawn: Drawn, inside: NDArray[np.bool_], grid: Grid) -> Structure:
    """A structure with rings half way between the voxels inside and outside, on the grid's slices."""
    return structure_of_shape(number, drawn, shape_of_mask(inside, grid), grid)


def structure_of_shape(number: int, drawn: Drawn, shape: Shape, grid: Grid) -> Structure:
    """A structure of rings that are given in a grid's local millimetres."""
    rings = tuple(
        Ring(points=grid.patient(np.column_stack([ring, np.full(len(ring), plane.z_mm)])))
        for plane in shape.planes
        for ring in plane.rings
    )
    return Structure(
        number=number, name=drawn.name, kind=drawn.kind, colour=drawn.colour, generation="AUTOMATIC", rings=rings
    )


def turned(case: MadeCase, rotation: Floats, *, about: Floats) -> MadeCase:
    """The same case with everything turned about a point of the patient: another orientation, the same numbers."""

    def grid(of: Grid) -> Grid:
        return replace(of, origin=rotation @ (of.origin - about) + about, axes=of.axes @ rotation.T)

    def structure(of: Structure) -> Structure:
        return replace(
            of, rings=tuple(replace(ring, points=(ring.points - about) @ rotation.T + about) for ring in of.rings)
        )

    dose = case.dose
    return replace(
        case,
        ct=Volume(grid=grid(case.ct.grid), values=case.ct.values),
        structures=tuple(map(structure, case.structures)),
        dose=None if dose is None else Volume(grid=grid(dose.grid), values=dose.values),
    )


def with_masks(
    case: MadeCase, drawn: Mapping[str, Drawn], masks: Mapping[str, NDArray[np.bool_]], grid: Grid
) -> MadeCase:
    """The case with structures made from masks on a grid, numbered in the order of `drawn`."""
    made = [
        structure_of_mask(number, drawn[name], masks[name], grid)
        for number, name in enumerate((name for name in drawn if name in masks), start=1)
    ]
    return replace(case, structures=tuple(made))
