"""The web workers' own program: granian with our application, ending with its supervisor."""

from __future__ import annotations

import os
import resource
import signal
import sys
from importlib import import_module

from granian import Granian
from granian.constants import HTTPModes, Interfaces, Loops
from granian.http import HTTP1Settings
from granian.log import LogLevels

from tianfu.settings import settings_from
from tianfu.supervision.parentage import become_parent, die_with_parent

BACKLOG = 1024

CONNECTIONS_MAX = 4_096
"""Connections of one worker; the next one waits.  Idle ones are closed, so that they cannot be used up by waiting."""

HEADER_MILLISECONDS_MAX = 15_000
"""How long a request's head may take, and how long a connection may wait for the next one."""

HEADER_BUFFER_BYTES_MAX = 64 * 1024
RESPAWN_SECONDS = 0.5
STOP_SECONDS = 20


FILES_BESIDES = 512
"""Open files that are no client's connection."""


def allow_files(count: int) -> None:
    """Let this process and its children open so many files, as far as its account may."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = count if hard == resource.RLIM_INFINITY else min(count, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def main(application: str) -> None:
    """Serve until told to stop; the application is imported once, before the workers are forked from this process."""
    # A killed supervisor may be started again at once: nothing of the old one may still hold the port.
    die_with_parent(signal.SIGKILL)
    become_parent()
    allow_files(CONNECTIONS_MAX + FILES_BESIDES)
    settings = settings_from(os.environ)
    import_module(application.partition(":")[0])
    Granian(
        application,
        factory=True,
        address=settings.host,
        port=settings.port,
        interface=Interfaces.ASGI,
        http=HTTPModes.http1,  # one way to speak, one set of limits; a proxy speaks the others
        http1_settings=HTTP1Settings(
            header_read_timeout=HEADER_MILLISECONDS_MAX, max_buffer_size=HEADER_BUFFER_BYTES_MAX
        ),
        backpressure=CONNECTIONS_MAX,
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
