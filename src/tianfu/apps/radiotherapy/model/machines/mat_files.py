"""Read variables from a MATLAB file of level 5: numbers, words, cells and structures.

MathWorks, "MAT-File Format": https://www.mathworks.com/help/pdf_doc/matlab/matfile_format.pdf .  Our own reader, since
a file comes from outside: SciPy's follows nested cells without end, and a file of 480 kB ends the whole program.
"""

from __future__ import annotations

import math
import struct
import zlib
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tianfu.kernel.refusal import Refusal

BYTES_MOST = 16_000_000
"""Of a file; matRad's generic photon machine has 2.3 million."""

INFLATED_BYTES_MOST = 64_000_000
"""Of all that is in it, once it is no longer compressed."""

PARTS_MOST = 100_000
"""Elements in a file, those within others too; matRad's generic photon machine has about 10,000."""

DEPTH_MOST = 12

Numbers = NDArray[Any]
Structures: TypeAlias = "list[dict[str, Content]]"
Content: TypeAlias = "Numbers | str | Structures | list[Content]"
"""What a variable holds: numbers in the file's own type, words, structures, or cells."""

HEADER_BYTES = 128
COMPRESSED, MATRIX = 15, 14
NUMBERS = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
WORDS = {1: "latin-1", 2: "latin-1", 4: "utf-16", 16: "utf-8", 17: "utf-16", 18: "utf-32"}
CELL, STRUCTURE, WORD = 1, 2, 4
NUMERIC = range(6, 16)
COMPLEX_FLAG = 0x0800


def read_variables(data: bytes) -> dict[str, Content]:
    """All variables by name.

    Raises Refusal `machine-file-too-large`, or `machine-file-not-understood` with the problem, whatever the bytes are.
    """
    _refuse_unless(len(data) <= BYTES_MOST, "machine-file-too-large", f"{len(data)} bytes")
    order = _order_of(data)
    elements = _Elements(order=order, budget=_Budget(inflated_bytes=INFLATED_BYTES_MOST, parts=PARTS_MOST))
    variables = {}
    for kind, content in elements.inflated(memoryview(data)[HEADER_BYTES:]):
        if kind == MATRIX:
            name, value = elements.array(content, depth=0)
            variables[name] = value
    return variables


@dataclass
class _Budget:
    """What may still be read."""

    inflated_bytes: int
    parts: int

    def took_bytes(self, count: int) -> None:
        self.inflated_bytes -= count
        _refuse_unless(self.inflated_bytes >= 0, "machine-file-too-large", "its inflated content")

    def took_part(self) -> None:
        self.parts -= 1
        _refuse_unless(self.parts >= 0, "machine-file-too-large", f"more than {PARTS_MOST} parts")


