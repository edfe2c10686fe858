"""The PostgreSQL that Tianfu brings along: made, started, adopted, recovered and stopped without a system package.

Data lie in `TIANFU_HOME/postgres`; only processes of this machine that may enter its socket folder reach it,
and each still needs a password.  pg_ctl: https://www.postgresql.org/docs/18/app-pg-ctl.html
"""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b
from pathlib import Path

import psycopg
from psycopg.conninfo import make_conninfo

from tianfu.db.account import Account, account_for, reachable_binaries, reachable_place
from tianfu.db.binaries import Binaries, wheel_binaries
from tianfu.db.leases import Lease, exclusively
from tianfu.db.postmaster import clear_remains, is_stopping, postmaster_of
from tianfu.db.roles import ADMIN, DATABASE, Addresses, password
from tianfu.db.secret import database_secret
from tianfu.db.tuning import configuration, machine_memory_bytes
from tianfu.kernel.refusal import Refusal

START_SECONDS = 120.0
STOP_SECONDS = 120.0
SOCKET_PATH_BYTES_MAX = 100
LOG_BYTES_MAX = 50_000_000
POLL_SECONDS = 0.02
ORPHAN_SECONDS = 60.0
"""How long the last process of a killed server may take to die; a checkpoint on a slow disk holds it."""

