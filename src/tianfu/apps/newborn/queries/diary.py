"""What the pages of the diary show: the days of a baby, its growth, and one photo."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

from tianfu.access.caller import Caller
from tianfu.access.purpose import Purpose
from tianfu.apps.newborn.mapping.codes import DIARY_DAY, NEWBORN
from tianfu.apps.newborn.mapping.diary import (
    DIARY,
    GESTATION,
    LOINC,
    Entry,
    born_of,
    entry_from,
    name_of_day,
    photo_in,
    told_in,
    weighed_from,
)
from tianfu.apps.newborn.mapping.visits import Element
from tianfu.apps.newborn.model.consent import Scope
from tianfu.apps.newborn.model.diary import State
from tianfu.apps.newborn.model.growth import Born, Weighed
from tianfu.apps.newborn.ports import Nursery, RecordStore
from tianfu.apps.newborn.queries.desk import BabyDesk, read_baby_desk
from tianfu.apps.newborn.queries.family_home import Baby, own_baby
from tianfu.apps.newborn.queries.records import FAMILY, WARD_WORK, found_by, not_found, read_all, read_one
from tianfu.kernel.instants import china_date
from tianfu.records.outcomes import Record
from tianfu.records.searching import SearchRequest

DAYS_AT_ONCE = 100
OBSERVATIONS_AT_ONCE = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Diary:
    """A baby's days, newest first, and what its growth hangs on; `born` is None without a day of birth."""

    entries: tuple[Entry, ...]
    born: Born | None

    @property
    def weighed(self) -> tuple[Weighed, ...]:
        """Its weights by day."""
        return weighed_from(self.entries)


@dataclass(frozen=True, slots=True, kw_only=True)
class FamilyDiary:
    """What a guardian sees; nothing of a kind to which he did not agree."""

    baby: Baby
    diary: Diary
    has_agreed: bool
    sees_photos: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CareDiary:
    """What a nurse sees; `agreed` is what the guardians of the baby agree to, none of it while they are in dispute."""

    desk: BabyDesk
    diary: Diary
    agreed: frozenset[Scope]
    today: date

    def on(self, day: date) -> Entry | None:
        """The entry of a day."""
        return next((each for each in self.diary.entries if each.day == day), None)


async def read_family_diary(nursery: Nursery, caller: Caller, baby: str) -> FamilyDiary:
    """The released days of a baby of the reader's, also after it went home; raises Refusal `not-found`."""
    mine = await own_baby(nursery, caller, baby)
    scopes = mine.consent.scopes if mine.consent is not None else frozenset()
    if Scope.DIARY not in scopes:
        return FamilyDiary(baby=mine, diary=Diary(entries=(), born=None), has_agreed=False, sees_photos=False)
    whole = await read_diary(nursery.store, caller, FAMILY, baby)
    # Of a day that was taken back a family learns that it was, and why; not what it said.
    shown = [_as_seen(each) for each in whole.entries if each.state is not State.DRAFT]
    return FamilyDiary(
        baby=mine,
        diary=Diary(entries=tuple(shown), born=whole.born),
        has_agreed=True,
        sees_photos=Scope.PHOTO in scopes,
    )


async def read_family_photo(nursery: Nursery, caller: Caller, baby: str, photo: str) -> bytes:
    """A released photo, for a guardian who agreed to diary and photos; raises Refusal `not-found`."""
    mine = await own_baby(nursery, caller, baby)
    if not sees_photos(mine):
        raise not_found()
    state, picture = await _photo(nursery.store, caller, FAMILY, baby, photo)
    if state is not State.RELEASED:
        raise not_found()
    return picture


async def read_last_photo(nursery: Nursery, caller: Caller, baby: str) -> tuple[bool, Entry | None]:
    """Whether a guardian agreed to diary and photos, and then the newest released day with one; None if none has.

    Raises Refusal `not-found` for everybody else.
    """
    mine = await own_baby(nursery, caller, baby)
    if not sees_photos(mine):
        return False, None
    # Asked again every five seconds: further back than so many days nothing is looked for.
    entries = _entries(await _search(nursery.store, caller, FAMILY, "Composition", *_of_days(baby)))
    released = [each for each in entries if each.state is State.RELEASED and each.photo]
    return True, max(released, key=lambda each: each.day, default=None)


def sees_photos(baby: Baby) -> bool:
    """Whether its guardian agreed to diary and photos."""
    return baby.consent is not None and {Scope.DIARY, Scope.PHOTO} <= baby.consent.scopes


async def read_care_diary(nursery: Nursery, caller: Caller, baby: str) -> CareDiary:
    """A baby of the caller's ward with all its days; raises Refusal `not-found`."""
    desk = await read_baby_desk(nursery, caller, baby)
    return CareDiary(
        desk=desk,
        diary=await read_diary(nursery.store, caller, WARD_WORK, baby),
        agreed=agreed_at(desk),
        today=china_date(nursery.clock()),
    )


