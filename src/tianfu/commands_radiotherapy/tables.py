"""`tianfu rt tables`: density tables, those of the program and a clinic's own; none is chosen beforehand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from rich.table import Table

from tianfu.commands_radiotherapy.folders import read_bytes
from tianfu.commands_radiotherapy.machines import tell_notice
from tianfu.commands_radiotherapy.speaking import language, said, say, spoken
from tianfu.kernel.refusal import Refusal
from tianfu.terminal import current_settings, err, out

if TYPE_CHECKING:
    from tianfu.apps.radiotherapy.density_tables import DensityTables, KnownTable
    from tianfu.apps.radiotherapy.model.planning.wishes import PlanWish
    from tianfu.apps.radiotherapy.model.transport.density_tables import DensityTable

DIGITS: Final = 12

TableFile = Annotated[
    Path | None,
    typer.Option("--density-table", help="a density table's file; needed unless it comes with the program"),
]


@spoken
def show_tables(
    table: Annotated[str | None, typer.Argument(help="print this table, by name or from a file")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print one JSON object")] = False,
) -> None:
    """The density tables that are known here, with what each makes of air and water; or one of them as a file."""
    from tianfu.apps.radiotherapy.model.transport.density_tables import write_density_table

    if table is not None:
        print(write_density_table(named_table(table)).decode(), end="")
        return
    known = _installed().all()
    if as_json:
        print(json.dumps({"notice": say("notice"), "tables": list(map(_told, known))}, ensure_ascii=False))
        return
    shown = Table(*map(say, ("table-name", "table-scanner", "table-air-water", "marks", "table-fingerprint")))
    for each in known:
        shown.add_row(*_row(each))
    out.print(shown, markup=False)
    for each in known:
        for words in _words(each):
            err.print(f"! {each.name} {each.version}: {words}", markup=False)


def table_for(wish: PlanWish, file: Path | None) -> DensityTable:
    """The density table that a template names, from a file or from those that come with the program.

    Raises Refusal `density-table-not-shipped` without a file, `density-table-differs` for one of another table, and
    those of `table_in`.
    """
    from tianfu.apps.radiotherapy.density_tables import shipped_density_table
    from tianfu.apps.radiotherapy.model.transport.density_tables import refuse_other_table

    named = wish.computation.density_table
    table = shipped_density_table(named.name, named.version) if file is None else table_in(file)
    refuse_other_table(table, name=named.name, version=named.version)
    tell_notice(table.notice)
    return table


def table_in(file: Path) -> DensityTable:
    """The table in a file; raises Refusal `file-not-readable`, `density-table-name-taken`, or those of reading."""
    from tianfu.apps.radiotherapy.density_tables import refuse_taken_name
    from tianfu.apps.radiotherapy.model.transport.density_reading import read_density_table

    table = read_density_table(read_bytes(file))
    refuse_taken_name(table)
    return table


def named_table(name: str) -> DensityTable:
    """A table from a file, or by its name from those that are known here; raises Refusal as `DensityTables.called`."""
    table = table_in(Path(name)) if Path(name).is_file() else _installed().called(name).sound
    tell_notice(table.notice)
    return table


def _installed() -> DensityTables:
    from tianfu.apps.radiotherapy.density_tables import FOLDER, DensityTables

    return DensityTables(current_settings().home / FOLDER)


def _row(known: KnownTable) -> tuple[str, ...]:
    """What a physicist looks at first: whose it is, what air and water are by it, how that is known."""
    name, fingerprint = f"{known.name} {known.version}", known.fingerprint[:DIGITS]
    if isinstance(known.table, Refusal):
        return name, known.table.code, "–", "–", fingerprint
    table = known.table
    marks = ", ".join(sorted({pair.mark for pair in table.pairs}))
    air, water = (f"{table.density_at(hounsfield):.3f}" for hounsfield in (-1000.0, 0.0))
    return name, table.scanner, f"{air} / {water}", marks, fingerprint


def _words(known: KnownTable) -> list[str]:
    """Why a table cannot be used, or what is odd about it."""
    if isinstance(known.table, Refusal):
        return [said(known.table.code, known.table.details)]
    notice = known.table.notice.get(language().tag)
    return [*([notice] if notice else []), *(said(each.code, each.details) for each in known.findings)]


def _told(known: KnownTable) -> dict[str, Any]:
    table = known.table
    told: dict[str, Any] = {
        "name": known.name,
        "version": known.version,
        "file": None if known.file is None else str(known.file),
        "fingerprint": known.fingerprint,
        "refused": table.code if isinstance(table, Refusal) else None,
        "findings": [each.code for each in known.findings],
    }
    if not isinstance(table, Refusal):
        told |= {
            "scanner": table.scanner,
            "settings": table.settings,
            "is_phantoms": table.is_phantoms,
            "density_of_air": table.density_at(-1000.0),
            "density_of_water": table.density_at(0.0),
            "pairs": [[pair.hounsfield, pair.density] for pair in table.pairs],
        }
    return told
