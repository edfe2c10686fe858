"""One WebRTC peer whose packets we handle ourselves: aiortc does ICE, DTLS and SDP, and nothing is decoded.

The only place that touches what aiortc and aioice keep for themselves; hence their versions are pinned, and
tests/services/realtime/test_raw_peer.py holds them to what is used here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Literal

import aioice.ice
from aioice import Candidate, Connection
from aiortc import (
    RTCBundlePolicy,
    RTCConfiguration,
    RTCIceTransport,
    RTCPeerConnection,
    RTCRtpSender,
    RTCRtpTransceiver,
    RTCSessionDescription,
)
from aiortc.exceptions import InternalError, OperationError
from aiortc.rtcdtlstransport import RTCDtlsTransport, State
from aiortc.rtcrtpparameters import RTCRtpCodecCapability, RTCRtpCodecParameters
from aiortc.rtp import AnyRtcpPacket, RtcpPacket, is_rtcp
from pylibsrtp import Error as SrtpError

from tianfu.kernel.refusal import Refusal
from tianfu.services.realtime.protocol.pictures import VideoCodec
from tianfu.services.realtime.protocol.trickle import CANDIDATES_MAX, Trickle, malformed, write_fragment

Label = Literal["video", "ward", "voice"]
"""What a stream is: the picture, the sound of the ward, or somebody's voice."""

BASELINE = "42e01f"
"""H.264's constrained baseline: no pictures out of order, and every browser shows it (RFC 6184, section 8.1)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of an offer: what flows in it, and which way as its author sees it (RFC 8866, section 6.7)."""

    label: Label
    direction: str

    @property
    def kind(self) -> str:
        """Picture or sound."""
        return "video" if self.label == "video" else "audio"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """What was agreed upon for one line; `source` is our SSRC where we send."""

    label: Label
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


DATAGRAM_BYTES_MAX = 1_500
"""What pylibsrtp has room for."""


_WATCH = "_RTCIceTransport__monitor_task"
"""Where aiortc keeps who watches a connection."""

RESTART_SECONDS = 15.0
"""How long a restart of ICE may look for a way; packets take the old one meanwhile."""


@dataclass(frozen=True, slots=True)
class _Restart:
    """ICE on its way to another pair of addresses."""

    ufrag: str
    connection: Connection
    moving: asyncio.Task[None]


def take_addresses(addresses: Sequence[str]) -> None:
    """Have every peer of this process that begins from now on use these addresses of the machine, and no others."""

    def ours(use_ipv4: bool, use_ipv6: bool) -> list[str]:
        return [each for each in addresses if (use_ipv6 if ":" in each else use_ipv4)]

    aioice.ice.get_host_addresses = ours


