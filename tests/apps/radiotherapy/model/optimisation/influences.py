"""Small influences made from dense matrices, so that a matrix product says what is right."""

from __future__ import annotations

import numpy as np

from tianfu.apps.radiotherapy.model.optimisation.regions import Region
from tianfu.apps.radiotherapy.model.transport.fields import Beamlets, Field
from tianfu.apps.radiotherapy.model.transport.influence import Influence
from tianfu.standards.dicom.grids import Floats, Grid


def grid_of(voxels: int) -> Grid:
    """A line of voxels of 1 cubic centimetre."""
    return Grid(origin=np.zeros(3), axes=np.eye(3), spacing=np.full(3, 10.0), shape=(1, 1, voxels))


def square_beamlets(*, fields: int, rows: int, columns: int, size_mm: float = 5.0) -> Beamlets:
    """So many full rectangles of beamlets about the axis, each field's y growing and then its x."""
    x = (np.arange(columns) - (columns - 1) / 2) * size_mm
    y = (np.arange(rows) - (rows - 1) / 2) * size_mm
    one = np.stack([np.tile(x, rows), np.repeat(y, columns)], axis=1)
    return Beamlets(
        fields=tuple(
            Field(
                number=number + 1,
                isocentre=np.zeros(3),
                gantry_degrees=number * 360 / fields,
                collimator_degrees=0.0,
                couch_degrees=0.0,
            )
            for number in range(fields)
        ),
        size_mm=size_mm,
        field=np.repeat(np.arange(fields), rows * columns).astype(np.int16),
        at_mm=np.tile(one, (fields, 1)),
    )


def influence_from(dense: Floats, beamlets: Beamlets) -> Influence:
    """An influence of a matrix (voxels, beamlets), as near to it as 16 bits are; zeros begin a new run."""
    scale = np.maximum(dense.max(axis=1), 1e-12) / 65535
    whole = np.rint(dense / scale[:, None]).astype(np.uint16)
    voxel_runs, run_beamlets, run_values = [0], [], [0]
    values: list[int] = []
    for row in whole:
        filled = np.flatnonzero(row)
        for run in np.split(filled, np.flatnonzero(np.diff(filled) > 1) + 1):
            if len(run):
                run_beamlets.append(int(run[0]))
                values.extend(row[run].tolist())
                run_values.append(len(values))
        voxel_runs.append(len(run_beamlets))
    return Influence(
        grid=grid_of(len(dense)),
        beamlets=beamlets,
        voxels=np.arange(len(dense), dtype=np.int32),
        voxel_runs=np.array(voxel_runs, np.int64),
        run_beamlets=np.array(run_beamlets, np.uint16),
        run_values=np.array(run_values, np.int32),
        values=np.array(values, np.uint16),
        scale=scale.astype(np.float32),
    )


def dense_from(influence: Influence) -> Floats:
    """The matrix (voxels, beamlets) that an influence holds exactly."""
    dense = np.zeros((len(influence.voxels), influence.beamlets.count))
    for row in range(len(influence.voxels)):
        for run in range(influence.voxel_runs[row], influence.voxel_runs[row + 1]):
            values = influence.values[influence.run_values[run] : influence.run_values[run + 1]]
            first = int(influence.run_beamlets[run])
            dense[row, first : first + len(values)] = values * float(influence.scale[row])
    return dense


def random_dense(*, voxels: int, beamlets: int, filled: float, seed: int) -> Floats:
    """A matrix of which so large a part is not zero."""
    lots = np.random.default_rng(seed)
    return np.asarray(lots.uniform(0.001, 0.02, (voxels, beamlets)) * (lots.random((voxels, beamlets)) < filled))


def region(first: int, end: int) -> Region:
    """The voxels from one to another."""
    return Region(rows=np.arange(first, end), volume_cc=float(end - first))
