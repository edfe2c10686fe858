"""Values reach PostgreSQL in the form that its own documents describe, and come back as they went."""

from __future__ import annotations

from struct import pack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tianfu.db import COPY_HEADER, COPY_TRAILER, copy_file, copy_row, int8_array
from tianfu.db.wire import INT2_ARRAY, INT4_ARRAY, INT8, INT8_ARRAY, TEXT, Wire, array_of, encoder_of

BIGINTS = st.integers(-(2**63), 2**63 - 1)


@given(st.lists(BIGINTS))
def test_array_of_numbers_is_laid_out_element_by_element(values: list[int]) -> None:
    assert int8_array(values).data == array_of([pack("!q", value) for value in values], INT8)


def test_nulls_in_an_array_of_numbers_are_kept() -> None:
    encode, _ = encoder_of(INT8_ARRAY)
    assert encode([1, None]) == array_of([pack("!q", 1), None], INT8)


def test_empty_array_has_no_dimension() -> None:
    assert int8_array([]).data == pack("!iiI", 0, 0, INT8)


def test_prebuilt_value_of_another_type_is_refused() -> None:
    encode, _ = encoder_of(INT4_ARRAY)
    with pytest.raises(TypeError, match="the parameter is of type 1016"):
        encode(int8_array([1]))


def test_number_too_large_for_its_column_is_refused_before_it_is_sent() -> None:
    encode, _ = encoder_of(INT2_ARRAY)
    with pytest.raises(OverflowError):
        encode([40_000])


def test_text_is_not_taken_for_bytes() -> None:
    encode, _ = encoder_of(17)
    with pytest.raises(TypeError, match="bytes expected"):
        encode("text")


def test_one_text_is_not_taken_for_an_array_of_letters() -> None:
    encode, _ = encoder_of(1009)
    with pytest.raises(TypeError, match="sequence expected"):
        encode("text")


def test_type_without_a_binary_form_travels_as_text() -> None:
    encode, form = encoder_of(1700)
    assert (encode(1.5), form) == (b"1.5", 0)


def test_copy_row_counts_its_fields_and_marks_nulls() -> None:
    assert copy_row([b"ab", None]) == b"\0\2\0\0\0\2ab\xff\xff\xff\xff"


def test_copy_file_has_header_and_trailer() -> None:
    assert copy_file([]) == COPY_HEADER + COPY_TRAILER


def test_wire_value_passes_untouched() -> None:
    encode, _ = encoder_of(TEXT)
    assert encode(Wire(TEXT, b"as it is")) == b"as it is"
