"""Whether one record may be seen: in plain Python what the store asks in SQL, and the measure of that SQL."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache

from tianfu.access.decision import Grant
from tianfu.access.labels import SEVERAL_SUBJECTS
from tianfu.access.narrowing import Held
from tianfu.access.relation import Age, Kind, Relation
from tianfu.access.scopes import Act
from tianfu.kernel.instants import SECOND, Instant, china_date, day_start

CHILD_UNTIL_YEARS = 14
"""PIPL article 31: below fourteen the guardian speaks for the child."""

MINOR_UNTIL_YEARS = 18
"""Civil Code article 17."""

_HOUR = 3_600 * SECOND


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """What deciding needs of a record: `patients` are all its subjects, `org` its source, `type` its type's number.

    `codings` are its codes by search parameter; only a grant that scopes narrow asks for them.
    """

    type: int
    level: int
    labels: int
    org: int | None
    patients: tuple[int, ...]
    codings: frozenset[Held] = frozenset()

    @property
    def special(self) -> int:
        """The special labels alone."""
        return self.labels & ~SEVERAL_SUBJECTS


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
    doing: Act,
    now: Instant,
    patient_born: Mapping[int, Instant],
) -> Decision:
    """Decide about one record and one way of dealing with it, which is looked at only where scopes narrow the grant.

    `relations` may hold more than this record's patients' and this caller's; what does not concern it is left aside.
    `patient_born` is the first microsecond that each patient's birth date may be (the index's `date_low`); where it is
    missing no relation with an age counts.

    Out of the scope of `grant.narrowing` is nothing seen.  Of what is within, seen is what a grant `sees_everything`
    asks for, else a record for which all of this holds:

    1. type among `grant.types` (None: all), `level <= grant.level`, special labels all within `grant.labels`;
    2. about nobody: `level <= grant.public_level`, or `grant.custodian` is its `org`;
    3. about patients: it carries all labels of `grant.requires`, and for *every* one of them either he is among
       `grant.own` (a denial never binds the person himself), or `grant.custodian` is `org` or a relation opens it,
       and no denial closes it.

    A relation opens if it does not deny, its actor is among `grant.actors`, its kind among `grant.kinds`, its purposes
    hold `grant.purpose`, `since <= now < until`, `level <= relation.level`, the special labels all are within
    `relation.labels`, the type among `relation.types` (None: all), and the patient is of its age *now*.
    A denial closes if its actor is among `grant.denial_actors`, its purposes hold `grant.purpose`,
    `since <= now < until`, the type among its types (None: all), and it has no labels or one of the record's.
    Level and age of a denial are not looked at: what is in doubt closes.
    """
    narrowing = grant.narrowing
    if narrowing is not None and not narrowing.holds(doing, head.type, head.patients, head.codings):
        return Decision(False, grant.rule, "out-of-scope")
    if grant.sees_everything:
        return Decision(True, grant.rule, "sees-everything")
    limit = _beyond(grant, head)
    if limit is not None:
        return Decision(False, grant.rule, limit)
    if not head.patients:
        return _about_nobody(grant, head)
    if grant.requires & ~head.labels:
        return Decision(False, grant.rule, "label-closed")
    known = list(relations)
    because = ""
    for patient in head.patients:
        allowed, reason = _about(grant, head, patient, known, now=now, born=patient_born.get(patient))
        if not allowed:
            return Decision(False, grant.rule, reason)
        because = reason if because in {"", reason} else "several"
    return Decision(True, grant.rule, because)


def _beyond(grant: Grant, head: Head) -> str | None:
    """Which limit of the role the record is beyond, whoever it is about; None if it is within them."""
    if grant.types is not None and head.type not in grant.types:
        return "type-closed"
    if head.level > grant.level:
        return "level-closed"
    return "label-closed" if head.special & ~grant.labels else None


def _about_nobody(grant: Grant, head: Head) -> Decision:
    if _keeps(grant, head):
        return Decision(True, grant.rule, "custodian")
    if head.level <= grant.public_level:
        return Decision(True, grant.rule, "nobodys")
    return Decision(False, grant.rule, "level-closed")


def _keeps(grant: Grant, head: Head) -> bool:
    return grant.custodian is not None and grant.custodian == head.org


def _about(
    grant: Grant, head: Head, patient: int, relations: list[Relation], *, now: Instant, born: Instant | None
) -> tuple[bool, str]:
    """Whether this subject of a record is open, and why."""
    if patient in grant.own:
        return True, "own"
    concerning = [each for each in relations if each.patient == patient and each.since <= now < each.until]
    if any(_closes(each, grant, head) for each in concerning):
        return False, "denied"
    if _keeps(grant, head):
        return True, "custodian"
    ages = ages_of(born, now)
    for each in concerning:
        if _opens(each, grant, head, ages):
            return True, reason_of(each.kind)
    return False, "no-relation"


def _closes(relation: Relation, grant: Grant, head: Head) -> bool:
    return (
        relation.denies
        and relation.actor in grant.denial_actors
        and bool(relation.purposes & grant.purpose.bit)
        and (relation.types is None or head.type in relation.types)
        and (relation.labels == 0 or bool(relation.labels & head.special))
    )


def _opens(relation: Relation, grant: Grant, head: Head, ages: frozenset[Age]) -> bool:
    return (
        not relation.denies
        and relation.actor in grant.actors
        and bool(relation.kind.bit & grant.kinds)
        and bool(relation.purposes & grant.purpose.bit)
        and head.level <= relation.level
        and not head.special & ~relation.labels
        and (relation.types is None or head.type in relation.types)
        and relation.age in ages
    )


def reason_of(kind: Kind) -> str:
    """The key of the sentence that tells of a relation of this kind."""
    return kind.name.lower().replace("_", "-")


_GROWN = frozenset({Age.ANY})
_CHILD = frozenset({Age.ANY, Age.UNDER_FOURTEEN})
_YOUTH = frozenset({Age.ANY, Age.FOURTEEN_TO_SEVENTEEN})


def ages_of(born: Instant | None, now: Instant) -> frozenset[Age]:
    """The ages that a person born then has now; of whom no birth date is known, none but any."""
    if born is None or born <= born_after(now, MINOR_UNTIL_YEARS):
        return _GROWN
    return _CHILD if born > born_after(now, CHILD_UNTIL_YEARS) else _YOUTH


def born_after(now: Instant, years: int) -> Instant:
    """The instant such that whoever was born after it has not had that birthday yet in China.

    Under fourteen: `born > born_after(now, 14)`.  Fourteen to seventeen: not that, and `born > born_after(now, 18)`.
    Whoever was born on 29 February has his birthday on 1 March in other years.
    """
    return _born_after(now // _HOUR, years)


@lru_cache(maxsize=64)
def _born_after(hours: int, years: int) -> Instant:
    """The same within one hour: days begin with an hour in China, too."""
    today = china_date(Instant(hours * _HOUR))
    is_leap_day = (today.month, today.day) == (2, 29)
    return day_start(date(today.year - years, today.month, 28 if is_leap_day else today.day))
