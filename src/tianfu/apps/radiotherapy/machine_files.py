"""The machine files of an installation, in a folder that its operator fills; none comes with the program.

Nothing picks a machine: whoever plans names one and its version.  Not cleared for clinical use.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from tianfu.apps.radiotherapy.versioned_files import Kind, VersionedFiles

FOLDER = Path("radiotherapy", "machines")
"""Within the home of the installation."""

BYTES_MOST = 64_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineFile:
    """A machine as its file says it is, before anybody looked whether it can be true.

    `fingerprint` is of the file's bytes, the same as `writing.fingerprint_of` the machine for one that is accepted.
    """

    name: str
    version: int
    purpose: str
    notice: Mapping[str, str]
    file: Path
    fingerprint: str


class MachineFiles(VersionedFiles[MachineFile]):
    """The machine files in a folder; all calls read from the disk, so make them in a thread."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, MACHINES)

    def content(self, name: str, version: int) -> bytes:
        """The bytes of a machine's file; raises Refusal `machine-unknown` or `machine-unclear` if two files have it."""
        return self.one(name, version).file.read_bytes()


class _Machine(msgspec.Struct):
    name: str
    version: int
    purpose: str
    notice: dict[str, str]


class _Written(msgspec.Struct):
    machine: _Machine


def _seen(file: Path, content: bytes) -> MachineFile | None:
    try:
        said = msgspec.json.decode(content, type=_Written).machine
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return MachineFile(
        name=said.name,
        version=said.version,
        purpose=said.purpose,
        notice=said.notice,
        file=file,
        fingerprint=hashlib.sha256(content).hexdigest(),
    )


MACHINES: Final = Kind(
    seen=_seen,
    bytes_most=BYTES_MOST,
    called="machine",
    unknown="machine-unknown",
    unclear="machine-unclear",
)
