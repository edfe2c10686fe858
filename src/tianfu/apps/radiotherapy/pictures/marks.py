"""How lines are told apart: a colour by class, and a dash or a marker of their own, since colour alone does not do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from tianfu.kernel.refusal import Refusal

COLOURS = 6
"""The data colours of the tokens: classes `rt-s1` to `rt-s6`."""

DASHES = ("", "6 4", "2 4", "10 4")
"""Solid, and those of all charts, in order."""

SERIES = 24
"""So many structures differ in colour or dash; after them the first comes again. [ours]"""


class Marker(StrEnum):
    """The forms of marks at a line, in order."""

    CIRCLE = "circle"
    SQUARE = "square"
    DIAMOND = "diamond"
    TRIANGLE = "triangle"


MARKERS = tuple(Marker)


@dataclass(frozen=True, kw_only=True)
class Look:
    """How one series is drawn."""

    colour: int
    dash: str
    marker: Marker

    @property
    def css_class(self) -> str:
        """The class of its colour."""
        return f"rt-s{self.colour}"


def look_of(series: int) -> Look:
    """The look of a series, counted from 1; no two of the first `SERIES` look the same."""
    number = (series - 1) % SERIES
    # Six colours and four dashes meet again after twelve; one step aside they meet in the other twelve ways.
    other = (number + number // 12) % 4
    return Look(colour=number % COLOURS + 1, dash=DASHES[other], marker=MARKERS[other])


@dataclass(frozen=True, kw_only=True)
class IsodoseLook:
    """How an isodose line is drawn; `css_class` is the class of its colour."""

    css_class: str
    dash: str


USUAL_ISODOSES = {
    105.0: IsodoseLook(css_class="rt-i105", dash="9 3 2 3"),
    100.0: IsodoseLook(css_class="rt-i100", dash=""),
    95.0: IsodoseLook(css_class="rt-i95", dash="16 3"),
    80.0: IsodoseLook(css_class="rt-i80", dash="9 4"),
    50.0: IsodoseLook(css_class="rt-i50", dash="5 4"),
    30.0: IsodoseLook(css_class="rt-i30", dash="1.5 3.5"),
}
"""Per cent of the reference dose: magenta, red, orange, yellow, green, blue."""

OTHER_ISODOSES = (
    IsodoseLook(css_class="rt-ia", dash="12 3 2 3 2 3"),
    IsodoseLook(css_class="rt-ib", dash="3 3"),
    IsodoseLook(css_class="rt-ic", dash="7 3 7 3 2 3"),
    IsodoseLook(css_class="rt-id", dash="2 6"),
)
"""For levels that are not usual, in their order."""


def isodose_looks(percents: Sequence[float]) -> list[IsodoseLook]:
    """A look of its own for each level; raises Refusal `isodose-levels-too-many` when there is none left."""
    unusual = [percent for percent in percents if percent not in USUAL_ISODOSES]
    if len(unusual) > len(OTHER_ISODOSES):
        details = {"count": str(len(unusual)), "most": str(len(OTHER_ISODOSES))}
        raise Refusal("isodose-levels-too-many", details=details)
    looks = USUAL_ISODOSES | dict(zip(unusual, OTHER_ISODOSES, strict=False))
    return [looks[percent] for percent in percents]
