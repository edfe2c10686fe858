"""Keys of documents: a key that still seals one is not forgotten, and what an old key sealed is sealed anew."""

from __future__ import annotations

import pytest

from tests.records.test_resealing import rotated
from tests.services.documents.conftest import CONTENT, Cellar
from tests.services.documents.test_keeping import OTHER, Watched
from tianfu.records.resealing import key_overviews, retire_keys
from tianfu.services.documents import keeping
from tianfu.services.documents.keeping import Documents, Resealed

pytestmark = pytest.mark.anyio


def unseen(done: int, total: int) -> None:
    """Progress that nobody looks at."""


async def test_a_key_that_seals_a_document_is_not_forgotten_before_it_is_sealed_anew(cellar: Cellar) -> None:
    documents = cellar.documents()
    name = await documents.keep(CONTENT)
    [first] = await key_overviews(cellar.database)
    assert first.versions == 1
    await rotated(cellar.database)
    assert await retire_keys(cellar.database) == []
    assert await documents.content(name) == CONTENT
    assert await documents.seal_anew(unseen) == Resealed(documents=1, left=())
    assert await retire_keys(cellar.database) == [first.number]
    assert await (await cellar.another_process()).content(name) == CONTENT
    assert len(cellar.files()) == 1


async def test_sealing_anew_tells_how_far_it_is_and_goes_on_where_it_was_stopped(
    cellar: Cellar, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeping, "BATCH", 2)
    documents = cellar.documents()
    names = [await documents.keep(bytes([number])) for number in range(5)]
    cellar.keyring.begin_new_key()
    told: list[tuple[int, int]] = []

    def stop(done: int, total: int) -> None:
        told.append((done, total))
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        await documents.seal_anew(stop)
    assert told == [(0, 5), (1, 5), (2, 5), (3, 5)]
    assert await documents.seal_anew(unseen) == Resealed(documents=2, left=())
    assert await documents.seal_anew(unseen) == Resealed(documents=0, left=())
    assert [await documents.content(name) for name in names] == [bytes([number]) for number in range(5)]


async def test_a_rotation_whose_documents_were_left_is_finished_with_its_own_key(cellar: Cellar) -> None:
    documents = cellar.documents()
    await documents.keep(CONTENT)
    begun = await rotated(cellar.database)
    late = await documents.seal_anew(unseen)
    done = await rotated(cellar.database, is_unfinished=late.documents > 0)
    assert (done.key, done.is_new) == (begun.key, False)


async def test_what_is_lost_or_damaged_keeps_its_key_and_is_named(cellar: Cellar) -> None:
    documents = cellar.documents()
    lost, damaged = await documents.keep(CONTENT), await documents.keep(OTHER)
    next(cellar.folder.rglob(f"{lost}.*")).unlink()
    next(cellar.folder.rglob(f"{damaged}.*")).write_bytes(b"")
    await rotated(cellar.database)
    assert await documents.seal_anew(unseen) == Resealed(documents=0, left=tuple(sorted((lost, damaged))))
    assert await retire_keys(cellar.database) == []
    await documents.keep(CONTENT)
    await documents.forget([damaged])
    assert await documents.seal_anew(unseen) == Resealed(documents=0, left=())
    assert len(await retire_keys(cellar.database)) == 1


async def test_a_key_that_is_replaced_while_a_document_is_written_does_not_seal_it(cellar: Cellar) -> None:
    other = (await cellar.another_process())._seals.keyring

    class Replacing(Watched):
        is_first = True

        async def put(self, name: str, content: bytes) -> None:
            await super().put(name, content)
            if self.is_first:
                self.is_first = False
                other.begin_new_key()

    name = await cellar.documents(Replacing(cellar.place)).keep(CONTENT)
    [row] = await cellar.rows()
    assert row[3] == other.current
    assert len(cellar.files()) == 1
    assert await cellar.documents().content(name) == CONTENT


async def test_a_document_is_read_while_it_is_sealed_anew(cellar: Cellar) -> None:
    name = await cellar.documents().keep(CONTENT)
    cellar.keyring.begin_new_key()

    class Overtaken(Watched):
        is_first = True

        async def get(self, name: str) -> bytes | None:
            if self.is_first:
                self.is_first = False
                await cellar.documents().seal_anew(unseen)
            return await super().get(name)

    assert await cellar.documents(Overtaken(cellar.place)).content(name) == CONTENT


async def test_a_document_that_is_forgotten_while_it_is_sealed_anew_does_not_come_back(cellar: Cellar) -> None:
    documents: Documents = cellar.documents()
    name = await documents.keep(CONTENT)
    cellar.keyring.begin_new_key()

    class Forgetting(Watched):
        async def put(self, file: str, content: bytes) -> None:
            await super().put(file, content)
            await documents.forget([name])

    assert (await cellar.documents(Forgetting(cellar.place)).seal_anew(unseen)).left == ()
    assert (cellar.files(), await cellar.rows()) == ([], [])
