"""Which records are within a token's scopes, as SQL: a condition beside that of permission, and its values.

The same in Python, one record at a time: `tianfu.access.narrowing`.  Rules: docs/rules/scopes.md .
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import accumulate, chain, pairwise

from tianfu.access.narrowing import Clause, Held, Narrowing
from tianfu.access.scopes import Act
from tianfu.db.wire import int2_array, int4_array, int8_array
from tianfu.records.index.hashing import token_hash
from tianfu.records.index.values import IndexValues
from tianfu.standards.fhir.definitions import definitions

NARROWINGS_REMEMBERED = 1_024

_PLAIN = """({row}.type = any(%(g_scope_types)s::smallint[]) or ({row}.type = any(%(g_scope_own_types)s::smallint[])
    and {row}.prid = %(g_scope_patient)s::bigint and {row}.labels & 1 = 0))"""
"""In scope whatever its codes are: of a type that is open wholly, or for the one patient."""

_CODED = """exists (
      select from unnest(%(g_scope_coded)s::smallint[], %(g_scope_coded_own)s::boolean[],
                         %(g_scope_firsts)s::integer[], %(g_scope_lasts)s::integer[]) as way(type, own, first, last)
       where way.type = {row}.type
         and (not way.own or ({row}.prid = %(g_scope_patient)s::bigint and {row}.labels & 1 = 0))
         and (%(g_scope_codings)s::bigint[])[way.first:way.last]
             <@ ({row}.tokens || array[{row}.code, {row}.category, {row}.status]))"""
"""In scope by its codes, the first of which stand in columns."""

_BOUND = "{row}.prid = %(g_scope_patient)s::bigint and {row}.labels & 1 = 0"
"""Nothing but one patient's records is in scope: said once more by itself, so that an index finds them."""


def in_scope(row: str, *, is_bound: bool) -> str:
    """The condition under which current rows named so are in scope; `is_bound` if only one patient's can be.

    Its values are `scope_values`.
    """
    within = f"({_PLAIN} or {_CODED})".format(row=row)
    return f"({_BOUND.format(row=row)} and {within})" if is_bound else within


def was_in_scope(row: str) -> str:
    """The condition for earlier versions: their codes are indexed no more, so what asks for codes opens none."""
    return _PLAIN.format(row=row)


@lru_cache(NARROWINGS_REMEMBERED)
def scope_values(narrowing: Narrowing, act: Act) -> dict[str, object]:
    """The values of the conditions for an act; a new dictionary must be made of them, never changed."""
    clauses = [each for each in narrowing.clauses if act in each.acts]
    ways = [(clause, way) for clause in clauses for way in clause.ways]
    hashes = [[_hash(clause, held) for held in sorted(way)] for clause, way in ways]
    ends = list(accumulate(map(len, hashes), initial=0))
    return {
        "g_scope_types": int2_array(_plain_types(each for each in clauses if each.patient is None)),
        "g_scope_own_types": int2_array(_plain_types(each for each in clauses if each.patient is not None)),
        "g_scope_patient": next((each.patient for each in narrowing.clauses if each.patient is not None), None),
        "g_scope_coded": int2_array([_of_type(clause) for clause, _ in ways]),
        "g_scope_coded_own": [clause.patient is not None for clause, _ in ways],
        "g_scope_firsts": int4_array([first + 1 for first, _ in pairwise(ends)]),
        "g_scope_lasts": int4_array([last for _, last in pairwise(ends)]),
        "g_scope_codings": int8_array(list(chain.from_iterable(hashes))),
    }


def holds_values(narrowing: Narrowing, act: Act, type_number: int, values: IndexValues) -> bool:
    """Whether a record with these index values, which is to be written, is in scope for an act."""
    patients = () if values.prid is None else (values.prid, *values.also_about)
    found = {*values.tokens, values.code, values.category, values.status}
    return any(
        act in each.acts
        and each.type in {None, type_number}
        and (each.patient is None or set(patients) == {each.patient})
        and (not each.ways or any({_hash(each, held) for held in way} <= found for way in each.ways))
        for each in narrowing.clauses
    )


def _plain_types(clauses: Iterable[Clause]) -> Sequence[int]:
    """The types that clauses open whatever the codes are."""
    found: set[int] = set()
    for each in clauses:
        if not each.ways:
            found.update(definitions().type_numbers.values() if each.type is None else (each.type,))
    return sorted(found)


def _of_type(clause: Clause) -> int:
    if clause.type is None:
        raise ValueError("a condition on codes belongs to one type")
    return clause.type


def _hash(clause: Clause, held: Held) -> int:
    """The hash under which a coding of a clause's type is indexed."""
    return _hash_of(_of_type(clause), *held)


@lru_cache(NARROWINGS_REMEMBERED)
def _hash_of(type_number: int, parameter: str, system: str, code: str) -> int:
    name = next(name for name, number in definitions().type_numbers.items() if number == type_number)
    known = definitions().search_parameter(name, parameter)
    if known is None:
        raise LookupError(f"{name} has no parameter {parameter}")
    return token_hash(known.number, system, code)
