"""All rooms and cameras of one process.  No packet passes that its room does not let through at that moment."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from socket import socket
from typing import Self, TypeVar

from tianfu.kernel.instants import Clock, system_clock
from tianfu.kernel.refusal import Refusal
from tianfu.services.realtime.embedded.camera import Camera
from tianfu.services.realtime.embedded.happenings import Happenings
from tianfu.services.realtime.embedded.ingest import Pulled
from tianfu.services.realtime.embedded.raw_peer import PICTURES, Heard, Label, Line, RawPeer
from tianfu.services.realtime.embedded.viewer import Viewer
from tianfu.services.realtime.port import (
    ADAPTED,
    CAMERA_BACK,
    CAMERA_LOST,
    CLOSED,
    CODEC_CHANGED,
    DROPPED,
    JOINED,
    LEFT,
    LIVE,
    QUIET,
    SHIELDED,
    CameraPulse,
    Quality,
)
from tianfu.services.realtime.protocol.adaptation import ladder_of
from tianfu.services.realtime.protocol.cot import (
    BY_THE_COT,
    ECHO_SECONDS,
    PULLED_ECHO_SECONDS,
    HeardBy,
    echoes,
    heard_by,
    hears_ward,
    refuse_second_voice,
    sounds_at_cot,
)
from tianfu.services.realtime.protocol.parts import Part
from tianfu.services.realtime.protocol.pictures import Packet, VideoCodec
from tianfu.services.realtime.protocol.rooms import LEASE_LOST, Gate, Room
from tianfu.services.realtime.protocol.talk import SPEAKS
from tianfu.services.realtime.protocol.trickle import Trickle

CAMERA_AWAY = "camera-away"
CAMERA_LATE = "camera-late"

LOOK_EACH_SECONDS = 0.1
"""How often leases are looked at where no packet comes along to ask."""

CONNECT_SECONDS = 15.0
"""Who is not connected so long after his answer is let go; aiortc would wait for ever for who names no address."""

REPORT_EACH = 10
"""Every so many looks, senders and viewers are told what they need to keep in step."""

VIDEO: tuple[VideoCodec, ...] = ("H264", "VP8")

Agreed = TypeVar("Agreed")


@dataclass(frozen=True, slots=True)
class _Joining:
    """Somebody on his way into a room, with what he was promised to see."""

    peer: RawPeer
    heard: Heard
    part: Part
    camera: Camera
    at_seconds: float
    may_speak: bool = True


@dataclass(slots=True)
class _Open:
    """A room, and the ends of who is in it."""

    room: Room
    viewers: dict[str, Viewer] = field(default_factory=dict)
    joining: dict[str, RawPeer] = field(default_factory=dict)
    are_stills_allowed: bool = False
    offered: dict[str, _Joining] = field(default_factory=dict)
    """Those of who is joining that were made an offer, and have not answered yet."""


class Forwarder:
    """Cameras come in by `whip`, viewers by `whep`; `gate` opens and shields, `renew` keeps a room alive."""

    def __init__(
        self,
        clock: Callable[[], float],
        *,
        peer: Callable[[Heard], RawPeer] = RawPeer,
        dates: Clock = system_clock,
    ) -> None:
        self.happenings = Happenings(dates)
        self._clock = clock
        self._peer = peer
        self._rooms: dict[str, _Open] = {}
        self._at: defaultdict[str, dict[str, _Open]] = defaultdict(dict)
        """The same rooms by their camera: looked at for each packet."""
        self._cameras: dict[str, Camera] = {}
        self._coming: dict[str, Camera] = {}
        """Who shall take the place of a camera that works, but has not shown a whole picture yet."""
        self._looking: asyncio.Task[None] | None = None
        self._ending: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._looking = asyncio.create_task(self._look())
        return self

    async def __aexit__(self, *error: object) -> None:
        if self._looking is not None:
            self._looking.cancel()
        for visit in list(self._rooms):
            self.close(visit, "stopping")
        for camera in [*self._cameras.values(), *self._coming.values()]:
            self._end(camera.peer)
        self._cameras.clear()
        self._coming.clear()
        await asyncio.gather(*self._ending)

    def open_room(self, visit: str, camera: str, *, lease_seconds: float) -> None:
        """Open a room on a camera, shielded; raises Refusal `room-exists`."""
        if visit in self._rooms:
            raise Refusal("room-exists", next_step="none")
        room = Room(visit, camera, lease_until_seconds=0.0)
        room.renew(self._clock() + lease_seconds, at_seconds=self._clock())
        self._rooms[visit] = self._at[camera][visit] = _Open(room)

    def renew(self, visit: str, *, lease_seconds: float) -> None:
        """Lengthen a room's lease; raises Refusal `room-unknown` or `room-closed`."""
        now = self._clock()
        opened = self._opened(visit)
        self._is_live(opened)
        opened.room.renew(now + lease_seconds, at_seconds=now)

    def gate(self, visit: str, gate: Gate, reason: str) -> float:
        """Open or shield; the moment from which it holds.

        After a shield returns, not one packet is sent to the room's viewers.  Raises Refusal `room-unknown`,
        `room-closed`, `camera-away` or `lease-lost`.
        """
        opened, now = self._opened(visit), self._clock()
        room = opened.room
        camera = self._cameras.get(room.camera)
        if gate is Gate.SHIELDED:
            was_live, before = self._is_live(opened), room.shielded_for
            room.shield(reason)
            self._cut(opened)
            if was_live or before != reason:  # why the curtain is drawn is told to the family
                self.happenings.tell(SHIELDED, visit=visit, reason=reason)
        elif camera is None:
            raise _camera_away()
        else:
            room.go_live(at_seconds=now)
            camera.keep_anew()
            self._adapt(opened, camera)  # as the ward allows now, whatever it did when the curtain was drawn
            self.happenings.tell(LIVE, visit=visit, reason=reason)
        return now

    def close(self, visit: str, reason: str) -> None:
        """End a room and everybody's connection to it; safe to repeat."""
        opened = self._rooms.pop(visit, None)
        if opened is None:
            return
        camera = opened.room.camera
        del self._at[camera][visit]
        opened.room.close(reason)
        for participant in list(opened.viewers):
            self._forget(opened, participant, reason)
        for participant in list(opened.offered):
            self._take_back(opened, participant)
        self._keep_what_is_seen(camera)
        self.happenings.tell(CLOSED, visit=visit, reason=reason)

    def kick(self, visit: str, participant: str) -> None:
        """Let one participant go at once; safe to repeat."""
        opened = self._rooms.get(visit)
        if opened is not None:
            opened.room.leave(participant)
            opened.joining.pop(participant, None)
            self._take_back(opened, participant)
            self._forget(opened, participant, "let-go")

    def unplug(self, camera: str) -> None:
        """Let a camera go at once, and draw the curtain of all rooms on it; safe to repeat.

        Who waits to take its place is let go, too.
        """
        for named in (self._coming, self._cameras):
            there = named.get(camera)
            if there is not None:
                self._camera_ended(there)

    def talk(self, visit: str, participant: str, *, is_pressed: bool) -> None:
        """Give a participant the floor while his key is pressed, and take it when he lets go.

        Raises Refusal as `Room.press` does, or `room-unknown`.
        """
        opened = self._opened(visit)
        room = opened.room
        if is_pressed:
            self._is_live(opened)
            refuse_second_voice(self._live_on(room.camera), room, participant)
            room.press(participant, at_seconds=self._clock())
            self._begin_anew(opened, "voice")  # who was silent for long has numbers that would seem old
            self._cut_loudspeaker(room.camera)
        else:
            room.floor.release(participant)

    def heard_by(self, visit: str, participant: str) -> HeardBy:
        """Who hears a participant when he speaks; raises Refusal `room-unknown`."""
        opened = self._opened(visit)
        camera = self._cameras.get(opened.room.camera)
        return heard_by(
            opened.room,
            participant,
            can_hear=[who for who, each in opened.viewers.items() if each.hears_voices and each.peer.is_connected],
            has_loudspeaker=camera is not None and camera.loudspeaker.is_there,
        )

    def silence(self, visit: str, participant: str, *, is_silenced: bool) -> None:
        """Take a participant's voice, or give it back; raises Refusal `room-unknown`."""
        self._opened(visit).room.floor.silence(participant, is_silenced=is_silenced)

    def hear_ward(self, visit: str, *, is_heard: bool) -> None:
        """Let the ward's sound through with the picture, or not; raises Refusal `room-unknown`."""
        opened = self._opened(visit)
        if opened.room.is_ward_heard is not is_heard:  # told again, it cuts nothing off
            opened.room.is_ward_heard = is_heard
            self._begin_anew(opened, "ward")
            camera = self._cameras.get(opened.room.camera)
            if camera is not None:
                camera.sound_anew()  # what was said before she let it be heard may be on its way

    def allow_stills(self, visit: str, *, are_allowed: bool) -> None:
        """Let who has no room for a picture see one in five seconds, or not; raises Refusal `room-unknown`."""
        opened = self._opened(visit)
        was_allowed, opened.are_stills_allowed = opened.are_stills_allowed, are_allowed
        camera = self._cameras.get(opened.room.camera)
        if was_allowed and not are_allowed and camera is not None:
            self._adapt(opened, camera)  # not one more

    def stats(self) -> Sequence[Quality]:
        """How the pictures of all participants arrive."""
        return [
            _quality(visit, who, viewer)
            for visit, opened in self._rooms.items()
            for who, viewer in opened.viewers.items()
        ]

    async def whip(self, camera: str, offer: str) -> str:
        """Take a camera's offer; the answer.

        A camera of this name that works is let go only when the new one has shown its first whole picture.  Raises
        Refusal `no-common-codec` or `offer-malformed`.
        """
        heard = Heard()
        peer = self._peer(heard)
        made = self._made(camera, peer, heard)
        try:
            answer = await peer.answer(offer, sends=False, video=VIDEO)
        except BaseException:
            await peer.close()
            raise
        self._came(made)
        return answer

    def pull(self, camera: str, connection: socket) -> None:
        """Take a camera's packets from a connection; a camera of this name that works stays as with `whip`."""
        heard = Heard()
        self._came(self._made(camera, Pulled(heard, connection, self._clock), heard))

    def cameras(self) -> Sequence[CameraPulse]:
        """How the pictures of all cameras come."""
        now = self._clock()
        return [
            CameraPulse(
                camera=name,
                packets=each.pulse.packets,
                silent_seconds=now - (each.joined_at if each.pulse.heard_at is None else each.pulse.heard_at),
                pictures_per_second=each.pulse.pictures_per_second,
                group_seconds=each.pulse.group_seconds,
            )
            for name, each in self._cameras.items()
        ]

    async def whep(self, visit: str, participant: str, part: Part, offer: str) -> str:
        """Take a viewer's offer; the answer.  Who is in the room already comes anew, once his offer is understood.

        Raises Refusal `room-unknown`, `room-closed`, `already-in-room`, `camera-away`, `no-common-codec` or
        `offer-malformed`.
        """
        opened, camera = self._seen(visit)
        heard = Heard()
        peer = self._let_in(opened, participant, heard)
        joining = _Joining(peer, heard, part, camera, self._clock())
        answer = await self._agreed(opened, participant, joining, peer.answer(offer, sends=True, video=_codecs(camera)))
        await self._seat(opened, participant, joining)
        return answer

    async def whep_offer(self, visit: str, participant: str, part: Part, *, may_speak: bool) -> str:
        """An offer to a viewer who would rather answer; raises Refusal as `whep` does."""
        opened, camera = self._seen(visit)
        heard = Heard()
        peer = self._let_in(opened, participant, heard)
        is_heard = may_speak and part in SPEAKS
        joining = _Joining(peer, heard, part, camera, self._clock(), may_speak=is_heard)
        lines = _offered_lines(may_speak=is_heard)
        offer = await self._agreed(opened, participant, joining, peer.offer(lines, video=_codecs(camera)))
        await self._refuse_overtaken(opened, participant, joining)
        opened.offered[participant] = joining
        return offer

    async def whep_answer(self, visit: str, participant: str, answer: str) -> None:
        """Take his answer; raises Refusal `room-unknown`, `not-in-room`, `answer-malformed` or `no-common-codec`."""
        opened = self._opened(visit)
        offered = opened.offered.pop(participant, None)
        if offered is None:
            raise _not_in_room()
        await self._agreed(opened, participant, offered, offered.peer.accept(answer))
        await self._seat(opened, participant, offered)

    async def whip_trickle(self, camera: str, news: Trickle) -> str:
        """More addresses of a camera, or a restart; raises Refusal `camera-away` and as `RawPeer.trickle` does."""
        named = [each.get(camera) for each in (self._coming, self._cameras)]
        peers = [each.peer for each in named if each is not None]
        if not peers:
            raise _camera_away()
        return await _meant(peers, news).trickle(news)

    async def whep_trickle(self, visit: str, participant: str, news: Trickle) -> str:
        """The same of a viewer; raises Refusal `room-unknown` or `not-in-room`."""
        opened = self._opened(visit)
        joining, viewer = opened.joining.get(participant), opened.viewers.get(participant)
        peers = [each for each in (joining, None if viewer is None else viewer.peer) if each is not None]
        if not peers:
            raise _not_in_room()
        return await _meant(peers, news).trickle(news)

    def _seen(self, visit: str) -> tuple[_Open, Camera]:
        """A room, and the camera that is seen in it."""
        opened = self._opened(visit)
        camera = self._cameras.get(opened.room.camera)
        if camera is None:
            raise _camera_away()
        return opened, camera

    def _let_in(self, opened: _Open, participant: str, heard: Heard) -> RawPeer:
        self._take_back(opened, participant)
        peer = opened.joining[participant] = self._peer(heard)
        return peer

    async def _agreed(self, opened: _Open, participant: str, joining: _Joining, agreeing: Awaitable[Agreed]) -> Agreed:
        """What is agreed upon with who joins; if it is nothing, he does not join."""
        try:
            return await agreeing
        except BaseException:
            if opened.joining.get(participant) is joining.peer:
                del opened.joining[participant]
            await joining.peer.close()
            raise

    async def _refuse_overtaken(self, opened: _Open, participant: str, joining: _Joining) -> None:
        """Raise Refusal if the room was closed meanwhile, or he was let go, or came once more."""
        latest = opened.joining.get(participant)
        if latest is not joining.peer or opened.room.is_closed:
            await joining.peer.close()
            gone = latest is None or opened.room.is_closed
            raise Refusal("room-closed" if gone else "already-in-room", next_step="none")

    async def _seat(self, opened: _Open, participant: str, joining: _Joining) -> None:
        """Have somebody with whom all is agreed see the room; raises Refusal as `whep` does if that is over by now."""
        room, peer, heard = opened.room, joining.peer, joining.heard
        await self._refuse_overtaken(opened, participant, joining)
        del opened.joining[participant]
        if self._cameras.get(room.camera) is not joining.camera:  # what he agreed to may not be what is shown now
            await peer.close()
            raise _camera_away()
        viewer = Viewer(
            peer,
            may_see=lambda: opened.viewers.get(participant) is viewer and self._is_live(opened),
            ask_for_picture=lambda label: self._ask_for_picture(room.camera, label),
            clock=self._clock,
        )
        viewer.offered_at, viewer.may_speak = joining.at_seconds, joining.may_speak
        self._forget(opened, participant, "joined-again")
        room.let_in(participant, joining.part)
        opened.viewers[participant] = viewer
        self.happenings.tell(JOINED, visit=room.visit, who=participant, reason=joining.part.value)
        heard.packet = lambda data: self._speaks(opened, participant, viewer, data)
        heard.control = viewer.heard_control
        heard.connected = lambda: self._begin(opened, viewer)
        heard.ended = lambda: self._viewer_ended(opened, participant, viewer)
        if peer.is_connected:
            self._begin(opened, viewer)

    def _take_back(self, opened: _Open, participant: str) -> None:
        """Make an offer void that nobody has answered."""
        offered = opened.offered.pop(participant, None)
        if offered is not None:
            self._end(offered.peer)

    def _made(self, name: str, peer: RawPeer, heard: Heard) -> Camera:
        def forward(label: Label, packet: Packet, may_begin: bool) -> None:
            if self._coming.get(name) is made and label == "video" and may_begin:
                self._take_place(made)
            if self._cameras.get(name) is made:  # another device may bear its name by now
                self._forward(name, label, packet, may_begin)

        made = Camera(name, peer, forward, self._clock)
        made.too_large = lambda: self.happenings.tell(DROPPED, who=name, reason="packet-too-large")
        made.too_late = lambda: self._camera_ended(made, CAMERA_LATE)
        heard.packet, heard.control = made.heard, made.heard_control
        heard.connected = made.ask_for_picture
        heard.ended = lambda: self._camera_ended(made)
        return made

    def _came(self, made: Camera) -> None:
        """Let a camera take its place: at once if none is there that works, else when it shows a whole picture."""
        before = self._cameras.get(made.name)
        if before is None or not before.peer.is_connected:
            self._take_place(made)
            return
        waiting = self._coming.get(made.name)
        self._coming[made.name] = made
        if waiting is not None:
            self._end(waiting.peer)

    def _take_place(self, made: Camera) -> None:
        waiting = self._coming.pop(made.name, None)
        if waiting is not None and waiting is not made:
            self._end(waiting.peer)
        before = self._cameras.get(made.name)
        self._cameras[made.name] = made
        if before is not None:
            self._end(before.peer)
            self._shield_all(made.name)
        self.happenings.tell(CAMERA_BACK, who=made.name)
        for opened in self._at[made.name].values():
            for participant, viewer in list(opened.viewers.items()):
                if viewer.codec not in {None, made.codec}:
                    opened.room.leave(participant)
                    self._forget(opened, participant, CODEC_CHANGED)

    def _begin(self, opened: _Open, viewer: Viewer) -> None:
        if viewer.connected_at is None:
            viewer.connected_at = self._clock()
        camera = self._cameras.get(opened.room.camera)
        if camera is not None and self._is_live(opened):
            viewer.catch_up(camera.group())
            camera.ask_for_picture()

    def _forward(self, name: str, label: Label, packet: Packet, may_begin: bool) -> None:
        now = self._clock()
        has_echo = label not in PICTURES and self._echoes(name, at_seconds=now)
        for opened in self._at[name].values():
            if self._is_live(opened) and (label in PICTURES or hears_ward(opened.room, has_echo=has_echo)):
                for viewer in opened.viewers.values():
                    viewer.show(label, packet, may_begin=may_begin, at_seconds=now)
            elif has_echo:
                self._begin_anew(opened, label)  # what is left out is no loss, and nothing of before is sent again
        if has_echo:
            self._cameras[name].sound_anew()

    def _echoes(self, name: str, *, at_seconds: float) -> bool:
        """Whether a voice sounds, or has just sounded, where a camera's microphone hears the ward."""
        camera = self._cameras[name]
        sounded = [each for each in (camera.loudspeaker.sounded_at, camera.voiced_at) if each is not None]
        return echoes(
            self._live_on(name),
            has_loudspeaker=camera.loudspeaker.is_there,
            sounded_at=max(sounded, default=None),
            at_seconds=at_seconds,
            lasts_seconds=PULLED_ECHO_SECONDS if isinstance(camera.peer, Pulled) else ECHO_SECONDS,
        )

    def _speaks(self, opened: _Open, participant: str, viewer: Viewer, data: bytes) -> None:
        room = opened.room
        if room.floor.speaker != participant or not self._is_live(opened):
            return
        packet = viewer.speaks(data)
        if packet is None:
            return
        now = self._clock()
        camera = self._cameras.get(room.camera)
        if camera is not None and room.part_of(participant) in BY_THE_COT:
            camera.voiced_at = now  # who speaks there is heard there without any device
        for listener, listening in opened.viewers.items():
            part = room.part_of(listener)
            if (
                listener != participant
                and listening.hears_voices
                and part is not None
                and room.floor.hears(part, participant)
            ):
                listening.show("voice", packet, may_begin=True, at_seconds=now)
                if camera is not None and part in BY_THE_COT:
                    camera.voiced_at = now
        if camera is None or not camera.loudspeaker.is_there:
            return
        part = room.part_of(participant)
        if part is not None and sounds_at_cot(self._live_on(room.camera), room, participant):
            camera.loudspeaker.sound(packet, part, at_seconds=now)

    def _live_on(self, camera: str) -> Sequence[Room]:
        """The rooms on a camera whose gate is open now."""
        return [each.room for each in self._at[camera].values() if self._is_live(each)]

    def _is_live(self, opened: _Open) -> bool:
        """Whether the room's gate is open now; a lease that has just run out cuts everybody off."""
        room = opened.room
        was_live = room.gate is Gate.LIVE
        is_live = room.look(self._clock())
        if was_live and not is_live:
            self._cut(opened)
            self.happenings.tell(SHIELDED, visit=room.visit, reason=LEASE_LOST)
        return is_live

    async def _look(self) -> None:
        looks = 0
        while True:
            await asyncio.sleep(LOOK_EACH_SECONDS)
            looks += 1
            for opened in list(self._rooms.values()):
                if self._is_live(opened):
                    self._ask_for_what_is_waited_for(opened)
            self._let_go_of_who_never_came()
            self._look_who_is_there()
            if looks % REPORT_EACH == 0:
                self._report()

    def _ask_for_what_is_waited_for(self, opened: _Open) -> None:
        camera = self._cameras.get(opened.room.camera)
        if camera is not None:
            for viewer in opened.viewers.values():
                label = viewer.waits_for(camera.stream_of)
                if label is not None:
                    camera.ask_for_picture(label)

    def _let_go_of_who_never_came(self) -> None:
        since = self._clock() - CONNECT_SECONDS
        for camera in list(self._cameras.values()):
            if camera.joined_at < since and not camera.peer.is_connected:
                self._camera_ended(camera)
        for camera in list(self._coming.values()):
            if camera.joined_at < since:
                self._camera_ended(camera)
            else:
                camera.ask_for_picture()
        for opened in list(self._rooms.values()):
            for participant, viewer in list(opened.viewers.items()):
                if viewer.joined_at < since and not viewer.peer.is_connected:
                    self._viewer_ended(opened, participant, viewer)
            for participant, offered in list(opened.offered.items()):
                if offered.at_seconds < since:
                    opened.joining.pop(participant, None)
                    self._take_back(opened, participant)

    def _look_who_is_there(self) -> None:
        """Miss who is silent: ICE alone would wait for half a minute (RFC 7675, section 5.1)."""
        now = self._clock()
        for camera in list(self._cameras.values()):
            if camera.peer.is_connected and _is_missed(camera, camera.signs, now):
                self.happenings.tell(QUIET, who=camera.name)
            if camera.presence.is_gone:
                self._camera_ended(camera)
        for opened in list(self._rooms.values()):
            for participant, viewer in list(opened.viewers.items()):
                if viewer.peer.is_connected and _is_missed(viewer, viewer.peer.signs, now):
                    opened.room.floor.release(participant)
                    self.happenings.tell(QUIET, visit=opened.room.visit, who=participant)
                if viewer.presence.is_gone:
                    self._viewer_ended(opened, participant, viewer)

    def _report(self) -> None:
        for camera in list(self._cameras.values()):
            camera.report()
            for opened in self._at[camera.name].values():
                for viewer in opened.viewers.values():
                    viewer.report(camera.clocked)
                    viewer.measure()
                self._adapt(opened, camera)

    def _adapt(self, opened: _Open, camera: Camera) -> None:
        """Choose anew how much of the picture each viewer of a room is sent."""
        small: Label = "sub" if camera.has_small else "video"
        ladder = ladder_of(
            has_small=camera.has_small,
            is_ward_heard=opened.room.is_ward_heard,
            are_stills_allowed=opened.are_stills_allowed,
        )
        for participant, viewer in opened.viewers.items():
            if viewer.codec is None:
                continue  # who sees nothing has no picture to give up for the sound
            if self._is_live(opened) and viewer.peer.is_connected and viewer.adapt(ladder, small=small):
                level = viewer.level.name.lower()
                self.happenings.tell(ADAPTED, visit=opened.room.visit, who=participant, reason=level)

    def _shield_all(self, camera: str) -> None:
        """Draw the curtain of all rooms on a camera: what comes under its name now may hang elsewhere."""
        for opened in self._at[camera].values():
            if self._is_live(opened):
                opened.room.shield(CAMERA_AWAY)
                self._cut(opened)
                self.happenings.tell(SHIELDED, visit=opened.room.visit, reason=CAMERA_AWAY)

    def _cut(self, opened: _Open) -> None:
        for viewer in opened.viewers.values():
            viewer.cut()
        self._cut_loudspeaker(opened.room.camera)
        self._keep_what_is_seen(opened.room.camera)

    def _cut_loudspeaker(self, camera: str) -> None:
        """Have nothing of what was said remembered there; who speaks on begins anew."""
        there = self._cameras.get(camera)
        if there is not None:
            there.loudspeaker.cut()

    def _begin_anew(self, opened: _Open, label: Label) -> None:
        for viewer in opened.viewers.values():
            viewer.cut(label)

    def _keep_what_is_seen(self, name: str) -> None:
        camera = self._cameras.get(name)
        if camera is not None and not any(each.room.gate is Gate.LIVE for each in self._at[name].values()):
            camera.keep(False)

    def _opened(self, visit: str) -> _Open:
        opened = self._rooms.get(visit)
        if opened is None:
            raise Refusal("room-unknown", next_step="none")
        return opened

    def _ask_for_picture(self, name: str, label: Label) -> None:
        camera = self._cameras.get(name)
        if camera is not None:
            camera.ask_for_picture(label)

    def _camera_ended(self, camera: Camera, reason: str = "") -> None:
        if self._cameras.get(camera.name) is camera:
            del self._cameras[camera.name]
            if not reason and isinstance(camera.peer, Pulled):
                reason = camera.peer.reason
            self.happenings.tell(CAMERA_LOST, who=camera.name, reason=reason)
            self._shield_all(camera.name)
        elif self._coming.get(camera.name) is camera:
            del self._coming[camera.name]
        self._end(camera.peer)

    def _viewer_ended(self, opened: _Open, participant: str, viewer: Viewer) -> None:
        if opened.viewers.get(participant) is viewer:
            opened.room.leave(participant)
            self._forget(opened, participant, "connection-lost")

    def _forget(self, opened: _Open, participant: str, reason: str) -> None:
        viewer = opened.viewers.pop(participant, None)
        if viewer is not None:
            self.happenings.tell(LEFT, visit=opened.room.visit, who=participant, reason=reason)
            self._end(viewer.peer)

    def _end(self, peer: RawPeer) -> None:
        task = asyncio.ensure_future(peer.close())
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)


