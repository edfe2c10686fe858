"""Keeps every registered camera pulled and watched over; one that is dead, slow or mad disturbs no other.

Each has a task and a child of its own.  What changes in the table is seen within a second.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace

import structlog

from tianfu.kernel.instants import SECOND, Clock, Instant
from tianfu.kernel.refusal import Refusal, place_of
from tianfu.services.realtime.cameras.pulling import pull, refuse_unfit_source
from tianfu.services.realtime.cameras.registry import Cameras, Health, Kept, Kind, State
from tianfu.services.realtime.cameras.source import Source
from tianfu.services.realtime.port import CameraPulse, Intake
from tianfu.services.realtime.protocol.camera_profile import GROUP_SECONDS_MAX, whole_pictures_rare

LOOK_SECONDS = 1.0
TELL_EACH = 3
"""Every so many looks it is written down how it stands; sooner where it changed."""

KEYS_EACH = 60
"""Every so many looks it is learnt which keys there are: what an older one sealed is then sealed anew."""

PAUSE_SECONDS_FIRST = 0.5
PAUSE_SECONDS_MAX = 30.0
STEADY_SECONDS = 20.0
"""A camera that was pulled so long is looked for again without a pause."""

SILENT_SECONDS = 3.0
BEGIN_SECONDS = 15.0
"""A child that has brought no picture so long after its start is ended."""

SHORT_MAX = 2
"""A camera that was pulled with its sound so often, and never steadily, is pulled once without: it may be the sound."""

LOOKS_AT_ONCE = 4
"""So many cameras are looked at at one time: after a power cut all come back together."""

_log = structlog.get_logger("tianfu.cameras")


class Keeper:
    """Pulls the cameras of an installation into its media server."""

    def __init__(self, cameras: Cameras, intake: Intake, *, clock: Clock) -> None:
        self._cameras = cameras
        self._intake = intake
        self._clock = clock
        self._tended: dict[str, _Tended] = {}
        self._looks = asyncio.Semaphore(LOOKS_AT_ONCE)
        self._told: dict[str, tuple[State, str]] = {}

    async def run(self) -> None:
        """Keep on until cancelled; then every child is ended."""
        looks = 0
        try:
            while True:
                try:
                    if looks % KEYS_EACH == 0:
                        await asyncio.to_thread(self._cameras.learn_keys)
                    await self._look(tells=looks % TELL_EACH == 0)
                except Refusal as refusal:  # the database is away: what is pulled stays pulled
                    _log.error("cameras_not_looked_at", reason=refusal.code)
                looks += 1
                await asyncio.sleep(LOOK_SECONDS)
        finally:
            await asyncio.gather(*(each.end() for each in self._tended.values()))

    async def _look(self, *, tells: bool) -> None:
        kept = {each.camera: each for each in await self._cameras.kept()}
        for camera in list(self._tended):
            if camera not in kept or not self._tended[camera].still_fits(kept[camera]):
                await self._tended.pop(camera).end()
        for camera, each in kept.items():
            if each.is_on and camera not in self._tended:
                self._tended[camera] = self._begun(each)
            await self._seal_anew(each)
        pulses = await self._pulses()
        health = [each.seen(pulses, self._clock()) for each in self._tended.values()]
        now_said = {each.camera: (each.state, each.reason) for each in health}
        if health and (tells or now_said != self._told):
            await self._cameras.tell(health)
            self._told = now_said

    def _begun(self, kept: Kept) -> _Tended:
        if kept.kind is not Kind.RTSP:
            return _Tended(kept, None, self._clock())
        return _Pulled(kept, self)

    async def _pulses(self) -> Mapping[str, CameraPulse]:
        try:
            return {each.camera: each for each in await self._intake.cameras()}
        except Refusal:
            return {}

    async def _seal_anew(self, kept: Kept) -> None:
        try:
            await self._cameras.seal_anew(kept)
        except Refusal as refusal:
            _log.error("camera_not_sealed_anew", camera=kept.camera, reason=refusal.code)


class _Tended:
    """A camera that is watched over; a cart comes by itself."""

    def __init__(self, kept: Kept, task: asyncio.Task[None] | None, now: Instant) -> None:
        self.kept = kept
        self.task = task
        self.health = Health(
            camera=kept.camera,
            state=State.CONNECTING if task else State.AWAY,
            reason="",
            since=now,
            packet_at=None,
            pictures_per_second=0.0,
            group_seconds=None,
            reconnects=0,
        )

    def still_fits(self, kept: Kept) -> bool:
        """Whether nothing changed but by whom it is sealed."""
        return kept.is_on and (kept.revision, kept.kind) == (self.kept.revision, self.kept.kind)

    def seen(self, pulses: Mapping[str, CameraPulse], now: Instant) -> Health:
        """How it stands, by what the media server hears of it."""
        pulse = pulses.get(self.kept.camera)
        if pulse is None:
            self.health = replace(self.health, pictures_per_second=0.0)
            if self.health.state is State.HEALTHY:
                self.stand(State.AWAY, "camera-away", now)
            return self.health
        if pulse.packets and pulse.silent_seconds < SILENT_SECONDS:
            self.stand(State.HEALTHY, "", now)
        elif self.health.state is State.HEALTHY:
            self.stand(State.AWAY, "camera-away", now)
        heard_at = Instant(now - int(pulse.silent_seconds * SECOND)) if pulse.packets else self.health.packet_at
        self.health = replace(
            self.health,
            packet_at=heard_at,
            pictures_per_second=round(pulse.pictures_per_second, 1),
            group_seconds=pulse.group_seconds,
        )
        return self.health

    def stand(self, state: State, reason: str, now: Instant) -> None:
        """It stands so from now on, unless it did already."""
        if (self.health.state, self.health.reason) != (state, reason):
            self.health = replace(self.health, state=state, reason=reason, since=now)
            _log.info("camera_state", camera=self.kept.camera, state=state.value, reason=reason)

    async def end(self) -> None:
        """Let it go, and its child."""
        if self.task is not None:
            self.task.cancel()
            with suppress(asyncio.CancelledError):
                await self.task


class _Pulled(_Tended):
    """A camera that is pulled by a child of its own."""

    def __init__(self, kept: Kept, keeper: Keeper) -> None:
        self._keeper = keeper
        self._started_at: float | None = None
        self._pulling: asyncio.Task[Refusal] | None = None
        self._unfit: Refusal | None = None
        self._sound = ""
        """The codec of what it hears, as the last look has seen it."""
        self._short = 0
        """How often it was pulled with its sound since that last went well."""
        super().__init__(kept, asyncio.create_task(self._tend()), keeper._clock())

    def seen(self, pulses: Mapping[str, CameraPulse], now: Instant) -> Health:
        """As above; and a child that brings nothing, or whole pictures too rarely, is ended."""
        if self._pulling is None:
            return self.health
        pulse = pulses.get(self.kept.camera)
        begun = asyncio.get_running_loop().time() - (self._started_at or 0.0)
        if (pulse is None or not pulse.packets) and begun > BEGIN_SECONDS:
            self._pulling.cancel()
        if pulse is not None and pulse.group_seconds is not None and pulse.group_seconds > 2 * GROUP_SECONDS_MAX:
            self._unfit = whole_pictures_rare(pulse.group_seconds)
            self._pulling.cancel()
        if pulse is None:
            return self.health
        return super().seen(pulses, now)

    async def _tend(self) -> None:
        pause = PAUSE_SECONDS_FIRST
        looked_well = False
        loop = asyncio.get_running_loop()
        while True:
            began = loop.time()
            ended = await self._once(is_known=looked_well)
            now = self._keeper._clock()
            was_pulled = self._started_at is not None
            steady = self._started_at is not None and loop.time() - self._started_at > STEADY_SECONDS
            self._started_at = None
            is_refused = ended.next_step == "change-the-camera"
            self.stand(State.REFUSED if is_refused else State.AWAY, ended.code, now)
            # The media server went, not the camera: it is the same one that was looked at a moment ago.
            looked_well = ended.code == "media-unavailable" and (was_pulled or looked_well)
            if was_pulled and not looked_well:
                self._short = 0 if steady or not self._fetched else self._short + 1
            if steady or looked_well:
                pause = PAUSE_SECONDS_FIRST
            await asyncio.sleep(max(0.0, pause - (loop.time() - began) if steady else pause))
            pause = min(2 * pause, PAUSE_SECONDS_MAX)
            self.health = replace(self.health, reconnects=self.health.reconnects + 1)

    async def _once(self, *, is_known: bool) -> Refusal:
        """Look at it and pull it until it ends; why it did."""
        try:
            await self._keeper._cameras.refuse_unsettled(self.kept)
            source = self._keeper._cameras.source(self.kept)
            if not is_known:
                async with self._keeper._looks:
                    had_few = self.health.reason == "camera-whole-pictures"
                    is_thorough = had_few or self.health.packet_at is None
                    self._sound = (await refuse_unfit_source(source, is_thorough=is_thorough)).sound
            self._started_at = asyncio.get_running_loop().time()
            return await self._pulled(source)
        except Refusal as refusal:
            return refusal
        except Exception as error:
            _log.error("camera_failed", camera=self.kept.camera, error=place_of(error))
            return Refusal("camera-away", next_step="wait", retryable=True)

    @property
    def _fetched(self) -> str:
        """The codec of the sound that is fetched; empty for none."""
        return self._sound if self._short < SHORT_MAX else ""

    async def _pulled(self, source: Source) -> Refusal:
        self._unfit = None
        sound = self._fetched
        _log.info("camera_pulled", camera=self.kept.camera, sound=sound or "none", had_sound=bool(self._sound))
        self._pulling = asyncio.create_task(
            pull(self.kept.camera, source, self._keeper._intake, sound=sound, now=self._keeper._clock())
        )
        try:
            ended = await self._pulling
            return ended if await self._media_stands() else _media_away()
        except asyncio.CancelledError:
            if self.task is not None and self.task.cancelling():
                raise
            return self._unfit or Refusal("camera-away", next_step="wait", retryable=True)
        finally:
            pulling, self._pulling = self._pulling, None
            if pulling is not None and not pulling.done():
                pulling.cancel()
                with suppress(asyncio.CancelledError):
                    await pulling

    async def _media_stands(self) -> bool:
        try:
            await self._keeper._intake.cameras()
        except Refusal:
            return False
        return True


def _media_away() -> Refusal:
    return Refusal("media-unavailable", next_step="send-again-later", retryable=True)
