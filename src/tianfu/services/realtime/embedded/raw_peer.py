"""One WebRTC peer whose packets we handle ourselves: aiortc does ICE, DTLS and SDP, and nothing is decoded.

The only place that touches what aiortc and aioice keep for themselves; hence their versions are pinned, and
tests/services/realtime/test_raw_peer.py holds them to what is used here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from aiortc import RTCConfiguration, RTCPeerConnection, RTCRtpSender, RTCRtpTransceiver, RTCSessionDescription
from aiortc.exceptions import InternalError, OperationError
from aiortc.rtcdtlstransport import RTCDtlsTransport, State
from aiortc.rtcrtpparameters import RTCRtpCodecCapability, RTCRtpCodecParameters
from aiortc.rtp import AnyRtcpPacket, RtcpPacket, is_rtcp
from pylibsrtp import Error as SrtpError

from tianfu.kernel.refusal import Refusal
from tianfu.services.realtime.protocol.pictures import VideoCodec

Kind = Literal["audio", "video"]

BASELINE = "42e01f"
"""H.264's constrained baseline: no pictures out of order, and every browser shows it (RFC 6184, section 8.1)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """What was agreed upon for one kind of media; `source` is our SSRC where we send."""

    kind: Kind
    codec: str
    payload_type: int
    clock_rate_hz: int
    source: int


@dataclass(kw_only=True)
class Heard:
    """Who hears what a peer sends: whole RTP packets, parsed RTCP packets, its beginning and its end."""

    packet: Callable[[bytes], None] = field(default=lambda _: None)
    control: Callable[[Sequence[AnyRtcpPacket]], None] = field(default=lambda _: None)
    connected: Callable[[], None] = field(default=lambda: None)
    ended: Callable[[], None] = field(default=lambda: None)


class RawPeer:
    """A connection to one browser or camera."""

    def __init__(self, heard: Heard) -> None:
        self.heard = heard
        self.streams: Mapping[Kind, Stream] = {}
        self._connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))  # aiortc's own default asks a stranger
        self._transport: RTCDtlsTransport | None = None
        self._connection.on("connectionstatechange", self._changed)

    async def answer(self, offer: str, *, sends: Collection[Kind], video: Sequence[VideoCodec]) -> str:
        """The SDP answer to an offer: we send these kinds, and receive every other kind.

        `video` are the codecs that may be agreed upon, best first.  Raises Refusal `offer-malformed` or
        `no-common-codec`.
        """
        connection = self._connection
        kinds = _kinds(offer)
        if not kinds:
            raise Refusal("offer-malformed")
        for kind in kinds:
            _prefer(connection.addTransceiver(kind, direction="sendonly" if kind in sends else "recvonly"), video)
        await self._hear_description(offer, "offer")
        self._take_over()
        await connection.setLocalDescription(await connection.createAnswer())
        self._learn_streams()
        return connection.localDescription.sdp

    async def offer(self, *, sends: Collection[Kind], receives: Collection[Kind], video: Sequence[VideoCodec]) -> str:
        """An SDP offer to send some kinds and to receive others."""
        for direction, kinds in (("sendonly", sends), ("recvonly", receives)):
            for kind in kinds:
                _prefer(self._connection.addTransceiver(kind, direction=direction), video)
        self._take_over()
        await self._connection.setLocalDescription(await self._connection.createOffer())
        return self._connection.localDescription.sdp

    async def accept(self, answer: str) -> None:
        """Take the answer to our offer; raises Refusal `no-common-codec` or `answer-malformed`."""
        await self._hear_description(answer, "answer")
        self._take_over()  # what is bundled has another transport now
        self._learn_streams()

    @property
    def is_connected(self) -> bool:
        """Whether packets can be sent."""
        return self._transport is not None and self._transport._state is State.CONNECTED

    def send(self, data: bytes) -> bool:
        """Encrypt and send a packet at once, RTP or RTCP; False if the peer is not connected."""
        transport = self._transport
        if transport is None or not self.is_connected:
            return False
        pair = transport.transport._connection._nominated.get(1)
        if pair is None:
            return False
        session = transport._tx_srtp
        try:
            sealed = session.protect_rtcp(data) if is_rtcp(data) else session.protect(data)
        except SrtpError:
            return False
        pair.protocol.transport.sendto(sealed, pair.remote_addr)
        return True

    async def close(self) -> None:
        """End the connection; safe to repeat."""
        self._transport = None
        await self._connection.close()

    async def _hear_description(self, sdp: str, kind: Literal["offer", "answer"]) -> None:
        try:
            await self._connection.setRemoteDescription(RTCSessionDescription(sdp=sdp, type=kind))
        except OperationError as error:
            raise Refusal("no-common-codec", next_step="use-another-browser") from error
        except (ValueError, KeyError, IndexError, AttributeError, AssertionError, InternalError) as error:
            raise Refusal(f"{kind}-malformed") from error

    def _learn_streams(self) -> None:
        found = map(_stream, self._connection.getTransceivers())
        self.streams = {each.kind: each for each in found if each is not None}

    def _take_over(self) -> None:
        """Keep aiortc's senders and receivers from starting, and its transport from routing packets to them."""
        for transceiver in self._connection.getTransceivers():
            transceiver.sender.send = _nothing  # type: ignore[method-assign]  # no encoder may run
            transceiver.receiver.receive = _nothing  # type: ignore[method-assign]  # no decoder may run
            transport = transceiver.receiver.transport
            transport._handle_rtp_data = self._on_packet  # type: ignore[method-assign]
            transport._handle_rtcp_data = self._on_control  # type: ignore[method-assign]
            self._transport = transport

    async def _on_packet(self, data: bytes, arrival_time_ms: int) -> None:
        self.heard.packet(data)

    async def _on_control(self, data: bytes) -> None:
        try:
            packets = RtcpPacket.parse(data)
        except ValueError:
            return
        self.heard.control(packets)

    def _changed(self) -> None:
        state = self._connection.connectionState
        if state == "connected":
            self.heard.connected()
        elif state in {"closed", "failed"}:
            self.heard.ended()


def _kinds(offer: str) -> Sequence[Kind]:
    """The kinds of media of an offer, line by line (RFC 8866, section 5.14)."""
    known: Mapping[str, Kind] = {"m=audio": "audio", "m=video": "video"}
    found = (known.get(line.partition(" ")[0]) for line in offer.splitlines())
    return [kind for kind in found if kind is not None]


def _prefer(transceiver: RTCRtpTransceiver, video: Sequence[VideoCodec]) -> None:
    if transceiver.kind == "video":
        known = RTCRtpSender.getCapabilities("video").codecs
        transceiver.setCodecPreferences([each for codec in video for each in known if _is(each, codec)])


def _is(capability: RTCRtpCodecCapability, codec: VideoCodec) -> bool:
    if capability.mimeType != f"video/{codec}":
        return False
    return codec != "H264" or capability.parameters.get("profile-level-id") == BASELINE


def _stream(transceiver: RTCRtpTransceiver) -> Stream | None:
    codecs: list[RTCRtpCodecParameters] = transceiver._codecs
    if not codecs or codecs[0].payloadType is None:
        return None
    first = codecs[0]
    return Stream(
        kind="video" if transceiver.kind == "video" else "audio",
        codec=first.mimeType.partition("/")[2],
        payload_type=codecs[0].payloadType,
        clock_rate_hz=first.clockRate,
        source=transceiver.sender._ssrc,
    )


async def _nothing(parameters: object) -> None:
    await asyncio.sleep(0)
