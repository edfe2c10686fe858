"""What must not stand in any file of the project."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

REGISTRIES = ("pypi" + ".org", "python" + "hosted.org", "registry." + "npmjs", "deb." + "debian.org")
"""Packages come from the registries that the environment names for pip, npm and apt."""


def tracked() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [ROOT / name for name in listed.split("\0") if name and (ROOT / name).is_file()]


@pytest.mark.parametrize("words", REGISTRIES)
def test_no_file_names_a_package_registry(words: str) -> None:
    assert [str(file) for file in tracked() if words.encode() in file.read_bytes()] == []


def test_scripts_of_the_two_commands_can_be_run() -> None:
    assert all((ROOT / name).stat().st_mode & 0o100 for name in (".ci/run", "scripts/lock.sh"))


def test_test_files_of_one_name_stand_in_packages() -> None:
    """Pytest imports a file that stands in no package by its bare name: two of one name are collected by luck."""
    files = [file for file in tracked() if file.suffix == ".py" and file.is_relative_to(ROOT / "tests")]
    bare = [file.name for file in files if not (file.parent / "__init__.py").exists() and file.name != "conftest.py"]
    assert sorted({name for name in bare if bare.count(name) > 1}) == []
