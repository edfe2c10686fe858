"""A second person confirms what a nurse scanned; then the visit is armed, still behind the curtain.

Rule: docs/rules/newborn-visits.md
"""

from __future__ import annotations

from contextlib import suppress

from tianfu.access.caller import Caller
from tianfu.apps.newborn.actions.scan_codes import binding_said, scans_of
from tianfu.apps.newborn.live.bed import visit_of, ward_now
from tianfu.apps.newborn.live.house import House
from tianfu.apps.newborn.live.keeper import lease_seconds
from tianfu.apps.newborn.live.standing import Standing, read, written
from tianfu.apps.newborn.mapping.visits import Booked
from tianfu.apps.newborn.model.binding import Binding, confirmed
from tianfu.apps.newborn.model.visit import armed, rebound
from tianfu.apps.newborn.model.windows import policy_from, policy_on
from tianfu.apps.newborn.model.workload import RESCANNED, SCANNED, refuse_beyond, shift_at
from tianfu.apps.newborn.queries.workload import course_of
from tianfu.kernel.instants import SECOND, Instant, china_date
from tianfu.kernel.refusal import Refusal


async def confirm_binding(house: House, caller: Caller, second: str, visit: str, *, now: Instant) -> None:
    """Arm a visit, or bind it anew after a move, by the word of a second person; `second` is her Practitioner.

    Raises Refusal `not-found`, `same-person`, `scans-too-old`, `another-baby`, `visit-cut`, `slot-not-begun`,
    `visit-not-there-yet`, `nurse-at-capacity`, or as `bound` does.  What was refused is in the trail.
    """
    booked = await visit_of(house, caller, visit)
    facts = {"visit": visit}
    try:
        scans = scans_of(await house.rooms.scans(visit))
        binding = await binding_said(house, booked, scans, now=max((each.at for each in scans), default=now))
        binding = confirmed(binding, by=second, now=now)
        if binding.baby != booked.baby:
            raise Refusal("another-baby", next_step="scan-again")
        await _bind(house, booked, binding, first=min(each.at for each in scans), now=now)
    except Refusal as refusal:
        await house.trail.did(caller, "confirm-binding", patient=booked.baby, outcome=refusal.code, facts=facts)
        raise
    await house.rooms.forget_scans(visit)
    await house.trail.did(caller, "confirm-binding", patient=booked.baby, facts=facts)


async def _bind(house: House, booked: Booked, binding: Binding, *, first: Instant, now: Instant) -> None:
    room = await house.rooms.find(booked.id)
    if room is None:
        await _arm(house, booked, binding, first=first, now=now)
        return
    heard_at = min(room.heard_at, now)  # her tablet may have been heard of since this began
    ward = await ward_now(house, booked, binding.camera, nurse_heard_at=heard_at, is_being_leased=True, now=now)
    async with house.rooms.changing(booked.id) as changing:
        await changing.refuse_unscanned(binding.camera)
        standing = read(changing.room.state)
        bound_anew = standing.having(RESCANNED, by=binding.scanned_by, at=now)
        after = bound_anew.becoming(rebound(standing.visit, binding, ward, now=now), now=now)
        await changing.put(written(after), camera=binding.camera, is_over=False, is_seen=False, at=now)
        if binding.camera != changing.room.camera:  # a room looks at one camera for ever
            await house.media.close(booked.id, "bound-anew")
            await house.media.open_room(booked.id, binding.camera, lease_seconds=lease_seconds(after.visit, now=now))
    await house.rooms.leased(booked.id, Instant(now + int(lease_seconds(after.visit, now=now) * SECOND)))


async def _arm(house: House, booked: Booked, binding: Binding, *, first: Instant, now: Instant) -> None:
    """Have the visit kept, then open its room behind the curtain.

    The row comes first: of two who confirm at one moment the second touches no room.  Where the room cannot be opened
    the keeper opens it by the row, shielded.
    """
    ward = await ward_now(house, booked, binding.camera, nurse_heard_at=now, is_being_leased=True, now=now)
    visit = armed(booked.visit, binding, ward, now=now)
    nurse = binding.scanned_by
    scanned = Standing(booked=booked, visit=booked.visit).having(SCANNED, by=nurse, at=first)
    standing = scanned.becoming(visit, now=now, by=nurse)
    policies = [policy_from(each) for each in await house.policies.policies(booked.ward)]
    policy = policy_on(policies, china_date(shift_at(policies, now).start))
    await house.media.life()  # without a media server nothing is kept, and she tries again
    await house.rooms.begin(
        booked.id,
        ward=booked.ward,
        camera=binding.camera,
        nurse=nurse,
        state=written(standing),
        decide=lambda rooms: refuse_beyond(policy, map(course_of, rooms), nurse),
        at=now,
    )
    seconds = lease_seconds(visit, now=now)
    await house.rooms.leased(booked.id, Instant(now + int(seconds * SECOND)))
    await house.media.close(booked.id, "opened-again")
    with suppress(Refusal):  # the keeper was faster
        await house.media.open_room(booked.id, binding.camera, lease_seconds=seconds)
