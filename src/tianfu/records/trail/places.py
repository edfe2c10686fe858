"""Where signed roots lie outside the database: a folder, or a bucket that speaks S3.

Both refuse to replace what is there.  A bucket should keep objects against deletion for as long as the law wants the
trail (object lock); that is its owner's setting, not ours.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError
from obstore.exceptions import NotFoundError as Missing
from obstore.store import ObjectStore, S3Store

from tianfu.kernel.refusal import Refusal
from tianfu.records.trail.flusher import sync_folder

if TYPE_CHECKING:
    from obstore.store import RetryConfig

S3 = "s3://"
RETRIES: RetryConfig = {"max_retries": 3}
"""A minute later the next root is made anyway."""


class RootPlace(Protocol):
    """A place for small files that are written once."""

    async def put(self, name: str, content: bytes) -> None:
        """Keep a file, durable on return; what is there under the name stays.  Raises Refusal `roots-not-kept`."""
        ...

    async def get(self, name: str) -> bytes | None:
        """A file's content, or None; raises Refusal `roots-not-kept`."""
        ...


class FolderPlace:
    """A folder; on another machine's disk it keeps roots from whoever rules this one."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def put(self, name: str, content: bytes) -> None:
        try:
            await asyncio.to_thread(self._put, name, content)
        except OSError as error:
            raise _not_kept(type(error).__name__) from error

    async def get(self, name: str) -> bytes | None:
        try:
            return await asyncio.to_thread((self._folder / name).read_bytes)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise _not_kept(type(error).__name__) from error

    def _put(self, name: str, content: bytes) -> None:
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor, unfinished = tempfile.mkstemp(prefix=".", dir=self._folder)
        try:
            with os.fdopen(descriptor, "wb") as out:
                out.write(content)
                out.flush()
                os.fsync(out.fileno())
            with suppress(FileExistsError):
                (self._folder / name).hardlink_to(unfinished)
            sync_folder(self._folder)
        finally:
            Path(unfinished).unlink()


class ObjectPlace:
    """Objects in a bucket; `store` may be any that obstore knows."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    async def put(self, name: str, content: bytes) -> None:
        try:
            await obstore.put_async(self._store, name, content, mode="create")
        except AlreadyExistsError:
            return
        except (BaseError, OSError) as error:
            raise _not_kept(type(error).__name__) from error

    async def get(self, name: str) -> bytes | None:
        try:
            found = await obstore.get_async(self._store, name)
            return bytes(await found.bytes_async())
        except (Missing, FileNotFoundError):
            return None
        except (BaseError, OSError) as error:
            raise _not_kept(type(error).__name__) from error


def place_of_roots(address: str | None, folder: Path) -> RootPlace:
    """The place that a setting names: `s3://bucket/prefix`, a folder, or without one the folder in the home.

    Credentials, region and endpoint of a bucket come from the environment (`AWS_ACCESS_KEY_ID` and its relatives).
    """
    if address is None:
        return FolderPlace(folder)
    if not address.startswith(S3):
        return FolderPlace(Path(address))
    return ObjectPlace(S3Store.from_url(address, retry_config=RETRIES))


def _not_kept(reason: str) -> Refusal:
    return Refusal("roots-not-kept", next_step="send-again-later", retryable=True, details={"reason": reason})
