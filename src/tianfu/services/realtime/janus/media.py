"""Live rooms on Janus.  What may pass is decided here, by the same rules as anywhere; Janus is told, and then asked."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import structlog

from tianfu.kernel.instants import Clock, Instant, system_clock
from tianfu.kernel.refusal import Refusal
from tianfu.services.realtime.embedded.happenings import Happenings
from tianfu.services.realtime.embedded.raw_peer import Label
from tianfu.services.realtime.janus import ends
from tianfu.services.realtime.janus.configuration import SESSION_SECONDS
from tianfu.services.realtime.janus.descriptions import is_candidate, ufrag_of
from tianfu.services.realtime.janus.ends import Feed, Place, Sender, Viewer
from tianfu.services.realtime.janus.line import JanusRefused, unavailable
from tianfu.services.realtime.janus.session import Handle, Session
from tianfu.services.realtime.port import (
    CAMERA_BACK,
    CAMERA_LOST,
    CLOSED,
    JOINED,
    LEFT,
    LIVE,
    SHIELDED,
    Happened,
    Quality,
)
from tianfu.services.realtime.protocol.cot import HeardBy, heard_by
from tianfu.services.realtime.protocol.parts import Part
from tianfu.services.realtime.protocol.rooms import LEASE_LOST, Gate, Room
from tianfu.services.realtime.protocol.talk import HEARS, SPEAKS
from tianfu.services.realtime.protocol.trickle import Trickle, malformed

CAMERA_AWAY = "camera-away"
NOT_CUT_OFF = "not-cut-off"
"""The reason of who was let go because Janus did not say in time that it sends him nothing more."""

LOOK_EACH_SECONDS = 0.05
EARLIER_SECONDS = 2.5
"""So much before its time a lease ends here: Janus must be told, and for a while sends again what it sent before.

