"""Screens: remote consultations, as who is asked sees them, as the ward that asks does, and as the family does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tianfu.access.caller import Caller
from tianfu.access.purpose import Purpose
from tianfu.apps.newborn.mapping.codes import NEWBORN, REMOTE_CONSULTATION, VISITS
from tianfu.apps.newborn.mapping.consultations import Asked, Opinion, asked_from, opinion_from
from tianfu.apps.newborn.mapping.visits import Booked, consultation_from
from tianfu.apps.newborn.model.binding import ASK_THE_WARD
from tianfu.apps.newborn.model.consultation import Declined, Withdrawn
from tianfu.apps.newborn.model.reasons import DeclineReason
from tianfu.apps.newborn.model.visit import OVER
from tianfu.apps.newborn.ports import Nursery
from tianfu.apps.newborn.queries.desk import WardBaby, ward_babies
from tianfu.apps.newborn.queries.experts import houses_of, name_in, organisations, practitioners
from tianfu.apps.newborn.queries.records import PLATFORM, WARD_WORK, found_all, not_found, read_all, ward_of_unit
from tianfu.kernel.instants import DAY, Instant, to_fhir_instant
from tianfu.kernel.refusal import Refusal
from tianfu.records.outcomes import Record
from tianfu.records.searching import SearchRequest

SHOWN_DAYS = 30
SHOWN_MAX = 50

OF_ITSELF = ("consent-withdrawn", "guardianship-disputed", "not-answered", "no-show", "discharged", ASK_THE_WARD)
TOLD = frozenset({*Declined, *Withdrawn, *DeclineReason, *OF_ITSELF})
"""Why it came to nothing, where there are words for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Consultation:
    """One consultation; `by` and `expert` are names, `house` the expert's, `reason` a word with a phrase or empty.

    Whatever became of its asking, a consultation that stands is shown: without one, `asked` is None and `by` is empty.
    """

    booked: Booked
    asked: Asked | None
    by: str
    expert: str
    house: str
    ward: str
    opinion: Opinion | None
    baby: WardBaby | None = None

    @property
    def reason(self) -> str:
        return self.booked.reason if self.booked.reason in TOLD else ""

    @property
    def is_over(self) -> bool:
        return self.booked.state in OVER


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsultationDesk:
    """What a doctor is asked, and what his ward asks; `babies` are those about whom he may ask."""

    of_me: tuple[Consultation, ...]
    of_ward: tuple[Consultation, ...]
    babies: tuple[WardBaby, ...]


async def read_desk_of(nursery: Nursery, caller: Caller) -> ConsultationDesk:
    """The page of a doctor; without a ward of newborns he asks nobody."""
    of_me = await asked_of_me(nursery, caller)
    try:
        ward = await ward_of_unit(nursery.store, caller)
    except Refusal:
        return ConsultationDesk(of_me=of_me, of_ward=(), babies=())
    babies = await ward_babies(nursery, caller)
    records = await _appointments(nursery, caller, WARD_WORK, ("location", f"Location/{ward.id}"))
    of_ward = await _whole(nursery, records, babies)
    return ConsultationDesk(of_me=of_me, of_ward=of_ward, babies=tuple(babies.values()))


async def asked_of_me(nursery: Nursery, caller: Caller) -> tuple[Consultation, ...]:
    """What a Practitioner is asked, the next first; read by the platform, for the record is not his before its time."""
    if caller.practitioner is None:
        return ()
    who = f"Practitioner/{caller.practitioner}"
    return await _whole(nursery, await _appointments(nursery, VISITS, PLATFORM, ("practitioner", who)), {})


async def about_baby(nursery: Nursery, baby: str) -> tuple[Consultation, ...]:
    """The consultations about a baby, newest first; whoever calls has seen that the baby is the reader's to see."""
    records = await _appointments(nursery, VISITS, PLATFORM, ("patient", f"Patient/{baby}"))
    return await _whole(nursery, records, {})


async def one_of_mine(nursery: Nursery, caller: Caller, visit: str) -> Consultation:
    """A consultation to which the caller was asked; raises Refusal `not-found`."""
    found = await read_all(nursery.store, VISITS, PLATFORM, [("Appointment", visit)])
    whole = await _whole(nursery, list(found.values()), {})
    if not whole or caller.practitioner is None or whole[0].booked.expert != caller.practitioner:
        raise not_found()
    return whole[0]


async def open_about(nursery: Nursery, baby: str) -> tuple[Booked, ...]:
    """The consultations about a baby that are not over, all of them."""
    kind, about, status = f"{NEWBORN}|{REMOTE_CONSULTATION}", f"Patient/{baby}", "pending,booked,arrived,checked-in"
    records = await found_all(
        nursery.store, VISITS, PLATFORM, "Appointment", appointment_type=kind, patient=about, status=status
    )
    read = [consultation_from(each.value, version=each.version) for each in records]
    return tuple(each for each in read if each is not None and each.state not in OVER)


async def _appointments(nursery: Nursery, caller: Caller, why: Purpose, whose: tuple[str, str]) -> Sequence[Record]:
    """The last month's, and those to come; at most `SHOWN_MAX`, the latest."""
    since = Instant(nursery.clock() - SHOWN_DAYS * DAY)
    wanted = SearchRequest(
        type="Appointment",
        parameters=(
            whose,
            ("appointment-type", f"{NEWBORN}|{REMOTE_CONSULTATION}"),
            ("date", f"ge{to_fhir_instant(since)}"),
            ("_sort", "-date"),
            ("_count", str(SHOWN_MAX)),
        ),
    )
    return (await nursery.store.search(caller, why, wanted)).records


async def _whole(nursery: Nursery, records: Sequence[Record], babies: Any) -> tuple[Consultation, ...]:
    """Consultations with what was asked and answered, and the names of who did."""
    booked = [each for one in records if (each := consultation_from(one.value, version=one.version)) is not None]
    store = nursery.store
    kinds = ("ServiceRequest", "DiagnosticReport")
    said = await read_all(store, VISITS, PLATFORM, [(kind, each.id) for each in booked for kind in kinds])
    asked = {
        each.id: one
        for each in booked
        if ("ServiceRequest", each.id) in said
        and (one := asked_from(said["ServiceRequest", each.id].value)) is not None
    }
    experts = sorted({each.expert for each in booked})
    roles = await houses_of(store, experts)
    people = [*experts, *sorted({each.by for each in asked.values()})]
    wanted = [*practitioners(people), *organisations(roles.values()), *(("Location", each.ward) for each in booked)]
    names = await read_all(store, VISITS, PLATFORM, wanted)
    return tuple(
        Consultation(
            booked=each,
            asked=asked.get(each.id),
            by=name_in(names, "Practitioner", asked[each.id].by if each.id in asked else ""),
            expert=name_in(names, "Practitioner", each.expert),
            house=name_in(names, "Organization", roles.get(each.expert, "")),
            ward=name_in(names, "Location", each.ward),
            opinion=opinion_from(said["DiagnosticReport", each.id].value)
            if ("DiagnosticReport", each.id) in said
            else None,
            baby=babies.get(each.baby),
        )
        for each in booked
    )
