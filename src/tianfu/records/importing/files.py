"""Which files an import reads, and the pieces they are read in.

Bundles are read whole; lines of NDJSON (https://github.com/ndjson/ndjson-spec) in pieces of about a megabyte.
"""

from __future__ import annotations

import gzip
import os
import zlib
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Annotated, BinaryIO, Literal, cast

import msgspec

from tianfu.kernel.refusal import Refusal

PIECE_BYTES = 1 << 20
LINE_BYTES_MAX = 64 << 20
BUNDLE_BYTES_MAX = 512 << 20
SOURCE_FILE = "source.json"
_LINES = (".ndjson", ".jsonl", ".ndjson.gz", ".jsonl.gz")
_BUNDLES = (".json", ".json.gz")

Kind = Literal["lines", "bundle"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """The system that records come from; its `uri` is part of every record's identity."""

    uri: str
    library: str = "other"
    name_zh: str = ""
    name_en: str = ""


_Words = Annotated[str, msgspec.Meta(pattern=r"\A[^\x00-\x1f]*\Z", max_length=1_000)]


class _SourceName(msgspec.Struct):
    zh: _Words = ""
    en: _Words = ""


class _SourceFile(msgspec.Struct):
    """What a `source.json` says."""

    source: Annotated[str, msgspec.Meta(pattern=r"\A[^\s\x00-\x1f]+\Z", max_length=1_000)]
    library: _Words = "other"
    name: _SourceName = msgspec.field(default_factory=_SourceName)


@dataclass(frozen=True, slots=True, kw_only=True)
class Input:
    """One file and the system it comes from."""

    path: Path
    kind: Kind
    source: Source
    size: int

    @property
    def fingerprint(self) -> bytes:
        """Tells this file in this state from any other; sixteen bytes."""
        state = self.path.stat()
        text = f"{self.source.uri}\n{self.path.resolve()}\n{state.st_size}\n{state.st_mtime_ns}"
        return blake2b(os.fsencode(text), digest_size=16).digest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A part of an input small enough for one transaction: lines from `first_line` on, or a bundle."""

    number: int
    first_line: int
    kind: Kind
    data: bytes
    read_bytes: int


def inputs_of(paths: Sequence[Path], source: Source) -> list[Input]:
    """The files to read, folders searched through; raises Refusal `import-path-unknown` before anything is read.

    A folder's `source.json` names the source of the files in and below it, else `source` is taken.
    """
    found: list[Input] = []
    for path in paths:
        if path.is_dir():
            found.extend(_in_folder(path, source))
        elif path.is_file() and (kind := _kind(path)) is not None:
            found.append(_input(path, kind, _source_of(path.parent, source)))
        else:
            raise Refusal("import-path-unknown", next_step="check-the-path", details={"path": str(path)})
    # A file that is named twice, or lies in a folder named beside it, is read once.
    return list({(each.path.resolve(), each.source.uri): each for each in found}.values())


def _in_folder(folder: Path, source: Source) -> Iterator[Input]:
    source = _source_of(folder, source)
    for path in sorted(folder.iterdir()):
        if path.is_dir() and not path.is_symlink():  # a link may lead back to where we are
            yield from _in_folder(path, source)
        elif path.is_file() and path.name != SOURCE_FILE and (kind := _kind(path)) is not None:
            yield _input(path, kind, source)


def _input(path: Path, kind: Kind, source: Source) -> Input:
    return Input(path=path, kind=kind, source=source, size=path.stat().st_size)


def _kind(path: Path) -> Kind | None:
    name = path.name.lower()
    if name.endswith(_LINES):
        return "lines"
    return "bundle" if name.endswith(_BUNDLES) else None


def _source_of(folder: Path, otherwise: Source) -> Source:
    file = folder / SOURCE_FILE
    if not file.is_file():
        return otherwise
    try:
        said = msgspec.json.decode(file.read_bytes(), type=_SourceFile)
        return Source(uri=said.source, library=said.library, name_zh=said.name.zh, name_en=said.name.en)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise Refusal("source-file-invalid", details={"path": str(file)}) from error


def pieces_of(wanted: Input) -> Iterator[Piece]:
    """The pieces of an input, in order; raises Refusal `file-unreadable` where a compressed file is damaged."""
    try:
        with wanted.path.open("rb") as raw, _content(wanted.path, raw) as content:
            yield from _bundle(content, raw) if wanted.kind == "bundle" else _lines(content, raw)
    except (EOFError, gzip.BadGzipFile, zlib.error, OSError) as error:
        details = {"path": str(wanted.path), "reason": type(error).__name__}
        raise Refusal(
            "file-unreadable", kept="pieces-before", next_step="get-the-file-again", details=details
        ) from error


def _content(path: Path, raw: BinaryIO) -> AbstractContextManager[BinaryIO]:
    if not path.name.lower().endswith(".gz"):
        return nullcontext(raw)
    return cast("AbstractContextManager[BinaryIO]", gzip.GzipFile(fileobj=raw))


def _bundle(content: BinaryIO, raw: BinaryIO) -> Iterator[Piece]:
    data = content.read(BUNDLE_BYTES_MAX + 1)
    if len(data) > BUNDLE_BYTES_MAX:
        raise Refusal("bundle-too-long", next_step="send-in-parts", details={"bytes_max": str(BUNDLE_BYTES_MAX)})
    yield Piece(number=0, first_line=1, kind="bundle", data=data, read_bytes=raw.tell())


def _lines(content: BinaryIO, raw: BinaryIO) -> Iterator[Piece]:
    number, first_line, rest = 0, 1, b""
    while True:
        block = content.read(PIECE_BYTES)
        data = rest + block
        end = data.rfind(b"\n") + 1 if block else len(data)
        if end == 0 and block:
            if len(data) > LINE_BYTES_MAX:
                raise Refusal("line-too-long", kept="pieces-before", details={"line": str(first_line)})
            rest = data
            continue
        if end:
            yield Piece(number=number, first_line=first_line, kind="lines", data=data[:end], read_bytes=raw.tell())
            number += 1
            first_line += data.count(b"\n", 0, end)
        rest = data[end:]
        if not block:
            return
