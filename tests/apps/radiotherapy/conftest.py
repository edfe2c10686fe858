"""A radiotherapy department and the people who come to its pages."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import async_playwright

from tests.apps.newborn.window import free_port, served
from tests.apps.radiotherapy.department import Browser, Department, Doors, department_of
from tests.journeys.conftest import CHROMIUM, CHROMIUM_ARGUMENTS
from tests.radiotherapy_house import OTHER
from tests.trails import close_trails
from tests.web.conftest import made_up_assets
from tianfu.db import Addresses, Database


@pytest.fixture
async def department(database: Database, addresses: Addresses, tmp_path: Path) -> AsyncIterator[Department]:
    """A department whose pages are asked without a network; their style sheet is made up."""
    made = await department_of(database, addresses, tmp_path, assets=made_up_assets())
    yield made
    made.accounts.accounts.passwords.close()
    close_trails()


@pytest.fixture
async def physicist(department: Department) -> Browser:
    """A physicist of the hospital, signed in."""
    return await department.staff("physicist")


@pytest.fixture
async def physicist_elsewhere(department: Department) -> Browser:
    """A physicist of another hospital."""
    return await department.staff("physicist", organisation=OTHER)


@pytest.fixture
async def nurse(department: Department) -> Browser:
    """A nurse of the same hospital."""
    return await department.staff("nurse")


@pytest.fixture
async def doors(database: Database, addresses: Addresses, tmp_path: Path) -> AsyncIterator[Doors]:
    """A department over real HTTP, its pages as they are built, and a Chromium before it."""
    made = await department_of(database, addresses, tmp_path / "kept")
    port = free_port()
    async with async_playwright() as playwright, served(made.site, port):
        chromium = await playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_ARGUMENTS)
        yield Doors(department=made, address=f"http://localhost:{port}", chromium=chromium)
        await chromium.close()
    made.accounts.accounts.passwords.close()
    close_trails()
