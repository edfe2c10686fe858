"""Python loops over numbers, compiled at first use and kept on disk for exactly this state of the code."""

from __future__ import annotations

import os
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import TypeVar, cast

import numba
from numba.core import config

Kernel = TypeVar("Kernel", bound=Callable[..., object])

_FOLDER = Path(__file__).parent

numba_settings = vars(config)
"""numba writes its settings into its module as it starts."""


def cache_folder(wished: str) -> Path:
    """Where compiled kernels of this state of the code are kept: below the folder that `NUMBA_CACHE_DIR` names, else
    beside the code, or for who may not write there in his own home: a kernel is run by whoever loads it, so that no
    place will do where others may write.

    A kernel holds those that it calls, from other files too; numba looks at its own file alone.  A folder for each
    state of all files keeps a kernel of yesterday from being called today.
    """
    state = sha256(b"".join(file.read_bytes() for file in sorted(_FOLDER.rglob("*.py")))).hexdigest()[:16]
    beside = _FOLDER / "__pycache__" if os.access(_FOLDER, os.W_OK) else Path.home() / ".cache" / "tianfu"
    return (Path(wished) if wished else beside) / f"kernels-{state}"


numba_settings["CACHE_DIR"] = str(cache_folder(numba_settings["CACHE_DIR"]))


def compiled(function: Kernel) -> Kernel:
    """The same function as machine code that lets other threads run; its types stay visible to readers."""
    return cast("Kernel", numba.njit(cache=True, nogil=True)(function))


def compiled_as_numpy(function: Kernel) -> Kernel:
    """The same, but it divides as NumPy does: by zero is infinite and no error."""
    return cast("Kernel", numba.njit(cache=True, nogil=True, error_model="numpy")(function))


def compiled_into_callers(function: Kernel) -> Kernel:
    """The same as `compiled_as_numpy`, and a part of each kernel that calls it: for the inside of loops."""
    return cast("Kernel", numba.njit(cache=True, nogil=True, error_model="numpy", forceinline=True)(function))


def compiled_in_parallel(function: Kernel) -> Kernel:
    """The same as `compiled_as_numpy`, with `numba.prange` on all threads that numba may use."""
    return cast("Kernel", numba.njit(cache=True, nogil=True, error_model="numpy", parallel=True)(function))


def compiled_in_parallel_regrouped(function: Kernel) -> Kernel:
    """The same as `compiled_in_parallel`, and sums may be grouped for the processor's wide registers: they differ from
    those of another processor in the last places, and never between two runs on one.
    """
    grouped = {"reassoc", "nsz", "contract"}
    return cast(
        "Kernel", numba.njit(cache=True, nogil=True, error_model="numpy", parallel=True, fastmath=grouped)(function)
    )
