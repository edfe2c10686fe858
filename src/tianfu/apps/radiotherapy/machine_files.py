"""The machine files of an installation, in a folder that its operator fills; none comes with the program.

Nothing picks a machine: whoever plans names one and its version.  Not cleared for clinical use.
"""

from __future__ import annotations

import hashlib
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
    """A machine as its file says it is, before anybody looked whether it can be true.

    `fingerprint` is of the file's bytes, the same as `writing.fingerprint_of` the machine for one that is accepted.
    """

    name: str
    version: int
    purpose: str
    notice: Mapping[str, str]
    file: Path
    fingerprint: str


class MachineFiles:
    """The machine files in a folder; both calls read from the disk, so call them in a thread.

    A file that stands as it stood is not read again to be listed; `content` always reads.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._seen: Mapping[Path, _Seen] = {}

    def all(self) -> tuple[MachineFile, ...]:
        """Every machine of which there is a file, by name and version; files of something else are passed over."""
        found = sorted(self._folder.glob("*.json"))[:FILES_MOST]
        seen = {file: self._looked_at(file) for file in found}
        self._seen = seen  # as many as were found: what is gone is forgotten
        named = [each.machine for each in seen.values() if each.machine is not None]
        return tuple(sorted(named, key=lambda each: (each.name, each.version)))

    def content(self, name: str, version: int) -> bytes:
        """The bytes of a machine's file; raises Refusal `machine-unknown` or `machine-unclear` if two files have it."""
        there = self.all()
        found = [each for each in there if (each.name, each.version) == (name, version)]
        if not found:
            known = ", ".join(f"{each.name} {each.version}" for each in there) or "–"
            raise Refusal("machine-unknown", details={"machine": name, "version": str(version), "known": known})
        if len(found) > 1:
            raise Refusal("machine-unclear", details={"machine": name, "version": str(version)})
        return found[0].file.read_bytes()

    def _looked_at(self, file: Path) -> _Seen:
        """What a file says that it is, read unless it stands as it stood."""
        stands, seen = _stands(file), self._seen.get(file)
        if seen is not None and seen.stands == stands and stands is not None:
            return seen
        return _Seen(stands=stands, machine=_named(file))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    """A file as it was read; `machine` is None for what is none."""

    stands: tuple[int, ...] | None
    machine: MachineFile | None


def _stands(file: Path) -> tuple[int, ...] | None:
    """What changes with a file's content, however it is replaced; None for one that vanished."""
    try:
        told = file.stat()
    except OSError:
        return None
    return told.st_dev, told.st_ino, told.st_size, told.st_mtime_ns, told.st_ctime_ns


class _Machine(msgspec.Struct):
    name: str
    version: int
    purpose: str
    notice: dict[str, str]


class _Written(msgspec.Struct):
    machine: _Machine


def _named(file: Path) -> MachineFile | None:
    """What a file says that it is; None for what is no machine, or vanished meanwhile."""
    try:
        if file.stat().st_size > BYTES_MOST:
            return None
        content = file.read_bytes()
        said = msgspec.json.decode(content, type=_Written).machine
    except (OSError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return MachineFile(
        name=said.name,
        version=said.version,
        purpose=said.purpose,
        notice=said.notice,
        file=file,
        fingerprint=hashlib.sha256(content).hexdigest(),
    )
