"""All rooms and cameras of one process.  No packet passes that its room does not let through at that moment."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Self

from tianfu.kernel.instants import Clock, system_clock
from tianfu.kernel.refusal import Refusal
from tianfu.services.realtime.embedded.camera import Camera
from tianfu.services.realtime.embedded.happenings import Happenings
from tianfu.services.realtime.embedded.raw_peer import Heard, Kind, RawPeer
from tianfu.services.realtime.embedded.viewer import Viewer
from tianfu.services.realtime.port import (
    CAMERA_BACK,
    CAMERA_LOST,
    CLOSED,
    JOINED,
    LEFT,
    LIVE,
    SHIELDED,
    Quality,
)
from tianfu.services.realtime.protocol.pictures import Packet, VideoCodec
from tianfu.services.realtime.protocol.rooms import LEASE_LOST, Gate, Part, Room

LOOK_EACH_SECONDS = 0.1
"""How often leases are looked at where no packet comes along to ask."""

REPORT_EACH = 10
"""Every so many looks, senders and viewers are told what they need to keep in step."""

VIDEO: tuple[VideoCodec, ...] = ("H264", "VP8")


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
        self._rooms: dict[str, Room] = {}
        self._cameras: dict[str, Camera] = {}
        self._viewers: dict[tuple[str, str], Viewer] = {}
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
        for camera in list(self._cameras.values()):
            self._end(camera.peer)
        self._cameras.clear()
        await asyncio.gather(*self._ending)

    def open_room(self, visit: str, camera: str, *, lease_seconds: float) -> None:
        """Open a room on a camera, shielded; raises Refusal `room-exists`."""
        if visit in self._rooms:
            raise Refusal("room-exists", next_step="none")
        room = Room(visit, camera, lease_until_seconds=0.0)
        room.renew(self._clock() + lease_seconds, at_seconds=self._clock())
        self._rooms[visit] = room

    def renew(self, visit: str, *, lease_seconds: float) -> None:
        """Lengthen a room's lease; raises Refusal `room-unknown` or `room-closed`."""
        now = self._clock()
        self._room(visit).renew(now + lease_seconds, at_seconds=now)

    def gate(self, visit: str, gate: Gate, reason: str) -> float:
        """Open or shield; the moment from which it holds.

        After a shield returns, not one packet is sent to the room's viewers.  Raises Refusal `room-unknown`,
        `room-closed` or `lease-lost`.
        """
        room, now = self._room(visit), self._clock()
        camera = self._cameras.get(room.camera)
        if gate is Gate.SHIELDED:
            was_live = self._is_live(room)
            room.shield(reason, at_seconds=now)
            self._cut(room)
            if was_live:
                self.happenings.tell(SHIELDED, visit=visit, reason=reason)
        else:
            room.go_live(at_seconds=now)
            if camera is not None:
                camera.keep_anew()
            self.happenings.tell(LIVE, visit=visit, reason=reason)
        return now

    def close(self, visit: str, reason: str) -> None:
        """End a room and everybody's connection to it; safe to repeat."""
        room = self._rooms.pop(visit, None)
        if room is None:
            return
        participants = room.participants
        room.close(reason, at_seconds=self._clock())
        for participant in participants:
            self._forget(visit, participant, reason)
        self._keep_what_is_seen(room.camera)
        self.happenings.tell(CLOSED, visit=visit, reason=reason)

    def kick(self, visit: str, participant: str, reason: str = "let-go") -> None:
        """Let one participant go at once; safe to repeat."""
        room = self._rooms.get(visit)
        if room is not None:
            room.leave(participant)
        self._forget(visit, participant, reason)

    def stats(self) -> Sequence[Quality]:
        """How the pictures of all participants arrive."""
        return [
            Quality(visit=visit, participant=who, packets=viewer.packets, lost_fraction=viewer.lost_fraction)
            for (visit, who), viewer in self._viewers.items()
        ]

    async def whip(self, camera: str, offer: str) -> str:
        """Take a camera's offer; the answer.  The camera that had this name before is let go."""
        heard = Heard()
        peer = self._peer(heard)

        def forward(kind: Kind, packet: Packet, may_begin: bool) -> None:
            self._forward(camera, kind, packet, may_begin)

        made = Camera(camera, peer, forward, self._clock)
        heard.packet, heard.control = made.heard, made.heard_control
        heard.ended = lambda: self._camera_ended(made)
        answer = await peer.answer(offer, sends=(), video=VIDEO)
        before = self._cameras.get(camera)
        self._cameras[camera] = made
        if before is not None:
            self._end(before.peer)
        for room in self._rooms_of(camera):
            self._cut(room)
        made.keep(any(self._is_live(room) for room in self._rooms_of(camera)))
        self.happenings.tell(CAMERA_BACK, who=camera)
        return answer

    async def whep(self, visit: str, participant: str, part: Part, offer: str) -> str:
        """Take a viewer's offer; the answer.

        Raises Refusal `room-unknown`, `room-closed`, `already-in-room`, `camera-away`, `no-common-codec` or
        `offer-malformed`.
        """
        room = self._room(visit)
        camera = self._cameras.get(room.camera)
        if camera is None:
            raise Refusal("camera-away", next_step="wait", retryable=True)
        room.let_in(participant, part)
        heard = Heard()
        peer = self._peer(heard)
        video: list[VideoCodec] = [codec for codec in VIDEO if any(each.codec == codec for each in camera.streams)]
        try:
            answer = await peer.answer(offer, sends=("audio", "video"), video=video)
        except BaseException:
            room.leave(participant)
            await peer.close()
            raise
        if room.part_of(participant) is None:  # it was closed meanwhile
            await peer.close()
            raise Refusal("room-closed", next_step="none")
        viewer = Viewer(
            peer,
            may_see=lambda: self._is_live(room) and room.part_of(participant) is not None,
            ask_for_picture=lambda: self._ask_for_picture(room.camera),
            clock=self._clock,
        )
        self._viewers[visit, participant] = viewer
        self.happenings.tell(JOINED, visit=visit, who=participant, reason=part.value)
        heard.control = viewer.heard_control
        heard.connected = lambda: self._begin(room, viewer)
        heard.ended = lambda: self._viewer_ended(visit, participant, viewer)
        if peer.is_connected:
            self._begin(room, viewer)
        return answer

    def _begin(self, room: Room, viewer: Viewer) -> None:
        camera = self._cameras.get(room.camera)
        if camera is not None and self._is_live(room):
            viewer.catch_up(camera.group)
            camera.ask_for_picture()

    def _forward(self, name: str, kind: Kind, packet: Packet, may_begin: bool) -> None:
        for room in self._rooms_of(name):
            if not self._is_live(room):
                continue
            for participant in room.participants:
                viewer = self._viewers.get((room.visit, participant))
                if viewer is not None:
                    viewer.see(kind, packet, may_begin=may_begin)

    def _is_live(self, room: Room) -> bool:
        """Whether the room's gate is open now; a lease that has just run out cuts everybody off."""
        was_live = room.gate is Gate.LIVE
        is_live = room.look(self._clock())
        if was_live and not is_live:
            self._cut(room)
            self.happenings.tell(SHIELDED, visit=room.visit, reason=LEASE_LOST)
        return is_live

    async def _look(self) -> None:
        looks = 0
        while True:
            await asyncio.sleep(LOOK_EACH_SECONDS)
            looks += 1
            for room in list(self._rooms.values()):
                self._is_live(room)
            if looks % REPORT_EACH == 0:
                self._report()

    def _report(self) -> None:
        for camera in self._cameras.values():
            camera.report()
        for (visit, _), viewer in self._viewers.items():
            seen = self._cameras.get(self._rooms[visit].camera)
            if seen is not None:
                viewer.report(seen.clocked)

    def _cut(self, room: Room) -> None:
        for participant in room.participants:
            viewer = self._viewers.get((room.visit, participant))
            if viewer is not None:
                viewer.cut()
        self._keep_what_is_seen(room.camera)

    def _keep_what_is_seen(self, name: str) -> None:
        camera = self._cameras.get(name)
        if camera is not None and not any(room.gate is Gate.LIVE for room in self._rooms_of(name)):
            camera.keep(False)

    def _rooms_of(self, camera: str) -> Sequence[Room]:
        return [room for room in self._rooms.values() if room.camera == camera]

    def _room(self, visit: str) -> Room:
        room = self._rooms.get(visit)
        if room is None:
            raise Refusal("room-unknown", next_step="none")
        return room

    def _ask_for_picture(self, name: str) -> None:
        camera = self._cameras.get(name)
        if camera is not None:
            camera.ask_for_picture()

    def _camera_ended(self, camera: Camera) -> None:
        if self._cameras.get(camera.name) is camera:
            del self._cameras[camera.name]
            self.happenings.tell(CAMERA_LOST, who=camera.name)
        self._end(camera.peer)

    def _viewer_ended(self, visit: str, participant: str, viewer: Viewer) -> None:
        if self._viewers.get((visit, participant)) is viewer:
            self.kick(visit, participant, "connection-lost")

    def _forget(self, visit: str, participant: str, reason: str) -> None:
        viewer = self._viewers.pop((visit, participant), None)
        if viewer is not None:
            self.happenings.tell(LEFT, visit=visit, who=participant, reason=reason)
            self._end(viewer.peer)

    def _end(self, peer: RawPeer) -> None:
        task = asyncio.ensure_future(peer.close())
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)
