"""An encoder that speaks RFC 9725 and nothing else: a bearer token, no page, no key to sign with."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
from aiortc import RTCConfiguration, RTCPeerConnection, RTCRtpSender, RTCSessionDescription, VideoStreamTrack

from tests.gateways.media.conftest import CAMERA, LEASE_SECONDS, NURSE, SDP, Ward
from tests.gateways.media.test_door import assert_refused
from tests.made_up_keys import made_up_keys
from tests.services.realtime.made import Client, until
from tests.trails import auditor_of
from tianfu.db import Query
from tianfu.gateways.media.door import WHEP_PATH, WHIP_PATH
from tianfu.kernel.refusal import Refusal
from tianfu.records.keys import open_keyring
from tianfu.records.seals import Seals
from tianfu.services.realtime.cameras.registry import Cameras, Kind
from tianfu.services.realtime.kept import KeptRooms, KeptScan
from tianfu.services.realtime.protocol.credentials import GOOD_DAYS, OVERLAP_HOURS, is_credential
from tianfu.services.realtime.protocol.grants import Action
from tianfu.services.realtime.protocol.packets import head_of
from tianfu.services.realtime.protocol.pictures import Packet, begins_picture
from tianfu.services.realtime.protocol.rooms import Gate

pytestmark = pytest.mark.anyio

DAY_SECONDS = 86_400


@pytest.fixture
async def cameras(ward: Ward) -> Cameras:
    keyring = await open_keyring(ward.database, made_up_keys(b"k" * 32))
    made = Cameras(ward.database, Seals(keyring), auditor=await auditor_of(ward.database), clock=ward.clock)
    await made.add("bed-1", Kind.WHIP, None)
    return made


class Encoder:
    """Another program's WebRTC with a real H.264 encoder; what it says to the door is what RFC 9725 asks, no more."""

    def __init__(self, ward: Ward, token: str) -> None:
        self.ward = ward
        self.headers = {"authorization": f"Bearer {token}"}
        self.peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.location = ""
        self.etag = ""

    async def offer(self, profile: str = "42e01f") -> str:
        sender = self.peer.addTransceiver(VideoStreamTrack(), direction="sendonly")
        codecs = [each for each in RTCRtpSender.getCapabilities("video").codecs if each.mimeType == "video/H264"]
        sender.setCodecPreferences(codecs)
        await self.peer.setLocalDescription(await self.peer.createOffer())
        sdp: str = self.peer.localDescription.sdp
        return sdp.replace("42e01f", profile).replace("42001f", profile)

    async def publish(self) -> httpx.Response:
        answer = await self.post(await self.offer())
        if answer.status_code == 201:
            self.location, self.etag = answer.headers["location"], answer.headers["etag"]
            await self.peer.setRemoteDescription(RTCSessionDescription(sdp=answer.text, type="answer"))
            await until(lambda: self.peer.connectionState == "connected")
        return answer

    async def post(self, offer: str, path: str = WHIP_PATH) -> httpx.Response:
        return await self.ward.http.post(path, content=offer, headers={"content-type": SDP, **self.headers})


@asynccontextmanager
async def encoder(ward: Ward, token: str) -> AsyncIterator[Encoder]:
    made = Encoder(ward, token)
    try:
        yield made
    finally:
        await made.peer.close()


