"""What an ONNX file may not hold, found before any runtime opens it: other files, others' operators, loops.

A file is protocol buffers (onnx.proto of ONNX 1.x, field numbers [memory], tried against onnxruntime); only what
matters here is looked at, everything else is skipped by its length.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from tianfu.kernel.refusal import Refusal

BYTES_MAX = 512 << 20
"""A three-dimensional network of some 100 million weights has 400 MB. [ours]"""

FIELDS_MAX = 2_000_000
DEPTH_MAX = 24
"""More of either is made to tire a reader. [ours]"""

STANDARD_DOMAINS = frozenset({"", "ai.onnx"})
LOOPS = frozenset({"Loop", "Scan", "SequenceMap"})
"""Operators that run others as often as a number in the file says: a network of layers needs none."""

_EXTERNAL = 1
_VARINT, _EIGHT, _BYTES, _FOUR = 0, 1, 2, 5

# Of each kind of message: the fields that hold another, and of which kind.
_WITHIN: Mapping[str, Mapping[int, str]] = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "function": {7: "node", 11: "attribute"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
    "tensor": {},
}
_OPERATOR, _DOMAIN = 4, 7
_TENSOR_NAME, _OUTSIDE, _LOCATION = 8, 13, 14
_WORDS = {"node": {_OPERATOR, _DOMAIN}, "tensor": {_TENSOR_NAME}}

_TAG_MAX = (1 << 32) - 1
"""Readers cut longer tags, each in its own way. [memory]"""

_ENUM_BITS = 0xFFFF_FFFF


@dataclass(kw_only=True)
class _Seen:
    """What was found on the way."""

    fields: int = 0
    nodes: int = 0
    foreign: set[str] = field(default_factory=set)
    loops: set[str] = field(default_factory=set)
    external: list[str] = field(default_factory=list)


def refuse_hostile(content: bytes) -> None:
    """Raises Refusal `model-too-large`, `model-broken`, `model-external-data`, `model-custom-operators`, `model-loops`.

    What passes may still ask for much memory or time: it is run where both are limited.
    """
    if len(content) > BYTES_MAX:
        raise Refusal("model-too-large", details={"bytes": str(len(content)), "most": str(BYTES_MAX)})
    seen = _Seen()
    _look(memoryview(content), "model", seen, 0)
    if not seen.nodes:
        raise _broken("no operators")
    if seen.external:
        raise Refusal("model-external-data", details={"name": ", ".join(seen.external[:6])})
    if seen.foreign:
        raise Refusal("model-custom-operators", details={"operators": ", ".join(sorted(seen.foreign)[:12])})
    if seen.loops:
        raise Refusal("model-loops", details={"operators": ", ".join(sorted(seen.loops))})


def _look(message: memoryview, kind: str, seen: _Seen, depth: int) -> None:
    if depth > DEPTH_MAX:
        raise _broken("too deep")
    words: dict[int, str] = {}
    is_outside = False
    for number, value in _fields(message, seen):
        if isinstance(value, int):
            is_outside |= kind == "tensor" and number == _LOCATION and value & _ENUM_BITS == _EXTERNAL
        elif number in _WITHIN[kind]:
            _look(value, _WITHIN[kind][number], seen, depth + 1)
        elif number in _WORDS.get(kind, ()):
            words[number] = _text(value)
        elif kind == "tensor" and number == _OUTSIDE:
            is_outside = True
    if kind == "node":
        _judge(words, seen)
    if is_outside:
        seen.external.append(words.get(_TENSOR_NAME, "?"))


def _judge(words: Mapping[int, str], seen: _Seen) -> None:
    operator, domain = words.get(_OPERATOR, ""), words.get(_DOMAIN, "")
    seen.nodes += 1
    if domain not in STANDARD_DOMAINS:
        seen.foreign.add(f"{domain}.{operator}")
    if operator in LOOPS:
        seen.loops.add(operator)


def _fields(message: memoryview, seen: _Seen) -> Iterator[tuple[int, int | memoryview]]:
    """The number and value of each field of a message; raises Refusal `model-broken`."""
    at = 0
    while at < len(message):
        seen.fields += 1
        if seen.fields > FIELDS_MAX:
            raise _broken("too many fields")
        tag, at = _varint(message, at)
        if tag > _TAG_MAX:
            raise _broken("unknown kind of field")
        number, wire = tag >> 3, tag & 7
        if wire == _VARINT:
            value, at = _varint(message, at)
            yield number, value
            continue
        if wire == _BYTES:
            length, at = _varint(message, at)
        elif wire in {_EIGHT, _FOUR}:
            length = 8 if wire == _EIGHT else 4
        else:
            raise _broken("unknown kind of field")
        if length > len(message) - at:
            raise _broken("ends early")
        if wire == _BYTES:
            yield number, message[at : at + length]
        at += length


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    value = 0
    for place in range(10):
        if at + place >= len(message):
            raise _broken("ends early")
        byte = message[at + place]
        value |= (byte & 0x7F) << (7 * place)
        if byte < 0x80:
            return value, at + place + 1
    raise _broken("a number without end")


def _text(value: memoryview) -> str:
    try:
        return bytes(value).decode()
    except UnicodeDecodeError:
        raise _broken("a name that is no text") from None


def _broken(reason: str) -> Refusal:
    return Refusal("model-broken", details={"reason": reason})
