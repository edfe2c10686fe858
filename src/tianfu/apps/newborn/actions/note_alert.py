"""An operator says that he saw an alert and what he does about it, or takes that back.

Rule: docs/rules/newborn-quality.md
"""

from __future__ import annotations

from tianfu.access.caller import Caller
from tianfu.apps.newborn.quality_ports import Observatory
from tianfu.apps.newborn.queries.quality import alert_of
from tianfu.kernel.refusal import Refusal

NOTE_MAX = 200


async def note_alert(observatory: Observatory, caller: Caller, alert: str, text: str) -> None:
    """Note it; raises Refusal `alert-note-unusable`, or `not-found` for one that stands no more."""
    note = " ".join(text.split())
    if not 0 < len(note) <= NOTE_MAX:
        raise Refusal("alert-note-unusable", next_step="correct-the-form")
    found = await alert_of(observatory, caller, alert)
    if not await observatory.book.note(found.id, note, by=caller.id, now=observatory.house.clock()):
        raise _over()


async def take_note_back(observatory: Observatory, caller: Caller, alert: str) -> None:
    """The alert waits for somebody again; raises Refusal `not-found` for one that stands no more."""
    found = await alert_of(observatory, caller, alert)
    if not await observatory.book.take_note_back(found.id):
        raise _over()


def _over() -> Refusal:
    return Refusal("not-found", next_step="start-again")
