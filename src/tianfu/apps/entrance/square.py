"""A square code (ISO/IEC 18004) as a drawing for the page."""

from __future__ import annotations

import segno
from markupsafe import Markup

QUIET_MODULES = 4
"""The empty edge that readers need around it (ISO/IEC 18004, section 5.3.8)."""


def square_code(text: str) -> Markup:
    """The code as SVG that grows with its box; black on white in every scheme, because cameras need it."""
    drawn = segno.make(text, error="m").svg_inline(
        border=QUIET_MODULES, dark="#000", light="#fff", omitsize=True, svgclass="square", lineclass=None
    )
    return Markup(drawn)  # noqa: S704 - drawn by the library from numbers alone
