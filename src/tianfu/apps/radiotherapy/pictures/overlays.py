"""What lies on a plane, as SVG in the picture's own pixels: contours, isodose lines, sides of the patient, a scale."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup

from tianfu.apps.radiotherapy.pictures.cuts import Section
from tianfu.apps.radiotherapy.pictures.frames import UPRIGHT, PlaneFrame, Side
from tianfu.apps.radiotherapy.pictures.isodoses import Isodose
from tianfu.apps.radiotherapy.pictures.labels import Box, Stand, Wish, dense, stands
from tianfu.apps.radiotherapy.pictures.marks import isodose_looks, look_of
from tianfu.apps.radiotherapy.pictures.svg import Attributes, drawing, element, in_full, joined, path, shortened
from tianfu.standards.dicom.grids import Floats
from tianfu.web.drawing.text import text_width

TYPE_CSS_PX = 11.5
"""The size of letters on the screen, whatever the picture's size. [ours]"""

LINE_CSS_PX = 0.15
"""So far beside itself a line may be drawn on the screen, so that few points are sent. [ours]"""

NAME_LETTERS = 9
"""So much room, in the height of letters, a name has at its contour. [ours]"""

ANCHORS = 24
"""So many places of a line are tried for its words. [ours]"""

COVERED_MAX = 40
"""Words on a picture have a ground of their own and may stand on lines. [ours]"""

SCALES_MM = (200.0, 100.0, 50.0, 20.0, 10.0, 5.0)
"""Lengths of a scale; the longest that takes at most a third of the picture is drawn."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Contour:
    """A structure in the plane; `series` (from 1) is its look, here and in every chart."""

    name: str
    series: int
    section: Section


@dataclass(frozen=True, kw_only=True)
class OverlayWords:
    """What is said: a title with the plane and its place, a description, and one letter or word for each side."""

    title: str
    description: str
    sides: Mapping[Side, str]
    between_drawn: str
    """Told of a contour that nobody drew, after its name."""


@dataclass(frozen=True, kw_only=True)
class Shown:
    """How the overlay is shown: `css_px` is the picture's least width on the screen, `key` is unique on the page.

    `picture` is the address of the PNG, if the overlay is to hold it.
    """

    css_px: float
    key: str
    picture: str | None = None


def overlay(
    frame: PlaneFrame, contours: Sequence[Contour], isodoses: Sequence[Isodose], *, words: OverlayWords, shown: Shown
) -> Markup:
    """The drawing that lies exactly on the picture of a frame when both have the same box.

    Raises Refusal `isodose-levels-too-many`.
    """
    size = TYPE_CSS_PX * frame.width_px / shown.css_px
    within = LINE_CSS_PX * frame.width_px / shown.css_px
    sides = _sides(frame, words, size)
    scale = _scale(frame, size)
    lines = [_line_of(isodose) for isodose in isodoses]
    texts = [f"{isodose.percent:g}%" for isodose in isodoses] + [
        shortened(contour.name, NAME_LETTERS * size, size) for contour in contours
    ]
    anchors = [_anchors(line) for line in lines] + [_anchors(_longest(contour.section.rings)) for contour in contours]
    wishes = [
        Wish(width=text_width(text, size) + 0.8 * size, height=1.2 * size, anchors=anchor if text else anchor[:0])
        for text, anchor in zip(texts, anchors, strict=True)
    ]
    border = Box(left=0, top=0, right=frame.width_px, bottom=frame.height_px)
    taken = [box for _, box in (*sides, scale)]
    ways = [dense(line, step=size / 2) for line in (*lines, *(r for c in contours for r in c.section.rings))]
    covered = np.concatenate(ways) if ways else np.empty((0, 2))
    placed = stands(wishes, within=border, lines=covered, taken=taken, covered_max=COVERED_MAX)
    tokens = [look.css_class for look in isodose_looks([each.percent for each in isodoses])]
    tokens += [look_of(contour.series).css_class for contour in contours]
    return drawing(
        (frame.width_px, frame.height_px),
        _image(frame, shown),
        joined(_contour(contour, words, within) for contour in contours),
        joined(_isodoses(isodoses, within)),
        joined(_label(*each, size=size) for each in zip(placed, texts, tokens, strict=True)),
        joined(drawn for drawn, _ in (*sides, scale)),
        css_class="rt-overlay",
        key=shown.key,
        title=words.title,
        description=words.description,
    )


def _image(frame: PlaneFrame, shown: Shown) -> Markup:
    if shown.picture is None:
        return Markup()
    return element("image", {"href": shown.picture, "width": frame.width_px, "height": frame.height_px})


def _contour(contour: Contour, words: OverlayWords, within: float) -> Markup:
    data = path(contour.section.rings, closed=True, within=within)
    if not data:
        return Markup()
    look, is_drawn = look_of(contour.series), contour.section.is_drawn
    name = in_full(contour.name)
    return element(
        "path",
        {
            "class": f"rt-contour {look.css_class}" + ("" if is_drawn else " rt-between"),
            "fill-rule": "evenodd",
            "vector-effect": "non-scaling-stroke",
            "d": data,
        },
        element("title", {}, name if is_drawn else f"{name} ({words.between_drawn})"),
    )


def _isodoses(isodoses: Sequence[Isodose], within: float) -> list[Markup]:
    drawn = []
    for isodose, look in zip(isodoses, isodose_looks([each.percent for each in isodoses]), strict=True):
        data = path(isodose.rings, closed=True, within=within) + path(isodose.open_lines, closed=False, within=within)
        if data:
            attributes: Attributes = {
                "class": f"rt-isodose {look.css_class}",
                "stroke-dasharray": look.dash or None,
                "vector-effect": "non-scaling-stroke",
                "d": data,
            }
            drawn.append(element("path", attributes, element("title", {}, f"{isodose.percent:g}%")))
    return drawn


def _label(stand: Stand | None, text: str, token: str, *, size: float) -> Markup:
    if stand is None:
        return Markup()
    box = stand.box
    ground: Attributes = {
        "class": "rt-ground",
        "x": box.left,
        "y": box.top,
        "width": box.right - box.left,
        "height": box.bottom - box.top,
        "rx": size / 6,
    }
    return element("rect", ground) + _text(
        text, box.left + 0.3 * size, box.bottom - 0.3 * size, size, f"rt-name {token}"
    )


def _text(text: str, x: float, y: float, size: float, css_class: str) -> Markup:
    return element("text", {"class": css_class, "x": x, "y": y, "font-size": size}, text)


def _sides(frame: PlaneFrame, words: OverlayWords, size: float) -> list[tuple[Markup, Box]]:
    """The names of the picture's edges, in their middles."""
    width, height, edge = frame.width_px, frame.height_px, 0.4 * size
    left, right, above, below = (words.sides[side] for side in UPRIGHT[frame.kind].sides)
    places = (
        (left, edge, (height - size) / 2),
        (right, width - edge - text_width(right, size), (height - size) / 2),
        (above, (width - text_width(above, size)) / 2, edge),
        (below, (width - text_width(below, size)) / 2, height - edge - size),
    )
    return [
        (
            _text(text, x, y + 0.85 * size, size, "rt-side"),
            Box(left=x, top=y, right=x + text_width(text, size), bottom=y + size),
        )
        for text, x, y in places
    ]


