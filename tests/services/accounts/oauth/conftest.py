"""A town for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.services.accounts.oauth.made_up import Town, town_of
from tests.trails import close_trails
from tianfu.db import Database


@pytest.fixture
async def town(database: Database) -> AsyncIterator[Town]:
    """People, programs and the authorisation server on a fresh database."""
    yield await town_of(database)
    close_trails()  # while the loop still runs, which what they wait for belongs to
