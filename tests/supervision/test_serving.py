"""`tianfu serve` from start to stop, and through kills of each of its processes."""

from __future__ import annotations

import os
import re
import signal
import socket
import time
from pathlib import Path

import httpx
import pytest
from tests.supervision.installation import READY_SECONDS_MAX, Installation, wait_until

from tianfu.db import EmbeddedPostgres
from tianfu.kernel.refusal import Refusal
from tianfu.supervision.serving import refuse_other_addresses, refuse_taken_port
from tianfu.vault.files import make, master_key_file


@pytest.mark.slow  # starts and stops the whole program
@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGINT])
def test_serve_answers_and_stops_cleanly(installation: Installation, sign: signal.Signals) -> None:
    installation.serve()
    assert installation.answers()
    assert installation.stop(sign) == 0
    assert installation.workers() == []
    assert EmbeddedPostgres(installation.home).state.process is None


@pytest.mark.slow  # starts the whole program twice
def test_an_address_that_is_a_number_without_a_port_is_served(installation: Installation) -> None:
    for address in ("http://127.0.0.1", "http://[::1]"):
        installation.environment["TIANFU_ADDRESS"] = address
        installation.serve()
        discovered = httpx.get(f"http://127.0.0.1:{installation.port}/.well-known/openid-configuration")
        assert discovered.json()["issuer"] == address
        assert httpx.get(f"http://127.0.0.1:{installation.port}/sign-in").status_code == 200
        assert installation.stop() == 0


@pytest.mark.slow  # asks the whole program
def test_an_address_without_tls_of_another_machine_is_refused_before_anything_starts(
    installation: Installation,
) -> None:
    installation.environment["TIANFU_ADDRESS"] = "http://health.example"
    done = installation.run("serve")
    assert (done.returncode, done.stdout) == (2, "")
    assert "Refused: address-not-safe" in done.stderr
    assert "TIANFU_ADDRESS" in done.stderr
    assert installation.workers() == []


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
    with installation.client() as client:
        wait_until(lambda: client.get("Patient").status_code == 200)
    assert installation.stop() == 0


def another_home(folder: Path) -> Path:
    """A home with a key of its own."""
    make(folder, "development")
    return folder


@pytest.mark.slow  # starts the whole program
def test_worker_that_cannot_start_says_why_and_starts_when_it_can(installation: Installation, tmp_path: Path) -> None:
    installation.serve()
    assert installation.stop() == 0
    key = master_key_file(installation.home)
    right = key.read_bytes()
    key.write_bytes(master_key_file(another_home(tmp_path)).read_bytes())
    installation.serve(wait=False)
    wait_until(lambda: installation.said("worker_not_started"))
    assert installation.said("key-differs")
    assert not installation.answers()
    key.write_bytes(right)
    wait_until(installation.answers)
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


@pytest.mark.slow  # starts the whole program
def test_whoever_reads_the_output_may_leave(installation: Installation) -> None:
    installation.serve(wait=False)
    assert installation.process is not None
    assert installation.process.stdout is not None
    installation.process.stdout.close()
    wait_until(installation.answers)
    time.sleep(1)  # long enough to have told that it is ready
    assert installation.answers()
    installation.process.send_signal(signal.SIGTERM)
    assert installation.process.wait(40) == 0
