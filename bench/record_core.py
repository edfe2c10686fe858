"""The record core's speeds, each the median of three short runs, with yardsticks taken in the same minute."""

from __future__ import annotations

import asyncio
import http.client
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote, urlsplit

import orjson
import psycopg
from tests.conformance.fhirpath_suite import run_suite

from bench import synthea
from bench.load_generator import wrk
from bench.machine import machine
from bench.places import home_for, keys
from bench.program import Program
from bench.saying import say
from bench.serving import REAL, TRIVIAL, UNTRACED, served
from tianfu.db import Addresses, Database, Query, migrate
from tianfu.db.embedded import EmbeddedPostgres
from tianfu.installation import schema_steps
from tianfu.kernel.ids import unpacked_id
from tianfu.records.importing.files import Source
from tianfu.records.importing.run import import_paths
from tianfu.standards.fhir.validation import validate

RUNS = 3
CLIENTS = 4
CRUD_CONNECTIONS = 16
READ_CONNECTIONS = 32
TIMELINES_PER_RUN = 200
OBSERVATIONS = 1_000
READ_IDS = 5_000
SCRATCH = "bench_scratch"

Result = dict[str, object]


def record_core(home: Path) -> Result:
    """Measure everything once; needs the store that `prepare` builds."""
    started = time.monotonic()
    result: Result = {"machine": machine(), "runs": RUNS}
    with tempfile.TemporaryDirectory(prefix="tianfu-bench-") as folder, EmbeddedPostgres(home).running() as addresses:
        place = Path(folder)
        result |= validation()
        with scratch(addresses) as empty:
            result |= importing(home_for(home, place / "importing"), empty, place)
        with scratch(addresses) as empty:
            result |= writing(home_for(home, place / "writing"), empty, place)
        result |= asyncio.run(sizes(addresses))
        result |= reading(home, addresses, place)
        result |= conformance()
    result["seconds"] = round(time.monotonic() - started, 1)
    return result


@contextmanager
def scratch(addresses: Addresses) -> Iterator[Addresses]:
    """A fresh database with our schema on the same server."""
    _administer(addresses, f"drop database if exists {SCRATCH} with (force)")
    _administer(addresses, f"create database {SCRATCH} template template0 encoding 'UTF8' locale 'C'")
    fresh = addresses.in_database(SCRATCH)
    try:
        migrate(fresh, schema_steps())
        yield fresh
    finally:
        _administer(addresses, f"drop database if exists {SCRATCH} with (force)")


def _administer(addresses: Addresses, statement: str) -> None:
    with psycopg.connect(addresses.admin, autocommit=True) as connection:
        connection.execute(statement.encode())


def _medians(name: str, runs: Sequence[float], digits: int = 0) -> Result:
    say(f"{name}: {', '.join(f'{each:,.{max(digits, 1)}f}' for each in runs)}")
    places = digits or None  # None makes whole numbers
    return {name: round(statistics.median(runs), places), f"{name}_runs": [round(each, places) for each in runs]}


def validation() -> Result:
    """How many Observations one core validates in a second."""
    values = synthea.observations(OBSERVATIONS)
    runs = []
    validate(values[0])  # compiles the definitions
    for _ in range(RUNS):
        started = time.perf_counter()
        faulty = sum(bool(validate(value)) for value in values)
        runs.append(len(values) / (time.perf_counter() - started))
        if faulty:
            raise SystemExit(f"{faulty} Observations are not valid")
    return _medians("validated_per_second", runs)


def importing(home: Path, addresses: Addresses, place: Path) -> Result:
    """Import of lines over plain COPY of the same lines into one unindexed column, on the same server."""
    lines = place / "synthea.ndjson"
    count = synthea.write_lines(lines)
    copied, imported = [], []
    for run in range(RUNS):
        copied.append(count / _timed(lambda: _copy(addresses, lines)))
        imported.append(count / _timed(lambda number=run: _import(home, addresses, lines, number, count)))  # type: ignore[misc]  # mypy infers no default of a lambda
    ratios = [ours / plain for ours, plain in zip(imported, copied, strict=True)]
    return {
        **_medians("import_vs_copy", ratios, 4),
        **_medians("import_resources_per_second", imported),
        **_medians("copy_lines_per_second", copied),
    }


