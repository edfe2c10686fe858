"""For whom somebody may look and decide: himself, a child, or an elder who asked for it.

Ward rule: docs/rules/consent.md
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

OWN_SAY_FROM_YEARS = 14
"""From this birthday on the person decides; until then the guardian does (PIPL, article 31)."""

ADULT_FROM_YEARS = 18

GUARDIAN_CODES = frozenset({"PRN", "MTH", "FTH", "NMTH", "NFTH", "GUARD", "PRNFOST", "ADOPTP"})
"""Relationships of v3-RoleCode by which somebody is taken for a child's guardian."""

PROXY_CODES = frozenset({"HPOWATT", "POWATT", "DPOWATT", "RESPRSN"})
"""Relationships by which an adult has let somebody look for him."""


class Standing(StrEnum):
    """What the reader is to the person."""

    SELF = "self"
    GUARDIAN = "guardian"
    PROXY = "proxy"
    DESK = "desk"
    """Whoever sits at the machine while nobody signs in: records what the person says in front of him."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A person as this reader meets him; `patients` are his Patient records, one from each library.

    `related` is the RelatedPerson record by which the reader stands for him; empty unless he stands for another.
    """

    patients: tuple[str, ...]
    name: str
    sex: str
    born: date | None
    number_tail: str
    standing: Standing
    related: str = ""
    told_by: str = ""
    """What tells him apart from somebody else of the same name and age before the same reader; mostly nothing."""

    @property
    def id(self) -> str:
        """The Patient record that addresses name."""
        return self.patients[0]

    def age_on(self, day: date) -> int | None:
        """Whole years; None if the birth date is not known to the day."""
        if self.born is None:
            return None
        return day.year - self.born.year - ((day.month, day.day) < (self.born.month, self.born.day))


class Say(StrEnum):
    """Who decides about a person's consents, from the reader's side of the page."""

    YES = "yes"
    GUARDIAN_DECIDES = "guardian-decides"
    """A child under 14 looks at his own page: his guardian decides."""
    PERSON_DECIDES = "person-decides"
    """The reader may look, but only the person decides."""
    AGE_UNKNOWN = "age-unknown"
    """Nobody can decide for a person whose age is not known."""


def say_of(person: Person, today: date) -> Say:
    """Whether the reader decides about the person's consents today, or who does."""
    age = person.age_on(today)
    is_child = age is not None and age < OWN_SAY_FROM_YEARS
    match person.standing:
        case Standing.SELF:
            return Say.GUARDIAN_DECIDES if is_child else Say.YES
        case Standing.DESK:
            return Say.YES
        case Standing.GUARDIAN if age is None:
            return Say.AGE_UNKNOWN
        case Standing.GUARDIAN:
            return Say.YES if is_child else Say.PERSON_DECIDES
        case Standing.PROXY:
            return Say.PERSON_DECIDES


def standing_of(relationship: frozenset[str], *, age: int | None, is_in_force: bool) -> Standing | None:
    """What a RelatedPerson is to the patient; None if that gives no sight of him.

    A parent of an adult is nobody special; a guardian still looks while the child is under 18, a proxy while the
    period he was named for lasts.
    """
    if not is_in_force:
        return None
    if relationship & GUARDIAN_CODES and (age is None or age < ADULT_FROM_YEARS):
        return Standing.GUARDIAN
    return Standing.PROXY if relationship & PROXY_CODES else None
