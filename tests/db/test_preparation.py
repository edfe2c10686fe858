"""Roles: each may do its part and no more; an administrator who may not make them is told what to run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from tianfu.db import Addresses, Role
from tianfu.db.preparation import prepare
from tianfu.kernel.refusal import Refusal

Empty = Callable[[], AbstractContextManager[Addresses]]


@pytest.fixture
def empty(empty_database: Empty) -> Iterator[Addresses]:
    with empty_database() as addresses:
        prepare(addresses)
        yield addresses


@pytest.fixture
def limited(empty: Addresses) -> Iterator[Addresses]:
    """The same database through an administrator who may make neither roles nor schemas."""
    with psycopg.connect(empty.admin, autocommit=True) as connection:
        connection.execute("create role limited login password 'made-up'")
        yield Addresses(admin=make_conninfo(empty.admin, user="limited", password="made-up"), secret=empty.secret)
        connection.execute("drop role limited")


def test_roles_are_no_superusers_and_obey_row_level_security(empty: Addresses) -> None:
    query = (
        "select count(*), bool_or(rolsuper or rolbypassrls or rolcreaterole or rolcreatedb)"
        " from pg_roles where rolname = any(%s)"
    )
    with psycopg.connect(empty.admin) as connection:
        assert connection.execute(query, [[role.login for role in Role]]).fetchone() == (4, False)


@pytest.mark.parametrize("role", [Role.APP, Role.AUDIT, Role.READER])
def test_only_the_owner_may_make_tables(empty: Addresses, role: Role) -> None:
    with psycopg.connect(empty.of(role)) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute("create table t (id bigint)")


def test_preparing_again_changes_nothing(empty: Addresses) -> None:
    prepare(empty)


def test_roles_of_another_installation_are_refused(empty: Addresses) -> None:
    with pytest.raises(Refusal, match="database-roles-of-another-installation"):
        prepare(Addresses(admin=empty.admin, secret=bytes(32)))


def test_administrator_who_may_not_make_the_schema_is_told_what_to_run(limited: Addresses, empty: Addresses) -> None:
    with psycopg.connect(empty.admin, autocommit=True) as connection:
        connection.execute("drop schema tianfu")
        with pytest.raises(Refusal, match="database-schema-missing") as caught:
            prepare(limited)
        for statement in caught.value.details["sql"].split("; "):
            connection.execute(statement.encode())
    prepare(limited)


def test_administrator_with_createrole_needs_no_more(empty: Addresses) -> None:
    with psycopg.connect(empty.admin, autocommit=True) as connection:
        connection.execute("drop schema tianfu")
        connection.execute("create role maker login createrole password 'made-up'")
        database = connection.info.dbname
        connection.execute(f'grant create on database "{database}" to maker'.encode())
        if connection.info.server_version >= 160_000:  # from 16 on, a maker of roles governs only its own
            connection.execute("grant tianfu_owner to maker with admin option")
        try:
            prepare(Addresses(admin=make_conninfo(empty.admin, user="maker", password="made-up"), secret=empty.secret))
        finally:
            connection.execute("reassign owned by maker to current_user; drop owned by maker; drop role maker")


def test_server_that_is_not_there_is_a_refusal(empty: Addresses) -> None:
    with pytest.raises(Refusal, match="database-unavailable"):
        prepare(Addresses(admin=make_conninfo(empty.admin, port="1"), secret=empty.secret))
