"""A remote consultation: who is asked what, when and on which ground, and until when an opinion is written.

Lengths and the text that a guardian agrees to are data (consultation.json).  Rule: docs/rules/newborn-consultations.md
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import cache
from importlib.resources import files
from typing import Any

import orjson

from tianfu.kernel.instants import DAY, SECOND, Instant, day_start
from tianfu.kernel.refusal import Fault, Refusal

QUESTION_CHARACTERS_MAX = 500
REASON_CHARACTERS_MAX = 200
OPINION_CHARACTERS_MAX = 2_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE

_BLANK = frozenset("\u115f\u1160\u2800\u3164\uffa0")
"""Letters and signs that show nothing."""

UNUSABLE = "consultation-unusable"
CLOSED = "consultation-closed"
"""How one is refused who was asked, and to whom nothing is open any more."""

EXPERT = "expert"
"""The role in which who was asked stands in the trail of the picture; it opens no record."""


class Ground(StrEnum):
    """By what right a doctor from elsewhere sees and reads; the asking doctor says it, there is no default."""

    CONSENT = "consent"
    """A guardian agreed, and it ends when he takes that back."""

    EMERGENCY = "emergency"
    """The baby's life or health is at stake and nobody can be waited for; no consent is asked, and none ends it."""


class Declined(StrEnum):
    """Why an expert does not come."""

    NO_TIME = "no-time"
    OTHER_FIELD = "other-field"
    CONFLICT = "conflict-of-interest"


class Withdrawn(StrEnum):
    """Why the ward asks no more."""

    NOT_NEEDED = "not-needed"
    TRANSFERRED = "transferred"
    OTHER_EXPERT = "other-expert"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What a province may change; `minutes` are the lengths from which one chooses."""

    version: str
    minutes: tuple[int, ...]
    ahead_days_max: int
    late_minutes_max: int
    opinion_hours: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """What a guardian agrees to."""

    version: str
    language: str
    words: str
    is_checked: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """What a doctor asks; `expert` is a Practitioner's id."""

    expert: str
    question: str
    reason: str
    start: Instant
    end: Instant
    ground: Ground


@cache
def _data() -> Mapping[str, Any]:
    path = files("tianfu.apps.newborn.model").joinpath("consultation.json")
    data: Mapping[str, Any] = orjson.loads(path.read_bytes())
    return data


def rule() -> Rule:
    """The rule of today."""
    data = _data()
    return Rule(
        version=data["version"],
        minutes=tuple(data["minutes"]),
        ahead_days_max=data["ahead_days_max"],
        late_minutes_max=data["late_minutes_max"],
        opinion_hours=data["opinion_hours"],
    )


def text_in(language: str) -> Text:
    """The text that is agreed to today."""
    data = _data()
    return Text(
        version=data["version"],
        language=language,
        words=data[language]["words"],
        is_checked=bool(data["checked_by_counsel"]),
    )


def read_ask(form: Mapping[str, str], *, now: Instant) -> Ask:
    """What was typed, checked; raises Refusal `consultation-unusable` with a fault for each field.

    It begins at most a few minutes ago (who asks now types meanwhile), or within some days; it lasts one of the
    lengths of the rule.
    """
    law = rule()
    faults: list[Fault] = []
    question = _words(form, "question", QUESTION_CHARACTERS_MAX, faults)
    reason = _words(form, "reason", REASON_CHARACTERS_MAX, faults)
    if not form["expert"]:
        faults.append(Fault("expert", "choose-one"))
    if form["ground"] not in set(Ground):
        faults.append(Fault("ground", "choose-one"))
    if form["minutes"] not in {str(each) for each in law.minutes}:
        faults.append(Fault("minutes", "choose-one"))
    start = _start(form)
    if start is None:
        faults.append(Fault("day", "consultation-time"))
    elif not now - law.late_minutes_max * MINUTE <= start <= now + law.ahead_days_max * DAY:
        faults.append(Fault("day", "consultation-time-bounds"))
    if faults or start is None:
        raise Refusal(UNUSABLE, faults=tuple(faults))
    return Ask(
        expert=form["expert"],
        question=question,
        reason=reason,
        start=start,
        end=Instant(start + int(form["minutes"]) * MINUTE),
        ground=Ground(form["ground"]),
    )


def read_declined(text: str) -> Declined:
    """The reason that an expert chose; raises Refusal `reason-missing`."""
    if text not in set(Declined):
        raise Refusal("reason-missing")
    return Declined(text)


def read_withdrawn(text: str) -> Withdrawn:
    """The reason that the ward chose; raises Refusal `reason-missing`."""
    if text not in set(Withdrawn):
        raise Refusal("reason-missing")
    return Withdrawn(text)


def read_opinion(text: str) -> str:
    """The opinion as it is kept, line by line; raises Refusal `opinion-unusable`."""
    tidy = "\n".join(line for line in (" ".join(each.split()) for each in text.splitlines()) if line)
    if not _shows(tidy):
        raise Refusal("opinion-unusable", faults=(Fault("opinion", "text-needed"),))
    if len(tidy) > OPINION_CHARACTERS_MAX:
        raise Refusal("opinion-unusable", faults=(Fault("opinion", "text-too-long"),))
    return tidy


def may_write_opinion(end: Instant, *, was_at_bed: bool, now: Instant) -> bool:
    """Whether an expert may still write: once he could see, and for some hours after the time ended."""
    return was_at_bed and now < end + rule().opinion_hours * HOUR


def _shows(text: str) -> bool:
    """Whether anything of a text can be seen: a letter, a digit or a sign."""
    return any(unicodedata.category(each)[0] in "LNPS" and each not in _BLANK for each in text)


def _words(form: Mapping[str, str], name: str, most: int, faults: list[Fault]) -> str:
    tidy = " ".join(form[name].split())
    if not _shows(tidy):
        faults.append(Fault(name, "text-needed"))
    elif len(tidy) > most:
        faults.append(Fault(name, "text-too-long"))
    return tidy


def _start(form: Mapping[str, str]) -> Instant | None:
    """The minute that was typed, in China's time; None for what is no day or no time of day."""
    hour, _, minute = form["time"].partition(":")
    try:
        day, past = date.fromisoformat(form["day"]), int(hour) * 60 + int(minute)
    except ValueError:
        return None
    if not (hour.isdecimal() and minute.isdecimal() and int(hour) < 24 and int(minute) < 60):
        return None
    return Instant(day_start(day) + past * MINUTE)