async def read_care_photo(nursery: Nursery, caller: Caller, baby: str, photo: str) -> bytes:
    """A photo for the ward that keeps it; one that was taken back is shown to nobody.  Raises Refusal `not-found`."""
    await read_baby_desk(nursery, caller, baby)
    state, picture = await _photo(nursery.store, caller, WARD_WORK, baby, photo)
    if state is State.TAKEN_BACK:
        raise not_found()
    return picture


def agreed_at(desk: BabyDesk) -> frozenset[Scope]:
    """What at least one guardian agrees to now; nothing while guardianship is in dispute."""
    if desk.is_disputed:
        return frozenset()
    return frozenset(scope for _, given in desk.guardians if given is not None for scope in given.scopes)


async def read_diary(store: RecordStore, caller: Caller, why: Purpose, baby: str) -> Diary:
    """All days of a baby as the caller may read them."""
    about = f"Patient/{baby}"
    whole = await with_observations(store, caller, why, await _days(store, caller, why, baby))
    patient = await read_one(store, caller, why, "Patient", baby)
    gestation = await _search(
        store, caller, why, "Observation", ("patient", about), ("code", f"{LOINC}|{GESTATION}"), ("_sort", "-date")
    )
    born = born_of(patient.value, [each.value for each in gestation])
    return Diary(entries=tuple(sorted(whole, key=lambda each: each.day, reverse=True)), born=born)


async def with_observations(
    store: RecordStore, caller: Caller, why: Purpose, entries: Sequence[Entry]
) -> tuple[Entry, ...]:
    """The same entries with what their Observations say."""
    wanted = [("Observation", each) for entry in entries for each in entry.observations]
    found: dict[tuple[str, str], Record] = {}
    for first in range(0, len(wanted), OBSERVATIONS_AT_ONCE):
        found |= await read_all(store, caller, why, wanted[first : first + OBSERVATIONS_AT_ONCE])
    return tuple(replace(entry, told=told_in(entry.told.note, _observed(entry, found))) for entry in entries)


async def entry_record(store: RecordStore, caller: Caller, baby: str, day: date) -> Entry | None:
    """The entry of a day as it lies in the record for the ward; None if nobody wrote one."""
    name = f"{DIARY}|{name_of_day(baby, day)}"
    records = await found_by(store, caller, WARD_WORK, "Composition", identifier=name)
    entries = [entry_from(each.value, version=each.version) for each in records]
    whole = await with_observations(store, caller, WARD_WORK, [each for each in entries if each is not None])
    mine = [each for each in whole if each.baby == baby and each.day == day]
    return mine[0] if mine else None


def _observed(entry: Entry, found: dict[tuple[str, str], Record]) -> list[Element]:
    return [found["Observation", each].value for each in entry.observations if ("Observation", each) in found]


def _as_seen(entry: Entry) -> Entry:
    if entry.state is State.RELEASED:
        return entry
    return replace(entry, told=told_in("", ()), observations=(), photo="")


async def _days(store: RecordStore, caller: Caller, why: Purpose, baby: str) -> list[Entry]:
    """Every day, however long the stay."""
    first = (*_of_days(baby), ("_count", str(DAYS_AT_ONCE)))
    page = await store.search(caller, why, SearchRequest(type="Composition", parameters=first))
    days = list(page.records)
    while page.next_cursor is not None:
        following = SearchRequest(type="Composition", parameters=(("_cursor", page.next_cursor),))
        page = await store.search(caller, why, following)
        days += page.records
    return _entries(days)


def _of_days(baby: str) -> tuple[tuple[str, str], ...]:
    return ("patient", f"Patient/{baby}"), ("type", f"{NEWBORN}|{DIARY_DAY}"), ("_sort", "-date")


def _entries(days: Sequence[Record]) -> list[Entry]:
    entries = [entry_from(each.value, version=each.version) for each in days]
    return [each for each in entries if each is not None]


async def _photo(store: RecordStore, caller: Caller, why: Purpose, baby: str, photo: str) -> tuple[State, bytes]:
    record = await read_one(store, caller, why, "DocumentReference", photo)
    found = photo_in(record.value, baby=baby)
    if found is None:
        raise not_found()
    return found


async def _search(
    store: RecordStore, caller: Caller, why: Purpose, kind: str, *parameters: tuple[str, str]
) -> tuple[Record, ...]:
    wanted = SearchRequest(type=kind, parameters=(*parameters, ("_count", str(DAYS_AT_ONCE))))
    page = await store.search(caller, why, wanted)
    return page.records
