"""`tianfu export` as an operator runs it."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest
from tests.supervision.installation import Installation

PERSON = {"resourceType": "Patient", "id": "p1", "name": [{"text": "示例一"}]}
PLACE = {"resourceType": "Organization", "id": "o1", "name": "示例医院"}


@pytest.mark.slow  # starts a database of its own
def test_what_was_imported_is_exported_and_a_full_folder_is_refused(installation: Installation, tmp_path: Path) -> None:
    taken = tmp_path / "in.ndjson"
    taken.write_bytes(b"\n".join(orjson.dumps(each) for each in (PERSON, PLACE)) + b"\n")
    assert installation.run("migrate").returncode == 0
    rejects = str(tmp_path / "rejects.tsv")
    brought = installation.run("import", str(taken), "--source", "urn:made-up", "--workers", "1", "--rejects", rejects)
    assert brought.returncode == 0, brought.stderr
    folder = tmp_path / "out"
    done = installation.run("export", str(folder), "--types", "Patient,Organization", "--since", "2020")
    assert "2 records of 2 types" in done.stdout, done.stderr
    for kind, held in (("Patient", PERSON), ("Organization", PLACE)):
        (line,) = (folder / f"{kind}.ndjson").read_bytes().splitlines()
        assert orjson.loads(line)["name"] == held["name"]
    manifest = orjson.loads((folder / "manifest.json").read_bytes())
    assert [(each["type"], each["count"]) for each in manifest["output"]] == [("Organization", 1), ("Patient", 1)]
    again = installation.run("export", str(folder))
    assert (again.returncode, "folder-not-usable" in again.stderr) == (2, True)
    unknown = installation.run("export", str(tmp_path / "other"), "--types", "Nothing")
    assert (unknown.returncode, "type-unknown" in unknown.stderr) == (2, True)
