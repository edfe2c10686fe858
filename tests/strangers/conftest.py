"""One installation for each walk, with everybody in it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.strangers.installation import Installation, installation_of
from tests.strangers.pages import Things, things_of
from tests.strangers.people import Company, company_of, entitled_of, settle
from tests.trails import close_trails
from tianfu.db import Addresses


@dataclass(frozen=True, slots=True, kw_only=True)
class Walk:
    """What a walk goes through, and who goes."""

    here: Installation
    company: Company
    things: Things


@pytest.fixture
async def walk(addresses: Addresses, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Walk]:
    """The whole application, the things of those who are entitled, and the strangers before it."""
    async with installation_of(addresses, tmp_path, monkeypatch) as here:
        await settle(here)
        entitled = await entitled_of(here)
        things = await things_of(here, entitled)
        yield Walk(here=here, company=await company_of(here, entitled), things=things)
    close_trails()
