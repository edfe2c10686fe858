"""Documents: contents of many megabytes, each kept once under a name that only this installation can work out.

The file is written and durable before its row; a row is taken away before its file.  So whatever is killed half-way
leaves a file without a row, which is harmless and is swept.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex
from typing import NamedTuple

from tianfu.db import Database, queries
from tianfu.db.wire import text_array
from tianfu.kernel.instants import SECOND, Clock
from tianfu.kernel.refusal import Refusal
from tianfu.records.seals import Place, Sealed, Seals
from tianfu.vault.blind import blind
from tianfu.vault.ciphers import OVERHEAD_BYTES
from tianfu.vault.hashing import SM3_BYTES, hmac_sm3
from tianfu.vault.keyring import Keyring
from tianfu.vault.places import FilePlace, place_at

DOCUMENTS_NOT_KEPT = "documents-not-kept"

CONTENT_BYTES_MAX = 1 << 30
"""A content lies in memory three times while it is sealed."""

AT_WORK_MAX = 2
"""So many contents are sealed or opened at once; more would need more memory and win nothing on two processors."""

SWEPT_AFTER_SECONDS = 86_400
"""A file without a row may be one whose row is about to be written, but not a day later."""

COPY_BYTES = 8
LOOKS_MAX = 3
BATCH = 100

_SQL = queries("tianfu.services.documents.sql", "documents.sql")

Progress = Callable[[int, int], None]
"""Called with how many documents are done, and how many there were to do."""


class _Kept(NamedTuple):
    """A document's row."""

    file: str
    size_bytes: int
    sealed_with: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Resealed:
    """What sealing anew did; `left` could not be read and keep their key from being forgotten."""

    documents: int
    left: tuple[str, ...]


