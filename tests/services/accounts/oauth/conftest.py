"""A town for each test."""

from __future__ import annotations

import pytest

from tests.services.accounts.oauth.made_up import Town, town_of
from tianfu.db import Database


@pytest.fixture
async def town(database: Database) -> Town:
    """People, programs and the authorisation server on a fresh database."""
    return await town_of(database)
