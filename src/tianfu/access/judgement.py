"""Whether one record may be seen: in plain Python what the store asks in SQL, and the measure of that SQL."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from tianfu.access.decision import Grant
from tianfu.access.relation import Relation
from tianfu.kernel.instants import Instant

SEVERAL_SUBJECTS = 1
"""Bit 0 of a record's labels: it is about several people.  No special label; opening never looks at it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """What deciding needs of a record: `patients` are all its subjects, `org` its source, `type` its type's number."""

    type: int
    level: int
    labels: int
    org: int | None
    patients: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether a record may be seen, by which rule, and why: `because` is the key of a sentence in rules.json."""

    allowed: bool
    rule: str
    because: str


def judge(
    grant: Grant,
    head: Head,
    relations: Iterable[Relation],
    *,
    now: Instant,
    patient_born: Mapping[int, Instant],
) -> Decision:
    """Decide about one record.

    `relations` may hold more than this record's patients' and this caller's; what does not concern it is left aside.
    `patient_born` is the first microsecond that each patient's birth date may be (the index's `date_low`); where it is
    missing no relation with an age counts.

    Seen is what a grant `sees_everything` asks for, else a record for which all of this holds:

    1. type among `grant.types` (None: all), `level <= grant.level`, special labels all within `grant.labels`;
    2. about nobody: `level <= grant.public_level`, or `grant.custodian` is its `org`;
    3. about patients: for *every* one of them either he is among `grant.own` (a denial never binds the person
       himself), or `grant.custodian` is `org` or a relation opens it, and no denial closes it.

    A relation opens if it does not deny, its actor is among `grant.actors`, its kind among `grant.kinds`, its purposes
    hold `grant.purpose`, `since <= now < until`, `level <= relation.level`, the special labels all are within
    `relation.labels`, the type among `relation.types` (None: all), and the patient is of its age *now*.
    A denial closes if its actor is among `grant.denial_actors`, its purposes hold `grant.purpose`,
    `since <= now < until`, the type among its types (None: all), and it has no labels or one of the record's.
    Level and age of a denial are not looked at: what is in doubt closes.
    """
    raise NotImplementedError


def born_after(now: Instant, years: int) -> Instant:
    """The instant such that whoever was born after it has not had that birthday yet in China.

    Under fourteen: `born > born_after(now, 14)`.  Fourteen to seventeen: not that, and `born > born_after(now, 18)`.
    """
    raise NotImplementedError
