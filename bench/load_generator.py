"""Runs wrk (https://github.com/wg/wrk) with our scripts and reads what it came to."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import orjson

from bench.places import LOAD


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One run: how many answers in which time, how many of them were failures, and how long answers took."""

    requests: int
    microseconds: int
    failed: int
    p50: int
    p95: int
    p99: int

    @property
    def per_second(self) -> float:
        return self.requests / self.microseconds * 1e6


def wrk(
    port: int,
    script: str | None,
    argument: Path | None,
    *,
    connections: int,
    seconds: int,
    headers: Mapping[str, str] | None = None,
) -> Outcome:
    """Load a server for some seconds, with these headers on every request.

    A run with failed requests ends the program, for its rate means nothing.
    """
    parts = [LOAD / f"{script}.lua"] if script else []
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", suffix=".lua") as joined:
        joined.write("\n".join(part.read_text("utf-8") for part in (*parts, LOAD / "summary.lua")))
        joined.flush()
        command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "-s", joined.name, f"http://127.0.0.1:{port}/"]
        for name, value in (headers or {}).items():
            command[1:1] = ["-H", f"{name}: {value}"]
        if argument is not None:
            command += ["--", str(argument)]
        said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    outcome = Outcome(**orjson.loads(said.strip().rpartition("\n")[2]))
    if outcome.failed:
        raise SystemExit(f"{outcome.failed} of {outcome.requests} requests failed ({script})")
    return outcome
