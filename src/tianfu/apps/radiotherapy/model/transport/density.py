"""How dense a tissue is for a beam of photons: electrons per volume, water's being 1, from a CT's Hounsfield units."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from tianfu.apps.radiotherapy.model.transport.density_tables import DensityTable
from tianfu.standards.dicom.grids import Volume

Number = TypeVar("Number", np.int16, np.int32, np.float32, np.float64)


def density_of(image: Volume[Number], table: DensityTable) -> Volume[np.float32]:
    """Relative electron density of each voxel by this table."""
    values = np.interp(image.values.ravel(), table.hounsfield, table.density).astype(np.float32)
    return Volume(grid=image.grid, values=values.reshape(image.values.shape))


def density_within(density: Volume[np.float32], body: NDArray[np.bool_]) -> Volume[np.float32]:
    """The same in the body and nothing outside: neither couch nor air weaken a beam on its way."""
    return Volume(grid=density.grid, values=np.where(body, density.values, np.float32(0.0)))


def cropped(density: Volume[np.float32]) -> Volume[np.float32]:
    """The smallest part that holds all that is dense, and a voxel around it where there is one: rays are shorter there.

    The same if nothing is dense.
    """
    dense = density.values > 0
    along = [np.flatnonzero(dense.any(axis=others)) for others in ((1, 2), (0, 2), (0, 1))]
    if not len(along[0]):
        return density
    low = [max(int(each[0]) - 1, 0) for each in along]
    high = [min(int(each[-1]) + 2, size) for each, size in zip(along, dense.shape, strict=True)]
    values = np.ascontiguousarray(density.values[low[0] : high[0], low[1] : high[1], low[2] : high[2]])
    origin = density.grid.points(np.array(low[::-1], np.float64))
    slices, rows, columns = values.shape
    return Volume(grid=replace(density.grid, origin=origin, shape=(slices, rows, columns)), values=values)
