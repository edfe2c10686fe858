"""Make the roles and the schema in a database, or say what an administrator must run to make them."""

from __future__ import annotations

from contextlib import suppress

import psycopg
from psycopg import Connection, sql

from tianfu.db.roles import SCHEMA, Addresses, Role, password
from tianfu.kernel.refusal import Refusal

SERVER_VERSION_MIN = 15
CONNECT_SECONDS = 10
LOCK = 0x7469616E6675
"""The advisory lock under which a database is prepared and migrated."""


def prepare(addresses: Addresses) -> None:
    """See that the server is new enough and that the four roles and the schema exist; repeatable."""
    with connected(addresses) as connection:
        _refuse_old(connection)
        connection.execute("select pg_advisory_lock(%s)", [LOCK])
        _make_roles(connection, addresses.secret)
        _refuse_other_passwords(addresses)
        _make_schema(connection)
        _let_overlap_pass_walls(connection)


def connected(addresses: Addresses) -> Connection[tuple[object, ...]]:
    """The administrator's connection; raises the refusal "database-unavailable"."""
    try:
        return psycopg.connect(addresses.admin, autocommit=True, connect_timeout=CONNECT_SECONDS)
    except psycopg.OperationalError as error:
        raise Refusal(
            "database-unavailable",
            next_step="check-the-database-address",
            retryable=True,
            details={"reason": error.sqlstate or "no-connection"},
        ) from error


def _refuse_old(connection: Connection[tuple[object, ...]]) -> None:
    major = connection.info.server_version // 10_000
    if major < SERVER_VERSION_MIN:
        raise Refusal(
            "postgres-too-old",
            next_step="upgrade-postgres",
            details={"found": str(major), "needed": str(SERVER_VERSION_MIN)},
        )


def _make_roles(connection: Connection[tuple[object, ...]], secret: bytes) -> None:
    rows = connection.execute("select rolname from pg_roles where rolname = any(%s)", [[role.login for role in Role]])
    existing = {name for (name,) in rows}
    missing = [role for role in Role if role.login not in existing]
    if not missing:
        return
    statements = [_role_statement(connection, role, secret) for role in missing]
    try:
        with connection.transaction():
            for statement in statements:
                connection.execute(statement)
    except (psycopg.errors.DuplicateObject, psycopg.errors.UniqueViolation):
        return  # they belong to the whole server: the same work in another database was quicker
    except psycopg.errors.InsufficientPrivilege as error:
        said = "; ".join(statement.as_string(connection) for statement in statements)
        raise Refusal(
            "database-roles-missing", next_step="let-an-administrator-run-this", details={"sql": said}
        ) from error


def _role_statement(connection: Connection[tuple[object, ...]], role: Role, secret: bytes) -> sql.Composed:
    """The password travels as its SCRAM verifier, so that no log and no screen shows it."""
    word = password(secret, role.login).encode()
    verifier = connection.pgconn.encrypt_password(word, role.login.encode(), b"scram-sha-256").decode()
    return sql.SQL("create role {} login nosuperuser nocreatedb nocreaterole nobypassrls password {}").format(
        sql.Identifier(role.login), sql.Literal(verifier)
    )


def _refuse_other_passwords(addresses: Addresses) -> None:
    try:
        psycopg.connect(addresses.of(Role.APP)).close()
    except psycopg.OperationalError as error:
        raise Refusal(
            "database-roles-of-another-installation",
            next_step="use-its-secret-file",
            details={"said": str(error).strip()},
        ) from error


def _make_schema(connection: Connection[tuple[object, ...]]) -> None:
    found = connection.execute("select 1 from pg_namespace where nspname = %s", [SCHEMA]).fetchone()
    if found is not None:
        return
    schema, owner = sql.Identifier(SCHEMA), sql.Identifier(Role.OWNER.login)
    users = sql.SQL(", ").join(sql.Identifier(role.login) for role in Role if role is not Role.OWNER)
    try:
        with connection.transaction():
            (superuser,) = connection.execute(
                "select rolsuper from pg_roles where rolname = current_user"
            ).fetchone() or (False,)
            if not superuser:
                connection.execute(sql.SQL("grant {} to current_user").format(owner))
            connection.execute(sql.SQL("create schema {} authorization {}").format(schema, owner))
            connection.execute(sql.SQL("grant usage on schema {} to {}").format(schema, users))
    except psycopg.errors.InsufficientPrivilege as error:
        said = sql.SQL("create schema {} authorization {}; grant usage on schema {} to {}").format(
            schema, owner, schema, users
        )
        raise Refusal(
            "database-schema-missing",
            next_step="let-an-administrator-run-this",
            details={"sql": said.as_string(connection)},
        ) from error


def _let_overlap_pass_walls(connection: Connection[tuple[object, ...]]) -> None:
    """Let an index on arrays be used behind row-level security, in this database.

    PostgreSQL tests rows with an operator before the policy only if it is marked as telling nothing about them; array
    overlap of numbers tells nothing, but is not marked.  Without the mark the answers are the same and such searches
    are slow.  https://www.postgresql.org/docs/18/sql-createfunction.html (LEAKPROOF, which only a superuser may set)
    """
    marked = connection.execute("select proleakproof from pg_proc where oid = 'arrayoverlap'::regproc").fetchone()
    if marked == (False,):
        with suppress(psycopg.errors.InsufficientPrivilege):
            connection.execute("alter function pg_catalog.arrayoverlap(anyarray, anyarray) leakproof")
