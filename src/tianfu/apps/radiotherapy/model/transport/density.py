"""How dense a tissue is for a beam of photons: electrons per volume, water's being 1, from a CT's Hounsfield units.

The table belongs to a scanner and its settings (IAEA TRS-430, 2004, section 5.4.2): whoever computes names it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from tianfu.kernel.refusal import Refusal
from tianfu.standards.dicom.grids import Volume

Number = TypeVar("Number", np.int16, np.int32, np.float32, np.float64)


@dataclass(frozen=True, kw_only=True)
class DensityTable:
    """Pairs of Hounsfield units and relative electron density, with the name and version of their source.

    Between two pairs the density is linear; beyond the first and the last it stays.  `is_phantoms` says that it was
    made for a phantom's images, and is the curve of no scanner that patients lie in.
    """

    name: str
    version: int
    hounsfield: tuple[float, ...]
    density: tuple[float, ...]
    is_phantoms: bool

    @property
    def hounsfield_most(self) -> float:
        """From here on the density stays: whatever is denser counts as dense as this."""
        return self.hounsfield[self.density.index(self.density[-1])]

    def __post_init__(self) -> None:
        """Raise Refusal `density-table-not-rising` or `density-table-not-pairs`: what it gave would be no density."""
        if len(self.hounsfield) != len(self.density) or len(self.density) < 2:
            raise Refusal("density-table-not-pairs", details={"table": self.name})
        if min(np.diff(self.hounsfield)) <= 0 or min(np.diff(self.density)) < 0 or self.density[0] < 0:
            raise Refusal("density-table-not-rising", details={"table": self.name})


TG119_TABLE = DensityTable(
    name="TG-119 phantom",
    version=1,
    hounsfield=(-1024.0, 200.0, 449.0, 2000.0, 2048.0, 3071.0),
    density=(0.00324, 1.2, 1.2, 2.49066, 2.5306, 2.5306),
    is_phantoms=True,
)
"""As it comes with the phantom's CT in matRad's data (`ct.hlut` of TG119.mat); no scanner of a clinic."""

KNOWN_TABLES = (TG119_TABLE,)
"""Those that a plan may name."""


def density_table(name: str, version: int) -> DensityTable:
    """The table of this name and version; raises Refusal `density-table-unknown`."""
    for table in KNOWN_TABLES:
        if (table.name, table.version) == (name, version):
            return table
    known = ", ".join(f"{table.name} {table.version}" for table in KNOWN_TABLES)
    raise Refusal("density-table-unknown", details={"table": f"{name} {version}", "known": known})


def latest_density_table(name: str) -> DensityTable:
    """The newest version of the table of this name; raises Refusal `density-table-unknown`."""
    versions = [table.version for table in KNOWN_TABLES if table.name == name]
    return density_table(name, max(versions, default=1))


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
