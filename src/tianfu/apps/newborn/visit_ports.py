"""What the live page of families stands on."""

from __future__ import annotations

from dataclasses import dataclass

from tianfu.apps.newborn.live.house import House
from tianfu.apps.newborn.ports import Nursery
from tianfu.services.realtime.grants import Grants
from tianfu.services.realtime.viewers import Viewers


@dataclass(frozen=True, slots=True, kw_only=True)
class Windows:
    """Everything behind a family's window to the ward: bookings, visits at the bed, grants and viewers."""

    nursery: Nursery
    house: House
    grants: Grants
    viewers: Viewers
