"""Directions of collapsed cones about a beam's axis, and how each goes through a grid."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tianfu.apps.radiotherapy.model.transport.cones.kernels import PointKernels
from tianfu.apps.radiotherapy.model.transport.cones.settings import ConeSettings
from tianfu.apps.radiotherapy.model.transport.cones.sight import Sight
from tianfu.standards.dicom.grids import Floats, Grid

ORDERS = ((0, 1, 2), (1, 0, 2), (2, 0, 1))
"""Which of slices, rows and columns are the planes, rows and columns of a transport along each of a grid's axes."""


@dataclass(frozen=True, kw_only=True)
class Course:
    """A cone's axis through a grid: `order` is that of `ORDERS`, `steps` what the transport takes as its course, but
    for the constant by which the length between two planes, the last of them, is to be multiplied.
    """

    order: int
    steps: Floats


def courses(kernels: PointKernels, sight: Sight, grid: Grid, settings: ConeSettings) -> list[list[Course]]:
    """The cones of each band of zeniths but the first, which goes along the beam: rings, every other one turned by
    half a cone.
    """
    middles = np.arccos((np.cos(kernels.bands[:-1]) + np.cos(kernels.bands[1:])) / 2)
    found = []
    for band, zenith in enumerate(middles[1:], start=1):
        turns = (np.arange(settings.azimuths) + band % 2 / 2) * (2 * np.pi / settings.azimuths)
        across = np.cos(turns)[:, None] * sight.axes[0] + np.sin(turns)[:, None] * sight.axes[1]
        found.append([_course(each, grid) for each in np.sin(zenith) * across + np.cos(zenith) * sight.axes[2]])
    return found


def _course(direction: Floats, grid: Grid) -> Course:
    """Along slices, rows or columns, whichever of them the direction crosses most often."""
    crossed = ((grid.axes @ direction) / grid.spacing)[::-1]
    order = int(np.abs(crossed).argmax())
    planes, rows, columns = crossed[list(ORDERS[order])]
    return Course(
        order=order, steps=np.array([np.sign(planes), rows / abs(planes), columns / abs(planes), 1 / abs(planes)])
    )
