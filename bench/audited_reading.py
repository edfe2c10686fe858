"""What trust costs a read: a doctor's app reads his patients' results, each read decided in SQL and traced,
beside the same reads at a door where everything is open and nothing is traced."""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path

import httpx
import orjson

from bench.doctors_app import doctors_headers
from bench.load_generator import wrk
from bench.program import Program
from bench.saying import say
from bench.serving import REAL, UNTRACED, served
from tianfu.db import Addresses, Database, Query
from tianfu.db.embedded import EmbeddedPostgres
from tianfu.kernel.ids import unpacked_id
from tianfu.kernel.instants import SECOND, system_clock, to_fhir_instant

PAIRS = 9
"""So often both servers are measured one right after the other: what slows the machine for a while slows both."""

SECONDS = 1
CONNECTIONS = 128
"""So many that cores, and not waits for the disk, decide how much is read in a second."""

FEW_CONNECTIONS = 32
"""As many as the record core's own benchmark has: here the waits of a group for its commit and its head show."""

MANY_CONNECTIONS = 256
"""As many as a busy place has open: groups are large, and what a group costs is shared by many."""

PATIENTS = 200
RESULTS = 5_000
WARD, DOCTOR = "bench-ward", "bench-doctor"

Result = dict[str, object]


def audited_reads(home: Path) -> Result:
    """Reads per second with permission and trace, and how many times slower that is than the record core's read."""
    with tempfile.TemporaryDirectory(prefix="tianfu-bench-") as folder, EmbeddedPostgres(home).running() as addresses:
        people, results = asyncio.run(_samples(addresses))
        paths = Path(folder) / "paths"
        paths.write_text("".join(f"/fhir/Observation/{each}\n" for each in results), "ascii")
        limits = _without_limits(Path(folder))
        with served(REAL, home, addresses, more=limits) as ours:
            _admit(ours.desk(), people)
        with served(UNTRACED, home, addresses, more=limits) as core, served(REAL, home, addresses, more=limits) as ours:

            def measured(connections: int) -> list[tuple[float, float]]:
                headers = doctors_headers(ours.environment, organisation=WARD, practitioner=DOCTOR)

                def one() -> tuple[float, float]:
                    plain = wrk(core.port, "read", paths, connections=connections, seconds=SECONDS)
                    audited = wrk(ours.port, "read", paths, connections=connections, seconds=SECONDS, headers=headers)
                    return plain.per_second, audited.per_second

                one()  # warms both
                return [one() for _ in range(PAIRS)]

            usual, few, many = (measured(each) for each in (CONNECTIONS, FEW_CONNECTIONS, MANY_CONNECTIONS))
    return {
        **_median("audited_reads_per_second", [audited for _, audited in usual], 0),
        **_median("core_reads_per_second", [plain for plain, _ in usual], 0),
        **_median("read_slowdown", [plain / audited for plain, audited in usual], 2),
        **_median("audited_reads_few_connections", [audited for _, audited in few], 0),
        **_median("read_slowdown_few_connections", [plain / audited for plain, audited in few], 2),
        **_median("audited_reads_many_connections", [audited for _, audited in many], 0),
        **_median("read_slowdown_many_connections", [plain / audited for plain, audited in many], 2),
    }


def _median(name: str, runs: Sequence[float], digits: int) -> Result:
    say(f"{name}: {', '.join(f'{each:,.{digits}f}' for each in runs)}")
    middle = sorted(runs)[len(runs) // 2]
    places = digits or None  # None makes whole numbers
    return {name: round(middle, places), f"{name}_runs": [round(each, places) for each in runs]}


async def _samples(addresses: Addresses) -> tuple[list[str], list[str]]:
    """Some patients, and results of theirs."""
    wanted = (
        "select rid, fid from resource_patient p where not deleted "
        "and exists (select from resource_observation o where o.prid = p.rid) order by rid limit %(limit)s"
    )
    theirs = (
        "select fid from resource_observation where prid = any(%(patients)s::bigint[]) and not deleted limit %(limit)s"
    )
    async with await Database.open(addresses, links_max=1) as database, database.connection("owner") as owner:
        people = await owner.all(Query.composed("people", wanted), limit=PATIENTS)
        numbers = [row[0] for row in people]
        results = await owner.all(Query.composed("results", theirs), patients=numbers, limit=RESULTS)
    return [unpacked_id(row[1]) for row in people], [unpacked_id(row[0]) for row in results]


def _admit(desk: Program, people: Sequence[str]) -> None:
    """Put the patients into a ward where the doctor treats them."""
    started = to_fhir_instant(system_clock() - 3_600 * SECOND)
    with desk.client(headers={"content-type": "application/fhir+json"}, timeout=60) as client:
        _put(client, {"resourceType": "Organization", "id": WARD, "name": "Made-up ward"})
        _put(client, {"resourceType": "Practitioner", "id": DOCTOR})
        for number, person in enumerate(people):
            visit = {
                "resourceType": "Encounter",
                "id": f"bench-visit-{number}",
                "status": "in-progress",
                "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "IMP"},
                "subject": {"reference": f"Patient/{person}"},
                "period": {"start": started},
                "participant": [{"individual": {"reference": f"Practitioner/{DOCTOR}"}}],
                "serviceProvider": {"reference": f"Organization/{WARD}"},
            }
            _put(client, visit)


def _put(client: httpx.Client, resource: Mapping[str, object]) -> None:
    address = f"/fhir/{resource['resourceType']}/{resource['id']}"
    answer = client.put(address, content=orjson.dumps(resource))
    if answer.status_code not in {httpx.codes.OK, httpx.codes.CREATED}:
        raise SystemExit(f"{address} was answered with {answer.status_code}: {answer.text[:300]}")


def _without_limits(folder: Path) -> dict[str, str]:
    """A file of limits that lets one doctor read as fast as he can: what is measured is the server, not his ration."""
    limits = json.loads(files("tianfu.services.limits").joinpath("limits.json").read_bytes())
    limits["classes"]["read"] = {"burst": 10_000_000, "per_second": 1_000_000}
    file = folder / "limits.json"
    file.write_text(json.dumps(limits), "utf-8")
    return {"TIANFU_LIMITS_FILE": str(file)}
