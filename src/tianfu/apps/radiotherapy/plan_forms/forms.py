"""The page's form as it was typed: rows are added and taken away by buttons, so that no script is needed."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from itertools import zip_longest
from typing import Any, Final, TypeVar

ROWS_MOST: Final = 200
"""Of one table; more than any wish may have, and few enough to be shown again. [ours]"""

MAKE: Final = "make"
"""What the form's main button says; every other deed changes rows and shows the form again."""

_ROW_DEED: Final = re.compile(r"(add|remove)-(beam|objective)(?:-([0-9]{1,3}))?")

BEAM_CELLS: Final = ("gantry", "collimator", "couch")
OBJECTIVE_CELLS: Final = ("kind", "about", "objective-dose", "volume", "exponent", "weight")
"""The ids of cells, each followed by the number of its row, in the order of the page."""

HOLDING_FIELDS: Final = tuple(
    f"holding_{name}" for name in ("weight", "held_weight", "slack_gy", "slack_percent", "aim_gy")
)
"""How strictly goals go before each other, in the order of the page."""

GOALS: Final = "goals"
"""The deed that shows the goals which the form names."""

FIELDS: Final = (
    *("whole", "name", "machine", "density", "protocol", "second", "prescribed", "dose", "fractions", "percent"),
    *("how", "order_by", *HOLDING_FIELDS, "structures", "structure", "goal-structure", "confirmed"),
    *("isocentre", "isocentre_x", "isocentre_y", "isocentre_z"),
    *("beams", "beam", "objectives", "objective"),
)
"""The ids of fields and the tables of rows, in the order of the page."""

_NUMBERED: Final = re.compile(r"(.+)-([0-9]+)")

MIDDLE: Final = "target-middle"
POINT: Final = "point"
"""Where the isocentre may be: in the middle of all targets, or at a point of the patient."""

Sent = Callable[[str], Sequence[str]]
"""Every value of a form's field, in the order of the page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BeamRow:
    """Angles in degrees of IEC 61217, as typed."""

    gantry: str = ""
    collimator: str = ""
    couch: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectiveRow:
    """An objective, as typed; `structure` is a key of `roles.keys_of`."""

    kind: str = ""
    structure: str = ""
    dose: str = ""
    volume: str = ""
    exponent: str = ""
    weight: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanForm:
    """Everything that was typed; `structures` are the case's for the template's, in the order of its wish.

    `density` is a key of `density_key`; `isocentre` is MIDDLE, or POINT with a place in millimetres of the patient.
    `seen_case`, `seen_machines` and `seen_tables` are digests of what the page was made of: see `seen`.  `how` and
    `order_by` say how the plan is sought, `seen_order` of which goals the page showed what they are: see `ordering`.
    `goal_structures` are the case's for those of goals that are none of the template's.
    """

    name: str = ""
    machine: str = ""
    density: str = ""
    second: str = ""
    protocol: str = ""
    prescribed: str = ""
    dose: str = ""
    fractions: str = ""
    percent: str = ""
    confirmed: str = ""
    isocentre: str = ""
    isocentre_x: str = ""
    isocentre_y: str = ""
    isocentre_z: str = ""
    how: str = ""
    order_by: str = ""
    seen_order: str = ""
    holding_weight: str = ""
    holding_held_weight: str = ""
    holding_slack_gy: str = ""
    holding_slack_percent: str = ""
    holding_aim_gy: str = ""
    structures: tuple[str, ...] = ()
    goal_structures: tuple[str, ...] = ()
    beams: tuple[BeamRow, ...] = ()
    objectives: tuple[ObjectiveRow, ...] = ()
    seen_case: str = ""
    seen_machines: tuple[str, ...] = ()
    seen_tables: tuple[str, ...] = ()


_Row = TypeVar("_Row", BeamRow, ObjectiveRow)

PLACES: Final = ("isocentre_x", "isocentre_y", "isocentre_z")
"""The fields of an isocentre that is a point, in the order of x, y and z."""

SINGLE: Final = (
    *("name", "machine", "density", "second", "protocol", "prescribed", "dose", "fractions", "percent", "confirmed"),
    *("isocentre", *PLACES, "how", "order_by", "seen_order", *HOLDING_FIELDS),
)


def machine_key(name: str, version: int) -> str:
    """A machine in one word, unlike that of every other version."""
    return f"{name}@{version}"


def density_key(name: str, version: int) -> str:
    """A density table in one word, unlike that of every other version."""
    return f"{name}@{version}"


def row_of(at: str) -> tuple[str, int] | None:
    """The table of a cell and its row from 1; None for a field that is in no table."""
    found = _NUMBERED.fullmatch(at)
    if found is None:
        return None
    table = "beam" if found[1] in BEAM_CELLS else "objective" if found[1] in OBJECTIVE_CELLS else found[1]
    return table, int(found[2])


def page_order(at: str) -> tuple[int, int, int]:
    """A key that puts fields in the order of the page: those of a table row by row."""
    table, number = row_of(at) or (at, 0)
    cells = (*BEAM_CELLS, *OBJECTIVE_CELLS)
    cell = at.rpartition("-")[0]
    return (FIELDS.index(table) if table in FIELDS else 0), number, (cells.index(cell) if cell in cells else 0)


def form_sent(sent: Sent) -> PlanForm:
    """The form that was sent; what is missing is empty, and rows whose columns differ in length end in empty cells."""
    single = {name: next(iter(sent(name)), "").strip() for name in SINGLE}
    return PlanForm(
        **single,
        structures=tuple(sent("structure"))[:ROWS_MOST],
        goal_structures=tuple(sent("goal_structure"))[:ROWS_MOST],
        beams=_rows(BeamRow, "beam", sent),
        objectives=_rows(ObjectiveRow, "objective", sent),
        seen_case=next(iter(sent("seen_case")), ""),
        seen_machines=tuple(sent("seen_machine"))[:ROWS_MOST],
        seen_tables=tuple(sent("seen_table"))[:ROWS_MOST],
    )


def changed(form: PlanForm, deed: str) -> PlanForm:
    """The form after a button that adds a row or takes one away, counted from 1; any other deed changes nothing."""
    found = _ROW_DEED.fullmatch(deed)
    if found is None:
        return form
    act, table, number = found.groups()
    name, empty = ("beams", BeamRow()) if table == "beam" else ("objectives", ObjectiveRow())
    rows: tuple[Any, ...] = getattr(form, name)
    if act == "add":
        rows = (*rows, empty)[:ROWS_MOST]
    elif number is not None:
        rows = tuple(row for place, row in enumerate(rows, start=1) if place != int(number))
    told: Mapping[str, Any] = {name: rows}
    return replace(form, **told)


def first_field(form: PlanForm, deed: str) -> str:
    """The id of the field to look at after a deed: that of a row that was added, or the table it was taken from; the
    goals that were to be shown."""
    if deed == GOALS:
        return "goals"
    found = _ROW_DEED.fullmatch(deed)
    if found is None:
        return ""
    act, table, _ = found.groups()
    rows = len(form.beams if table == "beam" else form.objectives)
    if act == "remove" or not rows:
        return f"{table}s"
    return f"{'gantry' if table == 'beam' else 'kind'}-{rows}"


def _rows(kind: type[_Row], table: str, sent: Sent) -> tuple[_Row, ...]:
    names = [field.name for field in fields(kind)]
    columns = [tuple(sent(f"{table}-{name}"))[:ROWS_MOST] for name in names]
    cells = zip_longest(*columns, fillvalue="")
    return tuple(kind(**dict(zip(names, map(str.strip, row), strict=True))) for row in cells)
