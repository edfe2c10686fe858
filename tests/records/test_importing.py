"""Importing files: idempotent, resumable, with every reject told."""

from __future__ import annotations

import asyncio
import codecs
import gzip
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import orjson
import psycopg
import pytest
from tests.records.conftest import KEYS, SHARED
from tests.trails import trail_of

from tianfu.db import Addresses, Database, Role
from tianfu.kernel.ids import derived_id
from tianfu.kernel.refusal import Refusal
from tianfu.records.importing.files import Piece, Source, inputs_of, pieces_of
from tianfu.records.importing.reading import Reject, changes_of
from tianfu.records.importing.run import Report, import_paths
from tianfu.records.importing.worker import Done, Work, _Importer
from tianfu.records.opening import open_parts
from tianfu.records.write import Change

SOURCE = Source(uri="urn:test:hospital")


def run_import(addresses: Addresses, folder: Path, *paths: Path, workers: int = 1) -> Report:
    return import_paths(
        addresses,
        folder / "home",
        paths,
        keys=KEYS,
        source=SOURCE,
        workers=workers,
        rejects_file=folder / "rejects.tsv",
        progress=lambda read, size, taken: None,
    )


def lines(file: Path, *resources: object) -> Path:
    data = b"".join((each if isinstance(each, bytes) else orjson.dumps(each)) + b"\n" for each in resources)
    file.write_bytes(gzip.compress(data) if file.name.endswith(".gz") else data)
    return file


def scalar(addresses: Addresses, statement: str) -> int:
    with psycopg.connect(_owner(addresses)) as connection:
        row = connection.execute(statement.encode()).fetchone()
    assert row is not None
    return int(row[0])


def _owner(addresses: Addresses) -> str:
    return addresses.of(Role.OWNER)


def people(count: int) -> list[dict[str, object]]:
    return [{"resourceType": "Patient", "id": f"p{number}", "birthDate": "1990-01-01"} for number in range(count)]


def test_a_second_run_changes_nothing(addresses: Addresses, tmp_path: Path) -> None:
    file = lines(tmp_path / "people.ndjson.gz", *people(30))
    first, second = run_import(addresses, tmp_path, file), run_import(addresses, tmp_path, file)
    assert (first.created, first.unchanged) == (30, 0)
    assert (second.created, second.updated, second.unchanged) == (0, 0, 30)
    assert scalar(addresses, "select count(*) from history") == 0


def test_changed_content_becomes_a_new_version_of_the_same_record(addresses: Addresses, tmp_path: Path) -> None:
    run_import(addresses, tmp_path, lines(tmp_path / "a.ndjson", *people(3)))
    changed = [*people(2), {"resourceType": "Patient", "id": "p2", "birthDate": "1991-02-02"}]
    report = run_import(addresses, tmp_path, lines(tmp_path / "b.ndjson", *changed))
    assert (report.created, report.updated, report.unchanged) == (0, 1, 2)
    assert scalar(addresses, "select max(version) from resource") == 2


