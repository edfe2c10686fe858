"""Screen: today's visits of a nurse's wards, by bed and time, with what waits at each."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tianfu.access.caller import Caller
from tianfu.access.purpose import Purpose
from tianfu.apps.newborn.live.house import House
from tianfu.apps.newborn.live.standing import Standing, read
from tianfu.apps.newborn.mapping.visits import Booked, at_bed_from, id_in
from tianfu.apps.newborn.mapping.wards import bands_worn, bed_of, is_ward
from tianfu.apps.newborn.model.reasons import told
from tianfu.apps.newborn.model.visit import OVER, State, Visit
from tianfu.apps.newborn.nurse_ports import VisitStore
from tianfu.kernel.instants import DAY, Instant, china_date, day_start, to_fhir_instant
from tianfu.kernel.refusal import Refusal
from tianfu.records.outcomes import Found
from tianfu.records.searching import SearchRequest

WHY = Purpose.TREATMENT
VISITS_MAX = 200
"""More visits of one day in one ward than this are not shown; the page then says so."""

PENDING = frozenset({State.GUARDIAN_VERIFIED, State.APPROVED})
"""Has a place, and waits for a doctor's first yes."""

TODAYS = frozenset(State) - {State.DRAFT, State.REQUESTED, State.IDENTITY_VERIFIED}
"""What is on a round: whatever has a place; of consultations, those to which an expert said yes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ward:
    """A ward of the reader's unit."""

    id: str
    name: str
    held_since: Instant | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A visit on the round; `twin` is the order of birth where there are several, else 0.

    `expert` is the name of who is asked to a consultation, empty for a family's visit.
    """

    id: str
    bed: str
    baby: str
    baby_id: str
    twin: int
    band_tail: str
    visit: Visit
    ward: str
    is_at_bed: bool
    is_calling: bool
    is_consultation: bool = False
    expert: str = ""

    @property
    def state(self) -> State:
        return self.visit.state

    @property
    def is_over(self) -> bool:
        return self.visit.state in OVER

    @property
    def is_pending(self) -> bool:
        """Whether a doctor must say yes first."""
        return self.visit.state in PENDING

    @property
    def reason(self) -> str:
        """Why nothing is seen, in one word for which the catalogues have a phrase; empty if nothing was said."""
        return told(self.visit.reason)


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """Today's visits."""

    wards: tuple[Ward, ...]
    rows: tuple[Row, ...]
    is_cut_off: bool


async def read_round(house: House, caller: Caller, *, now: Instant) -> Round:
    """Today's visits of the wards of the caller's unit, as far as their babies are in her care."""
    wards = await read_wards(house, caller)
    if not wards:
        return Round(wards=(), rows=(), is_cut_off=False)
    today = day_start(china_date(now))
    asked = (
        ("location", ",".join(f"Location/{each.id}" for each in wards)),
        ("date", f"ge{to_fhir_instant(today)}"),
        ("date", f"lt{to_fhir_instant(today + DAY)}"),
        ("_count", str(VISITS_MAX)),
    )
    page = await house.store.search(caller, WHY, SearchRequest(type="Appointment", parameters=asked))
    booked = [each for record in page.records if (each := at_bed_from(record.value, version=record.version))]
    rooms = {room.visit: room for ward in wards for room in await house.rooms.of_ward(ward.id, since=today)}
    kept = {visit: read(room.state) for visit, room in rooms.items()}
    shown = [each for each in booked if each.state in _todays(each) or each.id in kept]
    rows = await rows_of(house, caller, shown, kept)
    return Round(
        wards=wards,
        rows=tuple(sorted(rows, key=lambda row: (row.visit.slot_start, row.bed, row.id))),
        is_cut_off=page.next_cursor is not None,
    )


async def heard_of(house: House, caller: Caller, nurse: str, *, also: str = "") -> list[str]:
    """The visits for whose beds a nurse's tablet stands: those at the bed that she checked, and one that she looks at.

    Only of babies who are in her care now, as their visits came to the bed: whatever became of an Appointment.
    """
    rooms = await house.rooms.at_work()
    stood_for = [room for room in rooms if not room.is_over and (room.nurse == nurse or room.visit == also)]
    baby_of = {room.visit: read(room.state).booked.baby for room in stood_for}
    if not baby_of:
        return []
    babies = sorted(set(baby_of.values()))
    seen = await house.store.read_many(caller, WHY, [("Patient", each) for each in babies])
    hers = {baby for baby, each in zip(babies, seen, strict=True) if isinstance(each, Found)}
    return [visit for visit, baby in baby_of.items() if baby in hers]


