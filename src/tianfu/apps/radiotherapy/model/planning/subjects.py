"""What a plan is made on: the patient's density, the grid of its dose and which voxels of it each structure has."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from tianfu.apps.radiotherapy.model.dvh import Dvh, dose_volume_histogram
from tianfu.apps.radiotherapy.model.dvh_figures import dose_at_percent
from tianfu.apps.radiotherapy.model.scanlines import Bools
from tianfu.apps.radiotherapy.model.shapes import Shape
from tianfu.apps.radiotherapy.model.transport.pencil_beam import DoseVoxels
from tianfu.kernel.refusal import Refusal
from tianfu.standards.dicom.grids import Floats, Grid, Volume

ROUNDED_DIGITS = 3
"""Of the millimetres at which a dose grid begins, so that DICOM's decimal strings hold them. [ours]"""


@dataclass(frozen=True, kw_only=True, eq=False)
class Target:
    """What is prescribed to, as it is drawn: `shape` in the local millimetres of the image's grid."""

    shape: Shape
    image: Grid

    def histogram(self, dose: Volume[np.float32]) -> Dvh:
        """Its histogram, as whoever judges the plan computes it."""
        return dose_volume_histogram(self.shape, self.image, dose, slice_thickness_mm=float(self.image.spacing[2]))

    def dose_gy(self, dose: Volume[np.float32], *, volume_percent: float) -> float:
        """The dose that at least so much of it gets."""
        return dose_at_percent(self.histogram(dose), volume_percent)


@dataclass(frozen=True, kw_only=True, eq=False)
class Patient:
    """Whoever dose is computed in.

    `density` is that of the image, with nothing outside the body; `body` says which voxels of the dose's `grid` are
    his.
    """

    density: Volume[np.float32]
    grid: Grid
    body: Bools

    @cached_property
    def wanted(self) -> DoseVoxels:
        """The voxels of the body."""
        return DoseVoxels(grid=self.grid, voxels=np.flatnonzero(self.body).astype(np.int32))

    def whole(self, doses: NDArray[np.float32]) -> Volume[np.float32]:
        """Doses of the body's voxels on the whole grid, nothing elsewhere."""
        values = np.zeros(self.grid.shape, np.float32)
        values.ravel()[self.wanted.voxels] = doses
        return Volume(grid=self.grid, values=values)


@dataclass(frozen=True, kw_only=True, eq=False)
class Subject(Patient):
    """A patient to plan on; `masks` are on the dose's grid, by the names of the wish, the body's among them.

    `touched` has the voxels of targets with those that a target lies in without their middle: what must get a dose to
    its very surface is asked of them too.  Where it is not known, the mask stands for it.
    """

    masks: Mapping[str, Bools]
    target: Target
    touched: Mapping[str, Bools] = field(default_factory=dict)

    def together(self, structures: tuple[str, ...]) -> Bools:
        """The voxels of any of these."""
        return np.asarray(np.any([self.masks[name] for name in structures], axis=0))

    def points(self, structures: tuple[str, ...]) -> Floats:
        """The middle of each of these voxels (n, 3)."""
        return self.grid.points(np.argwhere(self.together(structures))[:, ::-1].astype(np.float64))

    @cached_property
    def fingerprint(self) -> str:
        """Of everything that a plan on it depends on."""
        digest = hashlib.sha256()
        for grid in (self.density.grid, self.grid, self.target.image):
            for array in (grid.origin, grid.axes, grid.spacing, np.array(grid.shape)):
                digest.update(np.ascontiguousarray(array).tobytes())
        digest.update(np.ascontiguousarray(self.density.values).tobytes())
        for masks in (self.masks, self.touched):
            for name, mask in sorted(masks.items()):
                digest.update(name.encode() + b"\0" + np.packbits(mask).tobytes())
        for plane in self.target.shape.planes:
            digest.update(np.array([plane.z_mm, *(len(ring) for ring in plane.rings)]).tobytes())
            for ring in plane.rings:
                digest.update(np.ascontiguousarray(ring).tobytes())
        return digest.hexdigest()


VOXELS_MOST = 20_000_000
"""Of a dose's grid: a whole body at 2 mm has about ten million. [ours]"""


def dose_grid_over(body: Bools, image: Grid, *, spacing_mm: float) -> Grid:
    """The grid of cubes along the image's axes over all voxel centres of a body, a mask of the image.

    Raises Refusal `dose-grid-too-large`.
    """
    along = [np.flatnonzero(body.any(axis=others)) for others in ((0, 1), (0, 2), (1, 2))]
    low = np.array([each[0] for each in along]) * image.spacing
    high = np.array([each[-1] for each in along]) * image.spacing
    counts = np.ceil((high - low) / spacing_mm).astype(int) + 1
    spare = (counts - 1) * spacing_mm - (high - low)
    columns, rows, slices = (int(count) for count in counts)
    if columns * rows * slices > VOXELS_MOST:
        told = {"voxels": str(columns * rows * slices), "most": str(VOXELS_MOST)}
        raise Refusal("dose-grid-too-large", details=told)
    return Grid(
        origin=np.round(image.patient(low - spare / 2), ROUNDED_DIGITS) + 0.0,
        axes=image.axes,
        spacing=np.full(3, spacing_mm),
        shape=(slices, rows, columns),
    )
