"""Our media server whose viewers a file cuts off: `…newborn_cut_off SOCKET`.

The file lies beside the socket.  While something is written in it, no datagram from or to anybody who watches comes
through, neither a picture nor a sign of life; the camera's do, and so does whatever is asked over HTTP.  With
`pictures` in it only the pictures stay away, as behind a camera that stands still.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from weakref import WeakSet

import uvloop
from aioice.ice import Connection, StunProtocol
from aiortc.rtp import is_rtcp

from tianfu.services.realtime.embedded import process
from tianfu.services.realtime.embedded.raw_peer import RawPeer
from tianfu.services.realtime.embedded.viewer import Viewer

ALL, PICTURES = "all", "pictures"

Arrives = Callable[[bytes, tuple[Any, ...]], None]

_made, _send, _open = Viewer.__init__, RawPeer.send, RawPeer._opener
_arrives, _begin = StunProtocol.datagram_received, StunProtocol.connection_made
_watching: WeakSet[Connection] = WeakSet()


def cut_beside(socket: Path) -> Path:
    """The file that says what is cut off."""
    return socket.with_name("cut")


def _is_cut(connection: Connection) -> bool:
    return connection in _watching and _said.read_text(encoding="utf-8") == ALL


def _make(viewer: Viewer, peer: RawPeer, **arguments: Any) -> None:
    _made(viewer, peer, **arguments)
    for line in peer._connection.getTransceivers():
        _watching.add(line.sender.transport.transport._connection)


def _send_unless_cut(peer: RawPeer, data: bytes) -> bool:
    return (not is_rtcp(data) and _said.read_text(encoding="utf-8") == PICTURES) or _send(peer, data)


def _hear_unless_cut(protocol: StunProtocol, data: bytes | str, address: tuple[Any, ...]) -> None:
    if not _is_cut(protocol.receiver):
        _arrives(protocol, data, address)


def _open_unless_cut(peer: RawPeer, session: Any, others: Arrives) -> Arrives:
    opens = _open(peer, session, others)

    def arrived(data: bytes, address: tuple[Any, ...]) -> None:
        if peer._transport is None or not _is_cut(peer._transport.transport._connection):
            opens(data, address)

    return arrived


class _Wire:
    """A socket whose datagrams are lost on the way out while its peer is cut off."""

    def __init__(self, protocol: StunProtocol, transport: Any) -> None:
        self._protocol, self._transport = protocol, transport

    def sendto(self, data: bytes, address: Any = None) -> None:
        if not _is_cut(self._protocol.receiver):
            self._transport.sendto(data, address)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


def _wire(protocol: StunProtocol, transport: Any) -> None:
    _begin(protocol, _Wire(protocol, transport))  # type: ignore[arg-type]  # as far as it is used


if __name__ == "__main__":
    _socket = Path(sys.argv[1])
    _said = cut_beside(_socket)
    _said.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    _said.write_text("", encoding="utf-8")
    Viewer.__init__ = _make  # type: ignore[method-assign,assignment]  # the network between, in this process alone
    RawPeer.send = _send_unless_cut  # type: ignore[method-assign,assignment]  # as above
    RawPeer._opener = _open_unless_cut  # type: ignore[method-assign,assignment]  # as above
    StunProtocol.datagram_received = _hear_unless_cut  # type: ignore[method-assign,assignment]  # as above
    StunProtocol.connection_made = _wire  # type: ignore[method-assign,assignment]  # as above
    uvloop.run(process.run(_socket, sys.argv[2:]))
