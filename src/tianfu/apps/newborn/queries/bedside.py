"""Screen: one visit at the bed, with the scans under way and the notes about its baby."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from tianfu.access.caller import Caller
from tianfu.access.purpose import Purpose
from tianfu.apps.newborn.live.bed import not_found, visit_of
from tianfu.apps.newborn.live.house import House
from tianfu.apps.newborn.live.standing import read
from tianfu.apps.newborn.mapping.codes import ALARM, CONDITION_NOTE, NEWBORN, VISITS
from tianfu.apps.newborn.mapping.consultations import Asked, Opinion, asked_from, opinion_from
from tianfu.apps.newborn.mapping.halts import Pause, pause_in
from tianfu.apps.newborn.mapping.notes import Note, note_from
from tianfu.apps.newborn.mapping.visits import Booked, at_bed_from
from tianfu.apps.newborn.mapping.wards import is_raised
from tianfu.apps.newborn.model.binding import SCANS_WITHIN, Code
from tianfu.apps.newborn.model.calls import Call
from tianfu.apps.newborn.model.consultation import EXPERT
from tianfu.apps.newborn.model.visit import State, Visit
from tianfu.apps.newborn.queries.facts import RECORDS_MAX
from tianfu.apps.newborn.queries.round import (
    Row,
    bed_names,
    practitioner_names,
    read_round,
    read_wards,
    rows_of,
)
from tianfu.apps.newborn.queries.workload import ShiftNow, read_shift
from tianfu.kernel.instants import SECOND, Instant
from tianfu.kernel.refusal import Refusal
from tianfu.records.outcomes import Found
from tianfu.records.searching import SearchRequest

NOTES_MAX = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Bedside:
    """A visit as its nurse sees it; `seconds_left` is how long the scans still count, 0 if there are none.

    `shift` is her shift, of a visit that is not over, if she is a nurse.  Of a consultation `asked` is what the expert
    is asked, `opinion` what he said, and `is_expert_here` whether he is before the curtain now, as far as the media
    server can be asked.  `round` are the visits of the round that are not over, this one among them; `before` and
    `after` stand beside it.  `paused_by` is the name of who paused its
    visits.
    """

    row: Row
    scanned: Mapping[str, bool]
    scanned_by: str
    seconds_left: int
    notes: tuple[Note, ...]
    needs_scans: bool
    round: tuple[Row, ...]
    before: Row | None
    after: Row | None
    is_ward_heard: bool
    is_silenced: bool
    call: Call | None
    moved_why: str
    shift: ShiftNow | None
    asked: Asked | None = None
    opinion: Opinion | None = None
    is_expert_here: bool = False
    pause: Pause | None = None
    paused_by: str = ""
    is_alarmed: bool = False

    def beds_of(self, visits: Collection[str]) -> tuple[str, ...]:
        """What is printed on the beds of visits of the round."""
        return tuple(each.bed or "—" for each in self.round if each.id in visits)

    @property
    def is_scanned(self) -> bool:
        """Whether all three codes lie there, and a second person is waited for."""
        return all(self.scanned.values())

    @property
    def awaits_scans(self) -> bool:
        """Whether the bed must be checked before anything is seen."""
        state = self.row.state
        return state is State.WAITING or (self.needs_scans and state in {State.ARMED, State.SHIELDED})

    @property
    def may_be_viewed(self) -> bool:
        """Whether its nurse may turn on what the family sees, or have it wait for the curtain to open again."""
        return self.row.state in {State.LIVE, State.SHIELDED}


@dataclass(frozen=True, slots=True, kw_only=True)
class Unbooked:
    """A visit at the bed of which the record has no booking any more; no name of a baby is in it."""

    id: str
    bed: str
    visit: Visit
    is_over: bool
    is_calling: bool

    @property
    def state(self) -> State:
        return self.visit.state


async def read_unbooked(house: House, caller: Caller, visit: str) -> Unbooked:
    """A visit at the bed in one of the caller's wards whose Appointment is gone; raises Refusal `not-found`."""
    room = await house.rooms.find(visit)
    if room is None or room.ward not in {each.id for each in await read_wards(house, caller)}:
        raise not_found()
    [answer] = await house.store.read_many(VISITS, Purpose.OPERATIONS, [("Appointment", visit)])
    if isinstance(answer, Found) and at_bed_from(answer.record.value, version=answer.record.version) is not None:
        raise not_found()  # it is there, and not for her
    standing = read(room.state)
    names = await bed_names(house, caller, [standing.bed] if standing.bed else [])
    return Unbooked(
        id=visit,
        bed=names.get(standing.bed, ""),
        visit=standing.visit,
        is_over=standing.is_over,
        is_calling=standing.is_calling,
    )


