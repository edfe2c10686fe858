"""People whom tests sign in are let in by a running installation, and only in their own browser."""

from __future__ import annotations

import httpx
import pytest
from bench.people import People
from tests.supervision.installation import Installation


@pytest.mark.slow  # starts the whole program
def test_the_pages_let_them_in_and_nobody_else(installation: Installation) -> None:
    installation.serve()
    people = People(installation.environment)
    officer, resident = people.staff("officer"), people.resident(patients=["p1"])

    def status(cookies: dict[str, str], page: str) -> int:
        return httpx.get(f"{installation.address}{page}", cookies=cookies, timeout=30).status_code

    assert status(officer.cookies(), "/trust/trail") == 200
    assert status(resident.cookies(), "/account") == 200
    assert status(resident.cookies(), "/trust/trail") == 404
    assert status({}, "/account") == 303
    assert status({**resident.cookies(), "device": officer.device}, "/account") == 303
