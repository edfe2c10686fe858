"""Which Patient records are proven to be one person's, and how those that only look alike are told apart.

Proven is: one valid resident identity number, or a link between the records, whose every kind concerns the same actual
person (https://hl7.org/fhir/R4/valueset-link-type.html).  A name and a birth date prove nothing: twins have both, and
so have strangers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tianfu.access.elements import element, elements, local
from tianfu.kernel.refusal import Refusal
from tianfu.standards.china.identifier_systems import IDENTITY_NUMBER
from tianfu.standards.china.identity_number import parse_identity_number

TAIL_CHARACTERS = 4


def proofs_of(patient: Mapping[str, Any]) -> frozenset[str]:
    """What another Patient record must share with this one to be the same person's; never empty."""
    linked = [element(each.get("other")) for each in elements(patient.get("link"))]
    records = [str(each["reference"]) for each in linked if (to := local(each)) is not None and to.type == "Patient"]
    numbers = [_number(str(each.get("value", ""))) for each in elements(patient.get("identifier")) if _is_number(each)]
    return frozenset({f"Patient/{patient['id']}", *records, *(f"number {each}" for each in numbers if each)})


def _is_number(identifier: Mapping[str, Any]) -> bool:
    return identifier.get("system") == IDENTITY_NUMBER


def _number(text: str) -> str:
    try:
        return parse_identity_number(text).text
    except Refusal:
        return ""


def joined(proofs: Mapping[str, Collection[str]]) -> list[tuple[str, ...]]:
    """Names gathered into people by their proofs, also by way of a third; in the order in which each first appears."""
    groups: list[tuple[list[str], set[str]]] = []
    for name, own in proofs.items():
        shared = [group for group in groups if not group[1].isdisjoint(own)]
        rest = [group for group in groups if group[1].isdisjoint(own)]
        names = [*(each for group in shared for each in group[0]), name]
        whole = (names, set(own).union(*(group[1] for group in shared)))
        place = groups.index(shared[0]) if shared else len(groups)
        groups = [*rest[:place], whole, *rest[place:]]
    return [tuple(names) for names, _ in groups]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """Somebody as a list shows him: what a reader sees of him, the library that keeps his record, and its id."""

    looks: Hashable
    library: str
    record: str


def told_apart(people: Sequence[Shown]) -> list[str]:
    """What must stand beside each so that nobody is taken for another; empty where he looks like nobody else.

    That is the library; the end of the record's id is added where a library is not known or has both.
    """
    alike = Counter(each.looks for each in people)
    within = Counter((each.looks, each.library) for each in people)
    return ["" if alike[each.looks] == 1 else _label(each, within[each.looks, each.library] == 1) for each in people]


def _label(shown: Shown, is_alone: bool) -> str:
    if shown.library and is_alone:
        return shown.library
    return " ".join(part for part in (shown.library, f"…{shown.record[-TAIL_CHARACTERS:]}") if part)
