"""The C-shape of AAPM's Task Group 119 and the generic machine, as matRad's data have them."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.io import loadmat

from tianfu.apps.radiotherapy.density_tables import shipped_density_table
from tianfu.apps.radiotherapy.model.machines.beams import PencilBeam
from tianfu.apps.radiotherapy.model.machines.kernels_mat import read_pencil_beam
from tianfu.apps.radiotherapy.model.transport.density import density_of, density_within
from tianfu.standards.dicom.grids import Floats, Grid, Volume

FOLDER = Path(os.environ.get("TIANFU_SHARED", Path(__file__).parents[2] / "shared")) / "data" / "radiotherapy"
PHANTOM = FOLDER / "TG119.mat"
MACHINE = FOLDER / "photons_Generic.mat"

TG119_TABLE = shipped_density_table("TG-119 phantom", 1)
"""That of the phantom's own CT."""


class DataMissingError(Exception):
    """The phantom or the machine is not there; says which file."""


@dataclass(frozen=True, kw_only=True)
class Phantom:
    """Density with nothing outside the body, and the flat places of each structure's voxels in its grid."""

    density: Volume[np.float32]
    structures: dict[str, NDArray[np.int32]]

    def points(self, structure: str) -> Floats:
        """The middle of each voxel of a structure (n, 3)."""
        return points_of(self.density.grid, self.structures[structure])


def points_of(grid: Grid, voxels: NDArray[np.int32]) -> Floats:
    """The middle of voxels (n, 3) in the patient."""
    return grid.points(np.column_stack(np.unravel_index(voxels, grid.shape))[:, ::-1].astype(np.float64))


def is_here() -> bool:
    """Whether both files are."""
    return PHANTOM.exists() and MACHINE.exists()


def read_phantom() -> Phantom:
    """Raises DataMissingError."""
    _must_be_here(PHANTOM)
    found = loadmat(PHANTOM, squeeze_me=True, struct_as_record=False)
    image, structures = found["ct"], found["cst"]
    grid = Grid(
        origin=np.array([image.x[0], image.y[0], image.z[0]], np.float64),
        axes=np.eye(3),
        spacing=np.array([image.resolution.x, image.resolution.y, image.resolution.z], np.float64),
        shape=(len(image.z), len(image.y), len(image.x)),
    )
    values = np.ascontiguousarray(image.cubeHU.transpose(2, 0, 1), np.float32)
    voxels = {str(row[1]): _flat(row[3], grid) for row in structures}
    body = np.zeros(values.size, bool)
    body[voxels["BODY"]] = True
    density = density_of(Volume(grid=grid, values=values), TG119_TABLE)
    return Phantom(density=density_within(density, body.reshape(grid.shape)), structures=voxels)


def read_machine() -> PencilBeam:
    """Raises DataMissingError."""
    _must_be_here(MACHINE)
    return read_pencil_beam(MACHINE.read_bytes())


def _flat(places: NDArray[np.generic], grid: Grid) -> NDArray[np.int32]:
    """MATLAB counts from one, rows first, then columns, then slices."""
    rows, columns = grid.shape[1], grid.shape[2]
    from_zero = np.asarray(places, np.int64) - 1
    slices, column, row = from_zero // (rows * columns), from_zero // rows % columns, from_zero % rows
    return np.sort((slices * rows + row) * columns + column).astype(np.int32)


def _must_be_here(file: Path) -> None:
    if not file.exists():
        raise DataMissingError(f"{file.name} is not in the shared data folder: nothing is measured")
