"""The four libraries and the charts they keep: each numbers its records itself and knows nothing of the others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from demo.people import Person
from demo.tables import table
from demo.writing import SourceFolder

Resource = dict[str, Any]

TAGS = "https://tianfu.example/tags"
DEMO_TAG = {"system": TAGS, "code": "demo", "display": "演示数据"}
PAPER_TAG = {"system": TAGS, "code": "paper", "display": "由纸质档案补录"}
RECOGNITION_TAG = {"system": TAGS, "code": "HR", "display": "检查检验结果互认"}

FIRST_NUMBER = 1_000_001


class Library:
    """One source: it gives its records plain running numbers, so that two libraries use the same ids."""

    def __init__(self, key: str, description: Resource, folder: SourceFolder) -> None:
        self.key = key
        self.source: str = description["source"]
        self.name: str = description["name"]["zh"]
        self._folder = folder
        self._numbers: Counter[str] = Counter()
        self._written_once: dict[str, str] = {}

    def new_reference(self, resource_type: str) -> str:
        """The reference of the next record of a type."""
        number = self._numbers[resource_type]
        self._numbers[resource_type] = number + 1
        return f"{resource_type}/{FIRST_NUMBER + number}"

    def write(self, body: Resource, *, reference: str | None = None, tags: tuple[Resource, ...] = ()) -> str:
        """Write a record under the next number, or under a reference that was given out before."""
        kind = body["resourceType"]
        reference = reference or self.new_reference(kind)
        head = {"resourceType": kind, "id": reference.partition("/")[2], "meta": {"tag": [DEMO_TAG, *tags]}}
        self._folder.write(head | body)
        return reference

    def once(self, key: str, make: Callable[[], Resource]) -> str:
        """The reference of a record that is written at its first use: an organisation, a doctor, a place."""
        reference = self._written_once.get(key)
        if reference is None:
            reference = self._written_once[key] = self.write(make())
        return reference


@dataclass(slots=True, kw_only=True)
class Chart:
    """One person in one library; the Patient record is written when the household has been told."""

    library: Library
    person: Person
    patient: str
    today: date
    record_number: str | None = None
    links: list[str] = field(default_factory=list)
    newborn_name: str | None = None
    seen_as_newborn_only: bool = False
    coverage: str | None = None

    def write(self, body: Resource, *, reference: str | None = None, tags: tuple[Resource, ...] = ()) -> str:
        """Write a record of this person."""
        return self.library.write(body, reference=reference, tags=tags)

    @property
    def subject(self) -> Resource:
        """The reference that the person's records carry."""
        return {"reference": self.patient}


def public_health_description() -> Resource:
    """How the public-health library describes itself."""
    row: Resource = table("facilities")["public_health"]
    return row


def hospital_descriptions() -> dict[str, Resource]:
    """How each hospital describes itself, by its key."""
    return {row["key"]: row for row in table("facilities")["hospitals"]}
