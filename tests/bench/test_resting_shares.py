"""Processes that try the rules rest while others are timed, go on afterwards, and never outlive their block."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from bench.radiotherapy_checks import PROCESSES, Shares

Started = list[subprocess.Popen[str]]


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> Iterator[Started]:
    """What is started instead of processes that try rules: each repeats the line that it is given."""
    processes: Started = []
    popen = subprocess.Popen

    def start(_command: list[str], **_asked: Any) -> subprocess.Popen[str]:
        processes.append(popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1))
        return processes[-1]

    monkeypatch.setattr(subprocess, "Popen", start)
    yield processes
    for process in processes:
        with process:
            process.kill()


def state_of(process: subprocess.Popen[str], changed: int) -> str:
    """Its state as Linux tells it, once it has changed in this way."""
    os.waitid(os.P_PID, process.pid, changed | os.WNOWAIT)
    return Path(f"/proc/{process.pid}/stat").read_text("ascii").rpartition(")")[2].split()[0]


def repeated(process: subprocess.Popen[str]) -> str:
    """What comes back of a line: it waits for a process that is at work."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("a line\n")
    return process.stdout.readline()


def test_resting_processes_are_stopped_and_go_on_afterwards(started: Started) -> None:
    with Shares(1, is_whole=False) as shares:
        assert len(started) == PROCESSES
        with shares.resting():
            assert [state_of(process, os.WSTOPPED) for process in started] == ["T"] * PROCESSES
        assert "T" not in [state_of(process, os.WCONTINUED) for process in started]
        assert [repeated(process) for process in started] == ["a line\n"] * PROCESSES


def test_whoever_breaks_off_while_they_rest_lets_them_go_on(started: Started) -> None:
    with Shares(1, is_whole=False) as shares:
        with pytest.raises(ZeroDivisionError), shares.resting():
            raise ZeroDivisionError
        assert [repeated(process) for process in started] == ["a line\n"] * PROCESSES


@pytest.mark.parametrize("is_resting", [False, True])
def test_no_process_outlives_a_block_that_was_broken_off(started: Started, is_resting: bool) -> None:
    with pytest.raises(ZeroDivisionError), Shares(1, is_whole=False) as shares:
        if is_resting:
            with shares.resting():
                raise ZeroDivisionError
        raise ZeroDivisionError
    assert [process.returncode for process in started] == [-signal.SIGKILL] * PROCESSES


def test_the_end_of_the_block_spares_who_has_ended_by_himself(started: Started) -> None:
    with Shares(1, is_whole=False):
        for process in started:
            process.communicate()
    assert [process.returncode for process in started] == [0] * PROCESSES
