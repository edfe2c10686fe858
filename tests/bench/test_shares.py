"""Processes that try the rules have what others leave of the machine, and never outlive their block."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
from bench.radiotherapy_shares import PROCESSES, Shares

Started = list[subprocess.Popen[str]]


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> Iterator[Started]:
    """What is started instead of processes that try rules: each waits to be told that nothing comes."""
    processes: Started = []
    popen = subprocess.Popen

    def start(_command: list[str], **_asked: Any) -> subprocess.Popen[str]:
        processes.append(popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))
        return processes[-1]

    monkeypatch.setattr(subprocess, "Popen", start)
    yield processes
    for process in processes:
        with process:
            process.kill()


def test_what_is_timed_beside_them_goes_first(started: Started) -> None:
    with Shares(1, is_whole=False):
        assert [os.sched_getscheduler(process.pid) for process in started] == [os.SCHED_IDLE] * PROCESSES


def test_no_process_outlives_a_block_that_was_broken_off(started: Started) -> None:
    with pytest.raises(ZeroDivisionError), Shares(1, is_whole=False):
        raise ZeroDivisionError
    assert [process.returncode for process in started] == [-signal.SIGKILL] * PROCESSES


def test_the_end_of_the_block_spares_who_has_ended_by_himself(started: Started) -> None:
    with Shares(1, is_whole=False):
        for process in started:
            process.communicate()
    assert [process.returncode for process in started] == [0] * PROCESSES
