"""From codings that were asked for to the hashes by which they are indexed.

A coding with its system is one hash.  Without a system, or by system alone, the hashes come from the
dictionary of all codings ever seen, by a sub-select that runs once per statement.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tianfu.records.index.hashing import token_hash, token_text
from tianfu.records.search.operands import TokenOperand
from tianfu.records.search.values import StatementValues
from tianfu.records.search.whereabouts import Yield
from tianfu.standards.fhir.definitions import definitions

SPECIAL_VALUES = "http://terminology.hl7.org/CodeSystem/special-values"
"""The system of `true` and `false` (https://hl7.org/fhir/R4/search.html#token)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hashes:
    """Hashes as an SQL array; `known` are they themselves if no look-up is needed."""

    sql: str
    known: tuple[int, ...] | None


def token_hashes(
    values: StatementValues, number: int, operands: Sequence[TokenOperand], *, kind: Yield | None
) -> Hashes:
    """The hashes, under a parameter's number, of all codings that any operand means."""
    plain: list[int] = []
    codes: list[str] = []
    systems: list[str] = []
    for operand in operands:
        match operand:
            case TokenOperand(system=None, code=str(code)) if kind is not None and kind.is_primitive:
                plain.append(token_hash(number, "", code))
            case TokenOperand(system=None, code=str(code)):
                codes.append(token_text(code))
            case TokenOperand(system=str(system), code=None):
                systems.append(token_text(system))
            case TokenOperand(system=str(system), code=str(code)):
                plain.extend(token_hash(number, each, code) for each in _stored_systems(system, code, kind))
            case _:
                raise ValueError("a token of neither system nor code")
    return _as_sql(values, number, plain, codes, systems)


def _stored_systems(system: str, code: str, kind: Yield | None) -> Iterable[str]:
    """The systems under which a coding may lie: an element of type `code` is stored without the system it implies."""
    yield system
    if kind is None or not kind.is_primitive or not system:
        return
    is_boolean = system == SPECIAL_VALUES and "boolean" in kind.types
    is_implied = kind.value_set is not None and (system, code) in definitions().codings.get(kind.value_set, ())
    if is_boolean or is_implied:
        yield ""


def _as_sql(values: StatementValues, number: int, plain: list[int], codes: list[str], systems: list[str]) -> Hashes:
    if not codes and not systems:
        return Hashes(sql=values.bigints(plain), known=tuple(plain))
    parameter = values.smallint(number)
    looked_up = []
    if codes:
        looked_up.append(f"select hash from token where param = {parameter} and code = any({values.texts(codes)})")
    if systems:
        looked_up.append(f"select hash from token where param = {parameter} and system = any({values.texts(systems)})")
    if plain:
        looked_up.append(f"select unnest({values.bigints(plain)})")
    return Hashes(sql=f"array({' union all '.join(looked_up)})", known=None)


def every_hash(values: StatementValues, number: int) -> str:
    """All hashes of a parameter as an SQL array, for `:missing`."""
    return f"array(select hash from token where param = {values.smallint(number)})"
