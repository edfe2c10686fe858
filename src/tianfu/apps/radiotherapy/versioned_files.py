"""Folders of files that say a name and a version of themselves, which an operator fills and people choose from.

Nothing picks one, and of two that say the same neither is taken.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from tianfu.kernel.refusal import Refusal

FILES_MOST = 100


class Versioned(Protocol):
    """What a file says that it is; `file` is None for what lies in no folder."""

    @property
    def name(self) -> str: ...

    @property
    def version(self) -> int: ...

    @property
    def file(self) -> Path | None: ...


File = TypeVar("File", bound=Versioned)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind(Generic[File]):
    """A kind of files: how one is looked at, and what is said where none or two are meant.

    `seen` gives None for a file of something else; files called as in `others` are never one.  `called` is the name of
    the file's name in the refusals `unknown` and `unclear`.
    """

    seen: Callable[[Path, bytes], File | None]
    others: frozenset[str]
    bytes_most: int
    called: str
    unknown: str
    unclear: str


class VersionedFiles(Generic[File]):
    """The files of a kind in a folder; calls read from the disk, so make them in a thread.

    A file that stands as it stood is not read again to be listed; whatever is used is always read.
    """

    def __init__(self, folder: Path, kind: Kind[File]) -> None:
        self._folder = folder
        self._kind = kind
        self._seen: Mapping[Path, _Seen[File]] = {}

    def all(self) -> tuple[File, ...]:
        """Every file of the kind, by name and version; files of something else are passed over.

        Raises Refusal `files-too-many`: among those that nobody read one may say the same as another.
        """
        there = sorted(each for each in self._folder.glob("*.json") if each.name not in self._kind.others)
        if len(there) > FILES_MOST:
            details = {"folder": self._folder.name, "files": str(len(there)), "most": str(FILES_MOST)}
            raise Refusal("files-too-many", details=details)
        seen = {file: self._looked_at(file) for file in there}
        self._seen = seen  # as many as were found: what is gone is forgotten
        found = [each.file for each in seen.values() if each.file is not None]
        return tuple(sorted(found, key=lambda each: (each.name, each.version)))

    def one(self, name: str, version: int) -> File:
        """The file of a name and version, read anew; raises Refusal `unknown`, or `unclear` if two files have them."""
        listed = self._listed(name, version)
        if listed.file is None:
            return listed
        again = self._read(listed.file)
        if again is None or (again.name, again.version) != (name, version):
            raise self._unknown(name, version)  # replaced between two looks
        return again

    def _listed(self, name: str, version: int) -> File:
        """The file of a name and version as it was listed; raises Refusal as `one` does."""
        found = [each for each in self.all() if (each.name, each.version) == (name, version)]
        if not found:
            raise self._unknown(name, version)
        if len(found) > 1:
            raise Refusal(self._kind.unclear, details={self._kind.called: name, "version": str(version)})
        return found[0]

    def _unknown(self, name: str, version: int) -> Refusal:
        known = ", ".join(f"{each.name} {each.version}" for each in self.all()) or "–"
        return Refusal(self._kind.unknown, details={self._kind.called: name, "version": str(version), "known": known})

    def _looked_at(self, file: Path) -> _Seen[File]:
        """What a file says that it is, read unless it stands as it stood."""
        stands, seen = _stands(file), self._seen.get(file)
        if seen is not None and seen.stands == stands and stands is not None:
            return seen
        return _Seen(stands=stands, file=self._read(file))

    def _read(self, file: Path) -> File | None:
        """What a file says that it is; None for what is of another kind, too large, or vanished meanwhile."""
        try:
            if file.stat().st_size > self._kind.bytes_most:
                return None
            content = file.read_bytes()
        except OSError:
            return None
        return self._kind.seen(file, content)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen(Generic[File]):
    """A file as it was read; `file` is None for what is of another kind."""

    stands: tuple[int, ...] | None
    file: File | None


def _stands(file: Path) -> tuple[int, ...] | None:
    """What changes with a file's content, however it is replaced; None for one that vanished."""
    try:
        told = file.stat()
    except OSError:
        return None
    return told.st_dev, told.st_ino, told.st_size, told.st_mtime_ns, told.st_ctime_ns
