"""Python loops over numbers, compiled at first use and kept on disk beside their module."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, cast

import numba

Kernel = TypeVar("Kernel", bound=Callable[..., object])


def compiled(function: Kernel) -> Kernel:
    """The same function as machine code that lets other threads run; its types stay visible to readers."""
    return cast("Kernel", numba.njit(cache=True, nogil=True)(function))
