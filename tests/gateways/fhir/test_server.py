"""The FHIR door behind its real server: bodies and clients that no in-memory transport can imitate."""

from __future__ import annotations

import gzip
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import orjson
import psycopg
import pytest
from bench.program import Program

from tests.gateways.fhir.conftest import JSON, codes, patient
from tianfu.db import Addresses, Role

READY_SECONDS_MAX = 120.0
MEGABYTE = 1024 * 1024
SHARED = Path(os.environ.get("TIANFU_SHARED", Path(__file__).parents[4] / "shared"))


class Server:
    """One web worker on a fresh database."""

    def __init__(self, port: int, process: subprocess.Popen[bytes], program: Program) -> None:
        self.port = port
        self.process = process
        self.program = program
        self.client = program.client(base_url=f"{program.address}/fhir/", timeout=30)

    def is_alive(self) -> bool:
        """Whether records can still be written and read."""
        made = self.client.post("Patient", json=patient(), headers=JSON)
        return self.client.get(f"Patient/{made.json()['id']}").status_code == 200

    def memory_bytes(self) -> int:
        """What the server and its workers hold."""
        folder = Path("/proc") / str(self.process.pid)
        workers = (folder / "task" / folder.name / "children").read_text("utf-8").split()
        sizes = [(Path("/proc") / each / "statm").read_text("utf-8") for each in (folder.name, *workers)]
        pages = [int(size.split()[1]) for size in sizes]
        return sum(pages) * os.sysconf("SC_PAGE_SIZE")

    def connect(self) -> socket.socket:
        """A bare connection."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=30)

    def begun(self, *more: bytes) -> bytes:
        """The head of a request that sends a Patient, as far as these lines."""
        shown = (f"{name}: {value}".encode() for name, value in self.program.headers().items())
        lines = (b"POST /fhir/Patient HTTP/1.1", b"host: localhost", b"content-type: application/fhir+json", *shown)
        return b"\r\n".join([*lines, *more, b"", b""])


@pytest.fixture(scope="module")
def port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        number: int = probe.getsockname()[1]
        return number


@pytest.fixture
def server(addresses: Addresses, port: int, tmp_path: Path) -> Iterator[Server]:
    secret = tmp_path / "secret"
    secret.touch(mode=0o600)
    secret.write_text(addresses.secret.hex())
    environment = {
        **os.environ,
        "TIANFU_HOME": str(tmp_path),
        "TIANFU_PORT": str(port),
        "TIANFU_WORKERS": "1",
        "TIANFU_DATABASE_URL": addresses.admin,
        "TIANFU_DATABASE_SECRET_FILE": str(secret),
    }
    words = [sys.executable, "-m", "tianfu.supervision.web_workers", "tianfu.main:application"]
    process = subprocess.Popen(words, env=environment)
    address = f"http://localhost:{port}"
    try:
        _wait_until_ready(address)
        running = Server(port, process, Program.registered(environment, address))
        with running.client:
            yield running
    finally:
        process.terminate()
        process.wait(30)


def _wait_until_ready(address: str) -> None:
    until = time.monotonic() + READY_SECONDS_MAX
    while time.monotonic() < until:
        try:
            if httpx.get(f"{address}/fhir/metadata").status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.1)
    raise AssertionError("the server did not become ready")


def test_bodies_and_clients_that_do_harm_elsewhere_do_none_here(server: Server) -> None:
    # One server for all, because each question is also whether it survived the one before.
    assert server.is_alive()
    _a_hundred_megabytes_are_refused_early(server)
    _a_stranger_is_refused_before_his_body_is_read(server)
    _an_endless_body_is_refused(server)
    _a_client_that_leaves_in_the_middle_harms_nobody(server)
    _texts_that_are_no_json_are_refused(server)
    _addresses_and_headers_without_end_are_refused(server)
    assert server.is_alive()


def _a_hundred_megabytes_are_refused_early(server: Server) -> None:
    before = server.memory_bytes()
    started = time.monotonic()
    with server.connect() as connection:
        connection.sendall(server.begun(b"content-length: 104857600"))
        answer = connection.recv(65_536)
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"OperationOutcome" in answer
    assert time.monotonic() - started < 5
    assert server.memory_bytes() - before < 32 * MEGABYTE


def _a_stranger_is_refused_before_his_body_is_read(server: Server) -> None:
    started = time.monotonic()
    with server.connect() as connection:
        connection.sendall(b"POST /fhir/Patient HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1000000\r\n\r\n{")
        assert connection.recv(65_536).startswith(b"HTTP/1.1 401 ")
    assert time.monotonic() - started < 5


def _an_endless_body_is_refused(server: Server) -> None:
    before = server.memory_bytes()
    chunk = b"100000\r\n" + b" " * MEGABYTE + b"\r\n"
    sent = 0
    with server.connect() as connection:
        connection.sendall(server.begun(b"transfer-encoding: chunked"))
        try:
            while sent < 200:
                connection.sendall(chunk)
                sent += 1
        except OSError:
            pass  # the server stopped listening, as it should
    assert sent < 200
    assert server.memory_bytes() - before < 160 * MEGABYTE


def _a_client_that_leaves_in_the_middle_harms_nobody(server: Server) -> None:
    for _ in range(20):
        with server.connect() as connection:
            connection.sendall(server.begun(b"content-length: 1000") + b'{"resourceType":')
    assert server.is_alive()


def _texts_that_are_no_json_are_refused(server: Server) -> None:
    for body in (b"\xff" * 1_000, b"[" * 10_000, b'{"a":' * 10_000 + b"1" + b"}" * 10_000, b"\0"):
        answer = server.client.post("Patient", content=body, headers=JSON)
        assert answer.status_code == 400, body[:10]
        assert codes(answer)[0].startswith("json-")


def _addresses_and_headers_without_end_are_refused(server: Server) -> None:
    long = server.client.get("Patient?name=" + "x" * 40_000)
    assert (long.status_code, codes(long)) == (414, ["address-too-long"])
    large = server.client.get("metadata", headers={"x-large": "x" * 20_000})
    assert (large.status_code, codes(large)) == (431, ["headers-too-large"])


REFERENCE = re.compile(rb'"reference":"(urn:uuid:[0-9a-f-]+)"')
DANGLING = """
select (select count(*) from reference f where not exists (select from resource r where r.rid = f.target))
     + (select count(*) from resource o
         where prid is not null and not exists (select from resource_patient p where p.rid = o.prid))
     + (select count(*) from resource o where encounter is not null
           and not exists (select from resource_encounter e where e.rid = o.encounter))"""


@pytest.mark.slow  # sixty whole lives are posted, and each record is read back
def test_every_life_is_taken_by_http_and_reads_back_equal(server: Server, addresses: Addresses) -> None:
    files = sorted((SHARED / "data" / "synthea-r4").glob("*.json.gz"))
    if not files:
        print("the shared data folder is not there: going on without it")
        return
    taken = sum(_life_reads_back_equal(server, gzip.decompress(file.read_bytes())) for file in files)
    assert taken == 16_236
    with psycopg.connect(addresses.of(Role.OWNER)) as connection:
        assert connection.execute(DANGLING.encode()).fetchone() == (0,)


def _life_reads_back_equal(server: Server, data: bytes) -> int:
    entries = orjson.loads(data)["entry"]
    done = server.client.post("", content=data, headers=JSON).json()["entry"]
    names = [each["response"]["location"].split("/fhir/")[1].partition("/_history")[0] for each in done]
    assert {each["response"]["status"] for each in done} == {"201 Created"}
    new = {entry["fullUrl"].encode(): name.encode() for entry, name in zip(entries, names, strict=True)}
    asked = [{"request": {"method": "GET", "url": name}} for name in names]
    read = server.client.post("", json={"resourceType": "Bundle", "type": "batch", "entry": asked}, headers=JSON)
    for entry, answer in zip(entries, read.json()["entry"], strict=True):
        sent = REFERENCE.sub(lambda found: b'"reference":"%s"' % new[found[1]], orjson.dumps(entry["resource"]))
        assert _content(orjson.loads(sent)) == _content(answer["resource"])
    return len(done)


def _content(resource: dict[str, Any]) -> dict[str, Any]:
    meta = {k: v for k, v in resource.get("meta", {}).items() if k not in {"versionId", "lastUpdated"}}
    return {**{name: value for name, value in resource.items() if name != "id"}, "meta": meta}
