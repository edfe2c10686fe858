"""Our media server behind a network through which no more comes than a file says: `…narrow SOCKET`.

The file lies beside the socket and holds bits per second; while it is empty, all comes through.  It is looked at with
every picture or sound.  What is too much is lost, and what is sent again needs its room, too; a loss by chance would
not do, since on this machine whatever is lost is asked for again until it is there.  Kernel rules would lose the
packets of everything else on this machine, too.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import uvloop
from aiortc.rtp import is_rtcp

from tianfu.services.realtime.embedded import process
from tianfu.services.realtime.embedded.raw_peer import RawPeer

BURST_BITS = 40_000
"""So much comes through at once after a rest: a still, and no live picture."""

_send = RawPeer.send


def room_beside(socket: Path) -> Path:
    """The file that says how much comes through."""
    return socket.with_name("room")


class _Room:
    """What of a second's bits is left."""

    def __init__(self, said: Path) -> None:
        self._said = said
        self._left = float(BURST_BITS)
        self._at = time.monotonic()

    def takes(self, data: bytes) -> bool:
        said, now = self._said.read_text(encoding="utf-8"), time.monotonic()
        if not said:
            return True
        self._left = min(BURST_BITS, self._left + (now - self._at) * float(said))
        self._at = now
        if self._left < 8 * len(data):
            return False
        self._left -= 8 * len(data)
        return True


def _send_or_lose(peer: RawPeer, data: bytes) -> bool:
    return not (is_rtcp(data) or _room.takes(data)) or _send(peer, data)


if __name__ == "__main__":
    _socket = Path(sys.argv[1])
    _said = room_beside(_socket)
    _said.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    _said.write_text("", encoding="utf-8")
    _room = _Room(_said)
    RawPeer.send = _send_or_lose  # type: ignore[method-assign,assignment]  # the network between, in this process alone
    uvloop.run(process.run(_socket, sys.argv[2:]))
