"""What holds a binding: its device, its bed with one baby in it, a guardian, and the ends of those who watch."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, cast

import pytest

from tests.apps.newborn.ward import MINUTE, QIN, XIANG, MadeWard, made_ward
from tests.made_up_keys import made_up_keys
from tests.services.realtime.devices import MadeUpDevice
from tests.services.realtime.made import camera
from tests.services.realtime.running import embedded
from tests.trails import auditor_of
from tianfu.access.caller import Caller
from tianfu.apps.newborn.actions.confirm_binding import confirm_binding
from tianfu.apps.newborn.actions.move_camera import move_camera
from tianfu.apps.newborn.actions.scan_codes import scan_code
from tianfu.apps.newborn.actions.start_cart import start_cart
from tianfu.apps.newborn.actions.stay import leave, let_silent_go
from tianfu.apps.newborn.actions.turn_lens import turn_lens
from tianfu.apps.newborn.live.silence import Silence
from tianfu.apps.newborn.mapping.visits import booked_from
from tianfu.apps.newborn.mapping.wards import UNCLEAR_BED
from tianfu.apps.newborn.model.binding import Code
from tianfu.apps.newborn.model.visit import LENS_TURNED
from tianfu.apps.newborn.queries import facts
from tianfu.apps.newborn.queries.facts import Facts, read_facts
from tianfu.apps.newborn.visit_ports import Windows
from tianfu.db import Database
from tianfu.kernel.instants import Instant
from tianfu.kernel.refusal import Refusal
from tianfu.records.keys import open_keyring
from tianfu.services.realtime.grants import Grants, Shown
from tianfu.services.realtime.protocol.grants import Action
from tianfu.services.realtime.protocol.parts import Part
from tianfu.services.realtime.protocol.proofs import proven
from tianfu.services.realtime.trail import RoomTrail
from tianfu.services.realtime.viewers import Viewers

pytestmark = pytest.mark.anyio

MOTHER = Caller(id="account-mother", role="citizen")


class Takes(Grants):
    """Grants whose media server is away for so many times."""

    away = 0

    async def revoke_person(self, caller: Caller, person: str, reason: str, *, visit: str | None) -> None:
        if self.away:
            self.away -= 1
            raise Refusal("media-unavailable")
        await super().revoke_person(caller, person, reason, visit=visit)


@dataclass
class Bound:
    """The ward, and the grants by which devices come in."""

    ward: MadeWard
    grants: Takes
    viewers: Viewers

    @property
    def windows(self) -> Windows:
        nursery: Any = self.ward.house  # only its clock is asked
        return Windows(nursery=nursery, house=self.ward.house, grants=self.grants, viewers=self.viewers)

    async def sends(self, device: MadeUpDevice, *, spends: bool = True) -> Shown:
        """A cart's browser asks for a grant, and comes in by it."""
        grant = await start_cart(self.grants, QIN, "camera-7", device.jwk, now=self.ward.clock())
        text = device.proof("POST", "x", grant=grant.text, visit="", camera="camera-7")
        shown = Shown(grant=grant.text, device=proven(text, method="POST", address="x", grant=grant.text, body=b""))
        if spends:
            await self.spend(shown)
        return shown

    async def spend(self, shown: Shown) -> str:
        return (await self.grants.spend(shown, Action.WHIP_CAMERA, is_offered=False)).secret

    async def turn(self, secret: str, caller: Caller = QIN) -> None:
        """The cart of the seventh bed is turned to its other lens by whoever shows this secret."""
        await turn_lens(self.ward.house, self.grants, caller, "qin", "camera-7", secret, now=self.ward.clock())

    async def facts(self, number: int) -> Facts:
        appointment = await self.ward.read("Appointment", self.ward.visits[number])
        booked = booked_from(appointment, version=0)
        assert booked is not None
        camera_name = f"camera-{number}"
        read = await read_facts(self.ward.store, [booked], [camera_name], self.ward.house.digest, now=self.ward.clock())
        return read[booked.id]

    async def watching(self, visit: str = "visit-7", person: Caller = MOTHER) -> str:
        participant = self.grants.participant(visit, person.id)
        await self.viewers.come_in(
            visit, participant, person, Part.FAMILY, device="device", now=Instant(self.ward.clock() - MINUTE)
        )
        return participant

    async def is_away(self, participant: str) -> bool:
        viewer = await self.viewers.find("visit-7", participant)
        assert viewer is not None
        return viewer.is_away