async def test_a_plain_encoder_shows_the_bed_and_leaves_by_its_own_word(ward: Ward, cameras: Cameras) -> None:
    credential = await cameras.new_credential("bed-1")
    assert is_credential(credential.text)
    async with encoder(ward, credential.text) as lens:
        assert (await lens.publish()).status_code == 201
        await ward.media.open_room("visit-1", "bed-1", lease_seconds=LEASE_SECONDS)
        mother, _ = await ward.viewer()
        await asyncio.sleep(0.3)
        assert mother.heard == [], "shielded by default"
        await ward.media.gate("visit-1", Gate.LIVE, "nurse")
        await until(lambda: len(mother.heard) > 20)
        first = mother.heard[0][1]
        assert begins_picture("H264", Packet(first, head_of(first)))
        said = lens.peer.localDescription.sdp.splitlines()
        ours = [next(row for row in said if row.startswith(f"a=ice-{each}:")) for each in ("ufrag", "pwd")]
        body = "\r\n".join([*ours, "m=video 9 UDP/TLS/RTP/SAVPF 0", "a=mid:0", "a=end-of-candidates", ""])
        news = {"content-type": "application/trickle-ice-sdpfrag", "if-match": lens.etag}
        trickled = await ward.http.patch(lens.location, content=body, headers={**news, **lens.headers})
        assert trickled.status_code == 204
        assert_refused(await ward.http.patch(lens.location, content=body, headers=news), "device-proof-missing")
        assert (await ward.http.delete(lens.location, headers=lens.headers)).status_code == 200
        with pytest.raises(Refusal, match="camera-away"):
            await ward.media.gate("visit-1", Gate.LIVE, "nurse")
        await mother.peer.close()
    assert ("camera-bed-1", "enter-room") in [each[:2] for each in await ward.told()]
    assert credential.text not in await ward.all_rows()


async def test_a_credential_is_changed_without_a_gap_and_the_old_one_ends_with_the_first_use_of_the_new(
    ward: Ward, cameras: Cameras
) -> None:
    old = await cameras.new_credential("bed-1")
    ward.clock.forward(1)
    new = await cameras.new_credential("bed-1")
    for credential, code in ((old, ""), (new, ""), (old, "publish-credential-refused"), (new, "")):
        async with encoder(ward, credential.text) as lens:
            answer = await lens.publish()
            if code:
                assert_refused(answer, code)
            else:
                assert answer.status_code == 201


@pytest.mark.parametrize("seconds", [OVERLAP_HOURS * 3_600 + 1, GOOD_DAYS * DAY_SECONDS])
async def test_a_credential_ends_by_time(ward: Ward, cameras: Cameras, seconds: int) -> None:
    credential = await cameras.new_credential("bed-1")
    if seconds < GOOD_DAYS * DAY_SECONDS:
        await cameras.new_credential("bed-1")  # which nobody uses
    ward.clock.forward(seconds)
    async with encoder(ward, credential.text) as lens:
        assert_refused(await lens.publish(), "publish-credential-refused")


@pytest.mark.parametrize("deed", ["take-back", "off"])
async def test_what_is_taken_back_or_switched_off_sends_no_more_and_does_not_come_again(
    ward: Ward, cameras: Cameras, deed: str
) -> None:
    credential = await cameras.new_credential("bed-1")
    async with encoder(ward, credential.text) as lens:
        await lens.publish()
        if deed == "off":
            await cameras.switch("bed-1", is_on=False)
        else:
            await cameras.take_credentials_back("bed-1")
        await ward.grants.end_what_is_over()  # as a worker does every second
        await ward.media.open_room("visit-1", "bed-1", lease_seconds=LEASE_SECONDS)
        with pytest.raises(Refusal, match="camera-away"):
            await ward.media.gate("visit-1", Gate.LIVE, "nurse")
    async with encoder(ward, credential.text) as lens:
        assert_refused(await lens.publish(), "publish-credential-refused")
    assert "publish-credential-refused" in [each[2] for each in await ward.told()]


async def test_what_is_sent_by_an_old_credential_ends_with_it_though_nobody_uses_the_new_one(
    ward: Ward, cameras: Cameras
) -> None:
    credential = await cameras.new_credential("bed-1")
    async with encoder(ward, credential.text) as lens:
        await lens.publish()
        await cameras.new_credential("bed-1")
        await ward.media.open_room("visit-1", "bed-1", lease_seconds=LEASE_SECONDS)
        ward.clock.forward(OVERLAP_HOURS * 3_600 - 1)
        await ward.grants.end_what_is_over()
        await ward.media.gate("visit-1", Gate.LIVE, "nurse")
        ward.clock.forward(2)
        await ward.grants.end_what_is_over()
        with pytest.raises(Refusal, match="camera-away"):
            await ward.media.gate("visit-1", Gate.LIVE, "nurse")


