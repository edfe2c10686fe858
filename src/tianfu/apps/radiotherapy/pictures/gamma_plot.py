"""Gamma as pictures: a plane of the map, its legend, and how many points have which gamma."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray
from PIL import Image

from tianfu.apps.radiotherapy.model.gamma import Fate, GammaMap
from tianfu.apps.radiotherapy.model.gamma_search import PASS_AT
from tianfu.apps.radiotherapy.model.isolines import rings_of_mask
from tianfu.apps.radiotherapy.pictures.frames import PlaneFrame
from tianfu.apps.radiotherapy.pictures.gamma_colours import (
    GAMMA_END,
    OUTSIDE_GREYS,
    OUTSIDE_SQUARE_PX,
    colours_of,
)
from tianfu.apps.radiotherapy.pictures.scales import Layout, ticks
from tianfu.apps.radiotherapy.pictures.slices import png
from tianfu.apps.radiotherapy.pictures.svg import Attributes, drawing, element, joined, number, path

BINS_PER_UNIT = 10
LEGEND_CELLS = 40
DECIMALS = 6
"""Places are rounded to so many decimals of a voxel: a turned grid leaves noise. [ours]"""


@dataclass(frozen=True, kw_only=True)
class GammaWords:
    """`passes` and `fails` are told on either side of 1; `share` names the points' axis, `not_reached` the chequers."""

    key: str
    title: str
    description: str
    gamma: str
    passes: str
    fails: str
    not_reached: str
    share: str


