"""One criterion as an SQL condition on a row of the table `resource`.

Where the values of a parameter lie is told by `tianfu.records.index.layout`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TypeVar, cast

from tianfu.kernel.ids import record_number
from tianfu.records.index.hashing import (
    UNIT_PARAMETER,
    blind_prefix,
    blind_text,
    canonical_number,
    identifier_hash,
    pair_hash,
)
from tianfu.records.index.layout import Layout
from tianfu.records.index.values import BLIND, EXACT, FOLDED, STRING_LENGTH_MAX, TAIL_SYSTEM, folded, reference_target
from tianfu.records.search.operands import (
    CompositeOperand,
    DateOperand,
    MissingOperand,
    NumberOperand,
    Operand,
    QuantityOperand,
    ReferenceOperand,
    StringOperand,
    TokenOperand,
    UriOperand,
)
from tianfu.records.search.parameters import IDENTIFIER_TAIL, component_parameters, is_hidden, known_parameters
from tianfu.records.search.plan import Criterion, SearchPlan
from tianfu.records.search.ranges import date_condition, number_condition
from tianfu.records.search.refusals import malformed, not_supported
from tianfu.records.search.tokens import Hashes, every_hash, token_hashes
from tianfu.records.search.values import StatementValues
from tianfu.records.search.whereabouts import Yield, yield_of
from tianfu.standards.china.names import folded as name_folded
from tianfu.standards.fhir.definitions import SearchParameter, definitions

_PAST_EVERY_PREFIX = "\U0010ffff"
_NEVER = "false"

Kind = TypeVar("Kind")


def _all(operands: Iterable[Operand], kind: type[Kind]) -> list[Kind]:
    """The operands, which the plan made of one kind."""
    return [cast("Kind", operand) for operand in operands if isinstance(operand, kind)]


def any_of(conditions: Sequence[str]) -> str:
    """The conditions joined by or."""
    if not conditions:
        return _NEVER
    return conditions[0] if len(conditions) == 1 else f"({' or '.join(conditions)})"


@dataclass(frozen=True)
class Conditions:
    """Makes the conditions of one statement on rows of one resource type, which it names `row`.

    `sees` yields the condition under which a row of a given name may be seen.
    `row_by_row` says that the rows are few for another reason (one patient's), so that narrow tables are asked
    about each row; else they are asked first and yield the rows.
    """

    type: str
    values: StatementValues
    identifier_key: bytes
    sees: Callable[[str], str]
    row: str = "a"
    row_by_row: bool = False

    @cached_property
    def layout(self) -> Layout:
        """Which parameters of the type have columns."""
        return Layout.for_type(self.type)

    @cached_property
    def type_number(self) -> str:
        """The placeholder of the type's number."""
        return self.values.smallint(definitions().type_number(self.type))

    def of(self, criterion: Criterion) -> str:
        """The condition of one criterion."""
        match criterion.modifier:
            case "missing":
                return self._missing(criterion)
            case "not":
                return f"({self._matches(replace(criterion, modifier=None))}) is not true"
            case _:
                return self._matches(criterion)

    def _matches(self, criterion: Criterion) -> str:
        parameter, operands = criterion.parameter, criterion.operands
        members = self.layout.unions.get(parameter.code)
        if members is not None:
            known = known_parameters(self.type)
            return any_of([self._matches(replace(criterion, parameter=known[member])) for member in members])
        match parameter.code:
            case "_id":
                codes = [
                    operand.code for operand in _all(operands, TokenOperand) if operand.code and not operand.system
                ]
                return (
                    f"{self.row}.rid = any({self.values.bigints([record_number(self.type, code) for code in codes])})"
                )
            case "_lastUpdated":
                return self._dates(operands, low=f"{self.row}.changed_at", high=f"{self.row}.changed_at")
            case _:
                return self._by_type(criterion)

    def _by_type(self, criterion: Criterion) -> str:
        parameter, operands = criterion.parameter, criterion.operands
        match parameter.type:
            case "token":
                return self._token(parameter, _all(operands, TokenOperand))
            case "reference" if criterion.modifier == "identifier":
                return self._identifier(parameter, _all(operands, TokenOperand))
            case "reference":
                return self._reference(parameter, _all(operands, ReferenceOperand))
            case "date":
                return self._date(parameter, operands)
            case "string":
                return self._string(parameter, _all(operands, StringOperand), criterion.modifier)
            case "number" | "quantity":
                return self._quantity(parameter, operands)
            case "uri":
                return self._uri(parameter, _all(operands, UriOperand), criterion.modifier)
            case "composite":
                parts = _all(operands, CompositeOperand)
                return any_of([self._composite(parameter, *operand.parts) for operand in parts])
            case _:
                raise not_supported(parameter.code, parameter.type)

    # Tokens

    def column_of(self, parameter: SearchParameter) -> str | None:
        """The column that holds the first coding of a token parameter."""
        layout = self.layout
        columns = {
            layout.code: f"{self.row}.code",
            layout.category: f"{self.row}.category",
            layout.status: f"{self.row}.status",
        }
        return columns.get(parameter.code) if parameter.type == "token" else None

    def hashes(self, parameter: SearchParameter, operands: Sequence[TokenOperand]) -> Hashes:
        """The hashes of the codings that are asked for."""
        return token_hashes(self.values, parameter.number, operands, kind=yield_of(parameter))

    def _token(self, parameter: SearchParameter, operands: Sequence[TokenOperand]) -> str:
        kind = yield_of(parameter)
        if parameter.code == IDENTIFIER_TAIL or not kind.has_codings:
            return self._identifier(parameter, operands)
        hashes = self.hashes(parameter, operands).sql
        column = self.column_of(parameter)
        if column is None:
            coded = f"{self.row}.tokens && {hashes}"
        elif kind.is_primitive and not kind.repeats:
            coded = f"{column} = any({hashes})"
        else:
            coded = f"({column} = any({hashes}) or {self.row}.tokens && {hashes})"
        return any_of([coded, self._identifier(parameter, operands)]) if kind.has_identifiers else coded

    def _identifier(self, parameter: SearchParameter, operands: Sequence[TokenOperand]) -> str:
        hashes = [self._identifier_hash(parameter, operand) for operand in operands]
        return self._among("identifier", parameter, f"n.hash = any({self.values.uuids(hashes)})")

    def _identifier_hash(self, parameter: SearchParameter, operand: TokenOperand) -> bytes:
        if operand.code is None:
            raise not_supported(parameter.code, "system-without-value")
        if parameter.code == IDENTIFIER_TAIL:
            return identifier_hash(self.identifier_key, parameter.number, TAIL_SYSTEM, operand.code.upper())
        return identifier_hash(self.identifier_key, parameter.number, operand.system, operand.code)

    # References

    def targets(self, parameter: SearchParameter, operand: ReferenceOperand) -> tuple[list[int], list[int]]:
        """The record numbers that an operand can mean: those of Patients, and the others."""
        if operand.literal is not None:
            found = reference_target(operand.literal)
            if found is None:
                raise malformed(parameter.code, "an-id, Type/id or an address")
            kind, target = found
            # A canonical address is indexed without its version, a plain one as it was written.
            others = [target, canonical_number(operand.literal.partition("|")[0])] if kind == "" else [target]
            return ([target], []) if kind == "Patient" else ([], list(dict.fromkeys(others)))
        types = (operand.type,) if operand.type else parameter.targets or definitions().resource_types
        logical_id = operand.id or ""
        patients: list[int] = [record_number("Patient", logical_id)] if "Patient" in types else []
        return patients, [record_number(each, logical_id) for each in types if each != "Patient"]

    def is_only_in_prid(self, parameter: SearchParameter) -> bool:
        """Whether a Patient that this parameter points to is always the one in `prid`."""
        return parameter.code in self.layout.subjects and not yield_of(parameter).repeats

    def _reference(self, parameter: SearchParameter, operands: Sequence[ReferenceOperand]) -> str:
        patients: list[int] = []
        others: list[int] = []
        for operand in operands:
            found = self.targets(parameter, operand)
            patients.extend(found[0])
            others.extend(found[1])
        conditions = []
        if parameter.code in self.layout.subjects and patients:
            conditions.append(self.of_patients(patients))
            if self.is_only_in_prid(parameter):
                patients = []
        if parameter.code == self.layout.encounter and others:
            conditions.append(f"{self.row}.encounter = any({self.values.bigints(others)})")
            if not yield_of(parameter).repeats:
                others = []
        if patients or others:
            conditions.append(self._points_to(parameter, [*patients, *others]))
        return any_of(conditions)

    def of_patients(self, patients: Sequence[int]) -> str:
        """Whether the row is in the compartment of one of the patients."""
        if len(patients) == 1:
            return f"{self.row}.prid = {self.values.bigint(patients[0])}"
        return f"{self.row}.prid = any({self.values.bigints(patients)})"

    def _points_to(self, parameter: SearchParameter, targets: Sequence[int]) -> str:
        return self._among(
            "reference",
            parameter,
            f"n.target = any({self.values.bigints(targets)})",
            record="source",
            kind="source_type",
        )

    # Dates, numbers, text

    def _dates(self, operands: Sequence[Operand], *, low: str, high: str) -> str:
        return any_of([date_condition(self.values, each, low=low, high=high) for each in _all(operands, DateOperand)])

    def _date(self, parameter: SearchParameter, operands: Sequence[Operand]) -> str:
        column = [self._dates(operands, low=f"{self.row}.date_low", high=f"{self.row}.date_high")]
        if parameter.code == self.layout.main_date and not yield_of(parameter).repeats:
            return column[0]
        elsewhere = self._among("date", parameter, self._dates(operands, low="n.low", high="n.high"))
        return any_of([*(column if parameter.code == self.layout.main_date else ()), elsewhere])

    def _among(
        self, table: str, parameter: SearchParameter, condition: str, *, record: str = "rid", kind: str = "type"
    ) -> str:
        """Whether a row of a narrow table meets the condition."""
        where = f"n.param = {self.values.smallint(parameter.number)} and {condition}"
        if self.row_by_row:
            return f"exists (select from {table} n where n.{record} = {self.row}.rid and {where})"
        found = f"select n.{record} from {table} n where n.{kind} = {self.type_number} and {where}"
        return f"{self.row}.rid = any(array({found}))"

    def _string(self, parameter: SearchParameter, operands: Sequence[StringOperand], modifier: str | None) -> str:
        conditions = [each for operand in operands for each in self._text_conditions(operand.text, modifier)]
        if not is_hidden(self.type, parameter):
            return self._among("string", parameter, any_of(conditions))
        texts = [operand.text for operand in operands]
        if modifier == "exact":
            blind = [blind_text(self.identifier_key, parameter.number, each) for each in texts]
            form = self.values.smallint(BLIND)
            conditions.append(f"(n.form = {form} and n.value = any({self.values.texts(blind)}))")
            return self._among("string", parameter, any_of(conditions))
        begun = [blind_prefix(self.identifier_key, parameter.number, folded(each)) for each in texts if folded(each)]
        return any_of(
            [self._among("string", parameter, any_of(conditions)), f"{self.row}.tokens && {self.values.bigints(begun)}"]
        )

    def _text_conditions(self, text: str, modifier: str | None) -> Iterable[str]:
        if modifier == "exact":
            exact = self.values.smallint(EXACT)
            yield f"(n.form = {exact} and n.value = {self.values.text(text[:STRING_LENGTH_MAX])})"
            return
        form = self.values.smallint(FOLDED)
        # Names are indexed without spaces and dots as well, so that `zhang wei` finds 张伟.
        for query in dict.fromkeys(each for each in (folded(text), name_folded(text)) if each):
            if modifier == "contains":
                yield f"(n.form = {form} and strpos(n.value, {self.values.text(query)}) > 0)"
            else:
                first, last = self.values.text(query), self.values.text(query + _PAST_EVERY_PREFIX)
                yield f"(n.form = {form} and n.value >= {first} and n.value < {last})"

    def _quantity(self, parameter: SearchParameter, operands: Sequence[Operand]) -> str:
        holder = self.layout.within_composite.get(parameter.code)
        if holder is not None:
            composite = known_parameters(self.type)[holder]
            return self._among("quantity", composite, self._amounts(operands, "n.number", "n.unit"))
        has_column = parameter.code == self.layout.quantity
        column = [self._amounts(operands, f"{self.row}.number", f"{self.row}.unit")] if has_column else []
        if has_column and not yield_of(parameter).repeats:
            return column[0]
        return any_of([*column, self._among("quantity", parameter, self._amounts(operands, "n.number", "n.unit"))])

    def _amounts(self, operands: Sequence[Operand], column: str, unit: str) -> str:
        return any_of([self._amount(operand, column, unit) for operand in operands])

    def _amount(self, operand: Operand, column: str, unit: str) -> str:
        match operand:
            case NumberOperand():
                return number_condition(self.values, operand, column=column)
            case QuantityOperand(number=number, unit=None):
                return number_condition(self.values, number, column=column)
            case QuantityOperand(number=number, system=system, unit=code):
                asked = TokenOperand(system, code)
                hashes = token_hashes(self.values, UNIT_PARAMETER, [asked], kind=None).sql
                return f"({number_condition(self.values, number, column=column)} and {unit} = any({hashes}))"
            case _:
                raise TypeError(type(operand).__name__)

    def _uri(self, parameter: SearchParameter, operands: Sequence[UriOperand], modifier: str | None) -> str:
        if modifier is None:
            asked = [TokenOperand("", operand.uri) for operand in operands]
            return f"{self.row}.tokens && {token_hashes(self.values, parameter.number, asked, kind=None).sql}"
        number = self.values.smallint(parameter.number)
        uris = [operand.uri for operand in operands]
        if modifier == "below":
            conditions = [
                f"(t.code >= {self.values.text(uri)} and t.code < {self.values.text(uri + _PAST_EVERY_PREFIX)})"
                for uri in uris
            ]
        else:
            conditions = [f"starts_with({self.values.text(uri)}, t.code)" for uri in uris]
        return (
            f"{self.row}.tokens && array(select t.hash from token t where t.param = {number} and {any_of(conditions)})"
        )

    # Composites

    def _composite(self, parameter: SearchParameter, first: Operand, second: Operand) -> str:
        code, other = component_parameters(parameter)
        if not isinstance(first, TokenOperand):
            raise not_supported(parameter.code, "composite-of-these-types")
        if code.code == self.layout.code and other.code == self.layout.quantity:
            return f"({self._token(code, [first])} and {self._quantity(other, [second])})"
        if isinstance(second, TokenOperand | ReferenceOperand):
            return self._pair(parameter, (code, first), (other, second))
        hashes = token_hashes(self.values, UNIT_PARAMETER, [first], kind=yield_of(code)).sql
        table, condition = self._second_half(second)
        return self._among(table, parameter, f"n.code = any({hashes}) and {condition}")

    def _second_half(self, operand: Operand) -> tuple[str, str]:
        match operand:
            case DateOperand():
                return "date", date_condition(self.values, operand, low="n.low", high="n.high")
            case StringOperand(text=text):
                return "string", any_of(list(self._text_conditions(text, None)))
            case _:
                return "quantity", self._amount(operand, "n.number", "n.unit")

    def _pair(
        self,
        parameter: SearchParameter,
        first: tuple[SearchParameter, TokenOperand],
        second: tuple[SearchParameter, TokenOperand | ReferenceOperand],
    ) -> str:
        codes = self._known(parameter, *first)
        parameter_2, operand = second
        if isinstance(operand, TokenOperand):
            others = self._known(parameter, parameter_2, operand)
        else:
            patients, rest = self.targets(parameter_2, operand)
            others = [*patients, *rest]
        pairs = [pair_hash(parameter.number, code, other) for code in codes for other in others]
        return f"{self.row}.tokens && {self.values.bigints(pairs)}"

    def _known(self, composite: SearchParameter, parameter: SearchParameter, operand: TokenOperand) -> Sequence[int]:
        """The hashes of one half of a pair, which must be known beforehand."""
        scratch = StatementValues()
        known = token_hashes(scratch, UNIT_PARAMETER, [operand], kind=yield_of(parameter)).known
        if known is None:
            raise not_supported(composite.code, "pair-without-system")
        return known

    # Absence

    def _missing(self, criterion: Criterion) -> str:
        wanted = {operand.missing for operand in _all(criterion.operands, MissingOperand)}
        if len(wanted) > 1:
            return "true"
        present = self._present(criterion.parameter)
        return f"({present}) is not true" if True in wanted else f"({present})"

    def _present(self, parameter: SearchParameter) -> str:
        members = self.layout.unions.get(parameter.code)
        if members is not None:
            return any_of([self._present(known_parameters(self.type)[member]) for member in members])
        match parameter.type:
            case "token":
                return self._token_present(parameter, yield_of(parameter))
            case "reference":
                return self._reference_present(parameter)
            case "date" if parameter.code == self.layout.main_date:
                return f"{self.row}.date_low is not null"
            case "date" | "string":
                return self._row_exists(parameter.type, parameter)
            case "uri":
                return f"{self.row}.tokens && {every_hash(self.values, parameter.number)}"
            case _ if parameter.code == self.layout.quantity:
                return f"{self.row}.number is not null"
            case _:
                holder = self.layout.within_composite.get(parameter.code, parameter.code)
                return self._row_exists("quantity", known_parameters(self.type)[holder])

    def _token_present(self, parameter: SearchParameter, kind: Yield) -> str:
        conditions = []
        if kind.has_codings:
            column = self.column_of(parameter)
            hashed = f"{self.row}.tokens && {every_hash(self.values, parameter.number)}"
            conditions.append(hashed if column is None else f"{column} is not null")
        if kind.has_identifiers:
            conditions.append(self._row_exists("identifier", parameter))
        return any_of(conditions)

    def _reference_present(self, parameter: SearchParameter) -> str:
        conditions = [self._row_exists("reference", parameter, record="source")]
        if parameter.code in self.layout.subjects:
            conditions.append(f"{self.row}.prid is not null")
        if parameter.code == self.layout.encounter:
            conditions.append(f"{self.row}.encounter is not null")
        return any_of(conditions)

    def _row_exists(self, table: str, parameter: SearchParameter, *, record: str = "rid") -> str:
        number = self.values.smallint(parameter.number)
        return f"exists (select from {table} n where n.{record} = {self.row}.rid and n.param = {number})"


def wanted_identities(plan: SearchPlan, *, identifier_key: bytes) -> set[bytes]:
    """The keyed hashes of which every match has at least one; none if the plan does not look for an identity."""
    for criterion in plan.criteria:
        kind = yield_of(criterion.parameter)
        is_identity = criterion.modifier == "identifier" or (
            criterion.modifier is None
            and criterion.parameter.type == "token"
            and kind.has_identifiers
            and not kind.has_codings
        )
        if is_identity:
            return {
                identifier_hash(identifier_key, criterion.parameter.number, operand.system, operand.code)
                for operand in _all(criterion.operands, TokenOperand)
                if operand.code is not None
            }
    return set()