async def test_a_credential_opens_one_camera_and_no_window(ward: Ward, cameras: Cameras) -> None:
    credential = await cameras.new_credential("bed-1")
    await cameras.add("cart-1", Kind.CART, None)
    with pytest.raises(Refusal, match="camera-unknown"):
        await cameras.new_credential("cart-1")
    async with encoder(ward, credential.text) as lens:
        assert_refused(await lens.post(await lens.offer(), WHEP_PATH), "device-proof-missing")
    for text in (credential.text[:-1] + ("A" if credential.text[-1] != "A" else "B"), "tianfu-whip-" + "x" * 43):
        async with encoder(ward, text) as lens:
            assert_refused(await lens.publish(), "publish-credential-refused")


@pytest.mark.parametrize("profile", ["64001f", "4d001f"])
async def test_an_encoder_whose_pictures_may_come_out_of_order_is_told_what_to_change(
    ward: Ward, cameras: Cameras, profile: str
) -> None:
    async with encoder(ward, (await cameras.new_credential("bed-1")).text) as lens:
        answer = await lens.post(await lens.offer(profile))
        assert_refused(answer, "encoder-unfit")
        assert "without B-frames" in answer.json()["title"]


async def test_an_encoder_is_sent_no_voices(ward: Ward, cameras: Cameras) -> None:
    async with encoder(ward, (await cameras.new_credential("bed-1")).text) as lens:
        lens.peer.addTransceiver("audio", direction="recvonly")
        assert_refused(await lens.post(await lens.offer()), "encoder-listens")
        assert_refused(await lens.post((await lens.offer()).replace("a=recvonly", "a=recvonly ")), "encoder-listens")


async def test_an_encoder_shows_one_picture(ward: Ward, cameras: Cameras) -> None:
    """Of two nobody can tell that they are of one lens: a family on a weak network would be sent the other."""
    async with encoder(ward, (await cameras.new_credential("bed-1")).text) as lens:
        lens.peer.addTransceiver("video", direction="sendonly")
        assert_refused(await lens.post(await lens.offer()), "encoder-unfit")


async def test_what_was_scanned_of_a_camera_binds_nothing_once_another_device_takes_its_name(
    ward: Ward, cameras: Cameras
) -> None:
    """Else the family would be shown the cot at which the other device stands."""
    credential = (await cameras.new_credential("bed-1")).text
    rooms = KeptRooms(ward.database)

    async def scan() -> None:
        for code, value in (("bed", "bed"), ("camera", "bed-1")):
            await rooms.scan("visit-1", KeptScan(code=code, value=value, by="qin", at=ward.clock()))

    async def begin() -> None:
        at = {"nurse": "qin", "state": "{}", "at": ward.clock()}
        await rooms.begin("visit-1", ward="ward", camera="bed-1", decide=lambda rooms: None, **at)

    async with encoder(ward, credential) as lens:
        assert (await lens.publish()).status_code == 201
    await scan()
    async with encoder(ward, credential) as lens:
        assert (await lens.publish()).status_code == 201
    assert len(await rooms.scans("visit-1")) == 2, "the same device came again"
    ward.clock.forward(1)
    async with encoder(ward, (await cameras.new_credential("bed-1")).text) as lens:
        assert (await lens.publish()).status_code == 201
    assert not await rooms.scans("visit-1")
    with pytest.raises(Refusal, match="scans-too-old"):
        await begin()
    assert await rooms.find("visit-1") is None
    await scan()
    await begin()


async def test_a_bound_bed_is_shown_by_no_other_credential_than_the_one_that_two_people_saw(
    ward: Ward, cameras: Cameras
) -> None:
    bound = await cameras.new_credential("bed-1")
    async with encoder(ward, bound.text) as lens:
        assert (await lens.publish()).status_code == 201
    rooms = KeptRooms(ward.database)
    await rooms.scan("visit-1", KeptScan(code="camera", value="bed-1", by="qin", at=ward.clock()))
    await rooms.begin(
        "visit-1", ward="ward", camera="bed-1", nurse="qin", state="{}", decide=lambda rooms: None, at=ward.clock()
    )
    ward.clock.forward(1)
    async with encoder(ward, (await cameras.new_credential("bed-1")).text) as lens:
        assert (await lens.publish()).json()["code"] == "camera-bound"
    async with encoder(ward, bound.text) as lens:
        assert (await lens.publish()).status_code == 201, "what was refused ended nothing"


