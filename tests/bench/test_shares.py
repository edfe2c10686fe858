"""Processes that try the rules have what others leave of the machine, and never outlive their block."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from typing import Any

import pytest
from bench.radiotherapy_shares import IDLE, PROCESSES, Shares

Started = list[subprocess.Popen[str]]


@pytest.fixture
def program() -> list[str]:
    """What runs instead of a process that tries rules: it waits to be told that nothing comes."""
    return ["cat"]


@pytest.fixture
def started(program: list[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Started]:
    """The processes, each begun as one that tries rules is."""
    processes: Started = []
    popen = subprocess.Popen

    def start(command: list[str], **_asked: Any) -> subprocess.Popen[str]:
        assert command[: len(IDLE)] == list(IDLE)
        processes.append(popen([*IDLE, *program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))
        return processes[-1]

    monkeypatch.setattr(subprocess, "Popen", start)
    yield processes
    for process in processes:
        with process:
            process.kill()


def gives_way(process: subprocess.Popen[str]) -> bool:
    """Whether it gives way to others, at the latest when it has begun."""
    until = time.monotonic() + 30
    while os.sched_getscheduler(process.pid) != os.SCHED_IDLE and time.monotonic() < until:
        time.sleep(0.01)
    return os.sched_getscheduler(process.pid) == os.SCHED_IDLE


def test_what_is_timed_beside_them_goes_first(started: Started) -> None:
    with Shares(1, is_whole=False):
        assert [gives_way(process) for process in started] == [True] * PROCESSES


def test_no_process_outlives_a_block_that_was_broken_off(started: Started) -> None:
    with pytest.raises(ZeroDivisionError), Shares(1, is_whole=False):
        raise ZeroDivisionError
    assert [process.returncode for process in started] == [-signal.SIGKILL] * PROCESSES


def test_one_that_cannot_be_started_leaves_none_behind(started: Started, monkeypatch: pytest.MonkeyPatch) -> None:
    start = subprocess.Popen

    def only_the_first(*words: Any, **asked: Any) -> subprocess.Popen[str]:
        if started:
            raise BlockingIOError
        return start(*words, **asked)

    monkeypatch.setattr(subprocess, "Popen", only_the_first)
    with pytest.raises(BlockingIOError), Shares(1, is_whole=False):
        pass
    assert [process.returncode for process in started] == [-signal.SIGKILL]


def test_the_end_of_the_block_spares_who_has_ended_by_himself(started: Started) -> None:
    with Shares(1, is_whole=False):
        for process in started:
            process.communicate()
    assert [process.returncode for process in started] == [0] * PROCESSES


@pytest.mark.parametrize("program", [["echo", '{"clean_cases": 5}']])
def test_each_tells_what_it_counted(started: Started) -> None:
    with Shares(1, is_whole=False) as shares:
        assert shares.told() == [{"clean_cases": 5}] * len(started)


@pytest.mark.parametrize("program", [["sh", "-c", "exit 3"]])
def test_one_that_broke_off_is_told_with_the_seed(started: Started) -> None:
    told = "share 0 of the rules by the seed 17 broke off with 3"
    with pytest.raises(SystemExit, match=told), Shares(17, is_whole=False) as shares:
        shares.told()
    assert len(started) == PROCESSES
