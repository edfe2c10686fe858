"""Whose records a resident's own are, by name, identity number and telephone.

Rule: docs/rules/sign-in.md
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from typing import Any

from tianfu.services.accounts.model.numbers import normal_number
from tianfu.services.accounts.model.people import Kind
from tianfu.standards.china.names import folded

Resource = Mapping[str, Any]

OWN_FROM_YEARS = 14
"""A younger child's records are opened by its guardians (PIPL, article 31); the telephone in them is often theirs."""


def own_records(found: Sequence[Resource], *, name: str, telephone: str) -> list[Resource]:
    """Which of the records that carry an identity number are his who says this name and holds this telephone.

    One of them has to carry the telephone as well; then those that carry the number and the name follow it.  None if
    the number's bearer has died or is written otherwise.
    """
    named = [each for each in found if folded(name) in set(map(folded, _names(each)))]
    if any(map(_is_dead, found)) or not any(telephone in _telephones(each) for each in named):
        return []
    return named


def may_have_own_records(born: date, today: date) -> bool:
    """Whether somebody is old enough for records that are his own; else a parent would keep them for good as such."""
    years = today.year - born.year - ((today.month, today.day) < (born.month, born.day))
    return years >= OWN_FROM_YEARS


def _names(resource: Resource) -> Iterator[str]:
    for name in _elements(resource.get("name")):
        if text := name.get("text"):
            yield str(text)
        given = "".join(map(str, name.get("given", ())))
        yield f"{name.get('family', '')}{given}"
        yield f"{given}{name.get('family', '')}"


def _telephones(resource: Resource) -> set[str]:
    told = (str(each.get("value", "")) for each in _elements(resource.get("telecom")) if each.get("system") == "phone")
    return {number for number in (normal_number(Kind.RESIDENT, text) for text in told) if number is not None}


def _elements(value: object) -> Iterable[Mapping[str, Any]]:
    """A repeated element, or a single one (RelatedPerson and Patient both repeat names)."""
    return value if isinstance(value, list) else []


def _is_dead(resource: Resource) -> bool:
    return "deceasedDateTime" in resource or resource.get("deceasedBoolean") is True
