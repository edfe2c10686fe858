"""A radiotherapy department and the people who come to its pages."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.apps.radiotherapy.department import Browser, Department, department_of
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
