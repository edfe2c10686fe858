"""Attributes read from their bytes are what pydicom would read, and what it would complain of is left to it."""

from __future__ import annotations

import warnings
from typing import Final

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.tag import Tag

from tianfu.kernel.refusal import Refusal
from tianfu.standards.dicom.elements import Item

WORDS: Final = {"CS": "Modality", "DA": "StudyDate", "TM": "StudyTime", "UI": "SOPInstanceUID"}
NUMBERS: Final = {"DS": "BeamMeterset", "IS": "BeamNumber", "US": "Rows"}

SOUND = {
    "CS": (b"CT", b"RT_1 ", b""),
    "DA": (b"20260302",),
    "TM": (b"090000", b"235959"),
    "UI": (b"1.2.840", b"2.25.0\0", b"1." * 31 + b"12"),
    "DS": (b"1", b"-1.5e3 ", b" .5", b"7.", b"1e999", b"1234567890.12345"),
    "IS": (b"7", b"+12 ", b"-999999999"),
    "US": (b"\x00\x02",),
}
ODD = {
    "CS": (b"ct", b"A" * 17, b"A\\B", b"A\0", b"A\n", b"\xc4"),
    "DA": (b"20261302", b"2026030", b"20260302-", b"20260302\n", b"2026.03.02"),
    "TM": (b"250000", b"0900", b"090000.5", b"09:00:00", b"090000\n"),
    "UI": (b"1.02", b"1..2", b"1.2\0\0", b"1.2\\1.3", b"1." * 32 + b"12", b"1.2\n", b"1.2 "),
    "DS": (b"1_0", b"1,5", b"nan", b"1\\2", b"1\n", b"0x1", b"1234567890.123456", b"1\0", b"", b" "),
    "IS": (b"1.5", b"99999999999", b"2147483648", b"1\\2", b"1_0", b"1\n", b"", b" "),
    "US": (b"\x00\x02\x00\x03", b"", b"\x01"),
}
EVERY = [(vr, value) for table in (SOUND, ODD) for vr, values in table.items() for value in values]


def holding(vr: str | None, keyword: str, value: bytes, *, is_little: bool = True) -> Item:
    """An item as a reader leaves it, with one attribute that nobody has looked at."""
    tag = Tag(keyword)
    dataset = Dataset()
    dataset[tag] = RawDataElement(tag, vr, len(value), value, 0, vr is None, is_little)
    return Item(dataset=dataset)


def looked_at(item: Item, keyword: str) -> Item:
    """The same after pydicom has made its value."""
    assert item.dataset[keyword] is not None
    return item


def read(item: Item, keyword: str, *, is_word: bool) -> tuple[object, list[str]]:
    """What is read or refused, and all that pydicom says on the way."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            found: object = item.text(keyword) if is_word else item.numbers(keyword).tolist()
        except Refusal as refusal:
            found = refusal.code
        except Exception as error:
            found = type(error)
    return found, [str(each.message) for each in caught]


def by_pydicom(item: Item, keyword: str, *, is_word: bool) -> tuple[object, list[str]]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            looked_at(item, keyword)
        except Exception as error:
            known = type(error)
            found: object = (
                "dicom-attribute-invalid" if not is_word and known in {ValueError, TypeError, OverflowError} else known
            )
        else:
            found, _ = read(item, keyword, is_word=is_word)
    return found, [str(each.message) for each in caught]


def refuse_unless_alike(vr: str, value: bytes, *, is_implicit: bool, is_little: bool = True) -> None:
    keyword, is_word = {**WORDS, **NUMBERS}[vr], vr in WORDS
    stated = None if is_implicit else vr
    ours = read(holding(stated, keyword, value, is_little=is_little), keyword, is_word=is_word)
    theirs = by_pydicom(holding(stated, keyword, value, is_little=is_little), keyword, is_word=is_word)
    assert ours == theirs, (vr, value)


@pytest.mark.parametrize("is_implicit", [False, True])
@pytest.mark.parametrize(("vr", "value"), EVERY)
def test_a_value_is_what_pydicom_reads_and_is_complained_of_as_by_pydicom(
    vr: str, value: bytes, is_implicit: bool
) -> None:
    refuse_unless_alike(vr, value, is_implicit=is_implicit)
    refuse_unless_alike(vr, value, is_implicit=is_implicit, is_little=False)


@given(
    vr=st.sampled_from([*WORDS, *NUMBERS]),
    value=st.text(alphabet="0123456789.+-eE \0\\ABZ_\n", max_size=18).map(str.encode),
    is_implicit=st.booleans(),
)
def test_whatever_the_bytes_are_they_are_read_as_by_pydicom(vr: str, value: bytes, is_implicit: bool) -> None:
    refuse_unless_alike(vr, value, is_implicit=is_implicit)


@pytest.mark.parametrize(("vr", "value"), [(vr, value) for vr, values in SOUND.items() for value in values])
def test_what_the_standard_asks_for_is_read_without_pydicom(vr: str, value: bytes) -> None:
    keyword = {**WORDS, **NUMBERS}[vr]
    item = holding(vr, keyword, value)
    read(item, keyword, is_word=vr in WORDS)
    assert isinstance(item.dataset.get_item(keyword), RawDataElement)


def test_numbers_of_either_order_of_bytes_are_read() -> None:
    for is_little, expected in ((True, 512.0), (False, 2.0)):
        found = holding("US", "Rows", b"\x00\x02", is_little=is_little).numbers("Rows")
        np.testing.assert_array_equal(found, [expected])
