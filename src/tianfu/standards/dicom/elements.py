"""Attributes of a data set as numbers, words and items, each asked for by its keyword, refused in its own name.

What is written as the standard asks is read from the bytes, which pydicom would take twenty times as long for: a
structure set has a million numbers.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue
from pydicom.sequence import Sequence
from pydicom.tag import BaseTag, Tag
from pydicom.valuerep import format_number_as_ds

from tianfu.kernel.refusal import Refusal
from tianfu.standards.dicom.grids import Floats

DECIMAL_CHARACTERS: Final = 16
"""Most characters of a Decimal String (PS3.5 6.2)."""

ITEMS_MAX = 200_000
"""Items of one sequence that are read; a large structure set has some ten thousand contours. [ours]"""


@dataclass(frozen=True, kw_only=True)
class Item:
    """A data set or an item of a sequence; `place` says which, for refusals (`BeamSequence[0].`)."""

    dataset: Dataset
    place: str = ""

    def has(self, keyword: str) -> bool:
        """Whether the attribute is there and not empty."""
        tag = _tag(keyword)
        element = self.dataset.get_item(tag)
        if isinstance(element, RawDataElement):
            value = element.value or b""
            return bool(value.strip(b" \0") if dictionary_VR(tag) in _WORDS else value)
        return element is not None and not self.dataset[tag].is_empty

    def text(self, keyword: str) -> str:
        """Words as they stand, without padding; empty if absent; several values joined by a backslash."""
        tag = _tag(keyword)
        element = self.dataset.get_item(tag)
        if element is None:
            return ""
        if isinstance(element, RawDataElement) and _is_regular(element, _WORD):
            return str(element.value, "ascii").strip(" \0")
        value = self.dataset[tag].value
        if value is None:
            return ""
        if isinstance(value, bytes):
            raise self.invalid(keyword)
        words = list(value) if isinstance(value, MultiValue | list) else [value]
        return "\\".join(str(word).strip(" \0") for word in words)

    def texts(self, keyword: str) -> tuple[str, ...]:
        """All values of a multi-valued attribute."""
        text = self.text(keyword)
        return tuple(text.split("\\")) if text else ()

    def needed_text(self, keyword: str) -> str:
        """As `text`; raises Refusal `dicom-attribute-missing` if it is empty."""
        return self.text(keyword) or self._missing(keyword)

    def uid(self, keyword: str) -> str:
        """A unique identifier, of digits and dots; raises Refusal if it is missing or no such thing."""
        text = self.needed_text(keyword)
        if len(text) > 64 or not text.replace(".", "").isascii() or not text.replace(".", "").isdigit():
            raise self.invalid(keyword)
        return text

    def uid_or_none(self, keyword: str) -> str | None:
        """As `uid`, None if it is absent."""
        return self.uid(keyword) if self.has(keyword) else None

    def numbers(self, keyword: str) -> Floats:
        """All values as numbers, none if absent; raises Refusal `dicom-attribute-invalid` for what is not finite."""
        element = self.dataset.get_item(_tag(keyword))
        if element is None or element.value is None:
            return np.empty(0)
        if isinstance(element, RawDataElement) and element.VR == "US" and len(element.value) == 2:
            return np.array([float(int.from_bytes(element.value, "little" if element.is_little_endian else "big"))])
        try:
            values = _numbers(element.value if _is_ours_to_read(element) else self.dataset[_tag(keyword)].value)
        except (ValueError, TypeError, OverflowError) as error:
            raise self.invalid(keyword) from error
        if not np.isfinite(values).all():
            raise self.invalid(keyword)
        return values

    def exactly(self, keyword: str, count: int) -> Floats:
        """So many numbers, or a Refusal."""
        values = self.numbers(keyword)
        if not len(values):
            self._missing(keyword)
        if len(values) != count:
            raise self.invalid(keyword)
        return values

    def number_or_none(self, keyword: str) -> float | None:
        """One number, None if absent."""
        return float(self.exactly(keyword, 1)[0]) if self.has(keyword) else None

    def number(self, keyword: str) -> float:
        """One number, or a Refusal."""
        return float(self.exactly(keyword, 1)[0])

    def whole_or_none(self, keyword: str) -> int | None:
        """One whole number, None if absent."""
        return self.whole(keyword) if self.has(keyword) else None

    def whole(self, keyword: str) -> int:
        """One whole number, or a Refusal."""
        value = self.number(keyword)
        if value != math.floor(value) or abs(value) > 2**53:
            raise self.invalid(keyword)
        return int(value)

    def items(self, keyword: str) -> tuple[Item, ...]:
        """The items of a sequence, none if absent."""
        tag = _tag(keyword)
        if tag not in self.dataset:
            return ()
        value = self.dataset[tag].value
        if value is None or (not isinstance(value, Sequence) and not value):
            return ()
        if not isinstance(value, Sequence) or len(value) > ITEMS_MAX:
            raise self.invalid(keyword)
        return tuple(Item(dataset=item, place=f"{self.place}{keyword}[{n}].") for n, item in enumerate(value))

    def first(self, keyword: str) -> Item | None:
        """The first item of a sequence."""
        return next(iter(self.items(keyword)), None)

    def invalid(self, keyword: str) -> Refusal:
        """A refusal of this attribute's value, which is not quoted."""
        return Refusal("dicom-attribute-invalid", details={"attribute": self.place + keyword})

    def _missing(self, keyword: str) -> str:
        raise Refusal("dicom-attribute-missing", details={"attribute": self.place + keyword})


