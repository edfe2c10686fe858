"""`tianfu serve`: the embedded PostgreSQL, the web workers and the media server, from start to stop."""

from __future__ import annotations

import asyncio
import ipaddress
import os
import signal
import socket
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

import structlog

from tianfu.db import EmbeddedPostgres
from tianfu.kernel.refusal import Refusal
from tianfu.settings import Settings
from tianfu.supervision.children import Program, keep_running

if TYPE_CHECKING:
    from tianfu.services.jobs.works import Queue

LOOK_SECONDS = 1.0
"""How often a dead PostgreSQL is noticed."""

READY_SECONDS = 60.0

MEDIA_PAUSE_SECONDS_MAX = 2.0
"""With its start of two seconds, a media server that ended is back within five."""

log = structlog.get_logger()


def refuse_other_addresses(host: str) -> None:
    """This server speaks no TLS; whoever does so for it stands on the same machine."""
    if host == "localhost":
        return
    with suppress(ValueError):
        if ipaddress.ip_address(host).is_loopback:
            return
    raise Refusal("loopback-only", next_step="use-a-loopback-address", details={"host": host})


def refuse_taken_port(host: str, port: int) -> None:
    """Say so at once if another program listens there."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise Refusal("port-taken", next_step="choose-another-port", details={"port": str(port)}) from error


async def serve(
    settings: Settings,
    programs: Sequence[Program],
    server: EmbeddedPostgres | None,
    *,
    when_ready: Callable[[], None],
) -> None:
    """Run everything until SIGTERM or SIGINT; `server` is None when the database is somebody else's."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for sign in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(sign, stop.set)
    tasks = [keep_running(program, stop) for program in programs]
    if server is not None:
        tasks.append(keep_postgres(server, stop))
    tasks.append(_announce(settings, stop, when_ready))
    try:
        async with asyncio.TaskGroup() as group:
            for task in tasks:
                group.create_task(task)
    finally:
        log.info("stopped")


def web_workers(application: str) -> Program:
    """The program of the web workers; `application` is `module:factory`."""
    command = [sys.executable, "-m", "tianfu.supervision.web_workers", application]
    return Program(name="web", command=command, environment=dict(os.environ))


def media_server() -> Program:
    """The program of live rooms: a visit waits for it, so that it is soon back however often it ends."""
    command = [sys.executable, "-m", "tianfu.supervision.media_server"]
    environment = dict(os.environ)
    return Program(name="media", command=command, environment=environment, pause_seconds_max=MEDIA_PAUSE_SECONDS_MAX)


def janus_server() -> Program:
    """The program of Janus; a visit waits for it, as for the media server."""
    command = [sys.executable, "-m", "tianfu.supervision.janus_server"]
    environment = dict(os.environ)
    return Program(name="janus", command=command, environment=environment, pause_seconds_max=MEDIA_PAUSE_SECONDS_MAX)


def camera_keeper() -> Program:
    """The program that pulls the cameras; a picture waits for it, as for the media server."""
    command = [sys.executable, "-m", "tianfu.supervision.camera_keeper"]
    environment = dict(os.environ)
    return Program(name="cameras", command=command, environment=environment, pause_seconds_max=MEDIA_PAUSE_SECONDS_MAX)


def job_worker(queue: Queue) -> Program:
    """The program that does the works of one queue."""
    command = [sys.executable, "-m", "tianfu.supervision.job_worker", queue]
    return Program(name=f"{queue} jobs", command=command, environment=dict(os.environ))


async def keep_postgres(server: EmbeddedPostgres, stop: asyncio.Event) -> None:
    """Start PostgreSQL again whenever it is gone."""
    while not stop.is_set():
        if server.state.process is None:
            log.error("postgres_gone")
            try:
                await asyncio.to_thread(server.revive)
                log.info("postgres_back")
            except Refusal as refusal:
                log.error("postgres_not_back", reason=refusal.code)
        with suppress(TimeoutError):
            async with asyncio.timeout(LOOK_SECONDS):
                await stop.wait()


async def _announce(settings: Settings, stop: asyncio.Event, when_ready: Callable[[], None]) -> None:
    loop = asyncio.get_running_loop()
    warn_at = loop.time() + READY_SECONDS
    while not stop.is_set():
        if await _answers(settings.host, settings.port):
            when_ready()
            return
        if loop.time() > warn_at:
            log.error("web_not_ready", after_seconds=READY_SECONDS)
            warn_at += READY_SECONDS
        await asyncio.sleep(0.1)


async def _answers(host: str, port: int) -> bool:
    try:
        async with asyncio.timeout(2):
            reader, writer = await asyncio.open_connection(host, port)
            writer.write(f"GET /healthz HTTP/1.1\r\nHost: localhost:{port}\r\nConnection: close\r\n\r\n".encode())
            line = await reader.readline()
            writer.close()
    except (OSError, TimeoutError):
        return False
    return b" 200 " in line
