"""What a family can tell in its own words before the baby goes home.  Rule: docs/rules/newborn-diary.md

The points are data (teaching.json) with their version; nothing is answered beforehand.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib.resources import files
from typing import Any

import orjson

from tianfu.kernel.refusal import Refusal


class Topic(StrEnum):
    """What a family learns about."""

    FEEDING = "feeding"
    BATHING = "bathing"
    WARNING_SIGNS = "warning-signs"
    MEDICINES = "medicines"
    FOLLOW_UP = "follow-up"


class Answer(StrEnum):
    """What the nurse heard."""

    OWN_WORDS = "own-words"
    AGAIN = "again"


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One thing to tell, in each language."""

    id: str
    topic: Topic
    words: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A version of the points."""

    version: str
    is_checked: bool
    points: tuple[Point, ...]

    def is_complete(self, answers: Mapping[str, Answer]) -> bool:
        """Whether each point was told in own words."""
        return all(answers.get(each.id) is Answer.OWN_WORDS for each in self.points)

    def missing(self, answers: Mapping[str, Answer]) -> tuple[Point, ...]:
        """The points that nobody heard yet, or that must be repeated."""
        return tuple(each for each in self.points if answers.get(each.id) is not Answer.OWN_WORDS)


@cache
def plan() -> Plan:
    """The points of today."""
    data: Mapping[str, Any] = orjson.loads(files("tianfu.apps.newborn.model").joinpath("teaching.json").read_bytes())
    points = tuple(
        Point(id=each["id"], topic=Topic(each["topic"]), words={tag: each[tag] for tag in ("zh-CN", "en")})
        for each in data["points"]
    )
    return Plan(version=data["version"], is_checked=data["mark"] != "inferred", points=points)


def read_answers(form: Mapping[str, str], points: Iterable[Point], *, version: str, today: Plan) -> dict[str, Answer]:
    """What the nurse heard, of as many points as she came to.

    Raises Refusal `teaching-outdated` for another version than today's, `teaching-empty` if nothing was answered.
    """
    if version != today.version:
        raise Refusal("teaching-outdated", next_step="reload")
    known = {each.value for each in Answer}
    answers = {each.id: Answer(form[each.id]) for each in points if form.get(each.id, "") in known}
    if not answers:
        raise Refusal("teaching-empty")
    return answers


def together(before: Mapping[str, Answer], said: Mapping[str, Answer]) -> dict[str, Answer]:
    """What was heard before with what was heard now; the later counts, also where it is worse."""
    return {**before, **said}
