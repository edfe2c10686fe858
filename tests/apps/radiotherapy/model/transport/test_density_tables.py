"""A density table as a file: read as it was written, refused where no scanner has such a one, told where it is odd."""

from __future__ import annotations

import hashlib
import json
from datetime import date
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some

from tests.radiotherapy_plan import TABLE, clinic_table, phantom_table, table_text
from tianfu.apps.radiotherapy.model.transport.density_reading import (
    BYTES_MOST,
    DENSITY,
    HOUNSFIELD,
    TEXT_MOST,
    read_density_table,
    table_findings,
)
from tianfu.apps.radiotherapy.model.transport.density_tables import (
    DensityTable,
    Measured,
    Pair,
    fingerprint_of_table,
    refuse_other_table,
    write_density_table,
)
from tianfu.kernel.refusal import Refusal


def pairs(*told: tuple[float, float], mark: str = "measured") -> list[dict[str, Any]]:
    return [
        {"hounsfield": hounsfield, "density": density, "mark": mark, "source": "an insert"}
        for hounsfield, density in told
    ]


def refused(data: bytes) -> Refusal:
    with pytest.raises(Refusal) as raised:
        read_density_table(data)
    return raised.value


words = some.text(some.characters(codec="utf-8", categories=("L", "N", "P")), min_size=1, max_size=40)


@some.composite
def tables(draw: some.DrawFn) -> DensityTable:
    """Any table that can be a scanner's: air and water near what they are, all else free."""
    below = draw(some.lists(some.floats(-999.0, -1.0), max_size=4, unique=True))
    beyond = draw(some.lists(some.floats(1.0, HOUNSFIELD[1]), min_size=1, max_size=4, unique=True))
    thin = sorted(draw(some.lists(some.floats(0, 0.3), min_size=len(below) + 1, max_size=len(below) + 1)))
    dense = sorted(draw(some.lists(some.floats(1.1, DENSITY[1]), min_size=len(beyond), max_size=len(beyond))))
    told = [*zip([-1000.0, *sorted(below)], thin, strict=True), (0.0, draw(some.floats(0.91, 1.09)))]
    told += zip(sorted(beyond), dense, strict=True)
    measured = draw(some.none() | some.builds(Measured, phantom=words, on=some.dates(), by=words))
    marks = some.sampled_from(["found", "memory", "inferred", "ours", *(["measured"] if measured is not None else [])])
    return DensityTable(
        form=1,
        name=draw(words),
        version=draw(some.integers(1, 2**31 - 1)),
        scanner=draw(words),
        settings=draw(words),
        notice=draw(some.dictionaries(words, words, min_size=1, max_size=3)),
        is_phantoms=draw(some.booleans()),
        measured=measured,
        pairs=tuple(
            Pair(hounsfield=hounsfield, density=density, mark=draw(marks), source=draw(words))  # type: ignore[arg-type]  # drawn from marks
            for hounsfield, density in told
        ),
    )


@given(tables())
def test_any_sound_table_is_read_as_it_was_written_and_written_as_it_was_read(table: DensityTable) -> None:
    read = read_density_table(write_density_table(table))
    assert read == table
    assert write_density_table(read) == write_density_table(table)
    assert fingerprint_of_table(read) == hashlib.sha256(write_density_table(table)).hexdigest()


