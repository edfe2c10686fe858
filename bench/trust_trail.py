"""What trust costs: durable audit events a second, and how quickly the trail is checked."""

from __future__ import annotations

import asyncio
import random
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

from tianfu.db import Addresses, Database, EmbeddedPostgres, Role, migrate
from tianfu.installation import schema_steps
from tianfu.kernel.instants import system_clock
from tianfu.records.audit import GroupAuditor
from tianfu.records.audit_event import AuditEvent, Deed
from tianfu.records.trail.epochs import Trail, open_trail
from tianfu_audit_verify.command import verify

Result = dict[str, object]

RUNS = 3
CLIENTS = 256
EVENTS_PER_RUN = 12_000
PATIENTS = 20_000


def trail() -> Result:
    """Events of reads through the auditor of every installation: chained, committed, their heads on disk outside."""
    with tempfile.TemporaryDirectory(prefix="tianfu-bench-trust-") as folder:
        home = Path(folder)
        home.chmod(0o755)  # the embedded server may run as another account
        with _database(home) as addresses:
            runs = asyncio.run(_recorded(addresses, home))
            audit = home / "audit"
            report = verify(addresses.of(Role.READER), heads=audit / "heads", roots=None, keys=audit / "keys")
    if report.tampered or report.events != RUNS * EVENTS_PER_RUN:
        raise SystemExit(f"the trail of the benchmark does not verify: {report.lines()}")
    return {
        "audit_events_per_second": round(statistics.median(runs)),
        "audit_events_per_second_runs": [round(each) for each in runs],
        "audit_verified_per_second": round(report.events / report.seconds),
    }


@contextmanager
def _database(home: Path) -> Iterator[Addresses]:
    with EmbeddedPostgres(home).running() as addresses:
        migrate(addresses, schema_steps())
        yield addresses


async def _recorded(addresses: Addresses, home: Path) -> list[float]:
    async with await Database.open(addresses) as database:
        opened = await open_trail(database, home, system_clock)
        try:
            return [await _run(database, opened, number) for number in range(RUNS)]
        finally:
            opened.close()


async def _run(database: Database, opened: Trail, number: int) -> float:
    """How many events a second many readers leave side by side."""
    auditor = GroupAuditor(database, opened.lanes)
    drawn = random.Random(number)
    people = [drawn.getrandbits(62) for _ in range(PATIENTS)]
    asked = count()

    async def reads() -> None:
        while next(asked) < EVENTS_PER_RUN:
            await auditor.record([_read(drawn, people)])

    started = time.perf_counter()
    await asyncio.gather(*(reads() for _ in range(CLIENTS)))
    return EVENTS_PER_RUN / (time.perf_counter() - started)


def _read(drawn: random.Random, people: list[int]) -> AuditEvent:
    deed = Deed("made-up-doctor", "", "", "", "doctor", "TREAT", "doctor-treats", "read", "success", 96)
    return AuditEvent(system_clock(), deed, (drawn.getrandbits(62),), (drawn.choice(people),), None, "")
