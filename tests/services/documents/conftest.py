"""Documents for tests, in a folder and with a database of their own."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.records.made import KEYS
from tianfu.db import Database, Query
from tianfu.db.prepared import Row
from tianfu.kernel.instants import system_clock
from tianfu.records.keys import open_keyring
from tianfu.services.documents.keeping import Documents, open_place
from tianfu.vault.keyring import Keyring
from tianfu.vault.places import FilePlace

CONTENT = b"made-up content of a document " * 100


@dataclass(frozen=True)
class Cellar:
    """Where documents of a test lie, and short ways to look at it."""

    database: Database
    keyring: Keyring
    folder: Path

    @property
    def place(self) -> FilePlace:
        return open_place(None, self.folder)

    def documents(self, place: FilePlace | None = None) -> Documents:
        """Documents as one process has them."""
        return Documents(self.database, self.keyring, place or self.place, system_clock)

    async def another_process(self) -> Documents:
        """Documents as another process has them."""
        return Documents(self.database, await open_keyring(self.database, KEYS), self.place, system_clock)

    def files(self) -> list[Path]:
        return sorted(each for each in self.folder.rglob("*") if each.is_file())

    async def rows(self) -> list[Row]:
        async with self.database.connection("owner") as owner:
            return await owner.all(Query.composed("rows", "select * from document order by name"))


@pytest.fixture
async def cellar(database_on_each_engine: Database, tmp_path: Path) -> Cellar:
    keyring = await open_keyring(database_on_each_engine, KEYS)
    return Cellar(database_on_each_engine, keyring, tmp_path / "documents")


@pytest.fixture
def documents(cellar: Cellar) -> Documents:
    return cellar.documents()
