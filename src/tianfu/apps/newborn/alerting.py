"""Looks again and again whether live visits go well, and raises and ends alerts.  Rule: docs/rules/newborn-quality.md

Every worker runs this and one of them looks at a time, so that it does not hang on the keeper of visits, of whose
silence it tells.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import structlog

from tianfu.apps.newborn.live.standing import read
from tianfu.apps.newborn.model.alerts import CameraSign, LossSign, Rule, Signs, changed, raised, rule
from tianfu.apps.newborn.quality_ports import Observatory
from tianfu.kernel.instants import DAY, SECOND, Instant
from tianfu.kernel.refusal import Refusal, place_of
from tianfu.services.realtime.cameras.registry import Health, State
from tianfu.services.realtime.kept import KeptRoom

HOUR = 3_600 * SECOND

_log = structlog.get_logger("tianfu.newborn")


async def keep_alerting(observatory: Observatory) -> None:
    """Look again and again; goes on until cancelled."""
    seconds = rule().look_seconds
    while True:
        try:
            await look(observatory)
        except Exception as error:
            _log.error("quality_not_looked_at", error=place_of(error))
        await asyncio.sleep(seconds)


async def look(observatory: Observatory) -> bool:
    """Look once, raise what is wrong and end what is over; no if another worker looked just now.

    Each beginning and each end is told once in the log.
    """
    by, now, book = rule(), observatory.house.clock(), observatory.book
    heard = await book.take_turn(now=now, before=Instant(now - by.look_seconds * SECOND // 2))
    if heard is None:
        return False
    signs = await _signs(observatory, by, heard, now)
    standing = {(each.kind, each.about): each for each in await book.standing()}
    change = changed(standing, raised(by, signs, now=now))
    for each in change.begins:
        if await book.begin(each.kind.value, each.about, each.ward, rule=by.version, since=each.since):
            _log.warning("quality_alert_began", kind=each.kind.value, about=each.about, ward=each.ward)
    for key in change.ends:
        alert = standing[key]
        if await book.end(alert.id, now=now):
            _log.info("quality_alert_ended", kind=alert.kind, about=alert.about, ward=alert.ward)
    await book.forget(before=Instant(now - by.keep_days * DAY))
    return True


async def _signs(observatory: Observatory, by: Rule, heard: tuple[Instant, Instant], now: Instant) -> Signs:
    book = observatory.book
    is_up, is_kept = await _media_lives(observatory, now), await book.is_kept()
    await book.heard_of(media=is_up, keeper=is_kept, now=now)
    media_heard_at, keeper_heard_at = heard
    rooms = [each for each in await observatory.house.rooms.at_work() if not each.is_over]
    losses = await book.losses(since=Instant(now - by.loss_seconds * SECOND))
    return Signs(
        media_heard_at=now if is_up else media_heard_at,
        keeper_heard_at=now if is_kept else keeper_heard_at,
        cameras=_wanted(rooms, await observatory.cameras.health(), now) if rooms else (),
        joins=await book.last_joins(since=Instant(now - by.joins_within_hours * HOUR), limit=by.joins),
        losses=[LossSign(ward=ward, rows=rows, lost=lost) for ward, rows, lost in losses],
    )


async def _media_lives(observatory: Observatory, now: Instant) -> bool:
    try:
        epoch = await observatory.house.media.life()
    except Refusal:
        return False
    await observatory.book.lives(epoch, now=now)
    return True


def _wanted(rooms: Sequence[KeptRoom], health: Sequence[Health], now: Instant) -> list[CameraSign]:
    """The cameras of visits at the bed whose slot runs, and since when no picture comes from them."""
    known = {each.camera: each for each in health}
    signs = []
    for room in rooms:
        visit = read(room.state).visit
        stands = known.get(room.camera)
        if stands is not None and visit.slot_start <= now < visit.slot_end:
            last = Instant(max(stands.since, stands.packet_at or 0))
            away = None if stands.state is State.HEALTHY else last
            signs.append(CameraSign(camera=room.camera, ward=room.ward, away_since=away))
    return signs
