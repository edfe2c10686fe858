"""The patient's order of an array, for all ways in which a grid may lie."""

from __future__ import annotations

from itertools import permutations, product

import numpy as np
import pytest

from tianfu.apps.radiotherapy.model.contouring.orders import patient_order
from tianfu.standards.dicom.grids import Grid

ALL = [
    np.array(signs)[:, None] * np.eye(3)[list(order)]
    for order in permutations(range(3))
    for signs in product((1.0, -1.0), repeat=3)
]
RIGHT_HANDED = [axes for axes in ALL if np.linalg.det(axes) > 0]


@pytest.mark.parametrize("axes", RIGHT_HANDED)
def test_in_the_patients_order_places_grow_to_head_back_and_left(axes: np.ndarray) -> None:
    grid = Grid(origin=np.array([3.0, -7.0, 11.0]), axes=axes, spacing=np.array([1.0, 2.0, 3.0]), shape=(4, 5, 6))
    order = patient_order(grid)
    places = grid.points(np.moveaxis(np.indices(grid.shape)[::-1], 0, -1).astype(np.float64))
    z, y, x = (order.turned(places[..., axis]) for axis in (2, 1, 0))
    assert np.allclose(np.diff(z, axis=0), order.spacing_mm[0])
    assert np.allclose(np.diff(y, axis=1), order.spacing_mm[1])
    assert np.allclose(np.diff(x, axis=2), order.spacing_mm[2])
    assert np.array_equal(order.back(z), places[..., 2])
