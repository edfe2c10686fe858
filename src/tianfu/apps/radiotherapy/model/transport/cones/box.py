"""The grid on which energy is carried: the dose grid's own voxels, as far as the field and its scatter reach in the
body, be that more or less than the dose grid.
"""

from __future__ import annotations

from itertools import product

import numpy as np
from numpy.typing import NDArray

from tianfu.apps.radiotherapy.model.compiled import compiled_as_numpy
from tianfu.apps.radiotherapy.model.sampling import dose_at
from tianfu.apps.radiotherapy.model.transport.cones.settings import ConeSettings
from tianfu.apps.radiotherapy.model.transport.cones.sight import Sight
from tianfu.kernel.refusal import Refusal
from tianfu.standards.dicom.grids import Floats, Grid, Volume

Reals = NDArray[np.float32]
Places = NDArray[np.int64]


def box_around(
    density: Volume[np.float32], sight: Sight, bounds_mm: Floats, grid: Grid, settings: ConeSettings
) -> tuple[Grid, Places]:
    """The transport's grid for a field with these bounds in the isocentre's plane, and the place of its first voxel in
    the dose grid (column, row, slice).

    Raises Refusal `cone-no-body`, `cone-field-misses-body` and `cone-grid-too-large`.
    """
    body = _body(density, settings.body_density)
    depths = sight.seen(body)[:, 2]
    if depths.min() <= 0:
        raise Refusal("cone-source-in-body")
    low_x, low_y, high_x, high_y = bounds_mm.ravel()
    fan = np.array(list(product((low_x, high_x), (low_y, high_y), (depths.min(), depths.max()))))
    margin = settings.margin_mm / grid.spacing
    reached, inside = grid.indices(sight.points(fan)), grid.indices(body)
    first = np.floor(np.maximum(reached.min(axis=0) - margin, inside.min(axis=0))).astype(np.int64)
    last = np.ceil(np.minimum(reached.max(axis=0) + margin, inside.max(axis=0))).astype(np.int64)
    counts = last - first + 1
    if counts.min() < 1:
        raise Refusal("cone-field-misses-body")
    if np.prod(counts.astype(np.float64)) > settings.voxels_max:
        details = {"voxels": f"{np.prod(counts.astype(np.float64)):.0f}", "most": str(settings.voxels_max)}
        raise Refusal("cone-grid-too-large", details=details)
    slices, rows, columns = (int(count) for count in counts[::-1])
    origin = grid.points(first.astype(np.float64))
    return Grid(origin=origin, axes=grid.axes, spacing=grid.spacing, shape=(slices, rows, columns)), first


def _body(density: Volume[np.float32], least: float) -> Floats:
    """Corners (8, 3) of the box of voxels that are as dense as the body."""
    dense = density.values >= least
    found = []
    for axis in (2, 1, 0):
        places = np.flatnonzero(dense.any(axis=tuple(other for other in range(3) if other != axis)))
        if not len(places):
            raise Refusal("cone-no-body")
        found.append((places[0] - 0.5, places[-1] + 0.5))
    return density.grid.points(np.array(list(product(*found))))


def density_on(density: Volume[np.float32], grid: Grid) -> Reals:
    """Mean density in each voxel of a grid, from so many samples along each of its edges as voxels of the density lie
    there; nothing beyond the density's outermost voxel centres.
    """
    start = density.grid.indices(grid.points(np.zeros(3)))
    steps = np.ascontiguousarray(density.grid.indices(grid.points(np.eye(3))) - start)
    samples = np.maximum(1, np.rint(np.abs(steps).sum(axis=1))).astype(np.int64)
    return _means(np.ascontiguousarray(density.values), start, steps, samples, grid.shape)


@compiled_as_numpy
def _means(density: Reals, start: Floats, steps: Floats, samples: Places, shape: tuple[int, int, int]) -> Reals:
    means = np.empty(shape, np.float32)
    count = samples[0] * samples[1] * samples[2]
    for k in range(shape[0]):
        for j in range(shape[1]):
            for i in range(shape[2]):
                total = 0.0
                for sample in range(count):
                    column = i + (sample % samples[0] + 0.5) / samples[0] - 0.5
                    row = j + (sample // samples[0] % samples[1] + 0.5) / samples[1] - 0.5
                    slice_ = k + (sample // (samples[0] * samples[1]) + 0.5) / samples[2] - 0.5
                    x = start[0] + column * steps[0, 0] + row * steps[1, 0] + slice_ * steps[2, 0]
                    y = start[1] + column * steps[0, 1] + row * steps[1, 1] + slice_ * steps[2, 1]
                    z = start[2] + column * steps[0, 2] + row * steps[1, 2] + slice_ * steps[2, 2]
                    here = dose_at(density, x, y, z)
                    total += 0.0 if np.isnan(here) else here
                means[k, j, i] = total / count
    return means
