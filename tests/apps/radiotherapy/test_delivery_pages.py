"""Deliveries over HTTP: what is sent arrives, what is no object is refused, and nothing of it is anybody else's."""

from __future__ import annotations

import re

import pytest

from tests.apps.radiotherapy.department import Browser, Department
from tests.radiotherapy_house import small_objects
from tianfu.services.jobs.works import State

pytestmark = [pytest.mark.anyio, pytest.mark.slow]  # each founds accounts and a case in a fresh database


def arrived(page: str) -> int:
    """How much the page says has arrived."""
    found = re.search(r'<h2 id="arrived">[^<]*<span class="beside">(\d+)</span>', page)
    assert found is not None
    return int(found[1])


async def test_what_is_sent_arrives_and_is_taken_in(department: Department, physicist: Browser) -> None:
    delivery = await physicist.began()
    contents = small_objects().contents()
    for content in contents:
        assert (await physicist.send(f"{delivery}/objects", content)).status_code == 201
    assert arrived((await physicist.get(delivery)).text) == len(contents)
    work = await physicist.led(f"{delivery}/take-in")
    assert (await physicist.get(delivery)).headers["location"] == work
    async with department.working():
        done = await department.ended(work)
    assert done.state is State.DONE
    case = (await physicist.get(work)).headers["location"]
    assert "DEMO-00011" in (await physicist.get(case)).text
    assert case in (await physicist.get(delivery)).text
