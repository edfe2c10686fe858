"""Registers a camera: looked at first, then a Device at its bed in the record, then where its pictures come from."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Protocol

import orjson

from tianfu.access.caller import OPERATOR, Caller
from tianfu.access.purpose import Purpose
from tianfu.kernel.refusal import Refusal
from tianfu.records.outcomes import Record, Unchanged, Written
from tianfu.records.searching import SearchRequest
from tianfu.services.realtime.cameras.pulling import refuse_unfit_source
from tianfu.services.realtime.cameras.registry import Cameras, Kind
from tianfu.services.realtime.cameras.source import Source
from tianfu.standards.fhir.parsing import ParsedResource, parse_resource

BED_CODE = "urn:tianfu:bed-code"
CAMERA_CODE = "urn:tianfu:camera-code"
"""What labels say: docs/rules/newborn-record.md"""


Look = Callable[[Source], Awaitable[None]]


async def refuse_unfit(source: Source) -> None:
    """Look thoroughly at a camera, wherever it is."""
    await refuse_unfit_source(source, is_thorough=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """A camera that shall be registered: what is printed on it and on its bed; `source` only for what is pulled."""

    label: str
    bed: str
    kind: Kind
    source: Source | None


class DeviceStore(Protocol):
    """The calls of `tianfu.records.Store` that registering needs."""

    async def search(self, caller: Caller, purpose: Purpose, wanted: SearchRequest) -> FoundDevices:
        """A page of the records that match."""
        ...

    async def create(self, caller: Caller, purpose: Purpose, resource: ParsedResource) -> Written | Unchanged:
        """Create a record."""
        ...


class FoundDevices(Protocol):
    """What of a search's answer is looked at."""

    @property
    def records(self) -> tuple[Record, ...]: ...


async def register_camera(
    store: DeviceStore,
    cameras: Cameras,
    caller: Caller,
    purpose: Purpose,
    wish: Wish,
    *,
    by: Caller = OPERATOR,
    look: Look = refuse_unfit,
) -> str:
    """The id of the Device, which is the camera's name on the media server; `by` is whom the trail names, `look`
    refuses what cannot be shown.

    Raises Refusal `bed-unknown`, `camera-known`, `camera-address-malformed`, `camera-address-known`, what
    `look` raises for pictures that cannot go on as they come, or what the store raises.  A Device
    without an address, left by a program that was killed in between, is used no more: its camera can be registered
    under another label.
    """
    if (wish.kind is Kind.RTSP) != (wish.source is not None):
        raise Refusal("camera-address-malformed")
    beds = await _found(store, caller, purpose, "Location", f"{BED_CODE}|{wish.bed}")
    if len(beds) != 1:
        raise Refusal("bed-unknown")
    if await _found(store, caller, purpose, "Device", f"{CAMERA_CODE}|{wish.label}"):
        raise Refusal("camera-known", next_step="change-it")
    if wish.source is not None:
        await cameras.refuse_shared(wish.source)
        await look(wish.source)
    device = {
        "resourceType": "Device",
        "identifier": [{"system": CAMERA_CODE, "value": wish.label}],
        "status": "active",
        "location": {"reference": f"Location/{beds[0]}"},
    }
    written = await store.create(caller, purpose, parse_resource(orjson.dumps(device)))
    camera = _id_of(written)
    await cameras.add(camera, wish.kind, wish.source, by=by)
    return camera


async def camera_labelled(store: DeviceStore, caller: Caller, purpose: Purpose, label: str) -> str:
    """The Device with a label; raises Refusal `camera-unknown`."""
    found = await _found(store, caller, purpose, "Device", f"{CAMERA_CODE}|{label}")
    if len(found) != 1:
        raise Refusal("camera-unknown", next_step="none")
    return found[0]


async def _found(store: DeviceStore, caller: Caller, purpose: Purpose, kind: str, identifier: str) -> list[str]:
    page = await store.search(caller, purpose, SearchRequest(type=kind, parameters=(("identifier", identifier),)))
    return [record.id for record in page.records]


def _id_of(written: Any) -> str:
    if not isinstance(written, Written):
        raise Refusal("camera-known", next_step="change-it")
    return written.id
