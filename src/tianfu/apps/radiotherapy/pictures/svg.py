"""SVG written down so that nothing in it is code: names come from strangers' files.

Colours are classes only, with their meaning in `frontend/styles/radiotherapy.css`; a policy of the pages forbids style
attributes (`web.protection`).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import shapely
from markupsafe import Markup, escape

from tianfu.standards.dicom.grids import Floats
from tianfu.web.drawing.text import text_width

NAME_LETTERS_MAX = 200
"""A longer name is cut even where it is told in full. [ours]"""

_TURNING = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""Letters that turn the direction of what follows them."""

_NOT_IN_XML = frozenset("\ufffe\uffff")

_KEY = re.compile("[a-z0-9-]+")

Attributes = Mapping[str, str | float | None]


def element(name: str, attributes: Attributes, *children: Markup | str) -> Markup:
    """An element with everything in it escaped that is not markup already; attributes of None are left out."""
    written = "".join(f' {key}="{_value(value)}"' for key, value in attributes.items() if value is not None)
    inside = "".join(child if isinstance(child, Markup) else escape(shown(child)) for child in children)
    return Markup(f"<{name}{written}>{inside}</{name}>")  # noqa: S704 - each part of it is escaped above


def joined(parts: Iterable[Markup]) -> Markup:
    """Elements one after another."""
    return Markup().join(parts)


def drawing(
    size: tuple[float, float], *children: Markup, css_class: str, key: str, title: str, description: str
) -> Markup:
    """A whole drawing that grows with its box and says what it shows; `key` is unlike that of any other on the page.

    Raises ValueError if the key is not one of lower-case letters, digits and hyphens.
    """
    if not _KEY.fullmatch(key):
        raise ValueError(f"{key!r} is no key")
    told = (
        element("title", {"id": f"{key}-title"}, title),
        element("desc", {"id": f"{key}-description"}, description),
    )
    attributes: Attributes = {
        "xmlns": "http://www.w3.org/2000/svg",
        "class": css_class,
        "viewBox": f"0 0 {number(size[0])} {number(size[1])}",
        "role": "img",
        "aria-labelledby": f"{key}-title",
        "aria-describedby": f"{key}-description",
    }
    return element("svg", attributes, *told, *children)


def number(value: float) -> str:
    """A number with at most two decimals."""
    return f"{value:.2f}".rstrip("0").rstrip(".") if value % 1 else f"{value:.0f}"


def shown(text: str) -> str:
    """Words with a mark in place of what no document may hold or what would turn the words after it about."""
    return "".join("\ufffd" if _is_harmful(letter) else letter for letter in text)


def in_full(name: str) -> str:
    """A name as it is told to those who point at it: cut only if it is longer than any name."""
    return name if len(name) <= NAME_LETTERS_MAX else name[: NAME_LETTERS_MAX - 1] + "…"


def shortened(text: str, width: float, size: float) -> str:
    """Words that fit into a width in units of the view box, with … for what was cut."""
    text = in_full(text)
    if text_width(text, size) <= width:
        return text
    while text and text_width(text + "…", size) > width:
        text = text[:-1]
    return text + "…"


def path(lines: Sequence[Floats], *, closed: bool, within: float) -> Markup:
    """The data of a path that passes lines (n, 2) so nearly, to a hundredth of a unit; single points are left out."""
    written = []
    for line in lines:
        simple = _simple(line, closed=closed, within=within)
        if len(simple) >= 2:
            points = "L".join(f"{x:g},{y:g}" for x, y in np.round(simple, 2).tolist())
            written.append(f"M{points}{'Z' if closed else ''}")
    return Markup("".join(written))  # noqa: S704 - numbers alone


def exact_path(line: Floats) -> Markup:
    """The data of an open path through every point of a line (n, 2), to a hundredth of a unit."""
    points = "L".join(f"{number(x)},{number(y)}" for x, y in line.tolist())
    return Markup(f"M{points}")  # noqa: S704 - numbers alone


def _simple(line: Floats, *, closed: bool, within: float) -> Floats:
    if len(line) < 3:
        return line
    if not closed:
        return np.asarray(shapely.get_coordinates(shapely.simplify(shapely.LineString(line), within)))
    ring = shapely.simplify(shapely.LinearRing(line), within)
    return np.asarray(shapely.get_coordinates(ring)[:-1])


def _value(value: str | float | None) -> str:
    if isinstance(value, str):
        return str(escape(value if isinstance(value, Markup) else shown(value)))
    return number(value or 0.0)


def _is_harmful(letter: str) -> bool:
    return letter in _TURNING or letter in _NOT_IN_XML or unicodedata.category(letter) in {"Cc", "Cs"}
