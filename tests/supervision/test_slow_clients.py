"""Clients that hold on to a connection: each is let go of, and none keeps the others from their answers."""

from __future__ import annotations

import base64
import os
import socket
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest
from bench.people import People
from tests.supervision.installation import Installation, wait_until

GUARD_SECONDS = 150.0
"""A client that is not let go of fails the test rather than stop it."""

IDLE_CONNECTIONS = 1_500
"""More than the server's default would take at once."""

AT_ONCE = 8
"""So many at once: whether a refused request is still in memory is chance."""

ANSWER_BYTES = 24 * 1024 * 1024
HEAD = b" HTTP/1.1\r\nhost: localhost\r\n"


@pytest.mark.slow  # the server lets go of a client only after some while
def test_clients_that_hold_on_are_let_go_of_and_harm_nobody(installation: Installation) -> None:
    installation.serve()
    large = large_record(installation)
    program = lines(installation.program.headers())
    doctor = People(installation.environment).staff("doctor").cookies()
    cookies = "; ".join(f"{name}={value}" for name, value in doctor.items())
    visitor = lines({"cookie": cookies, "sec-fetch-site": "same-origin"})
    attacks: list[Callable[[], bytes]] = [
        lambda: says_nothing(installation),
        lambda: sends(installation, b"GET /fhir/Patient HTTP/1.1\r\nhost: loc"),
        lambda: trickles(installation, b"GET /fhir/Patient" + HEAD, b"x-more: x\r\n"),
        lambda: sends(installation, b"GET /healthz" + HEAD + b"\r\n"),  # and then no other request
        lambda: reads_nothing(installation, large, program),
        lambda: reads_nothing(installation, "/static/nowhere", times=4_000),
    ]
    bodies: list[Callable[[], bytes]] = [
        lambda: sends(installation, b"POST /fhir/Patient" + HEAD + program + BODY_HEADS + b'{"resource'),
        lambda: sends(installation, b"POST /lifelong/find" + HEAD + visitor + FORM_HEADS + b"who="),
        lambda: sends(installation, b"POST /sign-in/staff" + HEAD + FORM_HEADS + b"number="),
        lambda: sends(installation, b"POST /media/whep" + HEAD + FORM_HEADS + b"v="),
    ] * AT_ONCE
    unread = [b"POST /preferences", b"POST /nowhere", b"GET /nowhere", b"GET /fhir/Patient"]  # answered without a look
    attacks += [lambda each=each: sends(installation, each + HEAD + FORM_HEADS + b"back=") for each in unread]
    with ThreadPoolExecutor(len(attacks) + len(bodies)) as attackers, ExitStack() as crowd:
        waiting = [attackers.submit(attack) for attack in attacks]
        unfinished = [attackers.submit(attack) for attack in bodies]
        for _ in range(IDLE_CONNECTIONS):
            crowd.enter_context(connected(installation))
        while not all(each.done() for each in [*waiting, *unfinished]):
            assert installation.answers()
            asked = httpx.get(f"{installation.address}/fhir/Patient", auth=installation.program, timeout=30)
            assert asked.status_code == 200
        for each in waiting:
            each.result()
        assert [each.result()[:12] for each in unfinished] == [b"HTTP/1.1 408"] * len(bodies)
    assert installation.said("reader_left")
    assert not installation.said("stalled_connections_not_limited")
    assert installation.stop() == 0


BODY_HEADS = b"content-type: application/fhir+json\r\ncontent-length: 1000\r\n\r\n"
FORM_HEADS = b"content-type: application/x-www-form-urlencoded\r\ncontent-length: 1000\r\n\r\n"


def lines(heads: Mapping[str, str]) -> bytes:
    """Heads as they travel."""
    return b"".join(f"{name}: {value}\r\n".encode() for name, value in heads.items())


def connected(installation: Installation, *, room_bytes: int | None = None) -> socket.socket:
    """A bare connection; `room_bytes` is how much the kernel takes for a client that reads nothing."""
    connection = socket.socket()
    if room_bytes is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, room_bytes)
    connection.settimeout(GUARD_SECONDS)
    connection.connect(("127.0.0.1", installation.port))
    return connection


def until_closed(connection: socket.socket) -> bytes:
    """What the server says until it closes the connection."""
    said = b""
    try:
        while part := connection.recv(65_536):
            said += part
    except ConnectionResetError:
        pass
    return said


def says_nothing(installation: Installation) -> bytes:
    with connected(installation) as connection:
        return until_closed(connection)


def sends(installation: Installation, words: bytes) -> bytes:
    with connected(installation) as connection:
        connection.sendall(words)
        return until_closed(connection)


def trickles(installation: Installation, words: bytes, more: bytes) -> bytes:
    """Sends a head that never ends, a line a second."""
    with connected(installation) as connection:
        connection.sendall(words)
        connection.settimeout(1.0)
        for _ in range(int(GUARD_SECONDS)):
            try:
                connection.sendall(more)
                if not connection.recv(65_536):
                    return b""
            except TimeoutError:
                continue
            except OSError:
                return b""
    raise AssertionError("a head without end was waited for")


def reads_nothing(installation: Installation, path: str, heads: bytes = b"", *, times: int = 1) -> bytes:
    """Asks, often at once, and takes no answer until the server has given up."""
    with connected(installation, room_bytes=4_096) as connection:
        wait_until(lambda: not is_over(connection))  # one still to be accepted looks like one that was given up
        connection.setblocking(False)
        request = f"GET {path}".encode() + HEAD + heads + b"\r\n"
        words = request * times
        sent = 0
        give_up = GUARD_SECONDS
        while give_up > 0 and not is_over(connection):
            try:
                sent += connection.send(words[sent:]) if sent < len(words) else 0
            except BlockingIOError:
                pass
            except OSError:
                return b""
            time.sleep(0.5)
            give_up -= 0.5
        assert give_up > 0, "an answer that nobody takes was kept"
    return b""


def is_over(connection: socket.socket) -> bool:
    """Whether the server holds its end no more; the client's end, which reads nothing, does not learn of it."""
    ours, theirs = connection.getsockname()[1], connection.getpeername()[1]
    for line in Path("/proc/net/tcp").read_text("ascii").splitlines()[1:]:
        words = line.split()
        if (port_in(words[1]), port_in(words[2])) == (theirs, ours):
            return words[9] == "0"  # no process has it open
    return True


def port_in(address: str) -> int:
    return int(address.partition(":")[2], 16)


def large_record(installation: Installation) -> str:
    """The path of a record whose answer does not fit between the server and a client that does not read."""
    data = base64.b64encode(os.urandom(ANSWER_BYTES * 3 // 4)).decode()
    with installation.client(timeout=60) as client:
        answer = client.post(
            "Binary",
            json={"resourceType": "Binary", "contentType": "application/octet-stream", "data": data},
            headers={"content-type": "application/fhir+json", "prefer": "return=minimal"},
        )
    assert answer.status_code == 201, answer.text[:500]
    return "/fhir" + answer.headers["location"].split("/fhir", 1)[1].partition("/_history")[0]
