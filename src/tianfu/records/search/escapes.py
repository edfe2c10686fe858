r"""Separators in search values: `,` between alternatives, `$` between components, `|` between parts; `\` escapes.

https://hl7.org/fhir/R4/search.html#escaping
"""

from __future__ import annotations

import re

_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_PARTS = {separator: re.compile(rf"(?:[^\\{separator}]|\\.|\\\Z)*", re.DOTALL) for separator in ",$|"}


def split(text: str, separator: str) -> list[str]:
    """The parts between separators that are not escaped; the parts keep their own escapes."""
    if separator not in text:
        return [text]
    pattern = _PARTS[separator]
    parts: list[str] = []
    position = 0
    while True:
        found = pattern.match(text, position)
        end = found.end() if found else position
        parts.append(text[position:end])
        if end >= len(text):
            return parts
        position = end + 1


def unescaped(text: str) -> str:
    """The text that was meant; a backslash before any character yields that character."""
    return _ESCAPED.sub(r"\1", text) if "\\" in text else text


def escaped(text: str) -> str:
    """Text as it must be written to be one value."""
    return re.sub(r"([\\,$|])", r"\\\1", text)