def test_the_same_id_of_two_sources_is_two_records(addresses: Addresses, tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        lines(tmp_path / name / "p.ndjson", *people(1))
        (tmp_path / name / "source.json").write_text(f'{{"source": "urn:{name}", "library": "hospital"}}')
    assert run_import(addresses, tmp_path, tmp_path / "one", tmp_path / "two").created == 2
    assert scalar(addresses, "select count(*) from source") == 2


def test_a_reference_reaches_a_record_that_comes_later(addresses: Addresses, tmp_path: Path) -> None:
    seen = {
        "resourceType": "Observation",
        "id": "o1",
        "status": "final",
        "code": {"text": "x"},
        "subject": {"reference": "Patient/p0"},
    }
    run_import(addresses, tmp_path, lines(tmp_path / "a.ndjson", seen))
    run_import(addresses, tmp_path, lines(tmp_path / "b.ndjson", *people(1)))
    matched = "select count(*) from resource o join resource p on p.rid = o.prid where p.type <> o.type"
    assert scalar(addresses, matched) == 1


def test_bad_lines_are_told_with_line_and_path_and_the_rest_is_kept(addresses: Addresses, tmp_path: Path) -> None:
    file = lines(
        tmp_path / "mixed.ndjson",
        people(1)[0],
        b'{"resourceType":"Patient","id":"x","gender":"blue"}',
        b"not json at all",
        b'{"resourceType":"Patient"}',
        b'{"resourceType":"Patient","id":"y","name":[{"family":"\xff"}]}',
        b"",
        {"resourceType": "Patient", "id": "z"},
    )
    report = run_import(addresses, tmp_path, file)
    told = [line.split("\t") for line in (tmp_path / "rejects.tsv").read_text("utf-8").splitlines()[1:]]
    assert (report.created, report.rejected) == (2, 4)
    assert [(int(line), path) for _, line, path, _ in told][:1] == [(2, "Patient.gender")]
    assert [int(line) for _, line, _, _ in told] == [2, 3, 4, 5]
    assert "blue" not in told[2][3]


def test_a_truncated_gzip_is_told_and_all_else_is_taken(addresses: Addresses, tmp_path: Path) -> None:
    file = lines(tmp_path / "people.ndjson.gz", *people(40_000))
    file.write_bytes(file.read_bytes()[:-2_000])
    whole = lines(tmp_path / "whole.ndjson", {"resourceType": "Patient", "id": "whole"})
    report = run_import(addresses, tmp_path, file, whole)
    assert list(report.unreadable) == [str(file)]
    assert report.created > 1
    found = "select count(*) from resource_patient where date_low is null"
    assert scalar(addresses, found) == 1
    assert f"{file}\t0\t\tfile-unreadable reason=EOFError" in (tmp_path / "rejects.tsv").read_text("utf-8")
    again = run_import(addresses, tmp_path, file, whole)
    assert again.resources == report.resources
    assert scalar(addresses, "select count(*) from resource") == report.created


def test_a_deleted_record_does_not_come_back_by_import(addresses: Addresses, tmp_path: Path) -> None:
    file = lines(tmp_path / "people.ndjson", *people(2))
    run_import(addresses, tmp_path, file)
    with psycopg.connect(_owner(addresses)) as connection:
        connection.execute(
            "update resource set deleted = true, body = null where fid = any(select fid from resource limit 1)"
        )
    assert run_import(addresses, tmp_path, file).unchanged == 2
    assert scalar(addresses, "select count(*) from resource where deleted") == 1


def test_an_unknown_path_is_refused_before_anything_is_read(addresses: Addresses, tmp_path: Path) -> None:
    with pytest.raises(Refusal, match="import-path-unknown"):
        run_import(addresses, tmp_path, lines(tmp_path / "a.ndjson", *people(1)), tmp_path / "nothing-here")
    assert scalar(addresses, "select count(*) from resource") == 0


def test_pieces_never_cut_a_line(tmp_path: Path) -> None:
    file = lines(tmp_path / "many.ndjson", *people(60_000))
    (wanted,) = inputs_of([file], SOURCE)
    pieces = list(pieces_of(wanted))
    assert len(pieces) > 2
    assert b"".join(piece.data for piece in pieces) == file.read_bytes()
    assert all(piece.data.endswith(b"\n") for piece in pieces)
    assert [piece.first_line for piece in pieces][:1] == [1]
    assert pieces[1].first_line == 1 + pieces[0].data.count(b"\n")


def test_all_synthea_bundles_are_taken_without_a_reject(addresses: Addresses, tmp_path: Path) -> None:
    """Takes seconds: 16,236 entries, 16,166 different records."""
    folder = SHARED / "data" / "synthea-r4"
    if not folder.is_dir():
        print("the shared data folder is not there: going on without it")
        return
    report = run_import(addresses, tmp_path, folder, workers=2)
    assert (report.created, report.unchanged, report.rejected) == (16_166, 70, 0)
    dangling = (
        "select count(*) from reference f where source_type <> 0 and not exists"
        " (select from resource r where r.rid = f.target)"
    )
    assert scalar(addresses, dangling) == 0
    lost = (
        "select count(*) from resource o where prid is not null"
        " and not exists (select from resource p where p.rid = o.prid)"
    )
    assert scalar(addresses, lost) == 0


PROGRAM = """
import sys
from pathlib import Path
from tianfu.db import Addresses
from tianfu.records.importing.files import Source
from tianfu.records.importing.run import import_paths
from tianfu.vault.files import FileKeys
from tianfu.vault.provider import Keys

if __name__ == "__main__":
    admin, secret, master, folder, *files = sys.argv[1:]
    import_paths(
        Addresses(admin=admin, secret=bytes.fromhex(secret)),
        Path(folder) / "home",
        [Path(file) for file in files],
        keys=Keys(provider=FileKeys(bytes.fromhex(master)), cipher="sm4"),
        source=Source(uri="urn:test:hospital"),
        workers=2,
        rejects_file=Path(folder) / "rejects.tsv",
        progress=lambda read, size, taken: print(taken, flush=True),
    )
"""
END_SECONDS = 30.0


def import_program(addresses: Addresses, folder: Path, *files: Path) -> list[str]:
    """The command of a program that imports, for those who want to see it die."""
    program = folder / "program.py"
    program.write_text(PROGRAM)
    return [
        sys.executable,
        str(program),
        addresses.admin,
        addresses.secret.hex(),
        b"0123456789abcdef0123456789abcdef".hex(),
        str(folder),
        *map(str, files),
    ]


def processes_of(folder: Path) -> list[int]:
    """The processes whose command line names a folder: the import program's, its fork server's, its workers'."""
    found = []
    for process in Path("/proc").iterdir():
        with suppress(OSError):
            if process.name.isdigit() and str(folder).encode() in (process / "cmdline").read_bytes():
                found.append(int(process.name))
    return found


def wait_until_gone(folder: Path) -> None:
    until = time.monotonic() + END_SECONDS
    while left := processes_of(folder):
        assert time.monotonic() < until, left
        time.sleep(0.05)


def test_a_killed_import_leaves_no_process_goes_on_and_doubles_nothing(addresses: Addresses, tmp_path: Path) -> None:
    """Takes seconds: the import program is killed at several moments, then finished."""
    command = import_program(addresses, tmp_path, lines(tmp_path / "people.ndjson", *people(60_000)))
    for seconds in (1.2, 1.6, 2.0):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(seconds)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        wait_until_gone(tmp_path)
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    assert scalar(addresses, "select count(*) from resource") == 60_000
    assert scalar(addresses, "select count(*) from history") == 0
    assert scalar(addresses, "select coalesce(sum(cardinality(rids)), 0) from feed") == 60_000


def test_an_import_whose_database_goes_away_ends_at_once(addresses: Addresses, tmp_path: Path) -> None:
    """Takes seconds: the import's own database is dropped while pieces wait."""
    command = import_program(addresses, tmp_path, lines(tmp_path / "people.ndjson", *people(60_000)))
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    process.stdout.readline()  # the first piece has been handed over
    with psycopg.connect(_owner(addresses), autocommit=True) as connection:
        connection.execute("alter table import_piece rename to elsewhere")
        connection.execute("alter table resource rename to elsewhere_too")
    _, said = process.communicate(timeout=END_SECONDS)
    assert process.returncode == 1
    assert "import-stopped" in said
    wait_until_gone(tmp_path)


def test_an_import_whose_worker_dies_ends_at_once_and_can_go_on(addresses: Addresses, tmp_path: Path) -> None:
    """Takes seconds: a worker is killed while it works."""
    command = import_program(addresses, tmp_path, lines(tmp_path / "people.ndjson", *people(60_000)))
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    process.stdout.readline()  # the first piece has been handed over
    workers = [each for each in processes_of(tmp_path) if each != process.pid]
    os.kill(max(workers), signal.SIGKILL)
    _, said = process.communicate(timeout=END_SECONDS)
    assert process.returncode == 1
    assert "worker-died" in said
    wait_until_gone(tmp_path)
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    assert scalar(addresses, "select count(*) from resource") == 60_000


def test_derived_ids_differ_by_source_type_and_id() -> None:
    ids = {
        derived_id(*name)
        for name in [("a", "Patient", "1"), ("b", "Patient", "1"), ("a", "Group", "1"), ("a", "Patient", "2")]
    }
    assert len(ids) == 4
    assert all(each[14] == "8" for each in ids)


POISON: list[bytes] = [
    b'{"resourceType":"DocumentReference","id":"long","status":"current","content":[{"attachment":{"url":"https://a.example/%s"}}]}'
    % b"".join(b"%x" % (number * 2654435761 % 2**32) for number in range(800)),
    b'{"resourceType":"Location","id":"far","position":{"longitude":1e30,"latitude":1}}',
    (
        b'{"resourceType":"Immunization","id":"once","status":"completed","vaccineCode":{"text":"x"},'
        b'"patient":{"reference":"Patient/p0"},"occurrenceString":"in spring"}'
    ),
    (
        b'{"resourceType":"Procedure","id":"then","status":"completed","performedString":"last year",'
        b'"subject":{"reference":"Patient/p0"}}'
    ),
]
"""Valid, and each of them once too much for the index."""


def test_odd_but_valid_records_are_taken(addresses: Addresses, tmp_path: Path) -> None:
    report = run_import(addresses, tmp_path, lines(tmp_path / "odd.ndjson", *POISON, *people(3)))
    assert (report.created, report.rejected) == (len(POISON) + 3, 0)


def test_a_record_that_we_cannot_read_holds_up_no_other(
    addresses: Addresses, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is wrong is a mistake of ours, so it is made on purpose; one worker copies this process."""

    def mistaken(piece: Piece, **rest: Any) -> tuple[list[Change], list[Reject], int]:
        changes, rejects, repeated = changes_of(piece, **rest)
        values = changes[1].write.values
        assert values is not None
        values.strings.append((1, 1, "x" * 2_000_000, None))  # no B-tree entry can hold it
        return changes, rejects, repeated

    work = work_of(lines(tmp_path / "people.ndjson", *people(9)))
    monkeypatch.setattr("tianfu.records.importing.worker.changes_of", mistaken)
    done = asyncio.run(_taken(addresses, work))
    assert (done.failed, done.counts["created"], done.counts["rejected"]) == (None, 8, 1)
    assert scalar(addresses, "select count(*) from import_reject where reason like 'not-storable add_strings%'") == 1


def work_of(file: Path) -> Work:
    (wanted,) = inputs_of([file], SOURCE)
    (piece,) = pieces_of(wanted)
    return Work(run=bytes(16), source=SOURCE.uri, org=1, piece=piece)


async def _taken(addresses: Addresses, *works: Work) -> Done:
    async with await Database.open(addresses) as database:
        lanes = (await trail_of(database)).lanes
        importers = [_Importer(database, *await open_parts(database, KEYS), lanes) for _ in works]
        done = await asyncio.gather(*(each.take(work) for each, work in zip(importers, works, strict=True)))
    assert len({(each.failed, tuple(sorted(each.counts.items()))) for each in done}) == 1
    return done[0]


def test_the_same_piece_at_once_is_taken_once(addresses: Addresses, tmp_path: Path) -> None:
    work = work_of(lines(tmp_path / "people.ndjson", *people(50)))
    done = asyncio.run(_taken(addresses, *[work] * 6))
    assert (done.failed, done.counts["created"]) == (None, 50)
    assert scalar(addresses, "select count(*) from resource") == 50


def test_a_file_named_twice_is_read_once(addresses: Addresses, tmp_path: Path) -> None:
    file = lines(tmp_path / "files.ndjson", *people(5))
    (tmp_path / "here").symlink_to(tmp_path)
    report = run_import(addresses, tmp_path, file, file, tmp_path)
    assert (report.files, report.created, report.unchanged) == (1, 5, 0)


def test_a_mark_of_byte_order_is_no_part_of_the_first_line(addresses: Addresses, tmp_path: Path) -> None:
    file = lines(tmp_path / "windows.ndjson", *people(3))
    file.write_bytes(codecs.BOM_UTF8 + file.read_bytes().replace(b"\n", b"\r\n"))
    assert run_import(addresses, tmp_path, file).created == 3


def test_references_with_escapes_are_found(addresses: Addresses, tmp_path: Path) -> None:
    seen = (
        b'{"resourceType":"Observation","id":"o","status":"final","code":{"text":"x"},'
        b'"subject":{"reference":"Patient\\/p0"}}'
    )
    run_import(addresses, tmp_path, lines(tmp_path / "a.ndjson", *people(1), seen))
    matched = "select count(*) from resource o join resource p on p.rid = o.prid where p.type <> o.type"
    assert scalar(addresses, matched) == 1


def test_a_history_does_not_say_which_version_counts_and_is_refused(addresses: Addresses, tmp_path: Path) -> None:
    file = tmp_path / "history.json"
    file.write_bytes(orjson.dumps({"resourceType": "Bundle", "type": "history", "entry": []}))
    assert run_import(addresses, tmp_path, file).rejected == 1
    assert "bundle-not-importable" in (tmp_path / "rejects.tsv").read_text("utf-8")


@pytest.mark.parametrize(
    "said", [b'{"source":5}', b"null", b'{"source":"urn:x","library":7}', b"{", b'{"source":"a b"}']
)
def test_a_source_file_that_says_something_else_is_refused(tmp_path: Path, said: bytes) -> None:
    lines(tmp_path / "people.ndjson", *people(1))
    (tmp_path / "source.json").write_bytes(said)
    with pytest.raises(Refusal, match="source-file-invalid"):
        inputs_of([tmp_path], SOURCE)
