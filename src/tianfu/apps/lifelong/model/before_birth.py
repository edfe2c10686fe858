"""What of a mother's record belongs to her child's life before birth.

Only visits of the pregnancy itself, and what was recorded at them: whatever else her record holds of those
months is hers alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date, timedelta

from tianfu.apps.lifelong.model.entries import Entry, Mark, Tone

DAYS_BEFORE_BIRTH_MAX = 308
"""44 weeks: no pregnancy lasts longer."""

ANTENATAL_CODES = frozenset({"antenatal-visit", "obstetric-visit", "delivery", "424441002", "424619006"})
"""Our visit types, and SNOMED CT's first and further prenatal visit."""

MOTHERS = Mark(status="people", key="mark.mother")
_OWN_TONES = frozenset({Tone.WARNING, Tone.CRITICAL})


def window(born: date) -> tuple[date, date]:
    """The days that a child's life before birth can cover: from the first to the day after the last."""
    return born - timedelta(days=DAYS_BEFORE_BIRTH_MAX), born + timedelta(days=1)


def of_the_pregnancy(entries: Sequence[Entry]) -> list[Entry]:
    """The antenatal visits among a mother's entries, and what was recorded at them."""
    visits = {entry.reference for entry in entries if _is_antenatal(entry)}
    return [entry for entry in entries if entry.reference in visits or entry.encounter in visits]


def told_of_the_mother(entries: Iterable[Entry]) -> tuple[Entry, ...]:
    """The same entries, each of which says first that it is the mother's: none may pass for the child's own."""
    return tuple(
        replace(
            entry,
            marks=(MOTHERS, *entry.marks),
            tone=entry.tone if entry.tone in _OWN_TONES else Tone.PEOPLE,
        )
        for entry in entries
    )


def _is_antenatal(entry: Entry) -> bool:
    return entry.type == "Encounter" and any(coding.code in ANTENATAL_CODES for coding in entry.title.codings)
