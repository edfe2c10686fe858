"""Screen: the cameras of a head nurse's wards, how it stands with each, and at which bed it hangs."""

from __future__ import annotations

from dataclasses import dataclass

from tianfu.access.caller import Caller
from tianfu.access.purpose import Purpose
from tianfu.apps.newborn.live.house import House
from tianfu.apps.newborn.mapping.codes import VISITS
from tianfu.apps.newborn.mapping.wards import bed_of_camera, camera_label
from tianfu.apps.newborn.queries.carts import BEDS_MAX, beds_of
from tianfu.apps.newborn.queries.watch import CameraHealth
from tianfu.kernel.refusal import Refusal
from tianfu.records.searching import SearchRequest
from tianfu.services.realtime.cameras.registry import Health, Kind, State


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptCamera:
    """A camera at a bed; `label` is what is printed on it, `bed` what is printed on the bed, `bed_id` its Location."""

    id: str
    label: str
    bed: str
    bed_id: str
    kind: Kind
    is_on: bool
    health: Health

    @property
    def is_away(self) -> bool:
        """Whether somebody should look after it: a cart that nobody put on air is no fault."""
        return self.is_on and self.kind is not Kind.CART and self.health.state in {State.AWAY, State.REFUSED}


async def read_cameras(house: House, cameras: CameraHealth, caller: Caller) -> tuple[KeptCamera, ...]:
    """The registered cameras at beds of the caller's wards: those first that want looking after, then by bed."""
    beds = await beds_of(house, caller)
    kept = {each.camera: each for each in await cameras.kept()}
    health = {each.camera: each for each in await cameras.health()}
    if not beds or not kept:
        return ()
    wanted = SearchRequest(
        type="Device",
        parameters=(("location", ",".join(f"Location/{bed}" for bed in beds)), ("_count", str(BEDS_MAX))),
    )
    devices = (await house.store.search(VISITS, Purpose.OPERATIONS, wanted)).records
    found = [
        KeptCamera(
            id=each.id,
            label=camera_label(each.value),
            bed=beds[bed],
            bed_id=bed,
            kind=kept[each.id].kind,
            is_on=kept[each.id].is_on,
            health=health[each.id],
        )
        for each in devices
        if each.id in kept and each.id in health and (bed := bed_of_camera(each.value)) in beds
    ]
    return tuple(sorted(found, key=lambda each: (not each.is_away, each.bed, each.label)))


async def read_camera(house: House, cameras: CameraHealth, caller: Caller, camera: str) -> KeptCamera:
    """One of them; raises Refusal `not-found` for any other."""
    for each in await read_cameras(house, cameras, caller):
        if each.id == camera:
            return each
    raise Refusal("not-found", next_step="start-again")
