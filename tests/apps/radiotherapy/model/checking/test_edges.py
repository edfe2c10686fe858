"""The edge that an outline has in the image where it is displaced."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.apps.radiotherapy.model.checking.plants import PAROTID_L, TARGET, sound_checked
from tianfu.apps.radiotherapy.model.checking.edges import displaced_edges, edge_of, outline_of, steps_over
from tianfu.standards.dicom.grids import Floats

RASTER = np.array([(x, y) for x in (-24.0, -2.0, 0.0, 7.0) for y in (-30.0, 0.0, 4.0)])
APART = np.array([(0.0, 0.0), (300.0, -300.0), (3.3, 1.1), (-0.7, 1.1)])
"""One of them is beyond the image, where the nearest voxels at its sides are looked at."""


@pytest.mark.parametrize("number", [TARGET, PAROTID_L])
@pytest.mark.parametrize("ways", [RASTER, APART], ids=["raster", "apart"])
def test_an_edge_elsewhere_is_that_of_the_outline_moved_there(number: int, ways: Floats) -> None:
    checked = sound_checked()
    outline = outline_of(checked, next(one for one in checked.drawn if one.number == number))
    moved = [edge_of(steps_over(checked, replace(outline, points_mm=outline.points_mm + by_mm))) for by_mm in ways]
    steps_hu, evenness = displaced_edges(checked, outline, ways)
    np.testing.assert_allclose(steps_hu, [one.step_hu for one in moved], rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(evenness, [one.evenness for one in moved], rtol=1e-12, atol=1e-12)
    assert np.ptp(steps_hu) > 0
