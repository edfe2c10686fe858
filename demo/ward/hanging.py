"""Hangs the test cameras at the beds of the made-up ward: in development, where the ward is in the record."""

from __future__ import annotations

from dataclasses import dataclass

from demo.ward.asking import ask_consultation
from demo.ward.beds import CART_CODE, TWINS, Bed, beds
from demo.ward.lens import Login
from demo.ward.telling import BED_CODE, CAMERA_CODE, WRISTBAND
from tianfu.access.caller import OPERATOR
from tianfu.access.purpose import Purpose
from tianfu.db import Addresses, Database
from tianfu.installation import installation_keys
from tianfu.kernel.instants import system_clock
from tianfu.kernel.refusal import Refusal
from tianfu.records.audit import GroupAuditor
from tianfu.records.keys import open_keyring
from tianfu.records.seals import Seals
from tianfu.records.store import SearchRequest, Store
from tianfu.records.trail.epochs import open_trail
from tianfu.services.realtime.cameras.registry import Cameras, Kind
from tianfu.services.realtime.cameras.source import Source, read_source
from tianfu.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Hung:
    """How many cameras hang, and what is scanned at the beds of the twins whom the mother may see."""

    cameras: int
    labels: tuple[str, ...]


async def hang_cameras(settings: Settings, addresses: Addresses, port: int, login: Login) -> Hung:
    """Let the cameras of the ward be pulled from this port of this machine.

    Their login is another one each time.
    """
    async with await Database.open(addresses, links_max=2) as database:
        trail = await open_trail(database, settings.home, system_clock)
        try:
            keys = installation_keys(settings)
            auditor = GroupAuditor(database, trail.lanes)
            store = await Store.open(database, auditor=auditor, clock=system_clock, keys=keys)
            devices = {bed.path: await _device(store, bed.camera_code) for bed in beds()}
            cart = await _device(store, CART_CODE)
            cameras = Cameras(database, Seals(await open_keyring(database, keys)), auditor=auditor, clock=system_clock)
            known = {each.camera for each in await cameras.kept()}
            if cart is not None and cart not in known:
                await cameras.add(cart, Kind.CART, None)
            hung = {path: device for path, device in devices.items() if device is not None}
            bound: list[str] = []
            for path, device in hung.items():
                source = read_source(f"rtsp://127.0.0.1:{port}/{path}", login.user, login.password)
                if not await _hang(cameras, device, source, is_known=device in known):
                    bound.append(path)
            await ask_consultation(store)
            labels = [await _labels(store, bed) for bed in beds() if bed.number in TWINS and bed.path in hung]
        finally:
            trail.close()
    return Hung(cameras=len(hung) - len(bound), labels=tuple(each for each in labels if each))


async def _labels(store: Store, bed: Bed) -> str:
    """What a nurse scans at a bed: wristband, bed and camera; empty if nobody lies there."""
    wanted = SearchRequest(
        type="Encounter",
        parameters=(
            ("location.identifier", f"{BED_CODE}|{bed.code}"),
            ("status", "in-progress"),
            ("_include", "Encounter:subject"),
        ),
    )
    page = await store.search(OPERATOR, Purpose.OPERATIONS, wanted)
    bands = [
        str(each["value"])
        for record in page.included
        for each in record.value.get("identifier", ())
        if each.get("system") == WRISTBAND
    ]
    return f"{bands[0]} {bed.code} {bed.camera_code}" if bands else ""


async def _device(store: Store, code: str) -> str | None:
    """The Device with a label; None where the province has no ward."""
    wanted = SearchRequest(type="Device", parameters=(("identifier", f"{CAMERA_CODE}|{code}"),))
    page = await store.search(OPERATOR, Purpose.OPERATIONS, wanted)
    return page.records[0].id if page.records else None


async def _hang(cameras: Cameras, device: str, source: Source, *, is_known: bool) -> bool:
    """Hang one; no if a visit that was under way when all was stopped still has it: it ends once somebody serves."""
    try:
        if is_known:
            await cameras.move(device, source)
        else:
            await cameras.add(device, Kind.RTSP, source)
    except Refusal as refusal:
        if refusal.code != "camera-bound":
            raise
        return False
    return True
