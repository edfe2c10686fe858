"""Starts a server for the length of a block and ends it by its number."""

from __future__ import annotations

import http.client
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.places import ROOT
from bench.program import Program
from tianfu.db import Addresses

READY_SECONDS = 30.0
STOP_SECONDS = 15.0

REAL = "tianfu.main:application"
UNTRACED = "bench.applications:untraced"
TRIVIAL = "bench.applications:trivial"


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """A server that answers: its port, and the settings that it runs with."""

    port: int
    environment: Mapping[str, str]

    def desk(self) -> Program:
        """A program that sees everything, registered there just now; for the real application only."""
        return Program.registered(self.environment, f"http://localhost:{self.port}")


@contextmanager
def served(target: str, home: Path, addresses: Addresses, *, more: Mapping[str, str] | None = None) -> Iterator[Served]:
    """An application on a database, answering; `more` are further settings."""
    port = _free_port()
    environment = {
        **os.environ,
        "TIANFU_HOME": str(home),
        "TIANFU_DATABASE_URL": addresses.admin,
        "TIANFU_PORT": str(port),
        **(more or {}),
    }
    command = [sys.executable, "-m", "bench.serve", target, str(port)]
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL)
    try:
        _wait_until_answering(process, port)
        yield Served(port=port, environment=environment)
    finally:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


def _wait_until_answering(process: subprocess.Popen[bytes], port: int) -> None:
    until = time.monotonic() + READY_SECONDS
    while time.monotonic() < until:
        if process.poll() is not None:
            raise SystemExit(f"the server ended with code {process.returncode}")
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            connection.request("GET", "/fhir/metadata")
            status = connection.getresponse().status
            connection.close()
        except OSError:
            time.sleep(0.05)
        else:
            if status == http.HTTPStatus.OK:
                return
            raise SystemExit(f"the server answers {status}")
    raise SystemExit(f"the server did not answer within {READY_SECONDS} s")
