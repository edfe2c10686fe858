"""Where the programs that compute doses keep their compiled kernels, so that nobody waits for them twice."""

from __future__ import annotations

import os
import shutil
from collections.abc import MutableMapping
from pathlib import Path

import structlog

_log = structlog.get_logger("tianfu.supervision")

BESIDE_CODE = Path(__file__).parents[1] / "apps" / "radiotherapy" / "model" / "__pycache__"
"""Where set-up compiles them to; each state of the code has a folder of its own."""

SETTING = "NUMBA_CACHE_DIR"


def keep_kernels(environment: MutableMapping[str, str], home: Path, *, beside: Path = BESIDE_CODE) -> None:
    """Name the folder in an environment unless it is named: in a checkout that beside the code is left to be found.

    Where the code is nobody's to write in they are in the home, for their owner alone: a kernel is run by whoever loads
    it.  What set-up compiled is copied there first, each folder whole or not at all; what cannot be is compiled again.
    """
    if SETTING in environment or os.access(beside.parent, os.W_OK):
        return
    kept = home / "kernels"
    kept.mkdir(parents=True, exist_ok=True)
    kept.chmod(0o700)
    for compiled in beside.glob("kernels-*/"):
        copy = kept / compiled.name
        if not copy.exists():
            unfinished = kept / f".{compiled.name}"
            shutil.rmtree(unfinished, ignore_errors=True)
            try:
                shutil.copytree(compiled, unfinished)
                unfinished.rename(copy)
            except OSError as error:
                _log.warning("kernels_not_copied", reason=str(error))
    environment[SETTING] = str(kept)
