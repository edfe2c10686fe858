"""Documents: kept once, sealed, told apart when lost or damaged, and swept when nobody knows them."""

from __future__ import annotations

import asyncio
import hashlib
import os
import threading
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest
from obstore.store import MemoryStore

from tests.records.made import KEYS
from tests.services.documents.conftest import CONTENT, Cellar
from tianfu.db import Addresses, Database
from tianfu.kernel.instants import system_clock
from tianfu.kernel.refusal import Refusal
from tianfu.records.keys import open_keyring
from tianfu.services.documents import keeping
from tianfu.services.documents.keeping import DOCUMENTS_NOT_KEPT, SWEPT_AFTER_SECONDS, Documents, open_place
from tianfu.vault.ciphers import FieldCipher
from tianfu.vault.hashing import sm3
from tianfu.vault.keyring import Keyring
from tianfu.vault.places import FilePlace, Lying, ObjectPlace

pytestmark = pytest.mark.anyio

OTHER = b"other made-up content"
NOBODY = "00" * 32


class Watched:
    """A place that passes everything on; tests put something between."""

    def __init__(self, place: FilePlace) -> None:
        self._place = place

    async def put(self, name: str, content: bytes) -> None:
        await self._place.put(name, content)

    async def get(self, name: str) -> bytes | None:
        return await self._place.get(name)

    async def size(self, name: str) -> int | None:
        return await self._place.size(name)

    async def remove(self, name: str) -> None:
        await self._place.remove(name)

    def lying(self) -> AsyncIterator[Sequence[Lying]]:
        return self._place.lying()


@pytest.mark.parametrize("content", [b"", b"\0", CONTENT], ids=["nothing", "a byte", "more"])
async def test_what_was_kept_is_there_under_its_name(documents: Documents, content: bytes) -> None:
    name = await documents.keep(content)
    assert await documents.content(name) == content
    assert await documents.size(name) == len(content)


async def test_a_bucket_keeps_documents_as_a_folder_does(cellar: Cellar) -> None:
    documents = cellar.documents(ObjectPlace(MemoryStore(), code=DOCUMENTS_NOT_KEPT, is_parted=True))
    name = await documents.keep(CONTENT)
    assert await documents.keep(CONTENT) == name
    assert await documents.content(name) == CONTENT
    await documents.forget([name])
    assert [each async for portion in documents._place.lying() for each in portion] == []


async def test_the_same_content_is_kept_once_and_another_beside_it(cellar: Cellar, documents: Documents) -> None:
    first, again, other = [await documents.keep(each) for each in (CONTENT, CONTENT, OTHER)]
    assert first == again != other
    assert len(cellar.files()) == len(await cellar.rows()) == 2


async def test_a_name_is_the_same_for_every_process_and_every_key_that_seals(cellar: Cellar) -> None:
    name = await cellar.documents().keep(CONTENT)
    cellar.keyring.begin_new_key()
    assert await (await cellar.another_process()).keep(CONTENT) == name


async def test_processes_that_keep_the_same_at_one_moment_leave_one_file(cellar: Cellar) -> None:
    processes = [cellar.documents(), *[await cellar.another_process() for _ in range(3)]]
    names = await asyncio.gather(*(each.keep(CONTENT) for each in processes))
    assert len(set(names)) == 1
    assert len(cellar.files()) == len(await cellar.rows()) == 1
    assert await processes[0].content(names[0]) == CONTENT


async def test_files_lie_in_folders_of_their_names_first_letters_for_their_owner_alone(
    cellar: Cellar, documents: Documents
) -> None:
    name = await documents.keep(CONTENT)
    [file] = cellar.files()
    assert file.parent == cellar.folder / name[:2]
    assert file.name.startswith(f"{name}.")
    assert not any(each.stat().st_mode & 0o077 for each in (cellar.folder, file.parent, file))


async def test_neither_content_nor_a_digest_that_anybody_could_work_out_stands_anywhere(
    cellar: Cellar, documents: Documents
) -> None:
    await documents.keep(CONTENT)
    there = b"".join(str(each).encode() + each.read_bytes() for each in cellar.files())
    there += repr(await cellar.rows()).encode()
    assert str(len(CONTENT)).encode() in there  # what is not secret can be read, so the search itself works
    assert CONTENT[:30] not in there
    for digest in (hashlib.sha256(CONTENT).digest(), hashlib.sha512(CONTENT).digest(), sm3(CONTENT)):
        assert digest not in there
        assert digest.hex().encode() not in there


async def test_what_nobody_kept_is_unknown(documents: Documents) -> None:
    for asked in (documents.content(NOBODY), documents.size(NOBODY), documents.content("../../etc/passwd")):
        with pytest.raises(Refusal, match="document-unknown"):
            await asked


async def test_a_lost_file_is_told_and_is_there_again_when_it_is_kept_again(
    cellar: Cellar, documents: Documents
) -> None:
    name = await documents.keep(CONTENT)
    cellar.files()[0].unlink()
    with pytest.raises(Refusal, match="document-lost"):
        await documents.content(name)
    assert await documents.keep(CONTENT) == name
    assert await documents.content(name) == CONTENT
    assert len(cellar.files()) == 1


