"""What a conditional write is about: which records match, found under locks that other conditional writers wait for.

Two askers must find each other's record: those who look for an identity lock that identity, and those who look
for anything else have the whole type to themselves (https://hl7.org/fhir/R4/http.html#ccreate).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple
from urllib.parse import parse_qsl

from tianfu.access.decision import Grant
from tianfu.access.scopes import Act
from tianfu.db import Pending, Pipeline, Query, Transaction, queries
from tianfu.db.wire import int4_array
from tianfu.kernel.ids import unpacked_id
from tianfu.kernel.instants import Clock
from tianfu.kernel.refusal import Refusal
from tianfu.records.search import SearchPlan, compile_search, parse_search, wanted_identities
from tianfu.records.visibility import visibility_values
from tianfu.records.write import IDENTITY_SPACE, TYPE_SPACE, lock_slots
from tianfu.standards.fhir.definitions import definitions

_SQL = queries("tianfu.records.sql", "write.sql")


class Condition(NamedTuple):
    """A search that decides what a write means: `type` and the query string."""

    type: str
    query: str


@dataclass(frozen=True, slots=True)
class Matches:
    """The ids that match each condition (two are enough to know that it is not one), and which ask for the same."""

    ids: Mapping[Condition, Sequence[str]]
    meanings: Mapping[Condition, Hashable]


NO_MATCHES = Matches({}, {})


@dataclass(frozen=True, slots=True, kw_only=True)
class Matcher:
    """Finds what conditions match; `searchable` tells the parameters by which a type can be searched now."""

    identifier_key: bytes
    clock: Clock
    searchable: Callable[[str], Collection[str]]

    async def find(
        self,
        transaction: Transaction,
        grant: Grant,
        *,
        deciding: Collection[Condition],
        asking: Collection[Condition] = (),
        identities: Collection[bytes] = (),
    ) -> Matches:
        """What each condition matches.

        On `deciding` it depends whether something is written, so they are locked, together with the `identities`
        of what would be written; `asking` only want to know.
        """
        plans = {condition: self._plan(condition) for condition in dict.fromkeys((*deciding, *asking))}
        await self._lock(transaction, {each: plans[each] for each in deciding}, identities)
        async with transaction.pipeline() as pipeline:
            pending = {condition: self._search(pipeline, grant, plan) for condition, plan in plans.items()}
        ids = {condition: [unpacked_id(row[2]) for row in found.rows[:2]] for condition, found in pending.items()}
        return Matches(ids, {condition: _meaning(plan) for condition, plan in plans.items()})

    def _plan(self, condition: Condition) -> SearchPlan:
        if condition.type not in definitions().type_numbers:
            raise Refusal("type-unknown", details={"type": condition.type[:64]})
        plan = parse_search(
            condition.type,
            query_parameters(condition.query),
            strict=True,
            searchable=self.searchable,
            now=self.clock(),
        )
        if not plan.criteria and not plan.links:
            raise Refusal("condition-empty", details={"type": condition.type})
        return replace(plan, count=2)

    async def _lock(
        self, transaction: Transaction, plans: Mapping[Condition, SearchPlan], identities: Collection[bytes]
    ) -> None:
        alone: dict[int, bool] = {}
        wanted = set(identities)
        for condition, plan in plans.items():
            found = wanted_identities(plan, identifier_key=self.identifier_key)
            wanted.update(found)
            number = definitions().type_number(condition.type)
            alone[number] = alone.get(number, False) or not found
        if alone:
            types = sorted(alone)
            await transaction.run(
                _SQL.lock_types,
                space=TYPE_SPACE,
                types=int4_array(types),
                alone=int4_array([int(alone[each]) for each in types]),
            )
        await lock_slots(transaction, IDENTITY_SPACE, [int.from_bytes(each[:8], "big") for each in wanted])

    def _search(self, pipeline: Pipeline, grant: Grant, plan: SearchPlan) -> Pending:
        sql, values = compile_search(plan, grant=grant, identifier_key=self.identifier_key)
        given = visibility_values(grant, self.clock(), doing=Act.SEARCH)
        return pipeline.add(Query.composed("match", sql), **values, **given)


def _meaning(plan: SearchPlan) -> Hashable:
    """Equal for conditions that ask for the same, however they are spelled."""
    criteria = frozenset((each.parameter.code, each.modifier, each.operands) for each in plan.criteria)
    return plan.type, criteria, frozenset(plan.links)


def query_parameters(query: str) -> tuple[tuple[str, str], ...]:
    """The parameters of a query string; text that is not UTF-8 is refused, for a condition must not guess."""
    try:
        return tuple(parse_qsl(query, keep_blank_values=True, errors="strict"))
    except UnicodeDecodeError as error:
        raise Refusal("search-not-understood", details={"expected": "percent-encoded UTF-8"}) from error
