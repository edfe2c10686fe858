"""What templates were compiled to: once in a process, for all environments that are set alike."""

from __future__ import annotations

from types import CodeType

from jinja2 import BytecodeCache
from jinja2.bccache import Bucket


class Compiled(BytecodeCache):
    """The code of each template by its file and its source, so that a changed one is compiled anew.

    How an environment is set decides on the code too: those that share one of these must be set alike.
    """

    def __init__(self) -> None:
        self._codes: dict[tuple[str, str], CodeType] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        """Give a template's code, if it was kept."""
        bucket.code = self._codes.get((bucket.key, bucket.checksum))

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Keep a template's code."""
        if bucket.code is not None:
            self._codes[bucket.key, bucket.checksum] = bucket.code