def _scale(frame: PlaneFrame, size: float) -> tuple[Markup, Box]:
    """A length in the lower left corner with its number."""
    fitting = [length for length in SCALES_MM if length / frame.mm_per_px <= frame.width_px / 3]
    length = fitting[0] if fitting else SCALES_MM[-1]
    x, y = size, frame.height_px - size
    end = x + length / frame.mm_per_px
    text = f"{length / 10:g} cm" if length >= 10 else f"{length:g} mm"
    bar = element(
        "path",
        {
            "class": "rt-scale",
            "vector-effect": "non-scaling-stroke",
            "d": f"M{x:.1f},{y - size / 3:.1f}V{y:.1f}H{end:.1f}V{y - size / 3:.1f}",
        },
    )
    box = Box(left=x, top=y - 1.6 * size, right=max(end, x + text_width(text, size)), bottom=y)
    return bar + _text(text, x + 0.2 * size, y - 0.5 * size, size, "rt-side"), box


def _line_of(isodose: Isodose) -> Floats:
    return _longest((*isodose.rings, *isodose.open_lines))


def _longest(lines: Sequence[Floats]) -> Floats:
    """The line that spans most; no points if there is none."""
    spanning = [line for line in lines if len(line) >= 2]
    return max(spanning, key=lambda line: float(np.ptp(line, axis=0).sum())) if spanning else np.empty((0, 2))


def _anchors(line: Floats) -> Floats:
    """Places along a line, the upper right ones first."""
    if not len(line):
        return line
    chosen = line[np.linspace(0, len(line) - 1, min(ANCHORS, len(line))).astype(int)]
    return np.asarray(chosen[np.argsort(chosen[:, 1] - chosen[:, 0], kind="stable")])