@given(some.binary(max_size=200) | some.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_bytes_of_anything_are_refused_and_nothing_else_happens(data: bytes) -> None:
    assert refused(data).code == "density-table-not-understood"


@given(tables(), some.floats(-4000, 40_000))
def test_a_density_lies_on_the_line_between_its_neighbours_as_numpy_draws_it(table: DensityTable, at: float) -> None:
    expected = float(np.interp(at, table.hounsfield, table.density))
    assert table.density_at(at) == pytest.approx(expected, rel=1e-9, abs=1e-12)


def test_the_layout_of_a_file_makes_no_other_table_and_each_of_its_parts_does() -> None:
    spread = json.dumps(json.loads(table_text()), indent=4).encode()
    assert fingerprint_of_table(read_density_table(spread)) == fingerprint_of_table(clinic_table())
    others = [
        clinic_table(**{name: value})
        for name, value in {
            "name": "another",
            "version": 2,
            "scanner": "another",
            "settings": "another",
            "notice": {"en": "another"},
            "is_phantoms": True,
            "measured": {"phantom": "another", "on": "2026-03-02", "by": "Wang^Fang"},
            "pairs": pairs((-1000.0, 0.001), (0.0, 1.0), (1200.0, 1.700001)),
        }.items()
    ]
    prints = {fingerprint_of_table(each) for each in (clinic_table(), *others)}
    assert len(prints) == len(others) + 1


def test_what_was_measured_is_read_as_values() -> None:
    table = clinic_table()
    assert table.measured is not None
    assert table.measured.on == date(2026, 3, 2)
    assert (table.hounsfield, table.density) == ((-1000.0, -500.0, 0.0, 1200.0), (0.001, 0.49, 1.0, 1.7))
    assert (table.hounsfield_most, table.pairs[0].source) == (1200.0, "air")


GOOD = pairs((-1000.0, 0.001), (0.0, 1.0), (1200.0, 1.7))

HOSTILE: list[tuple[str, bytes, str]] = [
    ("nothing", b"", "not-understood"),
    ("no JSON", b"\xff\xfe{}", "not-understood"),
    ("a list", b"[]", "not-understood"),
    ("too large", b" " * (BYTES_MOST + 1), "not-understood"),
    ("too deep", b"[" * 50_000, "not-understood"),
    ("a name that is said twice", table_text().replace(b'"version":1', b'"version":2,"version":1'), "not-understood"),
    ("a name that nobody knows", table_text(water=1.0), "not-understood"),
    ("a pair with an unknown name", table_text(pairs=[{**GOOD[0], "unit": "HU"}, *GOOD[1:]]), "not-understood"),
    ("a mark that nobody knows", table_text(pairs=pairs((-1000.0, 0.001), (0.0, 1.0), mark="sure")), "not-understood"),
    ("nothing known of a pair", table_text(pairs=[{"hounsfield": 0.0, "density": 1.0}] * 2), "not-understood"),
    ("no day", table_text(measured={"phantom": "one", "on": "yesterday", "by": "one"}), "not-understood"),
    ("a version that is no number", table_text(version="1"), "not-understood"),
    ("half a version", table_text(version=1.5), "not-understood"),
    ("not a number", table_text().replace(b"0.49", b"NaN"), "not-understood"),
    ("no end", table_text().replace(b"1200.0", b"Infinity"), "not-understood"),
    ("a number beyond numbers", table_text().replace(b"1200.0", b"1e999"), "not-understood"),
    ("many digits", table_text().replace(b"1200.0", b"9" * 5_000), "not-understood"),
    ("another form", table_text(form=2), "of-another-form"),
    ("no version at all", table_text(version=0), "out-of-range"),
    ("a version beyond databases", table_text(version=2**31), "out-of-range"),
    ("no name", table_text(name="  "), "out-of-range"),
    ("a name with blanks around", table_text(name=" CT"), "out-of-range"),
    ("a name that turns letters about", table_text(name="CT\u202e1"), "out-of-range"),
    ("a name with an escape", table_text(name="CT\x1b[2J"), "out-of-range"),
    ("a long name", table_text(name="x" * 65), "out-of-range"),
    ("no scanner", table_text(scanner=""), "out-of-range"),
    ("long settings", table_text(settings="x" * (TEXT_MOST + 1)), "out-of-range"),
    ("no notice", table_text(notice={}), "out-of-range"),
    ("an empty notice", table_text(notice={"en": ""}), "out-of-range"),
    ("measured by nobody", table_text(measured={"phantom": "one", "on": "2026-03-02", "by": ""}), "out-of-range"),
    ("measured, and nobody says with what", table_text(measured=None), "not-told"),
    ("one pair", table_text(pairs=pairs((0.0, 1.0))), "not-pairs"),
    ("no pairs", table_text(pairs=[]), "not-pairs"),
    ("falling units", table_text(pairs=pairs((0.0, 1.0), (-1000.0, 1.1))), "not-rising"),
    ("the same units twice", table_text(pairs=pairs((-1000.0, 0.0), (0.0, 1.0), (0.0, 1.1))), "not-rising"),
    ("falling densities", table_text(pairs=pairs((-1000.0, 0.5), (0.0, 1.0), (10.0, 0.9))), "not-rising"),
    ("less than nothing", table_text(pairs=pairs((-1000.0, -0.1), (0.0, 1.0))), "not-rising"),
    ("units of no scanner", table_text(pairs=pairs((-3000.0, 0.0), (0.0, 1.0), (9.0, 1.1))), "out-of-range"),
    ("densities of no matter", table_text(pairs=pairs((-1000.0, 0.0), (0.0, 1.0), (9.0, 1e9))), "out-of-range"),
    ("too many pairs", table_text(pairs=pairs(*((float(n), 1.0) for n in range(-400, 400)))), "out-of-range"),
    ("begins at water", table_text(pairs=pairs((0.0, 1.0), (1000.0, 1.6))), "without-water"),
    ("ends at water", table_text(pairs=pairs((-1000.0, 0.0), (0.0, 1.0))), "without-water"),
    ("density in g/l", table_text(pairs=pairs((-1000.0, 0.0), (0.0, 20.0), (1200.0, 24.0))), "water-far"),
    ("shifted by 1000", table_text(pairs=pairs((-2000.0, 0.0), (-1000.0, 1.0), (1000.0, 1.1))), "air-far"),
]  # fmt: skip


@pytest.mark.parametrize(("data", "code"), [each[1:] for each in HOSTILE], ids=[each[0] for each in HOSTILE])
def test_what_can_be_no_scanners_table_is_refused_with_its_reason(data: bytes, code: str) -> None:
    refusal = refused(data)
    assert refusal.code == f"density-table-{code}"
    assert all(len(told) < 500 for told in refusal.details.values())


@given(
    some.sampled_from(list(TABLE)),
    some.none() | some.integers(-(2**40), 2**40) | some.text(max_size=5) | some.just([]),
)
def test_a_part_of_another_kind_is_refused_or_read_as_it_stands(name: str, value: object) -> None:
    code, read = "density-table-none", value
    try:
        read = json.loads(write_density_table(read_density_table(table_text(**{name: value}))))[name]
    except Refusal as refusal:
        code = refusal.code
    assert code.startswith("density-table-")
    assert read == value


@given(some.sampled_from(list(TABLE)))
def test_every_name_has_to_be_said(name: str) -> None:
    left = {other: value for other, value in TABLE.items() if other != name}
    assert refused(msgspec.json.encode(left)).code == "density-table-not-understood"


def codes(table: DensityTable) -> dict[str, dict[str, str]]:
    return {each.code: dict(each.details) for each in table_findings(table)}


def test_a_measured_table_with_air_and_water_where_they_belong_has_nothing_odd() -> None:
    assert codes(clinic_table()) == {}


def test_water_and_air_that_are_not_where_they_belong_are_told_with_what_they_are() -> None:
    # by hand: 0 HU lies in the middle of the line from 0.97 to 1.09, -1000 HU half way from 0.0 to 0.2
    odd = clinic_table(pairs=pairs((-1100.0, 0.0), (-900.0, 0.2), (-100.0, 0.97), (100.0, 1.09), (1200.0, 1.7)))
    assert codes(odd) == {
        "density-table-water-odd": {"table": odd.name, "density": "1.030"},
        "density-table-air-odd": {"table": odd.name, "density": "0.100"},
    }


def test_a_table_that_begins_above_air_and_one_that_nobody_measured_are_told() -> None:
    late = clinic_table(pairs=pairs((-800.0, 0.03), (0.0, 1.0), (1200.0, 1.7), mark="memory"))
    assert codes(late) == {
        "density-table-starts-late": {"table": late.name, "least": "-800", "density": "0.03"},
        "density-table-not-measured": {"table": late.name},
    }


def test_the_table_that_comes_along_is_sound_and_a_phantoms() -> None:
    """The figures of `ct.hlut`, by which every plan until now was made."""
    table = phantom_table()
    assert table.hounsfield == (-1024.0, 200.0, 449.0, 2000.0, 2048.0, 3071.0)
    assert table.density == (0.00324, 1.2, 1.2, 2.49066, 2.5306, 2.5306)
    assert (table.is_phantoms, table.measured, set(table.notice)) == (True, None, {"en", "zh-CN"})
    assert codes(table) == {}


def test_only_the_table_that_is_named_is_taken() -> None:
    refuse_other_table(clinic_table(), name="Made-up CT 120 kV", version=1)
    for name, version in (("Made-up CT 120 kV", 2), ("Made-up CT 120 KV", 1)):
        with pytest.raises(Refusal, match="density-table-differs"):
            refuse_other_table(clinic_table(), name=name, version=version)
