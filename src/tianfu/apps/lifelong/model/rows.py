"""A record as labelled rows that a person can read."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from tianfu.apps.lifelong.model.when import When
from tianfu.apps.lifelong.model.wording import Concept, Spoken


@dataclass(frozen=True, slots=True, kw_only=True)
class Amount:
    """A number with its unit."""

    number: Decimal
    unit: str = ""
    comparator: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A reference; `type` and `id` are empty when it points outside this store."""

    type: str = ""
    id: str = ""
    display: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """A code of a closed list, which our catalogue may have a word for: `list` names the element's value set."""

    code: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """A period; either end may be open."""

    start: When | None
    end: When | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Hidden:
    """An identifier or a telephone number: its kind and the last four characters; no page shows the rest."""

    kind: Concept
    system: str
    tail: str
    code: str = ""
    """The kind of a telephone number or address, by its code."""


Shown = Spoken | Concept | Amount | Link | Code | Stretch | Hidden | When | bool | tuple["Row", ...]
"""One value of a row; a tuple of rows is a nested part."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One element with its values; `name` is the element's name without its type."""

    name: str
    values: tuple[Shown, ...]
