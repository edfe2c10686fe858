"""Screen: the carts of a nurse's wards, at which bed each stands, and whether one may let the ward be heard."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from tianfu.access.caller import Caller
from tianfu.access.purpose import Purpose
from tianfu.apps.newborn.live.house import House
from tianfu.apps.newborn.live.standing import read
from tianfu.apps.newborn.mapping.codes import BED_CODE, VISITS
from tianfu.apps.newborn.mapping.visits import Element, id_in
from tianfu.apps.newborn.mapping.wards import bed_of_camera, camera_label
from tianfu.apps.newborn.queries.round import read_wards
from tianfu.kernel.refusal import Refusal
from tianfu.records.searching import SearchRequest
from tianfu.services.realtime.cameras.registry import Kept, Kind
from tianfu.services.realtime.grants import Connection

BEDS_MAX = 200


class CameraBook(Protocol):
    """The call of `services.realtime.cameras.registry.Cameras` that tells a cart from a camera on the wall."""

    async def kept(self) -> Sequence[Kept]:
        """All cameras that are registered."""
        ...


class CartDoor(Protocol):
    """The call of `services.realtime.grants.Grants` by which a cart that is on air is known again."""

    async def connection(self, secret: str) -> Connection:
        """The connection of this secret; raises Refusal `connection-unknown`."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Sound:
    """What becomes of the sound of a cart: whether a curtain is open on it, and whether a family hears the ward."""

    is_open: bool
    is_heard: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Cart:
    """A cart at a bed; `label` is what is printed on it, `bed` what is printed on the bed."""

    id: str
    label: str
    bed: str


async def read_carts(house: House, book: CameraBook, caller: Caller) -> tuple[Cart, ...]:
    """The carts at beds of the wards of the caller's unit, by bed."""
    beds = await beds_of(house, caller)
    carts = {each.camera for each in await book.kept() if each.kind is Kind.CART and each.is_on}
    if not beds or not carts:
        return ()
    wanted = SearchRequest(
        type="Device",
        parameters=(("location", ",".join(f"Location/{bed}" for bed in beds)), ("_count", str(BEDS_MAX))),
    )
    devices = (await house.store.search(VISITS, Purpose.OPERATIONS, wanted)).records
    found = [
        Cart(id=each.id, label=camera_label(each.value), bed=beds[bed])
        for each in devices
        if each.id in carts and (bed := bed_of_camera(each.value)) in beds
    ]
    return tuple(sorted(found, key=lambda cart: (cart.bed, cart.label)))


async def read_cart(house: House, book: CameraBook, caller: Caller, camera: str) -> Cart:
    """One of them; raises Refusal `not-found` for any other."""
    for cart in await read_carts(house, book, caller):
        if cart.id == camera:
            return cart
    raise Refusal("not-found", next_step="start-again")


async def read_sound(house: House, door: CartDoor, caller: Caller, camera: str, secret: str) -> Sound:
    """Whether the microphone of a cart may be on, and whether anybody hears it.

    The page asks this often, so no record is read: the secret of its connection says that it is the device which sends
    under this camera's name, for this nurse.  Raises Refusal `connection-unknown` for anybody else.
    """
    await connection_of(door, caller, camera, secret)
    rooms = [read(room.state) for room in await house.rooms.at_work() if room.camera == camera and not room.is_over]
    live = [each for each in rooms if each.is_live]
    return Sound(is_open=bool(live), is_heard=any(each.is_ward_heard for each in live))


async def connection_of(door: CartDoor, caller: Caller, camera: str, secret: str) -> Connection:
    """The connection over which a cart sends that this nurse put on air; raises Refusal `connection-unknown`."""
    connection = await door.connection(secret)
    if connection.camera != camera or connection.caller.id != caller.id:
        raise Refusal("connection-unknown", next_step="join-again")
    return connection


async def beds_of(house: House, caller: Caller) -> dict[str, str]:
    """The beds of the wards of the caller's unit, each with what is printed on it."""
    wards = await read_wards(house, caller)
    if not wards:
        return {}
    wanted = SearchRequest(
        type="Location",
        parameters=(("partof", ",".join(f"Location/{each.id}" for each in wards)), ("_count", str(BEDS_MAX))),
    )
    page = await house.store.search(caller, Purpose.TREATMENT, wanted)
    hers = {each.id for each in wards}
    return {each.id: _label(each.value) for each in page.records if id_in(each.value.get("partOf"), "Location") in hers}


def _label(bed: Element) -> str:
    labels = (each.get("value", "") for each in bed.get("identifier", ()) if each.get("system") == BED_CODE)
    return str(next(labels, bed.get("name", "")))
