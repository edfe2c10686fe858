"""That a doctor lets a baby have no visits for now, as a Flag that no family reads; and that guardianship is disputed.

https://hl7.org/fhir/R4/flag.html , rules: docs/rules/newborn-record.md
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from tianfu.apps.newborn.mapping.codes import GUARDIANSHIP_DISPUTE, VISITS_PAUSED, concept
from tianfu.apps.newborn.mapping.visits import Element, Resource, id_in
from tianfu.apps.newborn.mapping.wards import is_flag_of, is_raised
from tianfu.kernel.instants import Instant, range_of, to_fhir_instant


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """That a baby has no visits for now; `by` is a doctor's Practitioner, `why` her own words for the ward."""

    by: str
    why: str
    since: Instant | None


def pause_flag(baby: str, doctor: str, why: str, *, now: Instant) -> Resource:
    """The Flag of a doctor who pauses a baby's visits."""
    said = concept(VISITS_PAUSED)
    return {
        "resourceType": "Flag",
        "status": "active",
        "category": [said],
        "code": {**said, "text": why},
        "subject": {"reference": f"Patient/{baby}"},
        "author": {"reference": f"Practitioner/{doctor}"},
        "period": {"start": to_fhir_instant(now)},
    }


def dispute_flag(baby: str, nurse: str | None, *, now: Instant) -> Resource:
    """The Flag of a nurse who says that a baby's guardianship is disputed."""
    said = concept(GUARDIANSHIP_DISPUTE)
    return {
        "resourceType": "Flag",
        "status": "active",
        "category": [said],
        "code": said,
        "subject": {"reference": f"Patient/{baby}"},
        **({"author": {"reference": f"Practitioner/{nurse}"}} if nurse else {}),
        "period": {"start": to_fhir_instant(now)},
    }


def lowered(flag: Element, *, now: Instant) -> Resource:
    """The same Flag, which holds no more."""
    whole = {name: value for name, value in flag.items() if name != "meta"}
    return {**whole, "status": "inactive", "period": {**whole.get("period", {}), "end": to_fhir_instant(now)}}


def pause_in(flags: Iterable[Element]) -> Pause | None:
    """The pause that holds, the first of several; None if a baby has its visits."""
    for each in flags:
        if is_raised(each, VISITS_PAUSED):
            since = _moments(each)[0]
            why = str((each.get("code") or {}).get("text", ""))
            return Pause(by=id_in(each.get("author"), "Practitioner"), why=why, since=since)
    return None


def was_raised(flags: Iterable[Element], what: str, start: Instant, end: Instant) -> bool:
    """Whether one of our codes was said of a baby at any moment of a span, or may have been.

    A Flag that is lowered without a word since when was so until it was written last.
    """
    for each in flags:
        if is_flag_of(each, what) and each.get("status") != "entered-in-error":
            since, until = _moments(each)
            ended = each.get("status") != "active" and until is not None and until <= start
            if (since is None or since < end) and not ended:
                return True
    return False


def _moments(flag: Element) -> tuple[Instant | None, Instant | None]:
    """The first moment of a Flag and its last, as far as it says so."""
    period, meta = flag.get("period") or {}, flag.get("meta") or {}
    try:
        start = range_of(period["start"])[0] if "start" in period else None
        last = period.get("end", meta.get("lastUpdated"))
        return start, None if last is None else range_of(last)[1]
    except ValueError:
        return None, None
