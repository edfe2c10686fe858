"""Screen: how live visits go, now, today and in the last days.  No name of a family or a baby is ever read for it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from tianfu.access.caller import Caller
from tianfu.access.purpose import Purpose
from tianfu.apps.newborn.live.listening import FIRST_LEVEL
from tianfu.apps.newborn.live.standing import read
from tianfu.apps.newborn.mapping.codes import BED_CODE, VISITS
from tianfu.apps.newborn.mapping.visits import Element, id_in
from tianfu.apps.newborn.mapping.wards import bed_of_camera, is_bed
from tianfu.apps.newborn.model.alerts import Rule, rule
from tianfu.apps.newborn.model.visit import State
from tianfu.apps.newborn.quality_ports import Observatory
from tianfu.kernel.ids import record_number
from tianfu.kernel.instants import DAY, SECOND, Instant, china_date, day_start
from tianfu.kernel.refusal import Refusal
from tianfu.records.outcomes import Found
from tianfu.services.realtime.cameras.registry import Health
from tianfu.services.realtime.kept import KeptRoom
from tianfu.services.realtime.port import Quality
from tianfu.services.realtime.quality import Alert, Figures, Life, SlowJoin

WHY = Purpose.SYSTEM_ADMINISTRATION
WEEK = 7 * DAY
SHIELDED = frozenset({State.ARMED, State.SHIELDED})
SLOWEST = 5
WATCHING_MAX = 100
TOLD_SECONDS = 30
"""What a page told longer ago of how old its picture was says nothing of now."""
"""So many viewers are listed; how many there are stands above."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ward:
    """A ward below the reader's organisation."""

    id: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Camera:
    """A camera, by what is printed on its bed; `bed` and `ward` are empty where the record says none."""

    bed: str
    ward: str
    health: Health