class RawPeer:
    """A connection to one browser or camera."""

    def __init__(self, heard: Heard) -> None:
        self.heard = heard
        self.streams: Mapping[Label, Stream] = {}
        self._labels: Sequence[Label] = ()
        # Without servers, because aiortc's own default asks a stranger; all in one transport, because of the other
        # ways it leaves a third line behind.
        self._connection = RTCPeerConnection(RTCConfiguration(iceServers=[], bundlePolicy=RTCBundlePolicy.MAX_BUNDLE))
        self._transport: RTCDtlsTransport | None = None
        self._guarded: set[RTCIceTransport] = set()
        self._ufrag = ""
        self._candidates = 0
        self._restart: _Restart | None = None
        self._connection.on("connectionstatechange", self._changed)

    async def answer(self, offer: str, *, sends: bool, video: Sequence[VideoCodec]) -> str:
        """The SDP answer to an offer of somebody who looks (`sends`: to him), or of a camera.

        `video` are the codecs that may be agreed upon, best first.  Raises Refusal `offer-malformed` or
        `no-common-codec`.
        """
        lines = _lines(offer, is_viewers=sends)
        for line in lines:
            direction = _MIRRORED[line.direction] if sends else "recvonly"
            _prefer(self._connection.addTransceiver(line.kind, direction=direction), video)
        self._labels = [line.label for line in lines]
        await self._hear_description(offer, "offer")
        self._take_over()
        await self._connection.setLocalDescription(await self._connection.createAnswer())
        self._learn_streams()
        return self._connection.localDescription.sdp

    async def offer(self, lines: Sequence[Line], *, video: Sequence[VideoCodec]) -> str:
        """An SDP offer of these lines."""
        for line in lines:
            _prefer(self._connection.addTransceiver(line.kind, direction=line.direction), video)
        self._labels = [line.label for line in lines]
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
        except (SrtpError, ValueError):  # ValueError: longer than it has room for
            return False
        pair.protocol.transport.sendto(sealed, pair.remote_addr)
        return True

    async def close(self) -> None:
        """End the connection; safe to repeat."""
        self._transport = None
        await self._give_up_restart()
        await self._connection.close()

    async def trickle(self, news: Trickle) -> str:
        """Learn more addresses of the other end; under other credentials than before, begin ICE anew (RFC 8445, 9).

        The answer is empty, or our own side of the restart; packets go the old way until the new one is found.  Raises
        Refusal `fragment-malformed`, also for too many addresses in all, or `not-in-room` once the connection is over.
        """
        if self._transport is None:
            raise Refusal("not-in-room", next_step="join-again")
        ice = self._transport.transport
        if news.ufrag == self._ufrag:
            await self._learn_addresses(ice._connection, news)
            return ""
        if self._restart is not None and news.ufrag == self._restart.ufrag:
            await self._learn_addresses(self._restart.connection, news)
            return ""
        await self._give_up_restart()
        return await self._begin_restart(ice, news)

    async def _learn_addresses(self, connection: Connection, news: Trickle) -> None:
        self._candidates += len(news.candidates)
        if self._candidates > CANDIDATES_MAX:
            raise malformed()
        try:
            candidates = [Candidate.from_sdp(each) for each in news.candidates]
        except (ValueError, IndexError, AssertionError) as error:
            raise malformed() from error
        with suppress(ValueError):  # it said before that there are no more
            await asyncio.gather(*map(connection.add_remote_candidate, candidates))
            if news.is_last:
                await connection.add_remote_candidate(None)

    async def _begin_restart(self, ice: RTCIceTransport, news: Trickle) -> str:
        made = Connection(ice_controlling=ice._connection.ice_controlling)
        made.remote_username, made.remote_password = news.ufrag, news.pwd
        await made.gather_candidates()
        self._candidates = 0
        try:
            await self._learn_addresses(made, news)
        except Refusal:
            await made.close()
            raise
        moving = asyncio.create_task(self._move_over(ice, made, news.ufrag))
        self._restart = _Restart(news.ufrag, made, moving)
        ours = Trickle(
            ufrag=made.local_username,
            pwd=made.local_password,
            candidates=tuple(each.to_sdp() for each in made.local_candidates),
            is_last=True,
        )
        return write_fragment(ours, self._connection.getTransceivers()[0].mid or "0")

    async def _move_over(self, ice: RTCIceTransport, made: Connection, ufrag: str) -> None:
        """Go on over a new pair of addresses once there is one; if there is none, all stays as it was."""
        try:
            async with asyncio.timeout(RESTART_SECONDS):
                await made.connect()
        except (OSError, TimeoutError):
            self._restart = None
            await made.close()
            return
        before, ice._connection, ice._send = ice._connection, made, made.send
        self._ufrag, self._restart = ufrag, None
        # Who watched the old connection would take its end for the end of all.
        getattr(ice, _WATCH).cancel()
        setattr(ice, _WATCH, asyncio.ensure_future(ice._monitor()))
        await before.close()

    async def _give_up_restart(self) -> None:
        restart, self._restart = self._restart, None
        if restart is not None:
            restart.moving.cancel()
            await restart.connection.close()

    async def _hear_description(self, sdp: str, kind: Literal["offer", "answer"]) -> None:
        try:
            await self._connection.setRemoteDescription(RTCSessionDescription(sdp=sdp, type=kind))
        except OperationError as error:
            raise Refusal("no-common-codec", next_step="use-another-browser") from error
        except (ValueError, KeyError, IndexError, AttributeError, AssertionError, InternalError) as error:
            raise Refusal(f"{kind}-malformed") from error
        self._ufrag = sdp.partition("a=ice-ufrag:")[2].partition("\n")[0].strip()
        self._candidates = sdp.count("a=candidate:")

    def _learn_streams(self) -> None:
        found = map(_stream, self._labels, self._connection.getTransceivers())
        self.streams = {each.label: each for each in found if each is not None}

    def _take_over(self) -> None:
        """Keep aiortc's senders and receivers from starting, and its transport from routing packets to them."""
        for transceiver in self._connection.getTransceivers():
            transceiver.sender.send = _nothing  # type: ignore[method-assign]  # no encoder may run
            transceiver.receiver.receive = _nothing  # type: ignore[method-assign]  # no decoder may run
            transport = transceiver.receiver.transport
            transport._handle_rtp_data = self._on_packet  # type: ignore[method-assign]
            transport._handle_rtcp_data = self._on_control  # type: ignore[method-assign]
            self._transport = transport
            self._guard(transport.transport)

    def _guard(self, ice: RTCIceTransport) -> None:
        """Pass over datagrams at which aiortc ends the connection: anybody who knows the port can send them."""
        if ice in self._guarded:
            return
        self._guarded.add(ice)

        async def what_can_be_read() -> bytes:
            while True:
                connection = ice._connection
                try:
                    data = await connection.recv()
                except ConnectionError:
                    if connection is ice._connection:  # else a restart of ICE took its place
                        raise
                    continue
                if 0 < len(data) <= DATAGRAM_BYTES_MAX:
                    return data

        ice._recv = what_can_be_read

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


