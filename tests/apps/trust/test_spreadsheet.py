"""A download runs nothing in the spreadsheet that opens it, and loses nothing on the way."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tianfu.apps.trust.spreadsheet import csv_line


def read(line: str) -> list[str]:
    [cells] = csv.reader(io.StringIO(line, newline=""), strict=True)
    return cells


@pytest.mark.parametrize(
    "text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", " =1", '"=1', "'=1", "＝1", "\u3000=1"]
)
def test_no_cell_begins_a_formula(text: str) -> None:
    assert read(csv_line([text])) == [f"'{text}"]


def test_what_is_no_formula_stays_as_it_is() -> None:
    said = ["周岚", "a,b", 'a"b', "a\nb", "", "1-2", "2026-11-23T09:00:00+08:00"]
    assert read(csv_line(said)) == said


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")), min_size=1))
def test_every_line_is_read_back_as_its_cells(cells: list[str]) -> None:
    assert [each.removeprefix("'") for each in read(csv_line(cells))] == [each.removeprefix("'") for each in cells]
