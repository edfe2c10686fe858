"""Programs under supervision start again when they end by themselves, and stop when asked."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from pathlib import Path

import pytest

from tianfu.supervision import children
from tianfu.supervision.children import Program, keep_running

pytestmark = pytest.mark.anyio

COUNT_AND_END = "import sys; open(sys.argv[1], 'a').write('x')"
WRITE_AND_WAIT = "; open(sys.argv[1], 'a').write('x'); time.sleep(60)"
WAIT = "import signal, sys, time; signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))" + WRITE_AND_WAIT
REFUSE_TO_END = "import signal, sys, time; signal.signal(signal.SIGTERM, signal.SIG_IGN)" + WRITE_AND_WAIT


def program(code: str, file: Path) -> Program:
    return Program(name="tried", command=[sys.executable, "-c", code, str(file)], environment=dict(os.environ))


async def until_written(file: Path, length: int) -> None:
    async with asyncio.timeout(20):
        while length_of(file) < length:  # noqa: ASYNC110 - another process writes
            await asyncio.sleep(0.01)


def length_of(file: Path) -> int:
    return file.stat().st_size if file.exists() else 0


async def test_program_that_ends_is_started_again_after_growing_pauses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(children, "PAUSE_SECONDS_FIRST", 0.05)
    stop = asyncio.Event()
    started = time.monotonic()
    running = asyncio.create_task(keep_running(program(COUNT_AND_END, tmp_path / "ran"), stop))
    await until_written(tmp_path / "ran", 4)
    assert time.monotonic() - started > 0.05 + 0.1 + 0.2
    stop.set()
    await running


async def test_stop_ends_the_program(tmp_path: Path) -> None:
    stop = asyncio.Event()
    running = asyncio.create_task(keep_running(program(WAIT, tmp_path / "ran"), stop))
    await until_written(tmp_path / "ran", 1)
    stop.set()
    await asyncio.wait_for(running, 5)


async def test_program_that_ignores_the_request_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(children, "STOP_SECONDS", 0.2)
    stop = asyncio.Event()
    running = asyncio.create_task(keep_running(program(REFUSE_TO_END, tmp_path / "ran"), stop))
    await until_written(tmp_path / "ran", 1)
    stop.set()
    await asyncio.wait_for(running, 5)


async def test_stop_during_a_pause_does_not_wait_for_its_end(tmp_path: Path) -> None:
    stop = asyncio.Event()
    running = asyncio.create_task(keep_running(program(COUNT_AND_END, tmp_path / "ran"), stop))
    await until_written(tmp_path / "ran", 3)
    stop.set()
    await asyncio.wait_for(running, 1)


async def test_child_ends_with_its_parent(tmp_path: Path) -> None:
    child = (
        "import os, signal, sys, time; from tianfu.supervision.parentage import die_with_parent;"
        " die_with_parent(signal.SIGKILL); open(sys.argv[1], 'w').write(str(os.getpid())); time.sleep(60)"
    )
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}, sys.argv[1]])"
    file = tmp_path / "process"
    started = await asyncio.create_subprocess_exec(sys.executable, "-c", parent, str(file))
    await until_written(file, 1)
    started.send_signal(signal.SIGKILL)
    await started.wait()
    async with asyncio.timeout(5):
        while is_alive(int(file.read_text("utf-8"))):  # noqa: ASYNC110 - another process ends
            await asyncio.sleep(0.01)


def is_alive(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text("utf-8").rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"
