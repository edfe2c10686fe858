"""Read a regular expression far enough to know what matching it may cost.

Understood is what schemas and invariants use: characters, classes, groups, alternatives, repeats, anchors.
Look-around, back-references and inline flags are not.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

REPEATS_MAX = 1_000
GROUPS_DEEP_MAX = 20


class UnreadablePattern(Exception):  # noqa: N818 - what is asked about is the pattern
    """The pattern is none, or uses what is not understood."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Character:
    """One character; `source` is a regular expression for it."""

    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Anchor:
    """A place between characters: `^`, `$`, `\\b`, `\\B`."""

    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sequence:
    """One after the other."""

    parts: tuple[Pattern, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Alternatives:
    """One of them."""

    options: tuple[Pattern, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Repeat:
    """The same several times; no `most` stands for any number."""

    part: Pattern
    least: int
    most: int | None


Pattern = Character | Anchor | Sequence | Alternatives | Repeat

_ATOM = re.compile(r"\\(?:x[0-9A-Fa-f]{2}|u[0-9A-Fa-f]{4}|.)|\[\^?\]?(?:[^\]\\]|\\.)*\]|[^\\\[]", re.DOTALL)
_REPEAT = re.compile(r"(?:\*|\+|\?|\{(\d+)(?:(,)(\d*))?\})\??")
_GROUP = re.compile(r"\((?:\?:|\?P?<[A-Za-z_]\w*>|(?!\?))")
_ANCHORS = {"^": "^", "$": "$", "\\b": "\\b", "\\B": "\\B", "\\A": "^", "\\Z": "\\Z"}


def read_pattern(text: str) -> Pattern:
    """The structure of a regular expression; raises UnreadablePattern."""
    reader = _Reader(text)
    tree = reader.alternatives()
    if reader.position != len(text):
        raise UnreadablePattern(text)
    return tree


class _Reader:
    __slots__ = ("_deep", "_text", "position")

    def __init__(self, text: str) -> None:
        self._text = text
        self._deep = 0
        self.position = 0

    def _at(self, symbols: str) -> bool:
        return self.position < len(self._text) and self._text[self.position] in symbols

    def alternatives(self) -> Pattern:
        options = [self._sequence()]
        while self._at("|"):
            self.position += 1
            options.append(self._sequence())
        return options[0] if len(options) == 1 else Alternatives(options=tuple(options))

    def _sequence(self) -> Pattern:
        parts: list[Pattern] = []
        while self.position < len(self._text) and not self._at("|)"):
            parts.append(self._repeated(self._single()))
        return parts[0] if len(parts) == 1 else Sequence(parts=tuple(parts))

    def _single(self) -> Pattern:
        if self._at("("):
            return self._group()
        found = _ATOM.match(self._text, self.position)
        if found is None:
            raise UnreadablePattern(self._text)
        source = found.group()
        self.position = found.end()
        if source in _ANCHORS:
            return Anchor(source=_ANCHORS[source])
        if source in "*+?" or (len(source) == 2 and source[0] == "\\" and source[1].isdigit()):
            raise UnreadablePattern(self._text)
        return Character(source=source)

    def _group(self) -> Pattern:
        found = _GROUP.match(self._text, self.position)
        self._deep += 1
        if found is None or self._deep > GROUPS_DEEP_MAX:
            raise UnreadablePattern(self._text)
        self.position = found.end()
        inside = self.alternatives()
        if not self._at(")"):
            raise UnreadablePattern(self._text)
        self.position += 1
        self._deep -= 1
        return inside

    def _repeated(self, part: Pattern) -> Pattern:
        found = _REPEAT.match(self._text, self.position)
        if found is None:
            return part
        self.position = found.end()
        if self._at("*+?"):
            raise UnreadablePattern(self._text)
        least, most = _bounds(found)
        if max(least, most or 0) > REPEATS_MAX:
            raise UnreadablePattern(self._text)
        return Repeat(part=part, least=least, most=most)


def _bounds(found: re.Match[str]) -> tuple[int, int | None]:
    symbol = found.group()[0]
    if symbol != "{":
        return {"*": (0, None), "+": (1, None), "?": (0, 1)}[symbol]
    least, comma, most = found.groups()
    if comma is None:
        return int(least), int(least)
    return int(least), int(most) if most else None


def backtracking_cost(tree: Pattern, length: int) -> float:
    """A bound on the ways in which a backtracking matcher may try a text of some length; infinite if there is none.

    A repeat may stop at any of `length` places; a repeat inside a repeat makes the ways grow without a useful bound.
    """
    match tree:
        case Character() | Anchor():
            return 1
        case Sequence(parts=parts):
            ways = 1.0
            for part in parts:
                ways *= backtracking_cost(part, length)
            return ways
        case Alternatives(options=options):
            return sum(backtracking_cost(option, length) for option in options)
        case Repeat(part=part, least=least, most=most):
            inside = backtracking_cost(part, length)
            if least == most:
                return float(inside ** min(least, 100)) if inside > 1 else 1
            if inside > 1:
                return 2 * inside if most == 1 else float("inf")
            return min(length, most) + 1 if most is not None else length + 1
