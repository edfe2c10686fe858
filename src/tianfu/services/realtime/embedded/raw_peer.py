"""One WebRTC peer whose packets we handle ourselves: aiortc does ICE, DTLS and SDP, and nothing is decoded.

The only place that touches what aiortc and aioice keep for themselves; hence their versions are pinned, and
tests/services/realtime/test_raw_peer.py holds them to what is used here.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal

import aioice.ice
from aioice import Candidate
from aioice.ice import Connection
from aioice.stun import TransactionError
from aiortc import (
    RTCBundlePolicy,
    RTCConfiguration,
    RTCIceTransport,
    RTCPeerConnection,
    RTCRtpSender,
    RTCRtpTransceiver,
    RTCSessionDescription,
)
from aiortc.exceptions import OperationError
from aiortc.rtcdtlstransport import RTCDtlsTransport, State
from aiortc.rtcrtpparameters import RTCRtpCodecCapability, RTCRtpCodecParameters
from aiortc.rtp import AnyRtcpPacket, RtcpPacket, is_rtcp
from pylibsrtp import Error as SrtpError
from pylibsrtp import Session
from pylibsrtp._binding import ffi  # type: ignore[import-not-found]  # compiled, and without types

from tianfu.kernel.refusal import Refusal
from tianfu.services.realtime.protocol.offers import is_of_media_alone
from tianfu.services.realtime.protocol.pictures import VideoCodec
from tianfu.services.realtime.protocol.trickle import CANDIDATES_MAX, Trickle, malformed, write_fragment

Label = Literal["video", "sub", "ward", "voice"]
"""What a stream is: the picture, a smaller one of the same lens, the sound of the ward, or somebody's voice."""

PICTURES: tuple[Label, ...] = ("video", "sub")

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
        return "video" if self.label in PICTURES else "audio"


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

PACKET_BYTES_MAX = 1_456
"""An RTP packet that fits into one datagram of Ethernet: less 20 bytes of IP, 8 of UDP, and 16 of SRTP's seal."""

_SMALLEST = 12
"""No RTP packet and no sealed RTCP packet is shorter."""

SEALED_BYTES_MAX = 2_048
"""pylibsrtp keeps 144 bytes of its 1,500 free for a seal of 10 or 16; so it gets more room."""

SOUND_CODEC = "opus"
"""Every browser has it (RFC 7874, section 3); another one would sound as noise to who agreed to this."""

