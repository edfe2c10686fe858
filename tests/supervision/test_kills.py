"""Kills without warning, while clients write and read and a file is imported.

What was acknowledged is there, and there once; what was answered has its event; and the chain of events verifies.

`TIANFU_TEST_KILLS` says how many; `make soak` takes sixty.
"""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import orjson
import psycopg
import pytest
from tests.supervision.installation import Installation, wait_until

from tianfu.db import EmbeddedPostgres, Role
from tianfu.kernel.ids import record_number

KILLS = int(os.environ.get("TIANFU_TEST_KILLS", "15"))
CLIENTS = 4
READERS = 2
IMPORTED = 40_000
PAUSE_SECONDS = (0.2, 1.2)
BACK_SECONDS_MAX = 60.0
SYSTEM = "urn:made-up:kills"
JSON = {"content-type": "application/fhir+json"}


def bundle(name: str) -> bytes:
    """A person and two weights, each created only if its identifier is not there: it may be sent again."""

    def once(resource: dict[str, object], part: str, place: str) -> dict[str, object]:
        resource["identifier"] = [{"system": SYSTEM, "value": f"{name}-{part}"}]
        condition = f"identifier={SYSTEM}|{name}-{part}"
        request = {"method": "POST", "url": resource["resourceType"], "ifNoneExist": condition}
        return {"fullUrl": place, "resource": resource, "request": request}

    person = "urn:uuid:0f0b2c7e-0000-4000-8000-000000000001"
    weights = [
        {
            "resourceType": "Observation",
            "status": "final",
            "code": {"coding": [{"system": "http://loinc.org", "code": "29463-7"}]},
            "subject": {"reference": person},
            "valueQuantity": {"value": number, "unit": "kg"},
        }
        for number in (3, 4)
    ]
    entries = [once({"resourceType": "Patient"}, "p", person)]
    entries += [
        once(weight, f"w{n}", f"urn:uuid:0f0b2c7e-0000-4000-8000-00000000001{n}") for n, weight in enumerate(weights)
    ]
    return orjson.dumps({"resourceType": "Bundle", "type": "transaction", "entry": entries})


def asked(installation: Installation, method: str, path: str, **more: Any) -> httpx.Response | None:
    """What is answered over a new connection, if anything; where no new token was given, the answer to that."""
    address = f"{installation.address}/fhir{path}"
    with suppress(httpx.TransportError):
        try:
            return httpx.request(method, address, auth=installation.program, timeout=40, **more)
        except httpx.HTTPStatusError as error:
            return error.response
    return None


class Clients:
    """Send bundles without pause; each is sent until it is acknowledged, as a hospital's outbox does."""

    def __init__(self, installation: Installation) -> None:
        self.sent: set[str] = set()
        self.acknowledged: set[str] = set()
        self.sent_again = 0
        self.strange: Counter[str] = Counter()
        self._installation = installation
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._send, args=(number,)) for number in range(CLIENTS)]

    def __enter__(self) -> Clients:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _send(self, number: int) -> None:
        count = 0
        while not self._stop.is_set():
            count += 1
            name = f"{number}-{count}"
            self.sent.add(name)
            while not self._is_taken(bundle(name)):
                self.sent_again += 1
                if self._stop.wait(0.1):
                    return
            self.acknowledged.add(name)

    def _is_taken(self, body: bytes) -> bool:
        answer = asked(self._installation, "POST", "", content=body, headers=JSON)
        if answer is None:
            return False
        if answer.status_code not in {200, 503}:
            self.strange[f"{answer.status_code} {answer.text[:300]}"] += 1
        return answer.status_code == 200


class Readers:
    """Read without pause, each time another id, so that each answer's event can be told from all others."""

    def __init__(self, installation: Installation) -> None:
        self.answered: set[str] = set()
        self.strange: Counter[str] = Counter()
        self._installation = installation
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._read, args=(number,)) for number in range(READERS)]

    def __enter__(self) -> Readers:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _read(self, number: int) -> None:
        count = 0
        while not self._stop.is_set():
            count += 1
            name = f"asked-{number}-{count}"
            answer = asked(self._installation, "GET", f"/Patient/{name}")
            if answer is None:
                self._stop.wait(0.05)
            elif answer.status_code == 404:
                self.answered.add(name)
            elif answer.status_code != 503:
                self.strange[f"{answer.status_code} {answer.text[:300]}"] += 1


@contextmanager
def importing(installation: Installation, file: Path) -> Iterator[None]:
    """`tianfu import` of a file, run again until it succeeds, as an operator does."""
    stop = threading.Event()

    def run() -> None:
        while not stop.is_set():
            if installation.run("import", str(file), "--workers", "1", "--rejects", f"{file}.rejects").returncode == 0:
                return
            stop.wait(0.5)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
        thread.join(BACK_SECONDS_MAX * 2)
        assert not thread.is_alive(), "the import did not finish"
    finally:
        stop.set()
        thread.join()


