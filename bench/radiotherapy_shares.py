"""Processes that try rules on plans, each a share of them, while other things are measured."""

from __future__ import annotations

import json
import secrets
import subprocess
import sys
from typing import Any

PROCESSES = 2
"""Another number plants faults in other cases."""


IDLE = ("chrt", "--idle", "0")
"""Begins a program that gives way to all others (SCHED_IDLE, sched(7)); of util-linux, which every Debian has."""


class Shares:
    """Processes at work within the block; without a seed one is drawn.  All faults if it is the whole, else half.

    They have what others leave of the processors: what is timed beside them goes first, and shares with them the
    memory's bandwidth alone.  Those that are not done at the end of the block are ended.
    """

    def __init__(self, seed: int | None = None, *, is_whole: bool) -> None:
        """Nothing is started yet."""
        self.seed = secrets.randbelow(2**32) if seed is None else seed
        self._is_whole = is_whole
        self._at_work: list[subprocess.Popen[str]] = []

    def __enter__(self) -> Shares:
        """Start them."""
        try:
            for number in range(PROCESSES):
                words = ["-m", "bench.radiotherapy_checks", str(self.seed), "--share", str(number)]
                command = [*IDLE, sys.executable, *words, *(("--whole",) if self._is_whole else ())]
                self._at_work.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
        except OSError:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """End those that are still at work."""
        for process in self._at_work:
            process.kill()
            process.wait()

    def told(self) -> list[Any]:
        """What each counted, once all are done; raises SystemExit if one broke off."""
        told = [process.communicate()[0] for process in self._at_work]
        for number, process in enumerate(self._at_work):
            if process.returncode:
                message = f"share {number} of the rules by the seed {self.seed} broke off with {process.returncode}"
                raise SystemExit(message)
        return [json.loads(one) for one in told]
