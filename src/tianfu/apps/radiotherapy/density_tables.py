"""The density tables that may be chosen: what comes with the program, and the files in an installation's folder.

A scanner's table is its clinic's: nothing picks one, and none is taken for another.  Not cleared for clinical use.
"""

from __future__ import annotations

import hashlib
import unicodedata
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Final

import msgspec

from tianfu.apps.radiotherapy.model.transport.density_reading import BYTES_MOST, read_density_table, table_findings
from tianfu.apps.radiotherapy.model.transport.density_tables import DensityTable, fingerprint_of_table
from tianfu.apps.radiotherapy.versioned_files import Kind, VersionedFiles
from tianfu.kernel.refusal import Refusal
from tianfu.standards.dicom.findings import Finding

FOLDER = Path("radiotherapy", "density-tables")
"""Within the home of the installation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownTable:
    """A table under its name, and where it comes from; `file` is None for one that comes with the program.

    `table` is a Refusal where the file says its name and is no table that can be used.  `fingerprint` is the table's,
    and the SHA-256 of the file where there is none.
    """

    name: str
    version: int
    file: Path | None
    fingerprint: str
    table: DensityTable | Refusal

    @property
    def is_phantoms(self) -> bool:
        """Whether it is no scanner's, as far as is known."""
        return isinstance(self.table, DensityTable) and self.table.is_phantoms

    @property
    def is_sound(self) -> bool:
        """Whether it can be used."""
        return isinstance(self.table, DensityTable)

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What is odd about it."""
        return table_findings(self.table) if isinstance(self.table, DensityTable) else ()

    @property
    def sound(self) -> DensityTable:
        """The table; raises the Refusal that stands in its place."""
        if isinstance(self.table, Refusal):
            raise self.table
        return self.table


class DensityTables(VersionedFiles[KnownTable]):
    """What comes with the program, and the tables in a folder; calls read from the disk, so make them in a thread.

    A file that stands as it stood is not read again to be listed; whatever is used is always read.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, TABLES)

    def all(self) -> tuple[KnownTable, ...]:
        """Every table that says its name, by name and version; also those that cannot be used, with the reason."""
        return tuple(sorted((*_shipped(), *super().all()), key=lambda each: (each.name, each.version)))

    def one(self, name: str, version: int) -> KnownTable:
        """The table of a name and version, if it can be used.

        Raises Refusal `density-table-unknown`, `density-table-unclear` if two files have them,
        `density-table-name-taken` if a file has those of the program's own, and those of `read_density_table`.
        """
        for each in self.all():
            if (each.name, each.version) == (name, version) and isinstance(each.table, Refusal):
                raise each.table
        known = super().one(name, version)
        if isinstance(known.table, Refusal):
            raise known.table  # it has become so between two looks
        return known

    def called(self, name: str) -> KnownTable:
        """The only table of a name, or the one whose name and version are said as `NAME VERSION`.

        Raises Refusal as `one` does, and `density-table-version-unclear` if a name alone could mean several.
        """
        there = self.all()
        versions = sorted({each.version for each in there if each.name == name})
        if len(versions) > 1:
            told = {"table": name, "versions": ", ".join(map(str, versions))}
            raise Refusal("density-table-version-unclear", details=told)
        if versions:
            return self.one(name, versions[0])
        before, _, version = name.rpartition(" ")
        if version.isascii() and version.isdigit() and len(version) < 10:
            return self.one(before, int(version))
        known = ", ".join(f"{each.name} {each.version}" for each in there)
        raise Refusal("density-table-unknown", details={"table": name, "version": "?", "known": known})


def shipped_density_tables() -> tuple[DensityTable, ...]:
    """Those that come with the program, from `data/density-tables`."""
    return tuple(each.sound for each in _shipped())


def shipped_density_table(name: str, version: int) -> DensityTable:
    """The one of this name and version that comes with the program; raises Refusal `density-table-not-shipped`."""
    for table in shipped_density_tables():
        if (table.name, table.version) == (name, version):
            return table
    known = ", ".join(f"{each.name} {each.version}" for each in shipped_density_tables())
    raise Refusal("density-table-not-shipped", details={"table": name, "version": str(version), "known": known})


def refuse_taken_name(table: DensityTable) -> None:
    """Raise Refusal `density-table-name-taken` for another table than the program's own under a name of its own."""
    shipped = shipped_density_tables()
    if table not in shipped and _plain(table.name) in {_plain(each.name) for each in shipped}:
        raise _taken(table.name)


@cache
def _shipped() -> tuple[KnownTable, ...]:
    folder = files(__package__).joinpath("data", "density-tables")
    contents = [file.read_bytes() for file in folder.iterdir() if file.name.endswith(".json")]
    return tuple(_known(None, read_density_table(content)) for content in contents)


class _Named(msgspec.Struct):
    name: str
    version: int
    pairs: msgspec.Raw


def _seen(file: Path, content: bytes) -> KnownTable | None:
    """A table, also one that cannot be used as long as it says its name; None for what is none."""
    try:
        said = msgspec.json.decode(content, type=_Named)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    try:
        known = _known(file, read_density_table(content))
        if _plain(known.name) in {_plain(each.name) for each in _shipped()}:
            raise _taken(known.name)
    except Refusal as refusal:
        digest = hashlib.sha256(content).hexdigest()
        return KnownTable(name=said.name, version=said.version, file=file, fingerprint=digest, table=refusal)
    return known


def _known(file: Path | None, table: DensityTable) -> KnownTable:
    return KnownTable(
        name=table.name,
        version=table.version,
        file=file,
        fingerprint=fingerprint_of_table(table),
        table=table,
    )


def _plain(name: str) -> str:
    """A name without what eyes do not tell apart: case, kinds of blanks, forms of letters (Unicode's NFKC)."""
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())


def _taken(name: str) -> Refusal:
    return Refusal("density-table-name-taken", details={"table": name})


TABLES: Final = Kind(
    seen=_seen,
    others=frozenset(),
    bytes_most=BYTES_MOST,
    called="table",
    unknown="density-table-unknown",
    unclear="density-table-unclear",
)
