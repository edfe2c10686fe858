"""Who uses the embedded server: locks on files, which the kernel releases even when a process is killed."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tianfu.kernel.refusal import Refusal


class Lease:
    """A share in a file's lock; the last holder learns that it is the last."""

    def __init__(self, file: Path) -> None:
        self._descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._descriptor, fcntl.LOCK_SH)

    def is_last(self) -> bool:
        """Whether nobody else holds a share now."""
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            fcntl.flock(self._descriptor, fcntl.LOCK_SH)
            return False
        return True

    def end(self) -> None:
        """Give the share back."""
        os.close(self._descriptor)


@contextmanager
def exclusively(file: Path, *, within_seconds: float) -> Iterator[None]:
    """Hold a file's lock alone for the length of a block."""
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        give_up_at = time.monotonic() + within_seconds
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > give_up_at:
                    raise Refusal("postgres-locked", next_step="send-again-later", retryable=True) from None
                time.sleep(0.05)
        yield
    finally:
        os.close(descriptor)
