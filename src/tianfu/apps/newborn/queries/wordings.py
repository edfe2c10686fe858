"""Screens: the list of wordings of one tongue, and one sentence of it; and what families read now.

Rule: docs/rules/newborn-wordings.md
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields

from tianfu.apps.newborn.model.wordings import (
    LETTERS,
    Sentence,
    Standing,
    Version,
    approved,
    is_complete_at,
    phrases,
    sentences,
)
from tianfu.apps.newborn.ports import Nursery
from tianfu.apps.newborn.queries.records import not_found
from tianfu.kernel.instants import Instant
from tianfu.services.booking.wordings import Kept, Shown

_SILENT = Shown(words={}, edition=0)
_FIELDS = tuple(each.name for each in fields(Version))


@dataclass(frozen=True, slots=True, kw_only=True)
class WordingList:
    """The list in one tongue, and how many of its sentences stand how."""

    tongue: str
    sentences: tuple[Sentence, ...]
    counts: Mapping[str, int]

    @property
    def is_empty(self) -> bool:
        """Whether nobody has entered anything yet that counts."""
        return self.counts[Standing.MISSING] == len(self.sentences)


@dataclass(frozen=True, slots=True, kw_only=True)
class OneWording:
    """One sentence in one tongue with all its versions, the newest first."""

    tongue: str
    sentence: Sentence
    versions: tuple[Version, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadingLine:
    """How families of one language fared in the report of fairness; `tongue` is empty where they chose none."""

    tongue: str
    families: int
    visits: int
    interpreted: int
    complete: int
    neither: int


def tongue_in(text: str) -> str:
    """A tongue of the list; raises Refusal `not-found` for anything else."""
    if text not in LETTERS:
        raise not_found()
    return text


async def read_list(nursery: Nursery, tongue: str) -> WordingList:
    """The list as it stands now; raises Refusal `not-found` for no tongue of ours."""
    found = sentences(tongue_in(tongue), versions_in(await nursery.wordings.of(tongue)))
    counts = {each.value: sum(one.standing is each for one in found) for each in Standing}
    return WordingList(tongue=tongue, sentences=found, counts=counts)


async def read_wording(nursery: Nursery, tongue: str, phrase: str) -> OneWording:
    """One sentence; raises Refusal `not-found` for what is not in the list."""
    tongue_in(tongue)
    if phrase not in phrases():
        raise not_found()
    versions = versions_in(await nursery.wordings.of(tongue))
    found = next(each for each in sentences(tongue, versions) if each.phrase == phrase)
    own = sorted((each for each in versions if each.phrase == phrase), key=lambda each: -each.number)
    return OneWording(tongue=tongue, sentence=found, versions=tuple(own))


async def approved_now(nursery: Nursery, tongue: str) -> Shown:
    """What families read in a tongue, by key; nothing in a language that has catalogues of its own."""
    if tongue not in LETTERS:
        return _SILENT
    return await nursery.wordings.shown(tongue, lambda kept: approved(tongue, versions_in(kept)))


async def read_reading(nursery: Nursery, ward: str, since: Instant, until: Instant) -> tuple[ReadingLine, ...]:
    """A ward's visits by the language that their families chose; without a choice last."""
    visits = await nursery.wordings.visits(ward, since, until)
    versions = {tongue: versions_in(await nursery.wordings.of(tongue)) for tongue in LETTERS}
    whole = {
        each.visit: each.tongue not in LETTERS or is_complete_at(each.tongue, versions[each.tongue], each.end)
        for each in visits
    }
    lines = []
    for tongue in sorted({each.tongue for each in visits}, key=lambda one: (not one, one)):
        own = [each for each in visits if each.tongue == tongue]
        lines.append(
            ReadingLine(
                tongue=tongue,
                families=len({each.family for each in own}),
                visits=len(own),
                interpreted=sum(each.is_interpreted for each in own),
                complete=sum(whole[each.visit] for each in own),
                neither=sum(not (each.is_interpreted or whole[each.visit]) for each in own),
            )
        )
    return tuple(lines)


def versions_in(kept: Sequence[Kept]) -> tuple[Version, ...]:
    """Kept rows as the rule reads them."""
    return tuple(Version(**{name: getattr(each, name) for name in _FIELDS}) for each in kept)
