"""Which beamlets a plan needs: those through which its fields see the target."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tianfu.apps.radiotherapy.model.transport.fields import Beamlets, Field
from tianfu.apps.radiotherapy.model.transport.geometry import view_of
from tianfu.kernel.refusal import Refusal
from tianfu.standards.dicom.grids import Floats

BEAMLETS_MAX = 65_535
"""Numbers of beamlets are kept in 16 bits."""


def beamlets_over(
    points: Floats, fields: tuple[Field, ...], *, size_mm: float, margin_mm: float, axis_mm: float
) -> Beamlets:
    """Beamlets that meet the square of `margin_mm` to each side around any of the target's points (n, 3), as each field
    sees it in the plane of the isocentre.

    The edges of beamlets are whole multiples of their size from the axis, as those of leaves of that width are.  A
    margin of half the points' distance leaves no gap.  Raises Refusal `beamlets-no-target` without points,
    `beamlets-too-many` above 65,535.
    """
    if not len(points):
        raise Refusal("beamlets-no-target")
    places = [_places(view_of(field, axis_mm=axis_mm).seen(points), size_mm, margin_mm) for field in fields]
    count = sum(map(len, places))
    if count > BEAMLETS_MAX:
        raise Refusal("beamlets-too-many", details={"count": str(count), "most": str(BEAMLETS_MAX)})
    return Beamlets(
        fields=fields,
        size_mm=size_mm,
        field=np.repeat(np.arange(len(fields), dtype=np.int16), [len(each) for each in places]),
        at_mm=np.asarray((np.concatenate(places) + 0.5) * size_mm, np.float64),
    )


def _places(seen: Floats, size_mm: float, margin_mm: float) -> NDArray[np.int64]:
    """Column and row numbers (n, 2) of the squares that are met, by row and then column."""
    low = np.floor((seen - margin_mm) / size_mm).astype(np.int64)
    high = np.floor((seen + margin_mm) / size_mm).astype(np.int64)
    first = low.min(axis=0)
    columns, rows = high.max(axis=0) - first + 1
    # How many squares begin and end at each place; summed up along both axes it is how many cover it.
    marks = np.zeros((rows + 1, columns + 1), np.int64)
    (left, below), (right, above) = (low - first).T, (high - first + 1).T
    for row, column, sign in ((below, left, 1), (below, right, -1), (above, left, -1), (above, right, 1)):
        np.add.at(marks, (row, column), sign)
    met = np.argwhere(marks.cumsum(axis=0).cumsum(axis=1)[:rows, :columns] > 0)
    return np.asarray(met[:, ::-1] + first)
