"""People and their households: who they are, where they live, what runs in their lives."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import Literal

Sex = Literal["male", "female"]
Role = Literal["man", "woman", "child", "grandfather", "grandmother"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Name:
    """A name as its bearer writes it; `family` is empty where there is no surname; `tibetan` is Tibetan script."""

    text: str
    family: str = ""
    tibetan: str | None = None

    @property
    def given(self) -> str:
        """What follows the surname."""
        return self.text.removeprefix(self.family).removeprefix("·")


@dataclass(frozen=True, slots=True, kw_only=True)
class Home:
    """Where a household lives; `centre` is the key of the health centre that answers for it."""

    county: str
    prefecture: str
    urban: bool
    centre: int
    town: str
    town_code: str
    unit_code: str
    line: str

    @property
    def centre_key(self) -> str:
        """The key of the responsible health centre."""
        return f"{self.county}-{self.centre}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Nature:
    """What a person brings along: lasting illnesses with the day they began, allergies, habits."""

    hypertension_since: date | None = None
    diabetes_since: date | None = None
    penicillin_allergy_since: date | None = None
    smoker: bool = False
    height_cm: float = 165
    body_mass_index: float = 23
    blood_group: str = "O"


@dataclass(frozen=True, slots=True, kw_only=True)
class Birth:
    """How somebody born in the time of electronic records came into the world."""

    mother: str
    hospital: str
    weeks: int
    extra_days: int
    weight_g: int
    length_cm: float
    caesarean: bool
    order: int = 1
    of: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """One human being; `key` is known to the truth file only."""

    key: str
    name: Name
    sex: Sex
    born: date
    died: date | None
    ethnic: str
    identity_number: str
    phone: str
    home: Home
    role: Role
    nature: Nature
    marital: str = "10"
    birth: Birth | None = None
    mother: str | None = None
    father: str | None = None
    expecting_since: date | None = None
    rich: bool = False

    @property
    def male(self) -> bool:
        """Whether the person is male."""
        return self.sex == "male"


@dataclass(frozen=True, slots=True, kw_only=True)
class Household:
    """People under one roof, the head first."""

    number: int
    home: Home
    people: tuple[Person, ...]
    by_key: dict[str, Person] = field(default_factory=dict)

    def children_of(self, mother: Person) -> list[Person]:
        """The children whom this woman bore, oldest first."""
        return [person for person in self.people if person.mother == mother.key]
