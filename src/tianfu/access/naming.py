"""Who may name somebody to look for him, and how many at one time: one rule for pages, programs and the FHIR door.

Rule: docs/rules/family.md ; the numbers are data: relations.json, `proxy`.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Any

from tianfu.access.decision import Grant
from tianfu.access.elements import choices, coded, items
from tianfu.access.relation import Kind, Relation
from tianfu.kernel.refusal import Refusal

NAMED_MAX: int = choices()["proxy"]["named_max"]
"""So many may look for somebody at one time."""

NAMER_FROM_YEARS: int = choices()["proxy"]["namer_from_years"]
"""From this age on somebody names others for himself; nobody names anybody for a child."""


def refuse_unless_may_name(age: int | None, standing: int) -> None:
    """Only a grown person names somebody; raises Refusal `proxy-not-of-age` or `too-many-proxies`.

    `age` is in whole years, None if the birth date is not known to the day; `standing` is how many are named already.
    """
    if age is None or age < NAMER_FROM_YEARS:
        raise Refusal("proxy-not-of-age", next_step="ask-your-office")
    if standing >= NAMED_MAX:
        raise Refusal("too-many-proxies")


def age_on(born: date | None, day: date) -> int | None:
    """Whole years; None if the birth date is not known to the day."""
    return None if born is None else day.year - born.year - ((day.month, day.day) < (born.month, born.day))


def born_of(days: Iterable[date | None]) -> date | None:
    """When somebody was born whose records say these days: where they differ, the latest, so that a child is no adult.

    None if no record knows the day.
    """
    return max((day for day in days if day is not None), default=None)


def named_by(relations: Iterable[Relation]) -> tuple[tuple[int, int], ...]:
    """Whom a Consent lets look for whom: record numbers of patients and of those who are named."""
    return tuple((each.patient, each.actor) for each in relations if each.kind is Kind.PROXY and not each.denies)


def is_of_a_proxy(person: dict[str, Any]) -> bool:
    """Whether a RelatedPerson says of somebody that he may be named to look, and nothing else."""
    named = [pair for each in items(person.get("relationship")) for pair in coded(each)]
    allowed = choices()["proxy"]["relationships"]
    return bool(named) and all(code in allowed.get(system, ()) for system, code in named)


def is_bound(grant: Grant) -> bool:
    """Whether the rule binds a writer.

    A registering role writes down what people signed on paper before it, for whoever cannot name by himself; that is
    in the trace.
    """
    return not (grant.sees_everything or grant.registers)
