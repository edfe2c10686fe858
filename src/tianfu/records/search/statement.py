"""From a plan to one SQL statement.

The statement is a union of branches, each a limited scan in the wanted order:

* of one patient's records, along the index (prid, date_low desc);
* of a code's records, along (code, date_low), one scan per code, beside those that have the code as a further coding;
* else whatever the planner finds best for the conditions.

Rows that lack the value sorted by are a branch of their own, because they come last in either direction.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from tianfu.access.decision import Grant
from tianfu.access.narrowing import refuse_out_of_scope
from tianfu.access.scopes import Act
from tianfu.records.index.layout import Layout
from tianfu.records.search.conditions import Conditions
from tianfu.records.search.links import is_narrow, link_condition
from tianfu.records.search.operands import ReferenceOperand, TokenOperand
from tianfu.records.search.order import SortColumn, after_in_zone, after_position, ordering, sort_columns
from tianfu.records.search.plan import Criterion, Link, SearchPlan
from tianfu.records.search.values import StatementValues
from tianfu.records.search.whereabouts import yield_of
from tianfu.records.visibility import visible
from tianfu.standards.fhir.definitions import definitions

ROW = "a.rid, a.type, a.fid, a.version, a.changed_at, a.body, a.prid"
ROW_NAMES = "rid, type, fid, version, changed_at, body, prid"

Statement = tuple[str, dict[str, object]]


def sight(grant: Grant) -> Callable[[str], str]:
    """The condition under which a row of a given name may be seen: the one way in which searches ask for it."""
    return lambda alias: visible(alias, grant)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Head:
    """How a branch comes to its rows.

    `keys` is an SQL array each of whose elements is compared with `column`, one limited scan for each.
    `nulls` is how the index behind the branch orders absent values, per direction: (asc, desc).
    """

    conditions: tuple[str, ...]
    keys: str | None = None
    column: str | None = None
    nulls: tuple[str, str] | None = None


def compile_search(plan: SearchPlan, *, grant: Grant, identifier_key: bytes) -> Statement:
    """The statement that finds one page: rows of rid, type, fid, version, changed_at, body, prid and the sort values.

    One row more than `plan.count` is fetched, to know whether there is a next page.  The values of the grant's
    condition (`visibility_values`) are the caller's to add, for they hang on the time.  Raises Refusal
    `scope-insufficient` if no record of the type is in a token's scope to be found.
    """
    return _Compiler(plan, grant, identifier_key).search()


def compile_count(plan: SearchPlan, *, grant: Grant, identifier_key: bytes) -> Statement:
    """The statement that counts all matches the caller may see."""
    compiler = _Compiler(plan, grant, identifier_key)
    return f"select count(*) from {compiler.table} a where {compiler.everything()}", compiler.values.by_name


class _Compiler:
    """Puts one statement together."""

    def __init__(self, plan: SearchPlan, grant: Grant, identifier_key: bytes) -> None:
        refuse_out_of_scope(grant.narrowing, Act.SEARCH, plan.type)
        self.plan = plan
        self.values = StatementValues()
        self.conditions = Conditions(plan.type, self.values, identifier_key, sees=sight(grant))
        self.layout = Layout.for_type(plan.type)
        self.table = self.layout.table

    def everything(self) -> str:
        """All conditions of the plan."""
        return " and ".join(
            [*self._always(), *(self.conditions.of(each) for each in self.plan.criteria), *self._linked()]
        )

    def search(self) -> Statement:
        """The statement of one page."""
        patients = self._patients()
        self.conditions = replace(self.conditions, row_by_row=patients is not None)
        coded = None if patients else self._code_criterion()
        columns = sort_columns(
            self.values,
            self.plan,
            by_date_unless_asked=bool(self.layout.timeline_dates) and (patients is not None or coded is not None),
        )
        limit = self.values.bigint(self.plan.count + 1)
        heads = list(self._heads(columns, patients, coded))
        branches = [branch for head in heads for branch in self._branches(head, columns, limit)]
        if len(branches) == 1 and heads[0].keys is None:
            return branches[0], self.values.by_name
        union = " union all ".join(f"({branch})" for branch in branches)
        names = ", ".join([ROW_NAMES, *(f"s{number}" for number in range(len(columns)))])
        order = ordering(columns, prefix="s", nulls=" nulls last")
        return f"select {names} from ({union}) page order by {order} limit {limit}", self.values.by_name

    def _always(self) -> list[str]:
        conditions = ["not a.deleted", self.conditions.sees("a")]
        if self.table == "resource_other":
            conditions.insert(0, f"a.type = {self.values.smallint(definitions().type_number(self.plan.type))}")
        return conditions

    def _all_conditions(self) -> Sequence[Criterion | Link]:
        return (*self.plan.criteria, *self.plan.links)

    def _linked(self) -> list[str]:
        return [link_condition(self.conditions, link) for link in self.plan.links]

    def _patients(self) -> tuple[Criterion, list[int]] | None:
        """The criterion that binds the search to certain patients, and their record numbers."""
        for criterion in self.plan.criteria:
            if criterion.modifier is not None or not self.conditions.is_only_in_prid(criterion.parameter):
                continue
            references = [operand for operand in criterion.operands if isinstance(operand, ReferenceOperand)]
            found = [self.conditions.targets(criterion.parameter, operand) for operand in references]
            if all(patients and not others for patients, others in found):
                return criterion, sorted({patient for patients, _ in found for patient in patients})
        return None

    def _code_criterion(self) -> Criterion | None:
        """The criterion on the type's main code, if results come by date and nothing else is likely to be narrower."""
        by_date = all(key.parameter.code == self.layout.main_date for key in self.plan.sort) and len(self.plan.sort) < 2
        is_bound = any(is_narrow(each) for each in self._all_conditions())
        if not by_date or not self.layout.timeline_dates or is_bound:
            return None
        codes = [c for c in self.plan.criteria if c.parameter.code == self.layout.code and c.modifier is None]
        # A primitive code (a gender, a use) has a few values with very many records each: no road to a page.
        return codes[0] if codes and not yield_of(codes[0].parameter).is_primitive else None

    def _needs_all_matches(self) -> bool:
        """Whether all matches are better gathered first than met along an index on the sort key."""
        is_bound = any(is_narrow(each) for each in self._all_conditions())
        return is_bound or any(map(_is_looked_up, self.plan.criteria))

    def _heads(
        self, columns: Sequence[SortColumn], patients: tuple[Criterion, list[int]] | None, coded: Criterion | None
    ) -> Iterable[_Head]:
        rest = [each for each in self.plan.criteria if each is not coded and (not patients or each is not patients[0])]
        others = (*self._always(), *(self.conditions.of(each) for each in rest), *self._linked())
        along_date = len(columns) == 1 and columns[0].expression == "a.date_low"
        if patients is not None:
            numbers = patients[1]
            nulls = (" nulls first", " nulls last") if along_date else None
            if len(numbers) == 1:
                yield _Head(conditions=(self.conditions.of_patients(numbers), *others), nulls=nulls)
            else:
                yield _Head(conditions=others, keys=self.values.bigints(numbers), column="a.prid", nulls=nulls)
        elif coded is not None and along_date:
            operands = [operand for operand in coded.operands if isinstance(operand, TokenOperand)]
            hashes = self.conditions.hashes(coded.parameter, operands).sql
            yield _Head(conditions=others, keys=hashes, column="a.code", nulls=(" nulls last", " nulls first"))
            further = f"(a.tokens && {hashes} and (a.code = any({hashes})) is not true)"
            yield _Head(conditions=(*others, further))
        else:
            conditions = others if coded is None else (*others, self.conditions.of(coded))
            yield _Head(conditions=conditions)

    def _branches(self, head: _Head, columns: Sequence[SortColumn], limit: str) -> Iterable[str]:
        for zone, nulls in self._zones(head, columns):
            ordered = columns if head.nulls is not None else self._off_the_index(columns)
            yield self._branch(head, ordered, zone, nulls, limit)

    def _off_the_index(self, columns: Sequence[SortColumn]) -> Sequence[SortColumn]:
        """The same keys written so that no index yields their order: else few matches mean a walk past all rows."""
        if not self._needs_all_matches():
            return columns
        return [replace(c, expression=f"({c.expression} + 0)") if c.kind == "bigint" else c for c in columns]

    def _zones(self, head: _Head, columns: Sequence[SortColumn]) -> Iterable[tuple[str | None, str]]:
        """The stretches of the order that are still to come: a condition for each, and where absent values go."""
        position, first = self.plan.after, columns[0]
        if len(columns) > 1 or not first.nullable:
            if position is None:
                yield None, " nulls last" if any(column.nullable for column in columns) else ""
            else:
                yield after_position(self.values, columns, position), " nulls last"
            return
        nulls = head.nulls or (" nulls last", " nulls last")
        as_indexed = nulls[first.descending]
        if position is None and as_indexed == " nulls last":
            yield None, as_indexed
            return
        if position is None:
            yield f"{first.expression} is not null", as_indexed
        elif position.values[0] is not None:
            behind = after_in_zone(self.values, first, position)
            yield f"{first.expression} is not null and {behind}", as_indexed
        absent = f"{first.expression} is null"
        if position is not None and position.values[0] is None:
            comparison = "<" if first.descending else ">"
            absent = f"{absent} and a.rid {comparison} {self.values.bigint(position.record)}"
        yield absent, as_indexed

    def _branch(self, head: _Head, columns: Sequence[SortColumn], zone: str | None, nulls: str, limit: str) -> str:
        conditions = [*head.conditions, *([zone] if zone else [])]
        if head.column is not None:
            conditions.insert(0, f"{head.column} = driver.key")
        sorts = ", ".join(f"{column.expression} as s{number}" for number, column in enumerate(columns))
        scan = (
            f"select {ROW}, {sorts} from {self.table} a where {' and '.join(conditions)} "
            f"order by {ordering(columns, nulls=nulls)} limit {limit}"
        )
        if head.keys is None:
            return scan
        return f"select b.* from (select distinct unnest({head.keys}) as key) driver cross join lateral ({scan}) b"


def _is_looked_up(criterion: Criterion) -> bool:
    """Whether hashes come from the dictionary at run time, so that the planner cannot know how many rows they mean."""
    return (
        any(
            isinstance(operand, TokenOperand) and (operand.system is None or operand.code is None)
            for operand in criterion.operands
        )
        and not yield_of(criterion.parameter).is_primitive
    )
