"""A child ends with its parent, even when the parent is killed.

prctl: https://man7.org/linux/man-pages/man2/pr_set_pdeathsig.2const.html
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

PARENT_VARIABLE = "TIANFU_PARENT_PROCESS"
_PR_SET_PDEATHSIG = 1


def die_with_parent(sign: signal.Signals) -> None:
    """Let the kernel send `sign` to this process when its parent ends.

    A parent that ended before this call is noticed too, if it left its number in the environment.
    """
    if sys.platform != "linux":
        return
    if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, int(sign), 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl")


def leave_if_orphaned(expected_parent: int) -> None:
    """End this process if its parent is already gone."""
    if os.getppid() != expected_parent:
        sys.exit(0)
