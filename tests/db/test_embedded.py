"""The embedded server starts, stops, is adopted and recovers; nobody without the password gets in."""

from __future__ import annotations

import errno
import os
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from tests.folders import new_folder
from tianfu.db import Addresses, EmbeddedPostgres, postmaster
from tianfu.db.account import account_for
from tianfu.db.leases import Lease
from tianfu.kernel.refusal import Refusal

CLEAN_START_SECONDS_MAX = 15.0
RECOVERY_SECONDS_MAX = 30.0


@pytest.fixture(scope="module")
def stopped() -> Iterator[Path]:
    """The home of a server that has been started and stopped once, holding one row."""
    with new_folder() as home:
        with EmbeddedPostgres(home).running() as addresses, psycopg.connect(addresses.admin) as connection:
            connection.execute("create table kept as select 1 as number")
        yield home


@pytest.fixture
def server(stopped: Path, short_folder: Path) -> EmbeddedPostgres:
    """A copy of that server, in a home of its own."""
    subprocess.run(["cp", "-a", f"{stopped}/.", str(short_folder)], check=True)
    return EmbeddedPostgres(short_folder)


def numbers(addresses: Addresses) -> list[int]:
    with psycopg.connect(addresses.admin) as connection:
        return [row[0] for row in connection.execute("select number from kept order by 1")]


def kill(server: EmbeddedPostgres) -> int:
    process = server.state.process
    assert process is not None
    os.kill(process, signal.SIGKILL)
    return process


def test_second_start_after_a_clean_stop_is_quick(server: EmbeddedPostgres) -> None:
    started = time.monotonic()
    with server.running() as addresses:
        assert time.monotonic() - started < CLEAN_START_SECONDS_MAX
        assert numbers(addresses) == [1]


def test_what_was_committed_survives_a_kill(server: EmbeddedPostgres) -> None:
    addresses = server.start()
    with psycopg.connect(addresses.admin) as connection:
        connection.execute("insert into kept select generate_series(2, 100000)")
    kill(server)
    started = time.monotonic()
    with server.running() as addresses:
        assert time.monotonic() - started < RECOVERY_SECONDS_MAX
        assert len(numbers(addresses)) == 100_000
    server.stop()


def test_start_waits_for_sessions_that_outlive_a_killed_postmaster(server: EmbeddedPostgres) -> None:
    addresses = server.start()
    with psycopg.connect(addresses.admin, autocommit=True) as connection:
        assert connection.execute("select 1").fetchone() == (1,)
        kill(server)
        assert numbers(server.start()) == [1]
    server.stop()


def test_running_server_is_adopted(server: EmbeddedPostgres) -> None:
    server.start()
    process = server.state.process
    assert numbers(EmbeddedPostgres(server.state.data.parent.parent).start()) == [1]
    assert server.state.process == process
    server.stop()
    assert server.state.process is None


def test_two_starts_at_once_make_one_server(short_folder: Path) -> None:
    errors: list[Exception] = []

    def start() -> None:
        try:
            EmbeddedPostgres(short_folder).start()
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=start) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    EmbeddedPostgres(short_folder).stop()


def test_last_user_stops_the_server_and_earlier_ones_do_not(server: EmbeddedPostgres) -> None:
    with server.running():
        with EmbeddedPostgres(server.state.data.parent.parent).running():
            pass
        assert server.state.process is not None
    assert server.state.process is None


def test_server_that_was_started_to_stay_stays(server: EmbeddedPostgres) -> None:
    server.start()
    with server.running():
        pass
    assert server.state.process is not None
    server.stop()


def test_user_that_was_killed_no_longer_counts(server: EmbeddedPostgres) -> None:
    home = server.state.data.parent.parent
    program = (
        "import os, signal, pathlib, tianfu.db as db\n"
        f"with db.EmbeddedPostgres(pathlib.Path({str(home)!r})).running(): os.kill(os.getpid(), signal.SIGKILL)"
    )
    subprocess.run([sys.executable, "-c", program], check=False)
    assert server.state.process is not None
    with server.running() as addresses:
        assert numbers(addresses) == [1]
    assert server.state.process is None


def test_lease_knows_whether_it_is_the_last(tmp_path: Path) -> None:
    one, two = Lease(tmp_path / "users"), Lease(tmp_path / "users")
    assert not one.is_last()
    two.end()
    assert one.is_last()


def test_stale_pid_file_that_names_a_stranger_is_removed(server: EmbeddedPostgres) -> None:
    file = server.state.data / "postmaster.pid"
    file.write_text(f"{os.getpid()}\n{server.state.data}\n0\n5432\n\n\n\nready\n", "ascii")
    with server.running() as addresses:
        assert numbers(addresses) == [1]


