"""A whole installation as an operator has it, to be started, looked at and killed."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Any

import httpx
from bench.program import Program

TIANFU = str(Path(sys.executable).with_name("tianfu"))
READY_SECONDS_MAX = 30.0


class Installation:
    """A home with a migrated database, served on a free port."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.port = free_port()
        self.address = f"http://localhost:{self.port}"
        self.environment = {
            **os.environ,
            "TIANFU_HOME": str(home),
            "TIANFU_PORT": str(self.port),
            "TIANFU_WORKERS": "2",
        }
        self.log = home / "log"
        self.process: subprocess.Popen[str] | None = None

    @cached_property
    def program(self) -> Program:
        """A program that sees everything, registered when a test first asks; only development has one."""
        return Program.registered(self.environment, self.address)

    def client(self, **more: Any) -> httpx.Client:
        """A client of that program at the FHIR door; `more` is as httpx takes it."""
        return self.program.client(**{"base_url": f"{self.address}/fhir/", "timeout": 30, **more})

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([TIANFU, *words], env=self.environment, capture_output=True, text=True, check=False)

    def serve(self, *, wait: bool = True) -> float:
        """Start and wait until it is ready; how many seconds that took."""
        started = time.monotonic()
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [TIANFU, "serve"], env=self.environment, stdout=subprocess.PIPE, stderr=log, text=True
            )
        if wait:
            assert self.process.stdout is not None
            line = self.process.stdout.readline()
            assert "Tianfu is ready" in line, line + self.log.read_text("utf-8")[-8_000:]
        return time.monotonic() - started

    def said(self, words: str) -> bool:
        """Whether its log holds these words."""
        return words in self.log.read_text("utf-8")

    def stop(self, sign: signal.Signals = signal.SIGTERM) -> int:
        assert self.process is not None
        self.process.send_signal(sign)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return self.process.wait(40)

    def forget(self) -> None:
        """Let go of a process that somebody killed."""
        assert self.process is not None
        assert self.process.stdout is not None
        self.process.stdout.close()
        self.process.wait(40)

    def answers(self) -> bool:
        with suppress(httpx.TransportError):
            return httpx.get(f"http://127.0.0.1:{self.port}/healthz", timeout=5).text == "ok"
        return False

    def workers(self) -> list[int]:
        """Every process that belongs to this home and is no PostgreSQL."""
        marker = f"TIANFU_HOME={self.home}".encode()
        found = []
        for folder in Path("/proc").iterdir():
            if folder.name.isdigit():
                with suppress(OSError):
                    words = (folder / "cmdline").read_bytes()
                    if marker in (folder / "environ").read_bytes() and b"web_workers" in words:
                        found.append(int(folder.name))
        return found


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    assert isinstance(port, int)
    return port


def wait_until(condition: Callable[[], bool], seconds: float = READY_SECONDS_MAX) -> None:
    give_up_at = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < give_up_at
        time.sleep(0.05)
