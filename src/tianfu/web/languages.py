"""The words of every page, one catalogue file per language.

A language exists as soon as its file lies in every `languages` folder: adding `bo.json` adds Tibetan.  Tags
are those of BCP 47 (https://www.rfc-editor.org/info/bcp47).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

DEFAULT_LANGUAGE = "zh-CN"
MISSING_NAME = "{{{name}}}"

TONGUES: Mapping[str, str] = {"bo": "བོད་ཡིག", "ii": "ꆈꌠꉙ"}
"""Languages without a catalogue, by what they call themselves.

Who asks for one reads Chinese, and in it whatever an app has in that language, marked as such; whose browser asks for
one reads the next language of its list that has a catalogue.
"""

Phrase = str | Mapping[str, str]
"""One sentence, or one per plural form (`one`, `other`)."""


class MissingWordError(LookupError):
    """A page asked for a phrase that no catalogue has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Language:
    """One language: its tag, how it calls itself, and its phrases."""

    tag: str
    own_name: str
    short_name: str
    phrases: Mapping[str, Phrase] = field(repr=False)
    fallback: Mapping[str, Phrase] = field(repr=False, default_factory=dict)

    def has(self, key: str) -> bool:
        """Whether `key` can be said, here or in the default language."""
        return key in self.phrases or key in self.fallback

    def say(self, key: str, **values: object) -> str:
        """The phrase for `key` with its blanks filled; `count` also chooses the plural form."""
        phrase = self.phrases.get(key, self.fallback.get(key))
        if phrase is None:
            raise MissingWordError(key)
        text = phrase if isinstance(phrase, str) else _plural(phrase, values.get("count"))
        return text.format_map(values) if values else text

    def say_either(self, key: str, otherwise: str, **values: object) -> str:
        """The phrase for `key`, or for `otherwise` when `key` came from outside and is not known."""
        return self.say(key if self.has(key) else otherwise, **values)


def _plural(phrase: Mapping[str, str], count: object) -> str:
    return phrase["one"] if count == 1 and "one" in phrase else phrase["other"]


def load_languages(folders: Iterable[Path]) -> Mapping[str, Language]:
    """Read the catalogues of all folders; the default language comes first and fills the others' gaps."""
    merged: dict[str, dict[str, Phrase]] = {}
    for folder in folders:
        for file in sorted(folder.glob("*.json")):
            merged.setdefault(file.stem, {}).update(json.loads(file.read_text(encoding="utf-8")))
    fallback = merged[DEFAULT_LANGUAGE]
    tags = sorted(merged, key=lambda tag: (tag != DEFAULT_LANGUAGE, tag))
    return {
        tag: Language(
            tag=tag,
            own_name=str(merged[tag]["language.own-name"]),
            short_name=str(merged[tag]["language.short-name"]),
            phrases=merged[tag],
            fallback=fallback,
        )
        for tag in tags
    }


def choose_language(
    languages: Mapping[str, Language], *, asked: str | None, remembered: str | None, accepted: str
) -> Language:
    """The language asked for in the address, else the remembered one, else the browser's, else Chinese.

    A browser that would like a language without a catalogue says which other one its reader reads.
    """
    wish = _wish((*languages, *TONGUES), asked, remembered) or _accepted_of(tuple(languages), accepted)
    return languages.get(wish, languages[DEFAULT_LANGUAGE])


def choose_tongue(
    languages: Mapping[str, Language], *, asked: str | None, remembered: str | None, accepted: str
) -> str:
    """The language without a catalogue that is wished for in the same way; empty if another is, or none."""
    known = (*languages, *TONGUES)
    wish = _wish(known, asked, remembered) or _accepted_of(known, accepted)
    return wish if wish in TONGUES and wish not in languages else ""


def _wish(known: Sequence[str], asked: str | None, remembered: str | None) -> str:
    """What was said in so many words; empty if nothing that is known."""
    return next((wish for wish in (asked, remembered) if wish is not None and wish in known), "")


def _accepted_of(known: Sequence[str], header: str) -> str:
    for wish in _accepted(header):
        for tag in known:
            if wish == tag.lower() or wish.split("-")[0] == tag.lower().split("-")[0]:
                return tag
    return DEFAULT_LANGUAGE


def _accepted(header: str) -> Sequence[str]:
    """The tags of an Accept-Language header, best first (RFC 9110, section 12.5.4)."""
    weighed: list[tuple[float, str]] = []
    for part in header.split(","):
        tag, _, weight = part.strip().partition(";q=")
        try:
            weighed.append((float(weight) if weight else 1.0, tag.strip().lower()))
        except ValueError:
            continue
    return [tag for weight, tag in sorted(weighed, key=lambda pair: -pair[0]) if tag and weight > 0]
