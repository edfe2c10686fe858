"""Read a density table that a clinic wrote: strictly, refusing what no scanner has, and telling what is odd.

The limits are ours; they are wide enough for any scanner, and whoever compares a table with its scanner knows better.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

import msgspec

from tianfu.apps.radiotherapy.model.transport.density_tables import FORM, DensityTable
from tianfu.kernel.refusal import Refusal
from tianfu.standards.dicom.findings import Finding, found

BYTES_MOST = 100_000
PAIRS_MOST = 500
NAME_MOST = 64
TEXT_MOST = 500
"""Of a table's file and its parts. [ours]"""

HOUNSFIELD = (-2_000.0, 70_000.0)
DENSITY = (0.0, 25.0)
"""What a scanner tells, with an extended scale for metal, and what an implant may have. [ours]"""

AIR_HU, WATER_HU = -1000.0, 0.0
"""By the definition of the Hounsfield scale."""

AIR, WATER = 0.001, 1.0
"""Relative electron densities: air's is a thousandth of water's, as its density is; water's is 1 by definition."""

WATER_ODD, WATER_FAR = 0.02, 0.1
AIR_ODD, AIR_FAR = 0.05, 0.3
"""From here on a finding tells it, and from there on the table is refused: it is another quantity's. [ours]"""


def read_density_table(data: bytes) -> DensityTable:
    """The table of these bytes, whatever their layout; what `write_density_table` wrote is read as the same.

    Raises Refusal `density-table-not-understood` with the problem, `density-table-of-another-form`, those of
    `DensityTable` and of `refuse_unless_table`.
    """
    if len(data) > BYTES_MOST:
        raise _not_understood(f"{len(data)} bytes")
    try:
        json.loads(data, object_pairs_hook=_said_once)
        table = msgspec.json.decode(data, type=DensityTable)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise _not_understood(str(error)) from error
    if table.form != FORM:
        raise Refusal("density-table-of-another-form", details={"form": str(table.form)})
    refuse_unless_table(table)
    return table


def refuse_unless_table(table: DensityTable) -> None:
    """Do nothing for a table that can be a scanner's.

    Raises Refusal `density-table-out-of-range` with the element, `density-table-not-told` for a pair that was measured
    nobody says with what, `density-table-without-water` if it does not reach from air to beyond water, or
    `density-table-water-far` and `density-table-air-far` for densities that neither can have.
    """
    _refuse_unless_texts(table)
    _fits(1 <= table.version < 2**31, "version")
    _fits(len(table.pairs) <= PAIRS_MOST, "pairs")
    for number, pair in enumerate(table.pairs, start=1):
        _fits(_is_within(pair.hounsfield, HOUNSFIELD), f"pairs[{number}].hounsfield")
        _fits(_is_within(pair.density, DENSITY), f"pairs[{number}].density")
        _fits(_is_text(pair.source, TEXT_MOST), f"pairs[{number}].source")
        if pair.mark == "measured" and table.measured is None:
            raise Refusal("density-table-not-told", details={"table": table.name, "pair": str(number)})
    if not table.pairs[0].hounsfield < WATER_HU < table.pairs[-1].hounsfield:
        raise Refusal("density-table-without-water", details={"table": table.name})
    _refuse_unless_near(table, WATER_HU, WATER, WATER_FAR, "density-table-water-far")
    _refuse_unless_near(table, AIR_HU, AIR, AIR_FAR, "density-table-air-far")


def table_findings(table: DensityTable) -> tuple[Finding, ...]:
    """What a physicist should know of a table that can be one: `density-table-water-odd`, `density-table-air-odd`,
    `density-table-starts-late` if it does not reach air, and `density-table-not-measured`.
    """
    told = []
    for code, hounsfield, wanted, odd in (
        ("density-table-water-odd", WATER_HU, WATER, WATER_ODD),
        ("density-table-air-odd", AIR_HU, AIR, AIR_ODD),
    ):
        density = table.density_at(hounsfield)
        if abs(density - wanted) > odd:
            told.append(found(code, table=table.name, density=f"{density:.3f}"))
    first = table.pairs[0]
    if first.hounsfield > AIR_HU:
        told.append(
            found(
                "density-table-starts-late",
                table=table.name,
                least=f"{first.hounsfield:g}",
                density=f"{first.density:g}",
            )
        )
    # That a phantom's is no scanner's is told already.
    if not table.is_phantoms and all(pair.mark != "measured" for pair in table.pairs):
        told.append(found("density-table-not-measured", table=table.name))
    return tuple(told)


def _refuse_unless_texts(table: DensityTable) -> None:
    """Names are typed, chosen and compared: what cannot be seen in one is in none."""
    _fits(_is_text(table.name, NAME_MOST) and table.name == table.name.strip(), "name")
    for element in ("scanner", "settings"):
        _fits(_is_text(getattr(table, element), TEXT_MOST), element)
    if table.measured is not None:
        for element in ("phantom", "by"):
            _fits(_is_text(getattr(table.measured, element), TEXT_MOST), f"measured.{element}")
    _fits(bool(table.notice), "notice")
    for language, words in table.notice.items():
        _fits(_is_text(language, NAME_MOST) and _is_text(words, TEXT_MOST), "notice")


def _refuse_unless_near(table: DensityTable, hounsfield: float, wanted: float, far: float, code: str) -> None:
    density = table.density_at(hounsfield)
    if not abs(density - wanted) <= far:
        raise Refusal(code, details={"table": table.name, "density": f"{density:.3f}"})


def _said_once(pairs: list[tuple[str, Any]]) -> Mapping[str, Any]:
    """An object of JSON; raises ValueError for a name that is said twice, of which readers keep either."""
    told = dict(pairs)
    if len(told) != len(pairs):
        raise ValueError("a name is said twice")
    return told


def _is_text(text: str, most: int) -> bool:
    return bool(text.strip()) and text.isprintable() and len(text) <= most


def _is_within(value: float, limits: tuple[float, float]) -> bool:
    least, most = limits
    return math.isfinite(value) and least <= value <= most


def _fits(is_fit: bool, element: str) -> None:
    if not is_fit:
        raise Refusal("density-table-out-of-range", details={"element": element})


def _not_understood(problem: str) -> Refusal:
    return Refusal("density-table-not-understood", details={"problem": problem})
