"""Where files lie outside the database: a folder, or a bucket that speaks S3.

Both refuse to replace what is there.  Whoever opens a place says how it is told that it cannot be reached; a place
that is parted keeps each file in a sub-folder of its name's first letters, so that no folder grows without end.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError
from obstore.exceptions import NotFoundError as Missing
from obstore.store import ObjectStore, S3Store

from tianfu.kernel.refusal import Refusal

if TYPE_CHECKING:
    from obstore.store import RetryConfig

S3 = "s3://"
RETRIES: RetryConfig = {"max_retries": 3}
"""Whoever waits for a file is told of a bucket that is away while he still waits."""

PART_LETTERS = 2
LISTED_AT_ONCE = 1_000

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Lying:
    """A file that lies in a place, and when it was put there, in seconds since 1970."""

    name: str
    put_at_seconds: float


class FilePlace(Protocol):
    """A place for files that are written once; every member raises the Refusal of whoever opened the place."""

    async def put(self, name: str, content: bytes) -> None:
        """Keep a file, durable on return; what is there under the name stays."""
        ...

    async def get(self, name: str) -> bytes | None:
        """A file's content, or None."""
        ...

    async def size(self, name: str) -> int | None:
        """A file's size in bytes, or None if it is not there."""
        ...

    async def remove(self, name: str) -> None:
        """Take a file away; one that is not there is passed over."""
        ...

    def lying(self) -> AsyncIterator[Sequence[Lying]]:
        """What lies there, in portions; files that were never finished are told too."""
        ...


class FolderPlace:
    """A folder; on another machine's disk it keeps files from whoever rules this one."""

    def __init__(self, folder: Path, *, code: str, is_parted: bool = False) -> None:
        self._folder = folder
        self._code = code
        self._is_parted = is_parted

    async def put(self, name: str, content: bytes) -> None:
        await self._do(lambda: self._put(self._path(name), content))

    async def get(self, name: str) -> bytes | None:
        return await self._do(lambda: _unless_missing(self._path(name).read_bytes))

    async def size(self, name: str) -> int | None:
        return await self._do(lambda: _unless_missing(lambda: self._path(name).stat().st_size))

    async def remove(self, name: str) -> None:
        await self._do(lambda: self._path(name).unlink(missing_ok=True))

    async def lying(self) -> AsyncIterator[Sequence[Lying]]:
        for folder in await self._do(self._parts):
            yield await self._do(lambda folder=folder: _files_in(folder))  # type: ignore[misc]

    def _path(self, name: str) -> Path:
        return self._folder / _within(name, is_parted=self._is_parted)

    def _parts(self) -> Sequence[Path]:
        if not self._is_parted:
            return [self._folder]
        parts = _unless_missing(lambda: sorted(self._folder.iterdir())) or []
        return [each for each in parts if len(each.name) == PART_LETTERS and each.is_dir()]

    def _put(self, path: Path, content: bytes) -> None:
        _make_folder(self._folder)
        if path.parent != self._folder:
            _make_folder(path.parent)
        # In a parted folder a file that is never finished is found again under its first letters, to be taken away.
        prefix = f"{path.name[:PART_LETTERS]}." if self._is_parted else "."
        descriptor, unfinished = tempfile.mkstemp(prefix=prefix, dir=path.parent)
        try:
            with os.fdopen(descriptor, "wb") as out:
                out.write(content)
                out.flush()
                os.fsync(out.fileno())
            with suppress(FileExistsError):
                path.hardlink_to(unfinished)
            sync_folder(path.parent)
        finally:
            Path(unfinished).unlink()

    async def _do(self, work: Callable[[], T]) -> T:
        with _told(self._code):
            return await asyncio.to_thread(work)


class ObjectPlace:
    """Objects in a bucket; `store` may be any that obstore knows."""

    def __init__(self, store: ObjectStore, *, code: str, is_parted: bool = False) -> None:
        self._store = store
        self._code = code
        self._is_parted = is_parted

    async def put(self, name: str, content: bytes) -> None:
        with _told(self._code), suppress(AlreadyExistsError):
            await obstore.put_async(self._store, self._path(name), content, mode="create")

    async def get(self, name: str) -> bytes | None:
        with _told(self._code):
            try:
                found = await obstore.get_async(self._store, self._path(name))
                return bytes(await found.bytes_async())
            except (Missing, FileNotFoundError):
                return None

    async def size(self, name: str) -> int | None:
        with _told(self._code):
            try:
                return (await obstore.head_async(self._store, self._path(name)))["size"]
            except (Missing, FileNotFoundError):
                return None

    async def remove(self, name: str) -> None:
        with _told(self._code), suppress(Missing, FileNotFoundError):
            await obstore.delete_async(self._store, self._path(name))

    async def lying(self) -> AsyncIterator[Sequence[Lying]]:
        portions = aiter(obstore.list(self._store, chunk_size=LISTED_AT_ONCE))
        while True:
            with _told(self._code):
                found = await anext(portions, None)
            if found is None:
                return
            yield [
                Lying(name=each["path"].rsplit("/", 1)[-1], put_at_seconds=each["last_modified"].timestamp())
                for each in found
            ]

    def _path(self, name: str) -> str:
        return _within(name, is_parted=self._is_parted)


def place_at(address: str | None, folder: Path, *, code: str, is_parted: bool = False) -> FilePlace:
    """The place that a setting names: `s3://bucket/prefix`, a folder, or without one the folder in the home.

    Credentials, region and endpoint of a bucket come from the environment (`AWS_ACCESS_KEY_ID` and its relatives).
    """
    named = folder_at(address, folder)
    if named is not None:
        return FolderPlace(named, code=code, is_parted=is_parted)
    store = S3Store.from_url(address or "", retry_config=RETRIES)
    return ObjectPlace(store, code=code, is_parted=is_parted)


def folder_at(address: str | None, folder: Path) -> Path | None:
    """The folder that such a setting names, or None if it names a bucket."""
    if address is None:
        return folder
    return None if address.startswith(S3) else Path(address)


def sync_folder(folder: Path) -> None:
    """Make the names of a folder's files durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _within(name: str, *, is_parted: bool) -> str:
    return f"{name[:PART_LETTERS]}/{name}" if is_parted else name


def _make_folder(folder: Path) -> None:
    """A folder for its owner alone, durable under its name."""
    if not folder.is_dir():
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        sync_folder(folder.parent)


def _files_in(folder: Path) -> Sequence[Lying]:
    found = []
    with os.scandir(folder) as entries:
        for each in entries:
            with suppress(FileNotFoundError):  # it went away meanwhile
                if each.is_file():
                    found.append(Lying(name=each.name, put_at_seconds=each.stat().st_mtime))
    return found


def _unless_missing(work: Callable[[], T]) -> T | None:
    try:
        return work()
    except FileNotFoundError:
        return None


@contextmanager
def _told(code: str) -> Iterator[None]:
    """Have what a disk or a bucket refuses told as a Refusal."""
    try:
        yield
    except (BaseError, OSError) as error:
        reason = type(error).__name__
        raise Refusal(code, next_step="send-again-later", retryable=True, details={"reason": reason}) from error
