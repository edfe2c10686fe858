"""How wide words are, roughly: enough to choose between a long and a short label."""

from __future__ import annotations

import unicodedata

LETTER_SHARE = 0.56
"""The usual width of a Latin letter, as a share of the type size; a Han character fills all of it."""


def text_width(text: str, size: float = 12) -> float:
    """The width of a line of text in the units of its type size."""
    return sum(size if unicodedata.east_asian_width(letter) in "WF" else size * LETTER_SHARE for letter in text)