def victims(installation: Installation) -> dict[str, Callable[[], int | None]]:
    """What can be killed, and how to find it."""

    def postgres() -> int | None:
        return EmbeddedPostgres(installation.home).state.process

    def backend() -> int | None:
        return random.choice(children(postgres()) or [0]) or None

    def worker() -> int | None:
        return random.choice([each for each in installation.workers() if not workers_of(each)] or [0]) or None

    def web() -> int | None:
        return next((each for each in installation.workers() if workers_of(each)), None)

    def flusher() -> int | None:
        below = [child for each in installation.workers() for child in children(each)]
        return random.choice([each for each in below if is_flusher(each)] or [0]) or None

    def supervisor() -> int | None:
        return installation.process.pid if installation.process else None

    return {
        "worker": worker,
        "postgres": postgres,
        "supervisor": supervisor,
        "backend": backend,
        "web": web,
        "flusher": flusher,
    }


def workers_of(process: int) -> list[int]:
    """Its children but those that only put its heads on disk."""
    return [each for each in children(process) if not is_flusher(each)]


def is_flusher(process: int) -> bool:
    with suppress(OSError):
        return b"flusher" in Path(f"/proc/{process}/cmdline").read_bytes()
    return False


def children(process: int | None) -> list[int]:
    with suppress(OSError):
        return [int(each) for each in Path(f"/proc/{process}/task/{process}/children").read_text("utf-8").split()]
    return []


def is_back(installation: Installation) -> bool:
    """Whether a record can be found, which needs the whole road down to the database."""
    answer = asked(installation, "GET", "/Patient?_id=nobody")
    return answer is not None and answer.status_code == 200


@pytest.mark.slow  # many kills, each followed by a recovery
def test_kills_lose_and_double_nothing(installation: Installation) -> None:
    file = installation.home / "people.ndjson"
    file.write_bytes(b"".join(b'{"resourceType":"Patient","id":"p%d"}\n' % number for number in range(IMPORTED)))
    installation.serve()
    assert installation.program  # registered before the first kill
    killed: Counter[str] = Counter()
    returned: list[tuple[float, str]] = []
    random.seed(KILLS)
    with Clients(installation) as clients, Readers(installation) as readers, importing(installation, file):
        names = list(victims(installation))
        for number in range(KILLS):
            name = names[number % len(names)]
            time.sleep(random.uniform(*PAUSE_SECONDS))
            process = victims(installation)[name]()
            assert process is not None, name
            os.kill(process, signal.SIGKILL)
            killed[name] += 1
            started = time.monotonic()
            if name == "supervisor":
                installation.forget()
                wait_until(lambda: installation.workers() == [])
                installation.serve()
            wait_until(lambda: is_back(installation), BACK_SECONDS_MAX)
            returned.append((round(time.monotonic() - started, 1), name))
        wait_until(lambda: is_back(installation), BACK_SECONDS_MAX)
    print(
        f"killed {dict(killed)}; {len(clients.acknowledged)} bundles acknowledged, {clients.sent_again} sent again; "
        f"{len(readers.answered)} reads answered; slowest returns {sorted(returned)[-3:]} s"
    )
    assert clients.strange + readers.strange == Counter()
    assert len(clients.acknowledged) > KILLS
    assert len(readers.answered) > KILLS
    look_for_loss(installation, clients)
    look_for_untraced(installation, readers)
    look_at_chain(installation)
    assert installation.stop() == 0


def look_for_loss(installation: Installation, clients: Clients) -> None:
    """Every identifier names one record, or none if it was never acknowledged; feed, trace and records agree."""
    with installation.client() as client:
        found = {name: [held(client, name, part) for part in ("p", "w0", "w1")] for name in clients.sent}
    assert {name: each for name, each in found.items() if name in clients.acknowledged and each != [1, 1, 1]} == {}
    assert {name: each for name, each in found.items() if each not in ([0, 0, 0], [1, 1, 1])} == {}
    address = EmbeddedPostgres(installation.home).addresses.of(Role.OWNER)
    with psycopg.connect(address) as connection:

        def number(statement: bytes) -> int:
            row = connection.execute(statement).fetchone()
            assert row is not None
            return int(row[0])

        resources = number(b"select count(*) from resource")
        assert resources == IMPORTED + sum(map(sum, found.values()))
        assert number(b"select count(*) from history") == 0
        assert number(b"select sum(cardinality(rids)) from feed") == resources
        assert number(b"select count(*) from audit, unnest(rids) r where interaction = 'import'") == IMPORTED


def look_for_untraced(installation: Installation, readers: Readers) -> None:
    """Every answered read has its event."""
    address = EmbeddedPostgres(installation.home).addresses.of(Role.OWNER)
    with psycopg.connect(address) as connection:
        rows = connection.execute(b"select rids[1] from audit where interaction = 'read'").fetchall()
    traced = {row[0] for row in rows}
    assert [name for name in readers.answered if record_number("Patient", name) not in traced] == []


def look_at_chain(installation: Installation) -> None:
    """Nothing was tampered with, and the check says so, before and after the last processes are settled."""
    for _ in range(2):
        done = installation.run("audit", "verify", "--json")
        said = orjson.loads(done.stdout)
        print({name: said[name] for name in ("verdict", "events", "lanes", "writers", "roots", "unacknowledged")})
        assert (said["tampered"], said["unchecked"]) == ([], [])
        assert done.returncode == 0
        installation.stop()
        installation.serve()


def held(client: httpx.Client, name: str, part: str) -> int:
    """How many records carry an identifier."""
    resource_type = "Patient" if part == "p" else "Observation"
    answer = client.get(resource_type, params={"identifier": f"{SYSTEM}|{name}-{part}"})
    assert answer.status_code == 200
    return len(answer.json().get("entry", []))
