"""The rules of permission as values: one for each role and purpose.  The data: rules.json."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from tianfu.access.purpose import Purpose


class Denials(StrEnum):
    """Which denials bind: all that concern the caller, only those that name the practitioner himself, or none."""

    ALL = "all"
    NAMED = "named"
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What a role may do for a purpose; the members are those of `Grant`, which it is made into."""

    name: str
    zh: str
    en: str
    mark: str
    role: str
    purposes: frozenset[Purpose]
    development_only: bool
    sees_everything: bool
    own: bool
    custodian: bool
    kinds: int
    denials: Denials
    level: int
    labels: int
    types: tuple[int, ...] | None
    public_level: int
    writes: frozenset[str]
    registers: bool
    chooses_ids: bool
    reads_trail: bool


def rules() -> Mapping[tuple[str, Purpose], Rule]:
    """Every rule by role and purpose; a pair that is not there may do nothing."""
    raise NotImplementedError


def sentence(key: str, language: str) -> str:
    """Why, in `zh` or `en`: the sentence of a rule's name or of a decision's `because`."""
    raise NotImplementedError