CONTROL_PER_SECOND_MAX = 300
"""More reports of one peer in a second are not read: a browser sends some tens."""


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

    signs = 0
    """How many signs of life have come: packets and answers that only the peer can have sent."""

    origins: Mapping[int, Label] = MappingProxyType({})
    """Which line each of the peer's SSRCs belongs to, where it says so (RFC 5576)."""

    _transport: RTCDtlsTransport | None = None
    _ufrag = ""
    _restart: _Restart | None = None
    _asking: asyncio.Task[None] | None = None

    def __init__(self, heard: Heard) -> None:
        self.heard = heard
        self.streams: Mapping[Label, Stream] = {}
        self.deaf_lines: frozenset[Label] = frozenset()
        """The lines of somebody who looks over which he would send and hear nothing."""
        self._labels: Sequence[Label] = ()
        # Without servers, because aiortc's own default asks a stranger; all in one transport, because of the other
        # ways it leaves a third line behind.
        self._connection = RTCPeerConnection(RTCConfiguration(iceServers=[], bundlePolicy=RTCBundlePolicy.MAX_BUNDLE))
        self._guarded: set[RTCIceTransport] = set()
        self._opened: set[RTCDtlsTransport] = set()
        self._controls = (0.0, 0)
        self._candidates = 0
        self._connection.on("connectionstatechange", self._changed)

    async def answer(self, offer: str, *, sends: bool, video: Sequence[VideoCodec]) -> str:
        """The SDP answer to an offer of somebody who looks (`sends`: to him), or of a camera.

        `video` are the codecs that may be agreed upon, best first.  Raises Refusal `offer-malformed` or
        `no-common-codec`.
        """
        lines = _lines(offer, is_viewers=sends)
        for line in lines:
            direction = _MIRRORED[line.direction] if sends else "sendonly" if line.label == "voice" else "recvonly"
            _prefer(self._connection.addTransceiver(line.kind, direction=direction), video)
        self._labels = [line.label for line in lines]
        if sends:
            self.deaf_lines = frozenset(line.label for line in lines if line.direction == "sendonly")
        self.origins = _origins(offer, self._labels)
        await self._hear_description(_without_hidden_addresses(offer), "offer")
        try:
            self._take_over()
            await self._connection.setLocalDescription(await self._connection.createAnswer())
        except Refusal:
            raise
        except Exception as error:  # as in _hear_description
            raise Refusal("offer-malformed") from error
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
        if answer.count("a=candidate:") > CANDIDATES_MAX:
            raise Refusal("answer-malformed")
        await self._hear_description(_without_hidden_addresses(answer), "answer")
        self._take_over()  # what is bundled has another transport now
        self._learn_streams()

    @property
    def is_connected(self) -> bool:
        """Whether packets can be sent."""
        return self._transport is not None and self._transport._state is State.CONNECTED

    def send(self, data: bytes) -> bool:
        """Encrypt and send a packet at once, RTP or RTCP; False if the peer is not connected."""
        transport = self._transport
        if transport is None or transport._state is not State.CONNECTED or len(data) > PACKET_BYTES_MAX:
            return False
        pair = transport.transport._connection._nominated.get(1)
        if pair is None:
            return False
        session = transport._tx_srtp
        try:
            sealed = session.protect_rtcp(data) if is_rtcp(data) else session.protect(data)
        except (SrtpError, ValueError):  # ValueError: longer than there is room for
            return False
        pair.protocol.transport.sendto(sealed, pair.remote_addr)
        return True

    def ask_for_sign(self) -> None:
        """Ask the peer whether it is there (RFC 7675); its answer counts as a sign of life."""
        if self.is_connected and self._transport is not None and (self._asking is None or self._asking.done()):
            self._asking = asyncio.create_task(self._ask_for_sign(self._transport.transport._connection))

    async def close(self) -> None:
        """End the connection; safe to repeat."""
        self._transport = None
        if self._asking is not None:
            self._asking.cancel()
        await self._give_up_restart()
        try:
            await self._connection.close()
        except AttributeError:  # a line that an offer named and then did not describe has no transport
            for transceiver in self._connection.getTransceivers():
                if transceiver.receiver.transport is not None:
                    await transceiver.receiver.transport.stop()
                    await transceiver.receiver.transport.transport.stop()

    async def _ask_for_sign(self, ice: Connection) -> None:
        pair, password = ice._nominated.get(1), ice.remote_password
        if pair is None or password is None:
            return
        request = ice.build_request(pair, nominate=False)
        with suppress(TransactionError):
            await pair.protocol.request(request, pair.remote_addr, integrity_key=password.encode(), retransmissions=1)
            self.signs += 1

    def knows(self, ufrag: str) -> bool:
        """Whether these are credentials of the other end, or those of a restart of his."""
        return ufrag == self._ufrag or (self._restart is not None and ufrag == self._restart.ufrag)

    async def trickle(self, news: Trickle) -> str:
        """Learn more addresses of the other end; under other credentials than before, begin ICE anew (RFC 8445, 9).

        The answer is empty, or our own side of the restart; packets go the old way until the new one is found.  Raises
        Refusal `fragment-malformed`, also for too many addresses in all, or `not-in-room` once the connection is over
        or while our offer is not answered.
        """
        if self._transport is None or not self._ufrag:
            raise _over()
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
            await self._give_up_restart()  # of another one that began meanwhile
            transport = self._transport
            if transport is None:
                raise _over()
        except Refusal:
            await made.close()
            raise
        self._open_directly(made, transport)
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
        if not is_of_media_alone(sdp):  # aiortc would open a channel of data, and keep without bound what comes by it
            raise Refusal(f"{kind}-malformed")
        try:
            await self._connection.setRemoteDescription(RTCSessionDescription(sdp=sdp, type=kind))
        except OperationError as error:
            raise Refusal("no-common-codec", next_step="use-another-browser") from error
        except Exception as error:  # a stranger wrote it, and aiortc raises whatever comes of it
            raise Refusal(f"{kind}-malformed") from error
        self._ufrag = sdp.partition("a=ice-ufrag:")[2].partition("\n")[0].strip()
        self._candidates = sdp.count("a=candidate:")

    def _learn_streams(self) -> None:
        found = map(_stream, self._labels, self._connection.getTransceivers())
        self.streams = {each.label: each for each in found if each is not None and _is_understood(each)}

    def _take_over(self) -> None:
        """Keep aiortc's senders and receivers from starting, and its transport from routing packets to them."""
        for transceiver in self._connection.getTransceivers():
            transceiver.sender.send = _nothing  # type: ignore[method-assign]  # no encoder may run
            transceiver.receiver.receive = _nothing  # type: ignore[method-assign]  # no decoder may run
            transport = transceiver.receiver.transport
            transport._handle_rtp_data = self._on_packet  # type: ignore[method-assign]  # ours, not a track's
            transport._handle_rtcp_data = self._on_control  # type: ignore[method-assign]  # as above
            self._transport = transport
            transport.on("statechange", self._take_over_packets)
            self._guard(transport.transport)
        self._take_over_packets()  # on a busy machine the other end may have been faster

    def _take_over_packets(self) -> None:
        """Open packets as they arrive, without the queue and the task that aiortc has in between: half the work.

        And give SRTP room for packets of more than the usual 1,350 bytes.
        """
        transport = self._transport
        if transport is None or transport._state is not State.CONNECTED or transport in self._opened:
            return
        self._opened.add(transport)
        for session in (transport._tx_srtp, transport._rx_srtp):
            session._cdata = ffi.new("char[]", SEALED_BYTES_MAX)
            session._buffer = ffi.buffer(session._cdata)
        self._open_directly(transport.transport._connection, transport)

    def _open_directly(self, connection: Connection, transport: RTCDtlsTransport) -> None:
        """Have what arrives over a connection opened at once; nothing changes before the keys are known."""
        if transport in self._opened:
            for protocol in connection._protocols:
                protocol.datagram_received = self._opener(transport._rx_srtp, protocol.datagram_received)  # type: ignore[method-assign,assignment]  # no str

    def _opener(
        self, session: Session, others: Callable[[bytes, tuple[Any, ...]], None]
    ) -> Callable[[bytes, tuple[Any, ...]], None]:
        """Takes RTP and RTCP (RFC 7983, section 7), and leaves what else arrives to `others`."""

        def arrived(data: bytes, address: tuple[Any, ...]) -> None:
            if not _SMALLEST <= len(data) <= DATAGRAM_BYTES_MAX or data[0] & 0xC0 != 0x80:
                others(data, address)
                return
            is_control = is_rtcp(data)
            try:
                opened = session.unprotect_rtcp(data) if is_control else session.unprotect(data)
            except SrtpError:  # a stranger's, or one that came twice
                return
            self.signs += 1
            if is_control:
                self._hear_control(opened)
            else:
                self.heard.packet(opened)

        return arrived

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
        self.signs += 1
        self.heard.packet(data)

    async def _on_control(self, data: bytes) -> None:
        self.signs += 1
        self._hear_control(data)

    def _hear_control(self, data: bytes) -> None:
        now = time.monotonic()
        since, count = self._controls
        self._controls = (since, count + 1) if now - since < 1 else (now, 1)
        if self._controls[1] > CONTROL_PER_SECOND_MAX:
            return
        try:
            packets = RtcpPacket.parse(data)
        except ValueError:
            return
        self.heard.control(packets)

    def _changed(self) -> None:
        state = self._connection.connectionState
        if state == "connected":
            self._take_over_packets()  # aiortc tells this first, and who hears it sends at once
            self.heard.connected()
        elif state in {"closed", "failed"}:
            self.heard.ended()


