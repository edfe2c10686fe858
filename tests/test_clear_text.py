"""What lies about after a day's work of the demo province: nowhere a number, a telephone or a street in clear, and in
logs and in the trace not even a name."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import httpx
import orjson
import psycopg
import pytest
from bench.people import People
from demo.telling import Wish, tell_province

from tests.folders import new_folder
from tests.supervision.installation import Installation
from tianfu.db import EmbeddedPostgres
from tianfu.db.binaries import wheel_binaries
from tianfu.records.codec import codec_for
from tianfu.records.sealing import SEALED, _parted

pytestmark = pytest.mark.slow  # makes a province, imports it, serves it and dumps it

RESIDENTS = 40
IDENTITY = re.compile(r"(?<![0-9])[1-9][0-9]{5}(?:18|19|20)[0-9]{9}[0-9X](?![0-9])")
TELEPHONE = re.compile(r"(?<![0-9])100[0-9]{8}(?![0-9])")  # as the demo province has them
TRAIL = ("audit", "audit_epoch", "audit_root")


@dataclass(frozen=True)
class Day:
    """An installation after a day's work, and what it was told about people."""

    installation: Installation
    numbers: frozenset[str]
    streets: frozenset[str]
    names: frozenset[str]
    asked: int

    def dump(self, *options: str) -> str:
        server = EmbeddedPostgres(self.installation.home)
        command = [str(wheel_binaries().folder / "pg_dump"), "--inserts", "--no-owner", "--schema=tianfu", *options]
        done = subprocess.run([*command, "-d", server.addresses.admin], capture_output=True, check=True)
        return done.stdout.decode("utf-8")


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    with new_folder() as made:
        yield made


@pytest.fixture(scope="module")
def day(home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Day]:
    installation = Installation(home)
    files = tmp_path_factory.mktemp("files")
    wish = Wish(residents=RESIDENTS, seed=11, today=date(2026, 11, 23), folder=files, compressed=False)
    for _ in tell_province(wish):
        pass
    assert installation.run("migrate").returncode == 0
    assert installation.run("import", str(files), "--rejects", str(files / "rejects.tsv")).returncode == 0
    people = [
        orjson.loads(line)
        for file in sorted(files.rglob("*.ndjson"))
        for line in file.read_bytes().splitlines()
        if b'"resourceType":"Patient"' in line
    ]
    installation.serve()
    try:
        asked = ask(installation, people)
    finally:
        assert installation.stop() == 0
    server = EmbeddedPostgres(home)
    server.start()
    try:
        yield Day(
            installation=installation,
            numbers=frozenset(found for each in people for found in numbers_in(orjson.dumps(each).decode())),
            streets=frozenset(line for each in people for a in each.get("address", ()) for line in a.get("line", ())),
            names=frozenset(name["text"] for each in people for name in each.get("name", ()) if "text" in name),
            asked=asked,
        )
    finally:
        server.stop()


def numbers_in(text: str) -> list[str]:
    """Every identity number and telephone."""
    return [*IDENTITY.findall(text), *TELEPHONE.findall(text)]


def ask(installation: Installation, people: list[dict[str, object]]) -> int:
    """Look for people in every way, rightly and wrongly; how many questions."""
    asked = 0
    desk = People(installation.environment).staff("desk").cookies()
    pages = httpx.Client(base_url=installation.address, timeout=30, follow_redirects=True, cookies=desk)
    pages.headers["sec-fetch-site"] = "same-origin"
    with installation.client(base_url=installation.address, follow_redirects=True) as client, pages:
        for each in people[:12]:
            text = orjson.dumps(each).decode()
            number, street = IDENTITY.findall(text)[0], each["address"][0]["line"][0]  # type: ignore[index]
            name = each["name"][0]["text"]  # type: ignore[index]
            for field, value in (("identifier", number), ("telecom", number), ("address", street), ("name", name)):
                client.get("/fhir/Patient", params={field: value})
                client.post("/fhir/Patient/_search", data={field: value})
                client.get("/fhir/Observation", params={f"subject:Patient.{field}": value})
                client.get("/fhir/Patient", params={f"{field}:wrong": value})
                client.get(f"/fhir/Patient/{value}/nowhere")
                client.put("/fhir/Patient", params={field: value}, json={"resourceType": "Patient", "wrong": value})
                pages.get(f"/lifelong/people/{value}")
                asked += 7
            for who in (number, name):
                assert name in pages.post("/lifelong/find", data={"who": who}).text
                asked += 1
        asked += sign_in(installation, [orjson.dumps(each).decode() for each in people])
    return asked


def sign_in(installation: Installation, people: list[str]) -> int:
    """Have an account with somebody's own telephone, be sent a code, and type identity numbers where none belong."""
    telephones = [found for text in people for found in TELEPHONE.findall(text)][:3]
    with httpx.Client(base_url=installation.address, timeout=30) as client:
        for number in telephones:
            People(installation.environment).resident(number=number)
            assert client.post("/sign-in/telephone", data={"number": number}).status_code == 200
            assert client.post("/sign-in/telephone", data={"number": number[:-1]}).status_code == 422
        for text in people[:3]:
            wrong = {"number": IDENTITY.findall(text)[0], "password": "no password of anybody"}
            assert client.post("/sign-in/staff", data=wrong).status_code == 401
    assert len(telephones) == 3
    return 9


def test_what_is_sealed_stands_in_clear_nowhere_in_the_database(day: Day) -> None:
    assert len(day.numbers) > RESIDENTS
    assert len(day.streets) > 10
    dumped = day.dump()
    assert "成都" in dumped  # what is not encrypted can be read, so the search itself works
    for secret in day.numbers | day.streets:
        assert secret not in dumped
        assert secret.encode().hex() not in dumped


def test_nor_in_what_of_a_body_can_be_read_without_a_key(day: Day) -> None:
    secrets = [each.encode() for each in day.numbers | day.streets]
    with psycopg.connect(EmbeddedPostgres(day.installation.home).addresses.admin) as connection:
        rows = connection.execute("select number, name, bytes from tianfu.dictionary").fetchall()
        codec = codec_for({number: (name, bytes_) for number, name, bytes_ in rows})
        connection.execute("set role tianfu_owner")
        bodies = connection.execute(
            "select body from tianfu.resource where body is not null union all "
            "select body from tianfu.history where body is not null"
        ).fetchall()
    assert len(bodies) > 1_000
    for (body,) in bodies:
        clear = codec.decompress(_parted(body)[2] if body[0] == SEALED else body)
        assert not [secret for secret in secrets if secret in clear]


def test_no_name_and_no_number_stands_in_the_trail_or_outside_the_database(day: Day) -> None:
    trail = day.dump(*(f"--table=tianfu.{table}*" for table in TRAIL))
    assert trail.count("INSERT INTO") > day.asked / 2
    outside = "".join(
        file.read_text("utf-8", "replace") for file in (day.installation.home / "audit").rglob("*") if file.is_file()
    )
    for secret in day.numbers | day.streets | day.names:
        assert secret not in trail
        assert secret not in outside


def test_no_log_names_anybody(day: Day) -> None:
    home = day.installation.home
    logs = [day.installation.log, *(file for file in home.resolve().rglob("*log*") if file.is_file())]
    postgres = [file for file in (home / "postgres").resolve().rglob("*.log") if file.is_file()]
    said = "".join(file.read_text("utf-8", "replace") for file in {*logs, *postgres})
    assert "connection" in said
    assert "request_refused" in said
    for secret in day.numbers | day.streets | day.names:
        assert secret not in said
