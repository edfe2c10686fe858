"""The ground of a chart: its size, and round numbers along its axes."""

from __future__ import annotations

import math
from dataclasses import dataclass

STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)


@dataclass(frozen=True, kw_only=True)
class Layout:
    """A chart's size in units of its view box, the room around the plot, the size of letters and the most ticks."""

    width: float
    height: float
    left: float
    right: float
    top: float
    bottom: float
    type_size: float
    ticks_max: int

    @property
    def plot_width(self) -> float:
        """From the left axis to the right end."""
        return self.width - self.left - self.right

    @property
    def plot_height(self) -> float:
        """From the lower axis to the upper end."""
        return self.height - self.top - self.bottom


WIDE = Layout(width=480, height=400, left=42, right=16, top=26, bottom=42, type_size=13, ticks_max=8)
"""Letters of 11 pixels and more from 406 pixels of width on."""

COMPACT = Layout(width=320, height=320, left=38, right=14, top=26, bottom=40, type_size=12.5, ticks_max=5)
"""For a telephone: letters of 11 pixels and more from 282 pixels on, which a screen of 320 leaves."""


def ticks(end: float, *, at_most: int) -> list[float]:
    """Round numbers from 0 to the first that is not below the end, at most so many steps."""
    if not (math.isfinite(end) and end > 0):
        return [0.0, 1.0]
    magnitude = 10.0 ** math.floor(math.log10(end / at_most))
    step = next(step * magnitude for step in STEPS if math.ceil(end / (step * magnitude) - 1e-9) <= at_most)
    return [round(step * place, 10) for place in range(math.ceil(end / step - 1e-9) + 1)]
