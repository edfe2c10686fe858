"""On what and when something was measured, and how much memory it took."""

from __future__ import annotations

import os
import platform
from datetime import UTC, datetime
from pathlib import Path


def machine() -> dict[str, object]:
    """The processor, its cores, memory, system and the time."""
    return {
        "processor": _field("/proc/cpuinfo", "model name"),
        "cores": len(os.sched_getaffinity(0)),
        "memory": _field("/proc/meminfo", "MemTotal"),
        "system": platform.platform(),
        "python": platform.python_version(),
        "load": [round(each, 2) for each in os.getloadavg()],
        "date": datetime.now(UTC).isoformat(timespec="minutes"),
    }


def forget_peak() -> None:
    """From here on the most that this process has is told anew (proc_pid_clear_refs(5))."""
    Path("/proc/self/clear_refs").write_text("5", "ascii")


def peak_rss_mb() -> float:
    """The most memory, in 10^6 bytes, that this process had since its beginning or since it was forgotten."""
    return int(_field("/proc/self/status", "VmHWM").removesuffix(" kB")) * 1024 / 1e6


def _field(file: str, name: str) -> str:
    try:
        lines = Path(file).read_text("utf-8").splitlines()
    except OSError:
        return "unknown"
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(name)), "unknown")
