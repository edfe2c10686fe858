"""Our media server within a range of ports, for tests: `…in_ports SOCKET FIRST-LAST ADDRESS…`."""

from __future__ import annotations

import sys
from pathlib import Path

import uvloop

from tianfu.services.realtime.embedded import process

if __name__ == "__main__":
    _first, _last = map(int, sys.argv[2].split("-"))
    uvloop.run(process.run(Path(sys.argv[1]), sys.argv[3:], (_first, _last)))
