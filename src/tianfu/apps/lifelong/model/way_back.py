"""The way back from a record to the life it was opened from: filter, page and phase stay as they were."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from urllib.parse import parse_qsl, urlencode

FIELDS = frozenset({"chosen", "kind", "source", "phase", "before", "measure"})
"""What the address of a life can hold; nothing else is carried along."""


def way_of(person: str, query: Iterable[tuple[str, str]]) -> str:
    """The end of a life's address: the id of the Patient record, and what of the query belongs to the page."""
    fields = [(name, value) for name, value in query if name in FIELDS]
    return f"{person}?{urlencode(fields)}" if fields else person


def way_back(said: str, person: str, ids: Sequence[str]) -> str:
    """The way an address carried, put together anew, if it leads to one of `ids`; else the plain way to `person`."""
    life, _, query = said.partition("?")
    return way_of(life, parse_qsl(query)) if life in ids else person