def decimal(value: float) -> str:
    """A number in at most 16 characters, as exactly as they allow."""
    number = float(value)
    if not math.isfinite(number):
        raise Refusal("dicom-value-not-writable", details={"reason": "not finite"})
    text = repr(number)
    text = text.removesuffix(".0")
    return text if len(text) <= DECIMAL_CHARACTERS else str(format_number_as_ds(number))


def decimals(values: Iterable[float]) -> list[str]:
    """Each number as `decimal` writes it."""
    return [decimal(value) for value in values]


def filled(**attributes: object) -> Dataset:
    """A data set of these attributes; those that are None are left out, empty words and lists are written empty.

    Floats become decimal strings where the dictionary asks for them.
    """
    dataset = Dataset()
    for keyword, value in attributes.items():
        if value is None:
            continue
        if isinstance(value, tuple | list) and value and dictionary_VR(_tag(keyword)) == "DS":
            dataset.add(many_decimals(keyword, decimals(value)))
        else:
            setattr(dataset, keyword, value if dictionary_VR(_tag(keyword)) in _BINARY else _written(value))
    return dataset


def many_decimals(keyword: str, numbers: list[str]) -> DataElement:
    """A Decimal String of many numbers as the one string that is written.

    pydicom would make an object of each number, which takes half a minute for a large structure set.
    """
    return DataElement(_tag(keyword), "DS", "\\".join(numbers), already_converted=True)


def _written(value: object) -> object:
    if isinstance(value, bool):
        raise TypeError("DICOM knows no truth values")
    if isinstance(value, float):
        return decimal(value)
    if isinstance(value, tuple | list):
        items = [each for each in value if isinstance(each, Dataset)]
        return Sequence(items) if items else list(value)
    return value


@cache
def _tag(keyword: str) -> BaseTag:
    number = tag_for_keyword(keyword)
    if number is None:
        raise ValueError(f"{keyword} is no attribute")
    return Tag(number)


def _is_ours_to_read(element: object) -> bool:
    """Whether a raw element's bytes are a string of numbers: then they are parsed here."""
    if not isinstance(element, RawDataElement):
        return False
    is_one_of_many = int(element.tag) in _MANY and element.VR in {"DS", None, "UN"}
    return is_one_of_many or _is_regular(element, _NUMBER)


def _is_regular(element: RawDataElement, regular: Mapping[str, re.Pattern[bytes]]) -> bool:
    """Whether the bytes are one value as PS3.5 6.2 asks for it, of which pydicom would say nothing either."""
    form = regular.get(element.VR or dictionary_VR(element.tag))
    return form is not None and element.value is not None and form.fullmatch(element.value) is not None


def _numbers(value: object) -> Floats:
    if isinstance(value, bytes):
        if b"_" in value:
            raise ValueError("underscore")
        text = value.rstrip(b"\0 ").decode("ascii")
        return np.array([float(word) for word in text.split("\\")]) if text.strip() else np.empty(0)
    if value is None or value == "":
        return np.empty(0)
    return np.atleast_1d(np.asarray(value, dtype=np.float64))


_WORDS = frozenset(
    {"AE", "AS", "CS", "DA", "DS", "DT", "IS", "LO", "LT", "PN", "SH", "ST", "TM", "UC", "UI", "UR", "UT"}
)
"""Value representations that are padded with blanks or zeros: nothing else in them is nothing."""

_WORD: Mapping[str, re.Pattern[bytes]] = {
    "CS": re.compile(rb"[A-Z0-9_ ]{0,16}"),
    "DA": re.compile(rb"[0-9]{4}(?:0[1-9]|1[0-2])(?:[0-2][0-9]|3[01])"),
    "TM": re.compile(rb"(?:[01][0-9]|2[0-3])[0-5][0-9][0-5][0-9]"),
    "UI": re.compile(rb"(?=[0-9.]{1,64}\0?\Z)(?:0|[1-9][0-9]*)(?:\.(?:0|[1-9][0-9]*))*\0?"),
}
"""Single words whose bytes no character set changes."""

_NUMBER: Mapping[str, re.Pattern[bytes]] = {
    "DS": re.compile(rb"(?=[^\\]{1,16}\Z) *[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)? *"),
    "IS": re.compile(rb" ?[+-]?[0-9]{1,9} ?"),
}
"""Single numbers; an Integer String of nine digits has 32 bits."""

_BINARY = frozenset({"AT", "FD", "FL", "SL", "SS", "UL", "US"})
"""Value representations of numbers that are no strings."""

_MANY = frozenset(
    int(_tag(keyword))
    for keyword in (
        "ContourData",
        "GridFrameOffsetVector",
        "ImageOrientationPatient",
        "ImagePositionPatient",
        "LeafJawPositions",
        "PixelSpacing",
    )
)
"""The decimal strings that are many in a case."""
