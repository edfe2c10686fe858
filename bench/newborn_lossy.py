"""Our media server behind a network that loses one packet in twenty of what it sends.

Kernel rules would lose the packets of everything else on this machine, too.
"""

from __future__ import annotations

import random
import sys
from pathlib import Path

import uvloop
from aiortc.rtp import is_rtcp

from tianfu.services.realtime.embedded import process
from tianfu.services.realtime.embedded.raw_peer import RawPeer

LOST = 0.05

_send = RawPeer.send
_drawn = random.Random(5)


def _send_or_lose(peer: RawPeer, data: bytes) -> bool:
    if not is_rtcp(data) and _drawn.random() < LOST:
        return True
    return _send(peer, data)


if __name__ == "__main__":
    RawPeer.send = _send_or_lose  # type: ignore[method-assign,assignment]  # the network between, in this process alone
    uvloop.run(process.run(Path(sys.argv[1]), sys.argv[2:]))