@dataclass(frozen=True, slots=True, kw_only=True)
class Slow:
    """The slowest join of one visit of today."""

    visit: str
    bed: str
    ward: str
    join_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Watching:
    """One viewer of a visit whose picture is open now, and how it reaches him: what the media server says.

    `delay_ms` is how old the picture is, as his own page estimates it; 0 where it could not.
    """

    visit: str
    bed: str
    ward: str
    quality: Quality
    delay_ms: int

    @property
    def is_less(self) -> bool:
        """Whether he is sent less than all of the picture."""
        return self.quality.level != FIRST_LEVEL


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """An alert with the names of what it is about; `where` is a bed's code or a ward's name."""

    alert: Alert
    where: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Media:
    """The media server: up or not, since when, and how often it began anew in seven days."""

    is_up: bool
    since: Instant | None
    restarts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Live:
    """What is going on now; `lost` is the share of packets that viewers lost, None without viewers."""

    media: Media
    is_kept: bool
    rooms_live: int
    rooms_shielded: int
    viewers: int
    packets: int
    lost: float | None
    cameras: tuple[Camera, ...]
    slowest: tuple[Slow, ...]
    watching: tuple[Watching, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """The figures of one ward."""

    ward: str
    figures: Figures


@dataclass(frozen=True, slots=True, kw_only=True)
class QualityPage:
    """All that the page shows, at one instant."""

    now: Instant
    rule: Rule
    is_watched: bool
    standing: tuple[Shown, ...]
    ended: tuple[Shown, ...]
    live: Live
    today: tuple[Account, ...]
    week: tuple[Account, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Places:
    """Wards below the reader's organisation by id, and of their beds the printed codes and wards by id."""

    wards: Mapping[str, str]
    beds: Mapping[str, tuple[str, str]]
    cameras: Mapping[str, str]

    def ward_of(self, camera: str) -> str:
        return self.beds.get(self.cameras.get(camera, ""), ("", ""))[1]

    def bed_code(self, bed: str) -> str:
        return self.beds.get(bed, ("", ""))[0]


async def read_quality(observatory: Observatory, caller: Caller) -> QualityPage:
    """The page for a system administrator: all of the installation, and the wards below his organisation."""
    house, book, by = observatory.house, observatory.book, rule()
    now = house.clock()
    today = day_start(china_date(now))
    health = await observatory.cameras.health()
    rooms = [each for each in await house.rooms.at_work() if not each.is_over]
    days, week = await book.figures(since=today), await book.figures(since=Instant(now - WEEK))
    standing, ended = await book.standing(), await book.ended_since(Instant(now - DAY))
    slow = await book.worst_joins(since=today)
    wards = {room.ward for room in rooms} | {each.ward for each in (*days, *week)} | {each.ward for each in slow}
    wards |= {each.ward for each in (*standing, *ended) if each.ward}
    states = [*(each.state for each in slow), *(each.state for each in rooms)]
    beds = {read(each).bed for each in states} - {""}
    cameras = {each.camera for each in health} | {each.about for each in (*standing, *ended) if each.about not in wards}
    places = await _places(observatory, caller, wards, beds, cameras - {""})
    look = await book.last_look()
    return QualityPage(
        now=now,
        rule=by,
        is_watched=look is not None and now - look.looked_at < 4 * by.look_seconds * SECOND,
        standing=_shown(standing, places),
        ended=_shown(ended, places),
        live=await _live(observatory, places, rooms, health, slow, now),
        today=_accounts(days, places),
        week=_accounts(week, places),
    )


async def count_alerts(observatory: Observatory, caller: Caller) -> int:
    """How many alerts of the reader's stand that nobody noted; one question where none does."""
    waiting = [each for each in await observatory.book.standing() if each.noted_at is None]
    wards = {each.ward for each in waiting} - {""}
    hers = (await _wards(observatory, caller, wards)) if wards else {}
    return sum(not each.ward or each.ward in hers for each in waiting)


async def alert_of(observatory: Observatory, caller: Caller, alert: str) -> Alert:
    """An alert that stands, if it is of the whole installation or of a ward of the reader's.

    Raises Refusal `not-found`.
    """
    found = await observatory.book.find(alert)
    if found is None or found.until is not None:
        raise Refusal("not-found", next_step="start-again")
    if found.ward and not await _wards(observatory, caller, {found.ward}):
        raise Refusal("not-found", next_step="start-again")
    return found


async def _live(
    observatory: Observatory,
    places: _Places,
    rooms: Sequence[KeptRoom],
    health: Sequence[Health],
    slow: Sequence[SlowJoin],
    now: Instant,
) -> Live:
    hers = {each.visit: read(each.state).visit.state for each in rooms if each.ward in places.wards}
    open_now = {each.visit: each for each in rooms if hers.get(each.visit) is State.LIVE}
    life = await observatory.book.last_life(after=Instant(now - WEEK))
    stats = await _stats(observatory)
    seen = [each for each in stats or () if each.visit in hers]
    packets = sum(each.packets for each in seen)
    told_since = Instant(now - TOLD_SECONDS * SECOND)
    delays = await observatory.book.last_delays(sorted(open_now), since=told_since) if open_now else {}
    return Live(
        media=_media(life, is_up=stats is not None),
        is_kept=await observatory.book.is_kept(),
        rooms_live=sum(each is State.LIVE for each in hers.values()),
        rooms_shielded=sum(each in SHIELDED for each in hers.values()),
        viewers=len(seen),
        packets=packets,
        lost=sum(each.lost_fraction * each.packets for each in seen) / packets if packets else None,
        cameras=_cameras(health, places),
        slowest=tuple(
            Slow(
                visit=each.visit,
                bed=places.bed_code(read(each.state).bed),
                ward=places.wards[each.ward],
                join_ms=each.join_ms,
            )
            for each in slow
            if each.ward in places.wards
        )[:SLOWEST],
        watching=_watching([each for each in seen if each.visit in open_now], open_now, places, delays),
    )


def _watching(
    seen: Iterable[Quality], rooms: Mapping[str, KeptRoom], places: _Places, delays: Mapping[tuple[str, str], int]
) -> tuple[Watching, ...]:
    """Those who are sent less come first, so that they are not missed among many."""
    found = [
        Watching(
            visit=each.visit,
            bed=places.bed_code(read(rooms[each.visit].state).bed),
            ward=places.wards[rooms[each.visit].ward],
            quality=each,
            delay_ms=delays.get((each.visit, each.participant), 0),
        )
        for each in seen
    ]
    return tuple(sorted(found, key=lambda each: (not each.is_less, each.ward, each.bed, each.visit)))[:WATCHING_MAX]


async def _stats(observatory: Observatory) -> Sequence[Quality] | None:
    try:
        return await observatory.house.media.stats()
    except Refusal:
        return None


def _media(life: Life | None, *, is_up: bool) -> Media:
    if life is None:
        return Media(is_up=is_up, since=None, restarts=0)
    return Media(is_up=is_up, since=life.since if is_up else life.heard_at, restarts=max(0, life.begun - 1))


def _cameras(health: Sequence[Health], places: _Places) -> tuple[Camera, ...]:
    found = [
        Camera(bed=places.bed_code(places.cameras[each.camera]), ward=places.wards[ward], health=each)
        for each in health
        if (ward := places.ward_of(each.camera)) in places.wards
    ]
    return tuple(sorted(found, key=lambda each: (each.ward, each.bed, each.health.camera)))


def _shown(alerts: Iterable[Alert], places: _Places) -> tuple[Shown, ...]:
    return tuple(
        Shown(alert=each, where=places.bed_code(places.cameras.get(each.about, "")) or places.wards.get(each.ward, ""))
        for each in alerts
        if not each.ward or each.ward in places.wards
    )


def _accounts(figures: Iterable[Figures], places: _Places) -> tuple[Account, ...]:
    return tuple(Account(ward=places.wards[each.ward], figures=each) for each in figures if each.ward in places.wards)


async def _places(
    observatory: Observatory, caller: Caller, wards: Collection[str], beds: Collection[str], cameras: Collection[str]
) -> _Places:
    """Names of wards and codes of beds, read as the reader may; where a camera hangs, in the platform's own name."""
    store = observatory.house.store
    devices = await store.read_many(VISITS, Purpose.OPERATIONS, [("Device", each) for each in sorted(cameras)])
    at = {
        each.record.id: bed
        for each in devices
        if isinstance(each, Found) and (bed := bed_of_camera(each.record.value)) is not None
    }
    read_beds = await _locations(observatory, caller, {*beds, *at.values()})
    there = {
        bed: (_code(each), id_in(each.get("partOf"), "Location")) for bed, each in read_beds.items() if is_bed(each)
    }
    hers = await _wards(observatory, caller, {*wards, *(ward for _, ward in there.values())} - {""})
    return _Places(wards=hers, beds={bed: each for bed, each in there.items() if each[1] in hers}, cameras=at)


async def _wards(observatory: Observatory, caller: Caller, wards: Collection[str]) -> Mapping[str, str]:
    """Those of the wards that are below the caller's organisation, by name."""
    if caller.organisation is None or not wards:
        return {}
    own = record_number("Organization", caller.organisation)
    below = (await observatory.trees.below(caller.organisation)).below(own)
    return {
        ward: str(each.get("name", ""))
        for ward, each in (await _locations(observatory, caller, wards)).items()
        if record_number("Organization", id_in(each.get("managingOrganization"), "Organization")) in below
    }


async def _locations(observatory: Observatory, caller: Caller, wanted: Collection[str]) -> Mapping[str, Element]:
    if not wanted:
        return {}
    answers = await observatory.house.store.read_many(caller, WHY, [("Location", each) for each in sorted(wanted)])
    return {each.record.id: each.record.value for each in answers if isinstance(each, Found)}


def _code(bed: Element) -> str:
    labels = (each.get("value", "") for each in bed.get("identifier", ()) if each.get("system") == BED_CODE)
    return str(next(labels, bed.get("name", "")))
