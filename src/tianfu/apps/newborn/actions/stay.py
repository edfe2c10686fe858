"""A page that watches says again and again that it does, and answers for its watermark; what it does not is let go.

Rule: docs/rules/newborn-watching.md
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

import structlog

from tianfu.access.caller import Caller
from tianfu.apps.newborn.actions.speak import ASKED_SECONDS, take_floor
from tianfu.apps.newborn.live.silence import Silence
from tianfu.apps.newborn.mapping.codes import VISITS
from tianfu.apps.newborn.model.watermark import (
    STEP_SECONDS,
    STEPS_BACK,
    Watermark,
    is_shown,
    watermark_at,
)
from tianfu.apps.newborn.queries.family_visit import (
    INVITATION_OVER,
    AtDoor,
    BedNurse,
    Coming,
    Expert,
    Watcher,
    coming_to,
)
from tianfu.apps.newborn.visit_ports import Windows
from tianfu.kernel.instants import SECOND, Instant
from tianfu.kernel.refusal import Refusal, place_of
from tianfu.services.realtime.protocol.talk import SPEAKS
from tianfu.services.realtime.viewers import SHOWS, VIEWERS_MAX, Arrival, Viewer
from tianfu.web.formats import Formats

WATCH_SECONDS = 1.0
NUMBER_MAX = 3_600_000
STEP = STEP_SECONDS * SECOND
WATERMARK_MISSING, PAGE_SILENT, NO_LONGER, LEFT = "watermark-missing", "page-silent", "no-longer-invited", "left"

_log = structlog.get_logger("tianfu.newborn")


def marks_of(watcher: Watcher, key: str, formats: Formats, *, now: Instant) -> list[Watermark]:
    """The watermark that a page shows now, and those of the last steps, the newest first.

    It says a person's name and the end of his number, or that it is a station's and of which ward.
    """
    if isinstance(watcher, AtDoor):
        name, tail = formats.language.say("door.watermark"), watcher.ward
    else:
        account = watcher.signed_in.account if isinstance(watcher, Expert | BedNurse) else watcher.account
        name, tail = account.name, account.number[-4:]
    instants = [Instant(now - back * STEP) for back in range(STEPS_BACK + 1)]
    return [watermark_at(key, name, tail, formats.time(each), each) for each in instants]


@dataclass(frozen=True, slots=True, kw_only=True)
class Staying:
    """Who stays; `may_speak` is None while it is not asked, and for who never spoke."""

    viewer: Viewer
    may_speak: bool | None = None


async def stay(windows: Windows, watcher: Watcher, visit: str, answer: str, formats: Formats) -> Staying | None:
    """Take a page's answer for its watermark; None for who is not in the visit (any more).

    An answer that is not that of a page with the watermark lets its viewer go at once, before this returns; a voice
    that the family does not agree to any more loses the floor.  Over a nurse's picture stands none: at the bed she sees
    the baby itself.
    """
    now, viewers = windows.nursery.clock(), windows.viewers
    participant = windows.grants.participant(visit, watcher.caller.id)
    viewer = await viewers.find(visit, participant)
    if viewer is None or viewer.is_away:
        return None
    key = viewers.mark(visit, participant)
    if not isinstance(watcher, BedNurse) and not is_shown(key, answer, marks_of(watcher, key, formats, now=now)):
        await let_go(windows, VISITS, viewer, WATERMARK_MISSING, is_fault=True)
        return None
    may_speak: bool | None = None
    if viewer.heard_at // STEP != now // STEP:
        coming = await _coming(windows, watcher, visit)
        if coming is None or not coming.may_see:
            await let_go(windows, VISITS, viewer, NO_LONGER)
            return None
        if viewer.part in SPEAKS:
            may_speak = coming.may_speak
            if not may_speak:
                with suppress(TimeoutError):  # tried again in the next step: the beat must tell of the curtain in time
                    async with asyncio.timeout(ASKED_SECONDS):
                        await take_floor(windows, visit, participant)
    return Staying(viewer=viewer, may_speak=may_speak) if await viewers.heard(visit, participant, now=now) else None


async def _coming(windows: Windows, watcher: Watcher, visit: str) -> Coming | None:
    """As what he would be let in now, or None; asked once in each step of the watermark."""
    try:
        return await coming_to(windows, watcher, visit)
    except Refusal as refusal:
        if refusal.code not in {"not-found", INVITATION_OVER}:
            raise
        return None


async def leave(windows: Windows, watcher: Watcher, visit: str) -> None:
    """A page that is hidden or closed watches no more; nothing happens if it did not."""
    participant = windows.grants.participant(visit, watcher.caller.id)
    viewer = await windows.viewers.find(visit, participant)
    if viewer is not None and not viewer.is_away:
        await let_go(windows, viewer.caller, viewer, LEFT)


async def let_go(windows: Windows, by: Caller, viewer: Viewer, reason: str, *, is_fault: bool = False) -> None:
    """Take back what let a viewer in, and only then say that he is away: what failed is tried again.

    Who came in anew meanwhile, or was heard of, is not away.  Raises Refusal `media-unavailable`.
    """
    await windows.grants.revoke_person(by, viewer.caller.id, reason, visit=viewer.visit)
    await windows.viewers.goes(viewer.visit, viewer.participant, is_fault=is_fault, unheard_since=viewer.heard_at)


async def arrives(windows: Windows, viewer: Viewer, form: Mapping[str, str]) -> None:
    """Keep the numbers that a page says of its connection; what is no number of these counts as none."""
    numbers = {name: _number(form[name]) for name in ("join_ms", "freezes", "frozen_ms", "lost_permille", "rtt_ms")}
    shows = form["shows"] if form["shows"] in SHOWS else "nothing"
    numbers["lost_permille"] = min(1_000, numbers["lost_permille"])
    delay_ms = _number(form["delay_ms"]) or None  # a page that was sent no picture estimates nothing
    arrival = Arrival(**numbers, shows=shows, delay_ms=delay_ms)
    await windows.viewers.arrives(viewer.visit, viewer.participant, arrival, at=windows.nursery.clock())


async def let_silent_go(windows: Windows, silence: Silence) -> None:
    """Let everybody go whose page was not heard of for `SILENT_SECONDS`: nobody knows what it shows.

    Raises the first Refusal `media-unavailable` when all were tried.
    """
    failed: list[Refusal] = []
    here = await windows.viewers.here()
    if len(here) >= VIEWERS_MAX:
        _log.warning("too_many_viewers", count=len(here))
    for viewer in silence.silent(here, now=windows.nursery.clock()):
        try:
            await let_go(windows, VISITS, viewer, PAGE_SILENT)
        except Refusal as refusal:
            failed.append(refusal)
    if failed:
        raise failed[0]


async def watch_pages(windows: Windows) -> None:
    """Do so again and again; goes on until cancelled."""
    silence = Silence(windows.house.monotonic)
    while True:
        await asyncio.sleep(WATCH_SECONDS)
        try:
            await let_silent_go(windows, silence)
        except Refusal as refusal:
            _log.warning("silent_pages_not_let_go", code=refusal.code)
        except Exception as error:
            _log.error("silent_pages_not_let_go", error=place_of(error))


def _number(text: str) -> int:
    return min(NUMBER_MAX, int(text)) if text.isascii() and text.isdigit() and len(text) <= 9 else 0
