"""What each beamlet gives to each voxel, small enough for the memory of a desk's computer.

Beamlets of one row that reach a voxel are neighbours in number: a run says only where it begins, and its doses are
whole numbers of 16 bits beside a scale for each voxel.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tianfu.apps.radiotherapy.model.transport.fields import Beamlets
from tianfu.standards.dicom.grids import Grid


@dataclass(frozen=True, kw_only=True)
class Influence:
    """Dose in gray of a beamlet for one monitor unit, voxel by voxel.

    `voxels` (V) are flat places in `grid`, ascending.  The runs of voxel v are `voxel_runs[v]` to `voxel_runs[v + 1]`;
    run r begins with beamlet `run_beamlets[r]` and holds `values[run_values[r] : run_values[r + 1]]`, one for each
    following beamlet.  A dose is the value times `scale[v]`; the largest of a voxel is 65,535.
    """

    grid: Grid
    beamlets: Beamlets
    voxels: NDArray[np.int32]
    voxel_runs: NDArray[np.int64]
    run_beamlets: NDArray[np.uint16]
    run_values: NDArray[np.int32]
    values: NDArray[np.uint16]
    scale: NDArray[np.float32]

    @property
    def memory_mb(self) -> float:
        """Of all its arrays, in millions of bytes."""
        arrays = (self.voxels, self.voxel_runs, self.run_beamlets, self.run_values, self.values, self.scale)
        return sum(array.nbytes for array in arrays) / 1e6
