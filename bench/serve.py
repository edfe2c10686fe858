"""Serves one application on loopback: `python -m bench.serve bench.applications:untraced PORT`."""

from __future__ import annotations

import signal
import sys

from granian import Granian
from granian.constants import Interfaces, Loops
from granian.log import LogLevels

from tianfu.supervision.parentage import die_with_parent

WORKERS = 2


def main() -> None:
    """Serve until told to stop."""
    die_with_parent(signal.SIGTERM)
    target, port = sys.argv[1:]
    Granian(
        target,
        factory=True,
        address="127.0.0.1",
        port=int(port),
        interface=Interfaces.ASGI,
        loop=Loops.uvloop,
        workers=WORKERS,
        websockets=False,
        log_level=LogLevels.warning,
    ).serve()


if __name__ == "__main__":
    main()
