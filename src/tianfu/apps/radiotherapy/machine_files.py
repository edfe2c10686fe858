"""The machine files of an installation, in a folder that its operator fills; none comes with the program.

Nothing picks a machine: whoever plans names one and its version.  Not cleared for clinical use.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec

from tianfu.kernel.refusal import Refusal

FOLDER = Path("radiotherapy", "machines")
"""Within the home of the installation."""

FILES_MOST = 100
BYTES_MOST = 64_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineFile:
    """A machine as its file says it is, before anybody looked whether it can be true."""

    name: str
    version: int
    purpose: str
    notice: Mapping[str, str]
    file: Path


class MachineFiles:
    """The machine files in a folder; both calls read from the disk, so call them in a thread."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def all(self) -> tuple[MachineFile, ...]:
        """Every machine of which there is a file, by name and version; files of something else are passed over."""
        raise NotImplementedError

    def content(self, name: str, version: int) -> bytes:
        """The bytes of a machine's file; raises Refusal `machine-unknown` or `machine-unclear` if two files have it."""
        raise NotImplementedError
