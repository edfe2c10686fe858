"""The order of results, and what comes after a place in it (keyset paging; no OFFSET ever).

Records without the value sorted by come last, whichever the direction.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tianfu.records.index.layout import Layout
from tianfu.records.index.values import BLIND
from tianfu.records.search.plan import Position, SearchPlan, SortBy
from tianfu.records.search.values import StatementValues

Value = int | float | str | bytes | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SortColumn:
    """One key: an expression on the row `a`, and how its values travel."""

    expression: str
    kind: str
    nullable: bool
    descending: bool

    @property
    def direction(self) -> str:
        return "desc" if self.descending else "asc"

    def value(self, values: StatementValues, value: Value) -> str:
        """The placeholder of one value of this key."""
        match self.kind, value:
            case "bigint", int():
                return values.bigint(value)
            case "double", int() | float():
                return values.double(value)
            case "text", str():
                return values.text(value)
            case "bytea", bytes():
                return values.bytea(value)
            case _:
                raise TypeError(f"{self.kind}: {type(value).__name__}")

    def after(self, values: StatementValues, value: Value) -> str:
        """What comes behind this value."""
        if value is None:
            return "false"
        comparison = f"{self.expression} {'<' if self.descending else '>'} {self.value(values, value)}"
        return f"({comparison} or {self.expression} is null)" if self.nullable else comparison

    def same(self, values: StatementValues, value: Value) -> str:
        """What has this value."""
        return f"{self.expression} is null" if value is None else f"{self.expression} = {self.value(values, value)}"


def by_date(*, descending: bool) -> SortColumn:
    """By the type's main date."""
    return SortColumn(expression="a.date_low", kind="bigint", nullable=True, descending=descending)


def by_change(*, descending: bool) -> SortColumn:
    """By the time of the last change."""
    return SortColumn(expression="a.changed_at", kind="bigint", nullable=False, descending=descending)


def sort_columns(values: StatementValues, plan: SearchPlan, *, by_date_unless_asked: bool) -> tuple[SortColumn, ...]:
    """The keys of a plan: those asked for; else newest main date first, or last changed first."""
    if plan.sort:
        return tuple(_column(values, plan.type, key) for key in plan.sort)
    return (by_date(descending=True) if by_date_unless_asked else by_change(descending=True),)


def _column(values: StatementValues, resource_type: str, key: SortBy) -> SortColumn:
    parameter, layout = key.parameter, Layout.for_type(resource_type)
    match parameter.code:
        case "_lastUpdated":
            return by_change(descending=key.descending)
        case "_id":
            return SortColumn(expression="a.fid", kind="bytea", nullable=False, descending=key.descending)
        case layout.main_date:
            return by_date(descending=key.descending)
        case layout.quantity:
            return SortColumn(expression="a.number", kind="double", nullable=True, descending=key.descending)
        case _:
            return _narrow_column(values, key)


def _narrow_column(values: StatementValues, key: SortBy) -> SortColumn:
    """A key whose values lie in a narrow table: the least of a record's values, or the greatest going down."""
    parameter = key.parameter
    table, column, kind = {
        "date": ("date", "low", "bigint"),
        "quantity": ("quantity", "number", "double"),
        "number": ("quantity", "number", "double"),
        "string": ("string", "value", "text"),
    }[parameter.type]
    shown = f" and n.form <> {values.smallint(BLIND)}" if table == "string" else ""
    extreme = "max" if key.descending else "min"
    number = values.smallint(parameter.number)
    expression = f"(select {extreme}(n.{column}) from {table} n where n.rid = a.rid and n.param = {number}{shown})"
    return SortColumn(expression=expression, kind=kind, nullable=True, descending=key.descending)


def after_position(values: StatementValues, columns: Sequence[SortColumn], position: Position) -> str:
    """What comes behind a place, for any number of keys; equal keys are told apart by record number."""
    comparison = "<" if columns[0].descending else ">"
    steps = [f"a.rid {comparison} {values.bigint(position.record)}"]
    for column, value in reversed(list(zip(columns, position.values, strict=True))):
        steps = [f"({column.same(values, value)} and {steps[0]})"]
        later = column.after(values, value)
        if later != "false":
            steps = [f"({later} or {steps[0]})"]
    return steps[0]


def after_in_zone(values: StatementValues, column: SortColumn, position: Position) -> str:
    """What comes behind a place among the rows that have a value for a single key; an index can start right there."""
    comparison = "<" if column.descending else ">"
    value = column.value(values, position.values[0])
    return f"({column.expression}, a.rid) {comparison} ({value}, {values.bigint(position.record)})"


def ordering(columns: Sequence[SortColumn], *, prefix: str = "", nulls: str = "") -> str:
    """An `order by` list; `prefix` names the columns of an outer statement instead of expressions."""
    keys = [
        f"{f'{prefix}{number}' if prefix else column.expression} {column.direction}{nulls}"
        for number, column in enumerate(columns)
    ]
    tie = "rid" if prefix else "a.rid"
    return ", ".join([*keys, f"{tie} {columns[0].direction}"])
