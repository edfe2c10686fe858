"""A family's voice is taken from everybody, also from who comes while the nurse takes it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, cast

import pytest

from tests.apps.newborn.test_keeper import live
from tests.apps.newborn.ward import QIN, made_ward
from tests.services.realtime.made import Client, camera, viewer
from tests.services.realtime.running import embedded
from tianfu.apps.newborn.actions.set_sound import Sound, set_sound
from tianfu.db import Database
from tianfu.kernel.refusal import Refusal
from tianfu.services.realtime.port import MediaPort, Quality

pytestmark = pytest.mark.anyio


class Slow:
    """A media server at which the mother comes just after it was asked who is there."""

    def __init__(self, media: MediaPort) -> None:
        self._media = media
        self.mother: Client | None = None

    def __getattr__(self, name: str) -> object:
        return getattr(self._media, name)

    async def stats(self) -> Sequence[Quality]:
        found = await self._media.stats()
        if self.mother is None:
            self.mother = await viewer(self._media, "visit-7", "mother")
            await self._media.talk("visit-7", "mother", is_pressed=True)
        return found


async def test_who_came_while_the_voice_was_taken_has_none_either(database: Database) -> None:
    async with embedded() as running, made_ward(database, running) as ward:
        lens = await camera(running.port, "camera-7")
        await live(ward)
        media = Slow(running.port)
        house = replace(ward.house, media=cast("Any", media))
        await set_sound(house, QIN, "visit-7", Sound.FAMILY_OFF)
        with pytest.raises(Refusal, match="silenced"):
            await running.port.talk("visit-7", "mother", is_pressed=True)
        assert media.mother is not None
        await set_sound(house, QIN, "visit-7", Sound.FAMILY_ON)
        await running.port.talk("visit-7", "mother", is_pressed=True)
        await asyncio.gather(media.mother.peer.close(), lens.peer.close())
