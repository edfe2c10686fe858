"""Cut the text of an expression into tokens.  Lexical elements: http://hl7.org/fhirpath/N1/#lexical-elements"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto

from tianfu.standards.fhir.fhirpath.limits import TEXT_CHARACTERS_MAX
from tianfu.standards.fhir.fhirpath.refusals import InvalidSyntax


class TokenKind(Enum):
    """What a token is."""

    MOMENT = auto()
    NUMBER = auto()
    STRING = auto()
    WORD = auto()
    QUOTED_WORD = auto()
    SCOPE = auto()
    SYMBOL = auto()
    END = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """One token; `text` is unescaped and without its quotes."""

    kind: TokenKind
    text: str
    at: int

    def is_symbol(self, text: str) -> bool:
        return self.kind is TokenKind.SYMBOL and self.text == text

    def is_word(self, text: str) -> bool:
        return self.kind is TokenKind.WORD and self.text == text


_CLOCK = r"\d\d(?::\d\d(?::\d\d(?:\.\d+)?)?)?"
_ZONE = r"(?:Z|[+-]\d\d:\d\d)"
_TOKEN = re.compile(
    rf"""
    (?P<SPACE> \s+ | //[^\n\r]* | /\*.*?\*/ )
  | (?P<MOMENT> @T{_CLOCK}{_ZONE}? | @\d{{4}}(?:-\d\d(?:-\d\d)?)?(?:T(?:{_CLOCK}{_ZONE}?)?)? )
  | (?P<NUMBER> \d+(?:\.\d+)? )
  | (?P<STRING> '(?:[^'\\]|\\.)*' )
  | (?P<QUOTED_WORD> `(?:[^`\\]|\\.)*` | "(?:[^"\\]|\\.)*" )
  | (?P<SCOPE> \$[A-Za-z]+ )
  | (?P<WORD> [A-Za-z_][A-Za-z0-9_]* )
  | (?P<SYMBOL> <= | >= | != | !~ | [-+*/&|.,()\[\]{{}}<>=~%] )
    """,
    re.VERBOSE | re.DOTALL,
)
_ESCAPE = re.compile(r"\\(u[0-9A-Fa-f]{4}|.)", re.DOTALL)
_ESCAPED = {
    "'": "'", '"': '"', "`": "`", "\\": "\\", "/": "/", "r": "\r", "n": "\n", "t": "\t", "f": "\f",
}  # fmt: skip
_QUOTED = {"STRING", "QUOTED_WORD"}


def tokens_of(text: str) -> tuple[Token, ...]:
    """All tokens of `text`, the last one END; raises InvalidSyntax at the first character that begins none."""
    if len(text) > TEXT_CHARACTERS_MAX:
        raise InvalidSyntax("too-long")
    return tuple(_tokens(text))


def _tokens(text: str) -> Iterator[Token]:
    position = 0
    while position < len(text):
        found = _TOKEN.match(text, position)
        if found is None or found.lastgroup is None:
            raise InvalidSyntax("unexpected-character", at=position, said=text[position : position + 10])
        # An unfinished comment would otherwise pass as two operators.
        if found.lastgroup == "SYMBOL" and text.startswith("/*", position):
            raise InvalidSyntax("unfinished-comment", at=position)
        if found.lastgroup != "SPACE":
            said = found.group()
            if found.lastgroup in _QUOTED:
                said = _unescaped(said[1:-1], position)
            yield Token(kind=TokenKind[found.lastgroup], text=said, at=position)
        position = found.end()
    yield Token(kind=TokenKind.END, text="", at=position)


def _unescaped(text: str, at: int) -> str:
    def meant(escape: re.Match[str]) -> str:
        said = escape.group(1)
        if len(said) == 5:
            return chr(int(said[1:], 16))
        if said not in _ESCAPED:
            raise InvalidSyntax("unknown-escape", at=at, said=said)
        return _ESCAPED[said]

    return _ESCAPE.sub(meant, text) if "\\" in text else text
