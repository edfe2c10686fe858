"""A fault as a value, and decorators that make one of a small function that spoils."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from pydicom.dataset import Dataset

from demo.dice import Dice
from demo.radiotherapy.faults.editing import edited
from demo.radiotherapy.objects import Kind, Objects

Record = Mapping[str, str]
Spoil = Callable[[Objects, Dice], "Spoiled"]
Change = Callable[[Dataset, Dice], Record]
"""Spoils a data set in place and tells what was done."""


class Layer(StrEnum):
    """Who must notice a fault."""

    CODEC = "codec"
    LINKS = "links"
    GEOMETRY = "geometry"
    PLAN_CHECK = "plan-check"


@dataclass(frozen=True, kw_only=True)
class Spoiled:
    """A spoilt case, and what was done to it, each magnitude with its unit in its name."""

    objects: Objects
    record: Record


@dataclass(frozen=True, kw_only=True)
class Fault:
    """`codes` are those of which one must come; none for a fault that only a later rule can see."""

    id: str
    kind: Kind
    sentence: str
    layer: Layer
    codes: frozenset[str]
    spoil: Spoil


@dataclass(frozen=True, kw_only=True)
class Noticed:
    """Which layer is to notice a fault, and with which codes."""

    layer: Layer
    codes: frozenset[str] = frozenset()


def by_codec(*codes: str) -> Noticed:
    """Refused or told when it is read."""
    return Noticed(layer=Layer.CODEC, codes=frozenset(codes))


def by_links(*codes: str) -> Noticed:
    """Told when the objects of a case are held together."""
    return Noticed(layer=Layer.LINKS, codes=frozenset(codes))


def by_geometry(*codes: str) -> Noticed:
    """Told when structures are made fit, measured, and held against the dose."""
    return Noticed(layer=Layer.GEOMETRY, codes=frozenset(codes))


LATER = Noticed(layer=Layer.PLAN_CHECK)
"""Every object is sound and belongs to the others: only a rule of the trade can see it."""


def fault(kind: Kind, noticed: Noticed, sentence: str) -> Callable[[Spoil], Fault]:
    """Make a fault of a function that spoils a whole case; its name is the fault's."""

    def made(spoil: Spoil) -> Fault:
        return _fault(spoil, spoil, kind, noticed, sentence)

    return made


def in_one(kind: Kind, noticed: Noticed, sentence: str) -> Callable[[Change], Fault]:
    """Make a fault of a change to one object of a kind, whichever the dice pick."""

    def made(change: Change) -> Fault:
        def spoil(objects: Objects, dice: Dice) -> Spoiled:
            number = dice.randrange(len(_some(objects, kind)))
            return changed(objects, kind, number, change, dice)

        return _fault(change, spoil, kind, noticed, sentence)

    return made


def in_all(kind: Kind, noticed: Noticed, sentence: str) -> Callable[[Change], Fault]:
    """Make a fault of the same change to every object of a kind."""

    def made(change: Change) -> Fault:
        def spoil(objects: Objects, dice: Dice) -> Spoiled:
            seed, told = dice.random(), list[Record]()
            files = tuple(
                edited(content, lambda dataset: told.append(change(dataset, Dice(seed))))
                for content in _some(objects, kind)
            )
            return Spoiled(objects=objects.with_files(kind, files), record={**told[0], "objects": str(len(files))})

        return _fault(change, spoil, kind, noticed, sentence)

    return made


def changed(objects: Objects, kind: Kind, number: int, change: Change, dice: Dice) -> Spoiled:
    """The case with a change to one of its objects, told with its number from one."""
    files, told = list(objects.of(kind)), list[Record]()
    files[number] = edited(files[number], lambda dataset: told.append(change(dataset, dice)))
    return Spoiled(objects=objects.with_files(kind, tuple(files)), record={"object": str(number + 1), **told[0]})


def between(objects: Objects, kind: Kind, dice: Dice) -> int:
    """The number of an object that is neither the first nor the last two; raises ValueError for a short series."""
    count = len(_some(objects, kind))
    if count < 4:
        raise ValueError(f"{count} objects of {kind} are too few")
    return dice.randrange(1, count - 2)


def _some(objects: Objects, kind: Kind) -> tuple[bytes, ...]:
    files = objects.of(kind)
    if not files:
        raise ValueError(f"the case has no {kind}")
    return files


def _fault(named: Callable[..., object], spoil: Spoil, kind: Kind, noticed: Noticed, sentence: str) -> Fault:
    return Fault(
        id=f"{kind.name.lower()}-{named.__name__.replace('_', '-')}",
        kind=kind,
        sentence=sentence,
        layer=noticed.layer,
        codes=noticed.codes,
        spoil=spoil,
    )
