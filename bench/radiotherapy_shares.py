"""Processes that try rules on plans, each a share of them, while other things are measured."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
from typing import Any

PROCESSES = 2
"""Another number plants faults in other cases."""


class Shares:
    """Processes at work from the beginning; without a seed one is drawn.  All faults if it is the whole, else half.

    They have only what others leave of the machine (SCHED_IDLE, sched(7)), so that what is timed beside them takes its
    time.  Whoever leaves the block before they are done ends them.
    """

    def __init__(self, seed: int | None = None, *, is_whole: bool) -> None:
        """Start them."""
        self.seed = secrets.randbelow(2**32) if seed is None else seed
        self._at_work = [
            subprocess.Popen(
                [
                    *(sys.executable, "-m", "bench.radiotherapy_checks", str(self.seed), "--share", str(number)),
                    *(("--whole",) if is_whole else ()),
                ],
                stdout=subprocess.PIPE,
                text=True,
            )
            for number in range(PROCESSES)
        ]
        for process in self._at_work:
            os.sched_setscheduler(process.pid, os.SCHED_IDLE, os.sched_param(0))

    def __enter__(self) -> Shares:
        """Themselves."""
        return self

    def __exit__(self, *_: object) -> None:
        """End those that are still at work."""
        for process in self._at_work:
            process.kill()
            process.wait()

    def told(self) -> list[Any]:
        """What each counted, once all are done; raises SystemExit if one broke off."""
        told = [process.communicate()[0] for process in self._at_work]
        if any(process.returncode for process in self._at_work):
            raise SystemExit("a process that tried the rules broke off")
        return [json.loads(one) for one in told]