At the lease's own time nothing passes, not even that.
"""

STAY_EACH_LOOKS = int(SESSION_SECONDS / 4 / LOOK_EACH_SECONDS)
CONNECT_SECONDS = 15.0
"""Who is not connected so long after his answer is let go; so is an offer that nobody has answered for so long."""

_log = structlog.get_logger("tianfu.media")


@dataclass(eq=False)
class _Offered:
    """An offer that waits for its answer; `viewer` is None while Janus makes it."""

    part: Part
    viewer: Viewer | None = None


@dataclass(eq=False)
class _Open:
    """A room, and the ends of who is in it.  One change at a time is told to Janus."""

    room: Room
    viewers: dict[str, Viewer] = field(default_factory=dict)
    voices: dict[str, Sender] = field(default_factory=dict)
    offered: dict[str, _Offered] = field(default_factory=dict)
    telling: asyncio.Lock = field(default_factory=asyncio.Lock)
    untold: list[tuple[str, str]] = field(default_factory=list)
    """What changed and why, told to others as soon as Janus has done it."""


class JanusMedia:
    """A `MediaPort` that offers first (`OffersFirst`), on the Janus whose configuration lies in `folder`.

    What it cannot promise: it sees no pictures, so that another device under a working camera's name takes its place at
    once; it begins ICE anew only with a new offer; and it sends whole pictures or none.

    It is the only one that speaks to its Janus.  As long as it lives, it ends leases; when it ends, Janus ends
    everything by itself, at once if the process is gone and after ten seconds if it only hangs.
    """

    def __init__(
        self, folder: Path, clock: Callable[[], float] = time.monotonic, *, dates: Clock = system_clock
    ) -> None:
        self._folder = folder
        self._clock = clock
        self._dates = dates
        self._connecting = asyncio.Lock()
        self._session: Session | None = None
        self._keeping: asyncio.Task[None] | None = None
        self._working: set[asyncio.Task[None]] = set()
        self._forget_all()

    def _forget_all(self) -> None:
        self._happenings = Happenings(self._dates)
        self._rooms: dict[str, _Open] = {}
        self._places: dict[str, Place] = {}
        self._cameras: dict[str, Sender] = {}

    async def open_room(self, visit: str, camera: str, *, lease_seconds: float) -> None:
        """As `MediaPort` has it."""
        await self._connected()
        if visit in self._rooms:
            raise Refusal("room-exists", next_step="none")
        room = Room(visit, camera, lease_until_seconds=0.0)
        room.renew(self._clock() + lease_seconds - EARLIER_SECONDS, at_seconds=self._clock())
        self._rooms[visit] = _Open(room)

    async def renew(self, visit: str, *, lease_seconds: float) -> None:
        """As `MediaPort` has it."""
        opened = await self._opened(visit)
        self._is_live(opened)
        now = self._clock()
        opened.room.renew(now + lease_seconds - EARLIER_SECONDS, at_seconds=now)

    async def whip(self, camera: str, offer: str) -> str:
        """As `MediaPort` has it."""
        session = await self._connected()
        place = await self._place(session, camera)
        made, answer = await ends.receive(session, place, offer, sound="ward", at_seconds=self._clock())
        made.handle.ended = lambda: self._camera_ended(camera, made)
        made.handle.connected = lambda: self._camera_connected(camera)
        before = self._cameras.get(camera)
        self._cameras[camera] = made
        if before is not None:
            self._shield_all(camera)
            await before.handle.detach()
        self._happenings.tell(CAMERA_BACK, who=camera)
        return answer

    async def whep(self, visit: str, participant: str, part: Part, offer: str) -> str:
        """Refused with `server-offers`: Janus's rooms take no viewer's offer.  See `whep_offer`."""
        opened = await self._opened(visit)
        self._camera_of(opened)
        raise Refusal("server-offers", next_step="take-the-offer")

    async def whep_offer(self, visit: str, participant: str, part: Part, *, may_speak: bool) -> str:
        """As `MediaPort` has it; see `OffersFirst`."""
        session = await self._connected()
        opened = await self._opened(visit)
        camera = self._camera_of(opened)
        self._take_back(opened, participant)
        offered = opened.offered[participant] = _Offered(part)
        try:
            place = await self._place(session, opened.room.camera)
            viewer, offer = await ends.offer_to(session, place, camera, at_seconds=self._clock())
        except BaseException:
            if opened.offered.get(participant) is offered:
                del opened.offered[participant]
            raise
        await self._refuse_overtaken(opened, participant, offered, viewer)
        viewer.handle.ended = lambda: self._viewer_ended(opened, participant, viewer)
        offered.viewer = viewer
        return offer

    async def whep_answer(self, visit: str, participant: str, answer: str) -> None:
        """As `MediaPort` has it; an answer that is not understood leaves the offer open."""
        opened = await self._opened(visit)
        offered = opened.offered.get(participant)
        if offered is None or offered.viewer is None:
            raise _not_in_room()
        viewer = offered.viewer
        async with opened.telling:
            if opened.offered.get(participant) is not offered:  # somebody was faster with his answer
                raise _not_in_room()
            await ends.begin(viewer, answer)
        await self._refuse_overtaken(opened, participant, offered, viewer)
        del opened.offered[participant]
        viewer.answered_at = self._clock()
        await self._let_go(opened, participant, "joined-again")
        if opened.room.is_closed:
            await viewer.handle.detach()
            raise Refusal("room-closed", next_step="none")
        opened.room.let_in(participant, offered.part)
        opened.viewers[participant] = viewer
        self._happenings.tell(JOINED, visit=visit, who=participant, reason=offered.part.value)
        viewer.handle.connected = lambda: self._viewer_connected(opened, viewer)
        if viewer.handle.is_up:
            self._viewer_connected(opened, viewer)
        await self._tell(opened)

    async def _refuse_overtaken(self, opened: _Open, participant: str, offered: _Offered, viewer: Viewer) -> None:
        """Raise Refusal if the room was closed meanwhile, or he was let go, or came once more."""
        latest = opened.offered.get(participant)
        if latest is offered:
            return
        await viewer.handle.detach()
        raise Refusal("already-in-room" if latest else "room-closed", next_step="none")

    def _take_back(self, opened: _Open, participant: str) -> None:
        """Make an offer void that nobody has answered."""
        offered = opened.offered.pop(participant, None)
        if offered is not None and offered.viewer is not None:
            self._later(offered.viewer.handle.detach())

    async def whip_trickle(self, camera: str, news: Trickle) -> str:
        """As `MediaPort` has it; raises `restart-not-taken` for other credentials than before."""
        await self._connected()
        made = self._cameras.get(camera)
        if made is None:
            raise _camera_away()
        return await self._learn_addresses(made.handle, made.ufrag, news)

    async def whep_trickle(self, visit: str, participant: str, news: Trickle) -> str:
        """As `whip_trickle`; for him who looks, not for his voice."""
        opened = await self._opened(visit)
        viewer = opened.viewers.get(participant)
        if viewer is None:
            raise _not_in_room()
        return await self._learn_addresses(viewer.handle, ufrag_of(viewer.answer), news)

    async def _learn_addresses(self, handle: Handle, ufrag: str, news: Trickle) -> str:
        if not all(is_candidate(each) for each in news.candidates):
            raise malformed()
        if news.ufrag != ufrag:
            raise Refusal("restart-not-taken", next_step="join-again")
        await handle.learn_addresses(news.candidates, is_last=news.is_last)
        return ""

    async def voice(self, visit: str, participant: str, offer: str) -> str:
        """As `OffersFirst` has it."""
        session = await self._connected()
        opened = await self._opened(visit)
        if _part(opened, participant) not in SPEAKS:
            raise Refusal("view-only", next_step="none")
        place = await self._place(session, opened.room.camera)
        made, answer = await ends.receive(session, place, offer, sound="voice", at_seconds=self._clock())
        if opened.room.part_of(participant) is None:
            await made.handle.detach()
            raise _not_in_room()
        made.handle.ended = lambda: self._voice_ended(opened, participant, made)
        made.handle.connected = lambda: self._later(self._tell(opened))
        before, opened.voices[participant] = opened.voices.get(participant), made
        await self._tell(opened)
        if before is not None:
            await before.handle.detach()
        return answer

    async def gate(self, visit: str, gate: Gate, reason: str) -> Instant:
        """As `MediaPort` has it; a shield returns when Janus itself has counted nothing more for a while."""
        opened = await self._opened(visit)
        room, now = opened.room, self._clock()
        if gate is Gate.SHIELDED:
            was_live, before = self._is_live(opened), room.shielded_for
            if was_live or before != reason:  # why the curtain is drawn is told to the family
                opened.untold.append((SHIELDED, reason))
            room.shield(reason)
            await self._tell(opened)
        else:
            self._camera_of(opened)
            room.go_live(at_seconds=now)
            opened.untold.append((LIVE, reason))
            await self._tell(opened)
            await self._ask_for_picture(opened)
        return self._dates()

    async def talk(self, visit: str, participant: str, *, is_pressed: bool) -> None:
        """As `MediaPort` has it."""
        opened = await self._opened(visit)
        if is_pressed:
            self._is_live(opened)
            _refuse_unheard(opened, participant)
            opened.room.press(participant, at_seconds=self._clock())
        else:
            opened.room.floor.release(participant)
        await self._tell(opened)

    async def heard_by(self, visit: str, participant: str) -> HeardBy:
        """As `MediaPort` has it; no camera lets voices sound, because Janus sends a publisher nothing."""
        opened = await self._opened(visit)
        can_hear = [who for who, each in opened.viewers.items() if "voice" in each.lines]
        return heard_by(opened.room, participant, can_hear=can_hear, has_loudspeaker=False)

    async def silence(self, visit: str, participant: str, *, is_silenced: bool) -> None:
        """As `MediaPort` has it."""
        opened = await self._opened(visit)
        opened.room.floor.silence(participant, is_silenced=is_silenced)
        await self._tell(opened)

    async def hear_ward(self, visit: str, *, is_heard: bool) -> None:
        """As `MediaPort` has it."""
        opened = await self._opened(visit)
        if opened.room.is_ward_heard is not is_heard:
            opened.room.is_ward_heard = is_heard
            await self._tell(opened)

    async def allow_stills(self, visit: str, *, are_allowed: bool) -> None:
        """As `MediaPort` has it; what is allowed is never done, because Janus sends whole pictures or none."""
        await self._opened(visit)

    async def unplug(self, camera: str) -> None:
        """As `MediaPort` has it; returns when Janus shows nothing more of it."""
        await self._connected()
        made = self._cameras.get(camera)
        if made is not None:
            self._camera_ended(camera, made)
            looking = [each for each in self._rooms.values() if each.room.camera == camera]
            await asyncio.gather(*map(self._tell, looking))

    async def kick(self, visit: str, participant: str) -> None:
        """As `MediaPort` has it."""
        await self._connected()
        opened = self._rooms.get(visit)
        if opened is not None:
            self._take_back(opened, participant)
            await self._let_go(opened, participant, "let-go")

    async def close(self, visit: str, reason: str) -> None:
        """As `MediaPort` has it."""
        await self._connected()
        opened = self._rooms.pop(visit, None)
        if opened is None:
            return
        opened.room.close(reason)
        for participant in list(opened.offered):
            self._take_back(opened, participant)
        await asyncio.gather(*(self._let_go(opened, each, reason) for each in list(opened.viewers)))
        self._happenings.tell(CLOSED, visit=visit, reason=reason)

    async def stats(self) -> Sequence[Quality]:
        """As `MediaPort` has it; what was lost is counted since he joined, and pauses of the picture are not."""
        await self._connected()
        looking = [(visit, who, each) for visit, opened in self._rooms.items() for who, each in opened.viewers.items()]
        return await asyncio.gather(*(_quality(visit, who, viewer) for visit, who, viewer in looking))

    async def life(self) -> str:
        """As `MediaPort` has it: a life lasts as long as our line to Janus, which forgets all with it."""
        await self._connected()
        return self._happenings.epoch

    async def events(self, after: int, epoch: str = "") -> Sequence[Happened]:
        """As `MediaPort` has it."""
        session = await self._connected()
        waiting = asyncio.ensure_future(self._happenings.after(after, epoch))
        try:
            ends_first: set[asyncio.Future[Any]] = {waiting, session.lost}
            await asyncio.wait(ends_first, return_when=asyncio.FIRST_COMPLETED)
            if not waiting.done():
                raise unavailable()
            return waiting.result()
        finally:
            waiting.cancel()

    def hang_up(self) -> None:
        """End the connection, and with it everything that Janus shows for us; safe to repeat."""
        if self._keeping is not None:
            self._keeping.cancel()
        for task in self._working:
            task.cancel()
        if self._session is not None:
            self._session.end()
            self._session = None
        self._forget_all()

    async def _connected(self) -> Session:
        async with self._connecting:
            if self._session is not None and not self._session.lost.done():
                return self._session
            self._forget_all()
            session = Session(self._folder)
            await session.begin()
            self._session = session
            session.lost.add_done_callback(lambda _: self._lost(session))
            if self._keeping is not None:
                self._keeping.cancel()
            self._keeping = asyncio.create_task(self._keep(session))
            return session

    def _lost(self, session: Session) -> None:
        if self._session is session:
            self._forget_all()

    async def _keep(self, session: Session) -> None:
        """End leases, let go of who never came, and tell Janus that we are there."""
        looks = 0
        while not session.lost.done():
            await asyncio.sleep(LOOK_EACH_SECONDS)
            looks += 1
            for opened in list(self._rooms.values()):
                self._is_live(opened)
            self._let_go_of_who_never_came()
            if looks % STAY_EACH_LOOKS == 0:
                self._later(session.stay())

    def _let_go_of_who_never_came(self) -> None:
        since = self._clock() - CONNECT_SECONDS
        for name, camera in list(self._cameras.items()):
            if camera.joined_at < since and not camera.handle.is_up:
                self._camera_ended(name, camera)
        for opened in list(self._rooms.values()):
            for who, viewer in list(opened.viewers.items()):
                if viewer.answered_at < since and not viewer.handle.is_up:
                    self._viewer_ended(opened, who, viewer)
            for who, offered in list(opened.offered.items()):
                if offered.viewer is not None and offered.viewer.joined_at < since:
                    self._take_back(opened, who)
            for who, voice in list(opened.voices.items()):
                if voice.joined_at < since and not voice.handle.is_up:
                    self._voice_ended(opened, who, voice)

    def _is_live(self, opened: _Open) -> bool:
        room = opened.room
        was_live = room.gate is Gate.LIVE
        is_live = room.look(self._clock())
        if was_live and not is_live:
            opened.untold.append((SHIELDED, LEASE_LOST))
            self._later(self._tell(opened))
        return is_live

    async def _tell(self, opened: _Open) -> None:
        """Tell Janus what each viewer of a room may see and hear now; what is told last is what holds."""
        async with opened.telling:
            untold, opened.untold = opened.untold, []
            await asyncio.gather(*(self._tell_viewer(opened, who, each) for who, each in opened.viewers.items()))
            for what, reason in untold:
                self._happenings.tell(what, visit=opened.room.visit, reason=reason)

    async def _tell_viewer(self, opened: _Open, who: str, viewer: Viewer) -> None:
        if not viewer.answer:
            return
        try:
            if opened.room.look(self._clock()):
                await self._show(opened, who, viewer)
            if not opened.room.look(self._clock()):  # it may have been drawn meanwhile
                await ends.silence(viewer)
                await ends.outlive_repeats(viewer)
        except (JanusRefused, Refusal) as refused:
            _log.warning("janus_did_not_obey", why=str(refused))
            await self._end_at_once(opened, who, viewer)

    async def _show(self, opened: _Open, who: str, viewer: Viewer) -> None:
        camera = self._cameras.get(opened.room.camera)
        part = opened.room.part_of(who)
        if camera is None or part is None or not camera.handle.is_up:
            return
        if camera.codec != viewer.codec:
            self._viewer_ended(opened, who, viewer)
            return
        speaker = opened.room.floor.speaker
        voice = opened.voices.get(speaker) if speaker is not None and speaker != who else None
        is_heard = (
            voice is not None and voice.handle.is_up and speaker is not None and opened.room.floor.hears(part, speaker)
        )
        wanted = ends.heard_by(
            list(viewer.lines), is_live=True, is_ward_heard=opened.room.is_ward_heard, hears_voice=is_heard
        )
        leads: dict[Label, Feed] = {label: feed for label, feed in camera.feeds.items() if wanted.get(label)}
        if voice is not None and is_heard:
            leads["voice"] = voice.feeds["voice"]
        viewer.is_open = True
        await ends.lead(viewer, leads)
        await ends.send(viewer, wanted)
        await viewer.handle.ask({"request": "start"})

    async def _end_at_once(self, opened: _Open, who: str, viewer: Viewer) -> None:
        """Let go of somebody to whom Janus may still send; if it does not even do that, of everybody."""
        try:
            await viewer.handle.detach()
        except Refusal:
            if self._session is not None:
                self._session.end()
            raise
        if opened.viewers.get(who) is viewer:
            del opened.viewers[who]
            opened.room.leave(who)
            self._happenings.tell(LEFT, visit=opened.room.visit, who=who, reason=NOT_CUT_OFF)

    def _shield_all(self, camera: str) -> None:
        """Draw the curtain of all rooms on a camera: what comes under its name now may hang elsewhere."""
        for opened in self._rooms.values():
            if opened.room.camera == camera and self._is_live(opened):
                opened.room.shield(CAMERA_AWAY)
                opened.untold.append((SHIELDED, CAMERA_AWAY))
                self._later(self._tell(opened))

    async def _ask_for_picture(self, opened: _Open) -> None:
        camera = self._cameras.get(opened.room.camera)
        if camera is not None and self._is_live(opened):
            await camera.handle.ask({"request": "configure", "keyframe": True})

    async def _let_go(self, opened: _Open, who: str, reason: str) -> None:
        opened.room.leave(who)
        viewer, voice = opened.viewers.pop(who, None), opened.voices.pop(who, None)
        if viewer is not None and viewer.answer:
            self._happenings.tell(LEFT, visit=opened.room.visit, who=who, reason=reason)
        if viewer is not None:
            await _cut_off(viewer)
        if voice is not None:
            await self._tell(opened)
            await voice.handle.detach()

    def _camera_connected(self, name: str) -> None:
        for opened in self._rooms.values():
            if opened.room.camera == name:
                self._later(self._tell(opened))

    def _camera_ended(self, name: str, camera: Sender) -> None:
        if self._cameras.get(name) is camera:
            del self._cameras[name]
            self._happenings.tell(CAMERA_LOST, who=name)
            self._shield_all(name)
        self._later(camera.handle.detach())

    def _viewer_connected(self, opened: _Open, viewer: Viewer) -> None:
        if viewer.connected_at is None:
            viewer.connected_at = self._clock()
        self._later(self._ask_for_picture(opened))

    def _viewer_ended(self, opened: _Open, who: str, viewer: Viewer) -> None:
        offered = opened.offered.get(who)
        if offered is not None and offered.viewer is viewer:
            self._take_back(opened, who)
        elif opened.viewers.get(who) is viewer:
            self._later(self._let_go(opened, who, "connection-lost"))

    def _voice_ended(self, opened: _Open, who: str, voice: Sender) -> None:
        if opened.voices.get(who) is voice:
            del opened.voices[who]
            opened.room.floor.release(who)
            self._later(self._tell(opened))
        self._later(voice.handle.detach())

    async def _opened(self, visit: str) -> _Open:
        await self._connected()
        opened = self._rooms.get(visit)
        if opened is None:
            raise Refusal("room-unknown", next_step="none")
        return opened

    def _camera_of(self, opened: _Open) -> Sender:
        camera = self._cameras.get(opened.room.camera)
        if camera is None:
            raise _camera_away()
        return camera

    async def _place(self, session: Session, camera: str) -> Place:
        async with self._connecting:
            if camera not in self._places:
                self._places[camera] = await ends.make_place(session)
            return self._places[camera]

    def _later(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(self._done(work))
        self._working.add(task)
        task.add_done_callback(self._working.discard)

    async def _done(self, work: Awaitable[None]) -> None:
        try:
            await work
        except (JanusRefused, Refusal) as refused:
            _log.warning("janus_refused", why=str(refused))


async def _cut_off(viewer: Viewer) -> None:
    """End a connection, after nothing is sent over it any more."""
    try:
        await ends.silence(viewer)
    except JanusRefused:  # it is gone already
        pass
    finally:
        await viewer.handle.detach()


async def _quality(visit: str, who: str, viewer: Viewer) -> Quality:
    sent = await viewer.handle.sent()
    lost = min(sent.lost / sent.packets, 1.0) if sent.packets else 0.0
    joined = viewer.connected_at
    return Quality(
        visit=visit,
        participant=who,
        packets=sent.packets,
        lost_fraction=max(lost, 0.0),
        join_ms=None if joined is None else round(1_000 * (joined - viewer.joined_at)),
        round_trip_ms=sent.round_trip_ms,
        bits_per_second=8 * sent.bytes_last_second,
    )


def _refuse_unheard(opened: _Open, participant: str) -> None:
    """Raise Refusal `voice-not-carried` if nobody who should hear a voice has a line for it.

    Janus makes no line out of nothing: without the camera's sound there is none, and nobody shall believe that he is
    heard who is not.
    """
    speaks = opened.room.part_of(participant)
    parts = [(opened.room.part_of(who), each) for who, each in opened.viewers.items() if who != participant]
    should_hear = [viewer for part, viewer in parts if part is not None and speaks in HEARS[part]]
    if should_hear and not any("voice" in viewer.lines for viewer in should_hear):
        raise Refusal("voice-not-carried", next_step="none")


def _part(opened: _Open, participant: str) -> Part:
    part = opened.room.part_of(participant)
    if part is None:
        raise _not_in_room()
    return part


def _camera_away() -> Refusal:
    return Refusal(CAMERA_AWAY, next_step="wait", retryable=True)


def _not_in_room() -> Refusal:
    return Refusal("not-in-room", next_step="join-again")