def test_start_that_was_cut_off_while_making_the_data_begins_anew(short_folder: Path) -> None:
    unfinished = short_folder / "postgres" / "data.unfinished"
    unfinished.mkdir(parents=True)
    (unfinished / "PG_VERSION").write_text("18\n", "ascii")
    with EmbeddedPostgres(short_folder).running() as addresses, psycopg.connect(addresses.admin) as connection:
        assert connection.execute("select 1").fetchone() == (1,)


def test_only_the_owner_enters_the_folders(server: EmbeddedPostgres) -> None:
    with server.running() as addresses:
        socket_folder = Path(str(conninfo_to_dict(addresses.admin)["host"]))
        for private in (socket_folder, server.state.data):
            assert stat.S_IMODE(private.stat().st_mode) == 0o700
        secret = server.state.data.parent.parent / "database-secret"
        assert stat.S_IMODE(secret.stat().st_mode) == 0o600


def test_nobody_connects_without_the_password(server: EmbeddedPostgres) -> None:
    with server.running() as addresses:
        for login in ("tianfu_admin", "postgres"):
            address = make_conninfo(addresses.admin, user=login, password="guess")
            with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
                psycopg.connect(address)


def test_server_listens_on_its_socket_alone(server: EmbeddedPostgres) -> None:
    with server.running() as addresses, psycopg.connect(addresses.admin) as connection:
        assert connection.execute("show listen_addresses").fetchone() == ("",)


def test_database_is_utf_8_and_orders_by_bytes(server: EmbeddedPostgres) -> None:
    query = "select pg_encoding_to_char(encoding), datcollate from pg_database where datname = current_database()"
    with server.running() as addresses, psycopg.connect(addresses.admin) as connection:
        assert connection.execute(query).fetchone() == ("UTF8", "C")


def test_lost_secret_is_refused_and_not_made_anew(server: EmbeddedPostgres) -> None:
    (server.state.data.parent.parent / "database-secret").unlink()
    with pytest.raises(Refusal, match="database-secret-unreadable"):
        server.start()


def test_secret_that_others_may_read_is_refused(server: EmbeddedPostgres) -> None:
    (server.state.data.parent.parent / "database-secret").chmod(0o644)
    with pytest.raises(Refusal, match="database-secret-open-to-others"):
        server.start()


def test_another_secret_is_refused(server: EmbeddedPostgres) -> None:
    (server.state.data.parent.parent / "database-secret").write_text("00" * 32, "ascii")
    with pytest.raises(Refusal, match="postgres-turned-us-away"):
        server.start()
    server.stop()


def test_data_of_another_version_are_refused(server: EmbeddedPostgres) -> None:
    (server.state.data / "PG_VERSION").write_text("16\n", "ascii")
    with pytest.raises(Refusal, match="postgres-data-of-other-version"):
        server.start()


def test_server_that_cannot_start_says_why(server: EmbeddedPostgres) -> None:
    (server.state.data / "global" / "pg_control").unlink()
    with pytest.raises(Refusal, match="postgres-did-not-start") as caught:
        server.start()
    assert "pg_control" in caught.value.details["said"]


def test_path_too_long_for_a_socket_gets_a_short_one(short_folder: Path) -> None:
    deep = short_folder / ("a" * 60) / ("b" * 60)
    deep.mkdir(parents=True)
    with EmbeddedPostgres(deep).running() as addresses, psycopg.connect(addresses.admin) as connection:
        assert connection.execute("select 1").fetchone() == (1,)
        short = Path(str(conninfo_to_dict(addresses.admin)["host"]))
        assert stat.S_IMODE(short.stat().st_mode) == 0o700
    short.rmdir()


def test_stranger_folder_in_place_of_the_short_one_is_refused(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "trap").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(Refusal, match="folder-of-a-stranger"):
        account_for(tmp_path).owns(tmp_path / "trap")


def test_revived_server_serves_again(server: EmbeddedPostgres) -> None:
    with server.running() as addresses:
        kill(server)
        server.revive()
        assert numbers(addresses) == [1]


def test_start_waits_until_the_last_process_of_a_killed_server_is_dead(
    server: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process on its way out no longer shows its folder, and still holds the shared memory."""
    server.start()
    children = Path(f"/proc/{server.state.process}/task/{server.state.process}/children").read_text("utf-8").split()
    lingering = int(children[0])
    os.kill(lingering, signal.SIGSTOP)
    kill(server)
    monkeypatch.setattr(postmaster, "_workers_in", lambda _: [])
    awakening = threading.Timer(1.0, os.kill, [lingering, signal.SIGCONT])
    awakening.start()
    assert numbers(server.start()) == [1]
    awakening.join()
    server.stop()


def test_revival_raises_nothing_but_a_refusal(short_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server = EmbeddedPostgres(short_folder)

    def full(self: EmbeddedPostgres) -> Addresses:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(EmbeddedPostgres, "_start", full)
    with pytest.raises(Refusal, match="disk-full"):
        server.revive()