@pytest.fixture
async def bound(database: Database) -> AsyncIterator[Bound]:
    keyring = await open_keyring(database, made_up_keys(b"0123456789abcdef0123456789abcdef"))
    async with embedded() as running, made_ward(database, running) as ward:
        trail = RoomTrail(await auditor_of(database), ward.clock)
        grants = Takes(database, keyring.index_secret, running.port, trail, ward.clock)
        for number in (7, 8):
            await ward.bed(number)
        yield Bound(ward, grants, Viewers(database, keyring.index_secret))


async def test_another_device_does_not_take_the_name_of_a_bound_camera(bound: Bound) -> None:
    ward, mine, other = bound.ward, MadeUpDevice(), MadeUpDevice()
    lens = await camera(ward.running.port, "camera-7")
    keeper = ward.keeper()
    await keeper.tick()
    for _ in range(200):
        await keeper.listening.hear()
        if "camera-7" in keeper.listening.cameras:
            break
    await bound.sends(other)
    await bound.sends(mine)
    early = await bound.sends(other, spends=False)
    await ward.arm(7)
    for attempt in (bound.sends(other), bound.spend(early)):
        with pytest.raises(Refusal) as refused:
            await attempt
        assert (refused.value.code, refused.value.next_step) == ("camera-bound", "end-the-visit")
    await bound.sends(mine)  # a lost network: the same device comes back
    async with ward.house.rooms.changing("visit-7") as changing:
        await changing.put(changing.room.state, camera="camera-7", is_over=True, is_seen=False, at=ward.clock())
    await bound.sends(other)
    await lens.peer.close()


async def on_air(bound: Bound, device: MadeUpDevice) -> str:
    """A cart's connection that the keeper has heard of; its secret."""
    keeper = bound.ward.keeper()
    await keeper.tick()
    secret = await bound.spend(await bound.sends(device, spends=False))
    await camera(bound.ward.running.port, "camera-7")
    for _ in range(200):
        await keeper.listening.hear()
        if "camera-7" in keeper.listening.cameras:
            break
    return secret


async def test_what_was_scanned_before_a_lens_was_turned_brings_no_visit_to_the_bed(bound: Bound) -> None:
    ward, mine = bound.ward, MadeUpDevice()
    secret = await on_air(bound, mine)
    for code, text in ((Code.WRISTBAND, "W0007"), (Code.BED, "B07"), (Code.CAMERA, "C07")):
        await scan_code(ward.house, QIN, "qin", "visit-7", code, text, now=ward.clock())
    for stranger, shown in ((XIANG, secret), (QIN, "guessed")):
        with pytest.raises(Refusal, match="connection-unknown"):
            await bound.turn(shown, stranger)
    assert len(await ward.house.rooms.scans("visit-7")) == 3
    await bound.turn(secret)
    with pytest.raises(Refusal):
        await confirm_binding(ward.house, XIANG, "xiang", "visit-7", now=ward.clock())
    with pytest.raises(Refusal, match="connection-unknown"):
        await bound.turn(secret)  # it was let go


async def test_a_lens_that_is_turned_while_the_media_server_is_away_binds_nothing_and_is_not_let_go(
    bound: Bound,
) -> None:
    ward = bound.ward
    secret = await on_air(bound, MadeUpDevice())
    await ward.arm(7)
    await ward.running.kill()
    ward.running.port.hang_up()
    with pytest.raises(Refusal, match="media-unavailable"):
        await bound.turn(secret)
    standing = await ward.standing(7)
    assert standing.visit.is_adjusted
    assert standing.moved_why == LENS_TURNED
    await ward.running.start()
    with suppress(Refusal):
        await move_camera(ward.house, QIN, "qin", "visit-7", "better-view", now=ward.clock())
    assert (await ward.standing(7)).moved_why == LENS_TURNED, "no later word hides that the lens was turned"
    await scan_code(ward.house, QIN, "qin", "visit-7", Code.BED, "B07", now=ward.clock())
    await scan_code(ward.house, QIN, "qin", "visit-7", Code.CAMERA, "C07", now=ward.clock())
    await bound.turn(secret)
    assert await ward.house.rooms.scans("visit-7") == []


async def test_a_touch_whose_worker_is_killed_after_it_leaves_no_scan_of_before(
    bound: Bound, monkeypatch: pytest.MonkeyPatch
) -> None:
    ward = bound.ward
    await on_air(bound, MadeUpDevice())
    await ward.arm(7)
    await scan_code(ward.house, QIN, "qin", "visit-7", Code.BED, "B07", now=ward.clock())

    async def killed(visit: str) -> None:
        raise RuntimeError

    monkeypatch.setattr(ward.house.rooms, "forget_scans", killed)
    with suppress(RuntimeError):
        await move_camera(ward.house, QIN, "qin", "visit-7", "", now=ward.clock())
    assert (await ward.standing(7)).visit.is_adjusted
    assert await ward.house.rooms.scans("visit-7") == []


