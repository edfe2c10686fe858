"""What changed between two versions of a record, element by element."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

CHANGES_MAX = 200
"""More changes than this are a new record, not an edit; the page says how many are left out."""

BOOKKEEPING = frozenset({"versionId", "lastUpdated"})
"""Parts of `meta` that the store itself moves with every version."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One element that differs; None stands for an element that was not there."""

    path: tuple[str, ...]
    before: Any
    after: Any


def changes_between(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[Change, ...]:
    """Every element that was added, removed or altered, in the order of the newer version."""
    return tuple(
        change
        for change in _changes((), before, after)
        if not (change.path[0] == "meta" and change.path[-1] in BOOKKEEPING)
    )


def _changes(path: tuple[str, ...], before: Any, after: Any) -> Iterator[Change]:
    if before == after:
        return
    if isinstance(before, dict) and isinstance(after, dict) and not (_is_quantity(before) and _is_quantity(after)):
        for name in [*after, *(name for name in before if name not in after)]:
            yield from _changes((*path, name), before.get(name), after.get(name))
    elif isinstance(before, list) and isinstance(after, list):
        yield from _list_changes(path, before, after)
    else:
        yield Change(path=path, before=before, after=after)


def _is_quantity(value: Mapping[str, Any]) -> bool:
    """A number with its unit changes as a whole: the one means nothing without the other."""
    return "value" in value and ("unit" in value or "code" in value)


def _list_changes(path: tuple[str, ...], before: Sequence[Any], after: Sequence[Any]) -> Iterator[Change]:
    """Compare what stands at the same place; places beyond the shorter list were added or removed."""
    for place in range(max(len(before), len(after))):
        old = before[place] if place < len(before) else None
        new = after[place] if place < len(after) else None
        yield from _changes((*path, str(place + 1)), old, new)
