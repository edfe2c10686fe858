"""Row-level security: the second wall stands around every table that tells of records, and nobody takes it down."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest
from tests.records.made import WHO, open_store, put

from tianfu.access.caller import Caller
from tianfu.access.decision import NO_FACTS, Facts, decide
from tianfu.access.purpose import Purpose
from tianfu.db import Addresses, Database, Query, Role
from tianfu.records.visibility import wall

pytestmark = pytest.mark.anyio

OPEN_TO_READER = {
    # table: why its rows need no wall
    "audit": "the program that verifies the trail reads it by this role; it holds no content of records",
    "audit_epoch": "as above",
    "audit_root": "as above",
    "token": "vocabulary, shared by all records",
    "dictionary": "trained on made-up residents",
    "source": "systems, not people",
    "index_state": "of types, not of records",
    "key_check": "fingerprints of keys",
}
"""Tables that the reader sees whole."""

_TABLES = """
select c.relname::text, c.relrowsecurity and c.relforcerowsecurity
  from pg_class c
 where c.relnamespace = 'tianfu'::regnamespace and c.relkind in ('r', 'p')
   and has_table_privilege('tianfu_reader', c.oid, 'select')"""


async def test_every_table_the_reader_may_read_is_walled_or_named(database_on_each_engine: Database) -> None:
    async with database_on_each_engine.connection("owner") as owner:
        rows = await owner.all(Query.composed("tables", _TABLES))
    walled = {name for name, is_forced in rows if is_forced}
    unwalled = {name for name, is_forced in rows if not is_forced}
    assert unwalled == OPEN_TO_READER.keys()
    assert {"resource", "history", "identifier", "string", "reference", "relation"} <= walled


async def test_another_institution_sees_no_row_of_any_walled_table(database_on_each_engine: Database) -> None:
    database = database_on_each_engine
    store = await open_store(database)
    for text in ("first", "second"):
        await put(
            store,
            "Patient",
            "ada",
            name=[{"family": text}],
            birthDate="1980-01-01",
            deceasedDateTime="2026-01-01",
            identifier=[{"system": "urn:made-up:card", "value": "7"}],
            managingOrganization={"reference": "Organization/ours"},
        )
    code = {"coding": [{"system": "http://loinc.org", "code": "29463-7"}]}
    await put(
        store,
        "Observation",
        "weight",
        status="final",
        code=code,
        subject={"reference": "Patient/ada"},
        performer=[{"reference": "Practitioner/lin"}],
        component=[{"code": code, "valueQuantity": {"value": 1, "unit": "kg"}}],
    )
    await put(
        store, "Account", "both", status="active", subject=[{"reference": f"Patient/{x}"} for x in ("ada", "bea")]
    )
    theirs = Caller(id="d", role="doctor", organisation="theirs", practitioner="zhou")
    ours = Caller(id="t", role="township", organisation="ours")
    stranger = decide(theirs, Purpose.TREATMENT, Facts(actors=(7,), custodian=None))
    tables = ("resource", "history", "identifier", "string", "reference", "date", "quantity")
    whole = await counts(database, tables, decide(*WHO, NO_FACTS))
    assert all(whole.values()), whole
    assert not any((await counts(database, tables, stranger)).values())
    assert not any((await counts(database, (*tables, "also_about", "relation"), None)).values())
    number = (await store._permissions.grant(ours, Purpose.PUBLIC_HEALTH)).actors
    near = decide(ours, Purpose.PUBLIC_HEALTH, Facts(actors=number, custodian=None))
    assert (await counts(database, tables, near))["identifier"] == whole["identifier"]


async def counts(database: Database, tables: tuple[str, ...], grant: object) -> dict[str, int]:
    before = None if grant is None else wall(grant)  # type: ignore[arg-type]
    async with database.connection("reader", before=before) as reader:
        return {
            name: (await reader.all(Query.composed("count", f"select count(*) from {name}")))[0][0]  # noqa: S608
            for name in tables
        }


@pytest.mark.parametrize(
    ("role", "statement"),
    [
        (Role.READER, "insert into audit (caller) values ('nobody')"),
        (Role.READER, "alter table resource no force row level security"),
        (Role.READER, "set role tianfu_owner"),
        (Role.APP, "delete from history"),
        (Role.APP, "update audit set caller = 'somebody else'"),
        (Role.APP, "delete from audit"),
        (Role.APP, "alter table resource disable row level security"),
        (Role.APP, "drop policy reading on resource"),
        (Role.APP, "set role tianfu_owner"),
        (Role.APP, "copy (select 1) to program 'true'"),
        (Role.AUDIT, "select * from resource"),
        (Role.AUDIT, "delete from audit"),
        (Role.AUDIT, "update audit set caller = 'somebody else'"),
    ],
)
def test_no_role_of_the_program_takes_down_a_wall_or_touches_the_trail(
    addresses: Addresses, role: Role, statement: str
) -> None:
    with (
        psycopg.connect(addresses.of(role), autocommit=True) as connection,
        pytest.raises((psycopg.errors.InsufficientPrivilege, psycopg.errors.UndefinedObject)),
    ):
        connection.execute(statement.encode())


def test_nobody_connects_over_the_network_or_without_the_password(addresses: Addresses) -> None:
    with psycopg.connect(addresses.admin, autocommit=True) as connection:
        assert connection.execute("show listen_addresses").fetchone() == ("",)
        assert connection.execute("show log_connections").fetchone() not in {("off",), ("",)}
        rows = connection.execute("select rolname, rolsuper, rolbypassrls, rolcreaterole from pg_roles").fetchall()
    assert {row for row in rows if row[0].startswith("tianfu_") and any(row[1:]) and row[0] != "tianfu_admin"} == set()
    for role in Role:
        wrong = psycopg.conninfo.make_conninfo(addresses.of(role), password="guessed")
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(wrong)


def test_a_session_stands_in_the_servers_log_too(addresses: Addresses) -> None:
    with psycopg.connect(addresses.of(Role.READER), autocommit=True) as connection:
        (backend,) = connection.execute("select pg_backend_pid()").fetchone() or (0,)
    with psycopg.connect(addresses.admin, autocommit=True) as connection:
        (data,) = connection.execute("show data_directory").fetchone() or ("",)
    logs = [file for file in Path(data).parent.rglob("*log*") if file.is_file()]
    said = [line for file in logs for line in file.read_text("utf-8", "replace").splitlines() if f"[{backend}]" in line]
    assert any("tianfu_reader" in line for line in said)
