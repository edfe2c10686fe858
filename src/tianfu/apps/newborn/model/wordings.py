"""What families read in Tibetan and Yi: which sentences, what may be entered for one, and which is shown.

People translate; the platform keeps what they wrote and shows what a second person read and approved, made from the
Chinese sentence as it stands today.  The list is data: wordings.json .  Rule: docs/rules/newborn-wordings.md
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cache, lru_cache
from hashlib import sha256
from importlib.resources import files
from string import Formatter

import orjson

from tianfu.kernel.instants import Instant
from tianfu.kernel.refusal import Fault, Refusal

TEXT_MAX = 500
PERSON_MAX = 80
REASON_MAX = 200

LETTERS = {"bo": (0x0F00, 0x0FFF), "ii": (0xA000, 0xA4CF)}
"""Each tongue and the block of its letters in Unicode."""

CHOICES = ("zh-CN", "en", *LETTERS)
"""What a family may choose to read in."""

_HIDDEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
"""General categories of what is not seen or turns a text about: controls, overrides of direction, unassigned."""

_FORMULA = ("=", "+", "-", "@")
"""What a table program takes for the beginning of a formula; some do so for their full-width forms too."""


class Standing(StrEnum):
    """How it stands with one sentence in one tongue; only one that is approved is shown to families."""

    MISSING = "missing"
    WAITING = "waiting"
    APPROVED = "approved"
    AGAIN = "again"
    """Approved, but of an older Chinese sentence: to be read again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """One wording as it was entered; `source` is the digest of the Chinese sentence that it was made from.

    `answer` is `approved`, `refused` or empty; what is withdrawn was taken back whatever its answer.
    """

    id: str
    tongue: str
    phrase: str
    number: int
    text: str
    source: bytes
    translator: str
    capacity: str
    entered_by: str
    entered_at: Instant
    answer: str = ""
    answered_by: str = ""
    answered_at: Instant | None = None
    reason: str = ""
    withdrawn_by: str = ""
    withdrawn_at: Instant | None = None
    withdrawn_reason: str = ""

    @property
    def is_of_today(self) -> bool:
        """Whether it was made from the Chinese sentence as it stands today."""
        return self.source == digest(sources()[self.phrase])

    @property
    def waits(self) -> bool:
        """Whether a second person has yet to read it."""
        return not self.answer and self.withdrawn_at is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A wording that was checked: what it says, and who translated it in which capacity."""

    text: str
    translator: str
    capacity: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sentence:
    """One sentence of the list in one tongue; `shown` is what families read now, `waiting` what is to be approved."""

    phrase: str
    group: str
    chinese: str
    english: str
    standing: Standing
    shown: Version | None
    waiting: Version | None


@cache
def groups() -> Mapping[str, tuple[str, ...]]:
    """The closed list of sentences, as keys of the app's catalogue, by what they are for."""
    data = orjson.loads(files("tianfu.apps.newborn.model").joinpath("wordings.json").read_bytes())
    return {str(name): tuple(keys) for name, keys in data["groups"].items()}


@cache
def phrases() -> tuple[str, ...]:
    """All sentences of the list, in its order."""
    return tuple(key for keys in groups().values() for key in keys)


@cache
def sources(language: str = "zh-CN") -> Mapping[str, str]:
    """The sentences as the app's catalogue says them; the Chinese are what is translated."""
    data = orjson.loads(files("tianfu.apps.newborn").joinpath("languages", f"{language}.json").read_bytes())
    return {key: str(data[key]) for key in phrases()}


@lru_cache(maxsize=1_024)
def digest(source: str) -> bytes:
    """What tells one Chinese sentence from its later self."""
    return sha256(source.encode()).digest()


def mark(phrase: str) -> str:
    """What a form and a table carry of the Chinese sentence that was before the translator."""
    return digest(sources()[phrase]).hex()[:16]


def blanks(text: str) -> tuple[str, ...]:
    """The names of a text's blanks, in alphabetical order; raises ValueError for one that is not plainly `{name}`."""
    names = []
    for _, name, layout, conversion in Formatter().parse(text):
        if name is None:
            continue
        if not name.isidentifier() or layout or conversion:
            raise ValueError(name)
        names.append(name)
    return tuple(sorted(names))


