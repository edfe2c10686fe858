"""Whose records a resident's own are, by name, identity number and telephone.

Rule: docs/rules/sign-in.md
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from typing import Any

from tianfu.services.accounts.model.numbers import normal_number
from tianfu.services.accounts.model.people import Kind
from tianfu.standards.china.identifier_systems import IDENTITY_NUMBER
from tianfu.standards.china.names import folded

Resource = Mapping[str, Any]

OWN_FROM_YEARS = 14
"""A younger child's records are opened by its guardians (PIPL, article 31); the telephone in them is often theirs."""


GROWN_FROM_YEARS = 18
"""From 14 on a young person's records are his own, and still his parents' telephone stands in them and his number is
known to them: until he is grown he shows a document at a desk (Civil Code, article 17)."""


def own_records(found: Sequence[Resource], *, name: str, telephone: str) -> list[Resource]:
    """Which of the records that carry an identity number are his who says this name and holds this telephone.

    One of them has to carry the telephone as well; then those that carry the number and the name follow it.  None if
    the number's bearer has died or is written otherwise.
    """
    named = [each for each in found if folded(name) in set(map(folded, _names(each)))]
    if any(map(_is_dead, found)) or not any(telephone in _telephones(each) for each in named):
        return []
    return named


def named_records(found: Sequence[Resource], *, name: str) -> list[Resource]:
    """Which of the records that carry an identity number carry this name too, for whoever showed a document at a desk.

    None if the number's bearer has died.
    """
    if any(map(_is_dead, found)):
        return []
    return [each for each in found if folded(name) in set(map(folded, _names(each)))]


def may_have_own_records(born: date, today: date) -> bool:
    """Whether somebody is old enough for records that are his own; else a parent would keep them for good as such."""
    return _years(born, today) >= OWN_FROM_YEARS


def is_grown(born: date, today: date) -> bool:
    """Whether somebody is old enough that his telephone in his records is taken for his own."""
    return _years(born, today) >= GROWN_FROM_YEARS


def is_anothers_too(
    telephone: str, own: Sequence[Resource], bearers: Sequence[Resource], related: Sequence[Resource], today: date
) -> bool:
    """Whether a telephone stands in records as another grown person's too, so that whoever holds it may be that one.

    `bearers` are all Patient records that carry it, `related` those who are named in a person's own records.  A child's
    record carries a parent's telephone and makes it no less the parent's.
    """
    if any(telephone in _telephones(each) for each in related):
        return True
    if any(telephone in _telephones(each) for one in own for each in _elements(one.get("contact"))):
        return True
    numbers = {number for each in own for number in _identity_numbers(each)}
    return any(_is_another(each, own, numbers) and not _is_child(each, today) for each in bearers)


def _is_another(bearer: Resource, own: Sequence[Resource], numbers: set[str]) -> bool:
    return bearer["id"] not in {each["id"] for each in own} and not numbers & _identity_numbers(bearer)


def _is_child(bearer: Resource, today: date) -> bool:
    """Whether somebody is surely no grown person; one whose birth nobody wrote down may be one."""
    told = str(bearer.get("birthDate", ""))
    try:
        return not is_grown(date.fromisoformat(told), today)
    except ValueError:
        return False


def _years(born: date, today: date) -> int:
    return today.year - born.year - ((today.month, today.day) < (born.month, born.day))


def _identity_numbers(resource: Resource) -> set[str]:
    """In the form of before 1999 where there is one, so that both forms of a number are the same."""
    told = (each for each in _elements(resource.get("identifier")) if each.get("system") == IDENTITY_NUMBER)
    written = (str(each.get("value", "")).upper() for each in told)
    return {number[:6] + number[8:17] if number[6:8] == "19" and len(number) == 18 else number for number in written}


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
