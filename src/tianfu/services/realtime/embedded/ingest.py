"""Plain RTP from a program of this machine that pulls a camera, over a Unix socket that keeps packets apart.

A connection belongs to its two ends alone, so nobody else can put a packet into it, as he could into a port of the
network.  The socket lies in the folder of the process's owner; whoever connects first shows a ticket that the process
gave out for one camera, for a few seconds, once; and the kernel says whose program he is.
"""

from __future__ import annotations

import asyncio
import os
import socket
import struct
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex

from aiortc.rtp import RtcpPacket, is_rtcp

from tianfu.services.realtime.embedded.raw_peer import Heard, Label, RawPeer, Stream
from tianfu.services.realtime.embedded.second import PACKETS_PER_SECOND_MAX, Second

PAYLOAD_TYPE = 96
"""Under which pictures come (RFC 3551, section 3)."""

SOUND_TYPE = 97
"""Under which sound comes, in Opus; nothing else is taken."""

PACKET_BYTES_MAX = 1_200
"""With what WebRTC adds it fits into every path (RFC 8831 advises 1,200 too)."""

SILENT_SECONDS = 3.0
"""A camera that shows nothing for so long is away, whatever it still sounds like."""

TICKET_SECONDS = 10.0
TICKETS_MAX = 256
WAITING_MAX = 32
"""So many may stand at the door without having shown a ticket."""

AT_ONCE_MAX = 64
"""After so many packets of one camera the others have their turn."""

SOUND_PACKETS_PER_SECOND_MAX = 110
"""More is not passed on: 50 are sent, and what was held up for a second comes with them."""

TAKEN = b"taken"
TOO_MUCH, SILENT, ENDED = "too-much", "silent", "ended"

_PEER = struct.Struct("3i")
"""Process, user and group of the other end (unix(7), SO_PEERCRED)."""


class Pulled(RawPeer):
    """A camera whose packets come over a socket of this machine; it can be told nothing."""

    def __init__(self, heard: Heard, connection: socket.socket, clock: Callable[[], float]) -> None:
        self.heard = heard
        self.streams: Mapping[Label, Stream] = {
            "video": Stream(label="video", codec="H264", payload_type=PAYLOAD_TYPE, clock_rate_hz=90_000, source=0),
            "ward": Stream(label="ward", codec="opus", payload_type=SOUND_TYPE, clock_rate_hz=48_000, source=0),
        }
        self.reason = ""
        self._socket = connection
        self._clock = clock
        self._heard_at = clock()
        self._second = Second(PACKETS_PER_SECOND_MAX)
        self._sound_second = Second(SOUND_PACKETS_PER_SECOND_MAX)
        self._loop = asyncio.get_running_loop()
        self._is_open = True
        self._looking = self._loop.call_later(SILENT_SECONDS, self._look)
        connection.setblocking(False)
        self._loop.add_reader(connection.fileno(), self._arrived)

    @property
    def is_connected(self) -> bool:
        """Whether it still sends."""
        return self._is_open

    def send(self, data: bytes) -> bool:
        """Nothing can be sent to it."""
        return False

    async def close(self) -> None:
        """End it; safe to repeat."""
        self._leave("")
        await asyncio.sleep(0)

    def _arrived(self) -> None:
        for _ in range(AT_ONCE_MAX):
            if not self._is_open:
                return
            try:
                data = self._socket.recv(PACKET_BYTES_MAX + 1)
            except BlockingIOError:
                return
            except OSError:
                data = b""
            if not data:
                self._end(ENDED)
                return
            if not self._second.has_room(self._clock()):
                self._end(TOO_MUCH)
                return
            if len(data) <= PACKET_BYTES_MAX:
                self._take(data)

    def _take(self, data: bytes) -> None:
        if is_rtcp(data):
            with suppress(ValueError):
                self.heard.control(RtcpPacket.parse(data))
            return
        payload_type = data[1] & 0x7F if len(data) > 1 else None
        if payload_type == PAYLOAD_TYPE:
            self._heard_at = self._clock()
        if payload_type != SOUND_TYPE or self._sound_second.has_room(self._clock()):
            self.heard.packet(data)

    def _look(self) -> None:
        left = self._heard_at + SILENT_SECONDS - self._clock()
        if left <= 0:
            self._end(SILENT)
        else:
            self._looking = self._loop.call_later(left, self._look)

    def _end(self, reason: str) -> None:
        self._leave(reason)
        self.heard.ended()

    def _leave(self, reason: str) -> None:
        if self._is_open:
            self._is_open = False
            self.reason = reason
            self._looking.cancel()
            self._loop.remove_reader(self._socket.fileno())
            self._socket.close()


@dataclass(frozen=True, slots=True)
class _Ticket:
    camera: str
    until_seconds: float


class Door:
    """Where programs that pull a camera come in."""

    def __init__(self, path: Path, take: Callable[[str, socket.socket], None], clock: Callable[[], float]) -> None:
        self._take = take
        self._clock = clock
        self._tickets: dict[str, _Ticket] = {}
        self._waiting: set[socket.socket] = set()
        self._loop = asyncio.get_running_loop()
        self._listening = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_NONBLOCK)
        path.unlink(missing_ok=True)
        self._listening.bind(str(path))
        path.chmod(0o600)
        self._listening.listen(WAITING_MAX)
        self._loop.add_reader(self._listening.fileno(), self._knocked)

    def ticket(self, camera: str) -> str:
        """A ticket for one camera: good once, for ten seconds.  An older one for it is worth nothing any more."""
        now = self._clock()
        kept = {key: each for key, each in self._tickets.items() if each.until_seconds > now and each.camera != camera}
        while len(kept) >= TICKETS_MAX:
            del kept[next(iter(kept))]
        ticket = token_hex(16)
        self._tickets = {**kept, ticket: _Ticket(camera, now + TICKET_SECONDS)}
        return ticket

    def close(self) -> None:
        """Let nobody in any more; who is in stays."""
        self._loop.remove_reader(self._listening.fileno())
        self._listening.close()
        for each in list(self._waiting):
            self._turn_away(each)

    def _knocked(self) -> None:
        with suppress(OSError):  # gone again
            connection, _ = self._listening.accept()
            connection.setblocking(False)
            if len(self._waiting) >= WAITING_MAX or not _is_ours(connection):
                connection.close()
                return
            self._waiting.add(connection)
            self._loop.add_reader(connection.fileno(), self._shown, connection)
            self._loop.call_later(TICKET_SECONDS, self._turn_away, connection)

    def _shown(self, connection: socket.socket) -> None:
        try:
            shown = connection.recv(64)
        except OSError:
            shown = b""
        # Looked up, not compared: a ticket is random, good once, and told to nobody how near a guess came.
        ticket = self._tickets.pop(shown.decode("ascii", "replace"), None)
        if ticket is None or ticket.until_seconds <= self._clock():
            self._turn_away(connection)
            return
        self._waiting.discard(connection)
        self._loop.remove_reader(connection.fileno())
        try:
            connection.send(TAKEN)
        except OSError:
            connection.close()
            return
        self._take(ticket.camera, connection)

    def _turn_away(self, connection: socket.socket) -> None:
        if connection in self._waiting:
            self._waiting.discard(connection)
            self._loop.remove_reader(connection.fileno())
            connection.close()


def _is_ours(connection: socket.socket) -> bool:
    said = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER.size)
    return int(_PEER.unpack(said)[1]) == os.getuid()