def gamma_png(gamma: GammaMap, frame: PlaneFrame) -> bytes:
    """The plane of the map as PNG in a frame's pixels, to be laid over the plane of the image or alone.

    Points below the threshold and all around the map are transparent; points that the evaluated dose does not reach
    are chequered.  Each pixel shows the map's voxel that it lies in; nothing is interpolated.
    """
    gammas, fates = _in_plane(gamma, frame)
    picture = np.zeros((frame.height_px, frame.width_px, 4), np.uint8)
    is_judged, is_outside = fates == Fate.JUDGED, fates == Fate.OUTSIDE
    picture[is_judged, :3] = colours_of(gammas[is_judged])
    rows, columns = np.nonzero(is_outside)
    chequers = (rows // OUTSIDE_SQUARE_PX + columns // OUTSIDE_SQUARE_PX) % 2
    picture[is_outside, :3] = np.array(OUTSIDE_GREYS, np.uint8)[chequers][:, None]
    picture[is_judged | is_outside, 3] = 255
    return png(Image.fromarray(picture))


def failing_outline(gamma: GammaMap, frame: PlaneFrame) -> Markup:
    """A path around the points of the plane that fail, in the frame's pixels; empty if none does."""
    gammas, fates = _in_plane(gamma, frame)
    fails = (fates == Fate.JUDGED) & (gammas > np.float32(PASS_AT))
    if not fails.any():
        return Markup()
    data = path([ring + 0.5 for ring in rings_of_mask(fails)], closed=True, within=0.01)
    return element("path", {"class": "rt-failing", "vector-effect": "non-scaling-stroke", "d": data})


def gamma_legend(*, words: GammaWords, layout: Layout) -> Markup:
    """The colours from 0 to 2 and more, with what passes and what fails in words."""
    size = layout.type_size
    cell = layout.plot_width / LEGEND_CELLS
    middles = (np.arange(LEGEND_CELLS) + 0.5) / LEGEND_CELLS * GAMMA_END
    cells = [
        element(
            "rect", {"x": layout.left + at * cell, "y": 1.6 * size, "width": cell + 0.3, "height": size, "fill": fill}
        )
        for at, fill in enumerate(
            f"#{red:02x}{green:02x}{blue:02x}" for red, green, blue in colours_of(middles).tolist()
        )
    ]
    places = [layout.left + layout.plot_width * share for share in (0, 0.25, 0.5, 0.75, 1)]
    texts = ("0", "0.5", "1", "1.5", "≥ 2")
    anchors = ("start", "middle", "middle", "middle", "end")
    numbers = [_text(text, x, 3.7 * size, size, to) for text, x, to in zip(texts, places, anchors, strict=True)]
    border = element(
        "path", {"class": "rt-limit", "d": f"M{number(places[2])},{number(1.2 * size)}v{number(1.8 * size)}"}
    )
    sides = (
        _text(f"{words.gamma} · {words.passes}", layout.left, 1.1 * size, size, "start"),
        _text(words.fails, layout.left + layout.plot_width, 1.1 * size, size, "end"),
    )
    return drawing(
        (layout.width, 6.0 * size),
        joined(cells),
        border,
        joined((*numbers, *sides)),
        _not_reached(words, layout, 4.3 * size),
        css_class="rt-chart rt-gamma-legend",
        key=f"{words.key}-legend",
        title=words.title,
        description=words.description,
    )


def gamma_histogram(gamma: GammaMap, *, words: GammaWords, layout: Layout) -> Markup:
    """Per cent of the judged points by gamma: filled bars pass, hollow ones fail; the last is what was capped too."""
    edges, counts = gamma.histogram(BINS_PER_UNIT)
    # A gamma of 1 passes; the map counts it in the bin that begins there, among those that fail.
    at_border = gamma.passed - int(counts[:BINS_PER_UNIT].sum())
    counts[BINS_PER_UNIT - 1 : BINS_PER_UNIT + 1] += np.array([at_border, -at_border])
    shares = 100 * counts / max(1, int(counts.sum()))
    steps = ticks(float(shares.max()), at_most=layout.ticks_max)
    scale = _Scale(layout=layout, end_gamma=float(edges[-1]), end_percent=steps[-1])
    bars = [
        _bar(scale, float(edges[at]), float(edges[at + 1]), float(share), is_passed=at < BINS_PER_UNIT)
        for at, share in enumerate(shares)
        if share > 0
    ]
    return drawing(
        (layout.width, layout.height),
        _ground(scale, steps, words),
        joined(bars),
        _border(scale, words),
        css_class="rt-chart rt-gamma-histogram",
        key=f"{words.key}-histogram",
        title=words.title,
        description=words.description,
    )


def _in_plane(gamma: GammaMap, frame: PlaneFrame) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """Gamma and fate of each pixel; what lies beside the map is below the threshold."""
    grid = gamma.gammas.grid
    start = grid.indices(frame.patient(np.array([0.5, 0.5])))
    right = grid.indices(frame.patient(np.array([1.5, 0.5]))) - start
    down = grid.indices(frame.patient(np.array([0.5, 1.5]))) - start
    rows, columns = np.arange(frame.height_px)[:, None, None], np.arange(frame.width_px)[None, :, None]
    places = start + rows * down + columns * right
    last = np.array(grid.shape[::-1]) - 1
    # Half-open and rounded first: a pixel half way between two voxels has one of them, its neighbour the other.
    nearest = np.floor(np.round(places, DECIMALS) + 0.5)
    is_within = np.all((nearest >= 0) & (nearest <= last), axis=-1)
    numbers = np.clip(nearest, 0, last).astype(np.int64)
    i, j, k = numbers[..., 0], numbers[..., 1], numbers[..., 2]
    return gamma.gammas.values[k, j, i], np.where(is_within, gamma.fates[k, j, i], np.uint8(Fate.BELOW))


@dataclass(frozen=True, kw_only=True)
class _Scale:
    layout: Layout
    end_gamma: float
    end_percent: float

    def x(self, gamma: float) -> float:
        return self.layout.left + self.layout.plot_width * gamma / self.end_gamma

    def y(self, percent: float) -> float:
        return self.layout.top + self.layout.plot_height * (1 - percent / self.end_percent)


def _bar(scale: _Scale, low: float, high: float, percent: float, *, is_passed: bool) -> Markup:
    left, right, top, bottom = scale.x(low) + 1, scale.x(high) - 1, scale.y(percent), scale.y(0)
    attributes: Attributes = {
        "class": "rt-passed" if is_passed else "rt-failed",
        "x": left,
        "y": top,
        "width": max(right - left, 0.5),
        "height": bottom - top,
    }
    return element("rect", attributes, element("title", {}, f"{low:g}–{high:g}: {percent:.1f} %"))


def _ground(scale: _Scale, steps: list[float], words: GammaWords) -> Markup:
    layout, size = scale.layout, scale.layout.type_size
    right, bottom = layout.left + layout.plot_width, scale.y(0)
    drawn = []
    for step in steps:
        y = scale.y(step)
        line = f"M{number(layout.left)},{number(y)}H{number(right)}"
        drawn.append(element("path", {"class": "rt-grid", "d": line}))
        drawn.append(_text(number(step), layout.left - 6, y + size / 3, size, "end"))
    places = [place for place in ticks(scale.end_gamma, at_most=layout.ticks_max) if place <= scale.end_gamma]
    drawn.extend(_text(number(place), scale.x(place), bottom + 1.3 * size, size, "middle") for place in places)
    drawn.append(_text(f"{words.share} %", layout.left, layout.top - 9, size, "start"))
    drawn.append(_text(words.gamma, right, bottom + 2.7 * size, size, "end"))
    return joined(drawn)


def _border(scale: _Scale, words: GammaWords) -> Markup:
    """The line at 1 with what it parts."""
    size, x, top = scale.layout.type_size, scale.x(1), scale.layout.top
    line = element("path", {"class": "rt-limit", "d": f"M{number(x)},{number(top)}V{number(scale.y(0))}"})
    return (
        line
        + _text(words.passes, x - 5, top + size, size, "end")
        + _text(words.fails, x + 5, top + size, size, "start")
    )


def _not_reached(words: GammaWords, layout: Layout, y: float) -> Markup:
    """The chequers with their word."""
    size = layout.type_size
    half = size / 2
    squares = [
        element(
            "rect",
            {
                "x": layout.left + column * half,
                "y": y + row * half,
                "width": half,
                "height": half,
                "fill": "#" + f"{OUTSIDE_GREYS[(row + column) % 2]:02x}" * 3,
            },
        )
        for row in range(2)
        for column in range(2)
    ]
    return joined(squares) + _text(words.not_reached, layout.left + 1.5 * size, y + 0.85 * size, size, "start")


def _text(words: str, x: float, y: float, size: float, anchor: str) -> Markup:
    return element("text", {"class": "rt-axis", "x": x, "y": y, "font-size": size, "text-anchor": anchor}, words)
