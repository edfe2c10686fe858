"""Tells a whole province, household by household, in memory that does not grow with it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import orjson

from demo.dice import Dice
from demo.households import form_household
from demo.libraries import Library, Resource, hospital_descriptions, public_health_description
from demo.lives import basic_file, death, trust
from demo.lives.early import birth, childhood, immunisation, paper
from demo.lives.lasting import diabetes, elderly, hypertension
from demo.lives.life import PUBLIC_HEALTH, Charts, Life
from demo.lives.maternity import pregnancy
from demo.lives.visits import employment, illness, stays, ward
from demo.numbers import Registry
from demo.people import Household
from demo.showcase import SHOWCASES
from demo.ward.telling import HOUSE, tell_ward
from demo.writing import LineFile, SourceFolder

SCRIPTS = (
    paper.tell,
    birth.tell,
    childhood.tell,
    immunisation.tell,
    basic_file.tell,
    pregnancy.tell,
    illness.tell,
    stays.tell,
    employment.tell,
    hypertension.tell,
    diabetes.tell,
    elderly.tell,
    death.tell,
    ward.tell,
    trust.tell,
)
"""The scripts in the order in which every life is told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What is to be told: how many people, from which seed, until which day, to where.

    `ward` adds a ward of newborns in intensive care; its people stand in no truth about matching.
    """

    residents: int
    seed: int
    today: date
    folder: Path
    compressed: bool = True
    ward: bool = False

    @property
    def truth(self) -> Path:
        """Beside the folder, so that importing the whole folder does not read it."""
        return self.folder.with_name(f"{self.folder.name}-truth.json.gz")

    @property
    def summary(self) -> Path:
        """Beside the folder too."""
        return self.folder.with_name(f"{self.folder.name}-summary.json")


def tell_province(wish: Wish) -> Iterator[int]:
    """Write the whole province; yields how many residents are told after each household."""
    descriptions = {PUBLIC_HEALTH: public_health_description(), **hospital_descriptions()}
    with ExitStack() as stack:
        folders = {
            key: stack.enter_context(
                SourceFolder(wish.folder / row["folder"], _described(row), compressed=wish.compressed)
            )
            for key, row in descriptions.items()
        }
        libraries = {key: Library(key, row, folders[key]) for key, row in descriptions.items()}
        truth = TruthFile(wish.truth)
        stack.callback(truth.close)
        told = 0
        registry = Registry()
        for household in _households(wish, registry):
            for row in tell_household(household, libraries, registry, wish):
                truth.write(row)
            told += len(household.people)
            yield told
        if wish.ward:
            tell_ward(libraries[HOUSE], registry, seed=wish.seed, today=wish.today)
    _summarise(wish, folders)


def tell_household(
    household: Household, libraries: dict[str, Library], registry: Registry, wish: Wish
) -> list[Resource]:
    """Tell the lives of one household; the truth about which records are the same person's."""
    dice = Dice(wish.seed, "charts", household.number)
    charts = Charts(libraries=libraries, registry=registry, household=household, dice=dice, today=wish.today)
    for person in household.people:
        # The health centre's chart comes first, so that the others are the ones that differ.
        charts.of(PUBLIC_HEALTH, person)
    for person in household.people:
        life = Life(
            person=person,
            household=household,
            charts=charts,
            dice=Dice(wish.seed, "life", person.key),
            today=wish.today,
        )
        for script in SCRIPTS:
            script(life)
    return charts.close()


class TruthFile:
    """A JSON array with one person a line."""

    def __init__(self, path: Path) -> None:
        self._file = LineFile(path, compressed=True)
        self._start = b"["

    def write(self, row: Resource) -> None:
        """Add a person."""
        self._file.write(self._start + orjson.dumps(row))
        self._start = b","

    def close(self) -> None:
        """End the array."""
        self._file.write(b"]" if self._start == b"," else b"[]")
        self._file.close()


def _households(wish: Wish, registry: Registry) -> Iterator[Household]:
    """Households until there are as many residents as wished: the showcases first, then by chance."""
    left, number = wish.residents, 0
    while left > 0:
        dice = Dice(wish.seed, "household", number)
        household = None
        if number < len(SHOWCASES):
            household = SHOWCASES[number](number, dice, registry, wish.today)
        if household is None or len(household.people) > left:
            household = form_household(number, dice, registry, today=wish.today, room=left)
        left -= len(household.people)
        number += 1
        yield household


def _described(row: Resource) -> Resource:
    return {key: row[key] for key in ("source", "name", "library")}


def _summarise(wish: Wish, folders: dict[str, SourceFolder]) -> None:
    total: Counter[str] = Counter()
    for folder in folders.values():
        total.update(folder.counts)
    summary = {
        "residents": wish.residents,
        "seed": wish.seed,
        "today": wish.today.isoformat(),
        "resources": sum(total.values()),
        "by_type": dict(sorted(total.items())),
        "by_source": {key: sum(folder.counts.values()) for key, folder in folders.items()},
    }
    wish.summary.write_bytes(orjson.dumps(summary, option=orjson.OPT_INDENT_2) + b"\n")
