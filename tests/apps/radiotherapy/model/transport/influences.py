"""Influences drawn by lot, and the full matrices that they stand for."""

from __future__ import annotations

import numpy as np

from tianfu.apps.radiotherapy.model.transport.fields import Beamlets, Field
from tianfu.apps.radiotherapy.model.transport.influence import Influence
from tianfu.standards.dicom.grids import Floats, Grid

FIELD = Field(number=1, isocentre=np.zeros(3), gantry_degrees=0.0, collimator_degrees=0.0, couch_degrees=0.0)
MOST = 65_535


def drawn_influence(*, seed: int, voxels: int = 137, beamlets: int = 60) -> Influence:
    """Runs of any length, also none; the last voxel has no dose at all."""
    lots = np.random.default_rng(seed)
    runs, begins, lengths = [0], [], []
    for voxel in range(voxels):
        marks = lots.random(beamlets) < 0.7 if voxel < voxels - 1 else np.zeros(beamlets, bool)
        edges = np.flatnonzero(np.diff(np.concatenate([[False], marks, [False]])))
        begins += edges[::2].tolist()
        lengths += (edges[1::2] - edges[::2]).tolist()
        runs.append(len(begins))
    ends = np.concatenate([[0], np.cumsum(lengths)])
    return Influence(
        grid=Grid(origin=np.zeros(3), axes=np.eye(3), spacing=np.ones(3), shape=(1, 1, voxels)),
        beamlets=Beamlets(
            fields=(FIELD,),
            size_mm=5.0,
            field=np.zeros(beamlets, np.int16),
            at_mm=np.column_stack([5.0 * np.arange(beamlets), np.zeros(beamlets)]),
        ),
        voxels=np.arange(voxels, dtype=np.int32),
        voxel_runs=np.array(runs, np.int64),
        run_beamlets=np.array(begins, np.uint16),
        run_values=ends.astype(np.int32),
        values=lots.integers(0, MOST, ends[-1], dtype=np.uint16),
        scale=lots.random(voxels).astype(np.float32),
    )


def matrix_of(influence: Influence) -> Floats:
    """Dose of each beamlet (columns) in each voxel (rows)."""
    matrix = np.zeros((len(influence.voxels), influence.beamlets.count))
    for voxel, scale in enumerate(influence.scale):
        for run in range(influence.voxel_runs[voxel], influence.voxel_runs[voxel + 1]):
            part = influence.values[influence.run_values[run] : influence.run_values[run + 1]]
            first = int(influence.run_beamlets[run])
            matrix[voxel, first : first + len(part)] = part * np.float64(scale)
    return matrix
