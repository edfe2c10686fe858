"""Screen: what families said after visits in a ward, newest first, and how often by month.

Who was there is not told, only whether it was the guardian: the visit's day and its bed as it was.
Rule: docs/rules/newborn-watching.md
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tianfu.access.caller import Caller
from tianfu.apps.newborn.mapping.codes import FEEDBACK, NEWBORN, VISITS
from tianfu.apps.newborn.mapping.feedback import Said, feedback_from
from tianfu.apps.newborn.mapping.visits import booked_from, id_in
from tianfu.apps.newborn.model.feedback import Month, by_month, months_until
from tianfu.apps.newborn.ports import Nursery
from tianfu.apps.newborn.queries.records import PLATFORM, WARD_WORK, found_all, read_all, ward_of_unit
from tianfu.kernel.instants import Instant, china_date, day_start, to_fhir_instant
from tianfu.records.outcomes import Record
from tianfu.records.searching import SearchRequest

PAGE = 20
OF_FEEDBACK = ("category", f"{NEWBORN}|{FEEDBACK}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """What was said about one visit; `bed` is what was printed on it then, empty if nobody knows."""

    said: Said
    start: Instant
    bed: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Feedback:
    """A page of what was said; `next_cursor` leads to older words."""

    lines: tuple[Line, ...]
    next_cursor: str | None


async def read_feedback(nursery: Nursery, caller: Caller, *, cursor: str) -> Feedback:
    """What families said about visits in the caller's ward, as long as their babies' records are open to her.

    Raises Refusal `not-found` where she has no ward, and `cursor-invalid`.
    """
    ward = await ward_of_unit(nursery.store, caller)
    newest = (OF_FEEDBACK, ("_sort", "-sent"), ("_count", str(PAGE)))
    wanted = SearchRequest(type="Communication", parameters=(("_cursor", cursor),) if cursor else newest)
    page = await nursery.store.search(caller, WARD_WORK, wanted)
    said = [each for one in page.records if (each := feedback_from(one.value)) is not None]
    visits = [each.visit for each in said]
    found = await read_all(
        nursery.store, caller, WARD_WORK, [(kind, each) for each in visits for kind in ("Appointment", "Encounter")]
    )
    starts = {each: _start_in(ward.id, found.get(("Appointment", each))) for each in visits}
    beds = {each: _bed_of(found.get(("Encounter", each))) for each in visits}
    places = await read_all(nursery.store, caller, WARD_WORK, [("Location", each) for each in beds.values()])
    return Feedback(
        lines=tuple(
            Line(said=each, start=start, bed=_name_of(places, beds[each.visit]))
            for each in said
            if (start := starts[each.visit]) is not None
        ),
        next_cursor=page.next_cursor,
    )


async def count_feedback(nursery: Nursery, caller: Caller) -> tuple[Month, ...]:
    """How often families of the caller's ward said what in the last months, whoever has left since: numbers alone."""
    ward = await ward_of_unit(nursery.store, caller)
    unit = id_in(ward.value.get("managingOrganization"), "Organization")
    today = china_date(nursery.clock())
    since = to_fhir_instant(day_start(months_until(today)[-1]))
    records = await found_all(
        nursery.store,
        VISITS,
        PLATFORM,
        "Communication",
        category=f"{NEWBORN}|{FEEDBACK}",
        recipient=f"Organization/{unit}",
        sent=f"ge{since}",
    )
    said = [each for one in records if (each := feedback_from(one.value)) is not None]
    return by_month([(each.sent, each.answers) for each in said], today)


def _start_in(ward: str, appointment: Record | None) -> Instant | None:
    """When a visit in a ward began by its booking; None for a visit elsewhere, and for none."""
    booked = None if appointment is None else booked_from(appointment.value, version=appointment.version)
    return booked.start if booked is not None and booked.ward == ward else None


def _bed_of(encounter: Record | None) -> str:
    places = [] if encounter is None else encounter.value.get("location", ())
    return id_in(places[0].get("location"), "Location") if places else ""


def _name_of(places: Mapping[tuple[str, str], Record], bed: str) -> str:
    found = places.get(("Location", bed))
    return "" if found is None else str(found.value.get("name", ""))
