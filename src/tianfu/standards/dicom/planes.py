"""Where the plane of an image lies (PS3.3 C.7.6.2), and how a row of parallel planes makes a grid."""

from __future__ import annotations

import numpy as np

from tianfu.kernel.refusal import Refusal
from tianfu.standards.dicom.elements import Item
from tianfu.standards.dicom.grids import Floats

SKEW_MAX = 1e-3
"""Cosine between row and column above which they are no right angle: writers round to four decimals. [ours]"""

FAR_MM = 1e5
"""No point of a patient is so far from the origin; a larger number is a broken one. [ours]"""

NEAR_MM, WIDE_MM = 1e-3, 1e3
"""Spacings of voxels are between these. [ours]"""

LENGTH_WITHIN = 1e-2
"""How far a direction's length may be from one. [ours]"""


def axes_of(item: Item) -> Floats:
    """Axes (3, 3) of Image Orientation (Patient): along a row, along a column, and the normal, their cross product.

    Rounded cosines are made orthonormal again; Refusal `image-axes-not-orthogonal` if that were more than rounding.
    """
    row, column = item.exactly("ImageOrientationPatient", 6).reshape(2, 3)
    lengths = np.linalg.norm([row, column], axis=1)
    if np.abs(lengths - 1).max() > LENGTH_WITHIN:
        raise Refusal("image-axes-not-orthogonal", details={"cosine": "?"})
    row, column = row / lengths[0], column / lengths[1]
    skew = float(row @ column)
    if abs(skew) > SKEW_MAX:
        raise Refusal("image-axes-not-orthogonal", details={"cosine": f"{skew:.4f}"})
    column = column - skew * row
    column = column / np.linalg.norm(column)
    return np.array([row, column, np.cross(row, column)])


def corner_of(item: Item) -> Floats:
    """The centre of the first voxel; Refusal `dicom-attribute-invalid` if it is nowhere near a patient."""
    corner = item.exactly("ImagePositionPatient", 3)
    if np.abs(corner).max() > FAR_MM:
        raise item.invalid("ImagePositionPatient")
    return corner


def pixel_spacing_of(item: Item) -> Floats:
    """Millimetres between columns and between rows; DICOM says them the other way round (10.7.1.3)."""
    between_rows, between_columns = item.exactly("PixelSpacing", 2)
    if not (NEAR_MM <= between_rows <= WIDE_MM and NEAR_MM <= between_columns <= WIDE_MM):
        raise item.invalid("PixelSpacing")
    return np.array([between_columns, between_rows])


def size_of(item: Item) -> tuple[int, int]:
    """Rows and columns, at least one of each."""
    rows, columns = item.whole("Rows"), item.whole("Columns")
    if rows < 1 or columns < 1:
        raise item.invalid("Rows")
    return rows, columns
