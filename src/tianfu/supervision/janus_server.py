"""Debian's Janus as a child of `tianfu serve`: written a configuration, begun, and begun again if it came up deaf."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from functools import partial
from pathlib import Path

import structlog

from tianfu.installation import janus_folder
from tianfu.kernel.refusal import Refusal
from tianfu.logs import set_up_logs
from tianfu.services.realtime.janus.configuration import command_of, write_configuration
from tianfu.services.realtime.janus.session import Session
from tianfu.settings import Settings, settings_from
from tianfu.supervision.parentage import become_parent, die_with_parent

PORTS = (10_000, 60_000)
"""The ports of pictures where nobody said which."""

LOOKS, LOOK_SECONDS = 60, 0.05
"""So often it is spoken to before it counts as deaf: now and then Debian's 1.1.2 comes up so."""

_log = structlog.get_logger("tianfu.media")


def main() -> None:
    """Run Janus until told to stop, or until it ends."""
    die_with_parent(signal.SIGKILL)
    set_up_logs()
    sys.exit(asyncio.run(keep(settings_from(os.environ))))


async def keep(settings: Settings) -> int:
    """Begin Janus and wait for its end; its exit code."""
    folder = janus_folder(settings)
    first, last = settings.media_ports or PORTS
    address = await asyncio.to_thread(
        write_configuration, folder, addresses=",".join(settings.media_addresses), ports=f"{first}-{last}"
    )
    for each in (address.api, address.admin):
        each.unlink(missing_ok=True)
    become_parent()
    child = await asyncio.create_subprocess_exec(
        *command_of(folder),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
        cwd=folder,
        env={"PATH": os.environ.get("PATH", os.defpath)},
        preexec_fn=partial(die_with_parent, signal.SIGKILL),
    )
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, child.terminate)
    hearing = asyncio.create_task(_hears(folder))
    ended = asyncio.create_task(child.wait())
    await asyncio.wait([hearing, ended], return_when=asyncio.FIRST_COMPLETED)
    if not ended.done() and not hearing.result():
        _log.warning("janus_deaf", outcome="it is begun again")
        child.kill()
    hearing.cancel()
    return await ended


async def _hears(folder: Path) -> bool:
    """Whether it answers within some seconds of its beginning."""
    for _ in range(LOOKS):
        session = Session(folder)
        try:
            await session.begin()
        except Refusal:
            await asyncio.sleep(LOOK_SECONDS)
        else:
            return True
        finally:
            session.end()
    return False


if __name__ == "__main__":
    main()
