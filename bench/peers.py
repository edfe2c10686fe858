"""Others to compare with, each in a Python environment of its own under `build/peers`, made at its first use."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from bench.places import ROOT

LOCKS = ROOT / "requirements" / "peers"
ENVIRONMENTS = ROOT / "build" / "peers"
SECONDS_MAX = 600.0


class PeerMissingError(Exception):
    """A peer that cannot be installed or does not run here; the message says which, and what it said last."""


def asked(peer: str, program: Path, *arguments: str | Path) -> Any:
    """What a program of ours, run by a peer's Python, printed as JSON on its last line.

    Raises PeerMissingError.  The package registries are needed once, for the environment.
    """
    try:
        said = _run([_python(peer), program, *arguments])
    except (subprocess.SubprocessError, OSError) as error:
        raise PeerMissingError(f"{peer}: {_last_words(error)}") from error
    return json.loads(said.splitlines()[-1])


def _python(peer: str) -> Path:
    """The Python of a peer's environment, made anew if its lock has changed."""
    set_up = importlib.import_module("scripts.set_up")
    lock, folder = LOCKS / f"{peer}.txt", ENVIRONMENTS / peer
    stamp, python = folder / "stamp", folder / "bin" / "python"
    if not set_up.is_fresh(stamp, [lock]):
        uv, environment = set_up.uv_program(), set_up.uv_environment(os.environ)
        _run([uv, "venv", "--quiet", "--clear", "--python", sys.executable, folder], environment)
        _run([uv, "pip", "sync", "--quiet", "--python", python, "--require-hashes", lock], environment)
        set_up.leave_stamp(stamp, [lock])
    return python


def _run(command: list[str | Path], environment: dict[str, str] | None = None) -> str:
    return subprocess.run(
        command, check=True, capture_output=True, text=True, timeout=SECONDS_MAX, env=environment
    ).stdout


def _last_words(error: Exception) -> str:
    """The last line of what a program complained, or what went wrong with starting it."""
    complaint = str(getattr(error, "stderr", None) or error).strip()
    return complaint.splitlines()[-1] if complaint else type(error).__name__
