"""The heavy worker's memory ends at its ceiling, and a work that wants more is refused."""

from __future__ import annotations

import subprocess
import sys

HOLDS = """
import numpy
from tianfu.supervision.job_worker import limit_memory

limit_memory({megabytes})
try:
    numpy.ones(1 << 27)  # 1 GiB of numbers
except MemoryError:
    print("refused")
else:
    print("held")
"""


def said(megabytes: int) -> str:
    program = [sys.executable, "-c", HOLDS.format(megabytes=megabytes)]
    return subprocess.run(program, capture_output=True, text=True, check=True).stdout.strip()


def test_what_is_beyond_the_ceiling_is_a_memory_error_and_no_end_of_the_worker() -> None:
    assert said(700) == "refused"


def test_what_is_below_it_is_held() -> None:
    assert said(4_096) == "held"