_SOURCE = re.compile(r"(?m)^a=ssrc:(\d{1,10})\b")
SOURCES_MAX = 8
"""So many SSRCs are learned of each line."""

_MIRRORED = {"sendonly": "recvonly", "recvonly": "sendonly", "sendrecv": "sendrecv", "inactive": "inactive"}


def _lines(offer: str, *, is_viewers: bool) -> Sequence[Line]:
    """The lines of media of an offer.  Sound that its author sends is a voice if he looks, and the ward's if not.

    A camera's second picture is the smaller one, and sound that it would only hear is the voices at the cot.

    Raises Refusal `offer-malformed` if there is none, or two of one kind, or too many addresses.
    """
    if offer.count("a=candidate:") > CANDIDATES_MAX:
        raise Refusal("offer-malformed")
    lines: list[Line] = []
    kind, direction = "", "sendrecv"
    for row in [*offer.splitlines(), "m="]:
        if row.startswith("m="):
            if kind in {"audio", "video"}:
                has_picture = any(line.label == "video" for line in lines)
                label = _label(kind, direction, is_viewers=is_viewers, has_picture=has_picture)
                lines.append(Line(label=label, direction=direction))
            kind, direction = row[2:].partition(" ")[0], "sendrecv"
        elif row.startswith("a=") and row[2:] in _MIRRORED:
            direction = row[2:]
    if not lines or len({line.label for line in lines}) < len(lines):
        raise Refusal("offer-malformed")
    return lines


