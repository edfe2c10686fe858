"""Colours of gamma: blue where a point passes, orange where it does not, palest where it nearly does either.

Blue and orange stay apart for protan, deutan and tritan eyes, and lightness tells how far a point is from the border.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from tianfu.apps.radiotherapy.model.gamma_search import PASS_AT

GAMMA_END = 2.0
"""From here on every gamma has the darkest orange. [ours]"""

STOPS: Final = (
    (0.0, (18, 78, 140)),
    (0.5, (84, 150, 205)),
    (0.999, (214, 232, 245)),
    (1.001, (255, 214, 150)),
    (1.5, (232, 128, 24)),
    (2.0, (150, 62, 0)),
)
"""Gamma and its colour (sRGB), linear between. [ours]"""

OUTSIDE_GREYS: Final = (150, 90)
"""Two greys in squares: points that the evaluated dose does not reach are no gamma of any size. [ours]"""

OUTSIDE_SQUARE_PX = 4


def colours_of(gammas: NDArray[np.floating]) -> NDArray[np.uint8]:
    """Red, green and blue of each gamma (..., 3); what passes is blue, a gamma of 1 too."""
    places, colours = [stop for stop, _ in STOPS], np.array([colour for _, colour in STOPS])
    clipped = np.where(gammas <= np.float32(PASS_AT), np.minimum(gammas, places[2]), np.maximum(gammas, places[3]))
    parts = [np.interp(clipped, places, colours[:, part]) for part in range(3)]
    return np.asarray(np.rint(np.stack(parts, axis=-1)), dtype=np.uint8)
