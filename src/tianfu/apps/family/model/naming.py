"""Whom a person may name to look for him, for how long and for what.  Rule: docs/rules/family.md"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import Literal

from tianfu.kernel.instants import Instant
from tianfu.kernel.refusal import Fault, Refusal
from tianfu.services.accounts.model.namings import Answer
from tianfu.services.accounts.model.numbers import normal_number
from tianfu.services.accounts.model.people import Kind

DAYS_MAX = 365
"""A year at most; the access rules end every naming after 366 days besides."""

ADULT_FROM_YEARS = 18
OWN_SAY_FROM_YEARS = 14
NAME_CHARACTERS_MAX = 50


class What(StrEnum):
    """What somebody is named for; what is specially protected is never part of it."""

    ORDINARY = "ordinary"
    """All ordinary records: visits, results, medicines and the rest."""

    ERRANDS = "errands"
    """What is needed to go along: identity, appointments, vaccinations, insurance."""


ERRAND_TYPES = ("Patient", "RelatedPerson", "Appointment", "Immunization", "ImmunizationRecommendation", "Coverage")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """Whom somebody names; `until` is the last day, which counts wholly."""

    name: str
    telephone: str
    until: date
    what: What


@dataclass(frozen=True, slots=True, kw_only=True)
class Naming:
    """Somebody who was named; `id` joins what stands in several libraries, `answer` is what he said last."""

    id: str
    name: str
    tail: str
    since: Instant
    until: date
    what: What
    accepted_at: Instant | None
    answer: Answer | None

    @property
    def state(self) -> Literal["accepted", "declined", "laid-down", "waiting"]:
        """How it stands; whoever looks now has agreed, whatever he said before."""
        if self.accepted_at is not None:
            return "accepted"
        return "waiting" if self.answer in {None, "accepted"} else self.answer


def read_wish(form: Mapping[str, str], *, own_telephone: str, today: date) -> Wish:
    """The wish that a form says; raises Refusal `proxy-unusable` with a fault for each field."""
    faults = []
    name = form["name"].strip()
    if not 0 < len(name) <= NAME_CHARACTERS_MAX or not name.isprintable():
        faults.append(Fault("name", "proxy-name-missing"))
    telephone = normal_number(Kind.RESIDENT, form["telephone"]) or ""
    if not telephone:
        faults.append(Fault("telephone", "proxy-telephone"))
    elif telephone == own_telephone:
        faults.append(Fault("telephone", "proxy-oneself"))
    until = _day(form["until"])
    if until is None or not today < until <= today + timedelta(days=DAYS_MAX):
        faults.append(Fault("until", "proxy-until"))
    if form["what"] not in set(What):
        faults.append(Fault("what", "proxy-what"))
    if faults or until is None:
        raise Refusal("proxy-unusable", faults=tuple(faults))
    return Wish(name=name, telephone=telephone, until=until, what=What(form["what"]))


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def birthday(born: date, years: int) -> date:
    """The day on which somebody turns so old; who was born on 29 February does so on 1 March."""
    try:
        return born.replace(year=born.year + years)
    except ValueError:
        return date(born.year + years, 3, 1)


def guardianship_ends(born: date | None, today: date) -> date | None:
    """The next day on which a guardian sees less: the fourteenth birthday, then the eighteenth; None if unknown."""
    if born is None:
        return None
    days = (birthday(born, years) for years in (OWN_SAY_FROM_YEARS, ADULT_FROM_YEARS))
    return next((day for day in days if day > today), None)