def _label(kind: str, direction: str, *, is_viewers: bool, has_picture: bool) -> Label:
    if kind == "video":
        return "sub" if has_picture and not is_viewers else "video"
    is_voice = direction.startswith("send") if is_viewers else direction == "recvonly"
    return "voice" if is_voice else "ward"


def _origins(offer: str, labels: Sequence[Label]) -> Mapping[int, Label]:
    """Which line each SSRC of an offer belongs to (RFC 5576, section 4.1)."""
    found: dict[int, Label] = {}
    sections = [part for part in re.split(r"(?m)^m=", offer)[1:] if part.startswith(("audio", "video"))]
    for label, section in zip(labels, sections, strict=False):
        for number in _SOURCE.findall(section)[:SOURCES_MAX]:
            found[int(number)] = label
    return found


def _without_hidden_addresses(offer: str) -> str:
    """An offer without addresses that only multicast DNS knows (RFC 9429's privacy).

    To look one up takes a second and seldom works between networks; whoever hides behind it reaches us first, and we
    learn his address from that (RFC 8445, section 7.3.1.3).  So it does not say either that no more come.
    """
    if ".local " not in offer:
        return offer
    hidden = [row for row in offer.splitlines() if row.startswith("a=candidate:") and ".local " in row]
    left = [row for row in offer.splitlines() if row not in hidden and row != "a=end-of-candidates"]
    return "\r\n".join(left) + "\r\n"


def _prefer(transceiver: RTCRtpTransceiver, video: Sequence[VideoCodec]) -> None:
    if transceiver.kind == "video":
        known = RTCRtpSender.getCapabilities("video").codecs
        transceiver.setCodecPreferences([each for codec in video for each in known if _is(each, codec)])


def _is(capability: RTCRtpCodecCapability, codec: VideoCodec) -> bool:
    if capability.mimeType != f"video/{codec}":
        return False
    return codec != "H264" or capability.parameters.get("profile-level-id") == BASELINE


def _is_understood(stream: Stream) -> bool:
    """Whether whoever hears a stream understands it: sound is passed on as it is, so all speak one codec."""
    return stream.label in PICTURES or stream.codec == SOUND_CODEC


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


def _over() -> Refusal:
    return Refusal("not-in-room", next_step="join-again")


async def _nothing(parameters: object) -> None:
    await asyncio.sleep(0)
