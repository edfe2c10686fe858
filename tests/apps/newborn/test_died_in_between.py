"""A worker that is really killed between a visit's Appointment and its place leaves nothing that looks like a visit."""

from __future__ import annotations

import asyncio
import signal
import sys

import orjson
import pytest

from tests.apps.newborn.conftest import MOTHER, OTHER_MOTHER, Ward
from tests.apps.newborn.test_moving_up import states, waits, who_has
from tests.apps.newborn.test_slots_in_time import booked, first_booking
from tianfu.apps.newborn.actions.keep_slots import WHOLE_BEFORE, cancel_unconfirmed, look_at_slots
from tianfu.apps.newborn.model.visit import State
from tianfu.kernel.instants import Instant
from tianfu.services.booking.places import HELD_SECONDS, SETTLED_SECONDS

pytestmark = pytest.mark.anyio


async def killed(ward: Ward, deed: str, baby: str, guardian: str, start: Instant) -> None:
    """A process of its own does a deed and is killed in the midst of it."""
    addresses = ward.house.addresses
    told = {
        "admin": addresses.admin,
        "secret": addresses.secret.hex(),
        "now": ward.house.time.now,
        "deed": deed,
        "baby": baby,
        "guardian": guardian,
        "start": start,
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.apps.newborn.dying", stdin=asyncio.subprocess.PIPE
    )
    await process.communicate(orjson.dumps(told))
    assert process.returncode == -signal.SIGKILL


async def test_a_visit_whose_place_nobody_confirmed_is_taken_back_and_its_slot_is_free(ward: Ward) -> None:
    nurse = await ward.opened()
    mother = await ward.guardian(nurse, MOTHER, "baby-3")
    guardian = (await mother.here()).caller.related[0]
    start = (await mother.slots("baby-3"))[0]
    await killed(ward, "book", "baby-3", guardian, Instant(int(start)))
    assert await states(ward, "baby-3") == [State.GUARDIAN_VERIFIED]
    assert await who_has(ward, Instant(int(start))) == [("baby-3", False)]
    await cancel_unconfirmed(ward.nursery)
    assert await states(ward, "baby-3") == [State.GUARDIAN_VERIFIED], "who holds it may still confirm it"
    ward.house.time.pass_(HELD_SECONDS + 1)
    await cancel_unconfirmed(ward.nursery)
    assert await states(ward, "baby-3") == [State.CANCELLED]
    assert "not-confirmed" not in (await mother.get("/newborn")).text
    await mother.done("/newborn/book/baby-3", start=start, deed="book")
    assert await who_has(ward, Instant(int(start))) == [("baby-3", True)]
    ward.house.time.pass_(SETTLED_SECONDS)
    await cancel_unconfirmed(ward.nursery)
    assert await ward.nursery.places.unsettled() == ()
    assert set(await states(ward, "baby-3")) == {State.CANCELLED, State.GUARDIAN_VERIFIED}
    assert await who_has(ward, Instant(int(start))) == [("baby-3", True)]


async def test_a_place_whose_visit_was_given_up_by_who_died_then_comes_free_long_before_its_time(ward: Ward) -> None:
    nurse = await ward.opened()
    mother, visit = await first_booking(ward, nurse, MOTHER, "baby-3")
    place, _ = await ward.nursery.places.place(visit)
    await waits(ward, nurse, OTHER_MOTHER, "baby-1", place.start)
    await killed(ward, "end", "baby-3", (await mother.here()).caller.related[0], place.start)
    assert (await booked(ward, visit)).state is State.CANCELLED
    assert await who_has(ward, place.start) == [("baby-3", True)]
    await look_at_slots(ward.nursery, before=WHOLE_BEFORE)
    assert await who_has(ward, place.start) == [("baby-1", True)]
