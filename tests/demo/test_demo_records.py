"""The demo's records: valid FHIR, whole, repeatable, written in constant memory."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from told_province import RESIDENTS, TODAY, Province, tell

from tianfu.standards.fhir.validation import validate

MEMORY_GROWTH_MB_MAX = 12


def test_every_record_is_valid_fhir(province: Province) -> None:
    faults = [(resource["id"], fault) for resource in province.everywhere() for fault in validate(resource)]
    assert faults == []


def test_every_reference_resolves_inside_its_library(province: Province) -> None:
    for source in province.sources:
        known: set[str] = set()
        mentioned: set[str] = set()
        for resource in province.resources(source):
            known.add(f"{resource['resourceType']}/{resource['id']}")
            mentioned |= references_in(resource)
        assert mentioned - known == set()


def test_no_id_is_given_twice_in_a_library(province: Province) -> None:
    for source in province.sources:
        names = [(resource["resourceType"], resource["id"]) for resource in province.resources(source)]
        assert len(names) == len(set(names))


def test_every_record_says_that_it_is_a_demo(province: Province) -> None:
    tag = ("https://tianfu.example/tags", "demo")
    for resource in province.everywhere():
        assert tag in [(each["system"], each["code"]) for each in resource["meta"]["tag"]]
        assert "lastUpdated" not in resource["meta"]


def test_each_source_describes_itself(province: Province) -> None:
    described = [json.loads((source / "source.json").read_text("utf-8")) for source in province.sources]
    assert sorted(each["library"] for each in described) == ["hospital", "hospital", "hospital", "public-health"]
    assert len({each["source"] for each in described}) == 4
    assert all(each["name"]["zh"] and each["name"]["en"] for each in described)


def test_the_summary_counts_what_was_written(province: Province) -> None:
    summary = json.loads(province.folder.with_name(f"{province.folder.name}-summary.json").read_text("utf-8"))
    assert summary["resources"] == sum(1 for _ in province.everywhere())
    assert summary["residents"] == RESIDENTS == len(province.truth)


def test_a_resident_has_about_sixty_records(province: Province) -> None:
    # The families told in full weigh more in a small province.
    assert 40 < sum(1 for _ in province.everywhere()) / RESIDENTS < 85


def test_the_same_seed_writes_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        tell(tmp_path / name, residents=30)
    assert contents(tmp_path / "one") == contents(tmp_path / "two")


def test_another_seed_writes_other_people(tmp_path: Path) -> None:
    tell(tmp_path / "one", residents=30, seed=1)
    tell(tmp_path / "two", residents=30, seed=2)
    assert contents(tmp_path / "one") != contents(tmp_path / "two")


def test_a_second_telling_leaves_nothing_of_the_first(tmp_path: Path) -> None:
    folder = tmp_path / "province"
    tell(folder, residents=60)
    tell(folder, residents=1)
    assert len(Province(folder).truth) == 1
    assert sum(1 for _ in Province(folder).everywhere("Patient")) <= 4


@pytest.mark.parametrize("residents", [1, 2, 7])
def test_there_are_exactly_as_many_people_as_wished(tmp_path: Path, residents: int) -> None:
    tell(tmp_path / "province", residents=residents)
    assert len(Province(tmp_path / "province").truth) == residents


def test_memory_does_not_grow_with_the_number_of_people(tmp_path: Path) -> None:
    # Runs on its own to measure the peak of the whole process; about six seconds.
    few, many = (peak_memory_mb(tmp_path / str(count), count) for count in (200, 2_000))
    assert many - few < MEMORY_GROWTH_MB_MAX


def references_in(value: Any) -> set[str]:
    """Every relative reference inside a resource."""
    if isinstance(value, list):
        return set().union(*(references_in(each) for each in value))
    if not isinstance(value, dict):
        return set()
    own = {value["reference"]} if isinstance(value.get("reference"), str) else set()
    return own.union(*(references_in(each) for each in value.values()))


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below a folder."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def peak_memory_mb(folder: Path, residents: int) -> float:
    """The largest memory that a telling took."""
    program = (
        "import resource, sys; sys.argv[1:] = sys.argv[1:]; from demo.__main__ import main; main();"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    )
    command = [sys.executable, "-c", program, "--residents", str(residents), "--out", str(folder)]
    root = Path(__file__).parents[2]
    said = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True, timeout=120)
    return int(said.stdout) / 1024


def test_files_are_plain_on_request(tmp_path: Path) -> None:
    root = Path(__file__).parents[2]
    command = [sys.executable, "-m", "demo", "--residents", "3", "--out", str(tmp_path / "plain"), "--plain"]
    said = subprocess.run([*command, "--today", str(TODAY)], cwd=root, capture_output=True, text=True, check=True)
    assert "3 residents in" in said.stderr
    patients = (tmp_path / "plain" / "public-health" / "Patient.ndjson").read_bytes().splitlines()
    assert len(patients) == 3


def test_compressed_files_hold_no_time_and_no_name(province: Province) -> None:
    head = (province.public_health / "Patient.ndjson.gz").read_bytes()[:10]
    assert head[4:8] == bytes(4)
    assert gzip.decompress((province.public_health / "Patient.ndjson.gz").read_bytes()).count(b"\n") == RESIDENTS


def test_what_people_read_has_chinese_and_english_words(province: Province) -> None:
    for kind, element in {
        "Encounter": "type",
        "Observation": "code",
        "Immunization": "vaccineCode",
        "Condition": "code",
    }.items():
        for resource in province.everywhere(kind):
            concept = resource[element][0] if isinstance(resource[element], list) else resource[element]
            words = [concept["text"], *(coding.get("display", "") for coding in concept["coding"])]
            assert any(is_chinese(word) for word in words)
            assert any(word and not is_chinese(word) for word in words), concept


def is_chinese(word: str) -> bool:
    """Whether a word holds a Chinese character."""
    return any("\u4e00" <= character <= "\u9fff" for character in word)
