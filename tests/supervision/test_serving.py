"""`tianfu serve` from start to stop, and through kills of each of its processes."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from tianfu.db import EmbeddedPostgres
from tianfu.kernel.refusal import Refusal
from tianfu.supervision.serving import refuse_other_addresses, refuse_taken_port

TIANFU = str(Path(sys.executable).with_name("tianfu"))
READY_SECONDS_MAX = 30.0


class Installation:
    """A home with a migrated database, served on a free port."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.port = free_port()
        self.environment = {
            **os.environ,
            "TIANFU_HOME": str(home),
            "TIANFU_PORT": str(self.port),
            "TIANFU_WORKERS": "2",
        }
        self.process: subprocess.Popen[str] | None = None

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([TIANFU, *words], env=self.environment, capture_output=True, text=True, check=False)

    def serve(self) -> float:
        """Start and wait until it is ready; how many seconds that took."""
        started = time.monotonic()
        self.process = subprocess.Popen([TIANFU, "serve"], env=self.environment, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert "Tianfu is ready" in line, line
        return time.monotonic() - started

    def stop(self, sign: signal.Signals = signal.SIGTERM) -> int:
        assert self.process is not None
        self.process.send_signal(sign)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return self.process.wait(40)

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


@pytest.fixture
def installation(short_folder: Path) -> Iterator[Installation]:
    made = Installation(short_folder)
    done = made.run("migrate")
    assert done.returncode == 0, done.stderr
    yield made
    if made.process is not None and made.process.poll() is None:
        made.stop(signal.SIGKILL)
    for process in made.workers():
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)
    EmbeddedPostgres(made.home).stop()


@pytest.mark.slow  # starts and stops the whole program
@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGINT])
def test_serve_answers_and_stops_cleanly(installation: Installation, sign: signal.Signals) -> None:
    installation.serve()
    assert installation.answers()
    assert installation.stop(sign) == 0
    assert installation.workers() == []
    assert EmbeddedPostgres(installation.home).state.process is None


@pytest.mark.slow  # starts the whole program twice
def test_start_after_a_kill_of_the_supervisor_adopts_what_runs(installation: Installation) -> None:
    installation.serve()
    postgres = EmbeddedPostgres(installation.home).state.process
    installation.stop(signal.SIGKILL)
    wait_until(lambda: installation.workers() == [])
    assert EmbeddedPostgres(installation.home).state.process == postgres
    assert installation.serve() < READY_SECONDS_MAX
    assert EmbeddedPostgres(installation.home).state.process == postgres
    assert installation.stop() == 0


@pytest.mark.slow  # starts the whole program
def test_killed_worker_is_replaced(installation: Installation) -> None:
    installation.serve()
    for process in installation.workers():
        os.kill(process, signal.SIGKILL)
    wait_until(installation.answers)
    assert installation.stop() == 0


@pytest.mark.slow  # starts the whole program
def test_killed_postgres_comes_back(installation: Installation) -> None:
    installation.serve()
    server = EmbeddedPostgres(installation.home)
    killed = server.state.process
    assert killed is not None
    os.kill(killed, signal.SIGKILL)
    wait_until(lambda: server.state.process not in {None, killed})
    wait_until(lambda: httpx.get(f"http://127.0.0.1:{installation.port}/fhir/Patient", timeout=30).status_code == 200)
    assert installation.stop() == 0


def test_schema_that_is_behind_is_refused(short_folder: Path) -> None:
    done = Installation(short_folder).run("serve")
    assert (done.returncode, "schema-behind" in done.stderr) == (2, True)


def test_taken_port_is_refused_at_once(short_folder: Path) -> None:
    installation = Installation(short_folder)
    with socket.socket() as other:
        other.bind(("127.0.0.1", installation.port))
        other.listen()
        done = installation.run("serve")
    assert (done.returncode, "port-taken" in done.stderr) == (2, True)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "127.1.2.3"])
def test_loopback_addresses_are_let_in(host: str) -> None:
    refuse_other_addresses(host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.7", "example.org", ""])  # noqa: S104 - refused
def test_other_addresses_are_refused(host: str) -> None:
    with pytest.raises(Refusal, match="loopback-only"):
        refuse_other_addresses(host)


def test_port_of_another_program_is_refused() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        with pytest.raises(Refusal, match="port-taken"):
            refuse_taken_port("127.0.0.1", other.getsockname()[1])


def test_version_is_printed(short_folder: Path) -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+\n", Installation(short_folder).run("version").stdout)


def test_database_commands_start_show_and_stop_the_server(short_folder: Path) -> None:
    installation = Installation(short_folder)
    assert "runs, process" in installation.run("database", "start").stdout
    assert "runs, process" in installation.run("database", "status").stdout
    assert "steps to run" in installation.run("status").stdout
    assert "user=tianfu_reader" in installation.run("database", "url").stdout
    assert "does not run" in installation.run("database", "stop").stdout


def test_migrate_may_be_repeated(short_folder: Path) -> None:
    installation = Installation(short_folder)
    assert "the schema is up to date" in installation.run("migrate").stdout
    assert "the schema was up to date" in installation.run("migrate").stdout
