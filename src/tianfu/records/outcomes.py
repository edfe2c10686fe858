"""What the store answers: records, and the reasons why there is none."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import orjson

from tianfu.kernel.instants import Instant
from tianfu.records.search.plan import SearchPlan

Operation = Literal["create", "update", "delete"]


@dataclass(frozen=True, kw_only=True)
class Record:
    """One version of one resource; `text` is its whole JSON with id, version and time of change."""

    type: str
    id: str
    version: int
    changed_at: Instant
    text: bytes

    @cached_property
    def value(self) -> dict[str, Any]:
        """The resource as plain values; parsed when first asked for."""
        parsed: dict[str, Any] = orjson.loads(self.text)
        return parsed


@dataclass(frozen=True, slots=True)
class Found:
    """The record exists and may be seen."""

    record: Record


@dataclass(frozen=True, slots=True, kw_only=True)
class Gone:
    """The record was deleted by `version` at `since`; its earlier versions stay readable in the history."""

    since: Instant
    version: int


@dataclass(frozen=True, slots=True)
class NotFound:
    """No such record, or one whose existence the caller may not know."""


Answer = Found | Gone | NotFound


def told_as(answer: Answer) -> str:
    """How the trace calls an answer."""
    match answer:
        case Found():
            return "success"
        case Gone():
            return "gone"
        case NotFound():
            return "not-found"


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A write that was done: the version that now stands."""

    type: str
    id: str
    operation: Operation
    version: int
    changed_at: Instant
    stored: bytes | None

    @property
    def is_created(self) -> bool:
        return self.operation == "create"


@dataclass(frozen=True, slots=True, kw_only=True)
class Unchanged:
    """A write that was not needed: the record matched by a conditional create, or a deletion of what is not there."""

    type: str
    id: str
    version: int
    changed_at: Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryEntry:
    """One entry of a history; `record` is None where the version is a deletion."""

    type: str
    id: str
    version: int
    changed_at: Instant
    operation: Operation
    record: Record | None


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryPage:
    """A page of a history, newest first; `next_cursor` is None on the last one.

    `as_of`: whatever changed before that instant is in this history, and nothing will appear there any more.
    """

    entries: tuple[HistoryEntry, ...]
    as_of: Instant
    next_cursor: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A page of search results; `plan` is what was searched, `included` came by _include, `total` only if asked for.

    `is_cut_off` tells that there is more to include than a page brings along.
    """

    plan: SearchPlan
    records: tuple[Record, ...]
    included: tuple[Record, ...] = ()
    is_cut_off: bool = False
    next_cursor: str | None
    total: int | None = None
