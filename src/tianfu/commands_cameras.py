"""The commands of cameras: docs/how-to/register-a-camera.md"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from tianfu.access.caller import OPERATOR
from tianfu.access.purpose import Purpose
from tianfu.db import Addresses, Database
from tianfu.installation import installation_keys, migrated_database
from tianfu.kernel.instants import Instant, china_date, system_clock
from tianfu.kernel.refusal import Refusal
from tianfu.settings import Settings
from tianfu.terminal import current_settings, err, out

if TYPE_CHECKING:
    from tianfu.records.store import Store
    from tianfu.services.realtime.cameras.registry import Cameras, Credential
    from tianfu.services.realtime.cameras.source import Source

Result = TypeVar("Result")

camera_commands = typer.Typer(no_args_is_help=True, help="Cameras of newborn wards.")

Label = Annotated[str, typer.Argument(help="what is printed on the camera")]
Address = Annotated[str | None, typer.Option(help="rtsp:// and where it is, without a login; none for a cart")]
User = Annotated[str, typer.Option(help="its user; the password is asked for")]


@dataclass(frozen=True, slots=True, kw_only=True)
class _House:
    store: Store
    cameras: Cameras


@camera_commands.command(name="add")
def add_camera(
    label: Label,
    bed: Annotated[str, typer.Option(help="what is printed on the bed")],
    address: Address = None,
    user: User = "",
    whip: Annotated[bool, typer.Option(help="an encoder that comes by itself and shows a credential")] = False,
) -> None:
    """Register a camera at a bed: with an address one that is fetched, with --whip an encoder, else a cart."""
    from tianfu.services.realtime.cameras.registering import Wish, register_camera
    from tianfu.services.realtime.cameras.registry import Kind

    source = None if address is None else _source(address, user)
    kind = Kind.WHIP if whip else Kind.CART if source is None else Kind.RTSP
    wish = Wish(label=label, bed=bed, kind=kind, source=source)

    async def work(house: _House) -> str:
        return await register_camera(house.store, house.cameras, OPERATOR, Purpose.OPERATIONS, wish)

    print(_with_cameras(work))


@camera_commands.command(name="login")
def change_camera(label: Label, address: Annotated[str, typer.Option(help="where it is")], user: User = "") -> None:
    """Give a camera another address or login; the old one is used no more within a second."""
    source = _source(address, user)

    async def work(house: _House) -> None:
        await house.cameras.move(await _named(house, label), source)

    _with_cameras(work)
    out.print(f"{label} has another address", markup=False)


@camera_commands.command(name="credential")
def give_credential(
    label: Label,
    take_back: Annotated[
        bool, typer.Option("--take-back", help="none is good any more, and what it sends ends")
    ] = False,
) -> None:
    """Give an encoder a new credential, shown this once; the one before ends when the new one is used, or in a day."""

    async def work(house: _House) -> Credential | None:
        camera = await _named(house, label)
        if take_back:
            await house.cameras.take_credentials_back(camera)
            return None
        return await house.cameras.new_credential(camera)

    credential = _with_cameras(work)
    if credential is None:
        out.print(f"{label} has no credential any more", markup=False)
    else:
        print(credential.text)
        err.print(f"good until {china_date(credential.until)}; give a new one before", markup=False)


@camera_commands.command(name="off")
def switch_off(label: Label) -> None:
    """Use a camera no more: what it shows is cut within a second."""
    _switch(label, is_on=False)


@camera_commands.command(name="on")
def switch_on(label: Label) -> None:
    """Use a camera again."""
    _switch(label, is_on=True)


@camera_commands.command(name="list")
def list_cameras() -> None:
    """Show each camera: name, state, reason, pictures a second, reconnections, when an encoder's credential ends."""

    async def work(house: _House) -> list[str]:
        encoders = {each.camera for each in await house.cameras.kept() if each.kind == "whip"}
        ends = await house.cameras.credential_ends()
        return [
            "\t".join(
                (
                    each.camera,
                    each.state,
                    each.reason or "-",
                    f"{each.pictures_per_second:.0f}",
                    str(each.reconnects),
                    _end_of_credential(ends.get(each.camera)) if each.camera in encoders else "-",
                )
            )
            for each in await house.cameras.health()
        ]

    for line in _with_cameras(work):
        print(line)


def _end_of_credential(end: Instant | None) -> str:
    if end is None:
        return "no credential"
    return f"{'ended' if end <= system_clock() else 'good until'} {china_date(end)}"


def _switch(label: str, *, is_on: bool) -> None:
    async def work(house: _House) -> None:
        await house.cameras.switch(await _named(house, label), is_on=is_on)

    _with_cameras(work)
    out.print(f"{label} is {'on' if is_on else 'off'}", markup=False)


def _sentences(code: str) -> list[str]:
    """What pages say of a refusal, in both languages: who stands before a camera needs to know what to change in it."""
    folder = files("tianfu.apps.newborn").joinpath("languages")
    catalogues = (json.loads(folder.joinpath(f"{name}.json").read_text("utf-8")) for name in ("zh-CN", "en"))
    return [each[f"refusal.{code}"] for each in catalogues if f"refusal.{code}" in each]


def _source(address: str, user: str) -> Source:
    from tianfu.services.realtime.cameras.source import read_source

    # Asked for, because a command line is everybody's to read on the machine.
    password = typer.prompt("password", hide_input=True, err=True) if user else ""
    return read_source(address, user, password)


async def _named(house: _House, label: str) -> str:
    from tianfu.services.realtime.cameras.registering import camera_labelled

    return await camera_labelled(house.store, OPERATOR, Purpose.OPERATIONS, label)


def _with_cameras(work: Callable[[_House], Coroutine[Any, Any, Result]]) -> Result:
    settings = current_settings()

    async def done(addresses: Addresses) -> Result:
        async with _house(addresses, settings) as house:
            return await work(house)

    with migrated_database(settings) as addresses:
        try:
            return asyncio.run(done(addresses))
        except Refusal as refusal:
            for sentence in _sentences(refusal.code):
                err.print(sentence, markup=False)
            raise


@asynccontextmanager
async def _house(addresses: Addresses, settings: Settings) -> AsyncIterator[_House]:
    from tianfu.records.audit import GroupAuditor
    from tianfu.records.keys import open_keyring
    from tianfu.records.seals import Seals
    from tianfu.records.store import Store
    from tianfu.records.trail.epochs import open_trail
    from tianfu.services.realtime.cameras.registry import Cameras

    async with await Database.open(addresses, links_max=2) as database:
        trail = await open_trail(database, settings.home, system_clock)
        try:
            keys = installation_keys(settings)
            auditor = GroupAuditor(database, trail.lanes)
            yield _House(
                store=await Store.open(database, auditor=auditor, clock=system_clock, keys=keys),
                cameras=Cameras(
                    database, Seals(await open_keyring(database, keys)), auditor=auditor, clock=system_clock
                ),
            )
        finally:
            trail.close()