MEMORY_IN_USE = "pre-existing shared memory block"
TURNED_AWAY = "password authentication failed"
"""What our own server, which speaks English, says; libpq gives no SQLSTATE for a connection that fails."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerState:
    """What is known of the embedded server; `process` is None when it does not run."""

    data: Path
    process: int | None


class EmbeddedPostgres:
    """The server of one `home`."""

    def __init__(self, home: Path, *, binaries: Binaries | None = None) -> None:
        self._home = home.absolute()
        self._given_binaries = binaries

    @property
    def addresses(self) -> Addresses:
        """How to connect, whether it runs or not."""
        secret = database_secret(self._home / "database-secret", make=not self._is_made)
        return Addresses(admin=self._conninfo(DATABASE, secret), secret=secret, folder=self._place)

    @property
    def state(self) -> ServerState:
        """Whether it runs."""
        return ServerState(data=self._data, process=postmaster_of(self._data))

    @contextmanager
    def running(self) -> Iterator[Addresses]:
        """The server, running for the length of a block; the last process to leave stops it, unless it is kept."""
        with self._alone():
            addresses = self._start()
            lease = Lease(self._home / "postgres.users")
        try:
            yield addresses
        finally:
            with self._alone():
                if lease.is_last() and not self._keep.exists():
                    self._stop()
                lease.end()

    def start(self) -> Addresses:
        """Start the server, or adopt the running one, and keep it running until `stop`."""
        with self._alone():
            addresses = self._start()
            self._keep.touch()
            return addresses

    def revive(self) -> None:
        """Start the server again if it is gone; for whoever holds it running.  Raises nothing but a Refusal."""
        try:
            with self._alone():
                self._start()
        except (OSError, psycopg.Error) as error:
            raise self._refusal("postgres-did-not-start", said=str(error)) from error

    def stop(self) -> None:
        """Stop the server; its clients are told, what was committed is safe."""
        with self._alone():
            self._keep.unlink(missing_ok=True)
            self._stop()

    @cached_property
    def _account(self) -> Account:
        return account_for((self._home / "postgres").resolve() / "data")

    @cached_property
    def _place(self) -> Path:
        return reachable_place(self._home, self._account)

    @cached_property
    def _binaries(self) -> Binaries:
        return reachable_binaries(self._given_binaries or wheel_binaries(), self._account)

    @cached_property
    def _socket_folder(self) -> Path:
        """Beside the data; a path too long for a socket address gets a short one in the folder for temporary files."""
        folder = self._place / "socket"
        if len(str(folder / ".s.PGSQL.5432").encode()) <= SOCKET_PATH_BYTES_MAX:
            return folder
        name = blake2b(str(folder).encode(), digest_size=8).hexdigest()
        return Path(tempfile.gettempdir()) / f"tianfu-{name}"

    @property
    def _data(self) -> Path:
        return self._place / "data"

    @property
    def _log(self) -> Path:
        return self._place / "log"

    @property
    def _keep(self) -> Path:
        return self._home / "postgres.keep"

    @property
    def _is_made(self) -> bool:
        return (self._data / "PG_VERSION").exists()

    def _alone(self) -> AbstractContextManager[None]:
        self._home.mkdir(parents=True, exist_ok=True)
        return exclusively(self._home / "postgres.lock", within_seconds=START_SECONDS + STOP_SECONDS)

    def _conninfo(self, database: str, secret: bytes) -> str:
        return make_conninfo(
            host=str(self._socket_folder), port=5432, dbname=database, user=ADMIN, password=password(secret, ADMIN)
        )

    def _start(self) -> Addresses:
        addresses = self.addresses
        if not self._is_made:
            self._make(addresses.secret)
        self._refuse_other_version()
        if is_stopping(self._data):
            self._wait_for_end()
        if postmaster_of(self._data) is None:
            clear_remains(self._data, self._socket_folder)
            self._launch()
        self._wait_until_ready(addresses)
        self._make_database(addresses)
        return addresses

    def _make(self, secret: bytes) -> None:
        """Make the data folder beside its place, so that a start that was cut off leaves no half of one."""
        self._account.owns(self._place)
        unfinished = self._place / "data.unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        word = self._place / "password"
        self._account.writes(word, password(secret, ADMIN))
        try:
            self._run(
                "initdb", "--pgdata", str(unfinished), "--username", ADMIN, "--pwfile", str(word), "--encoding", "UTF8",
                "--locale", "C", "--auth", "scram-sha-256", "--no-instructions",
            )  # fmt: skip
        finally:
            word.unlink(missing_ok=True)
        unfinished.rename(self._data)

    def _refuse_other_version(self) -> None:
        major = (self._data / "PG_VERSION").read_text("utf-8").strip()
        said = self._run("postgres", "--version").split()[2]
        if said.split(".")[0] != major:
            raise Refusal(
                "postgres-data-of-other-version", next_step="dump-and-restore", details={"data": major, "program": said}
            )

    def _launch(self) -> None:
        self._account.owns(self._socket_folder)
        self._account.writes(
            self._data / "postgresql.conf",
            configuration(socket_folder=self._socket_folder, memory_bytes=machine_memory_bytes()),
        )
        if self._log.exists() and self._log.stat().st_size > LOG_BYTES_MAX:
            self._log.replace(self._log.with_suffix(".1"))
        give_up_at = time.monotonic() + ORPHAN_SECONDS
        while not self._started_by_pg_ctl():
            if MEMORY_IN_USE not in self._log_end() or time.monotonic() > give_up_at:
                raise self._refusal("postgres-did-not-start")
            time.sleep(POLL_SECONDS)

    def _started_by_pg_ctl(self) -> bool:
        arguments = ["--pgdata", str(self._data), "--log", str(self._log), "--timeout", str(int(START_SECONDS))]
        command = [self._binaries.program("pg_ctl"), "start", *arguments, "--silent"]
        return self._account.run(command, folder=self._place).returncode == 0

    def _log_end(self) -> str:
        """What the last start left in the log."""
        log = self._log.read_text("utf-8", "replace") if self._log.exists() else ""
        return log[-2_000:].rpartition("starting PostgreSQL")[2]

    def _wait_until_ready(self, addresses: Addresses) -> None:
        """Ready means: it lets us in."""
        give_up_at = time.monotonic() + START_SECONDS
        while True:
            try:
                psycopg.connect(self._conninfo("postgres", addresses.secret), connect_timeout=5).close()
            except psycopg.OperationalError as error:
                if TURNED_AWAY in str(error):
                    raise Refusal("postgres-turned-us-away", next_step="restore-the-secret-file") from error
                if postmaster_of(self._data) is None or time.monotonic() > give_up_at:
                    raise self._refusal("postgres-did-not-start") from error
                time.sleep(POLL_SECONDS)
            else:
                return

    def _make_database(self, addresses: Addresses) -> None:
        with psycopg.connect(self._conninfo("postgres", addresses.secret), autocommit=True) as connection:
            found = connection.execute("select 1 from pg_database where datname = %s", [DATABASE]).fetchone()
            if found is None:
                connection.execute(f"create database {DATABASE} template template0 encoding 'UTF8' locale 'C'")

    def _stop(self) -> None:
        if postmaster_of(self._data) is not None:
            seconds = str(int(STOP_SECONDS))
            self._run("pg_ctl", "stop", "--pgdata", str(self._data), "--mode", "fast", "--timeout", seconds, "--silent")

    def _wait_for_end(self) -> None:
        give_up_at = time.monotonic() + STOP_SECONDS
        while postmaster_of(self._data) is not None:
            if time.monotonic() > give_up_at:
                raise self._refusal("postgres-did-not-stop")
            time.sleep(POLL_SECONDS)

    def _run(self, program: str, *arguments: str) -> str:
        done = self._account.run([self._binaries.program(program), *arguments], folder=self._place)
        if done.returncode:
            raise self._refusal(f"{program.replace('_', '-')}-failed", said=done.output)
        return done.output

    def _refusal(self, code: str, *, said: str = "") -> Refusal:
        """What PostgreSQL said last, for the person who started it."""
        log = self._log.read_text("utf-8", "replace")[-2_000:] if self._log.exists() else ""
        full = "No space left on device" in said + log
        return Refusal(
            "disk-full" if full else code,
            next_step="free-space-then-send-again" if full else "read-the-log",
            details={"log": str(self._log), "said": (said or log).strip()},
        )
