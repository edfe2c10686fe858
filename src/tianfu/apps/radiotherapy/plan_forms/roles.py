"""The structures that a template speaks of, and those of the case that could be meant; nothing is agreed by itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tianfu.apps.radiotherapy.model.planning.wishes import PlanWish
from tianfu.standards.dicom.names import Unknown, standard_name_of

ROLE, REGION, CASE = "role", "region", "case"
"""What an objective may be about: a structure of the template, a ring of it, or any other structure of the case."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What an objective may be about; `key` is what the form sends."""

    key: str
    kind: str
    name: str


def keys_of(wish: PlanWish, structures: Sequence[str]) -> Mapping[str, Target]:
    """Everything that an objective may be about, by the form's key."""
    named = [(ROLE, name) for name in wish.structures]
    named += [(REGION, region.name) for region in wish.regions]
    named += [(CASE, name) for name in dict.fromkeys(structures)]
    targets = [Target(key=f"{kind}:{name}", kind=kind, name=name) for kind, name in named]
    return {target.key: target for target in targets}


def suggested(name: str, structures: Sequence[str]) -> str:
    """The case's structure of this name, or else the only one whose standard name is the same; empty if unclear."""
    if name in structures:
        return name if structures.count(name) == 1 else ""
    standard = standard_of(name)
    alike = [one for one in structures if standard_of(one) == standard]
    return alike[0] if len(alike) == 1 else ""


def standard_of(name: str) -> str:
    """The standard name of a structure; its own if it has none."""
    found = standard_name_of(name)
    return name if isinstance(found, Unknown) else found.name
