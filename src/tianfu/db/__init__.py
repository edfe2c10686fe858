"""PostgreSQL: embedded server, pools, transactions, named queries, migrations.  Knows no health care."""

from tianfu.db.database import Database, Ending, Pending, Pipeline, Session, Transaction
from tianfu.db.embedded import EmbeddedPostgres
from tianfu.db.errors import SerializationFailure, StatementFailed, UniqueViolation
from tianfu.db.migrations import Migration, migrate, migrations_in
from tianfu.db.queries import Queries, Query, queries
from tianfu.db.roles import Addresses, Role
from tianfu.db.wire import (
    COPY_HEADER,
    COPY_TRAILER,
    Wire,
    bytea_array,
    copy_file,
    copy_row,
    float8_array,
    int2_array,
    int4_array,
    int8_array,
    text_array,
    uuid_array,
)

__all__ = [
    "COPY_HEADER",
    "COPY_TRAILER",
    "Addresses",
    "Database",
    "EmbeddedPostgres",
    "Ending",
    "Migration",
    "Pending",
    "Pipeline",
    "Queries",
    "Query",
    "Role",
    "SerializationFailure",
    "Session",
    "StatementFailed",
    "Transaction",
    "UniqueViolation",
    "Wire",
    "bytea_array",
    "copy_file",
    "copy_row",
    "float8_array",
    "int2_array",
    "int4_array",
    "int8_array",
    "migrate",
    "migrations_in",
    "queries",
    "text_array",
    "uuid_array",
]
