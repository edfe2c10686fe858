"""A disk that really fills: writing is refused in time, reading goes on, nothing is lost, and all heals by itself."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import pytest
from tests.supervision.installation import Installation, wait_until

from tianfu.db import EmbeddedPostgres
from tianfu.db.room import RESERVE_BYTES

MEGABYTE = 1 << 20
DISK_BYTES = 600 * MEGABYTE
WRITABLE_BYTES = 40 * MEGABYTE
LARGE = 200_000
WRITES_MAX = 2_000
JSON = {"content-type": "application/fhir+json"}


@pytest.fixture
def small_disk(short_folder: Path) -> Iterator[Path]:
    """A file system of its own in memory."""
    mounting = ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES},mode=755", "tianfu-test", str(short_folder)]
    subprocess.run(mounting, check=True)
    try:
        yield short_folder
    finally:
        subprocess.run(["umount", "--lazy", str(short_folder)], check=True)


@pytest.fixture
def installation(small_disk: Path) -> Iterator[Installation]:
    made = Installation(small_disk / "home")
    done = made.run("migrate")
    assert done.returncode == 0, done.stderr
    made.serve()
    yield made
    made.stop()
    EmbeddedPostgres(made.home).stop()


def patient() -> dict[str, object]:
    """A made-up person with much text that cannot be compressed."""
    return {"resourceType": "Patient", "name": [{"text": os.urandom(LARGE // 2).hex()}]}


def fill(file: Path, *, leave_bytes: int) -> None:
    with suppress(OSError), file.open("wb", buffering=0) as out:  # full is what it is about
        while shutil.disk_usage(file.parent).free > leave_bytes:
            out.write(bytes(MEGABYTE))


def code(answer: httpx.Response) -> str:
    said: str = answer.json()["issue"][0]["details"]["coding"][0]["code"]
    return said


@pytest.mark.slow  # fills a disk through a whole installation
@pytest.mark.skipif(os.geteuid() != 0, reason="only root may make a file system")
def test_full_disk_stops_writing_but_not_reading(installation: Installation) -> None:
    filler = installation.home / "filler"
    people = installation.home / "people.ndjson"
    people.write_text('{"resourceType":"Patient","id":"imported"}\n')
    with installation.client(timeout=40, headers=JSON) as client:
        fill(filler, leave_bytes=RESERVE_BYTES + WRITABLE_BYTES)
        made, refused = write_until_refused(client)
        assert (refused.status_code, code(refused), refused.headers.get("retry-after")) == (507, "disk-full", None)
        assert {client.get(f"Patient/{each}").status_code for each in made} == {200}
        assert client.get("Patient?_summary=count").json()["total"] == len(made)
        assert client.post("Patient", json=patient()).status_code == 507
        done = installation.run("import", str(people), "--rejects", str(installation.home / "rejects"))
        assert (done.returncode, "disk-full" in done.stderr) == (2, True)
        filler.unlink()
        wait_until(lambda: client.post("Patient", json=patient()).status_code == 201)
        assert installation.run("import", str(people)).returncode == 0
        assert client.get("Patient?_summary=count").json()["total"] == len(made) + 2


def write_until_refused(client: httpx.Client) -> tuple[list[str], httpx.Response]:
    """Ids of the records that were taken, and the first answer that was none."""
    made: list[str] = []
    for _ in range(WRITES_MAX):
        answer = client.post("Patient", json=patient())
        if answer.status_code != 201:
            return made, answer
        made.append(answer.json()["id"])
    raise AssertionError("the disk does not fill")


@pytest.mark.slow  # fills a disk through a whole installation
@pytest.mark.skipif(os.geteuid() != 0, reason="only root may make a file system")
def test_disk_filled_by_somebody_else_loses_nothing_and_heals(installation: Installation) -> None:
    filler = installation.home / "filler"
    with installation.client(timeout=40, headers=JSON) as client:
        made = [client.post("Patient", json=patient()).json()["id"] for _ in range(20)]
        fill(filler, leave_bytes=0)
        wait_until(lambda: client.post("Patient", json=patient()).status_code in {503, 507})
        assert installation.answers()
        filler.unlink()
        wait_until(lambda: client.post("Patient", json=patient()).status_code == 201)
        assert {client.get(f"Patient/{each}").status_code for each in made} == {200}
