"""An export as files in a folder: one of lines for each type, and a manifest that says how many and as of when.

The manifest is that of bulk data access: https://hl7.org/fhir/uv/bulkdata/export.html#response---complete-status .
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import AsyncGenerator, Callable
from contextlib import ExitStack, aclosing
from pathlib import Path
from typing import BinaryIO

import orjson

from tianfu.kernel.instants import to_fhir_instant
from tianfu.kernel.refusal import Refusal
from tianfu.records.export import Export, ExportChunk

MANIFEST = "manifest.json"
UNFINISHED = ".part"
Progress = Callable[[str, int], None]
"""Told of each chunk: the type, and how many of its records there are by now."""

_FOLDER_MODE = 0o700
_FILE_MODE = 0o600


class ExportFolder:
    """A folder that only its owner may enter; a file has its name only when the export is whole."""

    def __init__(self, folder: Path) -> None:
        """Make the folder; raises Refusal `folder-not-usable` if it cannot be made or holds something already."""
        self._folder = folder
        self._counts: Counter[str] = Counter()
        self._files: dict[str, BinaryIO] = {}
        self._open = ExitStack()
        try:
            folder.mkdir(mode=_FOLDER_MODE, parents=True, exist_ok=True)
            is_taken = any(folder.iterdir())
        except OSError as error:
            raise _not_usable(type(error).__name__) from error
        if is_taken:
            raise _not_usable("not-empty")

    async def take(self, export: Export, *, progress: Progress) -> Counter[str]:
        """Write all chunks; how many records of each type there are."""
        async with aclosing(export.chunks) as chunks:
            await self._take(chunks, progress)
        self._finish(export)
        return self._counts

    async def _take(self, chunks: AsyncGenerator[ExportChunk, None], progress: Progress) -> None:
        with self._open:
            async for chunk in chunks:
                self._write(chunk)
                progress(chunk.type, self._counts[chunk.type])
            for file in self._files.values():
                file.flush()
                os.fsync(file.fileno())

    def _write(self, chunk: ExportChunk) -> None:
        if chunk.type not in self._files:
            self._files[chunk.type] = self._open.enter_context(_made(self._folder / _part(chunk.type)))
        self._files[chunk.type].write(chunk.lines)
        self._counts[chunk.type] += chunk.count

    def _finish(self, export: Export) -> None:
        manifest = {
            "transactionTime": to_fhir_instant(export.as_of),
            "output": [
                {"type": name, "url": f"{name}.ndjson", "count": count} for name, count in sorted(self._counts.items())
            ],
        }
        with _made(self._folder / f"{MANIFEST}{UNFINISHED}") as file:
            file.write(orjson.dumps(manifest, option=orjson.OPT_INDENT_2) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        for name in self._counts:
            (self._folder / _part(name)).rename(self._folder / f"{name}.ndjson")
        (self._folder / f"{MANIFEST}{UNFINISHED}").rename(self._folder / MANIFEST)
        _settle(self._folder)


def _part(name: str) -> str:
    return f"{name}.ndjson{UNFINISHED}"


def _made(file: Path) -> BinaryIO:
    return os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _FILE_MODE), "wb")


def _settle(folder: Path) -> None:
    """See to it that the new names are on the disk as well."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _not_usable(reason: str) -> Refusal:
    return Refusal("folder-not-usable", next_step="name-another-folder", details={"reason": reason})