class Documents:
    """The documents of an installation; safe for several processes at once."""

    def __init__(self, database: Database, keyring: Keyring, place: FilePlace, clock: Clock) -> None:
        self._database = database
        self._seals = Seals(keyring)
        self._place = place
        self._clock = clock
        self._secret = hmac_sm3(keyring.index_secret, b"documents")
        self._at_work = asyncio.Semaphore(AT_WORK_MAX)

    async def keep(self, content: bytes) -> str:
        """Keep a content, durable on return, and return its name; what is there already is kept no second time.

        Raises Refusal `document-too-large` or `documents-not-kept`.
        """
        if len(content) > CONTENT_BYTES_MAX:
            raise Refusal("document-too-large", next_step="send-less", details={"bytes": str(CONTENT_BYTES_MAX)})
        async with self._at_work:
            name = await asyncio.to_thread(self._name, content)
            found = await self._row(name)
            if found is not None and await self._place.size(found.file) == found.size_bytes + OVERHEAD_BYTES:
                return name

            async def work() -> None:
                await self._put(name, content, lost=found.file if found else None)

            await self._seals.again(work)
        return name

    async def content(self, name: str) -> bytes:
        """A content as it was kept; raises Refusal `document-unknown`, `document-lost` or `document-damaged`."""
        async with self._at_work:
            kept, value = await self._file(name)
            return await asyncio.to_thread(self._open, name, Sealed(value, kept.sealed_with))

    async def size(self, name: str) -> int:
        """How many bytes a content has; raises Refusal `document-unknown`."""
        found = await self._row(name)
        if found is None:
            raise _refused("document-unknown", name)
        return found.size_bytes

    async def forget(self, names: Sequence[str]) -> None:
        """Take documents away; what is not there is passed over.

        Raises Refusal `documents-not-kept` if a file cannot be reached: nobody reads it any more, and it is swept.
        """
        async with self._database.transaction("app") as transaction:
            rows = await transaction.all(_SQL.forget_documents, names=text_array(names))
        for (file,) in rows:
            await self._place.remove(file)

    async def sweep(self, older_than_seconds: float) -> int:
        """Take away files without a row that lie there for so long; how many there were."""
        put_before_seconds = self._clock() / SECOND - older_than_seconds
        swept = 0
        async for portion in self._place.lying():
            old = [each.name for each in portion if each.put_at_seconds < put_before_seconds]
            for file in sorted(set(old) - await self._known(old)):
                await self._place.remove(file)
                swept += 1
        return swept

    async def seal_anew(self, progress: Progress) -> Resealed:
        """Seal what older keys sealed by the current one; may be stopped at any moment and goes on when run again."""
        number = await asyncio.to_thread(self._current_key)
        async with self._database.connection("app") as connection:
            row = await connection.one(_SQL.other_keys_count, number=number)
        total, done, after, left = row[0] if row else 0, 0, "", list[str]()
        progress(0, total)
        while names := await self._sealed_by_others(number, after):
            for name in names:
                if not await self._is_sealed_anew(name):
                    left.append(name)
                done += 1
                progress(done, total)
            after = names[-1]
        return Resealed(documents=done - len(left), left=tuple(left))

    def _name(self, content: bytes) -> str:
        return blind(self._secret, "content", content, size_bytes=SM3_BYTES).hex()

    def _open(self, name: str, sealed: Sealed) -> bytes:
        try:
            return self._seals.open(_bound(name), sealed)
        except Refusal as refusal:
            if refusal.code == "field-not-authentic":
                raise _refused("document-damaged", name) from refusal
            raise

    def _current_key(self) -> int:
        self._seals.keyring.look()
        return self._seals.keyring.current

    async def _row(self, name: str) -> _Kept | None:
        async with self._database.connection("app") as connection:
            row = await connection.one(_SQL.document, name=name)
        return None if row is None else _Kept(*row)

    async def _file(self, name: str) -> tuple[_Kept, bytes]:
        """A document's row and its file; looked for again where it was sealed anew meanwhile."""
        for _ in range(LOOKS_MAX):
            kept = await self._row(name)
            if kept is None:
                raise _refused("document-unknown", name)
            value = await self._place.get(kept.file)
            if value is not None:
                return kept, value
        raise _refused("document-lost", name)

    async def _put(self, name: str, content: bytes, *, lost: str | None) -> None:
        """Write a file and its row; if somebody else's row stands, the file goes again."""
        file, sealed = await self._write(name, content)
        is_ours = False
        try:
            async with self._database.transaction("app") as transaction:
                await self._seals.hold(transaction, sealed)
                found = await transaction.one(
                    _SQL.keep_document,
                    name=name,
                    file=file,
                    size_bytes=len(content),
                    sealed_with=sealed.sealed_with,
                    now=self._clock(),
                    lost=lost,
                )
            is_ours = found is not None
        finally:
            if not is_ours:
                await self._drop(file)

    async def _is_sealed_anew(self, name: str) -> bool:
        """Whether a document needs its old key no more; no if it cannot be read."""
        async with self._at_work:
            try:
                kept, value = await self._file(name)
                content = await asyncio.to_thread(self._open, name, Sealed(value, kept.sealed_with))
            except Refusal as refusal:
                if refusal.code in {"document-lost", "document-damaged"}:
                    return False
                if refusal.code == "document-unknown":
                    return True
                raise

            async def work() -> None:
                await self._replace(name, content, kept.file)

            await self._seals.again(work)
        return True

    async def _replace(self, name: str, content: bytes, instead_of: str) -> None:
        file, sealed = await self._write(name, content)
        is_ours = False
        try:
            async with self._database.transaction("app") as transaction:
                await self._seals.hold(transaction, sealed)
                found = await transaction.one(
                    _SQL.replace_document,
                    name=name,
                    file=file,
                    sealed_with=sealed.sealed_with,
                    instead_of=instead_of,
                )
            is_ours = found is not None
        finally:
            await self._drop(instead_of if is_ours else file)

    async def _write(self, name: str, content: bytes) -> tuple[str, Sealed]:
        """A new file with the content, sealed by the current key; no connection is held meanwhile."""
        sealed = await asyncio.to_thread(self._seals.seal, _bound(name), content)
        file = f"{name}.{token_hex(COPY_BYTES)}"
        await self._place.put(file, sealed.value)
        return file, sealed

    async def _drop(self, file: str) -> None:
        """Take away a file that nobody needs; one that cannot be reached is swept later."""
        with suppress(Refusal):
            await self._place.remove(file)

    async def _known(self, files: Sequence[str]) -> set[str]:
        if not files:
            return set()
        async with self._database.connection("app") as connection:
            rows = await connection.all(_SQL.files_known, files=text_array(files))
        return {row[0] for row in rows}

    async def _sealed_by_others(self, number: int, after: str) -> list[str]:
        async with self._database.connection("app") as connection:
            rows = await connection.all(_SQL.other_keys, number=number, after=after, limit=BATCH)
        return [row[0] for row in rows]


def open_place(address: str | None, folder: Path) -> FilePlace:
    """Where documents lie: `s3://bucket/prefix`, a folder, or without either the folder in the home."""
    return place_at(address, folder, code=DOCUMENTS_NOT_KEPT, is_parted=True)


def _bound(name: str) -> Place:
    """What a sealed content is bound to: it opens under no other name and as nothing else."""
    return Place("document", name, "content", 1)


def _refused(code: str, name: str) -> Refusal:
    next_step = "reload" if code == "document-unknown" else "call-operator"
    return Refusal(code, next_step=next_step, details={"document": name})