async def read_bedside(house: House, caller: Caller, visit: str, *, now: Instant) -> Bedside:
    """One visit of a baby in the caller's care; raises Refusal `not-found`."""
    booked = await visit_of(house, caller, visit)
    room = await house.rooms.find(visit)
    kept = {} if room is None else {visit: read(room.state)}
    rows = await rows_of(house, caller, [booked], kept)
    if not rows:
        raise not_found()
    scans = await house.rooms.scans(visit)
    first = min((each.at for each in scans), default=now)
    # Once all three are there, the second person has as long again.
    until = (max(each.at for each in scans) if len(scans) >= len(Code) else first) + SCANS_WITHIN
    fresh = [each for each in scans if now <= until]
    binding = rows[0].visit.binding
    around = [each for each in (await read_round(house, caller, now=now)).rows if not each.is_over or each.id == visit]
    place = next((number for number, each in enumerate(around) if each.id == visit), None)
    return Bedside(
        round=tuple(around),
        before=around[place - 1] if place else None,
        after=around[place + 1] if place is not None and place + 1 < len(around) else None,
        row=rows[0],
        scanned={code.value: any(each.code == code.value for each in fresh) for code in Code},
        scanned_by=fresh[0].by if fresh else "",
        seconds_left=max(0, (until - now) // SECOND) if fresh else 0,
        notes=await _notes(house, caller, booked.baby),
        is_ward_heard=visit in kept and kept[visit].is_ward_heard,
        is_silenced=visit in kept and kept[visit].is_silenced,
        shift=None if rows[0].is_over else await _shift(house, caller, booked.ward, now=now),
        moved_why=kept[visit].moved_why if visit in kept else "",
        call=kept[visit].call if visit in kept else None,
        needs_scans=binding is None or not binding.is_confirmed,
        **(await _consulted(house, caller, visit) if booked.is_consultation else await _halted(house, caller, booked)),
    )


async def _shift(house: House, caller: Caller, ward: str, *, now: Instant) -> ShiftNow | None:
    """The shift that runs in a ward of the caller's unit, if she is a nurse."""
    here = [each for each in await read_wards(house, caller) if each.id == ward]
    is_nurse = caller.role == "nurse"
    return await read_shift(house, here[0], caller.practitioner or "", now=now) if here and is_nurse else None


async def _halted(house: House, caller: Caller, booked: Booked) -> dict[str, Any]:
    """What keeps the curtain of a family's visit drawn, whoever is at the bed."""
    wanted = SearchRequest(
        type="Flag", parameters=(("patient", f"Patient/{booked.baby}"), ("_count", str(RECORDS_MAX)))
    )
    page = await house.store.search(caller, Purpose.TREATMENT, wanted)
    flags = [each.value for each in page.records]
    pause = pause_in(flags)
    names = {} if pause is None else await practitioner_names(house.store, caller, [pause.by] if pause.by else [])
    return {
        "pause": pause,
        "paused_by": "" if pause is None else names.get(pause.by, ""),
        "is_alarmed": any(is_raised(each, ALARM) for each in flags),
    }


async def _consulted(house: House, caller: Caller, visit: str) -> dict[str, Any]:
    wanted = [("ServiceRequest", visit), ("DiagnosticReport", visit)]
    request, report = await house.store.read_many(caller, Purpose.TREATMENT, wanted)
    return {
        "asked": asked_from(request.record.value) if isinstance(request, Found) else None,
        "opinion": opinion_from(report.record.value) if isinstance(report, Found) else None,
        "is_expert_here": await _is_expert_here(house, visit),
    }


async def _is_expert_here(house: House, visit: str) -> bool:
    try:
        inside = [each.participant for each in await house.media.stats() if each.visit == visit]
    except Refusal:  # nobody knows
        return False
    return EXPERT in [(await house.doors.viewer(visit, each)).role for each in inside]


async def _notes(house: House, caller: Caller, baby: str) -> tuple[Note, ...]:
    wanted = SearchRequest(
        type="Communication",
        parameters=(
            ("patient", f"Patient/{baby}"),
            ("category", f"{NEWBORN}|{CONDITION_NOTE}"),
            ("_sort", "-sent"),
            ("_count", str(NOTES_MAX)),
        ),
    )
    page = await house.store.search(caller, Purpose.TREATMENT, wanted)
    notes = [note_from(each.value, version=each.version) for each in page.records]
    return tuple(each for each in notes if each is not None)