@pytest.mark.parametrize("at", [0, 20, -1], ids=["nonce", "ciphertext", "tag"])
async def test_a_changed_byte_is_told(cellar: Cellar, documents: Documents, at: int) -> None:
    name = await documents.keep(CONTENT)
    [file] = cellar.files()
    changed = bytearray(file.read_bytes())
    changed[at] ^= 1
    file.write_bytes(changed)
    with pytest.raises(Refusal, match="document-damaged"):
        await documents.content(name)


async def test_a_file_that_was_cut_is_told_and_is_whole_again_when_it_is_kept_again(
    cellar: Cellar, documents: Documents
) -> None:
    name = await documents.keep(CONTENT)
    os.truncate(cellar.files()[0], 40)
    with pytest.raises(Refusal, match="document-damaged"):
        await documents.content(name)
    await documents.keep(CONTENT)
    assert await documents.content(name) == CONTENT


async def test_a_file_put_in_anothers_place_is_told(cellar: Cellar, documents: Documents) -> None:
    names = [await documents.keep(each) for each in (CONTENT, OTHER)]
    first, second = cellar.files()
    second.write_bytes(first.read_bytes())
    told = []
    for name in names:
        try:
            told.append(await documents.content(name) in {CONTENT, OTHER})
        except Refusal as refusal:
            told.append(refusal.code == "document-damaged" and refusal.details == {"document": name})
    assert told == [True, True]
    with pytest.raises(Refusal, match="document-damaged"):
        await documents.content(second.name.partition(".")[0])


async def test_what_is_forgotten_is_gone_and_what_is_not_there_is_passed_over(
    cellar: Cellar, documents: Documents
) -> None:
    name, other = await documents.keep(CONTENT), await documents.keep(OTHER)
    await documents.forget([name, NOBODY])
    await documents.forget([name])
    await documents.forget([])
    with pytest.raises(Refusal, match="document-unknown"):
        await documents.content(name)
    assert [each.name.partition(".")[0] for each in cellar.files()] == [other]


async def test_a_content_that_is_too_large_is_refused(documents: Documents, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeping, "CONTENT_BYTES_MAX", 10)
    await documents.keep(b"0123456789")
    with pytest.raises(Refusal, match="document-too-large"):
        await documents.keep(b"0123456789a")


async def test_where_nothing_can_be_written_no_row_is_left(cellar: Cellar, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    documents = cellar.documents(open_place(str(tmp_path / "file"), tmp_path))
    with pytest.raises(Refusal, match="documents-not-kept"):
        await documents.keep(CONTENT)
    assert await cellar.rows() == []


async def test_a_sweep_takes_what_was_killed_half_way_and_nothing_else(cellar: Cellar, documents: Documents) -> None:
    name = await documents.keep(CONTENT)
    old, young = cellar.folder / "ab" / f"{'ab' * 32}.00", cellar.folder / "ab" / f"{'ab' * 32}.01"
    half = cellar.folder / name[:2] / f"{name[:2]}.half-written"
    old.parent.mkdir(exist_ok=True)
    day_before_seconds = time.time() - SWEPT_AFTER_SECONDS - 60
    for each in (old, young, half):
        each.write_bytes(b"sealed")
    for each in (old, half, next(cellar.folder.rglob(f"{name}.*"))):
        os.utime(each, (day_before_seconds, day_before_seconds))
    assert await documents.sweep(SWEPT_AFTER_SECONDS) == 2
    assert not old.exists()
    assert not half.exists()
    assert young.exists()
    assert await documents.content(name) == CONTENT
    assert await documents.sweep(SWEPT_AFTER_SECONDS) == 0


async def test_a_sweep_of_nothing_takes_nothing(documents: Documents) -> None:
    assert await documents.sweep(0) == 0


async def test_a_keeper_that_dies_before_its_row_leaves_a_file_that_is_swept(cellar: Cellar) -> None:
    class Dying(Watched):
        async def put(self, name: str, content: bytes) -> None:
            await super().put(name, content)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        await cellar.documents(Dying(cellar.place)).keep(CONTENT)
    assert (len(cellar.files()), await cellar.rows()) == (1, [])
    name = await cellar.documents().keep(CONTENT)
    assert await cellar.documents().sweep(-1) == 1
    assert await cellar.documents().content(name) == CONTENT


class Waiting:
    """A keyring whose seals wait until a test lets them go on."""

    def __init__(self, keyring: Keyring) -> None:
        self._keyring = keyring
        self.index_secret = keyring.index_secret
        self.begun, self.going = threading.Event(), threading.Event()

    def sealing(self, sealings: int) -> tuple[int, FieldCipher]:
        self.begun.set()
        assert self.going.wait(20)
        return self._keyring.sealing(sealings)


async def test_no_connection_is_held_while_a_content_is_sealed(addresses: Addresses, tmp_path: Path) -> None:
    async with await Database.open(addresses, links_max=1) as database:
        keyring = await open_keyring(database, KEYS)
        waiting = Waiting(keyring)
        slow = Documents(database, waiting, open_place(None, tmp_path), system_clock)  # type: ignore[arg-type]
        other = Documents(database, keyring, open_place(None, tmp_path), system_clock)
        keeping_it = asyncio.create_task(slow.keep(CONTENT))
        await asyncio.to_thread(waiting.begun.wait, 20)
        name = await other.keep(OTHER)
        assert await other.size(name) == len(OTHER)
        waiting.going.set()
        assert await other.content(await keeping_it) == CONTENT
