"""What every deed at a bed begins with: who asks, whether the visit is hers to see, and what is true there now."""

from __future__ import annotations

from collections.abc import Callable

from tianfu.access.caller import Caller
from tianfu.access.purpose import Purpose
from tianfu.apps.newborn.live.house import House
from tianfu.apps.newborn.live.keeper import LEASE_SECONDS
from tianfu.apps.newborn.live.standing import Standing, read, written
from tianfu.apps.newborn.mapping.visits import Booked, at_bed_from
from tianfu.apps.newborn.model.visit import Visit, Ward
from tianfu.apps.newborn.queries.facts import read_facts
from tianfu.apps.newborn.queries.round import read_wards
from tianfu.kernel.instants import SECOND, Instant
from tianfu.kernel.refusal import Refusal
from tianfu.records.outcomes import Found
from tianfu.services.realtime.kept import Changing
from tianfu.web.asking import Asking

NURSES = frozenset({"nurse"})
"""Who scans, opens and ends."""

STAFF = NURSES | {"doctor"}
"""Who may draw a curtain and hold a ward: it shows nothing to anybody."""


def practitioner_of(asking: Asking, roles: frozenset[str]) -> str:
    """The Practitioner who asks; to everybody else these pages are not there.

    Raises Refusal `not-found`, and `practitioner-missing` for staff whom the directory does not know by name.
    """
    caller = asking.caller
    if caller.role not in roles or not asking.allows(Purpose.TREATMENT):
        raise not_found()
    if caller.practitioner is None:
        raise Refusal("practitioner-missing", next_step="ask-your-office")
    return caller.practitioner


async def visit_of(house: House, caller: Caller, visit: str) -> Booked:
    """A visit that the caller may see because she cares for its baby; raises Refusal `not-found`.

    The Appointment and the baby must both be open to her: a ward's nurse by the baby's stay in her unit.
    """
    [answer] = await house.store.read_many(caller, Purpose.TREATMENT, [("Appointment", visit)])
    booked = at_bed_from(answer.record.value, version=answer.record.version) if isinstance(answer, Found) else None
    if booked is None:
        raise not_found()
    [baby] = await house.store.read_many(caller, Purpose.TREATMENT, [("Patient", booked.baby)])
    if not isinstance(baby, Found):
        raise not_found()
    return booked


async def kept_visit_of(house: House, caller: Caller, visit: str) -> Booked:
    """A visit at the bed in one of the caller's wards, as it was booked when it came there; any other as `visit_of`.

    What may be shown less depends on nobody's record: whoever could take an Appointment away would take the curtain
    from the nurse with it.
    """
    room = await house.rooms.find(visit)
    if room is not None and room.ward in {each.id for each in await read_wards(house, caller)}:
        return read(room.state).booked
    return await visit_of(house, caller, visit)


async def ward_now(
    house: House, booked: Booked, camera: str, *, nurse_heard_at: Instant, is_being_leased: bool, now: Instant
) -> Ward:
    """Everything that may cut a visit short, read just now."""
    facts = (await read_facts(house.store, [booked], [camera], house.digest, now=now))[booked.id]
    room = await house.rooms.find(booked.id)
    until = now + int(LEASE_SECONDS * SECOND) if is_being_leased else room.lease_until if room else 0
    return facts.ward(
        is_held=booked.ward in await house.rooms.held(),
        camera_is_healthy=await house.rooms.has_camera(camera),
        nurse_heard_at=nurse_heard_at,
        lease_until=Instant(until),
    )


async def ward_behind_lock(house: House, changing: Changing, *, nurse_heard_at: Instant, now: Instant) -> Ward:
    """The same of a visit that is locked, read behind its lock.

    Raises Refusal `room-closed` where the record says that it is over, or knows no such visit any more.
    """
    room = changing.room
    booked = read(room.state).booked
    facts = (await read_facts(house.store, [booked], [room.camera], house.digest, now=now))[booked.id]
    if facts.is_given_up:
        raise Refusal("room-closed", next_step="start-again")
    return facts.ward(
        is_held=booked.ward in await changing.held(),
        camera_is_healthy=await changing.has_camera(room.camera),
        nurse_heard_at=nurse_heard_at,
        lease_until=room.lease_until,
    )


async def change_standing(
    house: House, visit: str, change: Callable[[Visit], Visit], *, by: str, now: Instant
) -> Standing:
    """Change a visit at the bed as it stands now; raises Refusal `room-unknown`, and what the change raises.

    `by` is the Practitioner who does it, or empty.
    """
    async with house.rooms.changing(visit) as changing:
        standing = read(changing.room.state)
        after = change(standing.visit)
        stands = standing.becoming(after, now=now, by=by)
        if after != standing.visit:
            await changing.put(
                written(stands), camera=changing.room.camera, is_over=stands.is_over, is_seen=False, at=now
            )
    return stands


def not_found() -> Refusal:
    """There is no such page for who asks."""
    return Refusal("not-found", next_step="start-again")
