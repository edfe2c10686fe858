"""What the ward's desk and the head nurse see: who asks, whose babies, who is booked, and how fair it was."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from tianfu.access.caller import Caller
from tianfu.apps.newborn.mapping.codes import GUARDIANSHIP_DISPUTE, NEWBORN
from tianfu.apps.newborn.mapping.consents import Given, given_of
from tianfu.apps.newborn.mapping.guardians import Guardian, guardian_of, name_of
from tianfu.apps.newborn.mapping.halts import Pause, pause_in
from tianfu.apps.newborn.mapping.visits import Booked, Element, booked_from, id_in
from tianfu.apps.newborn.model.fairness import Seen, seen_before
from tianfu.apps.newborn.model.visit import State
from tianfu.apps.newborn.model.windows import BOUNDS, MINUTE
from tianfu.apps.newborn.ports import Nursery
from tianfu.apps.newborn.queries.records import (
    WARD_WORK,
    bed_of,
    found_all,
    not_found,
    read_all,
    ward_of_unit,
)
from tianfu.apps.newborn.queries.wordings import ReadingLine, read_reading
from tianfu.apps.newborn.queries.workload import minutes_since
from tianfu.kernel.instants import DAY, Instant
from tianfu.services.accounts.model.people import Account
from tianfu.services.booking.claims import Claim
from tianfu.services.booking.places import Fate, Place
from tianfu.services.realtime.kept import KeptRooms

REPORT_DAYS = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class WardBaby:
    """A baby of the ward, as its desk sees it."""

    id: str
    name: str
    bed: str
    order: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """The desk's first page; `pauses` are the babies whose visits a doctor paused."""

    ward: str
    ward_name: str
    babies: tuple[WardBaby, ...]
    claims: tuple[tuple[Claim, Account, WardBaby | None], ...]
    to_approve: tuple[tuple[Booked, WardBaby | None], ...]
    booked: tuple[tuple[Place, WardBaby | None], ...]
    pauses: Mapping[str, Pause]


