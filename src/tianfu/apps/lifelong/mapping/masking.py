"""Identifiers and telephone numbers as pages may show them: all but their last four characters are masked.

What is an identifier or a contact point is decided by the definitions (https://hl7.org/fhir/R4/datatypes.html), not
by names, so that extensions and contained resources are covered too.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tianfu.apps.lifelong.mapping.elements import Element
from tianfu.standards.fhir.definitions import definitions

MASK = "····"
TAIL_CHARACTERS = 4
QUOTED_CHARACTERS_MIN = 6
"""A number at least so long is masked inside sentences too; a shorter one could be part of a date or a dose."""

MASKED_TYPES = frozenset({"Identifier", "ContactPoint"})
LITERAL_NAMES = frozenset({"id", "reference", "resourceType"})
"""What the store itself wrote to tell records apart; no number of a person is ever in it."""


def numbers_in(resource: Element) -> frozenset[str]:
    """The values of all identifiers and contact points of a resource."""
    return frozenset(_numbers(resource, resource["resourceType"]))


def _numbers(element: Element, type_: str) -> Iterable[str]:
    definition = definitions().types.get(type_)
    if definition is None:
        return
    if type_ in MASKED_TYPES and isinstance(element.get("value"), str):
        yield element["value"]
    for known in definition.elements.values():
        for json_name, value_type in known.json_names().items():
            value = element.get(json_name)
            for one in value if isinstance(value, list) else [value]:
                if isinstance(one, dict):
                    yield from _numbers(one, one.get("resourceType", value_type))


def masked(value: Any, numbers: frozenset[str]) -> Any:
    """The same JSON with these numbers masked wherever they stand, also inside sentences."""
    if isinstance(value, dict):
        return {name: one if name in LITERAL_NAMES else masked(one, numbers) for name, one in value.items()}
    if isinstance(value, list):
        return [masked(one, numbers) for one in value]
    return _masked_text(value, numbers) if isinstance(value, str) else value


def _masked_text(text: str, numbers: frozenset[str]) -> str:
    if text in numbers:
        return tail_of(text)
    for number in sorted(numbers, key=len, reverse=True):
        if len(number) >= QUOTED_CHARACTERS_MIN and number in text:
            text = text.replace(number, tail_of(number))
    return text


def tail_of(number: str) -> str:
    """A number as it may be seen."""
    return f"{MASK}{number[-TAIL_CHARACTERS:]}"