def read_entry(tongue: str, source: str, form: Mapping[str, str]) -> Entry:
    """A wording for a Chinese sentence from a form's fields; raises Refusal `wording-unusable` with all its faults."""
    text, translator, capacity = (form.get(name, "").strip() for name in ("text", "translator", "capacity"))
    found = [("text", _fault_of_text(tongue, source, text))]
    found += [(name, _fault_of_line(said, PERSON_MAX)) for name, said in _people(translator, capacity)]
    faults = tuple(Fault(field, code) for field, code in found if code)
    if faults:
        raise Refusal("wording-unusable", next_step="correct-and-send-again", faults=faults)
    return Entry(text=text, translator=translator, capacity=capacity)


def read_reason(text: str) -> str:
    """Why a wording is refused or withdrawn; raises Refusal `wording-reason-missing`."""
    reason = text.strip()
    if _fault_of_line(reason, REASON_MAX):
        raise Refusal("wording-reason-missing", next_step="say-why")
    return reason


def _people(translator: str, capacity: str) -> Sequence[tuple[str, str]]:
    return (("translator", translator), ("capacity", capacity))


def _fault_of_line(text: str, at_most: int) -> str:
    if not text:
        return "missing"
    if len(text) > at_most:
        return "too-long"
    return _fault_of_letters(text)


def _fault_of_letters(text: str) -> str:
    if any(unicodedata.category(each) in _HIDDEN for each in text):
        return "wording-hidden"
    return "wording-formula" if unicodedata.normalize("NFKC", text[:1]).startswith(_FORMULA) else ""


def _fault_of_text(tongue: str, source: str, text: str) -> str:
    plain = _fault_of_line(text, TEXT_MAX)
    if plain:
        return plain
    try:
        fits = blanks(text) == blanks(source)
    except ValueError:
        fits = False
    if not fits:
        return "wording-blanks"
    low, high = LETTERS[tongue]
    if not any(low <= ord(each) <= high and unicodedata.category(each).startswith("L") for each in text):
        return f"wording-script-{tongue}"
    return ""


def shown_of(versions: Iterable[Version]) -> Version | None:
    """Of one sentence: the last that was approved, unless it was withdrawn; an older one does not come back."""
    approved = [each for each in versions if each.answer == "approved"]
    last = max(approved, key=lambda each: each.number, default=None)
    return None if last is None or last.withdrawn_at is not None else last


def sentences(tongue: str, versions: Iterable[Version]) -> tuple[Sentence, ...]:
    """How it stands with every sentence of the list, in its order."""
    by_phrase: dict[str, list[Version]] = {}
    for each in versions:
        if each.tongue == tongue:
            by_phrase.setdefault(each.phrase, []).append(each)
    return tuple(
        _sentence(phrase, group, by_phrase.get(phrase, ())) for group, keys in groups().items() for phrase in keys
    )


def _sentence(phrase: str, group: str, versions: Sequence[Version]) -> Sentence:
    last = shown_of(versions)
    is_of_today = last is not None and last.is_of_today
    waiting = next((each for each in versions if each.waits), None)
    standing = Standing.MISSING
    if is_of_today:
        standing = Standing.APPROVED
    elif waiting is not None:
        standing = Standing.WAITING
    elif last is not None:
        standing = Standing.AGAIN
    return Sentence(
        phrase=phrase,
        group=group,
        chinese=sources()[phrase],
        english=sources("en")[phrase],
        standing=standing,
        shown=last if is_of_today else None,
        waiting=waiting,
    )


def approved(tongue: str, versions: Iterable[Version]) -> Mapping[str, str]:
    """What families read in a tongue now, by key."""
    return {each.phrase: each.shown.text for each in sentences(tongue, versions) if each.shown is not None}


def is_complete_at(tongue: str, versions: Iterable[Version], at: Instant) -> bool:
    """Whether every sentence of the list, as it stands today, was to be read in a tongue at an instant."""
    known = [
        each for each in versions if each.tongue == tongue and each.answered_at is not None and each.answered_at <= at
    ]
    return len(approved(tongue, [_as_of(each, at) for each in known])) == len(phrases())


def _as_of(version: Version, at: Instant) -> Version:
    """The version as it stood: what was withdrawn later was not withdrawn yet."""
    if version.withdrawn_at is None or version.withdrawn_at <= at:
        return version
    return replace(version, withdrawn_at=None)