async def test_the_device_that_sent_last_is_known_although_the_clock_was_set_back(ward: Ward, cameras: Cameras) -> None:
    rooms = KeptRooms(ward.database)

    async def scan(visit: str) -> None:
        await rooms.scan(visit, KeptScan(code="camera", value="bed-1", by="qin", at=ward.clock()))

    before = (await cameras.new_credential("bed-1")).text
    async with encoder(ward, before) as lens:
        assert (await lens.publish()).status_code == 201
    ward.clock.forward(-600)
    async with encoder(ward, (await cameras.new_credential("bed-1")).text) as lens:
        assert (await lens.publish()).status_code == 201
    await scan("visit-1")
    at = {"nurse": "qin", "state": "{}", "at": ward.clock()}
    await rooms.begin("visit-1", ward="ward", camera="bed-1", decide=lambda rooms: None, **at)
    async with encoder(ward, before) as lens:
        assert (await lens.publish()).json()["code"] == "camera-bound"
    async with rooms.changing("visit-1") as changing:
        await changing.put("{}", camera="bed-1", is_over=True, is_seen=False, at=ward.clock())
    await scan("visit-2")
    async with encoder(ward, before) as lens:
        assert (await lens.publish()).status_code == 201
    assert not await rooms.scans("visit-2")


async def test_a_cart_that_is_retired_sends_no_more_and_its_open_grants_are_good_no_more(
    ward: Ward, cameras: Cameras
) -> None:
    lens, _ = await ward.camera()
    grant = await ward.grant(Action.WHIP_CAMERA, who=NURSE)
    await cameras.switch("bed-1", is_on=False)
    await ward.grants.end_what_is_over()  # as a worker does every second
    await ward.media.open_room("visit-1", "bed-1", lease_seconds=LEASE_SECONDS)
    with pytest.raises(Refusal, match="camera-away"):
        await ward.media.gate("visit-1", Gate.LIVE, "nurse")
    again = Client()
    offer = await again.peer.offer(CAMERA, video=("H264",))
    assert_refused(await ward.post(WHIP_PATH, ward.cart, grant, offer), "grant-revoked")
    for each in (lens, again):
        await each.peer.close()


async def test_an_open_grant_of_a_camera_stays_taken_back_when_it_is_on_again_and_no_others_is(
    ward: Ward, cameras: Cameras
) -> None:
    await cameras.add("bed-2", Kind.WHIP, None)
    before = await ward.grant(Action.WHIP_CAMERA, who=NURSE)
    await ward.grant()  # to look
    other = await ward.grant(Action.WHIP_CAMERA, who=NURSE, camera="bed-2")
    await cameras.switch("bed-1", is_on=False)
    await cameras.switch("bed-1", is_on=True)
    lens = Client()
    offer = await lens.peer.offer(CAMERA, video=("H264",))
    assert_refused(await ward.post(WHIP_PATH, ward.cart, before, offer), "grant-revoked")
    after = await ward.grant(Action.WHIP_CAMERA, who=NURSE)
    assert (await ward.post(WHIP_PATH, ward.cart, after, offer)).status_code == 201
    sent = await ward.post(WHIP_PATH, ward.cart, other, offer, claims={"camera": "bed-2"})
    assert sent.status_code == 201, "another camera was never off"
    asked = Query.composed("open", "select visit from room_grant where spent_at is null and revoked_at is null")
    async with ward.database.connection("owner") as owner:
        assert [row[0] for row in await owner.all(asked)] == ["visit-1"], "who looks is let in by the visit"
    await lens.peer.close()


async def test_a_cart_that_comes_while_its_camera_is_switched_off_waits_for_nobody_who_waits_for_it(
    ward: Ward, cameras: Cameras
) -> None:
    lens = Client()
    offer = await lens.peer.offer(CAMERA, video=("H264",))
    for _ in range(20):
        grant = await ward.grant(Action.WHIP_CAMERA, who=NURSE)
        answer, _ = await asyncio.gather(
            ward.post(WHIP_PATH, ward.cart, grant, offer), cameras.switch("bed-1", is_on=False)
        )
        assert answer.status_code in {201, 401}, answer.text
        await cameras.switch("bed-1", is_on=True)
    await lens.peer.close()