async def test_a_bed_with_two_babies_by_the_record_is_unclear_for_both(bound: Bound) -> None:
    assert (await bound.facts(7)).known.bed_of_baby == {"baby-7": "bed-7"}
    await bound.ward.stay(8, bed=7)
    assert (await bound.facts(7)).known.bed_of_baby == {"baby-7": UNCLEAR_BED}
    assert (await bound.facts(8)).known.bed_of_baby == {"baby-8": UNCLEAR_BED}
    await bound.ward.stay(8, bed=7, status="finished")
    assert (await bound.facts(7)).known.bed_of_baby == {"baby-7": "bed-7"}


async def test_whoever_is_a_guardian_no_more_by_relation_sees_nothing(bound: Bound) -> None:
    assert (await bound.facts(7)).guardianship_is_clear
    person = await bound.ward.read("RelatedPerson", "mother-7")
    kept = {name: each for name, each in person.items() if name not in {"meta", "id", "relationship"}}
    role = {"system": "http://terminology.hl7.org/CodeSystem/v3-RoleCode", "code": "FAMMEMB"}
    await bound.ward.write("mother-7", **kept, relationship=[{"coding": [role]}])
    assert not (await bound.facts(7)).guardianship_is_clear


@pytest.mark.parametrize("kind", ["Consent", "Flag", "Encounter"])
async def test_too_much_about_one_baby_hides_that_baby_alone(
    bound: Bound, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(facts, "RECORDS_MAX", 2)
    record = {
        "Consent": await bound.ward.read("Consent", "consent-8"),
        "Encounter": await bound.ward.read("Encounter", "stay-8"),
        "Flag": {
            "resourceType": "Flag",
            "status": "inactive",
            "code": {"text": "演示"},
            "subject": {"reference": "Patient/baby-8"},
        },
    }[kind]
    kept = {name: each for name, each in record.items() if name not in {"meta", "id"}}
    for number in range(3):
        await bound.ward.write(f"more-{number}", **kept)
    booked = [booked_from(await bound.ward.read("Appointment", f"visit-{each}"), version=0) for each in (7, 8)]
    read = await read_facts(
        bound.ward.store,
        [each for each in booked if each is not None],
        ["camera-7", "camera-8"],
        bound.ward.house.digest,
        now=bound.ward.clock(),
    )

    def stands(visit: str, number: int) -> bool:
        said = read[visit]
        lies = said.known.bed_of_baby[f"baby-{number}"] == f"bed-{number}"
        return said.consent_is_active and said.guardianship_is_clear and lies and not said.is_alarmed

    assert (stands("visit-7", 7), stands("visit-8", 8)) == (True, False)
    assert read["visit-8"].guardianship_is_clear, "that nobody can look it through is no dispute, and ends no visit"


async def test_what_could_not_be_taken_back_is_tried_again(bound: Bound) -> None:
    participant = await bound.watching()
    bound.grants.away = 1
    silence = Silence(bound.ward.house.monotonic)
    with pytest.raises(Refusal):
        await let_silent_go(bound.windows, silence)
    assert not await bound.is_away(participant)
    await let_silent_go(bound.windows, silence)
    assert await bound.is_away(participant)


async def test_of_several_silent_pages_one_that_cannot_be_ended_keeps_no_other(bound: Bound) -> None:
    first = await bound.watching()
    second = await bound.watching(person=Caller(id="account-other", role="citizen"))
    bound.grants.away = 1
    with pytest.raises(Refusal):
        await let_silent_go(bound.windows, Silence(bound.ward.house.monotonic))
    assert (await bound.is_away(first), await bound.is_away(second)) == (False, True)


async def test_a_page_that_leaves_while_the_media_server_is_away_is_not_forgotten(bound: Bound) -> None:
    participant = await bound.watching()
    watcher = cast("Any", type("Watcher", (), {"caller": MOTHER}))
    bound.grants.away = 1
    with pytest.raises(Refusal):
        await leave(bound.windows, watcher, "visit-7")
    assert not await bound.is_away(participant)
    await leave(bound.windows, watcher, "visit-7")
    assert await bound.is_away(participant)
