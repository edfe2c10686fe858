"""The map of who may import whom holds, and each contract notices when it does not."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

VIOLATIONS = {
    "layers": ("kernel/planted.py", "import tianfu.web.site"),
    "standards": ("standards/china/planted.py", "import tianfu.standards.fhir.parsing"),
    "services": ("services/limits/planted.py", "import tianfu.services.accounts.opening"),
    "apps": ("apps/planted/__init__.py", "import tianfu.apps.lifelong"),
    "gateways": ("gateways/planted/__init__.py", "import tianfu.gateways.fhir"),
    "verifier": ("../tianfu_audit_verify/planted.py", "import tianfu.kernel.ids"),
    "pure": ("access/planted.py", "import asyncio"),
    "models": ("apps/lifelong/model/planted.py", "import tianfu.records"),
    "psycopg": ("records/planted.py", "import psycopg"),
    "connections": ("apps/lifelong/planted.py", "import tianfu.db"),
    "framework": ("records/planted.py", "import litestar"),
    "plain-db": ("db/planted.py", "import tianfu.standards"),
}
"""For each contract a file and the forbidden line in it."""


def contracts() -> list[str]:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    return [contract["id"] for contract in settings["tool"]["importlinter"]["contracts"]]


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The code alone, to be spoilt."""
    for package in ("tianfu", "tianfu_audit_verify"):
        shutil.copytree(
            ROOT / "src" / package,
            tmp_path / "src" / package,
            ignore=lambda _, names: {n for n in names if is_no_code(n)},
        )
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def is_no_code(name: str) -> bool:
    return name == "__pycache__" or ("." in name and not name.endswith(".py"))


def broken_contracts(folder: Path, contract: str | None = None) -> str:
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    if contract is not None:
        command += ["--contract", contract]
    environment = {**os.environ, "PYTHONPATH": str(folder / "src")}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode in {0, 1}, done.stdout + done.stderr
    return done.stdout if done.returncode else ""


def test_every_contract_has_a_planted_violation() -> None:
    assert sorted(VIOLATIONS) == sorted(contracts())


def test_the_code_keeps_every_contract(copy: Path) -> None:
    assert broken_contracts(copy) == ""


@pytest.mark.parametrize("contract", VIOLATIONS)
def test_a_planted_violation_is_caught(contract: str, copy: Path) -> None:
    file, line = VIOLATIONS[contract]
    planted = copy / "src" / "tianfu" / file
    planted.parent.mkdir(exist_ok=True)
    planted.write_text(f'"""Planted."""\n\n{line}\n', "utf-8")
    assert "planted" in broken_contracts(copy, contract)


def test_a_new_part_must_find_its_place_on_the_map(copy: Path) -> None:
    (copy / "src" / "tianfu" / "planted.py").write_text('"""Planted."""\n', "utf-8")
    assert "planted" in broken_contracts(copy, "layers")
