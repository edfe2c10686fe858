"""Beamlets as a lattice's rows: which of them lie within a reach of a voxel is then two numbers for each row."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tianfu.apps.radiotherapy.model.transport.fields import Beamlets
from tianfu.kernel.refusal import Refusal
from tianfu.standards.dicom.grids import Floats

ON_LATTICE_WITHIN = 1e-6
"""How far a beamlet may be from its place on the lattice, in parts of its size."""


@dataclass(frozen=True, kw_only=True)
class Rows:
    """Stretches of neighbouring beamlets.

    `first_mm` (F, 2) is the place of each field's column 0 and row 0; the rows of field f are numbered
    `field_rows[f]` to `field_rows[f + 1]`, row number by row number without gaps, and the stretches of a row r are
    `row_stretches[r]` to `row_stretches[r + 1]`.  A stretch (S, 3) is its first column, its length and its first
    beamlet.
    """

    first_mm: Floats
    field_rows: NDArray[np.int64]
    row_stretches: NDArray[np.int64]
    stretches: NDArray[np.int64]


def rows_of(beamlets: Beamlets) -> Rows:
    """The rows of all fields.

    Raises Refusal `beamlets-not-on-lattice` if a field's beamlets are not in order or not whole sizes apart.
    """
    first, counts, numbers, stretches = [], [0], [], []
    for field in range(len(beamlets.fields)):
        mine = np.flatnonzero(beamlets.field == field)
        if not len(mine):
            first.append(np.zeros(2))
            counts.append(counts[-1])
            continue
        at = beamlets.at_mm[mine]
        corner = at.min(axis=0)
        places = np.rint((at - corner) / beamlets.size_mm).astype(np.int64)
        if np.abs((at - corner) / beamlets.size_mm - places).max() > ON_LATTICE_WITHIN:
            raise Refusal("beamlets-not-on-lattice", details={"field": str(beamlets.fields[field].number)})
        order = places[:, 1] * (places[:, 0].max() + 2) + places[:, 0]
        if (np.diff(order) <= 0).any() or (np.diff(mine) != 1).any():
            raise Refusal("beamlets-not-on-lattice", details={"field": str(beamlets.fields[field].number)})
        begins = np.flatnonzero(np.concatenate([[True], np.diff(order) != 1]))
        lengths = np.diff(np.concatenate([begins, [len(order)]]))
        first.append(corner)
        numbers.append(counts[-1] + places[begins, 1])
        stretches.append(np.column_stack([places[begins, 0], lengths, mine[begins]]))
        counts.append(counts[-1] + int(places[:, 1].max()) + 1)
    row_of_stretch = np.concatenate(numbers)
    return Rows(
        first_mm=np.array(first),
        field_rows=np.array(counts, np.int64),
        row_stretches=np.searchsorted(row_of_stretch, np.arange(counts[-1] + 1)).astype(np.int64),
        stretches=np.concatenate(stretches),
    )
