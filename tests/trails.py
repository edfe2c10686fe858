"""Auditors for tests: each with a trail of its own in a folder that goes when the test ends."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.places import made_folder
from tianfu.db import Database
from tianfu.kernel.instants import system_clock
from tianfu.records.audit import GroupAuditor
from tianfu.records.trail.epochs import Trail, open_trail

_OPEN: list[tuple[Trail, Path]] = []


async def trail_of(database: Database) -> Trail:
    """A trail in a folder of its own, closed when the test ends."""
    home = made_folder("tianfu-trail-")
    trail = await open_trail(database, home, system_clock)
    _OPEN.append((trail, home))
    return trail


async def auditor_of(database: Database) -> GroupAuditor:
    """An auditor with such a trail."""
    return GroupAuditor(database, (await trail_of(database)).lanes)


def close_trails() -> None:
    """End what the test opened."""
    while _OPEN:
        trail, home = _OPEN.pop()
        trail.close()
        shutil.rmtree(home)
