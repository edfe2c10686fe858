"""The records that a page brings along (`_include`, `_revinclude`), found by one statement for the whole page."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from tianfu.records.index.layout import Layout
from tianfu.records.search.conditions import any_of
from tianfu.records.search.followed import Places, leads_to, places_of
from tianfu.records.search.inclusions import INCLUDED_MAX, Inclusion
from tianfu.records.search.plan import SearchPlan
from tianfu.records.search.values import StatementValues
from tianfu.standards.fhir.definitions import SearchParameter, definitions

Statement = tuple[str, dict[str, object]]


def compile_included(plan: SearchPlan, records: Sequence[int], *, sees: Callable[[str], str]) -> Statement:
    """The statement that finds what else to bring for the records of a page, each record once and none of the page.

    Rows are as `compile_search` yields them, without sort values; one more than `INCLUDED_MAX` is fetched, to know
    whether some stay away.  `sees` yields the condition under which a row of a given name may be seen.
    """
    return _Compiler(plan, records, sees).statement()


class _Compiler:
    """Puts one statement together; `a` names rows of the page, `b` what is brought."""

    def __init__(self, plan: SearchPlan, records: Sequence[int], sees: Callable[[str], str]) -> None:
        self.plan = plan
        self.sees = sees
        self.values = StatementValues()
        self.page = self.values.bigints(records)
        self.type = self.values.smallint(definitions().type_number(plan.type))
        self.table = Layout.for_type(plan.type).table

    def statement(self) -> Statement:
        ways = [each for inclusion in self.plan.inclusions for each in self._brought(inclusion)]
        text = (
            "select b.rid, b.type, b.fid, b.version, b.changed_at, b.body, b.prid from resource b "
            f"where not b.deleted and {self.sees('b')} and {any_of(ways)} "
            f"and not (b.type = {self.type} and b.rid = any({self.page})) "
            f"order by b.type, b.rid limit {self.values.bigint(INCLUDED_MAX + 1)}"
        )
        return text, self.values.by_name

    def _brought(self, inclusion: Inclusion) -> Iterator[str]:
        if not inclusion.reverse:
            yield from self._targets(inclusion)
        elif inclusion.type is None:
            yield from self._whatever_points_here()
        else:
            yield from self._sources(inclusion.type, inclusion.parameters)

    def _targets(self, inclusion: Inclusion) -> Iterator[str]:
        """What the page points to; parameters that lead to the same types share a condition."""
        by_types: dict[tuple[str, ...], list[SearchParameter]] = {}
        for parameter in inclusion.parameters:
            if inclusion.target is None:
                by_types.setdefault(parameter.targets, []).append(parameter)
            elif leads_to(parameter, inclusion.target):
                by_types.setdefault((inclusion.target,), []).append(parameter)
        for types, parameters in by_types.items():
            found = f"b.rid = any(array({' union all '.join(self._pointed_at(parameters, types))}))"
            yield f"({self._of_types(types)} and {found})" if types else found

    def _pointed_at(self, parameters: Sequence[SearchParameter], types: Sequence[str]) -> Iterator[str]:
        places = {each: _places(self.plan.type, each, types) for each in parameters}
        for column in dict.fromkeys(column for each in places.values() for column in each.columns):
            # Records of two types may share a number, and only those of the page are asked.
            of_page = f"a.type = {self.type} and a.rid = any({self.page})"
            yield f"select a.{column} from {self.table} a where {of_page} and a.{column} is not null"
        listed = [each for each, place in places.items() if place.table]
        if listed:
            of_page = f"n.source_type = {self.type} and n.source = any({self.page})"
            yield f"select n.target from reference n where {of_page} and {self._of_parameters(listed)}"

    def _sources(self, source: str, parameters: Sequence[SearchParameter]) -> Iterator[str]:
        """Records of one type that point to the page."""
        places = {each: _places(source, each, (self.plan.type,)) for each in parameters}
        ways = [
            f"b.{column} = any({self.page})"
            for column in dict.fromkeys(column for each in places.values() for column in each.columns)
        ]
        listed = [each for each, place in places.items() if place.table]
        if listed:
            of_type = f"n.source_type = {self.values.smallint(definitions().type_number(source))}"
            rows = f"n.target = any({self.page}) and {of_type} and {self._of_parameters(listed)}"
            ways.append(f"b.rid = any(array(select n.source from reference n where {rows}))")
        yield f"({self._of_types((source,))} and {any_of(ways)})"

    def _whatever_points_here(self) -> Iterator[str]:
        column = {"Patient": "prid", "Encounter": "encounter"}.get(self.plan.type)
        if column is not None:
            yield f"b.{column} = any({self.page})"
        yield f"b.rid = any(array(select n.source from reference n where n.target = any({self.page})))"

    def _of_types(self, types: Sequence[str]) -> str:
        numbers = [definitions().type_number(each) for each in types]
        return f"b.type = any({self.values.smallints(numbers)})"

    def _of_parameters(self, parameters: Sequence[SearchParameter]) -> str:
        return f"n.param = any({self.values.smallints([each.number for each in parameters])})"


def _places(source: str, parameter: SearchParameter, targets: Sequence[str]) -> Places:
    """Where references to any of these types (none means any type) lie; all types but Patient lie alike."""
    others = [each for each in targets if each != "Patient"] or ([] if targets else ["Basic"])
    ends = [*(["Patient"] if not targets or "Patient" in targets else []), *others[:1]]
    found = [places_of(source, parameter, each) for each in ends]
    return Places(*(any(column) for column in zip(*found, strict=True)))
