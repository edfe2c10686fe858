"""Databases for tests: each engine runs once a session, its migrated template is cloned for each test."""

from __future__ import annotations

import itertools
import locale
import os
import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import psycopg
import pytest

from tests.folders import made_folder, new_folder, place_in_memory
from tests.trails import close_trails
from tianfu.db import Addresses, Database, EmbeddedPostgres, migrate
from tianfu.db.binaries import Binaries, installed_binaries
from tianfu.installation import schema_steps

DEBIAN_POSTGRES = Path("/usr/lib/postgresql/15/bin")
ENGINES = ("postgres-18-embedded", "postgres-15-debian")

LOCALES = {
    "postgres-18-embedded": "locale 'C'",
    # Another collation than the embedded server's, so that an order that relies on the default shows.
    "postgres-15-debian": "locale 'C.UTF-8' locale_provider icu icu_locale 'zh-u-co-pinyin'",
}

if (MEMORY := place_in_memory()) is not None:
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY))

SERVER_MEMORY_BYTES = 1 << 30
"""What a server is told to have: little, for each database is new, and memory touched for the first time is slow."""

SCRAM_ITERATIONS_SINCE = 160_000

KERNELS = Path(__file__).parents[1] / "src/tianfu/apps/radiotherapy/model/__pycache__"
os.environ.setdefault("NUMBA_CACHE_DIR", str(KERNELS))
"""Where kernels are compiled to anyhow, so that a program that tests start in a home of its own finds them there."""

LANGUAGE = locale.setlocale(locale.LC_CTYPE)


@pytest.fixture(autouse=True)
def one_language() -> Iterator[None]:
    """ITK leaves the process with another language once it wrote a series; in it files and programs speak ASCII."""
    yield
    if locale.setlocale(locale.LC_CTYPE) != LANGUAGE:
        locale.setlocale(locale.LC_CTYPE, LANGUAGE)


class Engine:
    """A running PostgreSQL and, once somebody asks, a template database with our schema."""

    def __init__(self, addresses: Addresses, locale: str) -> None:
        self.addresses = addresses
        self._locale = locale
        self._numbers = itertools.count(1)
        self._template: str | None = None

    @contextmanager
    def clone(self) -> Iterator[Addresses]:
        """A fresh database with our schema, gone after the block."""
        if self._template is None:
            self._template = "template_tianfu"
            self.run(f"create database {self._template} template template0 encoding 'UTF8' {self._locale}")
            migrate(self.addresses.in_database(self._template), schema_steps())
        with self._database(f"template {self._template} strategy file_copy") as addresses:
            yield addresses

    @contextmanager
    def empty(self) -> Iterator[Addresses]:
        """A fresh database with nothing in it, gone after the block."""
        with self._database(f"template template0 encoding 'UTF8' {self._locale}") as addresses:
            yield addresses

    @contextmanager
    def _database(self, options: str) -> Iterator[Addresses]:
        name = f"test_{next(self._numbers)}"
        self.run(f"create database {name} {options}")
        try:
            yield self.addresses.in_database(name)
        finally:
            self.run(f"drop database {name} with (force)")

    def run(self, statement: str) -> None:
        """Run a statement as the server's administrator."""
        with psycopg.connect(self.addresses.admin, autocommit=True) as connection:
            connection.execute(statement.encode())


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(autouse=True)
def closed_trails() -> Iterator[None]:
    """Trails that a test opened end with it."""
    yield
    close_trails()


@pytest.fixture
def short_folder() -> Iterator[Path]:
    """A folder that every account may enter and whose path is short enough for sockets."""
    with new_folder() as folder:
        yield folder


@pytest.fixture(scope="session")
def engine_of() -> Iterator[Callable[[str], Engine]]:
    """Engines by name, each started when first asked for."""
    engines: dict[str, Engine] = {}
    with _servers() as started:

        def engine(name: str) -> Engine:
            if name not in engines:
                engines[name] = Engine(started(_binaries(name)), LOCALES[name])
            return engines[name]

        yield engine


@pytest.fixture(scope="session")
def embedded(engine_of: Callable[[str], Engine]) -> Engine:
    return engine_of(ENGINES[0])


@pytest.fixture(scope="session", params=ENGINES)
def each_engine(request: pytest.FixtureRequest, engine_of: Callable[[str], Engine]) -> Engine:
    return engine_of(request.param)


@pytest.fixture(scope="session")
def empty_database(each_engine: Engine) -> Callable[[], AbstractContextManager[Addresses]]:
    """Makes a database with nothing in it, on every engine in turn."""
    return each_engine.empty


@pytest.fixture
def addresses(embedded: Engine) -> Iterator[Addresses]:
    """A fresh database on the embedded server."""
    with embedded.clone() as fresh:
        yield fresh


@pytest.fixture
async def database(addresses: Addresses) -> AsyncIterator[Database]:
    """A fresh database on the embedded server, open."""
    async with await Database.open(addresses) as opened:
        yield opened


@pytest.fixture
def addresses_on_each_engine(each_engine: Engine) -> Iterator[Addresses]:
    """A fresh database on every engine in turn."""
    with each_engine.clone() as fresh:
        yield fresh


@pytest.fixture
async def database_on_each_engine(addresses_on_each_engine: Addresses) -> AsyncIterator[Database]:
    """A fresh database on every engine in turn, open."""
    async with await Database.open(addresses_on_each_engine) as opened:
        yield opened


@pytest.fixture
def server_writer(embedded: Engine) -> Iterator[None]:
    """Lets the app role write files on the server, to meet the device that is always full."""
    embedded.run("grant pg_write_server_files to tianfu_app")
    yield
    embedded.run("revoke pg_write_server_files from tianfu_app")


def _binaries(name: str) -> Binaries | None:
    return None if name == ENGINES[0] else installed_binaries(DEBIAN_POSTGRES)


@contextmanager
def _servers() -> Iterator[Callable[[Binaries | None], Addresses]]:
    servers: list[EmbeddedPostgres] = []
    folders: list[Path] = []

    def start(binaries: Binaries | None) -> Addresses:
        folders.append(made_folder())
        server = EmbeddedPostgres(folders[-1], binaries=binaries)
        servers.append(server)
        with pytest.MonkeyPatch.context() as here:
            here.setattr("tianfu.db.embedded.machine_memory_bytes", lambda: SERVER_MEMORY_BYTES)
            addresses = server.start()
        with psycopg.connect(addresses.admin, autocommit=True) as connection:
            _hurry(connection)
        return addresses

    try:
        yield start
    finally:
        for server in servers:
            server.stop()
        for folder in folders:
            shutil.rmtree(folder)


def _hurry(connection: psycopg.Connection[tuple[object, ...]]) -> None:
    """A test's data need not outlive the machine, and its made-up passwords no guessing."""
    for setting in ("fsync = off", "full_page_writes = off", "min_wal_size = '32MB'", "max_wal_size = '128MB'"):
        connection.execute(f"alter system set {setting}".encode())
    if connection.info.server_version >= SCRAM_ITERATIONS_SINCE:
        connection.execute("alter system set scram_iterations = 1")
    connection.execute("select pg_reload_conf()")
