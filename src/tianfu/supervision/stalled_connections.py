"""Lets the kernel give up connections whose other end takes nothing any more.

A client that asks and never reads would hold its connection, and the answer with it, for ever.  Linux ends a
connection on which nothing was taken for TCP_USER_TIMEOUT (https://man7.org/linux/man-pages/man7/tcp.7.html), and a
connection has that of the socket which accepted it.  The server's own settings do not reach there.
"""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from contextlib import suppress
from pathlib import Path

import structlog

STALLED_SECONDS_MAX = 30
LOOK_SECONDS = 0.2
LOOKS_MAX = 300

_log = structlog.get_logger("tianfu.supervision")


async def give_up_stalled_connections(port: int) -> None:
    """Set the limit as soon as this process listens on `port`; says so in the log if it never does."""
    if sys.platform != "linux":
        return
    for _ in range(LOOKS_MAX):
        if _limit_listeners(port):
            return
        await asyncio.sleep(LOOK_SECONDS)
    _log.error("stalled_connections_not_limited", port=port)


def _limit_listeners(port: int) -> bool:
    found = False
    for entry in Path("/proc/self/fd").iterdir():
        with suppress(OSError):  # a file that was closed since
            if entry.is_socket():
                with socket.socket(fileno=os.dup(int(entry.name))) as held:
                    found |= _limit(held, port)
    return found


def _limit(held: socket.socket, port: int) -> bool:
    is_listener = bool(
        held.family in {socket.AF_INET, socket.AF_INET6}
        and held.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
        and held.getsockname()[1] == port
    )
    if is_listener:
        held.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, STALLED_SECONDS_MAX * 1_000)
    return is_listener