@dataclass(frozen=True)
class _Elements:
    """Data elements of one file; `order` is struct's mark of its byte order."""

    order: str
    budget: _Budget

    def inflated(self, data: memoryview) -> list[tuple[int, memoryview]]:
        """The elements of the file's top, none of them compressed."""
        found = []
        for kind, content in self.split(data):
            if kind == COMPRESSED:
                found += self.split(memoryview(self._inflate(content)))
            else:
                found.append((kind, content))
        return found

    def split(self, data: memoryview) -> list[tuple[int, memoryview]]:
        """The elements that lie one behind the other, as type and content."""
        found, at = [], 0
        while at < len(data):
            self.budget.took_part()
            kind, content, at = self._one(data, at)
            found.append((kind, content))
        return found

    def array(self, data: memoryview, *, depth: int) -> tuple[str, Content]:
        """A matrix element's name and what is in it; an empty element is an empty array."""
        _refuse_unless(depth <= DEPTH_MOST, "machine-file-too-large", f"nested deeper than {DEPTH_MOST}")
        if not len(data):
            return "", np.empty((0, 0))
        flags, dimensions, name, *parts = self._at_least(self.split(data), 3)
        numbers = self._numbers(flags)
        kind = int(_one_of(numbers)) & 0xFF
        _refuse_unless_understood(not int(numbers[0]) & COMPLEX_FLAG, "complex numbers")
        shape = self._shape(dimensions)
        return self._word(name), self._content(kind, shape, parts, depth)

    def _content(self, kind: int, shape: tuple[int, ...], parts: list[tuple[int, memoryview]], depth: int) -> Content:
        if kind in NUMERIC:
            return self._table(self._at_least(parts, 1)[0], shape)
        if kind == WORD:
            return self._word(self._at_least(parts, 1)[0])
        if kind == CELL:
            return [self.array(content, depth=depth + 1)[1] for content in self._matrices(parts, math.prod(shape))]
        _refuse_unless_understood(kind == STRUCTURE, f"an array of class {kind}")
        return self._structures(parts, math.prod(shape), depth)

    def _structures(self, parts: list[tuple[int, memoryview]], count: int, depth: int) -> Structures:
        length, names, *values = self._at_least(parts, 2)
        fields = self._field_names(names, int(_one_of(self._numbers(length))))
        contents = self._matrices(values, count * len(fields))
        read = [self.array(content, depth=depth + 1)[1] for content in contents]
        return [dict(zip(fields, read[first : first + len(fields)], strict=True)) for first in _steps(read, fields)]

    def _field_names(self, element: tuple[int, memoryview], length: int) -> list[str]:
        content = bytes(element[1])
        _refuse_unless_understood(0 < length <= 64 and len(content) % length == 0, "names of fields")
        pieces = [content[first : first + length] for first in range(0, len(content), length)]
        names = [piece.split(b"\0")[0].decode("latin-1") for piece in pieces]
        _refuse_unless_understood(len(set(names)) == len(names), "a field named twice")
        return names

    def _matrices(self, parts: list[tuple[int, memoryview]], count: int) -> list[memoryview]:
        fits = len(parts) == count and all(kind == MATRIX for kind, _ in parts)
        _refuse_unless_understood(fits, f"{len(parts)} parts where {count} belong")
        return [content for _, content in parts]

    def _table(self, element: tuple[int, memoryview], shape: tuple[int, ...]) -> Numbers:
        values = self._numbers(element)
        _refuse_unless_understood(values.size == math.prod(shape), f"{values.size} values for a table of {shape}")
        return values.reshape(shape, order="F")

    def _numbers(self, element: tuple[int, memoryview]) -> Numbers:
        kind, content = element
        _refuse_unless_understood(kind in NUMBERS, f"numbers of type {kind}")
        form = np.dtype(NUMBERS[kind]).newbyteorder("<" if self.order == "<" else ">")
        _refuse_unless_understood(len(content) % form.itemsize == 0, "a number that is cut off")
        return np.frombuffer(content, form)

    def _word(self, element: tuple[int, memoryview]) -> str:
        kind, content = element
        _refuse_unless_understood(kind in WORDS, f"words of type {kind}")
        coding = WORDS[kind] + ({"<": "-le", ">": "-be"}[self.order] if WORDS[kind] in {"utf-16", "utf-32"} else "")
        try:
            return bytes(content).decode(coding)
        except UnicodeDecodeError as error:
            raise _not_understood("words in no known coding") from error

    def _shape(self, element: tuple[int, memoryview]) -> tuple[int, ...]:
        shape = tuple(self._numbers(element).tolist())
        fits = 2 <= len(shape) <= 8 and all(isinstance(length, int) and length >= 0 for length in shape)
        _refuse_unless_understood(fits, "the shape of an array")
        return shape

    def _one(self, data: memoryview, at: int) -> tuple[int, memoryview, int]:
        """The element that begins there, and where the next one does; four bytes or fewer may lie in the tag itself."""
        _refuse_unless_understood(at + 8 <= len(data), "an element that is cut off")
        kind, length = struct.unpack_from(f"{self.order}II", data, at)
        if kind >> 16:
            kind, length = kind & 0xFFFF, kind >> 16
            _refuse_unless_understood(length <= 4, "a small element that is not small")
            return kind, data[at + 4 : at + 4 + length], at + 8
        first, behind = at + 8, at + 8 + length
        _refuse_unless_understood(behind <= len(data), "an element that is cut off")
        padding = 0 if kind == COMPRESSED else -length % 8
        return kind, data[first:behind], min(behind + padding, len(data))

    def _inflate(self, content: memoryview) -> bytes:
        inflating = zlib.decompressobj()
        try:
            inflated = inflating.decompress(content, self.budget.inflated_bytes + 1)
        except zlib.error as error:
            raise _not_understood("a compressed part that is damaged") from error
        self.budget.took_bytes(len(inflated))
        _refuse_unless_understood(inflating.eof, "a compressed part that is cut off")
        return inflated

    def _at_least(self, parts: list[tuple[int, memoryview]], count: int) -> list[tuple[int, memoryview]]:
        _refuse_unless_understood(len(parts) >= count, "an array without all its parts")
        return parts


def _order_of(data: bytes) -> str:
    """Byte 126 says in which order the writer's bytes stand; level 5 has version 0x0100."""
    mark = data[126:HEADER_BYTES]
    _refuse_unless_understood(mark in {b"IM", b"MI"}, "no MATLAB file of level 5")
    order = "<" if mark == b"IM" else ">"
    (version,) = struct.unpack_from(f"{order}H", data, 124)
    _refuse_unless_understood(version == 0x0100, "no MATLAB file of level 5")
    return order


def _one_of(numbers: Numbers) -> Any:
    _refuse_unless_understood(numbers.size >= 1 and numbers.dtype.kind in "iu", "an array without flags")
    return numbers[0]


def _steps(read: list[Content], fields: list[str]) -> range:
    return range(0, len(read), len(fields)) if fields else range(0)


def _not_understood(problem: str) -> Refusal:
    return Refusal("machine-file-not-understood", details={"problem": problem})


def _refuse_unless_understood(is_fit: bool, problem: str) -> None:
    if not is_fit:
        raise _not_understood(problem)


def _refuse_unless(is_fit: bool, code: str, problem: str) -> None:
    if not is_fit:
        raise Refusal(code, details={"problem": problem})
