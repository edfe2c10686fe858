"""What a fluence spreads across a plane is the convolution of its definition, term by term."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.apps.radiotherapy.model.transport.water import CELL_MM, a_beam
from tianfu.apps.radiotherapy.model.transport.kernels import spread
from tianfu.standards.dicom.grids import Floats

SHAPES = ((1, 1), (3, 3), (5, 13), (13, 5), (1, 29), (31, 27))


def uneven_kernels(radii: int) -> Floats:
    """Two of no simple form: one falls to nothing, one ends with a step and has a peak in its middle cell."""
    radius = CELL_MM * np.arange(radii)
    falling = np.exp(-0.3 * radius) * (1 - radius / radius[-1])
    return np.array([falling, np.where(radius == 0, 4.0, 0.2 + 0.1 * np.cos(radius))])


def directly_spread(fluence: Floats, kernels: Floats, radius_mm: Floats, *, cells: int) -> Floats:
    """Each cell's sum over all cells of the fluence."""
    places = np.arange(-cells, cells + 1)
    rows, columns = (np.arange(size) - size // 2 for size in fluence.shape)
    down, across = places[:, None] - rows, places[:, None] - columns
    radii = CELL_MM * np.hypot(down[:, None, :, None], across[None, :, None, :])
    held = [np.interp(radii, radius_mm, kernel, right=0.0) * CELL_MM**2 for kernel in kernels]
    return np.array([np.einsum("ijkl,kl->ij", each, fluence) for each in held])


@pytest.mark.parametrize("cells", [0, 1, 7, 24])
@pytest.mark.parametrize("radii", [2, 6, 19, 90])
@pytest.mark.parametrize("shape", SHAPES)
def test_a_spread_is_the_sum_over_all_cells_of_the_fluence(shape: tuple[int, int], radii: int, cells: int) -> None:
    """Kernels reach less far than the cells, and farther; a fluence may be narrow one way and wide the other."""
    kernels = uneven_kernels(radii)
    beam = replace(a_beam(), radius_mm=CELL_MM * np.arange(radii), kernels=kernels[None])
    fluence = np.random.default_rng([*shape, radii, cells]).random(shape)
    found = spread(fluence, kernels, beam, cells=cells)
    expected = directly_spread(fluence, kernels, beam.radius_mm, cells=cells)
    assert found.shape == (2, 2 * cells + 1, 2 * cells + 1)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12 * expected.max())
