"""What we use of aiortc's and aioice's own: a newer version that changes it must fail here."""

from __future__ import annotations

import asyncio
import threading

import pytest
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription, VideoStreamTrack
from aiortc.rtp import RTCP_PSFB_PLI, RtcpPsfbPacket, RtcpRrPacket

from tests.services.realtime.made import CAMERA, PICTURE_TO_SEND, packet, until
from tianfu.kernel.refusal import Refusal
from tianfu.services.realtime.embedded.raw_peer import BASELINE, Heard, RawPeer
from tianfu.services.realtime.protocol.packets import head_of
from tianfu.services.realtime.protocol.pictures import VideoCodec

pytestmark = pytest.mark.anyio


async def pair(video: VideoCodec = "H264") -> tuple[RawPeer, RawPeer, list[bytes], list[object]]:
    """Somebody who sends and somebody who receives, connected; what the second hears, and what the first is told."""
    heard: list[bytes] = []
    told: list[object] = []
    sender = RawPeer(Heard(control=told.extend))
    receiver = RawPeer(Heard(packet=heard.append))
    offer = await sender.offer(CAMERA, video=(video,))
    await sender.accept(await receiver.answer(offer, sends=False, video=("H264", "VP8")))
    await until(lambda: sender.is_connected and receiver.is_connected)
    return sender, receiver, heard, told


async def test_packets_arrive_as_they_were_sent() -> None:
    sender, receiver, heard, _ = await pair()
    stream = sender.streams["video"]
    sent = [
        packet(b"\x65" + bytes([n]), sequence=n, timestamp=n, payload_type=stream.payload_type, source=stream.source)
        for n in range(50)
    ]
    for data in sent:
        assert sender.send(data)
    await until(lambda: len(heard) == len(sent))
    assert heard == sent
    await asyncio.gather(sender.close(), receiver.close())


async def test_reports_and_requests_arrive_parsed() -> None:
    sender, receiver, _, told = await pair()
    receiver.send(bytes(RtcpRrPacket(ssrc=1)))
    receiver.send(bytes(RtcpPsfbPacket(fmt=RTCP_PSFB_PLI, ssrc=1, media_ssrc=sender.streams["video"].source)))
    await until(lambda: len(told) == 2)
    assert [type(each) for each in told] == [RtcpRrPacket, RtcpPsfbPacket]
    await asyncio.gather(sender.close(), receiver.close())


async def test_nothing_is_encoded_decoded_or_kept_by_aiortc() -> None:
    before = {each.name for each in threading.enumerate()}
    sender, receiver, heard, _ = await pair()
    stream = sender.streams["video"]
    sender.send(packet(b"\x65", sequence=1, timestamp=1, payload_type=stream.payload_type))
    await until(lambda: bool(heard))
    started = {each.name for each in threading.enumerate()} - before
    assert not [name for name in started if "decoder" in name]
    await asyncio.gather(sender.close(), receiver.close())


@pytest.mark.parametrize("video", ["H264", "VP8"])
async def test_the_codec_of_who_sends_is_agreed_upon(video: VideoCodec) -> None:
    sender, receiver, _, _ = await pair(video)
    assert sender.streams["video"].codec == receiver.streams["video"].codec == video
    assert sender.streams["ward"].codec == "opus"
    assert sender.streams["video"].payload_type == receiver.streams["video"].payload_type
    await asyncio.gather(sender.close(), receiver.close())


async def test_a_stock_peer_is_understood() -> None:
    heard: list[bytes] = []
    stock = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    stock.addTrack(VideoStreamTrack())
    await stock.setLocalDescription(await stock.createOffer())
    peer = RawPeer(Heard(packet=heard.append))
    answer = await peer.answer(stock.localDescription.sdp, sends=False, video=("VP8",))
    await stock.setRemoteDescription(RTCSessionDescription(sdp=answer, type="answer"))
    await until(lambda: len(heard) > 5)
    assert {head_of(data).payload_type for data in heard} == {peer.streams["video"].payload_type}
    await asyncio.gather(peer.close(), stock.close())


async def test_only_constrained_baseline_is_offered_of_h264() -> None:
    peer = RawPeer(Heard())
    offer = await peer.offer(PICTURE_TO_SEND, video=("H264",))
    profiles = {line.rpartition("=")[2] for line in offer.splitlines() if "profile-level-id" in line}
    assert profiles == {BASELINE}
    await peer.close()


async def test_no_stranger_is_asked_for_our_address() -> None:
    peer = RawPeer(Heard())
    offer = await peer.offer(PICTURE_TO_SEND, video=("VP8",))
    kinds = {
        line.partition(" typ ")[2].partition(" ")[0] for line in offer.splitlines() if line.startswith("a=candidate")
    }
    assert kinds == {"host"}
    await peer.close()


@pytest.mark.parametrize(
    "offer",
    ["", "v=0\r\n", "m=video\r\n", "v=0\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\n", "\x00", "v=0\r\nm=video x y z\r\n"],
)
async def test_an_offer_that_is_none_is_refused(offer: str) -> None:
    peer = RawPeer(Heard())
    with pytest.raises(Refusal) as refused:
        await peer.answer(offer, sends=False, video=("H264",))
    assert refused.value.code in {"offer-malformed", "no-common-codec"}
    await peer.close()


DATA = "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n"


async def test_nobody_opens_a_channel_of_data() -> None:
    stranger = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    stranger.addTransceiver("video", direction="recvonly")
    stranger.createDataChannel("fills the memory")
    await stranger.setLocalDescription(await stranger.createOffer())
    offered = stranger.localDescription.sdp
    assert DATA.partition(" ")[0] in offered
    for offer in (offered, offered.replace("a=sctp-port", "a=inactive\r\na=sctp-port")):
        peer = RawPeer(Heard())
        with pytest.raises(Refusal, match="offer-malformed"):
            await peer.answer(offer, sends=True, video=("VP8",))
        assert peer._connection.sctp is None
        await peer.close()
    await stranger.close()


async def test_no_answer_opens_a_channel_of_data() -> None:
    sender, receiver = RawPeer(Heard()), RawPeer(Heard())
    answer = await receiver.answer(await sender.offer(CAMERA, video=("VP8",)), sends=False, video=("VP8",))
    for place in (answer.index("m=audio"), len(answer)):
        with pytest.raises(Refusal, match="answer-malformed"):
            await sender.accept(answer[:place] + DATA + "a=mid:7\r\na=sctp-port:5000\r\n" + answer[place:])
        assert sender._connection.sctp is None
    await asyncio.gather(sender.close(), receiver.close())


async def test_without_a_common_codec_nothing_is_agreed_upon() -> None:
    sender = RawPeer(Heard())
    receiver = RawPeer(Heard())
    offer = await sender.offer(PICTURE_TO_SEND, video=("VP8",))
    with pytest.raises(Refusal) as refused:
        await receiver.answer(offer, sends=False, video=("H264",))
    assert refused.value.code == "no-common-codec"
    await asyncio.gather(sender.close(), receiver.close())


async def test_a_closed_peer_sends_nothing() -> None:
    sender, receiver, _, _ = await pair()
    await sender.close()
    assert not sender.send(packet(b"\x65", sequence=1, timestamp=1))
    await receiver.close()


async def test_the_other_ends_departure_is_heard() -> None:
    ended = asyncio.Event()
    sender, receiver, _, _ = await pair()
    receiver.heard.ended = ended.set
    await sender.close()
    async with asyncio.timeout(10):
        await ended.wait()
    await receiver.close()
