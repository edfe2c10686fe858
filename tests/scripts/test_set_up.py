"""`make run` and `make test` share one environment, in either order and whatever has changed in between."""

from __future__ import annotations

import importlib.util
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The set-up over a checkout of its own, in which an installed program is an empty file."""
    spec = importlib.util.spec_from_file_location("set_up_of_a_checkout", ROOT / "scripts" / "set_up.py")
    assert spec is not None
    assert spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    (tmp_path / "requirements").mkdir()
    for name in ("run.txt", "test.txt", "../pyproject.toml"):
        (tmp_path / "requirements" / name).write_text("first")
    monkeypatch.setattr(made, "ROOT", tmp_path)
    monkeypatch.setattr(made, "VENV", tmp_path / ".venv")
    monkeypatch.setattr(made, "run", uv_of(tmp_path / ".venv"))
    return made


def uv_of(venv: Path) -> Any:
    """What uv does to an environment, as far as it matters here: it holds what the last lock says, and no more."""

    def run(command: Sequence[str | Path], *_: object) -> None:
        tool = venv / "bin" / "pytest"
        if "venv" in command:
            tool.parent.mkdir(parents=True)
            (tool.parent / "python").touch()
        elif "sync" in command and Path(command[-1]).stem == "test":
            tool.touch()
        elif "sync" in command:
            tool.unlink(missing_ok=True)

    return run


def set_up(checkout: ModuleType, *, for_tests: bool) -> bool:
    """Set up packages; whether tests can run afterwards."""
    checkout.install_packages(Path("uv"), checkout.lock_for(checkout.VENV, for_tests=for_tests))
    return bool((checkout.VENV / "bin" / "pytest").exists())


def changes(checkout: ModuleType) -> None:
    for name in ("run.txt", "test.txt"):
        (checkout.ROOT / "requirements" / name).write_text("second")


def test_whoever_only_runs_gets_no_packages_of_tests(checkout: ModuleType) -> None:
    assert not set_up(checkout, for_tests=False)


def test_running_takes_nothing_from_tests_though_the_locks_have_changed(checkout: ModuleType) -> None:
    assert set_up(checkout, for_tests=True)
    assert set_up(checkout, for_tests=False)
    changes(checkout)
    assert set_up(checkout, for_tests=False)
    assert set_up(checkout, for_tests=True)


def test_tests_come_after_running(checkout: ModuleType) -> None:
    assert not set_up(checkout, for_tests=False)
    changes(checkout)
    assert set_up(checkout, for_tests=True)


def test_the_lock_of_tests_holds_all_of_the_other_one() -> None:
    run, test = (
        set(re.findall(r"^([a-z0-9.\[\]-]+==\S+)", (ROOT / "requirements" / name).read_text("utf-8"), re.MULTILINE))
        for name in ("run.txt", "test.txt")
    )
    assert len(run) > 20
    assert run <= test


def test_kernels_are_compiled_once_for_each_state_of_their_code(
    checkout: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[tuple[Sequence[str | Path], Any]] = []
    monkeypatch.setattr(checkout, "run", lambda command, environment: ran.append((command, environment)))
    monkeypatch.setenv("NUMBA_CACHE_DIR", "elsewhere")
    code = checkout.ROOT / checkout.KERNELS[0] / "deep" / "loop.py"
    (code.parent.parent / "__pycache__").mkdir(parents=True)
    code.parent.mkdir()
    for content, times in (("first", 1), ("first", 1), ("second", 2)):
        code.write_text(content)
        checkout.compile_kernels(checkout.ROOT / "requirements" / "run.txt")
        assert len(ran) == times
    assert all(command[-1] == "scripts.compile_kernels" for command, _ in ran)
    assert all("NUMBA_CACHE_DIR" not in environment for _, environment in ran), "kept beside the code"


def test_kernels_that_cannot_be_compiled_are_told_and_end_no_set_up(
    checkout: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails(command: Sequence[str | Path], _: object) -> None:
        raise subprocess.CalledProcessError(1, [str(word) for word in command])

    monkeypatch.setattr(checkout, "run", fails)
    (checkout.ROOT / checkout.KERNELS[0] / "__pycache__").mkdir(parents=True)
    for _ in range(2):
        checkout.compile_kernels(checkout.ROOT / "requirements" / "run.txt")
        assert "will be where it is first used" in capsys.readouterr().out, "tried again by the next set-up"
