"""Whether somebody may name who looks for him, decided in the transaction that writes it, whichever door it came by.

The rule: `tianfu.access.naming`; in words: docs/rules/family.md
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import date

from tianfu.access.decision import Grant
from tianfu.access.naming import age_on, born_of, is_bound, named_by, refuse_unless_may_name
from tianfu.access.relation import Kind
from tianfu.db import Transaction, queries
from tianfu.db.wire import int8_array
from tianfu.kernel.instants import DAY, Instant, china_date
from tianfu.kernel.refusal import Refusal
from tianfu.records.visibility import asked
from tianfu.records.write import NAMING_SPACE, Change, lock_slots

_SQL = queries("tianfu.records.sql", "permission.sql", fill=asked)


async def refused_namings(
    transaction: Transaction, wanted: Sequence[tuple[Grant, Change]], *, now: Instant
) -> dict[int, Refusal]:
    """Those of these changes by which somebody names who may not, by place: `proxy-not-of-age`, `too-many-proxies`.

    Whoever names holds the lock of his records until the transaction ends, so that of several who name for one person
    at one moment each sees whom the others named.
    """
    naming = [(place, *each) for place, each in enumerate(wanted) if is_bound(each[0]) and _names(each[1])]
    if not naming:
        return {}
    own = sorted({patient for _, grant, _ in naming for patient in grant.own})
    await lock_slots(transaction, NAMING_SPACE, own)
    standing = await _standing(transaction, own, now)
    found: dict[int, Refusal] = {}
    for place, grant, change in naming:
        try:
            _refuse_unless_may(change, await _age(transaction, grant, now), grant, standing)
        except Refusal as refusal:
            found[place] = refusal
        else:
            for patient, actor in _named(change):
                standing[patient].add((actor, change.write.record))
    return found


def _names(change: Change) -> bool:
    return change.write.values is not None and (change.write.type == "RelatedPerson" or bool(_named(change)))


def _named(change: Change) -> tuple[tuple[int, int], ...]:
    values = change.write.values
    return named_by(values.relations) if values is not None and change.write.type == "Consent" else ()


def _refuse_unless_may(
    change: Change, age: int | None, grant: Grant, standing: dict[int, set[tuple[int, int]]]
) -> None:
    """Raise Refusal if this change names; nobody names for a child, so a guardian is as one who is not of age."""
    named = _named(change)
    about = {change.write.values.prid} if change.write.values is not None else set()
    is_own = about.issubset(grant.own)
    if change.write.type == "RelatedPerson":
        if is_own:  # another's is refused for being another's
            refuse_unless_may_name(age, 0)
        return
    for patient, actor in named:
        others = {each for each, record in standing[patient] if record != change.write.record} - {actor}
        refuse_unless_may_name(age if is_own else None, len(others))


async def _standing(transaction: Transaction, patients: Sequence[int], now: Instant) -> dict[int, set[tuple[int, int]]]:
    """Who is named for each of these patients, and by which Consent."""
    rows = await transaction.all(_SQL.proxies_of, patients=int8_array(patients), kind=int(Kind.PROXY), now=now)
    found: dict[int, set[tuple[int, int]]] = defaultdict(set)
    for patient, actor, record in rows:
        found[patient].add((actor, record))
    return found


async def _age(transaction: Transaction, grant: Grant, now: Instant) -> int | None:
    rows = await transaction.all(_SQL.days_born, patients=int8_array(grant.own))
    return age_on(born_of(_day(low, high) for low, high in rows), china_date(now))


def _day(low: int, high: int) -> date | None:
    """The day of a birth date; None if it is known to the month or year only."""
    return china_date(low) if high - low < DAY else None
