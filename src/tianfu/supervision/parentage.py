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


def become_parent() -> None:
    """Leave this process's number to the children that it starts from now on."""
    os.environ[PARENT_VARIABLE] = str(os.getpid())


def die_with_parent(sign: signal.Signals) -> None:
    """Let the kernel send `sign` to this process when its parent ends.

    If the parent left its number in the environment and has ended already, this process ends at once.
    """
    if sys.platform != "linux":
        return
    if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, int(sign), 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl")
    expected = os.environ.get(PARENT_VARIABLE)
    if expected and os.getppid() != int(expected):
        os._exit(0)
