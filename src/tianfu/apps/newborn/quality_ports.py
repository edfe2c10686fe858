"""What the pages and the watch of quality stand on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from tianfu.access.organisations import OrganisationTree
from tianfu.apps.newborn.live.house import House
from tianfu.services.realtime.cameras.registry import Health
from tianfu.services.realtime.quality import QualityBook


class CameraHealth(Protocol):
    """The call of `services.realtime.cameras.registry.Cameras` that tells how cameras are."""

    async def health(self) -> Sequence[Health]:
        """How it stands with every camera."""
        ...


class Trees(Protocol):
    """The call of `records.organisations.Organisations` that says which units are an administrator's."""

    async def below(self, organisation: str) -> OrganisationTree:
        """An organisation with all units below it."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Observatory:
    """Where an operator looks from."""

    house: House
    book: QualityBook
    cameras: CameraHealth
    trees: Trees
