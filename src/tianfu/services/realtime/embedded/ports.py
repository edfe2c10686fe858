"""The UDP ports over which live pictures go: a fixed range of them, so that a firewall can be opened for it.

Beside raw_peer.py the only place that touches what aioice keeps for itself.
"""

from __future__ import annotations

import asyncio
import errno
import random
import socket
from collections.abc import Iterator
from itertools import count

import aioice.turn
from aioice import Candidate
from aioice.candidate import candidate_foundation, candidate_priority
from aioice.ice import Connection, StunProtocol

from tianfu.kernel.refusal import Refusal


def take_ports(first: int, last: int) -> None:
    """Have every peer of this process that begins from now on bind within these UDP ports, and nowhere else.

    Both ends are of the range, on each address.  Who comes when no port is free is refused: `media-ports-exhausted`.
    """
    ports = count(random.randrange(last - first + 1))  # noqa: S311 - where to begin to look, no secret

    async def host_candidates(
        connection: Connection,
        component: int,
        addresses: list[str],
        timeout: int = 5,  # noqa: ASYNC109 - aioice calls it so, and there is nothing here that would be waited for
    ) -> list[Candidate]:
        loop, found = asyncio.get_running_loop(), []
        for address in addresses:
            bound = _bound(address, first, last, ports)
            if bound is None:
                continue
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, aioice.turn.UDP_SOCKET_BUFFER_SIZE)
            _, protocol = await loop.create_datagram_endpoint(lambda: StunProtocol(connection), sock=bound)
            host, port = bound.getsockname()[:2]
            protocol.local_candidate = Candidate(
                foundation=candidate_foundation("host", "udp", host),
                component=component,
                transport="udp",
                priority=candidate_priority(component, "host"),
                host=host,
                port=port,
                type="host",
            )
            connection._protocols.append(protocol)
            found.append(protocol.local_candidate)
        return found

    Connection.get_component_candidates = host_candidates  # type: ignore[method-assign,assignment]  # no servers of ours besides


def _bound(address: str, first: int, last: int, ports: Iterator[int]) -> socket.socket | None:
    """A socket on the next free port of a range; None for an address that this machine has not (any more).

    Raises Refusal `media-ports-exhausted`.
    """
    family, many = (socket.AF_INET6 if ":" in address else socket.AF_INET), last - first + 1
    for _ in range(many):
        made = socket.socket(family, socket.SOCK_DGRAM)
        made.setblocking(False)
        try:
            made.bind((address, first + next(ports) % many))
        except OSError as error:
            made.close()
            if error.errno != errno.EADDRINUSE:
                return None
        else:
            return made
    raise Refusal("media-ports-exhausted", next_step="send-again-later", retryable=True)