@dataclass(frozen=True, slots=True, kw_only=True)
class BabyDesk:
    """One baby at the desk."""

    ward: str
    baby: WardBaby
    guardians: tuple[tuple[Guardian, Given | None], ...]
    is_disputed: bool
    places: tuple[Place, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A family in the report of fairness."""

    baby: WardBaby
    seen: Seen
    cancelled: int
    refused: int
    waited: int
    moved_up: int
    by_staff: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The last 30 days, who was seen least first.

    `reasons` are those of the ward's refusals, cancellations and break-offs.
    `minutes` is how long visits kept the ward's nurses busy; None where an installation shows no visits.
    """

    lines: tuple[Line, ...]
    reasons: tuple[tuple[str, int], ...]
    minutes: int | None
    visits: int
    reading: tuple[ReadingLine, ...]


async def read_desk(nursery: Nursery, caller: Caller) -> Desk:
    """What waits at the ward of the caller; raises Refusal `not-found` where he has none."""
    ward = await ward_of_unit(nursery.store, caller)
    now = nursery.clock()
    babies = await ward_babies(nursery, caller)
    begun = Instant(now - BOUNDS["slot_minutes"][1] * MINUTE)
    taken = await nursery.places.taken(ward.id, begun, Instant(now + 14 * DAY))
    # A first visit that nobody said yes to waits for it most when it has begun.
    places = [each for each in taken if each.end > now]
    found = await read_all(nursery.store, caller, WARD_WORK, [("Appointment", each.id) for each in places])
    booked = [booked_from(each.value, version=each.version) for each in found.values()]
    pending = [each for each in booked if each is not None and each.state is State.GUARDIAN_VERIFIED]
    return Desk(
        ward=ward.id,
        ward_name=str(ward.value.get("name", "")),
        babies=tuple(babies.values()),
        claims=tuple(
            (claim, account, babies.get(claim.baby)) for claim, account in await nursery.claims.of_ward(ward.id)
        ),
        to_approve=tuple((each, babies.get(each.baby)) for each in sorted(pending, key=lambda one: one.start)),
        booked=tuple(
            (each, babies.get(each.baby)) for each in sorted(places, key=lambda one: one.start) if each.start > now
        ),
        pauses=await _pauses(nursery, caller, babies),
    )


async def _pauses(nursery: Nursery, caller: Caller, babies: Collection[str]) -> dict[str, Pause]:
    """Whose visits a doctor paused, and why."""
    if not babies:
        return {}
    about = ",".join(f"Patient/{each}" for each in babies)
    flags = [each.value for each in await found_all(nursery.store, caller, WARD_WORK, "Flag", patient=about)]
    of = {each: pause_in(one for one in flags if id_in(one.get("subject"), "Patient") == each) for each in babies}
    return {baby: pause for baby, pause in of.items() if pause is not None}


async def ward_babies(nursery: Nursery, caller: Caller) -> Mapping[str, WardBaby]:
    """The babies that stay in the caller's unit now, by bed; as many as he may see."""
    stays = await found_all(
        nursery.store,
        caller,
        WARD_WORK,
        "Encounter",
        service_provider=f"Organization/{caller.organisation}",
        status="in-progress",
    )
    beds = {id_in(each.value.get("subject"), "Patient"): bed_of(each.value) for each in stays if bed_of(each.value)}
    wanted = [("Patient", baby) for baby in beds] + [("Location", bed) for bed in beds.values()]
    found = await read_all(nursery.store, caller, WARD_WORK, wanted)
    babies = [
        WardBaby(
            id=baby,
            name=name_of(found["Patient", baby].value),
            bed=str(found["Location", bed].value.get("name", "")) if ("Location", bed) in found else "",
            order=int(found["Patient", baby].value.get("multipleBirthInteger", 0)),
        )
        for baby, bed in beds.items()
        if ("Patient", baby) in found
    ]
    return {each.id: each for each in sorted(babies, key=_by_bed)}


async def read_baby_desk(nursery: Nursery, caller: Caller, baby: str) -> BabyDesk:
    """One baby of the caller's ward; raises Refusal `not-found`."""
    ward = await ward_of_unit(nursery.store, caller)
    babies = await ward_babies(nursery, caller)
    if baby not in babies:
        raise not_found()
    about = f"Patient/{baby}"
    people = await found_all(nursery.store, caller, WARD_WORK, "RelatedPerson", patient=about)
    consents = await found_all(nursery.store, caller, WARD_WORK, "Consent", patient=about)
    flags = await found_all(nursery.store, caller, WARD_WORK, "Flag", patient=about)
    given = {
        each.guardian: each
        for each in (given_of(one.value, version=one.version) for one in consents)
        if each is not None and each.scopes
    }
    read = [guardian_of(each.value, now=nursery.clock()) for each in people]
    return BabyDesk(
        ward=ward.id,
        baby=babies[baby],
        guardians=tuple((each, given.get(each.id)) for each in read if each is not None),
        is_disputed=any(_is_disputed(each.value) for each in flags),
        places=await nursery.places.of_baby(baby),
    )


async def read_report(nursery: Nursery, caller: Caller, rooms: KeptRooms | None) -> Report:
    """How the last 30 days were shared among the babies of the ward."""
    ward, now = await ward_of_unit(nursery.store, caller), nursery.clock()
    babies = await ward_babies(nursery, caller)
    since = Instant(now - REPORT_DAYS * DAY)
    until = Instant(now + REPORT_DAYS * DAY)
    fates = await nursery.places.fates(ward.id, since, until)
    waited = await nursery.places.waited(ward.id, since, until)
    lines = [_line(each, fates, waited.get(each.id, (0, 0)), now) for each in babies.values()]
    done = [each for each in fates if each.freed_by is None and each.end <= now]
    return Report(
        lines=tuple(sorted(lines, key=lambda one: (one.seen.in_30_days, _by_bed(one.baby)))),
        reasons=tuple(Counter(_said_by_ward(fates)).most_common()),
        minutes=None if rooms is None else await minutes_since(rooms, ward.id, since, days=REPORT_DAYS, now=now),
        visits=len(done),
        reading=await read_reading(nursery, ward.id, since, now),
    )


def _said_by_ward(fates: Iterable[Fate]) -> Iterator[str]:
    """Why the ward gave up what was booked, and why it broke off what was seen."""
    for each in fates:
        if each.freed_by == "ward":
            yield each.freed_reason
        elif each.broken_off:
            yield each.broken_off


def _line(baby: WardBaby, fates: Sequence[Fate], waited: tuple[int, int], now: Instant) -> Line:
    own = [each for each in fates if each.baby == baby.id]
    return Line(
        baby=baby,
        seen=seen_before([each.start for each in own if each.freed_by is None], now),
        cancelled=sum(each.freed_by == "family" for each in own),
        refused=sum(each.freed_by == "ward" for each in own),
        waited=waited[0],
        moved_up=waited[1],
        by_staff=sum(each.by_staff and each.freed_by is None for each in own),
    )


def _by_bed(baby: WardBaby) -> tuple[int, str, str]:
    """Beds in the order of their numbers: 2 before 10."""
    digits = re.sub(r"\D", "", baby.bed)
    return int(digits) if digits.isascii() and digits else 0, baby.bed, baby.id


def _is_disputed(flag: Element) -> bool:
    codes = {
        (one.get("system"), one.get("code")) for each in flag.get("category", ()) for one in each.get("coding", ())
    }
    return (NEWBORN, GUARDIANSHIP_DISPUTE) in codes and flag.get("status") == "active"
