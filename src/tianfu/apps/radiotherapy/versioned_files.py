"""Folders of files that say a name and a version of themselves, which an operator fills and people choose from.

Nothing picks one, and of two that say the same neither is taken.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from tianfu.kernel.refusal import Refusal

FILES_MOST = 100


class Versioned(Protocol):
    """What a file says that it is."""

    @property
    def name(self) -> str: ...

    @property
    def version(self) -> int: ...


File = TypeVar("File", bound=Versioned)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind(Generic[File]):
    """A kind of files: how one is looked at, and what is said where none or two are meant.

    `seen` gives None for a file of something else; `called` is the name of the file's name in the refusals `unknown`
    and `unclear`.
    """

    seen: Callable[[Path, bytes], File | None]
    bytes_most: int
    called: str
    unknown: str
    unclear: str


class VersionedFiles(Generic[File]):
    """The files of a kind in a folder; calls read from the disk, so make them in a thread."""

    def __init__(self, folder: Path, kind: Kind[File]) -> None:
        self._folder = folder
        self._kind = kind

    def all(self) -> tuple[File, ...]:
        """Every file of the kind, by name and version; files of something else are passed over."""
        files = sorted(self._folder.glob("*.json"))[:FILES_MOST]
        seen = [file for file in map(self._seen, files) if file is not None]
        return tuple(sorted(seen, key=lambda each: (each.name, each.version)))

    def one(self, name: str, version: int) -> File:
        """The file of a name and version; raises Refusal `unknown`, or `unclear` if two files have them."""
        there = self.all()
        found = [each for each in there if (each.name, each.version) == (name, version)]
        told = {self._kind.called: name, "version": str(version)}
        if not found:
            known = ", ".join(f"{each.name} {each.version}" for each in there) or "–"
            raise Refusal(self._kind.unknown, details={**told, "known": known})
        if len(found) > 1:
            raise Refusal(self._kind.unclear, details=told)
        return found[0]

    def _seen(self, file: Path) -> File | None:
        """What a file says that it is; None for what is of another kind, too large, or vanished meanwhile."""
        try:
            if file.stat().st_size > self._kind.bytes_most:
                return None
            content = file.read_bytes()
        except OSError:
            return None
        return self._kind.seen(file, content)
