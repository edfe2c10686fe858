"""Chains and reverse chains as SQL conditions: each step to other records is under the same condition of sight.

A link that usually leaves few records is followed from its far end: the ends are gathered once, then what they are
linked to.  Any other is asked of each row, and the planner may turn it round.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from tianfu.records.search.conditions import Conditions, any_of
from tianfu.records.search.followed import Places, places_of
from tianfu.records.search.plan import Criterion, End, Link
from tianfu.records.search.whereabouts import yield_of


def is_narrow(condition: Criterion | Link) -> bool:
    """Whether a condition usually leaves few rows, found through a narrow table or the record number."""
    if isinstance(condition, Link):
        return all(is_narrow(end.criterion) for end in condition.ends)
    parameter = condition.parameter
    if condition.modifier in {"missing", "not", "contains"}:
        return False
    if parameter.type == "token":
        return parameter.code == "_id" or not yield_of(parameter).has_codings
    return parameter.type in {"reference", "string"}


def link_condition(here: Conditions, link: Link) -> str:
    """Whether a row is linked to a record that meets the condition of one of the ends."""
    gathered = is_narrow(link) and not here.row_by_row
    there = replace(here, row=_next_row(here.row), row_by_row=not gathered)
    ways = [
        way
        for end in link.ends
        for way in (_gathered if gathered else _row_by_row)(here, replace(there, type=end.type), link, end)
    ]
    return any_of(ways)


def _next_row(row: str) -> str:
    """The name of the rows one step further: `a`, `a1`, `a2`; the condition of sight uses names of other kinds."""
    return f"a{int(row[1:] or 0) + 1}"


def _ends(there: Conditions, end: End) -> str:
    """What must be true of the row at the other end."""
    of_its_type = [f"{there.row}.type = {there.type_number}"] if there.layout.table == "resource_other" else []
    criterion = end.criterion
    asked = link_condition(there, criterion) if isinstance(criterion, Link) else there.of(criterion)
    return " and ".join([*of_its_type, f"not {there.row}.deleted", there.sees(there.row), asked])


def _gathered(here: Conditions, there: Conditions, link: Link, end: End) -> Iterator[str]:
    here_row, end_row, table = here.row, there.row, there.layout.table
    wanted = _ends(there, end)
    places = _places(here, there, link)
    for column in places.columns:
        if link.reverse:
            linked = f"from {table} {end_row} where {end_row}.{column} is not null and {wanted}"
            yield f"{here_row}.rid = any(array(select distinct {end_row}.{column} {linked}))"
        else:
            yield f"{here_row}.{column} = any(array(select {end_row}.rid from {table} {end_row} where {wanted}))"
    if places.table:
        near, far = _sides(link)
        rows = f"reference n join {table} {end_row} on {end_row}.rid = n.{far} where {_of_parameter(here, there, link)}"
        yield f"{here_row}.rid = any(array(select distinct n.{near} from {rows} and {wanted}))"


def _row_by_row(here: Conditions, there: Conditions, link: Link, end: End) -> Iterator[str]:
    here_row, end_row, table = here.row, there.row, there.layout.table
    wanted = _ends(there, end)
    places = _places(here, there, link)
    for column in places.columns:
        joined = f"{end_row}.{column} = {here_row}.rid" if link.reverse else f"{end_row}.rid = {here_row}.{column}"
        yield f"exists (select from {table} {end_row} where {joined} and {wanted})"
    if places.table:
        near, far = _sides(link)
        rows = f"reference n join {table} {end_row} on {end_row}.rid = n.{far} where n.{near} = {here_row}.rid"
        yield f"exists (select from {rows} and {_of_parameter(here, there, link)} and {wanted})"


def _places(here: Conditions, there: Conditions, link: Link) -> Places:
    source, target = (there, here) if link.reverse else (here, there)
    return places_of(source.type, link.parameter, target.type)


def _of_parameter(here: Conditions, there: Conditions, link: Link) -> str:
    source = there if link.reverse else here
    return f"n.param = {here.values.smallint(link.parameter.number)} and n.source_type = {source.type_number}"


def _sides(link: Link) -> tuple[str, str]:
    """The columns of `reference` that name the record here, and the one at the other end."""
    return ("target", "source") if link.reverse else ("source", "target")
