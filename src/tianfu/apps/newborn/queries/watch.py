"""Screen: what a ward's console watches beside the visits: its cameras, and who must be called."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from tianfu.access.caller import Caller
from tianfu.access.purpose import Purpose
from tianfu.apps.newborn.actions.set_policy import broken_by
from tianfu.apps.newborn.live.house import House
from tianfu.apps.newborn.mapping.codes import VISITS
from tianfu.apps.newborn.mapping.wards import bed_of_camera, camera_label
from tianfu.apps.newborn.ports import Nursery
from tianfu.apps.newborn.queries.carts import BEDS_MAX, beds_of
from tianfu.apps.newborn.queries.desk import WardBaby, ward_babies
from tianfu.apps.newborn.queries.records import ward_of_unit
from tianfu.kernel.instants import Instant
from tianfu.kernel.refusal import Refusal
from tianfu.records.searching import SearchRequest
from tianfu.services.booking.places import Place
from tianfu.services.realtime.cameras.registry import Health, Kept, Kind, State


class CameraHealth(Protocol):
    """The calls of `services.realtime.cameras.registry.Cameras` that tell how it stands with cameras."""

    async def kept(self) -> Sequence[Kept]:
        """All cameras that are registered."""
        ...

    async def health(self) -> Sequence[Health]:
        """How it stands with every camera."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """A camera at a bed; `label` is what is printed on it, `bed` what is printed on the bed."""

    label: str
    bed: str
    state: State
    since: Instant

    @property
    def is_away(self) -> bool:
        """Whether somebody should look after it."""
        return self.state in {State.AWAY, State.REFUSED}


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """The cameras of the reader's wards by bed, and the visits whose families must be called."""

    cameras: tuple[Watched, ...]
    to_call: tuple[tuple[Place, WardBaby | None], ...]


async def read_watch(house: House, cameras: CameraHealth, nursery: Nursery, caller: Caller) -> Watch:
    """What the console shows; a unit without a ward has neither."""
    return Watch(cameras=await _cameras(house, cameras, caller), to_call=await _to_call(nursery, caller))


async def _cameras(house: House, cameras: CameraHealth, caller: Caller) -> tuple[Watched, ...]:
    beds = await beds_of(house, caller)
    # A cart that nobody put on air is no fault.
    walls = {each.camera for each in await cameras.kept() if each.kind is not Kind.CART}
    told = await cameras.health()
    health = {each.camera: each for each in told if each.camera in walls or each.state is State.HEALTHY}
    if not beds or not health:
        return ()
    wanted = SearchRequest(
        type="Device",
        parameters=(("location", ",".join(f"Location/{bed}" for bed in beds)), ("_count", str(BEDS_MAX))),
    )
    devices = (await house.store.search(VISITS, Purpose.OPERATIONS, wanted)).records
    found = [
        Watched(label=camera_label(each.value), bed=beds[bed], state=health[each.id].state, since=health[each.id].since)
        for each in devices
        if each.id in health and (bed := bed_of_camera(each.value)) in beds
    ]
    return tuple(sorted(found, key=lambda each: (not each.is_away, each.bed, each.label)))


async def _to_call(nursery: Nursery, caller: Caller) -> tuple[tuple[Place, WardBaby | None], ...]:
    """Booked visits that have no slot any more by what the ward set: their families do not know it yet."""
    try:
        ward = await ward_of_unit(nursery.store, caller)
    except Refusal as refusal:
        if refusal.code != "not-found":
            raise
        return ()
    lost = await broken_by(nursery, ward.id, None)
    babies = await ward_babies(nursery, caller) if lost else {}
    return tuple((each, babies.get(each.baby)) for each in sorted(lost, key=lambda one: one.start))
