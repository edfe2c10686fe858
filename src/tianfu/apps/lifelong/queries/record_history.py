"""Screen: the history of one record, with what changed from version to version."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from tianfu.apps.lifelong.mapping.elements import decoded
from tianfu.apps.lifelong.mapping.masking import masked, numbers_in
from tianfu.apps.lifelong.model.differences import CHANGES_MAX, Change, changes_between
from tianfu.apps.lifelong.queries.person import KnownPerson, know_unless_deleted
from tianfu.apps.lifelong.queries.record import patient_id_in
from tianfu.apps.lifelong.store import LifeStore
from tianfu.kernel.refusal import Refusal
from tianfu.records.outcomes import HistoryEntry
from tianfu.standards.fhir.definitions import definitions
from tianfu.web.asking import Asking

VERSIONS_PER_PAGE = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """One version and how it differs from the one before; `changes` is None where that one is not at hand."""

    entry: HistoryEntry
    changes: tuple[Change, ...] | None
    left_out: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordHistory:
    """The versions, newest first."""

    type: str
    id: str
    versions: tuple[Version, ...]
    next_cursor: str | None
    known: KnownPerson | None


async def read_history(
    store: LifeStore, asking: Asking, resource_type: str, logical_id: str, *, cursor: str | None
) -> RecordHistory:
    """A page of a record's history."""
    if resource_type not in definitions().type_numbers:
        raise Refusal("not-found", next_step="start-again")
    page = await store.history(
        asking.caller, asking.purpose, resource_type, logical_id, limit=VERSIONS_PER_PAGE, cursor=cursor
    )
    if not page.entries:
        raise Refusal("not-found", next_step="start-again")
    last_body = next((entry.record for entry in page.entries if entry.record is not None), None)
    subject = patient_id_in(decoded(last_body.text)) if last_body else ""
    return RecordHistory(
        type=resource_type,
        id=logical_id,
        versions=tuple(_versions(page.entries, has_more=page.next_cursor is not None)),
        next_cursor=page.next_cursor,
        known=await know_unless_deleted(store, asking, subject),
    )


def _versions(entries: Sequence[HistoryEntry], *, has_more: bool) -> list[Version]:
    earlier = [*entries[1:], None]
    return [_version(newer, older, has_more) for newer, older in zip(entries, earlier, strict=True)]


def _version(newer: HistoryEntry, older: HistoryEntry | None, has_more: bool) -> Version:
    if newer.record is None or (older is None and has_more):
        return Version(entry=newer, changes=None, left_out=0)
    if older is None or older.record is None:
        return Version(entry=newer, changes=(), left_out=0)
    before, after = decoded(older.record.text), decoded(newer.record.text)
    changes = changes_between(before, after)
    numbers = numbers_in(before) | numbers_in(after)
    shown = tuple(
        replace(change, before=masked(change.before, numbers), after=masked(change.after, numbers))
        for change in changes[:CHANGES_MAX]
    )
    return Version(entry=newer, changes=shown, left_out=max(0, len(changes) - CHANGES_MAX))
