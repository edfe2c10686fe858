"""Our media server behind a network that loses so much of what it sends as a file says: `…lossy SOCKET`.

The file lies beside the socket and holds a share from 0 to 1; it is looked at with every picture or sound.  Kernel
rules would lose the packets of everything else on this machine, too.
"""

from __future__ import annotations

import random
import sys
from pathlib import Path

import uvloop
from aiortc.rtp import is_rtcp

from tianfu.services.realtime.embedded import process
from tianfu.services.realtime.embedded.raw_peer import RawPeer

_send = RawPeer.send
_drawn = random.Random(7)


def loss_beside(socket: Path) -> Path:
    """The file that says how much is lost."""
    return socket.with_name("loss")


def _send_or_lose(peer: RawPeer, data: bytes) -> bool:
    if not is_rtcp(data) and _drawn.random() < float(_loss.read_text() or 0):
        return True
    return _send(peer, data)


if __name__ == "__main__":
    _socket = Path(sys.argv[1])
    _loss = loss_beside(_socket)
    _loss.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    _loss.write_text("0")
    RawPeer.send = _send_or_lose  # type: ignore[method-assign,assignment]  # the network between, in this process alone
    uvloop.run(process.run(_socket, sys.argv[2:]))
