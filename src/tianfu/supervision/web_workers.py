"""The web workers' own program: granian with our application, ending with its supervisor."""

from __future__ import annotations

import os
import signal
import sys
from importlib import import_module

from granian import Granian
from granian.constants import Interfaces, Loops
from granian.log import LogLevels

from tianfu.settings import settings_from
from tianfu.supervision.parentage import become_parent, die_with_parent

BACKLOG = 1024
RESPAWN_SECONDS = 0.5
STOP_SECONDS = 20


def main(application: str) -> None:
    """Serve until told to stop; the application is imported once, before the workers are forked from this process."""
    # A killed supervisor may be started again at once: nothing of the old one may still hold the port.
    die_with_parent(signal.SIGKILL)
    become_parent()
    settings = settings_from(os.environ)
    import_module(application.partition(":")[0])
    Granian(
        application,
        factory=True,
        address=settings.host,
        port=settings.port,
        interface=Interfaces.ASGI,
        loop=Loops.uvloop,
        workers=settings.workers,
        backlog=BACKLOG,
        websockets=False,
        log_level=LogLevels.warning,
        respawn_failed_workers=True,
        respawn_interval=RESPAWN_SECONDS,
        workers_kill_timeout=STOP_SECONDS,
    ).serve()


if __name__ == "__main__":
    main(sys.argv[1])
