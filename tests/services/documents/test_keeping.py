"""Documents: kept once, sealed, told apart when lost or damaged, and swept when nobody knows them."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.made_up_keys import made_up_keys

from tianfu.db import Database
from tianfu.kernel.instants import system_clock
from tianfu.records.keys import open_keyring
from tianfu.services.documents.keeping import Documents, open_place

pytestmark = pytest.mark.anyio

KEYS = made_up_keys(b"0123456789abcdef0123456789abcdef")
CONTENT = b"made-up content of a document" * 100


@pytest.fixture
async def documents(database_on_each_engine: Database, tmp_path: Path) -> Documents:
    keyring = await open_keyring(database_on_each_engine, KEYS)
    return Documents(database_on_each_engine, keyring, open_place(None, tmp_path / "documents"), system_clock)


async def test_what_was_kept_is_there_under_its_name(documents: Documents) -> None:
    name = await documents.keep(CONTENT)
    assert await documents.content(name) == CONTENT
    assert await documents.size(name) == len(CONTENT)