def _timed(work: Callable[[], None]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _copy(addresses: Addresses, lines: Path) -> None:
    with psycopg.connect(addresses.admin) as connection:
        connection.execute("create table copied (line jsonb)")
        with lines.open("rb") as file, connection.cursor().copy("copy copied from stdin") as copy:
            while block := file.read(1 << 20):
                copy.write(block.replace(b"\\", b"\\\\"))
        connection.commit()
        connection.execute("drop table copied")


def _import(home: Path, addresses: Addresses, lines: Path, number: int, count: int) -> None:
    done = import_paths(
        addresses,
        home,
        [lines],
        keys=keys(home),
        source=Source(uri=f"urn:bench:import:{number}"),
        workers=2,
        rejects_file=lines.with_suffix(".rejects"),
        progress=lambda read, size, taken: None,
    )
    if done.resources + done.repeated != count or done.updated or done.rejected:
        raise SystemExit(f"of {count} lines, {done.created} were created and {done.rejected} rejected")


def writing(home: Path, addresses: Addresses, place: Path) -> Result:
    """Transactions of bundles, and single Observations made, read, changed and deleted, all durable and traced."""
    with served(REAL, home, addresses) as server:
        desk = server.desk()
        runs = [_post(desk, bundles) for bundles in _shares(list(synthea.bundles()))]
        form = place / "observation"
        form.write_bytes(_form_of_observation())
        crud = [_crud(server.port, form, desk) for _ in range(RUNS)]
    return {
        **_medians("transaction_resources_per_second", runs),
        **_medians("crud_requests_per_second", crud),
    }


def _shares(bundles: list[bytes]) -> list[list[bytes]]:
    return [bundles[run::RUNS] for run in range(RUNS)]


def _crud(port: int, form: Path, desk: Program) -> float:
    headers = desk.headers()
    return wrk(port, "crud", form, connections=CRUD_CONNECTIONS, seconds=2, headers=headers).per_second


def _post(desk: Program, bundles: Sequence[bytes]) -> float:
    resources = sum(synthea.entry_count(bundle) for bundle in bundles)
    shares = [bundles[client::CLIENTS] for client in range(CLIENTS)]
    with ThreadPoolExecutor(CLIENTS) as clients:
        seconds = _timed(lambda: _all_done(clients, desk, shares))
    return resources / seconds


def _all_done(clients: ThreadPoolExecutor, desk: Program, shares: Sequence[Sequence[bytes]]) -> None:
    list(clients.map(lambda share: _post_each(desk, share), shares))


def _post_each(desk: Program, bundles: Sequence[bytes]) -> None:
    connection = _connection(desk)
    for bundle in bundles:
        connection.request("POST", "/fhir", bundle, {"Content-Type": "application/fhir+json", **desk.headers()})
        answer = connection.getresponse()
        said = answer.read()
        if answer.status != http.HTTPStatus.OK:
            raise SystemExit(f"a bundle was answered with {answer.status}: {said[:300]!r}")
    connection.close()


def _connection(desk: Program) -> http.client.HTTPConnection:
    return http.client.HTTPConnection("127.0.0.1", urlsplit(desk.address).port, timeout=60)


def _form_of_observation() -> bytes:
    """The members of an Observation behind its id, without references, for the load generator to complete."""
    value = synthea.observations(1)[0]
    for member in ("resourceType", "id", "subject", "encounter"):
        value.pop(member, None)
    return orjson.dumps(value)[1:] + b"\n"


async def sizes(addresses: Addresses) -> Result:
    """What a resource of the prepared store costs on disk: all tables and indexes but the trace."""
    async with await Database.open(addresses, links_max=1) as database, database.connection("owner") as owner:
        rows = await owner.all(Query.composed("sizes", _SIZES))
        counted = await owner.one(Query.composed("count", "select count(*) from resource where not deleted"))
    resources = int(counted[0]) if counted else 0
    if not resources:
        raise SystemExit("the store is empty: python -m bench prepare")
    total = sum(row[1] for row in rows)
    return {
        "bytes_per_resource": round(total / resources),
        "resources": resources,
        "bytes_by_table": {row[0]: round(row[1] / resources, 1) for row in rows if row[1] > resources},
    }


_SIZES = """
select relname::text, pg_total_relation_size(oid)::bigint
  from pg_class
 where relnamespace = 'tianfu'::regnamespace and relkind = 'r' and relname not like 'audit%'
 order by 2 desc"""


def reading(home: Path, addresses: Addresses, place: Path) -> Result:
    """Reads by id without a trace beside a handler that does nothing, and the newest results of a person."""
    people, observations = asyncio.run(_samples(addresses))
    paths = place / "paths"
    paths.write_text("".join(f"/fhir/Observation/{each}\n" for each in observations), "ascii")
    with served(TRIVIAL, home, addresses) as server:
        trivial = [_reads(server.port, paths, seconds=1) for _ in range(RUNS)]
    with served(UNTRACED, home, addresses) as server:
        wrk(server.port, "read", paths, connections=READ_CONNECTIONS, seconds=1)
        reads = [_reads(server.port, paths) for _ in range(RUNS)]
    with served(REAL, home, addresses) as server:
        desk = server.desk()
        _timelines(desk, people[:50])
        runs = [_timelines(desk, people[run::RUNS][:TIMELINES_PER_RUN]) for run in range(RUNS)]
        traced = [_reads(server.port, paths, seconds=1, headers=desk.headers()) for _ in range(RUNS)]
    return {
        **_medians("read_requests_per_second", reads),
        **_medians("traced_read_requests_per_second", traced),
        **_medians("trivial_handler_requests_per_second", trivial),
        **_medians("timeline_ms_p95", [_percentile(run, 95) for run in runs], 2),
        **_medians("timeline_ms_p50", [_percentile(run, 50) for run in runs], 2),
    }


def _reads(port: int, paths: Path, *, seconds: int = 2, headers: Mapping[str, str] | None = None) -> float:
    return wrk(port, "read", paths, connections=READ_CONNECTIONS, seconds=seconds, headers=headers).per_second


async def _samples(addresses: Addresses) -> tuple[list[str], list[str]]:
    """Ids of random people and Observations, the same ones each time for the same store."""
    async with await Database.open(addresses, links_max=1) as database, database.connection("owner") as reader:
        people = await reader.all(Query.composed("people", "select fid from resource_patient where not deleted"))
        wanted = "select fid from resource_observation where not deleted order by rid limit %(limit)s"
        observations = await reader.all(Query.composed("observations", wanted), limit=READ_IDS)
    drawn = random.Random(1)
    ids = sorted(unpacked_id(row[0]) for row in people)
    drawn.shuffle(ids)
    return ids, [unpacked_id(row[0]) for row in observations]


def _timelines(desk: Program, people: Sequence[str]) -> list[float]:
    """How long each question took, in milliseconds."""
    connection = _connection(desk)
    took = []
    for person in people:
        subject = quote(f"Patient/{person}", safe="")
        headers = desk.headers()
        started = time.perf_counter()
        connection.request("GET", f"/fhir/Observation?subject={subject}&_sort=-date&_count=20", headers=headers)
        answer = connection.getresponse()
        said = answer.read()
        took.append((time.perf_counter() - started) * 1000)
        if answer.status != http.HTTPStatus.OK:
            raise SystemExit(f"a timeline was answered with {answer.status}: {said[:300]!r}")
    connection.close()
    return took


def _percentile(values: Sequence[float], percent: int) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, len(ordered) * percent // 100)]


def conformance() -> Result:
    """How many of HL7's FHIRPath cases pass."""
    said = run_suite()
    misses = said.pop("misses")
    return {**said, "fhirpath_misses": misses}
