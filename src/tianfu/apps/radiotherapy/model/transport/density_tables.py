"""A density table as a value: a scanner's Hounsfield units and the relative electron density that each stands for.

The table belongs to a scanner and its settings (IAEA TRS-430, 2004, section 5.4.2): whoever computes names it.
"""

from __future__ import annotations

import hashlib
from datetime import date
from itertools import pairwise
from typing import Literal

import msgspec

from tianfu.kernel.refusal import Refusal

FORM = 1

Mark = Literal["measured", "found", "memory", "inferred", "ours"]
"""How a pair is known: measured on the scanner, read in its source, recalled and to be verified, concluded, ours."""


class _Part(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """A part of a table; every name of it has to be said."""


class Pair(_Part, frozen=True, kw_only=True):
    """Hounsfield units and the electrons per volume that they stand for, water's being 1; `source` says whence."""

    hounsfield: float
    density: float
    mark: Mark
    source: str


class Measured(_Part, frozen=True, kw_only=True):
    """Which phantom was measured, on which day, by whom."""

    phantom: str
    on: date
    by: str


class DensityTable(_Part, frozen=True, kw_only=True):
    """Pairs of Hounsfield units and relative electron density, with the name and version of their source.

    Between two pairs the density is linear; beyond the first and the last it stays.  `is_phantoms` says that it was
    made for a phantom's images, and is the curve of no scanner that patients lie in.  `scanner` and `settings` say in
    words for which images it is; `notice` is told wherever dose by it is shown, by language.  `measured` is None for a
    table of which no pair was measured.
    """

    form: int
    name: str
    version: int
    scanner: str
    settings: str
    notice: dict[str, str]
    is_phantoms: bool
    measured: Measured | None
    pairs: tuple[Pair, ...]

    @property
    def hounsfield(self) -> tuple[float, ...]:
        """Those of all pairs."""
        return tuple(pair.hounsfield for pair in self.pairs)

    @property
    def density(self) -> tuple[float, ...]:
        """Those of all pairs."""
        return tuple(pair.density for pair in self.pairs)

    @property
    def hounsfield_most(self) -> float:
        """From here on the density stays: whatever is denser counts as dense as this."""
        return self.hounsfield[self.density.index(self.density[-1])]

    def density_at(self, hounsfield: float) -> float:
        """What so many Hounsfield units stand for."""
        if hounsfield <= self.pairs[0].hounsfield:
            return self.pairs[0].density
        for low, high in pairwise(self.pairs):
            if hounsfield <= high.hounsfield:
                part = (hounsfield - low.hounsfield) / (high.hounsfield - low.hounsfield)
                return low.density + part * (high.density - low.density)
        return self.pairs[-1].density

    def __post_init__(self) -> None:
        """Raise Refusal `density-table-not-rising` or `density-table-not-pairs`: what it gave would be no density."""
        if len(self.pairs) < 2:
            raise Refusal("density-table-not-pairs", details={"table": self.name, "count": str(len(self.pairs))})
        for number, (low, high) in enumerate(pairwise(self.pairs), start=2):
            # Written so that it refuses what is no number too.
            if not (low.hounsfield < high.hounsfield and 0 <= low.density <= high.density):
                raise Refusal("density-table-not-rising", details={"table": self.name, "pair": str(number)})


def write_density_table(table: DensityTable) -> bytes:
    """The bytes of a table, in the one form that we write; equal tables have equal bytes."""
    return msgspec.json.format(msgspec.json.encode(table, order="sorted"), indent=1) + b"\n"


def fingerprint_of_table(table: DensityTable) -> str:
    """SHA-256 of the table's bytes as they are written, in hexadecimal: no two tables that differ share one."""
    return hashlib.sha256(write_density_table(table)).hexdigest()


def refuse_other_table(table: DensityTable, *, name: str, version: int) -> None:
    """Raise Refusal `density-table-differs` if it is not the table of this name and version."""
    if (table.name, table.version) != (name, version):
        told = {"table": table.name, "version": str(table.version), "wanted": f"{name} {version}"}
        raise Refusal("density-table-differs", details=told)
