"""`make run` without all that the made-up ward wants: it says what is missing, and goes on."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def running() -> ModuleType:
    """The program of `make run`."""
    spec = importlib.util.spec_from_file_location("what_make_run_does", ROOT / "scripts" / "run.py")
    assert spec is not None
    assert spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


def test_it_tells_how_many_cameras_come_up(running: ModuleType) -> None:
    assert running.how_the_ward_stands("12", []) == "12 test cameras of the made-up ward come up"


def test_it_tells_what_is_missing_and_what_to_do(running: ModuleType) -> None:
    said = running.how_the_ward_stands("12", ["ffmpeg", "ffprobe"])
    assert "no pictures" in said
    assert "ffmpeg, ffprobe not found" in said
    assert "install ffmpeg" in said


def test_it_tells_that_the_cameras_did_not_start(running: ModuleType) -> None:
    assert "did not start" in running.how_the_ward_stands("", [])


def test_a_province_without_a_ward_is_no_matter(running: ModuleType) -> None:
    assert running.how_the_ward_stands("0", ["ffmpeg"]) == ""


def test_setting_up_to_run_asks_the_system_for_nothing(tmp_path: Path) -> None:
    # Debian's tools would say on standard output that they were called.
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in ("apt-get", "dpkg-query"):
        (tools / name).write_text(f"#!/bin/sh\necho {name} >> {tmp_path}/asked\nexit 1\n")
        (tools / name).chmod(0o755)
    program = f"""
import importlib.util, pathlib
spec = importlib.util.spec_from_file_location("set_up", {str(ROOT / "scripts" / "set_up.py")!r})
made = importlib.util.module_from_spec(spec)
spec.loader.exec_module(made)
made.uv_program = lambda: pathlib.Path("uv")
made.install_packages = lambda *_: None
made.build_front_end = lambda: None
made.set_up(for_tests=FOR_TESTS)
"""
    environment = {**os.environ, "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}"}
    for for_tests in (False, True):
        done = subprocess.run(
            [sys.executable, "-c", program.replace("FOR_TESTS", str(for_tests))],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        asked = (tmp_path / "asked").exists()
        assert asked == for_tests, done.stderr
