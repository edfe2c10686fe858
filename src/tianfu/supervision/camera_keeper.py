"""The cameras' own program: pulls every camera that is registered, and ends with its supervisor."""

from __future__ import annotations

import asyncio
import os
import signal

from tianfu.db import Database
from tianfu.installation import database_addresses, installation_keys, media_socket
from tianfu.kernel.instants import system_clock
from tianfu.logs import set_up_logs
from tianfu.records.keys import open_keyring
from tianfu.records.seals import Seals
from tianfu.services.realtime.cameras.keeper import Keeper
from tianfu.services.realtime.cameras.registry import Cameras
from tianfu.services.realtime.embedded.remote import EmbeddedMedia
from tianfu.settings import Settings, settings_from
from tianfu.supervision.parentage import die_with_parent


async def keep_cameras(settings: Settings) -> None:
    """Keep the cameras of an installation pulled until a signal comes."""
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    for sign in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(sign, stop.set)
    media = EmbeddedMedia(media_socket(settings))
    async with await Database.open(database_addresses(settings), links_max=2) as database:
        keyring = await open_keyring(database, installation_keys(settings))
        keeper = Keeper(Cameras(database, Seals(keyring), auditor=None, clock=system_clock), media, clock=system_clock)
        keeping, stopping = asyncio.create_task(keeper.run()), asyncio.create_task(stop.wait())
        try:
            await asyncio.wait([keeping, stopping], return_when=asyncio.FIRST_COMPLETED)
        finally:
            stopping.cancel()
            keeping.cancel()
            media.hang_up()
            await asyncio.gather(keeping, return_exceptions=True)
        if not keeping.cancelled() and (error := keeping.exception()) is not None:
            raise error


def main() -> None:
    """Keep them until told to stop."""
    # A killed supervisor may be started again at once: two who pull one camera would push each other aside.
    die_with_parent(signal.SIGKILL)
    set_up_logs()
    asyncio.run(keep_cameras(settings_from(os.environ)))


if __name__ == "__main__":
    main()
