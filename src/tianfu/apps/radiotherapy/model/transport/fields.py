"""Fields and the beamlets they are divided into."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tianfu.standards.dicom.grids import Floats


@dataclass(frozen=True, kw_only=True)
class Field:
    """From where a beam looks; angles in degrees of IEC 61217, the patient on his back with his head first."""

    number: int
    isocentre: Floats
    gantry_degrees: float
    collimator_degrees: float
    couch_degrees: float


@dataclass(frozen=True, kw_only=True)
class Beamlets:
    """Squares of `size_mm` in the plane of the isocentre, across the axis of their field.

    `field` (B) is the place of a beamlet's field in `fields`; `at_mm` (B, 2) its centre in the collimator's system: x
    along the leaves' travel, y along their stack.  They are in the order of field, y, x, so that neighbours in a row
    are neighbours in number.
    """

    fields: tuple[Field, ...]
    size_mm: float
    field: NDArray[np.int16]
    at_mm: Floats

    @property
    def count(self) -> int:
        """How many beamlets."""
        return len(self.field)
