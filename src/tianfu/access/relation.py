"""What ties a caller to a patient: the facts that open (or close) one patient's records to somebody.

Relations are derived from records as they are written (an open Encounter, a signed family doctor, a referral, a
Consent), live in the table `relation` beside the index rows, and go with the record they came from.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

FOR_EVER = (1 << 63) - 1
EVERY_PURPOSE = (1 << 31) - 1
EVERY_LABEL = (1 << 62) - 1
ANYBODY = 0
"""The actor of a relation that concerns every caller (a denial to all)."""

OFFICERS = 1
"""The actor of a relation that concerns every officer; no record has this number."""


class Kind(IntEnum):
    """Why somebody may see a patient's records; the numbers are stored and never change."""

    ENCOUNTER = 1
    FAMILY_DOCTOR = 2
    REFERRAL = 3
    GUARDIAN = 4
    PROXY = 5
    CONSENT = 6
    EMERGENCY = 7
    MANAGED = 8
    TEAM = 9
    OVERSIGHT = 10

    @property
    def bit(self) -> int:
        return 1 << self


class Age(IntEnum):
    """How old the patient must be for a relation to count."""

    ANY = 0
    UNDER_FOURTEEN = 1
    FOURTEEN_TO_SEVENTEEN = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Relation:
    """One fact: from `since` until before `until` (UTC microseconds), `actor` may (or, if it denies, may not) see
    records of `patient` for the purposes of the mask, up to `level`, with no special labels beyond `labels`, of
    `types` only (None: all).  A denial with labels closes only records that carry one of them; without, all.

    `patient` and `actor` are record numbers; the actor is an Organization, Practitioner or RelatedPerson.
    """

    patient: int
    actor: int
    kind: Kind
    purposes: int = EVERY_PURPOSE
    level: int = 5
    labels: int = 0
    types: tuple[int, ...] | None = None
    since: int = 0
    until: int = FOR_EVER
    age: Age = Age.ANY
    denies: bool = False
