"""NDJSON files, one per source and resource type, written as a stream in constant memory."""

from __future__ import annotations

import gzip
from collections import Counter
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

import orjson

BUFFER_BYTES = 1 << 18


class LineFile:
    """A file of lines; the same lines make the same bytes, whenever and wherever it is written."""

    def __init__(self, path: Path, *, compressed: bool) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._raw = path.open("wb")
        self._stream: BinaryIO | gzip.GzipFile = self._raw
        if compressed:
            # Without a name and a time in its head the file depends on its content alone.
            self._stream = gzip.GzipFile(filename="", mode="wb", compresslevel=3, fileobj=self._raw, mtime=0)
        self._waiting = bytearray()

    def write(self, line: bytes) -> None:
        """Add a line."""
        self._waiting += line
        self._waiting += b"\n"
        if len(self._waiting) > BUFFER_BYTES:
            self._flush()

    def close(self) -> None:
        """Write what waits and close."""
        self._flush()
        if self._stream is not self._raw:
            self._stream.close()
        self._raw.close()

    def _flush(self) -> None:
        self._stream.write(bytes(self._waiting))
        self._waiting.clear()


class SourceFolder:
    """The folder of one source: `source.json` and a file per resource type."""

    def __init__(self, folder: Path, description: dict[str, object], *, compressed: bool) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        for old in folder.glob("*.ndjson*"):
            old.unlink()
        (folder / "source.json").write_bytes(orjson.dumps(description, option=orjson.OPT_INDENT_2) + b"\n")
        self._folder = folder
        self._suffix = ".ndjson.gz" if compressed else ".ndjson"
        self._compressed = compressed
        self._files: dict[str, LineFile] = {}
        self.counts: Counter[str] = Counter()

    def write(self, resource: dict[str, object]) -> None:
        """Add a resource to the file of its type."""
        name = str(resource["resourceType"])
        file = self._files.get(name)
        if file is None:
            file = self._files[name] = LineFile(self._folder / f"{name}{self._suffix}", compressed=self._compressed)
        self.counts[name] += 1
        file.write(orjson.dumps(resource))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for file in self._files.values():
            file.close()
