"""What a guardian agrees to before the first visit: a versioned text, and scopes chosen one by one.

The text is data (consent.json) and says itself that no lawyer has checked it.  Rule: docs/rules/newborn-booking.md
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


class Scope(StrEnum):
    """What may be done; each is agreed to by itself, and nothing is agreed to beforehand."""

    VIEW = "view"
    TALK = "talk"
    DIARY = "diary"
    PHOTO = "photo"


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """A version of the text in one language."""

    version: str
    language: str
    is_checked: bool
    words: str
    scopes: Mapping[Scope, str]


@cache
def _data() -> Mapping[str, Any]:
    data: Mapping[str, Any] = orjson.loads(files("tianfu.apps.newborn.model").joinpath("consent.json").read_bytes())
    return data


def current_version() -> str:
    """The version that is signed today."""
    return str(_data()["version"])


def words_in(language: str) -> Words:
    """The text that is signed today."""
    data = _data()
    row = data[language]
    return Words(
        version=current_version(),
        language=language,
        is_checked=bool(data["checked_by_counsel"]),
        words=row["words"],
        scopes={scope: row[scope.value] for scope in Scope},
    )


def read_scopes(chosen: Mapping[str, str], *, version: str) -> frozenset[Scope]:
    """What was chosen, scope by scope: `yes` or `no` for each.

    Raises Refusal `consent-incomplete` while one has neither, `consent-outdated` for another version than today's,
    `consent-needs-view` where nothing may be seen but something else may.
    """
    if version != current_version():
        raise Refusal("consent-outdated", next_step="reload")
    if any(chosen.get(each) not in {"yes", "no"} for each in Scope):
        raise Refusal("consent-incomplete")
    given = frozenset(each for each in Scope if chosen[each] == "yes")
    if not given:
        raise Refusal("consent-empty")
    if Scope.TALK in given and Scope.VIEW not in given:
        raise Refusal("consent-needs-view")
    return given


def text_of(words: Words, given: Iterable[Scope]) -> str:
    """What stays in the record: the words that were read and what was chosen."""
    chosen = [words.scopes[each] for each in Scope if each in set(given)]
    return "\n".join([words.words, *chosen])