def _is_missed(who: Camera | Viewer, signs: int, at_seconds: float) -> bool:
    """Whether somebody has just fallen quiet; who is silent is asked for a sign first."""
    who.presence.look(signs, at_seconds=at_seconds)
    if who.presence.must_be_asked():
        who.peer.ask_for_sign()
    return who.presence.fell_quiet()


def _quality(visit: str, participant: str, viewer: Viewer) -> Quality:
    joined, trip = viewer.connected_at, viewer.round_trip_seconds
    return Quality(
        visit=visit,
        participant=participant,
        packets=viewer.packets,
        lost_fraction=viewer.lost_fraction,
        join_ms=None if joined is None else round(1_000 * (joined - viewer.offered_at)),
        freezes=viewer.freezes,
        round_trip_ms=None if trip is None else round(1_000 * trip, 1),
        bits_per_second=viewer.bits_per_second,
        level=viewer.level.name.lower(),
    )


def _meant(peers: Sequence[RawPeer], news: Trickle) -> RawPeer:
    """Of those who bear one name, latest first, the one who tells his addresses; a restart is the latest one's."""
    return next((peer for peer in peers if peer.knows(news.ufrag)), peers[0])


def _codecs(camera: Camera) -> Sequence[VideoCodec]:
    return [codec for codec in VIDEO if codec == camera.codec]


def _offered_lines(*, may_speak: bool) -> Sequence[Line]:
    """What we offer to a viewer, as we see it: picture and the ward's sound to him, and a voice both ways."""
    voice = Line(label="voice", direction="sendrecv" if may_speak else "sendonly")
    return Line(label="video", direction="sendonly"), Line(label="ward", direction="sendonly"), voice


def _camera_away() -> Refusal:
    return Refusal(CAMERA_AWAY, next_step="wait", retryable=True)


def _not_in_room() -> Refusal:
    return Refusal("not-in-room", next_step="join-again")
