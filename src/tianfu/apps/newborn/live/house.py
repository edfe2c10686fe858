"""What visits stand on: the record, the tables, the media server, the doors and the clocks."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from tianfu.apps.newborn.mapping.wards import Digest
from tianfu.apps.newborn.nurse_ports import Doors, VisitStore, WardPolicies
from tianfu.kernel.instants import Clock
from tianfu.records.watching import Watch
from tianfu.services.realtime.kept import KeptRooms
from tianfu.services.realtime.port import MediaPort
from tianfu.services.realtime.viewing import ViewTrail

UNAVAILABLE = frozenset({"media-unavailable", "media-failed"})
"""How a media server refuses that cannot be asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """What visits stand on.  `clock` tells dates, `digest` hides a wristband's number, `monotonic` counts seconds."""

    store: VisitStore
    rooms: KeptRooms
    watch: Watch
    media: MediaPort
    doors: Doors
    trail: ViewTrail
    clock: Clock
    digest: Digest
    policies: WardPolicies
    monotonic: Callable[[], float] = time.monotonic
