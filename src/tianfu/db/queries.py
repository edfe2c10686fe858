"""Named SQL: statements live in `.sql` files under a name and a sentence, and Python never pastes values in.

    -- current_version
    -- The newest version of one resource, unless it was deleted.
    select version from resource where rid = %(rid)s;

`%(rid)s` marks a parameter; every other percent sign is itself.  `{visible:a}` marks a condition that the program
puts in its place when it reads the file.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files

_PLACEHOLDER = re.compile(r"%\(([a-z_][a-z0-9_]*)\)s")
_NAME_LINE = re.compile(r"-- ([a-z][a-z0-9_]*)\Z")
_ASIDE = re.compile(r"--[^\n]*|'[^']*'")
_MARKER = re.compile(r"\{([a-z_]+:[a-z_]+)\}")
_SENTENCE_LINE = re.compile(r"-- (\S.*)\Z")


class MalformedQueries(ValueError):  # noqa: N818 - says what is wrong
    """A `.sql` file that does not follow the form; the message names the file and the query."""


@dataclass(frozen=True, slots=True)
class Query:
    """One statement: its name (for logs and errors), what it promises, and its text with `$1` placeholders."""

    name: str
    sentence: str
    text: str
    parameters: tuple[str, ...]
    wire: bytes = field(repr=False)

    @staticmethod
    def composed(name: str, sql: str, *, sentence: str = "") -> Query:
        """A statement put together by a program out of trusted parts; values still come by placeholders only."""
        pieces = _PLACEHOLDER.split(sql)  # text and names in turn
        numbers = {name: number for number, name in enumerate(dict.fromkeys(pieces[1::2]), 1)}
        pieces[1::2] = [f"${numbers[name]}" for name in pieces[1::2]]
        text = "".join(pieces)
        return Query(name=name, sentence=sentence, text=text, parameters=tuple(numbers), wire=text.encode())


class Queries:
    """The statements of one file, by attribute: `statements.current_version`."""

    def __init__(self, source: str, by_name: Mapping[str, Query]) -> None:
        self._source = source
        self._by_name = dict(by_name)

    def __getattr__(self, name: str) -> Query:
        try:
            return self._by_name[name]
        except KeyError:
            raise AttributeError(f"{self._source} has no query named {name}") from None

    def __iter__(self) -> Iterator[Query]:
        return iter(self._by_name.values())


Fill = Callable[[str], str]
"""Gives the trusted text that a marker stands for."""


@cache
def queries(package: str, file: str, *, fill: Fill | None = None) -> Queries:
    """Read the statements of `file`, which lies in `package`; `fill` replaces its markers."""
    source = f"{package}/{file}"
    return Queries(source, read_queries(files(package).joinpath(file).read_text("utf-8"), source=source, fill=fill))


def read_queries(text: str, *, source: str, fill: Fill | None = None) -> dict[str, Query]:
    """The statements in the text of a `.sql` file, in their order; raises MalformedQueries."""
    if fill is not None:
        filler = fill
        text = _MARKER.sub(lambda found: filler(found[1]), text)
    found: dict[str, Query] = {}
    for name, lines in _blocks(text, source):
        sentence: list[str] = []
        while lines and (match := _SENTENCE_LINE.match(lines[0])):
            sentence.append(match[1])
            lines.pop(0)
        body = "\n".join(lines).strip()
        _refuse_malformed(name, sentence, body, source=source, known=found)
        found[name] = Query.composed(name, body.removesuffix(";").rstrip(), sentence=" ".join(sentence))
    return found


def _blocks(text: str, source: str) -> Iterator[tuple[str, list[str]]]:
    name, lines = "", list[str]()
    for line in text.splitlines():
        if match := _NAME_LINE.match(line):
            if name:
                yield name, lines
            name, lines = match[1], []
        elif name:
            lines.append(line)
        elif line.strip():
            raise MalformedQueries(f"{source}: text before the first name: {line!r}")
    if name:
        yield name, lines


def _refuse_malformed(name: str, sentence: list[str], body: str, *, source: str, known: Mapping[str, Query]) -> None:
    where = f"{source}: {name}"
    if name in known:
        raise MalformedQueries(f"{where} is named twice")
    if not sentence or not sentence[-1].endswith("."):
        raise MalformedQueries(f"{where} needs a sentence that ends with a full stop")
    if not body:
        raise MalformedQueries(f"{where} has no statement")
    if not body.endswith(";"):
        raise MalformedQueries(f"{where} must end with a semicolon")
    if _ASIDE.sub("", body).count(";") > 1:
        raise MalformedQueries(f"{where} holds more than one statement")
