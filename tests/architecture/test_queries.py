"""Every named query follows the form, is used, and is understood by each engine."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path

import psycopg
import pytest

from tests.conftest import Engine
from tianfu.db import COPY_HEADER, COPY_TRAILER, Addresses, Query, Role
from tianfu.db.queries import read_queries
from tianfu.records.visibility import asked

SOURCE = Path(__file__).resolve().parents[2] / "src" / "tianfu"
FILES = [file for file in sorted(SOURCE.rglob("*.sql")) if file.parent.name != "schema"]


def queries_in(file: Path) -> list[Query]:
    return list(read_queries(file.read_text("utf-8"), source=file.name, fill=asked).values())


@cache
def program() -> str:
    return "\n".join(source.read_text("utf-8") for source in SOURCE.rglob("*.py"))


@pytest.fixture(scope="module")
def migrated(each_engine: Engine) -> Iterator[Addresses]:
    """One database for all files on every engine in turn, since nothing is written."""
    with each_engine.clone() as fresh:
        yield fresh


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_every_query_has_a_name_and_a_sentence(file: Path) -> None:
    assert all(query.sentence for query in queries_in(file))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_every_query_is_used(file: Path) -> None:
    assert [query.name for query in queries_in(file) if f".{query.name}" not in program()] == []


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_every_query_is_understood_by_each_engine(file: Path, migrated: Addresses) -> None:
    with psycopg.connect(migrated.of(Role.OWNER), autocommit=True) as connection:
        for query in queries_in(file):
            understand(connection, query)


def understand(connection: psycopg.Connection, query: Query) -> None:
    """Let the server parse a query; only running it tells of a COPY, so an empty stream is sent."""
    if query.text.lower().startswith("copy"):
        with connection.cursor().copy(query.wire) as copy:
            copy.write(COPY_HEADER + COPY_TRAILER)
        return
    result = connection.pgconn.prepare(query.name.encode(), query.wire)
    assert result.status == psycopg.pq.ExecStatus.COMMAND_OK, f"{query.name}: {result.get_error_message()}"