_MIRRORED = {"sendonly": "recvonly", "recvonly": "sendonly", "sendrecv": "sendrecv", "inactive": "inactive"}


def _lines(offer: str, *, is_viewers: bool) -> Sequence[Line]:
    """The lines of media of an offer.  Sound that its author sends is a voice if he looks, and the ward's if not.

    Raises Refusal `offer-malformed` if there is none, or two of one kind, or too many addresses.
    """
    if offer.count("a=candidate:") > CANDIDATES_MAX:
        raise Refusal("offer-malformed")
    lines: list[Line] = []
    kind, direction = "", "sendrecv"
    for row in [*offer.splitlines(), "m="]:
        if row.startswith("m="):
            if kind in {"audio", "video"}:
                lines.append(Line(label=_label(kind, direction, is_viewers=is_viewers), direction=direction))
            kind, direction = row[2:].partition(" ")[0], "sendrecv"
        elif row.startswith("a=") and row[2:] in _MIRRORED:
            direction = row[2:]
    if not lines or len({line.label for line in lines}) < len(lines):
        raise Refusal("offer-malformed")
    return lines


def _label(kind: str, direction: str, *, is_viewers: bool) -> Label:
    if kind == "video":
        return "video"
    return "voice" if is_viewers and direction.startswith("send") else "ward"


def _prefer(transceiver: RTCRtpTransceiver, video: Sequence[VideoCodec]) -> None:
    if transceiver.kind == "video":
        known = RTCRtpSender.getCapabilities("video").codecs
        transceiver.setCodecPreferences([each for codec in video for each in known if _is(each, codec)])


def _is(capability: RTCRtpCodecCapability, codec: VideoCodec) -> bool:
    if capability.mimeType != f"video/{codec}":
        return False
    return codec != "H264" or capability.parameters.get("profile-level-id") == BASELINE


def _stream(label: Label, transceiver: RTCRtpTransceiver) -> Stream | None:
    codecs: list[RTCRtpCodecParameters] = transceiver._codecs
    if not codecs or codecs[0].payloadType is None:
        return None
    first = codecs[0]
    return Stream(
        label=label,
        codec=first.mimeType.partition("/")[2],
        payload_type=codecs[0].payloadType,
        clock_rate_hz=first.clockRate,
        source=transceiver.sender._ssrc,
    )


async def _nothing(parameters: object) -> None:
    await asyncio.sleep(0)
