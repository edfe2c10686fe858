"""Who sees what, as SQL: the condition that stands in every statement, and what the second wall is told.

The same rules in Python, one record at a time: `tianfu.access.judgement.judge`.  Why two walls:
docs/decisions/0011-permission-as-relations.md .
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Literal, NamedTuple

from tianfu.access.decision import Grant
from tianfu.access.judgement import CHILD_UNTIL_YEARS, MINOR_UNTIL_YEARS, born_after
from tianfu.access.scopes import Act
from tianfu.db import Queries, queries
from tianfu.db.prepared import Call
from tianfu.db.wire import Wire, int2_array, int8_array
from tianfu.kernel.instants import Instant
from tianfu.records.scoping import in_scope, scope_values, was_in_scope

Plans = Literal["auto", "force_generic_plan", "force_custom_plan"]

_WALL = queries("tianfu.records.sql", "wall.sql").tell_wall

_TIES = """({patient} = any(%(g_own)s::bigint[]) or ((
    {row}.org = %(g_custodian)s::integer
    or exists (
      select from relation r
       where r.patient = {patient} and r.actor = any(%(g_actors)s::bigint[]) and not r.denies
         and r.since <= %(g_now)s::bigint and r.until > %(g_now)s::bigint
         and r.purposes & %(g_purpose)s::integer <> 0 and (1 << r.kind) & %(g_kinds)s::integer <> 0
         and {row}.sensitivity <= r.level and {row}.labels & ~(r.labels | 1) = 0
         and (r.types is null or {row}.type = any(r.types))
         and case r.age when 0 then true
               when 1 then born({patient}) > %(g_fourteen)s::bigint
               else born({patient}) > %(g_eighteen)s::bigint and born({patient}) <= %(g_fourteen)s::bigint end))
  and not exists (
      select from relation d
       where d.patient = {patient} and d.denies and d.actor = any(%(g_denial_actors)s::bigint[])
         and d.since <= %(g_now)s::bigint and d.until > %(g_now)s::bigint
         and d.purposes & %(g_purpose)s::integer <> 0
         and (d.types is null or {row}.type = any(d.types))
         and (d.labels = 0 or d.labels & {row}.labels & ~1 <> 0))))"""
"""How a patient is open to the caller as regards one row: his own, or kept or tied and not denied."""

_VISIBLE = """((%(g_types)s::smallint[] is null or {row}.type = any(%(g_types)s::smallint[]))
  and {row}.sensitivity <= %(g_level)s::smallint and {row}.labels & ~(%(g_labels)s::bigint | 1) = 0
  and case when {row}.prid is null
    then {row}.sensitivity <= %(g_public_level)s::smallint or {row}.org = %(g_custodian)s::integer
    else %(g_requires)s::bigint & ~{row}.labels = 0 and {primary}
     and ({row}.labels & 1 = 0 or not exists (select from {others} as also(prid) where {further} is not true))
    end)"""

_ALSO_NOW = "(select prid from also_about where rid = {row}.rid and type = {row}.type)"
_ALSO_THEN = "unnest({row}.also_about)"


class Sight(NamedTuple):
    """Which of the conditions a grant is asked under; grants of one sight share their statements.

    `is_narrowed` by a token's scopes, and `is_bound` by them to one patient's records.
    """

    everything: bool
    is_narrowed: bool
    is_bound: bool

    @staticmethod
    def of(grant: Grant) -> Sight:
        """The sight of a grant."""
        narrowing = grant.narrowing
        return Sight(
            grant.sees_everything, narrowing is not None, narrowing is not None and narrowing.patient is not None
        )

    @staticmethod
    def of_type(grant: Grant, kind: int, *, doing: Act) -> Sight:
        """The sight of a grant in a statement that looks at nothing but records of one type.

        Scopes that open the type wholly for what is done are no condition there.
        """
        narrowing = grant.narrowing
        if narrowing is not None and narrowing.opens_wholly(doing, kind):
            return Sight(grant.sees_everything, is_narrowed=False, is_bound=False)
        return Sight.of(grant)

    def now(self, alias: str) -> str:
        """The condition on current rows."""
        permitted = "true" if self.everything else _condition(alias, _ALSO_NOW)
        return f"({in_scope(alias, is_bound=self.is_bound)} and {permitted})" if self.is_narrowed else permitted

    def then(self, alias: str) -> str:
        """The condition on earlier versions, which may be seen by whoever may see both them and what stands now."""
        if self.everything and not self.is_narrowed:
            return "true"
        permitted = "true" if self.everything else _condition(alias, _ALSO_THEN)
        within = f"{was_in_scope(alias)} and " if self.is_narrowed else ""
        return (
            f"({within}{permitted} and exists (select from resource standing where "
            f"standing.type = {alias}.type and standing.rid = {alias}.rid and {self.now('standing')}))"
        )

    def values(self, grant: Grant, now: Instant, *, doing: Act) -> dict[str, object]:
        """The values of the conditions for a grant of this sight; those of its scopes if they are among them."""
        permitted = _permission_values(grant, now)
        if not self.is_narrowed or grant.narrowing is None:
            return permitted
        return permitted | scope_values(grant.narrowing, doing)

    def fill(self, marker: str) -> str:
        """What a marker in a named statement stands for.

        `visible:alias`; `visible_then:alias` for earlier versions; `scope:alias` for a token's scopes alone.
        """
        kind, _, alias = marker.partition(":")
        match kind:
            case "visible":
                return self.now(alias)
            case "visible_then":
                return self.then(alias)
            case "scope":
                return in_scope(alias, is_bound=self.is_bound) if self.is_narrowed else "true"
            case _:
                raise ValueError(marker)


_FILLS = {
    sight: sight.fill
    for sight in (
        Sight(everything, *narrowed)
        for everything in (False, True)
        for narrowed in ((False, False), (True, False), (True, True))
    )
}
"""One function for each sight, so that the statements of a file are read once for each."""


def asked(marker: str) -> str:
    """What a marker stands for to a grant that neither sees everything nor is narrowed."""
    return _FILLS[Sight(False, False, False)](marker)


def visible(alias: str, grant: Grant) -> str:
    """The condition under which the current rows named `alias` may be seen; stands in every branch of every statement.

    Its values are `visibility_values`.
    """
    return Sight.of(grant).now(alias)


def _condition(row: str, others: str) -> str:
    return _VISIBLE.format(
        row=row,
        primary=_TIES.format(patient=f"{row}.prid", row=row),
        others=others.format(row=row),
        further=_TIES.format(patient="also.prid", row=row),
    )


class Guarded:
    """The named statements of a file in which `{visible:a}` marks where permission is asked."""

    def __init__(self, file: str) -> None:
        self._file = file
        self._by_sight: dict[Sight, Queries] = {}

    def of(self, sight: Sight) -> Queries:
        """The statements as they must be put under these conditions."""
        if sight not in self._by_sight:
            self._by_sight[sight] = queries("tianfu.records.sql", self._file, fill=_FILLS[sight])
        return self._by_sight[sight]

    def under(self, grant: Grant) -> Queries:
        """The statements as they must be put for this grant."""
        return self.of(Sight.of(grant))


def visibility_values(grant: Grant, now: Instant, *, doing: Act) -> dict[str, object]:
    """The values of the condition, the same for every row of a statement; none for a grant that sees everything.

    `doing` says which acts of a token's scopes count; a grant without a token does not look at it.
    """
    return Sight.of(grant).values(grant, now, doing=doing)


def _permission_values(grant: Grant, now: Instant) -> dict[str, object]:
    if grant.sees_everything:
        return {}
    return {
        "g_own": _numbers(grant.own),
        "g_actors": _numbers(grant.actors),
        "g_denial_actors": _numbers(grant.denial_actors),
        "g_custodian": grant.custodian,
        "g_now": now,
        "g_purpose": grant.purpose.bit,
        "g_kinds": grant.kinds,
        "g_level": grant.level,
        "g_labels": grant.labels,
        "g_requires": grant.requires,
        "g_types": None if grant.types is None else int2_array(grant.types),
        "g_public_level": grant.public_level,
        "g_fourteen": born_after(now, CHILD_UNTIL_YEARS),
        "g_eighteen": born_after(now, MINOR_UNTIL_YEARS),
    }


@lru_cache(maxsize=4_096)
def _numbers(numbers: tuple[int, ...]) -> Wire:
    """The same for every statement of a grant."""
    return int8_array(numbers)


def wall(grant: Grant, *, plans: Plans = "auto") -> Call:
    """What the second wall is told before a statement of this grant.

    `force_generic_plan` is for statements that are always done in one way: planning them costs more than running them;
    `force_custom_plan` for those whose filters, there or not, decide the way.
    """
    return _WALL, _told(grant.sees_everything, grant.level, grant.custodian, grant.own, grant.actors, plans)


@lru_cache(maxsize=4_096)
def _told(
    everything: bool, level: int, custodian: int | None, own: tuple[int, ...], actors: tuple[int, ...], plans: Plans
) -> Mapping[str, object]:
    return {
        "everything": "yes" if everything else "",
        "level": str(level),
        "custodian": "" if custodian is None else str(custodian),
        "own": _array(own),
        "actors": _array(actors),
        "plans": plans,
    }


def _array(numbers: tuple[int, ...]) -> str:
    return "{" + ",".join(map(str, numbers)) + "}"