async def calls_among(house: House, visits: Sequence[str]) -> list[str]:
    """Of these visits, those whose family waits for an answer."""
    rooms = await house.rooms.at_work() if visits else ()
    return [room.visit for room in rooms if room.visit in visits and read(room.state).is_calling]


async def read_wards(house: House, caller: Caller) -> tuple[Ward, ...]:
    """The wards that belong to the caller's unit."""
    if caller.organisation is None:
        return ()
    wanted = SearchRequest(
        type="Location", parameters=(("organization", f"Organization/{caller.organisation}"), ("_count", "50"))
    )
    page = await house.store.search(caller, WHY, wanted)
    held = await house.rooms.held()
    return tuple(
        Ward(id=each.id, name=str(each.value.get("name", "")), held_since=held.get(each.id))
        for each in page.records
        if is_ward(each.value)
    )


def refuse_unless_hers(wards: Sequence[Ward], ward: str) -> None:
    """Raise Refusal `not-found` for a ward of another unit."""
    if ward not in {each.id for each in wards}:
        raise Refusal("not-found", next_step="start-again")


async def rows_of(house: House, caller: Caller, booked: Sequence[Booked], kept: Mapping[str, Standing]) -> list[Row]:
    """The rows of visits whose babies the caller may see."""
    babies = sorted({each.baby for each in booked})
    if not babies:
        return []
    answers = await house.store.read_many(caller, WHY, [("Patient", each) for each in babies])
    people = {baby: each.record.value for baby, each in zip(babies, answers, strict=True) if isinstance(each, Found)}
    wanted = SearchRequest(
        type="Encounter",
        parameters=(
            ("patient", ",".join(f"Patient/{each}" for each in babies)),
            ("class", "IMP"),
            ("status", "in-progress"),
            ("_count", str(2 * VISITS_MAX)),
        ),
    )
    stays = [each.value for each in (await house.store.search(caller, WHY, wanted)).records]
    beds = {baby: bed_of(each for each in stays if id_in(each.get("subject"), "Patient") == baby) for baby in babies}
    names = await bed_names(house, caller, sorted({bed for bed in beds.values() if bed}))
    experts = await practitioner_names(house.store, caller, {each.expert for each in booked if each.expert})
    return [
        Row(
            id=each.id,
            bed=names.get(beds[each.baby] or "", ""),
            baby=_name(people[each.baby]),
            baby_id=each.baby,
            twin=_twin(people[each.baby]),
            band_tail=_band_tail(people[each.baby], now=house.clock()),
            visit=kept[each.id].visit if each.id in kept else each.visit,
            ward=each.ward,
            is_at_bed=each.id in kept,
            is_calling=each.id in kept and kept[each.id].is_calling,
            is_consultation=each.is_consultation,
            expert=experts.get(each.expert, ""),
        )
        for each in booked
        if each.baby in people
    ]


async def bed_names(house: House, caller: Caller, beds: Sequence[str]) -> Mapping[str, str]:
    """What is printed on beds, by their ids."""
    if not beds:
        return {}
    answers = await house.store.read_many(caller, WHY, [("Location", each) for each in beds])
    return {
        bed: str(each.record.value.get("name", ""))
        for bed, each in zip(beds, answers, strict=True)
        if isinstance(each, Found)
    }


async def practitioner_names(store: VisitStore, caller: Caller, practitioners: Collection[str]) -> Mapping[str, str]:
    """What practitioners are called, by their ids."""
    ids = sorted(practitioners)
    answers = await store.read_many(caller, WHY, [("Practitioner", each) for each in ids]) if ids else ()
    return {
        each: _name(answer.record.value) for each, answer in zip(ids, answers, strict=True) if isinstance(answer, Found)
    }


def _todays(booked: Booked) -> frozenset[State]:
    return TODAYS - {State.APPROVED} if booked.is_consultation else TODAYS


def _name(patient: Mapping[str, Any]) -> str:
    names = patient.get("name") or [{}]
    return str(names[0].get("text") or names[0].get("family", "") + "".join(names[0].get("given", ())))


def _twin(patient: Mapping[str, Any]) -> int:
    order = patient.get("multipleBirthInteger")
    return order if isinstance(order, int) else 0


def _band_tail(patient: Mapping[str, Any], *, now: Instant) -> str:
    """The last four characters of the wristband that the baby wears, to look at beside the scan."""
    bands = bands_worn(patient, now=now)
    return bands[0][-4:] if bands else ""
