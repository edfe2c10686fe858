"""The head nurse keeps her ward's cameras: registers, gives another address or login, moves to another bed, retires.

What a camera shows is looked at before it is taken; what is moved or retired is cut at once, as any change of a camera.
How it is done by command: docs/how-to/register-a-camera.md
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import orjson

from tianfu.access.caller import Caller
from tianfu.access.purpose import Purpose
from tianfu.apps.newborn.live.house import House
from tianfu.apps.newborn.mapping.codes import VISITS
from tianfu.apps.newborn.ports import RecordStore
from tianfu.apps.newborn.queries.cameras import KeptCamera, read_camera
from tianfu.apps.newborn.queries.carts import beds_of
from tianfu.apps.newborn.queries.records import read_one
from tianfu.kernel.refusal import Fault, Refusal
from tianfu.services.realtime.cameras.looking import PageLooks
from tianfu.services.realtime.cameras.registering import Wish, register_camera
from tianfu.services.realtime.cameras.registry import Cameras, Kind
from tianfu.services.realtime.cameras.source import Source, read_source
from tianfu.standards.fhir.parsing import parse_resource

WHY = Purpose.OPERATIONS
LABEL_CHARACTERS_MAX = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraDesk:
    """What the head nurse's page of cameras stands on."""

    house: House
    store: RecordStore
    cameras: Cameras
    looks: PageLooks = field(default_factory=PageLooks)


async def add_camera(desk: CameraDesk, caller: Caller, form: Mapping[str, str]) -> None:
    """Register a camera or a cart at a bed of her ward.

    Raises Refusal `camera-unusable` with faults, `bed-unknown`, and as `register_camera` does.
    """
    label, kind = form["label"].strip(), form["kind"]
    beds = await beds_of(desk.house, caller)
    faults = []
    if not label or len(label) > LABEL_CHARACTERS_MAX or not label.isprintable() or set(label) & set("|,$\\"):
        faults.append(Fault("label", "text-needed"))
    if form["bed"] not in beds:
        faults.append(Fault("bed", "choose-one"))
    if kind not in set(Kind):
        faults.append(Fault("kind", "choose-one"))
    elif kind == Kind.RTSP and not form["address"].strip():
        faults.append(Fault("address", "text-needed"))
    if faults:
        raise Refusal("camera-unusable", faults=tuple(faults))
    source = _source(form) if kind == Kind.RTSP else None
    wish = Wish(label=label, bed=beds[form["bed"]], kind=Kind(kind), source=source)
    await register_camera(desk.store, desk.cameras, VISITS, WHY, wish, by=caller, look=desk.looks.refuse_unfit)


async def change_login(desk: CameraDesk, caller: Caller, camera: str, form: Mapping[str, str]) -> None:
    """Give a camera another address or login, once its pictures were looked at.

    Raises Refusal `not-found`, `camera-unusable`, `camera-address-known`, `camera-bound`, and as
    `PageLooks.refuse_unfit` does.
    """
    kept = await read_camera(desk.house, desk.cameras, caller, camera)
    if kept.kind is not Kind.RTSP:
        raise Refusal("not-found", next_step="start-again")
    if not form["address"].strip():
        raise Refusal("camera-unusable", faults=(Fault("address", "text-needed"),))
    source = _source(form)
    await desk.cameras.refuse_shared(source, besides=camera)
    await desk.looks.refuse_unfit(source)
    await desk.cameras.move(camera, source, by=caller)


async def hang_camera(desk: CameraDesk, caller: Caller, camera: str, bed: str) -> None:
    """A camera hangs at another bed of her ward; a visit that it shows is cut, and must be bound anew.

    Raises Refusal `not-found`, `camera-unusable` or `version-conflict`.
    """
    await read_camera(desk.house, desk.cameras, caller, camera)
    if bed not in await beds_of(desk.house, caller):
        raise Refusal("camera-unusable", faults=(Fault("bed", "choose-one"),))
    record = await read_one(desk.store, VISITS, WHY, "Device", camera)
    device = {name: value for name, value in record.value.items() if name != "meta"}
    device["location"] = {"reference": f"Location/{bed}"}
    # First in the trail: if the record is not written, the trail says too much and never too little.
    await desk.cameras.hang(camera, bed, by=caller)
    await desk.store.update(VISITS, WHY, parse_resource(orjson.dumps(device)), camera, expected_version=record.version)


async def switch_camera(desk: CameraDesk, caller: Caller, camera: str, *, is_on: bool) -> KeptCamera:
    """Use a camera no more, which cuts what it shows within a second, or use it again.

    Raises Refusal `not-found`, or `camera-address-known` if another in use has its address meanwhile.
    """
    kept = await read_camera(desk.house, desk.cameras, caller, camera)
    await desk.cameras.switch(camera, is_on=is_on, by=caller)
    return kept


def _source(form: Mapping[str, str]) -> Source:
    return read_source(form["address"].strip(), form["user"].strip(), form["password"])
